/*
 * Convolutions of stride 1 and side 1 or 3 over pictures that lie in memory pixel by pixel, all channels of a pixel together,
 * with what a network does right after: a factor and a term for each channel out, a residual, a rectifier.
 */
#ifndef TL_BASE_COMPUTE_CONVOLUTION_H
#define TL_BASE_COMPUTE_CONVOLUTION_H

#include "base/compute/weight.h"
#include "base/parallel/thread_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* items pictures of height x width pixels, each inside a frame of `border` more pixels on every side. */
typedef struct tl_raster {
    size_t items, height, width, border;
} tl_raster;

/* Pixels of all pictures, frames included. */
size_t tl_raster_pixel_count(const tl_raster *raster);
/* Zeroes the frames of rows [pixels, channels]. */
void tl_raster_clear_border(tl_thread_pool *pool, const tl_raster *raster, size_t channels, float *rows);

typedef struct tl_convolution_call {
    size_t side; /* 1 or 3 */
    size_t in, out;
    const tl_weight *weight; /* [out, in, side, side], one part, not transposed */
    const float *scale;      /* [out], NULL: 1 */
    const float *shift;      /* [out], NULL: 0 */
    tl_raster raster;        /* of x: its border is side / 2 at least, and zero */
    const float *x;          /* [pixels, in] */
    size_t y_border;
    float *y;              /* [pixels, out] inside a frame of y_border, which is left alone */
    const float *residual; /* [pixels, out] without frames, NULL: 0; may be y, which then has none */
    bool rectifies;        /* y = max(y, 0) */
} tl_convolution_call;

/* y = x * weight * scale + shift + residual. The same bits for any number of threads. */
void tl_convolution(tl_thread_pool *pool, const tl_convolution_call *call);

#ifdef __cplusplus
}
#endif

#endif

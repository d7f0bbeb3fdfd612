/*
 * A convolution without bias and the batch norm after it (Ioffe and Szegedy 2015), in inference: y = conv(x) * weight /
 * sqrt(variance + 1e-5) + (bias - mean * weight / sqrt(variance + 1e-5)), and often a rectifier. Pictures lie pixel by pixel, all
 * channels of one together. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_CONV2D_H
#define TL_ENCODERS_LAYERS_CONV2D_H

#include "base/compute/convolution.h"
#include "encoders/weights/parameters.h"

typedef struct tl_conv2d {
    size_t in, out, side;                          /* side of the kernel: 1 or 3 */
    size_t weight;                                 /* numbers in the parameter table: [out, in, side, side] */
    size_t norm_weight, norm_bias, mean, variance; /* [out] */
} tl_conv2d;

/* Sets the numbers of a convolution whose sizes are set; its names are "PREFIX CONV .weight" and "PREFIX NORM .running_mean" etc.
 */
bool tl_conv2d_create(const char *prefix, const char *conv, const char *norm, tl_parameter_table *table, tl_conv2d *conv2d,
                      tl_error *err) TL_MUST_USE;

typedef struct tl_conv2d_call {
    tl_raster raster; /* of x: a border of side / 2 at least, zero */
    const float *x;   /* [pixels, in] */
    size_t y_border;
    float *y;              /* [pixels, out] within y_border, which is left alone */
    const float *residual; /* [pixels, out], NULL: 0; may be y */
    bool rectifies;
} tl_conv2d_call;

/* scratch: 2 * out floats. */
void tl_conv2d_forward(const tl_conv2d *conv2d, const tl_weight *values, const tl_conv2d_call *call, tl_thread_pool *pool,
                       float *scratch);

/* y [items, height / 2, width / 2, channels] = means of 2 x 2 pixels; what an odd side leaves over is not looked at. The raster
 * is of x and has no border. */
void tl_average_halve(tl_thread_pool *pool, const tl_raster *raster, size_t channels, const float *x, float *y);

/*
 * columns [items, ceil(S / 2), ceil(S / 2), 3 * 9] of pixels [items, 3, S, S]: what a 3 x 3 kernel of stride 2 and padding 1
 * sees, by channel, then line, then column, as its weights lie; so the convolution is a product with them.
 */
void tl_stride_columns(tl_thread_pool *pool, const float *pixels, size_t items, size_t image_size, float *columns);
enum { TL_STRIDE_COLUMNS = 27 };

#endif

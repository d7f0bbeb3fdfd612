/* Antialiased resampling, within 1 level of Pillow's Image.resize on every pixel. */
#ifndef TL_BASE_IMAGE_RESIZE_H
#define TL_BASE_IMAGE_RESIZE_H

#include "base/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_resize_filter {
    TL_RESIZE_BICUBIC, /* a = -0.5 */
    TL_RESIZE_BILINEAR,
    TL_RESIZE_BOX,
    TL_RESIZE_HAMMING,
    TL_RESIZE_LANCZOS /* of 3 lobes */
} tl_resize_filter;

/* The part of the source to resample, in source pixels; borders may lie between pixels. All zero: the whole picture. */
typedef struct tl_resize_box {
    float left, top, right, bottom;
} tl_resize_box;

/* Resamples box of source to width x height. box may be NULL. *out is created, owned by the caller. */
bool tl_image_resize(const tl_image *source, const tl_resize_box *box, uint32_t width, uint32_t height, tl_resize_filter filter,
                     tl_image *out, tl_error *err) TL_MUST_USE;

/* A part of the target, in target pixels. */
typedef struct tl_resize_window {
    uint32_t left, top, width, height;
} tl_resize_window;

/* The same, of which only the window is computed: equal to cropping the result, without the cost of the rest. */
bool tl_image_resize_window(const tl_image *source, const tl_resize_box *box, uint32_t width, uint32_t height,
                            const tl_resize_window *window, tl_resize_filter filter, tl_image *out, tl_error *err) TL_MUST_USE;

/* Which instructions do it: "auto" (the default), "baseline", "avx2" or "avx512" (with VNNI). All give the same bytes. Fails with
 * TL_ERROR_UNSUPPORTED when the processor lacks them. */
bool tl_resize_select(const char *name, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

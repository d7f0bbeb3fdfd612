/*
 * Convolutions of each channel by itself, stride 1, zeros around the picture, over pixels that lie in memory one after the other
 * with all their channels: forward, and the gradients by what goes in and by the weights. On the caller's thread; one call is one
 * picture, which gives the same bits wherever it is made.
 */
#ifndef TL_BASE_COMPUTE_DEPTHWISE_H
#define TL_BASE_COMPUTE_DEPTHWISE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pictures [height, width, channels], weights [kernel, kernel, channels]; kernel is 3, 5 or 7. */
typedef struct tl_depthwise_shape {
    size_t height, width, channels, kernel;
} tl_depthwise_shape;

/* y = x * weights + bias [channels]; y must not overlap x. */
void tl_depthwise(const tl_depthwise_shape *shape, const float *x, const float *weights, const float *bias, float *y);
/* dx = the gradient by x + residual; dx may be residual, and must not overlap dy. */
void tl_depthwise_backward_input(const tl_depthwise_shape *shape, const float *dy, const float *weights, const float *residual,
                                 float *dx);
/* Adds to weights_gradient [kernel, kernel, channels] and bias_gradient [channels]. */
void tl_depthwise_backward_weights(const tl_depthwise_shape *shape, const float *dy, const float *x, float *weights_gradient,
                                   float *bias_gradient);

#ifdef __cplusplus
}
#endif

#endif

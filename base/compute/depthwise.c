/* Doors of the kernels. The gradient by the input is a convolution with the taps in reverse. */
#include "base/compute/depthwise.h"

#include "base/compute/kernels_internal.h"

void tl_depthwise(const tl_depthwise_shape *shape, const float *x, const float *weights, const float *bias, float *y)
{
    const tl_depthwise_work work = {.shape = *shape, .x = x, .weights = weights, .bias = bias, .y = y};
    tl_kernels_active()->depthwise(&work);
}

void tl_depthwise_backward_input(const tl_depthwise_shape *shape, const float *dy, const float *weights, const float *residual,
                                 float *dx)
{
    const tl_depthwise_work work = {
        .shape = *shape, .x = dy, .weights = weights, .is_reversed = true, .residual = residual, .y = dx};
    tl_kernels_active()->depthwise(&work);
}

void tl_depthwise_backward_weights(const tl_depthwise_shape *shape, const float *dy, const float *x, float *weights_gradient,
                                   float *bias_gradient)
{
    tl_kernels_active()->depthwise_weights(shape, dy, x, weights_gradient, bias_gradient);
}

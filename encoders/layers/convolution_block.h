/*
 * One block of a convolutional stem, after ConvNeXt's (Liu et al. 2022):
 *     output = input + c_proj(gelu(c_fc(ln_mlp(depthwise(input)))))
 * over pictures [side, side, width], forward and backward. Nothing but the input is kept: backward makes the rest again, some
 * rows at a time, while they are in cache, and sums the gradients by the weights as it goes. Within encoders only.
 */
#ifndef TL_ENCODERS_LAYERS_CONVOLUTION_BLOCK_H
#define TL_ENCODERS_LAYERS_CONVOLUTION_BLOCK_H

#include "base/compute/compute.h"
#include "encoders/weights/parameters.h"

typedef struct tl_convolution_block_shape {
    size_t side, width, mlp_width, kernel;
    tl_gelu_kind activation;
    float epsilon;
} tl_convolution_block_shape;

/* Numbers in the parameter table. */
typedef struct tl_convolution_block_parameters {
    size_t depthwise_weight, depthwise_bias; /* [K, K, W], [W] */
    size_t norm_weight, norm_bias;           /* [W] */
    size_t c_fc_weight, c_fc_bias;           /* [M, W], [M] */
    size_t c_proj_weight, c_proj_bias;       /* [W, M], [W] */
} tl_convolution_block_parameters;

bool tl_convolution_block_create(const tl_convolution_block_shape *shape, const char *prefix, tl_parameter_table *table,
                                 tl_convolution_block_parameters *out, tl_error *err) TL_MUST_USE;

/* Floats of scratch, aligned to 64 bytes, for so many pictures at once. */
size_t tl_convolution_block_forward_scratch_count(const tl_convolution_block_shape *shape, size_t pictures);
size_t tl_convolution_block_backward_scratch_count(const tl_convolution_block_shape *shape, size_t pictures);

/* input, output [pictures, side, side, W]; output may be input. The same bits for any pool. */
void tl_convolution_block_forward(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                                  const tl_weight *values, size_t pictures, tl_thread_pool *pool, const float *input,
                                  float *output, float *scratch);
/* gradient: by the output, becomes that by the input. Adds to the gradients of the block's own parameters, in bf16 products where
 * in_bf16. */
void tl_convolution_block_backward(const tl_convolution_block_shape *shape, const tl_convolution_block_parameters *parameters,
                                   const tl_weight *values, size_t pictures, bool in_bf16, const float *input, float *gradient,
                                   float *const *gradients, float *scratch);

#endif

/* The last include of a kernel file: the table TL_KERNELS_TABLE, named TL_KERNELS_NAME, of the functions above it. */
#ifndef TL_BASE_COMPUTE_KERNELS_TABLE_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_TABLE_INTERNAL_H

#include "base/compute/kernels_internal.h"

#include "base/compute/kernels_depthwise_internal.h"
#include "base/compute/kernels_few_rows_internal.h"
#include "base/compute/kernels_matmul_internal.h"
#include "base/compute/kernels_rows_internal.h"
#include "base/compute/kernels_taps_internal.h"
#include "base/compute/kernels_transpose_internal.h"

const tl_kernels TL_KERNELS_TABLE = {
    .name = TL_KERNELS_NAME,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .gelu_halves = gelu_halves,
    .gelu_halves_backward = gelu_halves_backward,
    .swiglu = swiglu,
    .exponential = exponential,
    .error_function = error_function,
    .axpy = axpy,
    .column_sums = column_sums,
    .fill_rows = fill_rows,
    .layer_norm = layer_norm,
    .layer_norm_halves = layer_norm_halves,
    .layer_norm_backward = layer_norm_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .dot = dot,
    .sum_squares = sum_squares,
    .dot_rows = dot_rows,
    .few_rows_most = FEW_ROWS_MOST,
    .few_rows = few_rows,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_bf16 = narrow_bf16,
    .scale = scale,
    .rotate_pairs = rotate_pairs,
    .adamw = adamw,
    .small_matmul = small_matmul,
    .tap_rows = TAP_ROWS,
    .pack_taps = pack_taps,
    .multiply_taps = multiply_taps,
    .depthwise = depthwise,
    .depthwise_weights = depthwise_weights,
    .transpose = transpose,
};

#endif

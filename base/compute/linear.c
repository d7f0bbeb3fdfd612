/*
 * Products with a weight as it lies in memory. Few rows have a kernel of their own, which reads each weight once. Of more rows,
 * f32 goes to the matrix product as it is, part by part; half-precision weights are widened block by block into a buffer that
 * stays in the second-level cache; against the product of that block with some hundred rows the widening is a few percent, and no
 * copy of the weight is kept.
 */
#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/compute/kernels_internal.h"
#include "base/compute/packed.h"

#include <string.h>

/* Of widened weights: 128 KiB of stack. Blocks are long where memory is contiguous. */
enum { BLOCK_OUT = 64, BLOCK_IN = 512, TRANSPOSED_BLOCK_OUT = 256, TRANSPOSED_BLOCK_IN = 128 };

tl_weight tl_weight_of_floats(const float *values)
{
    return (tl_weight){.parts = {values}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = TL_F32};
}

const float *tl_weight_floats(const tl_weight *weight)
{
    TL_ASSERT(weight->part_count == 1 && weight->dtype == TL_F32 && !weight->is_transposed);
    return weight->parts[0];
}

size_t tl_dtype_size(tl_dtype dtype)
{
    return dtype == TL_F32 ? 4 : 2;
}

static const void *advance(const tl_weight *weight, size_t part, size_t items)
{
    return (const char *)weight->parts[part] + items * tl_dtype_size(weight->dtype);
}

tl_weight tl_weight_rows(const tl_weight *weight, size_t first, size_t count, size_t columns)
{
    TL_ASSERT(!weight->is_transposed);
    tl_weight out = {.dtype = weight->dtype};
    if (weight->packed.panels != NULL)
        out.packed = tl_packed_rows(&weight->packed, first, count);
    if (weight->turned.panels != NULL)
        out.turned = tl_packed_columns(&weight->turned, first, count);
    for (uint32_t part = 0; part < weight->part_count && count != 0; part++) {
        size_t rows = weight->part_rows[part];
        if (first >= rows) {
            first -= rows;
            continue;
        }
        size_t taken = rows - first < count ? rows - first : count;
        out.parts[out.part_count] = advance(weight, part, first * columns);
        out.part_rows[out.part_count++] = taken;
        count -= taken;
        first = 0;
    }
    TL_ASSERT(count == 0);
    return out;
}

void tl_widen(tl_dtype dtype, const void *values, size_t count, float *out)
{
    switch (dtype) {
    case TL_F32:
        memcpy(out, values, count * sizeof *out);
        break;
    case TL_F16:
        tl_kernels_active()->widen_f16(values, out, count);
        break;
    case TL_BF16:
        tl_kernels_active()->widen_bf16(values, out, count);
        break;
    }
}

void tl_narrow(tl_dtype dtype, const float *values, size_t count, void *out)
{
    uint16_t *halves = out;
    switch (dtype) {
    case TL_F32:
        memcpy(out, values, count * sizeof *values);
        break;
    case TL_F16:
        tl_narrow_to_f16(values, halves, count);
        break;
    case TL_BF16:
        /* Not by the packed products' instruction: some processors take subnormal numbers for 0 in it. */
        tl_kernels_active()->narrow_bf16(values, halves, count);
        break;
    }
}

void tl_weight_widen_row(const tl_weight *weight, size_t row, size_t columns, float *out)
{
    tl_weight one = tl_weight_rows(weight, row, 1, columns);
    tl_widen(one.dtype, one.parts[0], columns, out);
}

typedef struct widening {
    const float *x;
    size_t rows, in;
    const tl_weight *weight; /* one part */
    size_t part, out;        /* out: of this part */
    float *y;
    size_t y_row;
    bool is_filled;
} widening;

static size_t out_of_block(const tl_weight *weight)
{
    return weight->is_transposed ? TRANSPOSED_BLOCK_OUT : BLOCK_OUT;
}

/* [out, in] of the block, from memory [out, in] or [in, out]. */
static void widen_block(const widening *work, size_t first_out, size_t outs, size_t first_in, size_t ins, float *block)
{
    const tl_weight *weight = work->weight;
    if (!weight->is_transposed)
        for (size_t o = 0; o < outs; o++)
            tl_widen(weight->dtype, advance(weight, work->part, (first_out + o) * work->in + first_in), ins, block + o * ins);
    else
        for (size_t i = 0; i < ins; i++)
            tl_widen(weight->dtype, advance(weight, work->part, (first_in + i) * work->out + first_out), outs, block + i * outs);
}

static void multiply_few_rows(void *context, size_t index, size_t worker)
{
    (void)worker;
    const widening *work = context;
    size_t first = index * BLOCK_OUT, outs = work->out - first < BLOCK_OUT ? work->out - first : BLOCK_OUT;
    tl_kernels_active()->few_rows(work->weight->dtype, work->x, work->rows, work->in,
                                  advance(work->weight, work->part, first * work->in), outs, work->y + first, work->y_row,
                                  work->is_filled);
}

static void multiply_stripe(void *context, size_t index, size_t worker)
{
    (void)worker;
    const widening *work = context;
    float block[BLOCK_OUT * BLOCK_IN];
    const size_t block_out = out_of_block(work->weight);
    const size_t block_in = work->weight->is_transposed ? TRANSPOSED_BLOCK_IN : BLOCK_IN;
    size_t first_out = index * block_out, outs = work->out - first_out < block_out ? work->out - first_out : block_out;
    for (size_t first_in = 0; first_in < work->in; first_in += block_in) {
        size_t ins = work->in - first_in < block_in ? work->in - first_in : block_in;
        widen_block(work, first_out, outs, first_in, ins, block);
        tl_matmul_call call = {.transpose_b = !work->weight->is_transposed,
                               .m = work->rows,
                               .n = outs,
                               .k = ins,
                               .alpha = 1.0f,
                               .beta = first_in != 0 || work->is_filled ? 1.0f : 0.0f,
                               .a = work->x + first_in,
                               .a_row = work->in,
                               .b = block,
                               .b_row = work->weight->is_transposed ? outs : ins,
                               .c = work->y + first_out,
                               .c_row = work->y_row};
        tl_matmul(NULL, &call);
    }
}

void tl_linear(tl_thread_pool *pool, const float *x, size_t rows, size_t in, const tl_weight *weight, const float *bias,
               const float *residual, size_t out, float *y)
{
    /* What is added to the product goes into y first: BLAS would otherwise spend the same pass on zeros. */
    const bool is_filled = bias != NULL || residual != NULL;
    if (is_filled)
        tl_kernels_active()->fill_rows(bias, residual, rows, out, y);
    size_t done = 0;
    for (uint32_t part = 0; part < weight->part_count && done < out; part++) {
        size_t part_out = weight->part_rows[part] < out - done ? weight->part_rows[part] : out - done;
        if (rows <= tl_kernels_active()->few_rows_most && !weight->is_transposed) {
            widening work = {x, rows, in, weight, part, part_out, y + done, out, is_filled};
            tl_thread_pool_run(pool, (part_out + BLOCK_OUT - 1) / BLOCK_OUT, multiply_few_rows, &work);
        } else if (weight->dtype == TL_F32) {
            tl_matmul_call call = {.transpose_b = !weight->is_transposed,
                                   .m = rows,
                                   .n = part_out,
                                   .k = in,
                                   .alpha = 1.0f,
                                   .beta = is_filled ? 1.0f : 0.0f,
                                   .a = x,
                                   .a_row = in,
                                   .b = weight->parts[part],
                                   .b_row = weight->is_transposed ? out : in,
                                   .c = y + done,
                                   .c_row = out};
            tl_matmul(pool, &call);
        } else {
            widening work = {x, rows, in, weight, part, part_out, y + done, out, is_filled};
            tl_thread_pool_run(pool, (part_out + out_of_block(weight) - 1) / out_of_block(weight), multiply_stripe, &work);
        }
        done += part_out;
    }
}

size_t tl_linear_scratch_count(size_t rows, size_t in)
{
    size_t most = 0;
    for (int kind = 0; kind < TL_PACKED_KINDS; kind++) {
        size_t bytes = tl_packed_scratch_size((tl_packed_kind)kind, rows, in);
        most = bytes > most ? bytes : most;
    }
    return most / sizeof(float);
}

static bool is_rounded(const tl_weight *weight)
{
    return weight->packed.panels != NULL && weight->packed.kind != TL_PACKED_F32;
}

tl_dtype tl_linear_dtype_between(const tl_weight *first, const tl_weight *second)
{
    return is_rounded(first) && is_rounded(second) ? TL_BF16 : TL_F32;
}

static bool is_packed_f32(const tl_weight *weight)
{
    return weight->packed.panels != NULL && weight->packed.kind == TL_PACKED_F32;
}

bool tl_linear_is_packed_between(const tl_weight *first, const tl_weight *second)
{
    return is_packed_f32(first) && is_packed_f32(second);
}

void tl_linear_run_backward(tl_thread_pool *pool, const tl_weight *weight, tl_dtype dtype, const void *dy, size_t rows,
                            size_t out, size_t in, float *dx, void *scratch)
{
    if (weight->turned.panels == NULL) {
        TL_ASSERT(dtype == TL_F32);
        tl_linear_backward_input(pool, dy, rows, out, tl_weight_floats(weight), in, dx);
        return;
    }
    const tl_weight turned = {.packed = weight->turned};
    const tl_linear_call call = {.weight = &turned, .rows = rows, .in = out, .out = in, .x = dy, .x_dtype = dtype, .y = dx};
    tl_packed_linear(pool, &call, scratch);
}

void tl_linear_run(tl_thread_pool *pool, const tl_linear_call *call, void *scratch)
{
    if (call->weight->packed.panels != NULL) {
        tl_packed_linear(pool, call, scratch);
        return;
    }
    TL_ASSERT(call->x_dtype == TL_F32 && call->y_dtype == TL_F32 && !call->is_x_packed && !call->is_y_packed);
    const float *x = call->x;
    if (call->norm != NULL) {
        tl_layer_norm(x, call->norm->gain, call->norm->bias, call->rows, call->in, call->norm->epsilon, call->norm->rows, NULL,
                      NULL);
        x = call->norm->rows;
    }
    TL_ASSERT(!call->has_gelu || call->residual == NULL);
    tl_linear(pool, x, call->rows, call->in, call->weight, call->bias, call->residual, call->out, call->y);
    if (call->has_gelu)
        tl_gelu(call->gelu, call->y, call->y, call->rows * call->out);
}

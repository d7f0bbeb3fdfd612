/* The doors that are a kernel, or a product with a kernel around it. */
#include "base/compute/compute.h"

#include "base/compute/kernels_internal.h"

#include <math.h>

/* A square root may not be of 0 in a backward pass: PyTorch's normalize has the same floor. */
static const float smallest_norm = 1e-12f;

void tl_linear_backward_input(tl_thread_pool *pool, const float *dy, size_t rows, size_t out, const float *weight, size_t in,
                              float *dx)
{
    tl_matmul_call call = {
        .m = rows, .n = in, .k = out, .alpha = 1.0f, .a = dy, .a_row = out, .b = weight, .b_row = in, .c = dx, .c_row = in};
    tl_matmul(pool, &call);
}

void tl_column_sums(const float *x, size_t rows, size_t dim, float *out)
{
    tl_kernels_active()->column_sums(x, rows, dim, out);
}

void tl_dot_rows(const float *rows, size_t count, size_t dim, const float *query, float *scores)
{
    tl_kernels_active()->dot_rows(rows, count, dim, query, scores);
}

void tl_dot_matrix(tl_thread_pool *pool, const float *rows, size_t count, size_t dim, const float *queries, size_t query_count,
                   float *scores)
{
    tl_weight weight = tl_weight_of_floats(rows);
    tl_linear(pool, queries, query_count, dim, &weight, NULL, NULL, count, scores);
}

void tl_gelu(tl_gelu_kind kind, const float *x, float *y, size_t count)
{
    tl_kernels_active()->gelu(kind, x, y, count);
}

void tl_gelu_backward(tl_gelu_kind kind, const float *x, const float *dy, float *out, size_t count)
{
    tl_kernels_active()->gelu_backward(kind, x, dy, NULL, out, count);
}

void tl_gelu_again_backward(tl_gelu_kind kind, const float *x, const float *dy, float *y, float *out, size_t count)
{
    tl_kernels_active()->gelu_backward(kind, x, dy, y, out, count);
}

void tl_gelu_bf16(tl_gelu_kind kind, const uint16_t *x, uint16_t *y, size_t count)
{
    tl_kernels_active()->gelu_halves(kind, x, y, count);
}

void tl_gelu_again_backward_bf16(tl_gelu_kind kind, uint16_t *x, float *dy, uint16_t *y, size_t count)
{
    tl_kernels_active()->gelu_halves_backward(kind, x, dy, y, count);
}

void tl_layer_norm(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, float *y,
                   float *mean, float *inverse_deviation)
{
    tl_kernels_active()->layer_norm(x, gain, bias, rows, dim, epsilon, y, mean, inverse_deviation);
}

void tl_layer_norm_bf16(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, uint16_t *y,
                        float *mean, float *inverse_deviation)
{
    tl_kernels_active()->layer_norm_halves(x, gain, bias, rows, dim, epsilon, y, mean, inverse_deviation);
}

void tl_layer_norm_backward(const float *dy, const float *x, const float *gain, const float *mean, const float *inverse_deviation,
                            const float *residual, size_t rows, size_t dim, float *dx, float *gain_gradient, float *bias_gradient)
{
    tl_kernels_active()->layer_norm_backward(dy, x, gain, mean, inverse_deviation, residual, rows, dim, dx, gain_gradient,
                                             bias_gradient);
}

void tl_normalize_rows(const float *x, size_t rows, size_t dim, float *y, float *norms)
{
    const tl_kernels *kernels = tl_kernels_active();
    for (size_t r = 0; r < rows; r++) {
        float norm = (float)sqrt(kernels->sum_squares(x + r * dim, dim));
        if (norm < smallest_norm)
            norm = smallest_norm;
        kernels->scale(x + r * dim, 1.0f / norm, y + r * dim, dim);
        if (norms != NULL)
            norms[r] = norm;
    }
}

void tl_normalize_rows_backward(const float *dy, const float *y, const float *norms, size_t rows, size_t dim, float *dx)
{
    const tl_kernels *kernels = tl_kernels_active();
    for (size_t r = 0; r < rows; r++) {
        float along = kernels->dot(dy + r * dim, y + r * dim, dim);
        kernels->scale(dy + r * dim, 1.0f / norms[r], dx + r * dim, dim);
        kernels->axpy(-along / norms[r], y + r * dim, dx + r * dim, dim);
    }
}

void tl_softmax(float *row, size_t count)
{
    tl_kernels_active()->softmax(row, count, count, 1.0f);
}

void tl_swiglu(const float *x, size_t rows, size_t dim, float *y)
{
    tl_kernels_active()->swiglu(x, rows, dim, y);
}

void tl_rotate_pairs(float *x, size_t pieces, size_t dim, const float *cosines, const float *sines)
{
    tl_kernels_active()->rotate_pairs(x, pieces, dim, cosines, sines);
}

void tl_axpy(float a, const float *x, float *y, size_t count)
{
    tl_kernels_active()->axpy(a, x, y, count);
}

void tl_scale(const float *x, float factor, float *y, size_t count)
{
    tl_kernels_active()->scale(x, factor, y, count);
}

float tl_dot(const float *a, const float *b, size_t count)
{
    return tl_kernels_active()->dot(a, b, count);
}

double tl_sum_squares(const float *x, size_t count)
{
    return tl_kernels_active()->sum_squares(x, count);
}

enum { ADAMW_BLOCK = 1 << 16 }; /* floats of one task */

typedef struct adamw_work {
    const tl_adamw_step *step;
    const float *gradient;
    size_t count;
    float *value, *first, *second;
} adamw_work;

static void step_block(void *context, size_t index, size_t worker)
{
    (void)worker;
    const adamw_work *work = context;
    size_t start = index * ADAMW_BLOCK;
    size_t count = work->count - start < ADAMW_BLOCK ? work->count - start : ADAMW_BLOCK;
    tl_kernels_active()->adamw(work->step, work->gradient + start, count, work->value + start, work->first + start,
                               work->second + start);
}

void tl_adamw(tl_thread_pool *pool, const tl_adamw_step *step, const float *gradient, size_t count, float *value, float *first,
              float *second)
{
    adamw_work work = {step, gradient, count, value, first, second};
    tl_thread_pool_run(pool, (count + ADAMW_BLOCK - 1) / ADAMW_BLOCK, step_block, &work);
}

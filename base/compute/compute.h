/*
 * Door of the arithmetic: what layers, losses, the optimizer and the index compute with, forward and backward, in f32.
 *
 * Matrices are row-major; shapes stand in the comments as [rows, columns]. Large products run on OpenBLAS (single-threaded), the
 * other loops on kernels compiled for several instruction sets, chosen once per process. Nothing here allocates. Where a pool is
 * taken, work is split by borders that depend on the shapes only, so the bits do not depend on the number of threads; NULL runs
 * on the caller's thread. A function without a pool is safe to call from inside a task.
 */
#ifndef TL_BASE_COMPUTE_COMPUTE_H
#define TL_BASE_COMPUTE_COMPUTE_H

#include "base/compute/linear.h"
#include "base/core/error.h"
#include "base/parallel/thread_pool.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- which kernels ---- */

/* "baseline", "avx2", "avx512", or NULL or "auto" for the best of this processor. Once, before any other call of this module. */
bool tl_kernels_select(const char *name, tl_error *err) TL_MUST_USE;
const char *tl_kernels_name(void);
/* Names (static) of the tables this processor can run, best first, at most capacity of them; returns how many there are. */
size_t tl_kernels_available(const char *names[], size_t capacity);

/* Ends threads that the library behind tl_matmul started on its own. The first product does so too; a program calls it early,
 * since they spin for a while. */
void tl_compute_start(void);

/* ---- products ---- */

/* c [m, n] = alpha op(a) op(b) + beta c; op(a) is [m, k], op(b) is [k, n]; *_row is the distance of rows in memory, in floats. */
typedef struct tl_matmul_call {
    bool transpose_a, transpose_b;
    size_t m, n, k;
    float alpha, beta;
    const float *a, *b;
    size_t a_row, b_row;
    float *c;
    size_t c_row;
} tl_matmul_call;
void tl_matmul(tl_thread_pool *pool, const tl_matmul_call *call);

/* y [rows, out] = x [rows, in] weight [out, in]^T + bias [out] (NULL: 0) + residual [rows, out] (NULL: 0). y must not overlap x.
 */
void tl_linear(tl_thread_pool *pool, const float *x, size_t rows, size_t in, const tl_weight *weight, const float *bias,
               const float *residual, size_t out, float *y);
/* dx [rows, in] = dy [rows, out] weight [out, in] */
void tl_linear_backward_input(tl_thread_pool *pool, const float *dy, size_t rows, size_t out, const float *weight, size_t in,
                              float *dx);
/* out [dim] += sum of the rows of x: the gradient of a bias. */
void tl_column_sums(const float *x, size_t rows, size_t dim, float *out);

/* scores [count] = rows [count, dim] query [dim] */
void tl_dot_rows(const float *rows, size_t count, size_t dim, const float *query, float *scores);
/* scores [queries, count] = queries [queries, dim] rows [count, dim]^T */
void tl_dot_matrix(tl_thread_pool *pool, const float *rows, size_t count, size_t dim, const float *queries, size_t query_count,
                   float *scores);

/* ---- activations ---- */

/* y may be x. */
void tl_gelu(tl_gelu_kind kind, const float *x, float *y, size_t count);
/* out = dy * gelu'(x); out may be x or dy. */
void tl_gelu_backward(tl_gelu_kind kind, const float *x, const float *dy, float *out, size_t count);
/* The same, and y = gelu(x) once more, at little cost; y overlaps nothing. */
void tl_gelu_again_backward(tl_gelu_kind kind, const float *x, const float *dy, float *y, float *out, size_t count);

/* Of numbers kept in bf16: y = gelu(x); y may be x. */
void tl_gelu_bf16(tl_gelu_kind kind, const uint16_t *x, uint16_t *y, size_t count);
/* y = gelu(x) once more; dy becomes dy * gelu'(x), and x the same rounded. Nothing overlaps. */
void tl_gelu_again_backward_bf16(tl_gelu_kind kind, uint16_t *x, float *dy, uint16_t *y, size_t count);

/* y [rows, dim] = silu(gate) * value of rows (gate [dim], value [dim]) of x, silu(g) = g sigmoid(g) ("SwiGLU", Shazeer 2020). y
 * may be x. */
void tl_swiglu(const float *x, size_t rows, size_t dim, float *y);

/* ---- rows ---- */

/* y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row (Ba et al. 2016). mean and inverse_deviation [rows] may be
 * NULL. y may be x. */
void tl_layer_norm(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, float *y,
                   float *mean, float *inverse_deviation);
/* The same, y rounded to bf16; it overlaps nothing. */
void tl_layer_norm_bf16(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, uint16_t *y,
                        float *mean, float *inverse_deviation);
/* dx = the gradient by x + residual (NULL: 0); dx may be x, dy or residual. Adds to gain_gradient and bias_gradient [dim]. */
void tl_layer_norm_backward(const float *dy, const float *x, const float *gain, const float *mean, const float *inverse_deviation,
                            const float *residual, size_t rows, size_t dim, float *dx, float *gain_gradient,
                            float *bias_gradient);

/* y = x / max(|x|, 1e-12) row by row; norms [rows] may be NULL. y may be x. */
void tl_normalize_rows(const float *x, size_t rows, size_t dim, float *y, float *norms);
/* dx = (dy - y (y . dy)) / norm; dx may be dy. */
void tl_normalize_rows_backward(const float *dy, const float *y, const float *norms, size_t rows, size_t dim, float *dx);

/* Each pair (a, b) of numbers of each of the pieces [pieces, dim], dim even, turns to (a cos - b sin, b cos + a sin). cosines and
 * sines [dim] hold the angle of a pair at both its places, sines negated at the first. */
void tl_rotate_pairs(float *x, size_t pieces, size_t dim, const float *cosines, const float *sines);

/* Softmax of one row in place. */
void tl_softmax(float *row, size_t count);

/* ---- attention ---- */

/*
 * Scaled dot-product attention (Vaswani et al. 2017) inside each of item_count items, all heads. Item i owns query rows
 * query_offsets[i]..query_offsets[i+1]-1 and key rows likewise; head h owns columns h * head_dim.. of each row. is_causal: query
 * row j of an item sees key rows 0..j (then queries and keys must be equally many).
 */
typedef struct tl_attention_call {
    size_t heads, head_dim;
    bool is_causal;
    size_t item_count;
    const size_t *query_offsets, *key_offsets;
    const float *query, *key, *value;
    size_t query_row, key_row; /* floats between rows; value rows are as far apart as key rows */
    size_t out_row;            /* of out and out_gradient */
} tl_attention_call;

/* Floats of the probabilities of one item, and of the scratch of a call whose items have at most so many rows. */
size_t tl_attention_probability_count(size_t heads, size_t queries, size_t keys);
size_t tl_attention_scratch_count(size_t max_queries, size_t max_keys, size_t head_dim);
/* The heads are shared among the pool's threads (NULL: the caller's); the same bits for any pool. probabilities: kept for
 * backward, items one after the other; NULL in inference. scratch: for each share as much as above, in whole lines. */
enum { TL_MOST_ATTENTION_SHARES = 8 };
size_t tl_attention_share_count(const tl_thread_pool *pool, size_t heads);
void tl_attention(tl_thread_pool *pool, const tl_attention_call *call, float *probabilities, float *scratch, float *out);
/* Gradients by query, key, value in the rows of those; they may be the same memory as query, key, value. */
void tl_attention_backward(const tl_attention_call *call, const float *probabilities, const float *out_gradient, float *scratch,
                           float *query_gradient, float *key_gradient, float *value_gradient);

/* ---- blocks ---- */

/* y += a x; y = x * factor (y may be x). */
void tl_axpy(float a, const float *x, float *y, size_t count);
void tl_scale(const float *x, float factor, float *y, size_t count);
float tl_dot(const float *a, const float *b, size_t count);
/* Sum of squares, accumulated in double in a fixed order. */
double tl_sum_squares(const float *x, size_t count);

/* One step of AdamW (Loshchilov and Hutter 2019), in PyTorch's order of operations. */
typedef struct tl_adamw_step {
    float learning_rate;
    float decay; /* weight decay of this block, 0: none */
    float beta1, beta2, epsilon;
    float first_correction;  /* 1 - beta1^t */
    float second_correction; /* 1 - beta2^t */
    float gradient_scale;    /* the gradient is multiplied by it first: clipping */
} tl_adamw_step;
void tl_adamw(tl_thread_pool *pool, const tl_adamw_step *step, const float *gradient, size_t count, float *value, float *first,
              float *second);

#ifdef __cplusplus
}
#endif

#endif

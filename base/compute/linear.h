/*
 * A linear layer together with what stands around it, y = gelu(norm(x) weight^T + bias) + residual: one call, so that a packed
 * weight's product can do the rest on the way, while the rows are in registers. Of a weight without a packed form the same is
 * done step by step.
 */
#ifndef TL_BASE_COMPUTE_LINEAR_H
#define TL_BASE_COMPUTE_LINEAR_H

#include "base/compute/weight.h"
#include "base/parallel/thread_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_gelu_kind {
    TL_GELU_BY_ERF,     /* x Phi(x), Hendrycks and Gimpel 2016 */
    TL_GELU_BY_SIGMOID, /* x sigmoid(1.702 x): "quick gelu" */
    TL_GELU_BY_TANH     /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
} tl_gelu_kind;

/* Layer norm of the rows of x. */
typedef struct tl_linear_norm {
    const float *gain, *bias; /* [in] */
    float epsilon;
    float *rows; /* [rows, in]: where the normalised rows go when they cannot be made on the way */
} tl_linear_norm;

/* Zero is the default of every field that may be left out. */
typedef struct tl_linear_call {
    const tl_weight *weight; /* [out, in] */
    size_t rows, in, out;
    const void *x;              /* [rows, in] of x_dtype: f32, or bf16 as another call made it */
    const tl_linear_norm *norm; /* NULL: none; else x is f32 */
    const float *bias;          /* [out] or NULL */
    bool has_gelu;
    tl_gelu_kind gelu;
    const float *residual; /* [rows, out] or NULL; may be y where that is f32 */
    void *y;               /* [rows, out] of y_dtype; must not overlap x */
    tl_dtype x_dtype, y_dtype;
    /* Of f32 weights with a packed form: x as a call of as many rows left it in y, arranged for the next product. No norm of
     * such an x, no residual to such a y. */
    bool is_x_packed, is_y_packed;
} tl_linear_call;

/* scratch: tl_linear_scratch_count floats, aligned to 64 bytes. The same bits for any pool. */
void tl_linear_run(tl_thread_pool *pool, const tl_linear_call *call, void *scratch);
size_t tl_linear_scratch_count(size_t rows, size_t in);
/* dx [rows, in] = dy [rows, out] weight [out, in] of a weight of f32; scratch: tl_linear_scratch_count(rows, out). dtype: of dy,
 * f32, or bf16 where the weight has a turned form. */
void tl_linear_run_backward(tl_thread_pool *pool, const tl_weight *weight, tl_dtype dtype, const void *dy, size_t rows,
                            size_t out, size_t in, float *dx, void *scratch);
/* What the rows between two layers may be kept as, without loss beyond that of the layers' own precision. */
tl_dtype tl_linear_dtype_between(const tl_weight *first, const tl_weight *second);
/* Whether the rows between them may stay as the second one's product reads them. */
bool tl_linear_is_packed_between(const tl_weight *first, const tl_weight *second);

#ifdef __cplusplus
}
#endif

#endif

/*
 * One residual attention block, as open_clip's ResidualAttentionBlock:
 *     middle = input + out_proj(attention(ln_1(input))),  output = middle + c_proj(gelu(c_fc(ln_2(middle))))
 * forward and backward over one chunk of whole items. The tower runs chunks in parallel. Within encoders only.
 *
 * Where the tower's pooling reads one row per item, the last block is `pooled`: keys and values of all rows, but queries, and all
 * that follows, only of the rows read. Below, N are the rows of a chunk and R is N, or the number of items when pooled.
 */
#ifndef TL_ENCODERS_LAYERS_BLOCK_H
#define TL_ENCODERS_LAYERS_BLOCK_H

#include "base/compute/compute.h"
#include "base/compute/packed.h"
#include "encoders/layers/rotary.h"
#include "encoders/layers/weight_products.h"
#include "encoders/weights/parameters.h"

typedef struct tl_block_shape {
    size_t width, heads, mlp_width;
    tl_gelu_kind activation;
    float epsilon;
    bool is_causal;
    /* Only forward knows these. */
    const tl_rotary *rotary; /* NULL: none; not owned */
    bool is_gated;           /* the MLP is c_proj(silu(gate) * value) of c_fc's 2 M columns, gates first */
    bool has_inner_norms;    /* before out_proj and before c_proj */
    bool norms_last;         /* middle = input + ln_1(attention part), output = middle + ln_2(MLP part) */
} tl_block_shape;

/* Numbers in the parameter table. */
typedef struct tl_block_parameters {
    size_t ln_1_weight, ln_1_bias;
    size_t in_proj_weight, in_proj_bias; /* [3 W, W]: queries, keys, values */
    size_t inner_1_weight, inner_1_bias; /* where has_inner_norms; [W] */
    size_t out_proj_weight, out_proj_bias;
    size_t ln_2_weight, ln_2_bias;
    size_t c_fc_weight, c_fc_bias;       /* [M, W], or [2 M, W] where is_gated */
    size_t inner_2_weight, inner_2_bias; /* [M] */
    size_t c_proj_weight, c_proj_bias;   /* [W, M] */
} tl_block_parameters;

/* What training may keep: bf16 needs weights whose rows can be taken from their packed form. */
static inline tl_dtype tl_block_kept_dtype(const tl_block_shape *shape, bool in_bf16)
{
    return in_bf16 && shape->width % TL_PACKED_COLUMNS == 0 ? TL_BF16 : TL_F32;
}

/* How the weights start: PyTorch's defaults (open_clip's vision tower), or normal with these deviations (its text tower). */
typedef struct tl_block_initialization {
    bool is_normal;
    float attention, projection, fully_connected;
} tl_block_initialization;

/* Whole items of a batch whose rows lie together. */
typedef struct tl_chunk {
    size_t first_item, item_count;
    size_t first_row, row_count;
    const size_t *offsets;        /* [item_count + 1] of the items' rows, from 0 */
    const size_t *pooled_rows;    /* [item_count] the row of each item that its answer is read from; NULL: all rows are read */
    const size_t *pooled_offsets; /* [item_count + 1]: 0, 1, 2, ... */
} tl_chunk;

/* Activations of a chunk (or of the whole batch), one block. Backward turns those marked g into the gradients by themselves.
 * Those marked k only products read (and the activation): they are of the type `kept`. */
typedef struct tl_block_state {
    tl_dtype kept;             /* f32; in training bf16 where products round them anyway */
    float *input;              /* [N, W] g */
    void *normal_1;            /* [N, W] k; need not be kept, as normal_2 and after: backward makes them again */
    float *mean_1, *inverse_1; /* [N], NULL in inference */
    float *qkv;                /* [N, 3 W] g, or keys and values [N, 2 W] when pooled */
    float *query_input;        /* [R, W] rows of input; pooled only, as the next two */
    void *query_normal;        /* [R, W] k, rows of normal_1 */
    float *query;              /* [R, W] g */
    float *probabilities;      /* by item and head, NULL in inference */
    void *attended;            /* [R, W] k */
    float *middle;             /* [R, W] g */
    void *normal_2;            /* [R, W] k */
    float *mean_2, *inverse_2; /* [R], NULL in inference */
    void *before, *after;      /* [R, M] k around the activation; before is g, and [R, 2 M] where the MLP is gated */
    float *output;             /* [R, W]; its gradient comes in here */
} tl_block_state;

bool tl_block_create(const tl_block_shape *shape, const char *prefix, const tl_block_initialization *initialization,
                     tl_parameter_table *table, tl_block_parameters *out, tl_error *err) TL_MUST_USE;

/* Floats of scratch of one worker, of a chunk with so many rows whose items have at most max_tokens. */
size_t tl_block_scratch_count(const tl_block_shape *shape, size_t max_rows, size_t max_tokens);

/* The same for forward, which needs no more; in inference kept is f32. shares: of attention, by the pool of an only chunk,
 * else 1. */
size_t tl_block_forward_scratch_count(const tl_block_shape *shape, tl_dtype kept, size_t max_rows, size_t max_tokens,
                                      size_t shares);

/* The two halves of a block: from input to middle, from middle to output. state's pointers are those of the chunk. pool: for the
 * only chunk of a batch, else NULL. In inference input, middle and output may be one block, as may normal_1, attended and
 * normal_2, and before and after. */
void tl_block_forward_attention(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                                const tl_chunk *chunk, tl_thread_pool *pool, const tl_block_state *state, float *scratch);
void tl_block_forward_mlp(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                          const tl_chunk *chunk, tl_thread_pool *pool, const tl_block_state *state, float *scratch);

/* Floats of a chunk's own share of the gradients of biases and norms: summed over chunks in order, then added by
 * tl_block_add_vectors. */
size_t tl_block_vector_count(const tl_block_shape *shape);
/* state->output holds the gradient by the output. vectors [tl_block_vector_count] is overwritten. */
void tl_block_backward(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_weight *values,
                       const tl_chunk *chunk, const tl_block_state *state, float *vectors, float *scratch);
void tl_block_add_vectors(const tl_block_shape *shape, const tl_block_parameters *parameters, const float *vectors,
                          float *const *gradients);

enum { TL_BLOCK_PRODUCTS = 5 };
/* The weight gradients that remain after backward of all chunks; rows, items: of the whole batch, as state's pointers. Returns
 * how many. */
size_t tl_block_weight_products(const tl_block_shape *shape, const tl_block_parameters *parameters, const tl_block_state *state,
                                size_t rows, size_t items, bool is_pooled, float *const *gradients, tl_weight_product *products);

#endif

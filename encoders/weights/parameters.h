/*
 * The one table of parameter names and shapes. Towers add rows when they are created; after that the table is immutable.
 * Values, gradients and optimizer moments are arrays of pointers in the table's order: inference points into the mapped file,
 * training points into one flat block, so that the optimizer, the checkpoint and the gradient norm are one loop each.
 */
#ifndef TL_ENCODERS_WEIGHTS_PARAMETERS_H
#define TL_ENCODERS_WEIGHTS_PARAMETERS_H

#include "base/compute/weight.h"
#include "base/core/error.h"

#include <stdint.h>

#define TL_PARAMETER_NAME_SIZE 96
#define TL_PARAMETER_MAX_RANK 4

typedef enum tl_initialization { TL_INITIALIZE_NORMAL, TL_INITIALIZE_CONSTANT, TL_INITIALIZE_UNIFORM } tl_initialization;

/* Rows of the table: gain and bias of the layer norm that makes a product's input, and the product's own bias. */
typedef struct tl_parameter_norm {
    size_t gain, shift, bias;
} tl_parameter_norm;

typedef struct tl_parameter {
    char
        name[TL_PARAMETER_NAME_SIZE]; /* open_clip's state_dict name, e.g. "visual.transformer.resblocks.0.attn.in_proj_weight" */
    uint32_t rank;
    size_t shape[TL_PARAMETER_MAX_RANK]; /* row-major */
    size_t count;                        /* product of shape */
    size_t offset;                       /* first element in a flat block; rows start at multiples of 16 floats (64 bytes) */
    bool is_product;                     /* a matrix that only tl_linear_run reads in inference: worth packing */
    bool follows_norm;                   /* a product whose input is a layer norm, made on its way; norm says which */
    tl_parameter_norm norm;
    bool is_read_as_floats; /* the tower reads the values themselves, not only by products; vectors always */
    bool decays;            /* weight decay applies: matrices, not biases, norms, embeddings' scale */
    tl_initialization initialization;
    float initial_value; /* standard deviation, the constant, or the half-width of the uniform range around 0 */
} tl_parameter;

typedef struct tl_parameter_table {
    tl_parameter *items;
    size_t count;
    size_t capacity;
    size_t flat_count; /* floats of a flat block, gaps included */
} tl_parameter_table;

void tl_parameter_table_clear(tl_parameter_table *table);
/* Adds a row; *index is its number. rank <= 4; a scalar has rank 0 and count 1. */
bool tl_parameter_table_add(tl_parameter_table *table, const char *name, uint32_t rank, const size_t *shape, bool decays,
                            tl_initialization initialization, float initial_value, size_t *index, tl_error *err) TL_MUST_USE;
/* The same by the name prefix + suffix. */
bool tl_parameter_table_add_under(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank,
                                  const size_t *shape, bool decays, tl_initialization initialization, float initial_value,
                                  size_t *index, tl_error *err) TL_MUST_USE;
void tl_parameter_table_mark_product(tl_parameter_table *table, size_t index);
void tl_parameter_table_mark_norm(tl_parameter_table *table, size_t index, tl_parameter_norm norm);
/* Says that a row of rank 2 or more is read as floats. */
void tl_parameter_table_read_as_floats(tl_parameter_table *table, size_t index);
/* Row of a name, or SIZE_MAX. */
size_t tl_parameter_table_find(const tl_parameter_table *table, const char *name);
/* pointers[i] = block + offset of row i. */
void tl_parameter_table_point(const tl_parameter_table *table, float *block, float **pointers);
/* The same as weights: what the towers read. */
void tl_parameter_table_point_weights(const tl_parameter_table *table, const float *block, tl_weight *weights);
/* Fills a flat block by each row's rule; every row draws from a stream of its own (seed, row), so order does not matter. */
void tl_parameter_table_initialize(const tl_parameter_table *table, uint64_t seed, float *block);

#endif

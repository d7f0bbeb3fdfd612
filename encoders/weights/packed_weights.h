/*
 * Packed forms of a model's matrices: made once in memory, in parallel, and attached to the weights that the towers read. Within
 * encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_PACKED_WEIGHTS_H
#define TL_ENCODERS_WEIGHTS_PACKED_WEIGHTS_H

#include "base/compute/packed.h"
#include "encoders/weights/parameters.h"

typedef struct tl_packed_weights tl_packed_weights;

/* Packs every product row of the table and points values[row].packed at it. values must not be in use meanwhile. pool may be
 * NULL. */
bool tl_packed_weights_create(tl_packed_kind kind, const tl_parameter_table *table, tl_weight *values, tl_thread_pool *pool,
                              tl_packed_weights **out, tl_error *err) TL_MUST_USE;
void tl_packed_weights_destroy(tl_packed_weights *packed);
/* Bytes it takes. */
size_t tl_packed_weights_size(const tl_packed_weights *packed);

#endif

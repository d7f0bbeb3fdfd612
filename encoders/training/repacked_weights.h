/*
 * The matrices of training as products take them, in bf16 or f32: straight for the forward pass and turned for the backward pass,
 * made anew from the f32 master weights at every step. Within encoders only.
 */
#ifndef TL_ENCODERS_TRAINING_REPACKED_WEIGHTS_H
#define TL_ENCODERS_TRAINING_REPACKED_WEIGHTS_H

#include "base/parallel/thread_pool.h"
#include "encoders/weights/parameters.h"

typedef struct tl_repacked_weights tl_repacked_weights;

/* kind: TL_PACKED_F32 or TL_PACKED_BF16. Points the packed forms of the product rows of weights [table->count] into memory that
 * tl_repacked_weights_update fills; both must outlive it. */
bool tl_repacked_weights_create(tl_packed_kind kind, const tl_parameter_table *table, tl_weight *weights,
                                tl_repacked_weights **out, tl_error *err) TL_MUST_USE;
void tl_repacked_weights_destroy(tl_repacked_weights *repacked);
void tl_repacked_weights_update(const tl_repacked_weights *repacked, tl_thread_pool *pool);

#endif

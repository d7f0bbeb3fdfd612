/*
 * The matrices of training in bf16, straight for the forward pass and turned for the backward pass, made anew from the f32 master
 * weights at every step. Within encoders only.
 */
#ifndef TL_ENCODERS_TRAINING_ROUNDED_WEIGHTS_H
#define TL_ENCODERS_TRAINING_ROUNDED_WEIGHTS_H

#include "base/parallel/thread_pool.h"
#include "encoders/weights/parameters.h"

typedef struct tl_rounded_weights tl_rounded_weights;

/* Points the packed forms of the product rows of weights [table->count] into memory that tl_rounded_weights_update fills; both
 * must outlive it. */
bool tl_rounded_weights_create(const tl_parameter_table *table, tl_weight *weights, tl_rounded_weights **out,
                               tl_error *err) TL_MUST_USE;
void tl_rounded_weights_destroy(tl_rounded_weights *rounded);
void tl_rounded_weights_update(const tl_rounded_weights *rounded, tl_thread_pool *pool);

#endif

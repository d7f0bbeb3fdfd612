/* Making a transformer in a caller's storage. Within encoders only. */
#ifndef TL_ENCODERS_TOWERS_TRANSFORMER_CREATE_H
#define TL_ENCODERS_TOWERS_TRANSFORMER_CREATE_H

#include "encoders/model_config.h"
#include "encoders/towers/transformer.h"

tl_gelu_kind tl_gelu_kind_of(tl_activation activation);
/* Adds `layers` blocks under prefix ("visual." or ""). On failure the caller clears what there is. */
bool tl_transformer_create(const tl_block_shape *shape, size_t layers, const char *prefix,
                           const tl_block_initialization *initialization, tl_parameter_table *table, tl_transformer *out,
                           tl_error *err) TL_MUST_USE;
/* The projection as has_projection and has_projection_bias ask for it; shape [W, D]. */
bool tl_transformer_create_projection(const char *name, const char *bias_name, const size_t shape[2], float deviation,
                                      tl_parameter_table *table, tl_transformer *out, tl_error *err) TL_MUST_USE;
void tl_transformer_clear(tl_transformer *transformer);

#endif

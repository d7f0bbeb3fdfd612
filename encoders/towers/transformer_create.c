/* Making and unmaking a transformer: its blocks' rows of the parameter table. */
#include "encoders/towers/transformer_create.h"

#include "base/core/memory.h"

#include <stdio.h>

tl_gelu_kind tl_gelu_kind_of(tl_activation activation)
{
    switch (activation) {
    case TL_QUICK_GELU:
        return TL_GELU_BY_SIGMOID;
    case TL_GELU_TANH:
        return TL_GELU_BY_TANH;
    case TL_GELU:
        break;
    }
    return TL_GELU_BY_ERF;
}

bool tl_transformer_create(const tl_block_shape *shape, size_t layers, const char *prefix,
                           const tl_block_initialization *initialization, tl_parameter_table *table, tl_transformer *out,
                           tl_error *err)
{
    if (layers == 0)
        return tl_fail(err, TL_ERROR_INVALID, "tower '%s': expected at least one layer, found 0", prefix);
    out->shape = *shape;
    out->layers = layers;
    out->blocks = tl_memory_allocate(layers, sizeof *out->blocks, err);
    if (out->blocks == NULL)
        return false;
    for (size_t i = 0; i < layers; i++) {
        char block_prefix[TL_PARAMETER_NAME_SIZE];
        snprintf(block_prefix, sizeof block_prefix, "%stransformer.resblocks.%zu.", prefix, i);
        if (!tl_block_create(shape, block_prefix, initialization, table, &out->blocks[i], err))
            return false;
    }
    return true;
}

bool tl_transformer_create_projection(const char *name, const char *bias_name, const size_t shape[2], float deviation,
                                      tl_parameter_table *table, tl_transformer *out, tl_error *err)
{
    if (out->has_projection &&
        !tl_parameter_table_add(table, name, 2, shape, true, TL_INITIALIZE_NORMAL, deviation, &out->projection, err))
        return false;
    return !out->has_projection_bias || tl_parameter_table_add(table, bias_name, 1, shape + 1, false, TL_INITIALIZE_CONSTANT,
                                                               0.0f, &out->projection_bias, err);
}

void tl_transformer_clear(tl_transformer *transformer)
{
    tl_memory_free(transformer->blocks);
    transformer->blocks = NULL;
}

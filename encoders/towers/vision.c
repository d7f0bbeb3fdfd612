/* The image tower of a model: a trunk of one of the kinds, and the doors that lead to it. */
#include "encoders/towers/vision_internal.h"

#include "base/core/memory.h"

struct tl_vision_tower {
    const tl_vision_kind *kind;
    void *trunk;
};

static const tl_vision_kind *const kinds[] = {
    [TL_TRUNK_TRANSFORMER] = &tl_vision_kind_vit, [TL_TRUNK_RESNET] = &tl_vision_kind_resnet};

bool tl_vision_tower_create(const tl_model_config *config, tl_parameter_table *table, tl_vision_tower **out, tl_error *err)
{
    tl_vision_tower *tower = tl_memory_allocate(1, sizeof *tower, err);
    if (tower == NULL)
        return false;
    tower->kind = kinds[config->vision.trunk];
    if (!tower->kind->create(config, table, &tower->trunk, err)) {
        tl_memory_free(tower);
        return false;
    }
    *out = tower;
    return true;
}

void tl_vision_tower_destroy(tl_vision_tower *tower)
{
    if (tower == NULL)
        return;
    tower->kind->destroy(tower->trunk);
    tl_memory_free(tower);
}

size_t tl_vision_tower_scratch_size(const tl_vision_tower *tower, size_t batch, bool training)
{
    const tl_tower_memory memory = tower->kind->memory(tower->trunk, batch, training, false, 0.0);
    return tl_tower_memory_most(&memory);
}

tl_tower_memory tl_vision_tower_training_memory(const tl_vision_tower *tower, size_t batch, bool in_bf16, double patch_dropout)
{
    return tower->kind->memory(tower->trunk, batch, true, in_bf16, patch_dropout);
}

bool tl_vision_tower_forward(const tl_vision_tower *tower, const tl_weight *values, const float *pixels, size_t batch,
                             tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer, float *out,
                             tl_tower_state **state, tl_error *err)
{
    return tower->kind->forward(tower->trunk, values, pixels, batch, NULL, pool, arena, observer, out, state, err);
}

bool tl_vision_tower_forward_some(const tl_vision_tower *tower, const tl_weight *values, const float *pixels, size_t batch,
                                  const tl_patch_dropout *dropout, tl_thread_pool *pool, tl_arena *arena, float *out,
                                  tl_tower_state **state, tl_error *err)
{
    return tower->kind->forward(tower->trunk, values, pixels, batch, dropout, pool, arena, NULL, out, state, err);
}

bool tl_vision_tower_backward(const tl_vision_tower *tower, const tl_weight *values, float *const *gradients,
                              tl_tower_state *state, const float *out_gradient, tl_thread_pool *pool, tl_arena *arena,
                              tl_error *err)
{
    return tower->kind->backward(tower->trunk, values, gradients, state, out_gradient, pool, arena, err);
}

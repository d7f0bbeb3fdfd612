/* The kinds of image tower behind the functions of towers.h: a record for each. Within encoders/towers only. */
#ifndef TL_ENCODERS_TOWERS_VISION_INTERNAL_H
#define TL_ENCODERS_TOWERS_VISION_INTERNAL_H

#include "encoders/towers/towers.h"

/* The functions of towers.h with what they are functions of, the trunk, in its own type. */
typedef struct tl_vision_kind {
    bool (*create)(const tl_model_config *config, tl_parameter_table *table, void **trunk, tl_error *err);
    void (*destroy)(void *trunk);
    tl_tower_memory (*memory)(const void *trunk, size_t batch, bool training, bool in_bf16, double patch_dropout);
    bool (*forward)(const void *trunk, const tl_weight *values, const float *pixels, size_t batch,
                    const tl_patch_dropout *dropout, tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer,
                    float *out, tl_tower_state **state, tl_error *err);
    bool (*backward)(const void *trunk, const tl_weight *values, float *const *gradients, tl_tower_state *state,
                     const float *out_gradient, tl_thread_pool *pool, tl_arena *arena, tl_error *err);
} tl_vision_kind;

extern const tl_vision_kind tl_vision_kind_vit;
extern const tl_vision_kind tl_vision_kind_resnet;

#endif

/*
 * The two towers: sequences of rows in, one unnormalised embedding per item out; forward for inference and for training, and
 * backward. Within encoders only.
 *
 * Sequences are packed, never padded: item b owns rows offsets[b]..offsets[b+1]-1 of a [N, D] matrix, N = offsets[B]. All linear
 * layers, norms and activations work on the N rows at once; attention works inside each item. A picture is a sequence of constant
 * length (class token first, then patches row by row); a caption has its natural length where the mask is causal (no token after
 * the end of text can influence the answer), and all T tokens where it is not.
 *
 * Scratch comes from the arena given; forward for training leaves in it what backward needs (state), so the caller saves and
 * rewinds the arena around a step. Work is split over pool by borders that do not depend on its size.
 */
#ifndef TL_ENCODERS_TOWERS_TOWERS_H
#define TL_ENCODERS_TOWERS_TOWERS_H

#include "base/core/arena.h"
#include "base/parallel/thread_pool.h"
#include "encoders/model_config.h"
#include "encoders/stage_observer.h"
#include "encoders/weights/parameters.h"

typedef struct tl_vision_tower tl_vision_tower;
typedef struct tl_text_tower tl_text_tower;
typedef struct tl_tower_state tl_tower_state; /* activations kept for backward; lives in the arena */

/* Adds the tower's parameters to the table, in open_clip's names and initial values, and keeps their numbers. */
bool tl_vision_tower_create(const tl_model_config *config, tl_parameter_table *table, tl_vision_tower **out,
                            tl_error *err) TL_MUST_USE;
void tl_vision_tower_destroy(tl_vision_tower *tower);
bool tl_text_tower_create(const tl_model_config *config, tl_parameter_table *table, tl_text_tower **out,
                          tl_error *err) TL_MUST_USE;
void tl_text_tower_destroy(tl_text_tower *tower);

/* Arena bytes one call with this many items needs at most (text: every item at full length); training: in f32. */
size_t tl_vision_tower_scratch_size(const tl_vision_tower *tower, size_t batch, bool training);
size_t tl_text_tower_scratch_size(const tl_text_tower *tower, size_t batch, bool training);

/* The same of training: what stays from forward to backward, and what each takes beyond that while it runs. */
typedef struct tl_tower_memory {
    size_t kept, forward, backward;
} tl_tower_memory;

static inline size_t tl_tower_memory_most(const tl_tower_memory *memory)
{
    return memory->kept + (memory->forward > memory->backward ? memory->forward : memory->backward);
}

/* patch_dropout: the share of tl_patch_dropout, 0: none. */
tl_tower_memory tl_vision_tower_training_memory(const tl_vision_tower *tower, size_t batch, bool in_bf16, double patch_dropout);
tl_tower_memory tl_text_tower_training_memory(const tl_text_tower *tower, size_t batch, bool in_bf16);

/* pixels [B, 3, S, S] -> out [B, D], not normalised; kept until backward. state NULL: inference. observer: NULL, or shown every
 * stage. */
bool tl_vision_tower_forward(const tl_vision_tower *tower, const tl_weight *values, const float *pixels, size_t batch,
                             tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer, float *out,
                             tl_tower_state **state, tl_error *err) TL_MUST_USE;
/* Patches left out of each picture ("FLIP", Li et al. 2023): this share of them, chosen by (seed, first_item + number of the
 * picture). The class token stays. */
typedef struct tl_patch_dropout {
    float share;
    uint64_t seed;
    size_t first_item;
} tl_patch_dropout;

/* The same in training, without them; dropout NULL: all patches. A trunk that is none of patches leaves nothing out. */
bool tl_vision_tower_forward_some(const tl_vision_tower *tower, const tl_weight *values, const float *pixels, size_t batch,
                                  const tl_patch_dropout *dropout, tl_thread_pool *pool, tl_arena *arena, float *out,
                                  tl_tower_state **state, tl_error *err) TL_MUST_USE;
/* ids [B, T] and lengths [B] as tl_tokenizer_encode gives them -> out [B, D], not normalised. Every id must be in the vocabulary
 * (checked). */
bool tl_text_tower_forward(const tl_text_tower *tower, const tl_weight *values, const int32_t *ids, const uint32_t *lengths,
                           size_t batch, tl_thread_pool *pool, tl_arena *arena, const tl_stage_observer *observer, float *out,
                           tl_tower_state **state, tl_error *err) TL_MUST_USE;

/* out_gradient [B, D] -> adds to gradients (same order as values). Consumes the state. */
bool tl_vision_tower_backward(const tl_vision_tower *tower, const tl_weight *values, float *const *gradients,
                              tl_tower_state *state, const float *out_gradient, tl_thread_pool *pool, tl_arena *arena,
                              tl_error *err) TL_MUST_USE;
bool tl_text_tower_backward(const tl_text_tower *tower, const tl_weight *values, float *const *gradients, tl_tower_state *state,
                            const float *out_gradient, tl_thread_pool *pool, tl_arena *arena, tl_error *err) TL_MUST_USE;

#endif

/*
 * The pairs of one or more datasets in memory, pictures as RGB8 frames at training size: decoded once, augmented anew for every
 * step. A batch is a pure function of (seed, step): which pairs, which caption of each, which crop.
 */
#ifndef TL_CLI_APP_TRAINING_SET_H
#define TL_CLI_APP_TRAINING_SET_H

#include "base/core/arena.h"
#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/reasons.h"
#include "encoders/training.h"
#include "encoders/views/augment.h"
#include "tokenizer/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_training_pair {
    const tl_slice *captions; /* at least one */
    size_t caption_count;
} tl_training_pair;

typedef struct tl_training_set {
    tl_image_recipe recipe;
    tl_training_pair *pairs;
    size_t count, capacity;
    uint8_t **frame_blocks; /* TL_FRAMES_PER_BLOCK frames [S, S, 3] each, so that growing copies nothing */
    size_t block_count, block_capacity;
    tl_arena *arena; /* captions */
    uint64_t caption_count;
    uint64_t held_out;    /* samples left out because their split is not "train" */
    uint64_t fingerprint; /* of keys, captions and picture hashes in order: a resumed run must see the same set */
    tl_reasons skipped;
} tl_training_set;

#define TL_FRAMES_PER_BLOCK 1024

/* Reads every sample whose split is absent or "train". No pair at all is an error. */
bool tl_training_set_load(const char *const *datasets, size_t dataset_count, const tl_image_recipe *recipe, tl_thread_pool *pool,
                          const tl_progress *progress, tl_training_set *out, tl_error *err) TL_MUST_USE;
void tl_training_set_clear(tl_training_set *set);
/* All captions, one after the other, for training a tokenizer; the set must outlive it, the cursor starts at pair 0, caption 0.
 */
typedef struct tl_caption_cursor {
    const tl_training_set *set;
    const tl_progress *progress; /* asked whether to go on; may be NULL */
    size_t pair, caption;
} tl_caption_cursor;
tl_text_source tl_training_set_captions(tl_caption_cursor *cursor);

/* Makes batches of one run; owns their memory. */
typedef struct tl_sample_batches tl_sample_batches;
bool tl_sample_batches_create(const tl_training_set *set, const tl_tokenizer *tokenizer, const tl_augment_options *augment,
                              uint64_t seed, size_t batch, tl_thread_pool *pool, tl_sample_batches **out,
                              tl_error *err) TL_MUST_USE;
void tl_sample_batches_destroy(tl_sample_batches *batches);
/* Batch number step (0, 1, ...): borrowed until the next call. */
bool tl_sample_batches_make(tl_sample_batches *batches, uint64_t step, tl_training_batch *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

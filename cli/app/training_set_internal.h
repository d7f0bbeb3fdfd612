/*
 * The pairs of one or more datasets in memory, pictures as RGB8 frames at training size: decoded once, augmented anew for every
 * step (sample_batches.h).
 */
#ifndef TL_CLI_APP_TRAINING_SET_INTERNAL_H
#define TL_CLI_APP_TRAINING_SET_INTERNAL_H

#include "base/core/arena.h"
#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/reasons.h"
#include "encoders/preprocess/recipe.h"
#include "tokenizer/tokenizer.h"

typedef struct tl_training_pair {
    const tl_slice *captions; /* at least one */
    size_t caption_count;
    const char *key; /* of the sample, for messages */
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
    uint64_t fingerprint; /* of pictures and captions in order: a resumed run must see the same set */
    size_t *starts;       /* [dataset_count + 1]: pairs of dataset d are starts[d]..starts[d + 1] - 1 */
    size_t dataset_count;
    tl_reasons skipped;
} tl_training_set;

#define TL_FRAMES_PER_BLOCK 1024

/* Reads every sample whose split is absent or "train". No pair at all is an error. */
bool tl_training_set_load(const char *const *datasets, size_t dataset_count, const tl_image_recipe *recipe, tl_thread_pool *pool,
                          const tl_progress *progress, tl_training_set *out, tl_error *err) TL_MUST_USE;
void tl_training_set_clear(tl_training_set *set);
/* Frame [S, S, 3] of a pair. */
const uint8_t *tl_training_set_frame(const tl_training_set *set, size_t index);
/* All captions, one after the other, for training a tokenizer; the set must outlive it, the cursor starts at pair 0, caption 0.
 */
typedef struct tl_caption_cursor {
    const tl_training_set *set;
    const tl_progress *progress; /* asked whether to go on; may be NULL */
    size_t pair, caption;
} tl_caption_cursor;
tl_text_source tl_training_set_captions(tl_caption_cursor *cursor);

#endif

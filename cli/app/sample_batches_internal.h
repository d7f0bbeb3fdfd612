/*
 * The batches of a run: which pairs, which captions of each, which crop. A batch is a pure function of (seed, step); pixels are
 * made when the trainer asks for them, a chunk at a time, so that a batch of any size needs little memory.
 *
 * An epoch shows every pair of a dataset `weight` times: whole times all of them, and a share of them, drawn anew each epoch, for
 * the rest. Its order is a permutation drawn for the epoch.
 */
#ifndef TL_CLI_APP_SAMPLE_BATCHES_INTERNAL_H
#define TL_CLI_APP_SAMPLE_BATCHES_INTERNAL_H

#include "cli/app/label_text_internal.h"
#include "cli/app/training_set_internal.h"
#include "encoders/training.h"
#include "encoders/views/augment.h"

typedef struct tl_sample_options {
    tl_augment_options augment;
    uint64_t seed;
    size_t batch;                /* pictures of a step */
    size_t chunk;                /* pictures whose pixels are asked for at once; 0: all */
    size_t captions_per_picture; /* 0: 1 */
    const double *weights;       /* of the set's datasets; NULL: 1 each */
    double mix;                  /* probability that a pair is blended with another of the epoch */
    tl_label_texts labels;       /* borrowed; no templates: captions stay as they are */
} tl_sample_options;

typedef struct tl_sample_batches tl_sample_batches;

/* set, tokenizer and pool must outlive it. */
bool tl_sample_batches_create(const tl_training_set *set, const tl_tokenizer *tokenizer, const tl_sample_options *options,
                              tl_thread_pool *pool, tl_sample_batches **out, tl_error *err) TL_MUST_USE;
void tl_sample_batches_destroy(tl_sample_batches *batches);
/* Pictures of an epoch; weights as in the options. */
uint64_t tl_sample_batches_epoch_size(const tl_training_set *set, const double *weights);
/* Pairs that a run ever shows: those of a dataset whose weight leaves none of it are not among them. */
size_t tl_sample_batches_pair_count(const tl_training_set *set, const double *weights);
/* Batch number step (0, 1, ...): borrowed until the next call. */
bool tl_sample_batches_make(tl_sample_batches *batches, uint64_t step, tl_training_batch *out, tl_error *err) TL_MUST_USE;
/* Number in the set of picture `index` of the present batch. */
size_t tl_sample_batches_pair(const tl_sample_batches *batches, size_t index);

#endif

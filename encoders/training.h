/*
 * Door of training: both towers jointly (or one of them, the other frozen), an objective by name, AdamW. All state is flat
 * blocks; a checkpoint is those blocks plus the step, so a resumed run ends with the same bits as an unbroken one. A batch is a
 * pure function of the step number.
 *
 * Batches larger than memory: a step embeds the whole batch chunk by chunk and keeps only the embeddings, computes the loss once,
 * and runs every chunk again, forward and backward ("GradCache", Gao et al. 2021). Gradients are those of the whole batch.
 *
 * Several ranks: each brings the same whole batch, runs its share of the pairs through the towers and makes its share of the
 * loss, of everybody's embeddings; gradients are added up, and all take the same step. A run's ranks may change from one
 * resumption to the next.
 */
#ifndef TL_ENCODERS_TRAINING_H
#define TL_ENCODERS_TRAINING_H

#include "base/parallel/ranks.h"
#include "base/parallel/thread_pool.h"
#include "encoders/model_config.h"
#include "encoders/preprocess/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_trainer tl_trainer;

/* Pictures made when they are needed: *pixels [count, 3, S, S] of pictures first..first + count - 1 of the batch, borrowed until
 * the next call. Asked twice, it must give the same. */
typedef struct tl_pixel_source {
    void *context;
    bool (*make)(void *context, size_t first, size_t count, const float **pixels, tl_error *err);
} tl_pixel_source;

/* Borrowed by tl_trainer_step for the length of the call. */
typedef struct tl_training_batch {
    size_t pairs;        /* B: pictures */
    const float *pixels; /* [B, 3, S, S], or NULL: of the source */
    const tl_pixel_source *source;
    const int32_t *ids;           /* [B K, T], K captions a picture */
    const uint32_t *lengths;      /* [B K] */
    const uint64_t *caption_keys; /* [B K], equal where captions are: they are no negatives of each other; NULL: all differ */
    const uint64_t *picture_keys; /* [B], equal where pictures are: each other's captions are their own; NULL: all differ */
    const uint64_t *known_keys;   /* keys of further captions that fit picture i, from known_starts[i] on; NULL: none */
    const size_t *known_starts;   /* [B + 1] */
} tl_training_batch;

typedef enum tl_schedule_kind {
    TL_SCHEDULE_COSINE,  /* warm-up, then half a cosine to 0 */
    TL_SCHEDULE_CONSTANT /* warm-up, constant, then linear to 0 over the cooldown's steps */
} tl_schedule_kind;

/* From step `step` on the run ends after `steps` in all, and what is left of the schedule is stretched or shortened to them. */
typedef struct tl_training_replan {
    uint64_t step, steps;
} tl_training_replan;

enum { TL_TRAINING_MOST_REPLANS = 32, TL_TRAINING_REPLANS_TEXT = TL_TRAINING_MOST_REPLANS * 44 };
/* Appends one to text [TL_TRAINING_REPLANS_TEXT], "STEP:STEPS,...". */
void tl_training_replans_add(char *text, tl_training_replan replan);

/* Zero of a field means the default in its comment. */
typedef struct tl_training_options {
    uint64_t seed;
    uint64_t steps;        /* length of the schedule; required */
    uint64_t warmup_steps; /* linear from 0; default steps / 20 */
    bool without_warmup;
    tl_training_replan replans[TL_TRAINING_MOST_REPLANS]; /* each later than the one before, and before the run ends */
    size_t replan_count;
    tl_schedule_kind schedule;
    uint64_t cooldown_steps;                        /* of a constant schedule; default: none */
    double learning_rate;                           /* peak; default 1e-3 */
    double image_learning_rate, text_learning_rate; /* of one tower; default: learning_rate */
    bool freeze_images, freeze_texts;               /* the tower stays as it is; at most one */
    double weight_decay;                            /* decoupled; default 0.1; not on biases, norms, logit scale */
    double beta1, beta2;                            /* 0.9, 0.98 */
    double epsilon;                                 /* 1e-6 */
    double gradient_clip;                           /* L2 norm of all gradients; default 1.0; negative: none */
    double patch_dropout;                           /* share of a picture's patches that a step leaves out; 0: none */
    double average_decay;        /* exponential moving average of the weights, which is what is exported; 0: none */
    const char *loss;            /* name of an objective; NULL: "contrastive" */
    bool equals_are_positives;   /* equal captions of other pictures count as the picture's own; else they are left out */
    size_t captions_per_picture; /* K; default 1 */
    size_t parts;                /* a step's batch is so many smaller ones, whose gradients are averaged; default 1 */
    size_t chunk;                /* pairs computed at a time; default: all of a part */
    size_t max_batch;            /* required: the largest batch a step will bring */
    bool plain_sgd;              /* for comparing with a reference: p -= rate * gradient, no moments, no decay, constant rate */
    bool constant_rate;          /* no warm-up, no cosine */
    bool in_bf16;                /* factors of large products rounded to bf16; sums, weights and all else stay f32 */
    tl_ranks *ranks;             /* who train together; borrowed, NULL: one */
} tl_training_options;

/* The largest chunk whose activations take at most so many bytes: the whole batch where it fits (a rank's share), else, since
 * small chunks are as fast, one that takes a third of them; at least 1. */
bool tl_training_choose_chunk(const tl_model_config *config, const tl_training_options *options, uint64_t bytes, size_t *chunk,
                              tl_error *err) TL_MUST_USE;

typedef struct tl_step_metrics {
    uint64_t step; /* steps done, this one counted */
    double loss;   /* nats */
    double accuracy;
    double mutual_information; /* ln B - loss: lower bound, nats; NaN: the objective gives none */
    double gradient_norm;      /* before clipping */
    double learning_rate;
    double logit_scale; /* the factor */
    double logit_bias;  /* 0: none */
} tl_step_metrics;

/* Fresh weights by the seed. pool may be NULL and must outlive the trainer. */
bool tl_trainer_create(const tl_model_config *config, const tl_image_recipe *recipe, const tl_training_options *options,
                       tl_thread_pool *pool, tl_trainer **out, tl_error *err) TL_MUST_USE;
void tl_trainer_destroy(tl_trainer *trainer);
/* Fails where ranks do not hold the same weights. */
bool tl_trainer_check_ranks(const tl_trainer *trainer, tl_error *err) TL_MUST_USE;
/* Starts from a model's weights instead: its sizes must be those of the trainer's config. A logit bias that only one of the two
 * has stays or is left. Before the first step. */
bool tl_trainer_start_from(tl_trainer *trainer, const char *model_directory, tl_error *err) TL_MUST_USE;
/* One step. A loss or gradient that is not finite is an error naming the step, and nothing is updated. */
bool tl_trainer_step(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err) TL_MUST_USE;
uint64_t tl_trainer_steps_done(const tl_trainer *trainer);
/* Steps of the whole run, and another number of them from here on, more than are done: as if the options had said so from the
 * start, so that a run with those options takes the same steps. No replan of a later step may be known. */
uint64_t tl_trainer_steps(const tl_trainer *trainer);
bool tl_trainer_replan(tl_trainer *trainer, uint64_t steps, tl_error *err) TL_MUST_USE;
/* Loss and raw gradients of a batch at the present weights, nothing updated: for comparing with a reference. */
bool tl_trainer_gradients(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err) TL_MUST_USE;
/* Borrowed views by open_clip name, NULL when there is none: parameter values (writable) and the gradients of the last call. */
float *tl_trainer_parameter(tl_trainer *trainer, const char *name, size_t *count);
const float *tl_trainer_gradient(const tl_trainer *trainer, const char *name, size_t *count);

/* Writes the checkpoint folder (parameters, moments, state.json) atomically: a new folder, then a rename; the old one stays until
 * then. */
bool tl_trainer_save(const tl_trainer *trainer, const char *checkpoint_directory, tl_error *err) TL_MUST_USE;
/* Continues from a checkpoint; config and the options that shape the run must be those it was made with, else an error names the
 * first that differs. */
bool tl_trainer_resume(tl_trainer *trainer, const char *checkpoint_directory, tl_error *err) TL_MUST_USE;
/* Writes config.json, preprocessor_config.json and model.safetensors into a model folder, each atomically, with the fingerprint
 * beside them. */
bool tl_trainer_export(const tl_trainer *trainer, const char *model_directory, tl_error *err) TL_MUST_USE;
/* Floating-point operations of one pair at this text length, forward and backward: for the share of the machine's peak. */
double tl_trainer_flops_per_pair(const tl_trainer *trainer, double mean_text_length);

#ifdef __cplusplus
}
#endif

#endif

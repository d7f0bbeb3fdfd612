/*
 * Door of training: both towers jointly, symmetric contrastive loss, AdamW. All state is flat blocks; a checkpoint is those
 * blocks plus the step, so a resumed run ends with the same bits as an unbroken one. A batch is a pure function of the step
 * number.
 */
#ifndef TL_ENCODERS_TRAINING_H
#define TL_ENCODERS_TRAINING_H

#include "base/parallel/thread_pool.h"
#include "encoders/model_config.h"
#include "encoders/preprocess/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_trainer tl_trainer;

/* Borrowed by tl_trainer_step for the length of the call. */
typedef struct tl_training_batch {
    size_t pairs;            /* B */
    const float *pixels;     /* [B, 3, S, S] */
    const int32_t *ids;      /* [B, T] */
    const uint32_t *lengths; /* [B] */
} tl_training_batch;

/* Zero of a field means the default in its comment. */
typedef struct tl_training_options {
    uint64_t seed;
    uint64_t steps;        /* length of the schedule; required */
    uint64_t warmup_steps; /* linear from 0; default steps / 20 */
    double learning_rate;  /* peak; default 1e-3; cosine to 0 at the end */
    double weight_decay;   /* decoupled; default 0.1; not on biases, norms, logit scale */
    double beta1, beta2;   /* 0.9, 0.98 */
    double epsilon;        /* 1e-6 */
    double gradient_clip;  /* L2 norm of all gradients; default 1.0; negative: none */
    size_t max_batch;      /* required: the largest batch a step will bring */
    bool plain_sgd;        /* for comparing with a reference: p -= rate * gradient, no moments, no decay, constant rate */
    bool constant_rate;    /* no warm-up, no cosine */
} tl_training_options;

typedef struct tl_step_metrics {
    uint64_t step; /* steps done, this one counted */
    double loss;   /* nats */
    double accuracy;
    double mutual_information; /* ln B - loss: lower bound, nats */
    double gradient_norm;      /* before clipping */
    double learning_rate;
    double logit_scale; /* the factor, <= 100 */
} tl_step_metrics;

/* Fresh weights by the seed. pool may be NULL and must outlive the trainer. */
bool tl_trainer_create(const tl_model_config *config, const tl_image_recipe *recipe, const tl_training_options *options,
                       tl_thread_pool *pool, tl_trainer **out, tl_error *err) TL_MUST_USE;
void tl_trainer_destroy(tl_trainer *trainer);
/* One step. A loss or gradient that is not finite is an error naming the step, and nothing is updated. */
bool tl_trainer_step(tl_trainer *trainer, const tl_training_batch *batch, tl_step_metrics *out, tl_error *err) TL_MUST_USE;
uint64_t tl_trainer_steps_done(const tl_trainer *trainer);
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

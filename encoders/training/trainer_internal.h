/* State of a training run, shared by the files of this folder. */
#ifndef TL_ENCODERS_TRAINING_TRAINER_INTERNAL_H
#define TL_ENCODERS_TRAINING_TRAINER_INTERNAL_H

#include "encoders/objectives/objective.h"
#include "encoders/towers/towers.h"
#include "encoders/training.h"
#include "encoders/training/adamw.h"
#include "encoders/training/repacked_weights.h"

struct tl_trainer {
    tl_model_config config;
    tl_image_recipe recipe;
    tl_training_options options; /* defaults filled in */
    tl_thread_pool *pool;
    tl_vision_tower *vision;
    tl_text_tower *text;
    const tl_objective *objective;
    tl_parameter_table table;                   /* vision rows, text rows, logit_scale, and logit_bias where the config has one */
    size_t first_text_row, scale_row, bias_row; /* bias_row: SIZE_MAX, none */
    tl_optimizer_plan plan;
    uint64_t steps_done;
    bool runs_at_once; /* a chunk is all that this rank has of a part */
    /* Flat blocks of table.flat_count floats; gaps between rows stay zero. */
    float *parameters;
    float *gradients;
    float *first_moments;
    float *second_moments;
    float *average; /* of the parameters; NULL: not asked for */
    /* One pointer a row into parameters and gradients. */
    tl_weight *weights;            /* what the towers read: the same values */
    tl_repacked_weights *repacked; /* NULL: products take the weights as they are */
    float **values;
    float **value_gradients;
    float *row_rates; /* of the step in work */
    tl_arena *arena;
    float *images, *images_gradient; /* [pairs of a part, D] */
    float *texts, *texts_gradient;   /* [captions of a part, D] */
};

/* Fills in defaults; an option out of its range is an error that names it. */
bool tl_training_options__resolve(const tl_training_options *given, tl_training_options *out, tl_error *err) TL_MUST_USE;
/* The moving average starts at the present weights. */
void tl_trainer__start_average(tl_trainer *trainer);
bool tl_training_options__check_replans(const tl_training_options *options, tl_error *err) TL_MUST_USE;
/* What has shaped a run of so many steps, config and recipe, as one object: {"options": .., "config": .., "recipe": ..}. */
bool tl_trainer__describe(const tl_trainer *trainer, uint64_t steps_done, tl_json **out, tl_error *err) TL_MUST_USE;
/* Writes the parameters under their names to a file that appears at once; hash_text may be NULL, size as well. */
bool tl_trainer__write_tensors(const tl_trainer *trainer, const char *path, const float *const *blocks,
                               const char *const *prefixes, size_t block_count, char *hash_text, uint64_t *size,
                               tl_error *err) TL_MUST_USE;

#endif

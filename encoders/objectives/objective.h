/*
 * What training minimises: a loss over a batch of pictures and their captions by the similarity of every picture to every
 * caption, and its gradients. Objectives are constant records (registry.c). The matrix of similarities is made tile by tile and
 * never held (pair_tiles.h), so memory grows with the batch and not with its square. Within encoders only.
 */
#ifndef TL_ENCODERS_OBJECTIVES_OBJECTIVE_H
#define TL_ENCODERS_OBJECTIVES_OBJECTIVE_H

#include "base/core/arena.h"
#include "base/parallel/ranks.h"
#include "base/parallel/thread_pool.h"

#include <stdint.h>

typedef struct tl_objective_input {
    size_t pictures;              /* M */
    size_t captions_per_picture;  /* K: caption j is of picture j / K; N = M K captions in all */
    size_t dim;                   /* D */
    const float *images;          /* [M, D], not normalised */
    const float *texts;           /* [N, D], not normalised */
    const uint64_t *caption_keys; /* [N], equal where captions are; NULL: all differ */
    const uint64_t *picture_keys; /* [M], equal where pictures are: each other's captions are their own; NULL: all differ */
    const uint64_t *known_keys;   /* of captions that fit picture i, from known_starts[i] on; NULL: none are known */
    const size_t *known_starts;   /* [M + 1] */
    bool equals_are_positives;    /* a caption that fits the picture (UniCL, Yang et al. 2022) is its own; else it is left out */
    float logit_scale;            /* the logarithm: similarity = exp(logit_scale) * cosine + logit_bias */
    float logit_bias;
    tl_ranks *ranks; /* who share the work, each its pictures and their captions of a batch that all hold; NULL: one */
} tl_objective_input;

typedef struct tl_objective_result {
    double loss;               /* nats */
    double accuracy;           /* share of pictures and captions whose largest similarity is one of their own */
    double mutual_information; /* lower bound, nats; NaN where the objective gives none */
} tl_objective_result;

/* images [M, D] and texts [N, D] are overwritten, the scalars added to. Of several ranks each gets the rows of its own share, and
 * a part of the scalars, which together are the whole. */
typedef struct tl_objective_gradients {
    float *images, *texts;
    float *logit_scale; /* by the logarithm */
    float *logit_bias;
} tl_objective_gradients;

typedef struct tl_objective {
    const char *name;
    bool has_logit_bias;
    float initial_logit_scale, initial_logit_bias;
    float most_logit_scale; /* the logarithm is kept within 0 and this */
    /* gradients NULL: loss only. Scratch comes from the arena and is given back. */
    bool (*run)(const tl_objective_input *input, tl_thread_pool *pool, tl_arena *arena, tl_objective_result *result,
                const tl_objective_gradients *gradients, tl_error *err);
} tl_objective;

extern const tl_objective tl_objective_contrastive; /* "contrastive" */
extern const tl_objective tl_objective_sigmoid;     /* "sigmoid" */

/* By name; NULL means the first. An unknown one is an error that lists those there are. */
const tl_objective *tl_objective_find(const char *name, tl_error *err) TL_MUST_USE;
/* Arena bytes of a run. */
size_t tl_objective_scratch_size(size_t pictures, size_t captions, size_t dim, size_t threads);

#endif

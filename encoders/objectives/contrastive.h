/*
 * The symmetric contrastive loss of CLIP (Radford et al. 2021): InfoNCE (van den Oord et al. 2018) over the batch in both
 * directions, logits = s * I T^t,  loss = (cross_entropy(rows) + cross_entropy(columns)) / 2,  s = exp(logit_scale) on unit rows
 * I, T made here from the towers' outputs.
 */
#ifndef TL_ENCODERS_OBJECTIVES_CONTRASTIVE_H
#define TL_ENCODERS_OBJECTIVES_CONTRASTIVE_H

#include "base/core/arena.h"
#include "base/parallel/thread_pool.h"

typedef struct tl_contrastive_result {
    double loss;               /* nats */
    double accuracy;           /* share of rows and columns whose largest logit is their own pair */
    double mutual_information; /* ln B - loss, nats: the InfoNCE lower bound */
} tl_contrastive_result;

/*
 * images, texts [B, D] not normalised. Writes the gradients by them (same shapes, overwritten) and adds the gradient by
 * logit_scale (the logarithm) to *logit_scale_gradient. Gradient pointers may all be NULL: loss only.
 */
bool tl_contrastive_loss(const float *images, const float *texts, size_t batch, size_t dim, float logit_scale,
                         tl_thread_pool *pool, tl_arena *arena, tl_contrastive_result *out, float *images_gradient,
                         float *texts_gradient, float *logit_scale_gradient, tl_error *err) TL_MUST_USE;

#endif

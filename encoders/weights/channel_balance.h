/*
 * Channels of a layer norm's output that are far larger than the others for most rows, as transformers have them: steps of int8
 * are by row, so one such channel takes their steps from all others. What stands around a product is changed so that the same
 * comes out: the norm moves the channel by its mean, for which the product's bias makes up, and divides what remains, for which
 * the weight's column makes up (Wei et al. 2023, "Outlier Suppression+"; Xiao et al. 2023, "SmoothQuant"). Nothing of it costs
 * anything later. Channels that are like the others stay as they are. Within encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_CHANNEL_BALANCE_H
#define TL_ENCODERS_WEIGHTS_CHANNEL_BALANCE_H

#include "base/compute/weight.h"

/* What a channel was in a sample of rows, normalised, before gain and bias. */
typedef struct tl_channel_range {
    float least, most, mean;
} tl_channel_range;

/* A product and the norm before it. */
typedef struct tl_normed_product {
    const tl_weight *weight; /* [out, in] */
    size_t out, in;
    const float *gain, *shift;      /* [in] of the norm */
    const float *bias;              /* [out] */
    const tl_channel_range *ranges; /* [in], NULL: nothing is known, and nothing changed */
} tl_normed_product;

/* The norm and bias to use instead, and what the weight's columns are to be multiplied by: powers of two, or all 1 unless
 * divides. scratch: tl_balance_scratch_count floats. */
void tl_balance_channels(const tl_normed_product *product, bool divides, float *gain, float *shift, float *bias, float *factors,
                         float *scratch);
size_t tl_balance_scratch_count(size_t out, size_t in);

#endif

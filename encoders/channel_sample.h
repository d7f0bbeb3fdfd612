/*
 * What the channels of a tower's norms are like, found by encoding a few made-up pictures or texts in f32: which channels are
 * large is the model's doing more than the picture's. For packing (weights/channel_balance.h). Within encoders only.
 */
#ifndef TL_ENCODERS_CHANNEL_SAMPLE_H
#define TL_ENCODERS_CHANNEL_SAMPLE_H

#include "encoders/model_internal.h"

typedef struct tl_channel_sample {
    const tl_channel_range **of_rows; /* [rows of the tower] as tl_packed_part takes them */
    struct tl_watched_norm *norms;
    tl_channel_range *ranges;
} tl_channel_sample;

/* The tower must not be packed yet. A tower without blocks has no norms: of_rows is NULL then. */
bool tl_channel_sample_take(const tl_model *model, tl_tower tower, tl_channel_sample *out, tl_error *err) TL_MUST_USE;
void tl_channel_sample_clear(tl_channel_sample *sample);

#endif

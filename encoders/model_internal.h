/* What model.c opens and model_session.c computes with. */
#ifndef TL_ENCODERS_MODEL_INTERNAL_H
#define TL_ENCODERS_MODEL_INTERNAL_H

#include "encoders/encoders.h"
#include "encoders/towers/towers.h"
#include "encoders/weights/safetensors.h"

/* Immutable once opened. */
struct tl_model {
    tl_model_info info;
    tl_safetensors *weights;
    tl_parameter_table table; /* vision rows, text rows, logit_scale */
    tl_vision_tower *vision;
    tl_text_tower *text;
    tl_weight *values; /* one a row, into the mapped file */
};

#endif

/* What model.c opens and model_session.c computes with. */
#ifndef TL_ENCODERS_MODEL_INTERNAL_H
#define TL_ENCODERS_MODEL_INTERNAL_H

#include "encoders/encoders.h"
#include "encoders/families/family.h"
#include "encoders/towers/towers.h"
#include "encoders/weights/binding.h"
#include "encoders/weights/packed_weights.h"

/* Immutable once opened. */
struct tl_model {
    tl_model_info info;
    const tl_family *family;
    bool is_activation_by_name;
    tl_weight_files *weights;
    tl_parameter_table table;        /* vision rows, text rows, logit_scale */
    size_t rows_end[TL_TOWER_COUNT]; /* of each tower in the table; it begins where the one before ends */
    tl_vision_tower *vision;
    tl_text_tower *text;
    tl_packed_weights *packed[TL_TOWER_COUNT]; /* NULL: not made */
    char *directory;                           /* where packed forms are kept */
    tl_binding binding;                        /* values: one a row, into the mapped files */
};

#endif

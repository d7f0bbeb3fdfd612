#ifndef TL_ENCODERS_FAMILIES_TRANSFORMERS_NAMES_H
#define TL_ENCODERS_FAMILIES_TRANSFORMERS_NAMES_H

#include "encoders/weights/binding.h"

extern const tl_tensor_map tl_transformers_names;

#endif

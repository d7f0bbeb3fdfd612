#ifndef TL_ENCODERS_FAMILIES_OPEN_CLIP_NAMES_H
#define TL_ENCODERS_FAMILIES_OPEN_CLIP_NAMES_H

#include "encoders/weights/binding.h"

extern const tl_tensor_map tl_open_clip_names;

#endif

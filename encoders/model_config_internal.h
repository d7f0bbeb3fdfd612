/* Bounds of a configuration's sizes, which reading and checking share. Within encoders only. */
#ifndef TL_ENCODERS_MODEL_CONFIG_INTERNAL_H
#define TL_ENCODERS_MODEL_CONFIG_INTERNAL_H

#include "encoders/model_config.h"

/* They keep every product of sizes below 2^40 and every row of a table within reason, so that nothing after the check has to fear
 * a size from a file. */
enum {
    TL_CONFIG_MOST_WIDTH = 16384,
    TL_CONFIG_MOST_MLP_WIDTH = 65536,
    TL_CONFIG_MOST_LAYERS = 256,
    TL_CONFIG_MOST_STEM_WIDTH = 4096,
    TL_CONFIG_MOST_IMAGE_SIZE = 4096,
    TL_CONFIG_MOST_PATCH_SIZE = 256,
    TL_CONFIG_MOST_CONTEXT = 8192,
    TL_CONFIG_MOST_VOCABULARY = 1 << 22,
    TL_CONFIG_RESNET_EXPANSION = 32 /* width of the last stage by the stem's */
};

#endif

/*
 * A look inside a tower, for comparing it stage by stage with another implementation. Stages by name: "visual.embedding" (the
 * rows that enter block 0), "visual.middle" (those between the halves of block `index`), "visual.block" (the rows that leave
 * block `index`; of the last one only the rows that pooling reads, where it reads one of an item), "visual.pooled" ([B, W]),
 * "visual.projected" ([B, D], not normalised), and "text." likewise. Of a ResNet, "visual.block" 0 is the stem's output and 1 to
 * 4 the stages', as rows [height * width, channels].
 */
#ifndef TL_ENCODERS_STAGE_OBSERVER_H
#define TL_ENCODERS_STAGE_OBSERVER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called on the encoding thread, for a few items at a time, in their order. */
typedef struct tl_stage_observer {
    void *context;
    void (*visit)(void *context, const char *stage, size_t index, const float *rows, size_t row_count, size_t width);
} tl_stage_observer;

#ifdef __cplusplus
}
#endif

#endif

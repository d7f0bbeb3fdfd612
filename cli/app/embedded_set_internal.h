/* A dataset's pictures (and first captions) as unit rows in memory, with what an evaluation asks of each sample. */
#ifndef TL_CLI_APP_EMBEDDED_SET_INTERNAL_H
#define TL_CLI_APP_EMBEDDED_SET_INTERNAL_H

#include "base/core/arena.h"
#include "base/core/progress.h"
#include "cli/app/embedder.h"
#include "cli/app/reasons.h"

typedef struct tl_embedded_sample {
    const char *path;
    const char *caption; /* first one; "" when there is none */
    bool in_split;       /* of the split asked for; true when none was */
    int64_t label;       /* -1: none */
} tl_embedded_sample;

typedef struct tl_embedded_set {
    tl_embedded_sample *samples;
    float *pictures; /* [count, D] */
    size_t count, capacity, vector_capacity;
    size_t dim;
    tl_arena *arena;
    tl_reasons skipped;
} tl_embedded_set;

/* needs_caption: samples without one are skipped. Samples outside the split are kept (in_split false) unless only_split. */
bool tl_embedded_set_load(const char *dataset, tl_embedder *embedder, const char *split, bool only_split, bool needs_caption,
                          const tl_progress *progress, tl_embedded_set *out, tl_error *err) TL_MUST_USE;
void tl_embedded_set_clear(tl_embedded_set *set);

#endif

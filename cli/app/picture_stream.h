/*
 * Pictures of files, folders and datasets through the image tower, one result each in a fixed order, with flat memory: what
 * classify and embed are made of.
 */
#ifndef TL_CLI_APP_PICTURE_STREAM_H
#define TL_CLI_APP_PICTURE_STREAM_H

#include "base/core/progress.h"
#include "cli/app/embedder.h"
#include "cli/app/reasons.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_picture_stream {
    const char *const *paths; /* picture files, folders, datasets */
    size_t path_count;
    tl_embedder *embedder;
    const tl_progress *progress;
} tl_picture_stream;

/* path: as given for a file; folder + "/" + place in it otherwise. vector [D] is a unit row. Return false with err to stop. */
typedef bool (*tl_picture_visit)(void *context, const char *path, const float *vector, tl_error *err);

/* A path that does not exist is an error; a bad picture in a folder is counted in skipped, a bad picture named by itself is an
 * error. */
bool tl_picture_stream_run(const tl_picture_stream *stream, tl_picture_visit visit, void *context, tl_reasons *skipped,
                           tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

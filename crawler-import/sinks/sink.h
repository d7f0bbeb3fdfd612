/*
 * The record of a kind of dataset: how a shard of finished samples lies on the disk. Adding a kind: one file, one row in
 * download/run.c. A shard is written under another name and appears whole on commit; the same samples give the same bytes.
 */
#ifndef TL_CRAWLER_IMPORT_SINKS_SINK_H
#define TL_CRAWLER_IMPORT_SINKS_SINK_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

#define TL_SHARD_NAME_SIZE 32

typedef struct tl_stored_sample {
    const char *key;       /* fits a ustar header */
    const char *extension; /* of the picture: "jpg" */
    tl_slice picture;
    tl_slice text; /* the main caption; data NULL: none, and no KEY.txt */
    tl_slice json;
} tl_stored_sample;

typedef struct tl_sink_kind {
    const char *name; /* "shards", "folder" */
    void (*shard_name)(uint64_t number, char name[TL_SHARD_NAME_SIZE]);
    bool (*open)(const char *dataset, uint64_t number, void **state, tl_error *err);
    bool (*add)(void *state, const tl_stored_sample *sample, tl_error *err);
    /* Makes the shard appear under its name, in the place of an older one; *size: bytes. */
    bool (*commit)(void *state, uint64_t *size, tl_error *err);
    void (*close)(void *state); /* without a commit before it, nothing is left; NULL is fine */
    /* Visits the samples of a finished shard in the order in which they were added; slices are borrowed for the call. */
    bool (*each)(const char *dataset, uint64_t number,
                 bool (*visit)(void *context, const tl_stored_sample *sample, tl_error *err), void *context, tl_error *err);
} tl_sink_kind;

extern const tl_sink_kind tl_sink_shards;
extern const tl_sink_kind tl_sink_folder;

#endif

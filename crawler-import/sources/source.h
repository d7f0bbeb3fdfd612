/* The record of a kind of source and what all kinds share. Adding a kind: one file, one row in registry.c, one test. */
#ifndef TL_CRAWLER_IMPORT_SOURCES_SOURCE_H
#define TL_CRAWLER_IMPORT_SOURCES_SOURCE_H

#include "base/io/file.h"
#include "crawler-import/import.h"
#include "crawler-import/sources/sample_parts.h"

typedef struct tl_source_kind {
    const char *name;
    /* head: the first bytes of a regular file, inflated; empty for a folder and for damaged compressed data. */
    bool (*recognises)(const char *path, const tl_file_status *status, tl_slice head);
    /* Sets source->state; fails with TL_ERROR_INVALID when there is not one item. close is called after a failure as well. */
    bool (*open)(tl_source *source, tl_error *err);
    bool (*next)(tl_source *source, tl_sample *out, bool *done, tl_error *err);
    double (*progress)(const tl_source *source);
    void (*close)(tl_source *source); /* state may be NULL */
} tl_source_kind;

struct tl_source {
    const tl_source_kind *kind;
    tl_source_options options; /* its column names are owned copies */
    char *path;                /* absolute */
    /* Off while a resumed import passes over samples it has: the same items come, without reading picture files. */
    bool reads_pictures;
    tl_sample_parts parts;
    void *state;
};

extern const tl_source_kind tl_source_folder;
extern const tl_source_kind tl_source_table;
extern const tl_source_kind tl_source_webdataset;

/* Hands over the parts as a sample, asking and reading the picture file first when it is wanted. */
bool tl_source_finish_file_sample(tl_source *source, const char *file_path, tl_sample *out, tl_error *err) TL_MUST_USE;
/* The picture of one sample of the shard; key as handed out by the source. */
bool tl_source_read_shard_image(const char *shard_path, const char *key, tl_string *bytes, tl_error *err) TL_MUST_USE;

#endif

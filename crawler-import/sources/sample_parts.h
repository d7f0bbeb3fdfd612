/*
 * What a source puts a sample together from, reused from sample to sample: raw texts found beside the picture go in, a tl_sample
 * that borrows from here comes out. The rules for captions, metadata and labels are the same for folders and shards because they
 * live here.
 */
#ifndef TL_CRAWLER_IMPORT_SOURCES_SAMPLE_PARTS_H
#define TL_CRAWLER_IMPORT_SOURCES_SAMPLE_PARTS_H

#include "crawler-import/import.h"

enum {
    TL_SOURCE_MAX_PICTURE_SIZE = 128 * 1024 * 1024, /* bytes of one picture file */
    TL_SOURCE_MAX_TEXT_SIZE = 4 * 1024 * 1024,      /* bytes of one sidecar */
    TL_SOURCE_MAX_CAPTION_SIZE = 64 * 1024,         /* bytes of one caption, url or split; longer ones are left out */
    TL_SOURCE_MAX_CAPTIONS = 1000,
    TL_SOURCE_MAX_PATH_SIZE = 65536
};

typedef struct tl_sample_parts {
    tl_string key;
    tl_string origin;
    tl_string path;
    tl_string image;
    tl_string caption_text; /* of KEY.txt */
    tl_string json_text;    /* of KEY.json */
    tl_string label_text;   /* of KEY.cls */
    bool has_json;
    const char *root; /* borrowed */
    uint64_t size;
    int64_t modified_ns;
    const char *skip_reason; /* the first reason found wins */
    tl_string captions;      /* one after another, each with a NUL after it */
    size_t *caption_ends;    /* where the NULs are */
    size_t caption_count;
    size_t caption_capacity;
    bool has_long_caption; /* one was left out */
    tl_slice *slices;
    size_t slice_capacity;
    tl_json *json; /* owned */
    int64_t label;
} tl_sample_parts;

void tl_sample_parts_init(tl_sample_parts *parts);
void tl_sample_parts_reset(tl_sample_parts *parts);
void tl_sample_parts_clear(tl_sample_parts *parts);

/* Remembers a reason to skip unless there is one already. */
void tl_sample_parts_skip(tl_sample_parts *parts, const char *reason);
/* Cleans and keeps one caption; an empty one and one that is too long are left out, one that is not UTF-8 is a reason to skip
 * unless captions are not needed. */
bool tl_sample_parts_add_caption(tl_sample_parts *parts, tl_slice text, tl_caption_from caption_from, tl_error *err) TL_MUST_USE;
/* Reads captions, json and label out of the raw texts; name is the file name or key for captions from names. */
bool tl_sample_parts_read_texts(tl_sample_parts *parts, const char *name, tl_caption_from caption_from,
                                tl_error *err) TL_MUST_USE;
/* Fills out with borrowed views of parts; the picture's bytes only if there is no reason to skip. */
bool tl_sample_parts_hand_over(tl_sample_parts *parts, tl_caption_from caption_from, tl_sample *out, tl_error *err) TL_MUST_USE;

#endif

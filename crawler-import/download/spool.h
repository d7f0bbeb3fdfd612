/*
 * The spool of a shard: what became of its rows, in the order in which it became known, until all of them have settled and the
 * shard can be written in the order of its keys. Records are whole or not there: a killed run leaves a file whose last record may
 * be torn, and opening it again cuts that off. Any thread may add and read.
 */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_SPOOL_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_SPOOL_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

typedef struct tl_spool tl_spool;

/* What a record holds beside its numbers. */
typedef enum tl_spool_part {
    TL_SPOOL_PICTURE,   /* bytes as they are stored; empty for a row that failed */
    TL_SPOOL_EXTENSION, /* "jpg" */
    TL_SPOOL_TEXT,      /* the main caption */
    TL_SPOOL_JSON,      /* metadata of the row, of a failed one too */
    TL_SPOOL_STATUS,    /* of a row that failed: how far it came */
    TL_SPOOL_REASON,    /* why it failed; empty: it did not */
    TL_SPOOL_ORIGIN,    /* "cc3m.tsv:17" */
    TL_SPOOL_HOST,      /* that was asked; may be empty */
    TL_SPOOL_PARTS
} tl_spool_part;

typedef struct tl_spool_record {
    uint32_t index;        /* of the row in its shard */
    bool is_worth_retry;   /* of a failure: another run may succeed */
    bool has_text;         /* there is a caption, if only an empty one */
    uint64_t url_hash;     /* XXH3 of the URL; 0: there was none */
    uint64_t picture_hash; /* the first 64 bits of the SHA-256 of the bytes as they were fetched; 0 for a failure */
    tl_slice parts[TL_SPOOL_PARTS];
} tl_spool_record;

/* Opens or creates the file; row_count bounds the indexes. What a record said of a row first stands. */
bool tl_spool_open(const char *path, size_t row_count, tl_spool **out, tl_error *err) TL_MUST_USE;
bool tl_spool_has(tl_spool *spool, uint32_t index);
/* Rows that have a record. */
size_t tl_spool_count(tl_spool *spool);
/* One record of a row that has none. */
bool tl_spool_add(tl_spool *spool, const tl_spool_record *record, tl_error *err) TL_MUST_USE;
/* The record of a row that has one; its slices live in buffer. */
bool tl_spool_read(tl_spool *spool, uint32_t index, tl_string *buffer, tl_spool_record *out, tl_error *err) TL_MUST_USE;
/* The file stays. */
void tl_spool_close(tl_spool *spool);

#endif

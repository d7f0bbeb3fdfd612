/*
 * A list is a table of rows of which each names a picture by its URL: what the web's caption datasets are handed out as. It may
 * be TXT, CSV, TSV, JSON, JSONL (also .gz, .zst), Parquet, COCO captions or a Karpathy split, recognised by its bytes; a folder
 * of such files, or several of them, is one list. Rows come in a fixed order, and memory stays the same however many there are.
 */
#ifndef TL_CRAWLER_IMPORT_LISTS_LIST_H
#define TL_CRAWLER_IMPORT_LISTS_LIST_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_list tl_list;

typedef enum tl_list_digest { TL_LIST_DIGEST_NONE, TL_LIST_DIGEST_MD5, TL_LIST_DIGEST_SHA256 } tl_list_digest;

typedef struct tl_list_options {
    const char *format;         /* "laion", "cc3m", "csv", ...: tl_list_format_name; NULL: told from bytes and column names */
    const char *url_column;     /* NULL: the format's, else the first there is of the usual names; names are of any case, and in a
                                   table without a header "1" is the first column */
    const char *caption_column; /* likewise; a list without one is fine */
    const char *digest_column;  /* NULL: a column called sha256 or md5 */
    const char *keep;           /* columns that travel along: "similarity,NSFW", "*": all others; NULL: none */
    const char *where;          /* rows for which this SQL expression over the columns is true are handed out; NULL: all */
} tl_list_options;

/* Borrowed until the next call on the list. */
typedef struct tl_list_row {
    uint64_t number;          /* from 0 in the order of the list; rows that `where` leaves out count */
    const char *origin;       /* "cc3m.tsv:17" (line; of JSON documents and Parquet the row, from 1) */
    const char *url;          /* http or https, no white space; "" in a row with a skip_reason may be */
    const tl_slice *captions; /* cleaned as tl_caption_append_clean does: valid UTF-8, never empty; the first is the main one */
    size_t caption_count;     /* 0 is no reason to skip: whether captions are needed is the caller's matter */
    tl_list_digest digest_kind;
    const char *digest;      /* of the picture's bytes as the list has it, lower-case hex; NULL when it has none */
    tl_slice kept;           /* the kept columns as one JSON object, empty when nothing is kept */
    const char *skip_reason; /* NULL: a good row; else short fixed words that are counted ("no url", "bad url", "caption not
                                utf-8", "bad digest", "wrong column count", "row too large", "broken json", "where failed") */
} tl_list_row;

/*
 * Opens files and folders, in this order, as one list; folders give their list files sorted by path. Every file is looked at, so
 * that what cannot be read, a column that is missing and an expression that does not hold are told of here. TL_ERROR_INVALID
 * names the columns that there are. options may be NULL.
 */
bool tl_list_open(const char *const *paths, size_t path_count, const tl_list_options *options, tl_list **out,
                  tl_error *err) TL_MUST_USE;
/* The next row. A bad one has a skip_reason; damage past which a file cannot be read on (a truncated .gz) is a failure that names
 * file and row. */
bool tl_list_next(tl_list *list, tl_list_row *out, bool *done, tl_error *err) TL_MUST_USE;
/* Passes over rows without looking into them, those that `where` would leave out counted: after it the next row has a number of
 * `count` more. Passing over the end is no failure. */
bool tl_list_skip(tl_list *list, uint64_t count, tl_error *err) TL_MUST_USE;
/*
 * Told every few milliseconds while one call of tl_list_next or tl_list_skip passes over row after row (an expression that holds
 * for few of them): it may look after other work, but not use the list, except for tl_list_progress. False ends that call with
 * its error. Both fields may be NULL.
 */
typedef struct tl_list_watch {
    bool (*tell)(void *context, tl_error *err);
    void *context;
} tl_list_watch;

void tl_list_set_watch(tl_list *list, tl_list_watch watch);
/* Share of the bytes read so far, 0..1. */
double tl_list_progress(const tl_list *list);
void tl_list_close(tl_list *list);

/* Names that options.format may have; NULL past the last. */
const char *tl_list_format_name(size_t index);

#ifdef __cplusplus
}
#endif

#endif

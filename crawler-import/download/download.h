/*
 * Door of downloading: a list of URLs becomes a DATASET as img2dataset lays it out (shards 00000.tar of KEY.jpg, KEY.txt,
 * KEY.json; keys by place in the list), in one pass: fetched, checked, resized, stored. Stopped or killed, the same command goes
 * on, fetches nothing again that was kept, and ends with the same bytes.
 */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_DOWNLOAD_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_DOWNLOAD_H

#include "base/core/progress.h"
#include "base/image/probe.h"
#include "base/io/json.h"
#include "crawler-import/fetch/fetcher.h"
#include "crawler-import/import.h"
#include "crawler-import/lists/list.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_fit {
    TL_FIT_NO,
    TL_FIT_SHORTEST, /* the shorter side becomes size */
    TL_FIT_LONGEST,  /* the longer side becomes size */
    TL_FIT_SQUASH,   /* size x size, whatever the ratio */
    TL_FIT_CROP      /* the shorter side becomes size, then the middle size x size */
} tl_fit;

/* What becomes of a picture. Zero is the default of every field. */
typedef struct tl_picture_rules {
    tl_fit resize;
    uint32_t size;          /* pixels, with a mode other than no */
    bool only_if_bigger;    /* leave pictures that already fit */
    tl_image_format format; /* TL_IMAGE_JPEG, _WEBP, _PNG; TL_IMAGE_UNKNOWN: its own, or JPEG where it has to be written again */
    unsigned quality;       /* as tl_image_encode_options */
    bool drop_metadata;     /* EXIF, XMP and comments go, from pictures that are kept as they came too */
    bool keep_metadata;     /* EXIF (orientation 1) and the colour profile stay, in pictures that are written again too */
    bool only_headers;      /* pictures that are kept as they came are not decoded to find broken ones */
    uint32_t min_side;      /* pixels of the shorter side; 0: any */
    double max_aspect;      /* longer side / shorter side; 0: any */
    uint64_t max_pixels;    /* of what came; 0: 64 million, which two threads can hold */
} tl_picture_rules;

/* Which rows are wanted. Zero is the default of every field. */
typedef struct tl_row_rules {
    bool needs_caption;
    uint32_t min_caption, max_caption; /* characters of the main caption; 0: any */
    const char *scripts;               /* "latin,cyrillic": most letters of the main caption are of these; NULL: any */
    bool unique_urls;                  /* of rows with one URL the first counts */
    bool unique_pictures;              /* of rows whose bytes are the same (SHA-256) the first counts */
} tl_row_rules;

typedef enum tl_store_as {
    TL_STORE_SHARDS, /* 00000.tar */
    TL_STORE_FOLDER, /* 00000/KEY.jpg */
    TL_STORE_NOTHING /* only the receiver gets the samples */
} tl_store_as;

typedef enum tl_row_table { TL_TABLE_NONE, TL_TABLE_PARQUET, TL_TABLE_JSONL } tl_row_table;

typedef struct tl_received_sample {
    const char *key;
    const char *path; /* where it is stored below the dataset ("00000.tar#000000007", "00000/000000007.jpg"); only the key where
                         nothing is stored */
    const char *url;
    tl_slice picture;
    const tl_slice *captions;
    size_t caption_count;
    const char *split; /* or NULL */
} tl_received_sample;

/* Gets the samples of a shard in the order of their keys, on a thread of the download's, before the shard counts as finished: a
 * killed run hands over the samples of its last shard again. */
typedef struct tl_sample_receiver {
    void *context;
    bool (*add)(void *context, const tl_received_sample *sample, tl_error *err);
    bool (*end_shard)(void *context, tl_error *err);
} tl_sample_receiver;

/* Zero is the default of every field. */
typedef struct tl_download_options {
    tl_list_options list;
    tl_fetch_options fetch; /* most_memory 0: 96 MiB */
    tl_picture_rules picture;
    tl_row_rules rows;
    size_t samples_per_shard; /* rows of the list that fall into a shard; 0: 10,000 */
    double hold_out;          /* as tl_import_options */
    tl_store_as store;
    tl_row_table table; /* beside each shard: all its rows, those that failed too */
    /* Of a list divided over machines, which shards are this one's: those whose number leaves `part` when divided by
     * part_count. Both 0: all. Datasets of the parts are merged by copying their files into one folder. */
    uint32_t part, part_count;
    bool
        retry_failed; /* rows of finished shards that failed in a way that may pass are tried again; their shards are rewritten */
    bool incremental; /* a newer list: rows whose URL an earlier list of this dataset had are passed over */
    size_t threads;   /* that decode and encode; 0: as many as there are processors */
    const tl_sample_receiver *receiver;
    const tl_progress *progress;
} tl_download_options;

/* Downloads the list that these files and folders are. The report counts what the dataset holds of it. */
bool tl_download_run(const char *const *sources, size_t source_count, const char *dataset, const tl_download_options *options,
                     tl_import_report *report, tl_error *err) TL_MUST_USE;

/*
 * What the ledgers of a dataset (of all its parts) say, as one JSON object: lists, shards, rows, stored, failed, bytes, reasons
 * and hosts (most frequent first; at most `most_hosts`), runs with their rates.
 */
bool tl_download_report(const char *dataset, size_t most_hosts, tl_json **out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/*
 * Door of importing: sources hand out samples (a picture and what was written about it), a run stores them as a DATASET: a folder
 * of WebDataset shards (00000.tar, ...; files that share a name up to the first dot are one sample: KEY.jpg, KEY.txt, KEY.json)
 * and a ledger.db (SQLite) of what was done, skipped and why. The same source kinds read a DATASET again for training and
 * indexing.
 */
#ifndef TL_CRAWLER_IMPORT_IMPORT_H
#define TL_CRAWLER_IMPORT_IMPORT_H

#include "base/core/error.h"
#include "base/core/progress.h"
#include "base/core/slice.h"
#include "base/core/string.h"
#include "base/io/json.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One sample; slices and texts are borrowed until the next _next. Captions are valid UTF-8. */
typedef struct tl_sample {
    const char *key;          /* unique within the source; no dot, no leading slash */
    const char *origin;       /* "cats.tsv:17", "00000.tar#key", "animals/fox.png": for messages and reports */
    const char *root;         /* absolute folder (or dataset) the path is relative to */
    const char *path;         /* relative to root: "animals/fox.png", "00000.tar#key" */
    uint64_t size;            /* bytes of the picture file */
    int64_t modified_ns;      /* of the picture file, or of its shard */
    tl_slice image;           /* the picture's bytes; empty when not asked for */
    const tl_slice *captions; /* first is the main one */
    size_t caption_count;
    const char *url;         /* or NULL */
    const char *split;       /* from the sample's json, or NULL */
    const tl_json *json;     /* all metadata, or NULL */
    int64_t label;           /* class index from KEY.cls or json "label"; -1: none */
    const char *skip_reason; /* NULL: a good sample; else a short reason ("no caption", "unreadable picture") that is counted;
                                image may be empty */
} tl_sample;

typedef struct tl_source tl_source;

typedef enum tl_caption_from { TL_CAPTION_FROM_SIDECAR, TL_CAPTION_FROM_NAME, TL_CAPTION_NONE } tl_caption_from;

typedef struct tl_source_options {
    tl_caption_from caption_from; /* folder: NAME.txt beside the picture (first line; Tux Paint's "LANG.utf8=" lines are left
                                     out; NAME_mirror and NAME_flip share NAME.txt); from name: the file name where there is no
                                     such file; none: a picture without a caption is no skip */
    const char *image_column; /* captions table: column with a path relative to the table, NULL: image, file, filename, filepath,
                                 path, image_path, file_name, whichever is there */
    const char *caption_column; /* NULL: caption, captions, text, title, description; a text, or an array of texts */
    const char *image_folder;   /* captions table: what paths are relative to; NULL: the table's folder, for COCO and Karpathy
                                   documents   also the folders beside it */
    bool without_image_bytes;   /* do not read pictures (sizes and times only) */
    /* Asked before a picture's bytes are read (folders and tables): false leaves image empty, so that an unchanged file is not
     * read. NULL: always. */
    bool (*wants_bytes)(void *context, const tl_sample *sample);
    void *context;
} tl_source_options;

/* Sniffs what path is: a folder of pictures, a DATASET or folder of shards, one shard (.tar, .tar.gz), a captions table (CSV,
 * TSV, JSON, JSONL, Parquet, COCO captions, a Karpathy split; also .gz, .zst). */
bool tl_source_open(const char *path, const tl_source_options *options, tl_source **out, tl_error *err) TL_MUST_USE;
const char *tl_source_kind_name(const tl_source *source); /* "folder", "table", "webdataset" */
/* Absolute path of what was opened. */
const char *tl_source_root(const tl_source *source);
/* Next sample in a fixed order (folders: sorted by path bytes); *done at the end. A bad item is a sample with skip_reason, never
 * a failure. */
bool tl_source_next(tl_source *source, tl_sample *out, bool *done, tl_error *err) TL_MUST_USE;
/* Share of the source read so far, 0..1, or a negative number when unknown. */
double tl_source_progress(const tl_source *source);
void tl_source_close(tl_source *source);

/* "shard.tar", "SHARD.TAR.GZ", "a.tgz". */
bool tl_source_name_is_shard(tl_slice name);
/* Bytes of the shard's name in a sample's path ("00000.tar#key": 9), 0 where the path is a plain file's, whose name may hold a
 * '#' too. */
size_t tl_source_shard_name_size(const char *path);
/* Reads one sample of a shard by path "00000.tar#key" under root; *bytes must be initialised. */
bool tl_source_read_image(const char *root, const char *path, tl_string *bytes, tl_error *err) TL_MUST_USE;

typedef struct tl_import_options {
    tl_source_options source;
    size_t samples_per_shard; /* 0: 10,000 */
    double hold_out; /* share of samples marked split "held-out" by a hash of the key (others "train"); 0: no split is written */
    bool decode_pictures; /* decode every picture to find broken ones (default of the command); else only its header is read */
    const tl_progress *progress;
} tl_import_options;

typedef struct tl_import_reason {
    char reason[64];
    uint64_t count;
} tl_import_reason;

typedef struct tl_import_report {
    uint64_t imported; /* in the dataset after the run, this source list */
    uint64_t skipped;
    uint64_t shards;
    uint64_t bytes;
    tl_import_reason reasons[32]; /* most frequent first; the last is "other" when there are more */
    size_t reason_count;
} tl_import_report;

/*
 * Imports sources into dataset (made when missing). Stopped or killed, the same command goes on: finished shards stay, the
 * unfinished one is written anew; a finished import run again adds only sources that are new to the ledger (a finished folder is
 * not looked at again, a finished file that changed is an error). A dataset made by other sources gets shards added.
 */
bool tl_import_run(const char *const *sources, size_t source_count, const char *dataset, const tl_import_options *options,
                   tl_import_report *report, tl_error *err) TL_MUST_USE;
/* Visits every skipped item of a dataset's ledger in order. */
bool tl_import_each_skipped(const char *dataset, bool (*visit)(void *context, const char *origin, const char *reason),
                            void *context, tl_error *err) TL_MUST_USE;
/* True for the keys that hold_out holds out: hash of the key (without _mirror, _flip at its end), the same on every machine. */
bool tl_import_key_is_held_out(const char *key, double hold_out);

#ifdef __cplusplus
}
#endif

#endif

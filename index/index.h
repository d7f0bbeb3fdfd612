/*
 * Door of the picture index: one SQLite file with items (pictures), their captions, and vectors in sets. A set is a model
 * fingerprint and a kind (image or caption); vectors of different models never mix. tl_index is opened once per process; a writer
 * and a searcher own connections of their own and belong to one thread each. A second process can search while one writes (WAL).
 */
#ifndef TL_INDEX_INDEX_H
#define TL_INDEX_INDEX_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"
#include "index/vector_store.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_index tl_index;
typedef struct tl_index_writer tl_index_writer;
typedef struct tl_index_searcher tl_index_searcher;

/* One picture. Texts may be NULL for absent. As an input borrowed; as an output valid as its function says. */
typedef struct tl_item {
    int64_t id;             /* output only */
    const char *root;       /* absolute folder (or DATASET) the path is relative to */
    const char *path;       /* relative to root; an item in a shard is "00000.tar#key" */
    uint64_t size;          /* bytes */
    int64_t modified_ns;    /* of the file, or of its shard */
    const char *hash;       /* content hash, 32 hex digits */
    uint32_t width, height; /* pixels as shown, orientation applied */
    const char *taken;      /* "2024-05-17T09:30:00" */
    const char *camera;
    bool has_place;
    double latitude, longitude;
    const char *url;
    const char *split; /* "train", "held-out", ... as the dataset says */
    const char *const *captions;
    size_t caption_count;
    const int64_t *caption_ids; /* output of tl_index_item_read only: ids of the captions, same order */
} tl_item;

typedef enum tl_vector_kind { TL_VECTOR_IMAGE, TL_VECTOR_CAPTION } tl_vector_kind;

typedef struct tl_vector_set {
    char model[33]; /* fingerprint */
    tl_vector_kind kind;
    uint32_t dim;
    uint64_t count;            /* output only */
    char model_name[96];       /* shown to people */
    tl_vector_storage storage; /* of a new set; a set that is there keeps its own */
    uint32_t lists;            /* output only: lists of neighbouring vectors it is divided into; 0: none, every search is exact */
    uint64_t divided;          /* output only: vectors there were when it was divided */
} tl_vector_set;

typedef enum tl_index_mode { TL_INDEX_READ, TL_INDEX_WRITE, TL_INDEX_CREATE } tl_index_mode;

/* mode create: makes the file (and its folder) when it is missing. Not our file, a newer one, a corrupt one: an error that says
 * which. */
bool tl_index_open(const char *path, tl_index_mode mode, tl_index **out, tl_error *err) TL_MUST_USE;
void tl_index_close(tl_index *index);

typedef struct tl_index_stats {
    uint64_t items, captions, roots, file_bytes;
} tl_index_stats;
bool tl_index_stats_read(tl_index *index, tl_index_stats *out, tl_error *err) TL_MUST_USE;
/* Sets in the file, largest first; *sets is owned by the caller (tl_memory_free). */
bool tl_index_sets(tl_index *index, tl_vector_set **sets, size_t *count, tl_error *err) TL_MUST_USE;
/* Visits items ordered by root and path until visit returns false with err filled or the end; root NULL: all. Texts live for the
 * call. */
bool tl_index_each_item(tl_index *index, const char *root, bool (*visit)(void *context, const tl_item *item, tl_error *err),
                        void *context, tl_error *err) TL_MUST_USE;
/* Visits the vectors [dim] of a set by ascending owner (item ids for images, caption ids for captions), all of one state of the
 * file. No such set: TL_ERROR_NOT_FOUND. visit may read items of the same index. */
bool tl_index_each_vector(tl_index *index, const char *model_fingerprint, tl_vector_kind kind,
                          bool (*visit)(void *context, int64_t owner, const float *vector, tl_error *err), void *context,
                          tl_error *err) TL_MUST_USE;
/* The item that a caption belongs to. */
bool tl_index_caption_item(tl_index *index, int64_t caption_id, int64_t *item_id, tl_error *err) TL_MUST_USE;
/* Copies the index as it is now into a new file, while others read and write it. A file that is there is an error. */
bool tl_index_backup(tl_index *index, const char *path, tl_error *err) TL_MUST_USE;
/* Reads one item; texts are owned by the returned block (tl_memory_free(block)). */
bool tl_index_item_read(tl_index *index, int64_t id, tl_item *item, void **block, tl_error *err) TL_MUST_USE;
/* Full check: SQLite's integrity_check, every block's checksum, every vector's owner. Reports the first fault as the error. */
bool tl_index_check(tl_index *index, tl_error *err) TL_MUST_USE;

/* Gives space that became free back to the file system, by writing the file anew; needs an index opened for writing and no
 * writer. */
bool tl_index_vacuum(tl_index *index, tl_error *err) TL_MUST_USE;

/* Writing: everything since open or the last commit becomes visible at once, or not at all. One writer at a time (a second waits,
 * then fails). */
bool tl_index_writer_open(tl_index *index, tl_index_writer **out, tl_error *err) TL_MUST_USE;
/* Inserts, or updates the item of the same root and path; its captions are replaced, and vectors of captions that went away go
 * too. *id is the item's. */
bool tl_index_writer_put_item(tl_index_writer *writer, const tl_item *item, int64_t *id, tl_error *err) TL_MUST_USE;
/* Gives an existing item another root and path (a moved file keeps its vectors). */
bool tl_index_writer_move_item(tl_index_writer *writer, int64_t id, const char *root, const char *path,
                               tl_error *err) TL_MUST_USE;
bool tl_index_writer_touch_item(tl_index_writer *writer, int64_t id, int64_t modified_ns,
                                tl_error *err) TL_MUST_USE; /* same bytes, newer time */
bool tl_index_writer_remove_item(tl_index_writer *writer, int64_t id,
                                 tl_error *err) TL_MUST_USE; /* with captions and all vectors */
/* Replaces the folder of a root, for a library that was moved. */
bool tl_index_writer_move_root(tl_index_writer *writer, const char *old_root, const char *new_root, tl_error *err) TL_MUST_USE;
/* Ids of an item's captions in order; *ids is owned by the caller. */
bool tl_index_writer_caption_ids(tl_index_writer *writer, int64_t item_id, int64_t **ids, size_t *count,
                                 tl_error *err) TL_MUST_USE;
/* Adds or replaces vectors [n, dim] (unit rows, finite) of owners (item ids for images, caption ids for captions) in the set,
 * which is made when new. */
bool tl_index_writer_put_vectors(tl_index_writer *writer, const tl_vector_set *set, const int64_t *owners, const float *vectors,
                                 size_t count, tl_error *err) TL_MUST_USE;
/* Item ids (kind image) or caption ids (kind caption) that have no vector in the set yet; *owners owned by the caller. */
bool tl_index_writer_missing(tl_index_writer *writer, const tl_vector_set *set, int64_t **owners, size_t *count,
                             tl_error *err) TL_MUST_USE;
/*
 * Divides the set into lists of neighbouring vectors with short codes, or divides it anew, so that a search can look into few of
 * them: what tl_search_options.probes is about. lists 0: a number that suits the set. Vectors put later are searched exactly and
 * join their lists at the commit that finds many of them. Takes seconds for each 100,000; the caller commits.
 */
bool tl_index_writer_divide(tl_index_writer *writer, const char *model_fingerprint, tl_vector_kind kind, uint32_t lists,
                            tl_thread_pool *pool, tl_error *err) TL_MUST_USE;
bool tl_index_writer_commit(tl_index_writer *writer, tl_error *err) TL_MUST_USE;
/* Without a commit before it, what was written since is rolled back. */
void tl_index_writer_close(tl_index_writer *writer);

typedef struct tl_hit {
    int64_t item_id;
    int64_t caption_id; /* kind caption; else 0 */
    float score;        /* dot product of unit rows: cosine; of a hybrid search: see words */
} tl_hit;

typedef struct tl_search_options {
    size_t k;              /* at least 1; larger than the set: all of it */
    const char *directory; /* only items whose root/path lies in this absolute folder; NULL: all. Then the search is exact */
    /* Only items (or captions) that fulfil this condition: an SQL expression over root, path, size, modified_ns, hash, width,
     * height, taken, camera, latitude, longitude, url, split and caption, with plain functions; NULL: all. k are found when there
     * are k */
    const char *where;
    /* Not NULL: a hybrid search. What the vectors find and what the captions' words find (any word of this text, by bm25) is
     * ranked together: the score of a hit is the sum of 1 / (60 + place) over both lists (reciprocal rank fusion). */
    const char *words;
    bool exact;      /* look at all that could be among the k best, also where the set is divided */
    uint32_t probes; /* lists of a divided set to look into; 0: a number that suits the set */
} tl_search_options;

/* No set of this model and kind: TL_ERROR_NOT_FOUND naming the sets that are there. */
bool tl_index_searcher_create(tl_index *index, const char *model_fingerprint, tl_vector_kind kind, tl_index_searcher **out,
                              tl_error *err) TL_MUST_USE;
uint32_t tl_index_searcher_dim(const tl_index_searcher *searcher);
/* The k highest scores, ties by lower owner id: exactly, unless the set is divided and the options allow an approximation. hits
 * has room for k; *count of them are written, best first. Sees all that was committed before. */
bool tl_index_searcher_search(tl_index_searcher *searcher, const float *query, const tl_search_options *options, tl_hit *hits,
                              size_t *count, tl_error *err) TL_MUST_USE;
void tl_index_searcher_destroy(tl_index_searcher *searcher);

#ifdef __cplusplus
}
#endif

#endif

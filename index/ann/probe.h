/*
 * Search of a divided set: lists in the order of their centres' scores, in them the rows whose code says that they may be among
 * the best, and of these the stored vectors themselves. With the whole bound of a code no row is lost; with the part of it that
 * random rotation makes certain enough, few rows need to be fetched.
 */
#ifndef TL_INDEX_ANN_PROBE_H
#define TL_INDEX_ANN_PROBE_H

#include "index/ann/centroids.h"
#include "index/ann/code.h"
#include "index/ann/top_k.h"
#include "index/catalogue/statements.h"
#include "index/catalogue/vector_sets.h"

typedef struct tl_listed_block {
    int64_t id;
    uint32_t count;
    float radius; /* no residual in it is longer */
    bool is_verified;
} tl_listed_block;

typedef struct tl_candidate {
    float most; /* its score is not above */
    uint32_t row, hash;
    int64_t owner, block;
} tl_candidate;

enum { TL_CANDIDATES = 128 };

typedef struct tl_probe {
    bool is_loaded;
    int64_t data_version, set_id;
    uint64_t generation;
    tl_centroids centroids;
    tl_coder coder;
    tl_coded_query query;
    tl_listed_block *blocks; /* of list 1 on, by list and id */
    size_t block_count, block_capacity;
    uint32_t *starts; /* [lists + 1]: where the blocks of list n + 1 begin */
    uint64_t tail_count;
    tl_hit *order; /* [lists] */
    float *centre_scores;
    int32_t *sums;
    size_t sums_capacity;
    float *lengths; /* errors, then norms, of a block */
    size_t lengths_capacity;
    uint8_t *vector; /* one as stored */
    tl_candidate waiting[TL_CANDIDATES];
    size_t waiting_count;
    sqlite3_blob *vectors;
    int64_t opened; /* block that it stands on */
} tl_probe;

typedef struct tl_probe_call {
    const tl_set_row *set;
    const float *query;
    const tl_ids *allowed; /* ascending; NULL: all */
    bool exact;
    uint32_t probes; /* 0: suits the set */
} tl_probe_call;

void tl_probe__clear(tl_probe *probe);
/* Offers what may be among the best of the lists to top; *tail_count: vectors that are in none. Within a read transaction, which
 * tl_probe__rest lets end. */
bool tl_probe__search(tl_probe *probe, tl_statements *statements, const tl_probe_call *call, tl_top_k *top, uint64_t *tail_count,
                      tl_error *err) TL_MUST_USE;
void tl_probe__rest(tl_probe *probe);

#endif

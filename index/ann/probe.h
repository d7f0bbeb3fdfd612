/*
 * Search of a divided set: lists in the order of their centres' scores, in them the rows whose code says that they may be among
 * the best, and of these the stored vectors themselves. With the whole bound of a code no row is lost; with the part of it that
 * random rotation makes certain enough, few rows need to be fetched.
 */
#ifndef TL_INDEX_ANN_PROBE_H
#define TL_INDEX_ANN_PROBE_H

#include "index/ann/centroids.h"
#include "index/ann/code.h"
#include "index/ann/filter.h"
#include "index/ann/heads.h"
#include "index/ann/order.h"
#include "index/vectors/store.h"

typedef struct tl_listed_block {
    int64_t id;
    uint32_t count;
    float radius; /* no residual in it is longer */
} tl_listed_block;

typedef struct tl_candidate {
    float most, least; /* its score is not above, not below */
    uint32_t row, hash;
    int64_t owner, block;
} tl_candidate;

enum { TL_CANDIDATES = 512 };

typedef struct tl_probe {
    bool is_loaded;
    int64_t data_version, set_id;
    uint64_t generation, changes;
    tl_centroids centroids;
    tl_coder coder;
    tl_coded_query query;
    tl_listed_block *blocks; /* of list 1 on, by list and id */
    size_t block_count, block_capacity;
    uint32_t *starts; /* [lists + 1]: where the blocks of list n + 1 begin */
    tl_heads heads;   /* of blocks, at the same places */
    uint64_t tail_count;
    tl_list_order order;
    float *from_centre; /* [dim]: the query as seen from a list's centre */
    int32_t *sums;
    size_t sums_capacity;
    float *lengths; /* errors, then norms, then bounds, of a block */
    size_t lengths_capacity;
    uint8_t *vector; /* one as stored */
    tl_candidate waiting[TL_CANDIDATES];
    size_t waiting_count;
    /* Of rows looked at the least scores they can have: what stays below the k-th of these is not among the k best. And of those
     * waiting the scores that are most likely. */
    tl_top_k floors, middles;
    float threshold; /* what cannot have this score at least is not among the best, by what was fetched and by the floors */
    int64_t opened;  /* block that the store's blob of vectors stands on */
    uint64_t seen;   /* rows of lists that the search wanted to know of */
} tl_probe;

void tl_probe__clear(tl_probe *probe);
/* Learns what changed in the tables; *tail_count: vectors that are in no list. Within a read transaction. */
bool tl_probe__refresh(tl_probe *probe, tl_store *store, const tl_stored_set *set, uint64_t *tail_count,
                       tl_error *err) TL_MUST_USE;
/* Offers what may be among the best of the lists to top; filter NULL: all. After a refresh, in the same transaction. */
bool tl_probe__search(tl_probe *probe, tl_store *store, const tl_stored_set *set, const tl_vector_query *query,
                      const tl_filter *filter, tl_top_k *top, tl_error *err) TL_MUST_USE;

#endif

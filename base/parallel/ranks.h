/*
 * Several processes that do one job together, each with a number: ranks. In a build with TL_MPI they are those that mpirun has
 * started; elsewhere there is one. Most calls are collective: every rank makes the same ones in the same order.
 *
 * A rank that fails says so by tl_ranks_agree at once, whatever the others are about to do; every collective call asks first
 * whether all are well, so that all of them fail there, with the failing rank's own words, and none waits for ever. After that no
 * call waits for anybody. A rank that is killed takes the job with it: that is mpirun's doing.
 *
 * One thread of a process makes the calls. ranks may be NULL: one rank.
 */
#ifndef TL_BASE_PARALLEL_RANKS_H
#define TL_BASE_PARALLEL_RANKS_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_ranks tl_ranks;

/* Joins the ranks that were started together; once in a process. In a build without MPI an error that says so. */
bool tl_ranks_open(tl_ranks **out, tl_error *err) TL_MUST_USE;
void tl_ranks_close(tl_ranks *ranks);
size_t tl_ranks_number(const tl_ranks *ranks); /* 0 to count - 1 */
size_t tl_ranks_count(const tl_ranks *ranks);

/* A run of numbered things. */
typedef struct tl_rank_share {
    size_t first, count;
} tl_rank_share;

/* What rank `number` has of `total` things: shares are nearly equal and lie in the ranks' order. */
tl_rank_share tl_ranks_share(const tl_ranks *ranks, size_t number, size_t total);
/* This rank's. */
tl_rank_share tl_ranks_my_share(const tl_ranks *ranks, size_t total);

/* True when ok is true on all; else every rank has the error of the first one that failed, with its number where not all did. */
bool tl_ranks_agree(tl_ranks *ranks, bool ok, tl_error *err) TL_MUST_USE;
/* *any: whether `mine` is true on some rank. */
bool tl_ranks_any(tl_ranks *ranks, bool mine, bool *any, tl_error *err) TL_MUST_USE;
/* Fails on all where value is not the same everywhere; what: "the same weights". */
bool tl_ranks_same(tl_ranks *ranks, uint64_t value, const char *what, tl_error *err) TL_MUST_USE;
/* Rank 0's bytes to all. */
bool tl_ranks_tell(tl_ranks *ranks, void *bytes, size_t size, tl_error *err) TL_MUST_USE;
/* all: `total` items of so many bytes, of which each rank has filled in its share. */
bool tl_ranks_gather(tl_ranks *ranks, void *all, size_t item_size, size_t total, tl_error *err) TL_MUST_USE;
/* Adds up values over all ranks, in place, to the same bits everywhere. */
bool tl_ranks_sum(tl_ranks *ranks, float *values, size_t count, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/*
 * Pictures of an index that are nearly the same, in groups: by their embeddings, or by a hash of what they look like. Nothing is
 * changed or deleted.
 *
 * A group has a first member, the one indexed first, and all others are within the threshold of that one, so that a chain of
 * small steps makes no large group; each picture is in one group at most.
 */
#ifndef TL_CLI_APP_DEDUP_JOB_H
#define TL_CLI_APP_DEDUP_JOB_H

#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/reasons.h"
#include "index/index.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_dedup_job {
    const char *index_path;
    const char *model;   /* fingerprint; NULL: the set with the most vectors */
    bool by_hash;        /* of the pictures' files, which are read anew; else by the vectors in the index */
    double least_cosine; /* by vectors */
    uint32_t most_bits;  /* by hash: that may differ, of TL_DIFFERENCE_HASH_BITS */
    tl_thread_pool *pool;
    const tl_progress *progress;
} tl_dedup_job;

typedef struct tl_dedup_member {
    uint64_t group; /* 1, 2, ... */
    bool is_first;  /* of its group */
    double score;   /* likeness to the first: cosine, or the share of equal bits */
    const tl_item *item;
} tl_dedup_member;

typedef struct tl_dedup_report {
    uint64_t pictures, groups, surplus; /* surplus: members that are not the first */
    tl_reasons skipped;                 /* by hash: files that could not be read */
} tl_dedup_report;

/* Visits the members of one group after the other, each group by ascending item. */
bool tl_dedup_job_run(const tl_dedup_job *job, bool (*visit)(void *context, const tl_dedup_member *member, tl_error *err),
                      void *context, tl_dedup_report *report, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/* Searching: a sentence or a picture in, the nearest items of the index out. */
#ifndef TL_CLI_APP_SEARCH_JOB_H
#define TL_CLI_APP_SEARCH_JOB_H

#include "cli/app/model_bundle.h"
#include "index/index.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_search_job {
    const char *index_path;
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    /* What is looked for: unit vectors of the sentence (or NULL) and of pictures (files or "SHARD.tar#key") are added, those of
     * what it should not be like are taken off. At least one to be like. */
    const char *text;
    const char *const *like;
    size_t like_count;
    const char *const *unlike; /* pictures, or sentences where there is no such file */
    size_t unlike_count;
    /* "W,W,...": how much each of them counts, the sentence first, then like, then unlike; NULL: all 1. */
    const char *weights;
    bool hybrid;   /* captions that have words of the sentence, which must be there, count beside the vectors */
    bool captions; /* find captions instead of pictures */
    size_t k;
    const char *directory; /* only items in it, or NULL */
    const char *where;     /* only items that fulfil this SQL condition (tl_search_options), or NULL */
    bool exact;            /* all lists of a divided set */
    uint32_t probes;       /* lists to look into; 0: suits the set */
} tl_search_job;

typedef struct tl_search_result {
    float score; /* cosine; of a hybrid search as in tl_search_options */
    const tl_item *item;
    const char *caption; /* the one found, or the item's first; NULL: none */
} tl_search_result;

/* Calls visit for each hit, best first; texts live for the call. */
bool tl_search_job_run(const tl_search_job *job, bool (*visit)(void *context, const tl_search_result *result, tl_error *err),
                       void *context, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

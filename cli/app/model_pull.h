/* Downloads a published model into the store (cli/app/model_store.h). */
#ifndef TL_CLI_APP_MODEL_PULL_H
#define TL_CLI_APP_MODEL_PULL_H

#include "base/core/progress.h"
#include "cli/app/model_store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_model_pull_options {
    bool is_offline;      /* never touch the network: an installed model is all there can be */
    unsigned retries;     /* in a row without a new byte */
    double retry_seconds; /* before the first of them; doubled each time */
    int64_t now;          /* seconds since 1970-01-01 UTC, for origin.json */
} tl_model_pull_options;

typedef struct tl_model_pull_result {
    char *path; /* the model's folder */
    tl_model_origin origin;
    bool was_complete; /* nothing had to be done */
    bool was_updated;  /* another revision was there before */
    char warning[320]; /* "", or what a user should know of how the model opened */
    bool is_unchecked; /* offline: whether the hub has a newer one is not known */
} tl_model_pull_result;

/*
 * What lies in the store is replaced only by a whole model: every file of the size and digest that the hub states, and opened
 * once as a model (its weights are hashed and looked through for values that are not finite on that occasion). Stopped anywhere,
 * the next call goes on with what is there. The result is to be cleared after true.
 */
bool tl_model_pull(const tl_runtime *runtime, const tl_model_reference *reference, const tl_model_pull_options *options,
                   const tl_progress *progress, tl_model_pull_result *out, tl_error *err) TL_MUST_USE;
void tl_model_pull_result_clear(tl_model_pull_result *result);

#ifdef __cplusplus
}
#endif

#endif

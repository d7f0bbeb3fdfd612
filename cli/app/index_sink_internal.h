/*
 * The samples of a download straight into the index: embedded and stored as they come, a commit a shard. What was committed
 * before a stop stays; a shard that comes again replaces its own items.
 */
#ifndef TL_CLI_APP_INDEX_SINK_INTERNAL_H
#define TL_CLI_APP_INDEX_SINK_INTERNAL_H

#include "cli/app/model_bundle.h"
#include "cli/app/reasons.h"
#include "crawler-import/download/download.h"

typedef struct tl_index_sink tl_index_sink;

/* The index file is made when missing. root: what its items' paths count from. bundle, pool and skipped, which counts pictures
 * that could not be decoded as the model wants them, must outlive the sink. */
bool tl_index_sink_open(const char *index_path, const char *root, const tl_model_bundle *bundle, tl_thread_pool *pool,
                        tl_reasons *skipped, tl_index_sink **out, tl_error *err) TL_MUST_USE;
/* What a download hands its samples to; borrowed from the sink. */
const tl_sample_receiver *tl_index_sink_receiver(const tl_index_sink *sink);
void tl_index_sink_close(tl_index_sink *sink);

#endif

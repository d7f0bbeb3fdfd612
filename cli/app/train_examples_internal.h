/*
 * MODEL/examples.json: what a trained model finds on its validation set, for people to look at: a few captions, the pictures
 * nearest to each, as the model sees them, and whether they are right. The page of a run (train_page.h) shows them.
 */
#ifndef TL_CLI_APP_TRAIN_EXAMPLES_INTERNAL_H
#define TL_CLI_APP_TRAIN_EXAMPLES_INTERNAL_H

#include "cli/app/embedded_set_internal.h"
#include "cli/app/train_settings.h"

#include "base/core/progress.h"
#include "base/parallel/thread_pool.h"

#define TL_TRAIN_EXAMPLES_FILE "examples.json"

/* Of the model in the folder and settings->validate, whose samples of the split are the queries. set: that dataset as the model
 * embeds it; empty: it is embedded. */
bool tl_train_examples_write(const tl_train_settings *settings, const char *model_directory, tl_thread_pool *pool,
                             const tl_progress *progress, tl_embedded_set *set, tl_error *err) TL_MUST_USE;

#endif

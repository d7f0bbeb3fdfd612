/*
 * The runtime of one process: its thread pool and the few settings that come from the environment, read once and passed down
 * (TWINLENS_INDEX, TWINLENS_MODEL, TWINLENS_THREADS, TWINLENS_CPU, XDG_DATA_HOME, HOME). No other file calls getenv.
 */
#ifndef TL_CLI_APP_RUNTIME_H
#define TL_CLI_APP_RUNTIME_H

#include "base/parallel/thread_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_runtime tl_runtime;

bool tl_runtime_open(tl_runtime **out, tl_error *err) TL_MUST_USE;
void tl_runtime_close(tl_runtime *runtime);
/* The pool, made at the first call so that short commands start no threads; NULL with err on failure. */
tl_thread_pool *tl_runtime_pool(tl_runtime *runtime, tl_error *err) TL_MUST_USE;
/* The index file: given by option, else TWINLENS_INDEX, else index.db in the data home. A new string owned by the caller. */
char *tl_runtime_index_path(const tl_runtime *runtime, const char *given, tl_error *err) TL_MUST_USE;
/* The model folder: given by option, else TWINLENS_MODEL, else what 'twinlens model use' has set. None: an error that says what
 * to do. */
char *tl_runtime_model_path(const tl_runtime *runtime, const char *given, tl_error *err) TL_MUST_USE;
/* Makes directory the default model. */
bool tl_runtime_use_model(const tl_runtime *runtime, const char *directory, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

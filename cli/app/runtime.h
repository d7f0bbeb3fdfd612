/*
 * The runtime of one process: its thread pool and the few settings that come from the environment, read once and passed down
 * (TWINLENS_INDEX, TWINLENS_MODEL, TWINLENS_THREADS, TWINLENS_CPU, TWINLENS_OFFLINE, HF_ENDPOINT, HF_TOKEN, XDG_DATA_HOME, HOME,
 * and OMPI_COMM_WORLD_SIZE, by which mpirun says that it has started several). No other file calls getenv.
 */
#ifndef TL_CLI_APP_RUNTIME_H
#define TL_CLI_APP_RUNTIME_H

#include "base/parallel/ranks.h"
#include "base/parallel/thread_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_runtime tl_runtime;

enum { TL_RUNTIME_MOST_THREADS = 256 };

bool tl_runtime_open(tl_runtime **out, tl_error *err) TL_MUST_USE;
void tl_runtime_close(tl_runtime *runtime);
/* Before the pool is asked for: how many threads it has, the caller's counted; 0: as TWINLENS_THREADS says, else all processors.
 */
void tl_runtime_set_threads(tl_runtime *runtime, size_t threads);
/* The pool, made at the first call so that short commands start no threads; NULL with err on failure. */
tl_thread_pool *tl_runtime_pool(tl_runtime *runtime, tl_error *err) TL_MUST_USE;
/* The processes that mpirun has started with this one; NULL in *ranks: there is but one. Joined at the first call, left when the
 * runtime is closed. */
bool tl_runtime_ranks(tl_runtime *runtime, tl_ranks **ranks, tl_error *err) TL_MUST_USE;
/* The index file: given by option, else TWINLENS_INDEX, else index.db in the data home. A new string owned by the caller. */
char *tl_runtime_index_path(const tl_runtime *runtime, const char *given, tl_error *err) TL_MUST_USE;
/*
 * The model folder: given by option, else TWINLENS_MODEL, else what 'twinlens model use' has set, else the one that comes with
 * the program. None: an error that says what to do. Option and variable hold a folder, or, where there is none of this path, the
 * name of an installed model (a well-known one, ORG/REPO or ORG--REPO) or of the program's own (twinlens-small).
 */
char *tl_runtime_model_path(const tl_runtime *runtime, const char *given, tl_error *err) TL_MUST_USE;
/* Makes directory the default model. */
bool tl_runtime_use_model(const tl_runtime *runtime, const char *directory, tl_error *err) TL_MUST_USE;
/* What 'twinlens model use' has set (a new string), or NULL in *directory when nothing has. */
bool tl_runtime_default_model(const tl_runtime *runtime, char **directory, tl_error *err) TL_MUST_USE;
/* From now on there is no default model. */
bool tl_runtime_forget_model(const tl_runtime *runtime, tl_error *err) TL_MUST_USE;
/* A path below the data home: XDG_DATA_HOME/twinlens/name, else HOME/.local/share/twinlens/name. A new string. */
char *tl_runtime_data_path(const tl_runtime *runtime, const char *name, tl_error *err) TL_MUST_USE;

typedef struct tl_hub_settings {
    const char *endpoint; /* HF_ENDPOINT, else the public hub's; borrowed from the runtime */
    const char *token;    /* HF_TOKEN or NULL; a secret, for the endpoint's host alone */
    bool is_offline;      /* TWINLENS_OFFLINE is set, and not to 0 */
} tl_hub_settings;
tl_hub_settings tl_runtime_hub(const tl_runtime *runtime);

#ifdef __cplusplus
}
#endif

#endif

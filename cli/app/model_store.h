/*
 * The store of downloaded models: data home/models/ORG--REPO, one folder a repository. Folders appear and go by rename, so that
 * a reader finds a whole model or none; what is half done lies under models/.partial and models/.old.
 */
#ifndef TL_CLI_APP_MODEL_STORE_H
#define TL_CLI_APP_MODEL_STORE_H

#include "cli/app/model_origin.h"
#include "cli/app/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_stored_model {
    char name[TL_MODEL_NAME_SIZE]; /* "ORG/REPO" */
    char *path;                    /* of the folder; NULL when only a part of a download is there */
    uint64_t size;                 /* bytes on disk of the folder, or of the part */
    bool has_origin;
    tl_model_origin origin;
} tl_stored_model;

typedef struct tl_stored_models {
    tl_stored_model *items; /* by name */
    size_t count;
    size_t capacity;
} tl_stored_models;

/* No store yet: an empty list. A folder whose origin.json cannot be read is listed without it. */
bool tl_model_store_list(const tl_runtime *runtime, tl_stored_models *out, tl_error *err) TL_MUST_USE;
void tl_stored_models_clear(tl_stored_models *models);

/* The folder of an installed model (a new string), or NULL in *path when there is none. */
bool tl_model_store_find(const tl_runtime *runtime, const tl_model_reference *reference, char **path, tl_error *err) TL_MUST_USE;
/* Deletes an installed model and what there is of a download of it: renamed away first. None: TL_ERROR_NOT_FOUND. If it was the
 * default model, there is no default afterwards and *was_default is true. */
bool tl_model_store_remove(const tl_runtime *runtime, const tl_model_reference *reference, bool *was_default,
                           tl_error *err) TL_MUST_USE;

/* For a download: one at a time for a repository, in any process. */
typedef struct tl_model_lock {
    int file;
} tl_model_lock;
bool tl_model_store_lock(const tl_runtime *runtime, const tl_model_reference *reference, tl_model_lock *out,
                         tl_error *err) TL_MUST_USE;
void tl_model_store_unlock(tl_model_lock *lock);
/* The folder in which the download of a commit lies until it is whole; made if missing. A new string. */
char *tl_model_store_partial(const tl_runtime *runtime, const tl_model_reference *reference, const char *commit,
                             tl_error *err) TL_MUST_USE;
/* Puts the partial folder in the model's place; the folder that was there stays until then. Other partial folders of the same
 * repository are deleted. *path is the new folder, a new string. */
bool tl_model_store_place(const tl_runtime *runtime, const tl_model_reference *reference, const char *partial, char **path,
                          tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/*
 * models/ORG--REPO           an installed model
 * models/.partial/ORG--REPO@COMMIT   a download that goes on where it stopped
 * models/.partial/ORG--REPO.lock     held (fcntl) by the process that downloads or removes
 * models/.old/ORG--REPO      the model that is being replaced or removed
 *
 * A replacement is two renames: the model to .old, the new folder to its place. Who dies between them leaves .old/ORG--REPO and
 * no models/ORG--REPO: the next one to look puts it back.
 */
#include "cli/app/model_store.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { MAX_PATH_BYTES = 1 << 16, MAX_MODELS = 100000 };

/* models/FORMAT... below the data home; a new string. */
static char *store_path(const tl_runtime *runtime, tl_error *err, const char *format, ...) TL_PRINTF(3, 4);
static char *store_path(const tl_runtime *runtime, tl_error *err, const char *format, ...)
{
    char name[3 * TL_MODEL_NAME_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof name) {
        tl_fail(err, TL_ERROR_INVALID, "expected the name of a model of at most %d bytes, found %d", TL_MODEL_NAME_SIZE, size);
        return NULL;
    }
    return tl_runtime_data_path(runtime, name, err);
}

static bool exists(const char *path, bool *out, tl_error *err)
{
    struct stat status;
    *out = lstat(path, &status) == 0;
    return *out || errno == ENOENT || errno == ENOTDIR || tl_fail_errno(err, errno, "cannot look at '%s'", path);
}

static bool move(const char *from, const char *to, tl_error *err)
{
    return rename(from, to) == 0 || tl_fail_errno(err, errno, "cannot move '%s' to '%s'", from, to);
}

static bool sync_store(const tl_runtime *runtime, tl_error *err)
{
    char *path = store_path(runtime, err, "models");
    bool ok = path != NULL && tl_directory_sync(path, err);
    tl_memory_free(path);
    return ok;
}

/* See the top: what a killed replacement left. */
static bool put_back(const tl_runtime *runtime, const char *folder, tl_error *err)
{
    bool ok = false;
    bool is_there = false;
    bool is_old_there = false;
    char *path = store_path(runtime, err, "models/%s", folder);
    char *old = store_path(runtime, err, "models/.old/%s", folder);
    if (path == NULL || old == NULL || !exists(old, &is_old_there, err) || !exists(path, &is_there, err))
        goto done;
    ok = is_there || !is_old_there || move(old, path, err);
done:
    tl_memory_free(old);
    tl_memory_free(path);
    return ok;
}

/* Bytes of the files in a folder; what cannot be looked at counts nothing. */
static uint64_t folder_size(const char *path)
{
    uint64_t size = 0;
    tl_directory_listing listing;
    if (!tl_directory_open(path, &listing, NULL))
        return 0;
    for (const char *name; (name = tl_directory_next(&listing)) != NULL;) {
        struct stat status;
        if (fstatat(tl_directory_descriptor(&listing), name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
            size += (uint64_t)status.st_size;
    }
    return tl_directory_close(&listing, true, NULL) ? size : 0;
}

/* The model of this name in the list, where it is added if it is new; NULL: no memory. */
static tl_stored_model *listed_model(tl_stored_models *models, const char *name, tl_error *err)
{
    for (size_t i = 0; i < models->count; i++)
        if (strcmp(models->items[i].name, name) == 0)
            return &models->items[i];
    if (!tl_memory_reserve(&models->items, &models->capacity, models->count + 1, sizeof *models->items, err))
        return NULL;
    tl_stored_model *added = &models->items[models->count++];
    *added = (tl_stored_model){0};
    snprintf(added->name, sizeof added->name, "%s", name);
    return added;
}

/* A folder of models/ or of models/.partial. What has another name than ours is not ours. */
static bool add_stored(tl_stored_models *models, const char *parent, const char *entry, bool is_partial, tl_error *err)
{
    tl_model_reference reference;
    if (strstr(entry, "--") == NULL || !tl_model_reference_read(entry, &reference, NULL) || models->count >= MAX_MODELS)
        return true;
    char *path = tl_path_join(parent, entry, err);
    tl_file_status status = {0};
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    if (ok && status.kind == TL_FILE_DIRECTORY) {
        tl_stored_model *model = listed_model(models, reference.repository, err);
        ok = model != NULL;
        if (ok && (!is_partial || model->path == NULL))
            model->size += folder_size(path);
        if (ok && !is_partial) {
            model->has_origin = tl_model_origin_read(path, &model->origin, NULL);
            model->path = path;
            path = NULL;
        }
    }
    tl_memory_free(path);
    return ok;
}

static bool list_folder(const tl_runtime *runtime, const char *name, bool is_partial, tl_stored_models *models, tl_error *err)
{
    char *folder = store_path(runtime, err, "%s", name);
    if (folder == NULL)
        return false;
    tl_directory_listing listing;
    bool ok = tl_directory_open_if_there(folder, &listing, err);
    if (ok) {
        for (const char *entry; ok && (entry = tl_directory_next(&listing)) != NULL;)
            ok = entry[0] == '.' || add_stored(models, folder, entry, is_partial, err);
        ok = tl_directory_close(&listing, ok, err);
    }
    tl_memory_free(folder);
    return ok;
}

/* Models whose replacement was killed come back before the store is listed. */
static bool put_all_back(const tl_runtime *runtime, tl_error *err)
{
    char *folder = store_path(runtime, err, "models/.old");
    if (folder == NULL)
        return false;
    tl_directory_listing listing;
    bool ok = tl_directory_open_if_there(folder, &listing, err);
    if (!ok)
        goto done;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;) {
        tl_model_reference reference;
        char *path = NULL;
        if (strstr(name, "--") == NULL || !tl_model_reference_read(name, &reference, NULL))
            continue;
        ok = tl_model_store_find(runtime, &reference, &path, err);
        tl_memory_free(path);
    }
    ok = tl_directory_close(&listing, ok, err);
done:
    tl_memory_free(folder);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tl_stored_model *)a)->name, ((const tl_stored_model *)b)->name);
}

bool tl_model_store_list(const tl_runtime *runtime, tl_stored_models *out, tl_error *err)
{
    *out = (tl_stored_models){0};
    if (!put_all_back(runtime, err) || !list_folder(runtime, "models", false, out, err) ||
        !list_folder(runtime, "models/.partial", true, out, err)) {
        tl_stored_models_clear(out);
        return false;
    }
    if (out->count != 0)
        qsort(out->items, out->count, sizeof *out->items, by_name);
    return true;
}

void tl_stored_models_clear(tl_stored_models *models)
{
    for (size_t i = 0; i < models->count; i++) {
        tl_memory_free(models->items[i].path);
        tl_model_origin_clear(&models->items[i].origin);
    }
    tl_memory_free(models->items);
    *models = (tl_stored_models){0};
}

static bool make_folder(const tl_runtime *runtime, const char *name, tl_error *err)
{
    char *path = store_path(runtime, err, "%s", name);
    bool ok = path != NULL && tl_directory_create(path, err);
    tl_memory_free(path);
    return ok;
}

bool tl_model_store_lock(const tl_runtime *runtime, const tl_model_reference *reference, tl_model_lock *out, tl_error *err)
{
    char *path = store_path(runtime, err, "models/.partial/%s.lock", reference->folder);
    bool ok = path != NULL && make_folder(runtime, "models/.partial", err) && tl_file_lock(path, &out->file, err) &&
              (out->file >= 0 ||
               tl_fail(err, TL_ERROR_IO, "'%s': another twinlens downloads or removes it right now", reference->repository));
    tl_memory_free(path);
    return ok;
}

void tl_model_store_unlock(tl_model_lock *lock)
{
    tl_file_unlock(lock->file);
    lock->file = -1;
}

/* The folder, or NULL in *path; nothing is put back. */
static bool find_placed(const tl_runtime *runtime, const tl_model_reference *reference, char **path, tl_error *err)
{
    tl_file_status status = {0};
    *path = NULL;
    char *candidate = store_path(runtime, err, "models/%s", reference->folder);
    bool ok = candidate != NULL && tl_file_status_read(candidate, &status, err);
    if (ok && status.kind == TL_FILE_DIRECTORY)
        *path = candidate;
    else
        tl_memory_free(candidate);
    return ok;
}

bool tl_model_store_find(const tl_runtime *runtime, const tl_model_reference *reference, char **path, tl_error *err)
{
    bool is_old_there = false;
    if (!find_placed(runtime, reference, path, err))
        return false;
    char *old = *path == NULL ? store_path(runtime, err, "models/.old/%s", reference->folder) : NULL;
    bool ok = *path != NULL || (old != NULL && exists(old, &is_old_there, err));
    tl_memory_free(old);
    if (!ok || !is_old_there)
        return ok;
    /* Between the two renames: its process lives and has the lock, and will be through in a moment, or it was killed. */
    const struct timespec moment = {0, 20000000};
    for (int i = 0; ok && *path == NULL && i < 50; i++) {
        tl_model_lock lock;
        if (tl_model_store_lock(runtime, reference, &lock, NULL)) {
            ok = put_back(runtime, reference->folder, err);
            tl_model_store_unlock(&lock);
            return ok && find_placed(runtime, reference, path, err);
        }
        nanosleep(&moment, NULL);
        ok = find_placed(runtime, reference, path, err);
    }
    return ok;
}

char *tl_model_store_partial(const tl_runtime *runtime, const tl_model_reference *reference, const char *commit, tl_error *err)
{
    char *path = store_path(runtime, err, "models/.partial/%s@%s", reference->folder, commit);
    if (path != NULL && !tl_directory_create(path, err)) {
        tl_memory_free(path);
        return NULL;
    }
    return path;
}

/* Deletes models/.partial/ORG--REPO@*; *found: there was one. */
static bool remove_partials(const tl_runtime *runtime, const char *folder, bool *found, tl_error *err)
{
    char *parent = store_path(runtime, err, "models/.partial");
    if (parent == NULL)
        return false;
    size_t size = strlen(folder);
    tl_directory_listing listing;
    bool ok = tl_directory_open_if_there(parent, &listing, err);
    if (!ok)
        goto done;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;) {
        if (strncmp(name, folder, size) != 0 || name[size] != '@')
            continue;
        char *path = tl_path_join(parent, name, err);
        ok = path != NULL && tl_directory_remove(path, err);
        tl_memory_free(path);
        *found = true;
    }
    ok = tl_directory_close(&listing, ok, err);
done:
    tl_memory_free(parent);
    return ok;
}

/* Deletes what a replacement or a removal that was killed left: models/.old/ORG--REPO and models/.old/.ORG--REPO. */
static bool clear_old(const tl_runtime *runtime, const char *folder, tl_error *err)
{
    char *old = store_path(runtime, err, "models/.old/%s", folder);
    char *gone = store_path(runtime, err, "models/.old/.%s", folder);
    bool ok = old != NULL && gone != NULL && make_folder(runtime, "models/.old", err) && tl_directory_remove(old, err) &&
              tl_directory_remove(gone, err);
    tl_memory_free(gone);
    tl_memory_free(old);
    return ok;
}

bool tl_model_store_place(const tl_runtime *runtime, const tl_model_reference *reference, const char *partial, char **out,
                          tl_error *err)
{
    bool ok = false;
    bool is_there = false;
    bool found = false;
    char *path = store_path(runtime, err, "models/%s", reference->folder);
    char *old = store_path(runtime, err, "models/.old/%s", reference->folder);
    if (path == NULL || old == NULL || !put_back(runtime, reference->folder, err) ||
        !clear_old(runtime, reference->folder, err) || !tl_directory_sync(partial, err) || !exists(path, &is_there, err))
        goto done;
    if (is_there && !move(path, old, err))
        goto done;
    if (!move(partial, path, err)) {
        if (is_there && !move(old, path, NULL))
            tl_fail_within(err, "the model that was there lies in '%s'", old);
        goto done;
    }
    if (!sync_store(runtime, err) || !clear_old(runtime, reference->folder, err) ||
        !remove_partials(runtime, reference->folder, &found, err))
        goto done;
    *out = path;
    path = NULL;
    ok = true;
done:
    tl_memory_free(old);
    tl_memory_free(path);
    return ok;
}

static bool forget_default(const tl_runtime *runtime, const char *path, bool *was_default, tl_error *err)
{
    char *chosen = NULL;
    bool ok = tl_runtime_default_model(runtime, &chosen, err);
    char *resolved = ok && chosen != NULL ? tl_path_resolve(path, NULL) : NULL;
    *was_default = resolved != NULL && (strcmp(chosen, resolved) == 0 || strcmp(chosen, path) == 0);
    if (*was_default)
        ok = tl_runtime_forget_model(runtime, err);
    tl_memory_free(resolved);
    tl_memory_free(chosen);
    return ok;
}

bool tl_model_store_remove(const tl_runtime *runtime, const tl_model_reference *reference, bool *was_default, tl_error *err)
{
    bool ok = false;
    bool found = false;
    tl_model_lock lock = {-1};
    char *path = NULL;
    *was_default = false;
    if (!tl_model_store_lock(runtime, reference, &lock, err))
        return false;
    if (!put_back(runtime, reference->folder, err) || !find_placed(runtime, reference, &path, err))
        goto done;
    if (path != NULL) {
        found = true;
        /* Beside the name that put_back takes for a model: a removal must not be undone. */
        char *gone = store_path(runtime, err, "models/.old/.%s", reference->folder);
        ok = gone != NULL && forget_default(runtime, path, was_default, err) && clear_old(runtime, reference->folder, err) &&
             move(path, gone, err) && sync_store(runtime, err) && clear_old(runtime, reference->folder, err);
        tl_memory_free(gone);
        if (!ok)
            goto done;
    }
    ok = remove_partials(runtime, reference->folder, &found, err) &&
         (found ||
          tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected an installed model ('twinlens model list' shows them), found none",
                  reference->repository));
done:
    tl_memory_free(path);
    tl_model_store_unlock(&lock);
    return ok;
}

/* Settings and the pool. The default model is a line of text, default-model, in the data home: an absolute folder. */
#include "cli/app/runtime.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/model_store.h"
#include "cli/app/shipped_model.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_PATH_BYTES = 1 << 16 };

struct tl_runtime {
    tl_thread_pool *pool;
    size_t threads; /* 0: all processors */
    bool has_ranks; /* mpirun has started more than one process */
    tl_ranks *ranks;
    const char *index;
    const char *model;
    const char *data_home;
    const char *home;
    tl_hub_settings hub;
};

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool read_threads(tl_runtime *runtime, tl_error *err)
{
    const char *text = setting("TWINLENS_THREADS");
    if (text == NULL)
        return true;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < 1 || value > TL_RUNTIME_MOST_THREADS)
        return tl_fail(err, TL_ERROR_INVALID, "TWINLENS_THREADS: expected 1 to %d, found '%s'", TL_RUNTIME_MOST_THREADS, text);
    runtime->threads = value;
    return true;
}

bool tl_runtime_open(tl_runtime **out, tl_error *err)
{
    tl_runtime *runtime = tl_memory_allocate(1, sizeof *runtime, err);
    if (runtime == NULL)
        return false;
    runtime->index = setting("TWINLENS_INDEX");
    runtime->model = setting("TWINLENS_MODEL");
    runtime->data_home = setting("XDG_DATA_HOME");
    runtime->home = setting("HOME");
    const char *endpoint = setting("HF_ENDPOINT");
    const char *offline = setting("TWINLENS_OFFLINE");
    runtime->hub.endpoint = endpoint != NULL ? endpoint : "https://huggingface.co";
    runtime->hub.token = setting("HF_TOKEN");
    runtime->hub.is_offline = offline != NULL && strcmp(offline, "0") != 0;
    const char *processes = setting("OMPI_COMM_WORLD_SIZE");
    runtime->has_ranks = processes != NULL && strcmp(processes, "1") != 0;
    const char *kernels = setting("TWINLENS_CPU");
    if (!read_threads(runtime, err) || (kernels != NULL && !tl_kernels_select(kernels, err))) {
        tl_runtime_close(runtime);
        return false;
    }
    tl_compute_start();
    *out = runtime;
    return true;
}

void tl_runtime_close(tl_runtime *runtime)
{
    if (runtime == NULL)
        return;
    tl_ranks_close(runtime->ranks);
    tl_thread_pool_destroy(runtime->pool);
    tl_memory_free(runtime);
}

void tl_runtime_set_threads(tl_runtime *runtime, size_t threads)
{
    if (threads != 0)
        runtime->threads = threads;
}

tl_thread_pool *tl_runtime_pool(tl_runtime *runtime, tl_error *err)
{
    if (runtime->pool == NULL && !tl_thread_pool_create(runtime->threads, &runtime->pool, err))
        return NULL;
    return runtime->pool;
}

bool tl_runtime_ranks(tl_runtime *runtime, tl_ranks **ranks, tl_error *err)
{
    if (runtime->has_ranks && runtime->ranks == NULL && !tl_ranks_open(&runtime->ranks, err))
        return false;
    *ranks = runtime->ranks;
    return true;
}

char *tl_runtime_data_path(const tl_runtime *runtime, const char *name, tl_error *err)
{
    tl_string path;
    tl_string_init(&path, MAX_PATH_BYTES);
    bool ok;
    if (runtime->data_home != NULL)
        ok = tl_string_append_format(&path, err, "%s/twinlens/%s", runtime->data_home, name);
    else if (runtime->home != NULL)
        ok = tl_string_append_format(&path, err, "%s/.local/share/twinlens/%s", runtime->home, name);
    else
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "neither XDG_DATA_HOME nor HOME is set: give the path by option");
    char *copy = ok ? tl_memory_copy_text(path.data, path.size, err) : NULL;
    tl_string_clear(&path);
    return copy;
}

char *tl_runtime_index_path(const tl_runtime *runtime, const char *given, tl_error *err)
{
    const char *path = given != NULL ? given : runtime->index;
    return path != NULL ? tl_memory_copy_text(path, strlen(path), err) : tl_runtime_data_path(runtime, "index.db", err);
}

tl_hub_settings tl_runtime_hub(const tl_runtime *runtime)
{
    return runtime->hub;
}

bool tl_runtime_default_model(const tl_runtime *runtime, char **directory, tl_error *err)
{
    *directory = NULL;
    char *pointer_file = tl_runtime_data_path(runtime, "default-model", err);
    if (pointer_file == NULL)
        return false;
    tl_string text;
    tl_string_init(&text, MAX_PATH_BYTES);
    bool ok = true;
    tl_error reason;
    if (tl_file_read(pointer_file, &text, &reason)) {
        while (text.size != 0 && text.data[text.size - 1] == '\n')
            text.size--;
        *directory = tl_memory_copy_text(text.data, text.size, err);
        ok = *directory != NULL;
    } else if (reason.kind != TL_ERROR_NOT_FOUND) {
        ok = tl_fail_as(err, &reason);
    }
    tl_string_clear(&text);
    tl_memory_free(pointer_file);
    return ok;
}

/* The folder at this path, else the installed model of this name, else the path as it is: whoever opens it says what is wrong. */
static char *folder_or_installed(const tl_runtime *runtime, const char *text, tl_error *err)
{
    tl_file_status status = {0};
    tl_model_reference reference;
    if (!tl_file_status_read(text, &status, err))
        return NULL;
    if (status.kind == TL_FILE_MISSING && strcmp(text, TL_SHIPPED_MODEL) == 0) {
        char *path = NULL;
        if (!tl_shipped_model_find(&path, err) || path != NULL)
            return path;
    } else if (status.kind == TL_FILE_MISSING && tl_model_reference_read(text, &reference, NULL)) {
        char *path = NULL;
        if (!tl_model_store_find(runtime, &reference, &path, err))
            return NULL;
        if (path != NULL)
            return path;
        if (reference.known != NULL) {
            tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s' is not installed: 'twinlens model pull %s' downloads it", text, text);
            return NULL;
        }
    }
    return tl_memory_copy_text(text, strlen(text), err);
}

char *tl_runtime_model_path(const tl_runtime *runtime, const char *given, tl_error *err)
{
    const char *text = given != NULL ? given : runtime->model;
    if (text != NULL)
        return folder_or_installed(runtime, text, err);
    char *chosen = NULL;
    if (tl_runtime_default_model(runtime, &chosen, err) && chosen == NULL && tl_shipped_model_find(&chosen, err) &&
        chosen == NULL)
        tl_fail(err, TL_ERROR_NOT_FOUND,
                "no model: give --model MODEL, set TWINLENS_MODEL, choose one by 'twinlens model use MODEL', or download one by "
                "'twinlens model pull %s'",
                tl_known_models[0].name);
    return chosen;
}

bool tl_runtime_forget_model(const tl_runtime *runtime, tl_error *err)
{
    char *pointer_file = tl_runtime_data_path(runtime, "default-model", err);
    bool ok = pointer_file != NULL &&
              (unlink(pointer_file) == 0 || errno == ENOENT || tl_fail_errno(err, errno, "cannot remove '%s'", pointer_file));
    tl_memory_free(pointer_file);
    return ok;
}

bool tl_runtime_use_model(const tl_runtime *runtime, const char *directory, tl_error *err)
{
    bool ok = false;
    char *folder = tl_runtime_data_path(runtime, "", err);
    char *pointer_file = tl_runtime_data_path(runtime, "default-model", err);
    char *resolved = tl_path_resolve(directory, err);
    tl_string line;
    tl_string_init(&line, MAX_PATH_BYTES);
    if (folder == NULL || pointer_file == NULL || resolved == NULL)
        goto done;
    ok = tl_string_append_format(&line, err, "%s\n", resolved) && tl_directory_create(folder, err) &&
         tl_file_replace(pointer_file, tl_string_slice(&line), err);
done:
    tl_string_clear(&line);
    tl_memory_free(resolved);
    tl_memory_free(pointer_file);
    tl_memory_free(folder);
    return ok;
}

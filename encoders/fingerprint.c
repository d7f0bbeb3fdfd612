/* Of each file, in a fixed order, the hash takes name, NUL, size as text, NUL, bytes, so that no two folders look alike. */
#include "encoders/fingerprint.h"

#include "base/core/memory.h"
#include "base/io/json.h"

#include <math.h>
#include <string.h>

enum { FORMAT_VERSION = 1, MAX_FINGERPRINT_FILE = 65536, MAX_CONFIG_FILE = 1 << 20 };

static const char fingerprint_file[] = "fingerprint.json";
static const char *const file_names[TL_MODEL_FILE_COUNT] = {TL_MODEL_CONFIG_FILE, TL_MODEL_RECIPE_FILE, TL_MODEL_WEIGHTS_FILE};

bool tl_model_files_read(const char *directory, tl_model_files *out, tl_error *err)
{
    tl_file_status folder;
    if (!tl_file_status_read(directory, &folder, err))
        return false;
    if (folder.kind != TL_FILE_DIRECTORY)
        return folder.kind == TL_FILE_MISSING
                   ? tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a model folder, found nothing", directory)
                   : tl_fail(err, TL_ERROR_INVALID, "'%s': expected a model folder, found a file", directory);
    for (size_t i = 0; i < TL_MODEL_FILE_COUNT; i++) {
        char *path = tl_path_join(directory, file_names[i], err);
        if (path == NULL)
            return false;
        bool ok = tl_file_status_read(path, &out->status[i], err);
        tl_memory_free(path);
        if (!ok)
            return false;
        if (out->status[i].kind == TL_FILE_MISSING)
            return tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected a file '%s', found none", directory, file_names[i]);
        if (out->status[i].kind != TL_FILE_REGULAR)
            return tl_fail(err, TL_ERROR_INVALID, "model '%s': '%s': expected a file, found a folder or device", directory,
                           file_names[i]);
    }
    return true;
}

static bool is_hash_text(const char *text)
{
    return text != NULL && strlen(text) == TL_HASH_TEXT_SIZE - 1 && strspn(text, "0123456789abcdef") == TL_HASH_TEXT_SIZE - 1;
}

bool tl_fingerprint_find(const char *directory, const tl_model_files *files, char text[TL_HASH_TEXT_SIZE])
{
    bool found = false;
    tl_json *json = NULL;
    char *path = tl_path_join(directory, fingerprint_file, NULL);
    if (path == NULL || !tl_json_read_file(path, MAX_FINGERPRINT_FILE, &json, NULL))
        goto done;
    const char *kept = tl_json_text_or(json, "fingerprint", NULL);
    if (tl_json_integer_or(json, "format", 0) != FORMAT_VERSION || !is_hash_text(kept))
        goto done;
    const tl_json *covered = tl_json_member(json, "files");
    for (size_t i = 0; i < TL_MODEL_FILE_COUNT; i++) {
        const tl_json *file = tl_json_member(covered, file_names[i]);
        if (tl_json_integer_or(file, "size", -1) != (int64_t)files->status[i].size ||
            tl_json_integer_or(file, "modified_ns", -1) != files->status[i].modified_ns)
            goto done;
    }
    memcpy(text, kept, TL_HASH_TEXT_SIZE);
    found = true;
done:
    tl_json_free(json);
    tl_memory_free(path);
    return found;
}

static tl_json *covered_files(const tl_model_files *files, tl_error *err)
{
    tl_json *covered = tl_json_object_create(err);
    for (size_t i = 0; covered != NULL && i < TL_MODEL_FILE_COUNT; i++) {
        tl_json *file = tl_json_object_create(err);
        bool ok = file != NULL && tl_json_set_integer(file, "size", (int64_t)files->status[i].size, err) &&
                  tl_json_set_integer(file, "modified_ns", files->status[i].modified_ns, err);
        if (!ok) {
            tl_json_free(file);
            file = NULL;
        }
        if (!tl_json_set(covered, file_names[i], file, err)) {
            tl_json_free(covered);
            return NULL;
        }
    }
    return covered;
}

static void keep(const char *directory, const tl_model_files *files, const char *text)
{
    tl_json *json = tl_json_object_create(NULL);
    char *path = tl_path_join(directory, fingerprint_file, NULL);
    bool kept = json != NULL && path != NULL && tl_json_set_integer(json, "format", FORMAT_VERSION, NULL) &&
                tl_json_set_text(json, "fingerprint", text, NULL) &&
                tl_json_set(json, "files", covered_files(files, NULL), NULL) && tl_json_write_file(json, path, NULL);
    (void)kept; /* a folder that cannot be written costs a hash at each opening, nothing else */
    tl_memory_free(path);
    tl_json_free(json);
}

static void hash_file(tl_hasher *hasher, const char *name, tl_slice bytes)
{
    char size_text[32];
    int length = snprintf(size_text, sizeof size_text, "%zu", bytes.size);
    tl_hasher_add(hasher, name, strlen(name) + 1);
    tl_hasher_add(hasher, size_text, (size_t)length + 1);
    tl_hasher_add(hasher, bytes.data, bytes.size);
}

static bool hash_small_file(tl_hasher *hasher, const char *directory, const char *name, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, MAX_CONFIG_FILE);
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_file_read(path, &bytes, err);
    if (ok)
        hash_file(hasher, name, tl_string_slice(&bytes));
    tl_memory_free(path);
    tl_string_clear(&bytes);
    return ok;
}

static bool check_finite(const tl_safetensors *weights, tl_error *err)
{
    for (size_t i = 0; i < tl_safetensors_count(weights); i++) {
        const tl_tensor_view *view = tl_safetensors_item(weights, i);
        const float *values = tl_tensor_view_floats(view);
        for (size_t at = 0; values != NULL && at < view->count; at++)
            if (!isfinite(values[at]))
                return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%.80s': expected finite values, found %g at %zu", view->name,
                               (double)values[at], at);
    }
    return true;
}

static bool unchanged(const tl_model_files *before, const tl_model_files *after)
{
    for (size_t i = 0; i < TL_MODEL_FILE_COUNT; i++)
        if (before->status[i].size != after->status[i].size || before->status[i].modified_ns != after->status[i].modified_ns)
            return false;
    return true;
}

bool tl_fingerprint_compute(const char *directory, const tl_model_files *files, const tl_safetensors *weights,
                            char text[TL_HASH_TEXT_SIZE], tl_error *err)
{
    bool ok = false;
    tl_hasher *hasher = NULL;
    if (!check_finite(weights, err)) {
        tl_fail_within(err, "'%s/%s'", directory, TL_MODEL_WEIGHTS_FILE);
        goto done;
    }
    if (!tl_hasher_create(&hasher, err) || !hash_small_file(hasher, directory, TL_MODEL_CONFIG_FILE, err) ||
        !hash_small_file(hasher, directory, TL_MODEL_RECIPE_FILE, err))
        goto done;
    hash_file(hasher, TL_MODEL_WEIGHTS_FILE, tl_safetensors_bytes(weights));
    tl_hasher_text(hasher, text);
    tl_model_files after = {0};
    if (tl_model_files_read(directory, &after, NULL) && unchanged(files, &after))
        keep(directory, files, text);
    ok = true;
done:
    tl_hasher_destroy(hasher);
    return ok;
}

/*
 * Of each file, in order, the hash takes name, NUL, size as text, NUL, bytes, so that no two folders look alike. Names, sizes and
 * times of the files are what makes a kept fingerprint believed.
 */
#include "encoders/fingerprint.h"

#include "base/compute/weight.h"
#include "base/core/memory.h"
#include "base/io/json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1, MAX_FINGERPRINT_FILE = 1 << 20, MAX_CONFIG_FILE = 4 << 20 };

static const char fingerprint_file[] = "fingerprint.json";

/* ---- the files ---- */

bool tl_model_files_read(const char *directory, const char *const *names, size_t count, tl_model_files *out, tl_error *err)
{
    TL_ASSERT(count <= TL_MODEL_MAX_FILES);
    tl_file_status folder;
    if (!tl_file_status_read(directory, &folder, err))
        return false;
    if (folder.kind != TL_FILE_DIRECTORY)
        return folder.kind == TL_FILE_MISSING
                   ? tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a model folder, found nothing", directory)
                   : tl_fail(err, TL_ERROR_INVALID, "'%s': expected a model folder, found a file", directory);
    *out = (tl_model_files){.count = count};
    for (size_t i = 0; i < count; i++) {
        out->names[i] = names[i];
        char *path = tl_path_join(directory, names[i], err);
        bool ok = path != NULL && tl_file_status_read(path, &out->status[i], err);
        tl_memory_free(path);
        if (!ok)
            return false;
        if (out->status[i].kind == TL_FILE_MISSING)
            return tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected a file '%s', found none", directory, names[i]);
        if (out->status[i].kind != TL_FILE_REGULAR)
            return tl_fail(err, TL_ERROR_INVALID, "model '%s': '%s': expected a file, found a folder or device", directory,
                           names[i]);
    }
    return true;
}

/* Configuration and weights as one list. */
typedef struct covered_file {
    const char *name;
    tl_file_status status;
} covered_file;

static size_t covered_count(const tl_model_files *configs, const tl_weight_files *weights)
{
    return configs->count + tl_weight_files_file_count(weights);
}

static covered_file covered_item(const tl_model_files *configs, const tl_weight_files *weights, size_t index)
{
    if (index < configs->count)
        return (covered_file){configs->names[index], configs->status[index]};
    index -= configs->count;
    return (covered_file){tl_weight_files_file_name(weights, index), tl_weight_files_file_status(weights, index)};
}

static bool is_unchanged(const char *directory, const covered_file *file)
{
    tl_file_status now;
    char *path = tl_path_join(directory, file->name, NULL);
    bool ok = path != NULL && tl_file_status_read(path, &now, NULL) && now.kind == TL_FILE_REGULAR &&
              now.size == file->status.size && now.modified_ns == file->status.modified_ns;
    tl_memory_free(path);
    return ok;
}

static bool are_unchanged(const char *directory, const tl_model_files *configs, const tl_weight_files *weights)
{
    for (size_t i = 0; i < covered_count(configs, weights); i++) {
        covered_file file = covered_item(configs, weights, i);
        if (!is_unchanged(directory, &file))
            return false;
    }
    return true;
}

/* ---- finding and keeping ---- */

static bool is_hash_text(const char *text)
{
    return text != NULL && strlen(text) == TL_HASH_TEXT_SIZE - 1 && strspn(text, "0123456789abcdef") == TL_HASH_TEXT_SIZE - 1;
}

bool tl_fingerprint_find(const char *directory, const tl_model_files *configs, const tl_weight_files *weights,
                         char text[TL_HASH_TEXT_SIZE])
{
    bool found = false;
    tl_json *json = NULL;
    char *path = tl_path_join(directory, fingerprint_file, NULL);
    if (path == NULL || !tl_json_read_file(path, MAX_FINGERPRINT_FILE, &json, NULL))
        goto done;
    const char *kept = tl_json_text_or(json, "fingerprint", NULL);
    const tl_json *covered = tl_json_member(json, "files");
    if (tl_json_integer_or(json, "format", 0) != FORMAT_VERSION || !is_hash_text(kept) ||
        tl_json_object_size(covered) != covered_count(configs, weights))
        goto done;
    for (size_t i = 0; i < covered_count(configs, weights); i++) {
        covered_file file = covered_item(configs, weights, i);
        const tl_json *known = tl_json_member(covered, file.name);
        if (tl_json_integer_or(known, "size", -1) != (int64_t)file.status.size ||
            tl_json_integer_or(known, "modified_ns", -1) != file.status.modified_ns)
            goto done;
    }
    memcpy(text, kept, TL_HASH_TEXT_SIZE);
    found = true;
done:
    tl_json_free(json);
    tl_memory_free(path);
    return found;
}

static tl_json *list_covered(const tl_model_files *configs, const tl_weight_files *weights)
{
    tl_json *covered = tl_json_object_create(NULL);
    for (size_t i = 0; covered != NULL && i < covered_count(configs, weights); i++) {
        covered_file file = covered_item(configs, weights, i);
        tl_json *known = tl_json_object_create(NULL);
        bool ok = known != NULL && tl_json_set_integer(known, "size", (int64_t)file.status.size, NULL) &&
                  tl_json_set_integer(known, "modified_ns", file.status.modified_ns, NULL);
        if (!ok) {
            tl_json_free(known);
            known = NULL;
        }
        if (!tl_json_set(covered, file.name, known, NULL)) {
            tl_json_free(covered);
            return NULL;
        }
    }
    return covered;
}

static void keep(const char *directory, const tl_model_files *configs, const tl_weight_files *weights, const char *text)
{
    tl_json *json = tl_json_object_create(NULL);
    char *path = tl_path_join(directory, fingerprint_file, NULL);
    bool kept = json != NULL && path != NULL && tl_json_set_integer(json, "format", FORMAT_VERSION, NULL) &&
                tl_json_set_text(json, "fingerprint", text, NULL) &&
                tl_json_set(json, "files", list_covered(configs, weights), NULL) && tl_json_write_file(json, path, NULL);
    (void)kept; /* a folder that cannot be written costs a hash at each opening, nothing else */
    tl_memory_free(path);
    tl_json_free(json);
}

/* ---- hashing ---- */

static void hash_bytes(tl_hasher *hasher, const char *name, tl_slice bytes)
{
    char size_text[32];
    int length = snprintf(size_text, sizeof size_text, "%zu", bytes.size);
    tl_hasher_add(hasher, name, strlen(name) + 1);
    tl_hasher_add(hasher, size_text, (size_t)length + 1);
    tl_hasher_add(hasher, bytes.data, bytes.size);
}

static bool hash_config(tl_hasher *hasher, const char *directory, const char *name, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, MAX_CONFIG_FILE);
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_file_read(path, &bytes, err);
    if (ok)
        hash_bytes(hasher, name, tl_string_slice(&bytes));
    tl_memory_free(path);
    tl_string_clear(&bytes);
    return ok;
}

/* ---- finite weights ---- */

enum { SCAN_BLOCK = 1 << 20 }; /* values of one task */

/* A task looks at one block of one tensor; of the tasks that find something, the first in order is reported. */
typedef struct finite_scan {
    const tl_weight_files *weights;
    size_t *first_tasks; /* of each tensor */
    atomic_size_t worst_task;
} finite_scan;

static bool dtype_of(const tl_tensor_view *view, tl_dtype *out)
{
    *out = view->type == TL_TENSOR_F16 ? TL_F16 : view->type == TL_TENSOR_BF16 ? TL_BF16 : TL_F32;
    return view->type != TL_TENSOR_OTHER;
}

/* Number of the first value of the task's block that is not finite, in its tensor; SIZE_MAX when there is none. */
static size_t scan_block(const finite_scan *scan, size_t task, const tl_tensor_view **view, tl_dtype *dtype)
{
    size_t low = 0, high = tl_weight_files_count(scan->weights);
    while (high - low > 1) { /* the last tensor whose tasks start here or before: those without any tasks come before it */
        size_t middle = low + (high - low) / 2;
        if (scan->first_tasks[middle] <= task)
            low = middle;
        else
            high = middle;
    }
    *view = tl_weight_files_item(scan->weights, low);
    size_t first = (task - scan->first_tasks[low]) * SCAN_BLOCK;
    if (!dtype_of(*view, dtype))
        return SIZE_MAX;
    size_t count = (*view)->count - first < SCAN_BLOCK ? (*view)->count - first : SCAN_BLOCK;
    size_t at = tl_find_not_finite(*dtype, (*view)->bytes.data + first * tl_dtype_size(*dtype), count);
    return at != count ? first + at : SIZE_MAX;
}

static void scan_task(void *context, size_t index, size_t worker)
{
    (void)worker;
    finite_scan *scan = context;
    const tl_tensor_view *view;
    tl_dtype dtype;
    if (scan_block(scan, index, &view, &dtype) == SIZE_MAX)
        return;
    size_t worst = atomic_load(&scan->worst_task);
    while (index < worst && !atomic_compare_exchange_weak(&scan->worst_task, &worst, index))
        continue;
}

static bool check_finite(const tl_weight_files *weights, tl_thread_pool *pool, const char *directory, tl_error *err)
{
    size_t count = tl_weight_files_count(weights), task_count = 0;
    finite_scan scan = {.weights = weights, .worst_task = SIZE_MAX};
    scan.first_tasks = tl_memory_allocate(count, sizeof *scan.first_tasks, err);
    if (scan.first_tasks == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const tl_tensor_view *view = tl_weight_files_item(weights, i);
        scan.first_tasks[i] = task_count;
        task_count += view->type != TL_TENSOR_OTHER ? (view->count + SCAN_BLOCK - 1) / SCAN_BLOCK : 0;
    }
    tl_thread_pool_run(pool, task_count, scan_task, &scan);
    size_t worst = atomic_load(&scan.worst_task);
    if (worst != SIZE_MAX) {
        const tl_tensor_view *view;
        tl_dtype dtype;
        float value;
        size_t at = scan_block(&scan, worst, &view, &dtype);
        uint32_t stored[1]; /* its place in the file may be unaligned */
        memcpy(stored, view->bytes.data + at * tl_dtype_size(dtype), tl_dtype_size(dtype));
        tl_widen(dtype, stored, 1, &value);
        tl_fail(err, TL_ERROR_CORRUPT, "'%s/%s': tensor '%.80s': expected finite values, found %g at %zu", directory,
                tl_weight_files_file_of(weights, view), view->name, (double)value, at);
    }
    tl_memory_free(scan.first_tasks);
    return worst == SIZE_MAX;
}

bool tl_fingerprint_compute(const char *directory, const tl_model_files *configs, const tl_weight_files *weights,
                            tl_thread_pool *pool, char text[TL_HASH_TEXT_SIZE], tl_error *err)
{
    bool ok = false;
    tl_hasher *hasher = NULL;
    if (!check_finite(weights, pool, directory, err) || !tl_hasher_create(&hasher, err))
        goto done;
    for (size_t i = 0; i < configs->count; i++)
        if (!hash_config(hasher, directory, configs->names[i], err))
            goto done;
    for (size_t i = 0; i < tl_weight_files_file_count(weights); i++)
        hash_bytes(hasher, tl_weight_files_file_name(weights, i), tl_weight_files_file_view(weights, i));
    tl_hasher_text(hasher, text);
    if (are_unchanged(directory, configs, weights))
        keep(directory, configs, weights, text);
    ok = true;
done:
    tl_hasher_destroy(hasher);
    return ok;
}

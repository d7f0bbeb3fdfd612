/*
 * The set owns the files, mapped once each, and the copies of tensors that lie unaligned in them.
 *
 * An index is believed only where the files agree: every tensor of the map is in its file, and the files hold as many tensors as
 * the map, so the two are the same set and no name is there twice.
 */
#include "encoders/weights/weight_files.h"

#include "base/core/memory.h"
#include "base/io/json.h"
#include "base/io/mapping.h"

#include <stdint.h>
#include <string.h>

enum { MAX_INDEX_SIZE = 16 << 20, MAX_FILES = 512, MAX_NAME_SIZE = 255 };

typedef struct weight_file {
    char *name;
    tl_file_status status;
    tl_mapping mapping; /* empty when the bytes are the caller's */
    tl_slice bytes;
    tl_safetensors *tensors; /* NULL: this is the index */
    size_t first;            /* number of its first tensor in the set */
} weight_file;

struct tl_weight_files {
    weight_file *files;
    size_t file_count, file_capacity;
    size_t count;  /* tensors of all files */
    void **copies; /* one a tensor, NULL while it is used in place; the array itself is made at the first copy */
};

/* Where files come from: a directory, or bytes in memory when it is NULL. */
typedef struct weight_folder {
    const char *directory;
    const tl_weight_bytes *bytes;
    size_t count;
} weight_folder;

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && memcmp(text + size - ending_size, ending, ending_size) == 0;
}

/* ---- files ---- */

/* Either of the two ways to have a file's bytes; the status is read before the file is. */
static bool read_from_disk(const char *directory, weight_file *file, bool is_index, tl_error *err)
{
    bool ok = false;
    char *path = tl_path_join(directory, file->name, err);
    if (path == NULL || !tl_file_status_read(path, &file->status, err))
        goto done;
    if (file->status.kind == TL_FILE_MISSING)
        tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected a file '%s', found none", directory, file->name);
    else if (is_index) {
        ok = tl_mapping_open(path, &file->mapping, err);
        file->bytes = file->mapping.bytes;
    } else {
        ok = tl_safetensors_open(path, &file->tensors, err);
        file->bytes = ok ? tl_safetensors_bytes(file->tensors) : file->bytes;
    }
done:
    tl_memory_free(path);
    return ok;
}

static bool read_from_memory(const weight_folder *folder, weight_file *file, bool is_index, tl_error *err)
{
    for (size_t i = 0; i < folder->count; i++)
        if (strcmp(folder->bytes[i].name, file->name) == 0) {
            file->bytes = folder->bytes[i].bytes;
            file->status = (tl_file_status){.kind = TL_FILE_REGULAR, .size = file->bytes.size};
            return is_index || tl_safetensors_parse(file->bytes, file->name, &file->tensors, err);
        }
    return tl_fail(err, TL_ERROR_NOT_FOUND, "expected a file '%s', found none", file->name);
}

static bool read_file(const weight_folder *folder, weight_file *file, bool is_index, tl_error *err)
{
    return folder->directory != NULL ? read_from_disk(folder->directory, file, is_index, err)
                                     : read_from_memory(folder, file, is_index, err);
}

/* "'folder/name'", or the bare name, in front of what went wrong in that file. */
static bool fail_in_file(const weight_folder *folder, const char *name, tl_error *err)
{
    return folder->directory != NULL ? tl_fail_within(err, "'%s/%s'", folder->directory, name)
                                     : tl_fail_within(err, "'%s'", name);
}

/* Appends a file of this name, its bytes not there yet. */
static bool add_file(tl_weight_files *files, const char *name, tl_error *err)
{
    if (!tl_memory_reserve(&files->files, &files->file_capacity, files->file_count + 1, sizeof *files->files, err))
        return false;
    char *copy = tl_memory_copy_text(name, strlen(name), err);
    if (copy == NULL)
        return false;
    files->files[files->file_count++] = (weight_file){.name = copy};
    return true;
}

/* Numbers the tensors of all files, whose own tables of names answer lookups: files are few. */
static void count_tensors(tl_weight_files *files)
{
    for (size_t i = 0; i < files->file_count; i++) {
        files->files[i].first = files->count;
        if (files->files[i].tensors != NULL)
            files->count += tl_safetensors_count(files->files[i].tensors);
    }
}

static const weight_file *file_of(const tl_weight_files *files, const tl_tensor_view *view)
{
    for (size_t i = 0; i < files->file_count; i++) {
        const tl_safetensors *tensors = files->files[i].tensors;
        size_t count = tensors != NULL ? tl_safetensors_count(tensors) : 0;
        if (count == 0)
            continue;
        uintptr_t first = (uintptr_t)tl_safetensors_item(tensors, 0), at = (uintptr_t)view;
        if (at >= first && (at - first) / sizeof *view < count)
            return &files->files[i];
    }
    TL_ASSERT(!"a view of this set");
    return NULL;
}

/* ---- the index ---- */

typedef struct map_reading {
    tl_weight_files *files;
    size_t last; /* the file of the member before: neighbours share it */
    tl_error *err;
} map_reading;

static bool check_file_name(const char *name, tl_error *err)
{
    bool is_plain = strlen(name) <= MAX_NAME_SIZE && name[0] != '.' && ends_with(name, ".safetensors");
    for (const char *at = name; is_plain && *at != '\0'; at++)
        is_plain = *at != '/' && *at != '\\' && (unsigned char)*at >= 0x20 && *at != 0x7f;
    return is_plain ||
           tl_fail(err, TL_ERROR_CORRUPT, "expected the name of a safetensors file in the same folder, found '%.80s'", name);
}

static size_t find_file(const tl_weight_files *files, const char *name)
{
    for (size_t i = 1; i < files->file_count; i++) /* 0 is the index */
        if (strcmp(files->files[i].name, name) == 0)
            return i;
    return 0;
}

static bool note_file(void *context, const char *tensor, const tl_json *value)
{
    map_reading *reading = context;
    const char *name = tl_json_text(value);
    if (name == NULL)
        return tl_fail(reading->err, TL_ERROR_CORRUPT, "'weight_map': tensor '%.80s': expected a text", tensor);
    if (reading->last != 0 && strcmp(reading->files->files[reading->last].name, name) == 0)
        return true;
    reading->last = find_file(reading->files, name);
    if (reading->last != 0)
        return true;
    if (!check_file_name(name, reading->err))
        return tl_fail_within(reading->err, "'weight_map': tensor '%.80s'", tensor);
    if (reading->files->file_count > MAX_FILES)
        return tl_fail(reading->err, TL_ERROR_UNSUPPORTED, "'weight_map': expected at most %d files, found more", MAX_FILES);
    reading->last = reading->files->file_count;
    return add_file(reading->files, name, reading->err);
}

static bool check_place(void *context, const char *tensor, const tl_json *value)
{
    map_reading *reading = context;
    const char *name = tl_json_text(value);
    if (reading->last == 0 || strcmp(reading->files->files[reading->last].name, name) != 0)
        reading->last = find_file(reading->files, name);
    if (tl_safetensors_find(reading->files->files[reading->last].tensors, tensor) != NULL)
        return true;
    const tl_tensor_view *elsewhere = tl_weight_files_find(reading->files, tensor);
    return tl_fail(reading->err, TL_ERROR_CORRUPT, "tensor '%.80s': expected in '%s', found %s%s%s", tensor, name,
                   elsewhere != NULL ? "in '" : "in no file", elsewhere != NULL ? file_of(reading->files, elsewhere)->name : "",
                   elsewhere != NULL ? "'" : "");
}

/* The first tensor of a file of which the map says nothing, or another file. */
static bool refuse_surplus(const tl_weight_files *files, const tl_json *map, tl_error *err)
{
    for (size_t i = 0; i < files->count; i++) {
        const tl_tensor_view *view = tl_weight_files_item(files, i);
        const char *tensor = view->name, *place = tl_json_text_or(map, tensor, NULL), *found = file_of(files, view)->name;
        if (place == NULL)
            return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%.80s': expected none of this name in '%s', found one", tensor, found);
        if (strcmp(place, found) != 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%.80s': expected in '%s' only, found in '%s' too", tensor, place,
                           found);
    }
    return true;
}

static bool open_index(const weight_folder *folder, tl_weight_files *files, tl_error *err)
{
    bool ok = false;
    tl_json *json = NULL;
    tl_slice text = files->files[0].bytes;
    map_reading reading = {files, 0, err};
    if (text.size > MAX_INDEX_SIZE) {
        tl_fail(err, TL_ERROR_UNSUPPORTED, "expected an index of at most %d bytes, found %zu", MAX_INDEX_SIZE, text.size);
        goto in_index;
    }
    if (!tl_json_parse(text, "index", &json, err))
        goto in_index;
    const tl_json *map = tl_json_member(json, "weight_map");
    if (!tl_json_is_object(map) || tl_json_object_size(map) == 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "'weight_map': expected an object of tensors and their files");
        goto in_index;
    }
    if (!tl_json_each_member(map, note_file, &reading))
        goto in_index;
    for (size_t i = 1; i < files->file_count; i++)
        if (!read_file(folder, &files->files[i], false, err))
            goto done;
    count_tensors(files);
    reading.last = 0;
    if (!tl_json_each_member(map, check_place, &reading) ||
        (files->count != tl_json_object_size(map) && !refuse_surplus(files, map, err)))
        goto in_index;
    ok = true;
    goto done;
in_index:
    fail_in_file(folder, files->files[0].name, err);
done:
    tl_json_free(json);
    return ok;
}

/* ---- the door ---- */

static bool open_folder(const weight_folder *folder, const char *name, tl_weight_files **out, tl_error *err)
{
    bool ok = false;
    tl_weight_files *files = tl_memory_allocate(1, sizeof *files, err);
    if (files == NULL || !add_file(files, name, err))
        goto done;
    bool is_index = ends_with(name, ".json");
    ok = read_file(folder, &files->files[0], is_index, err) && (!is_index || open_index(folder, files, err));
    if (ok && !is_index)
        count_tensors(files);
done:
    if (ok)
        *out = files;
    else
        tl_weight_files_close(files);
    return ok;
}

bool tl_weight_files_open(const char *directory, const char *name, tl_weight_files **out, tl_error *err)
{
    return open_folder(&(weight_folder){.directory = directory}, name, out, err);
}

bool tl_weight_files_parse(const tl_weight_bytes *folder, size_t count, tl_weight_files **out, tl_error *err)
{
    return open_folder(&(weight_folder){.bytes = folder, .count = count}, folder[0].name, out, err);
}

void tl_weight_files_close(tl_weight_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; files->copies != NULL && i < files->count; i++)
        tl_memory_free(files->copies[i]);
    tl_memory_free(files->copies);
    for (size_t i = 0; i < files->file_count; i++) {
        tl_safetensors_close(files->files[i].tensors);
        tl_mapping_close(&files->files[i].mapping);
        tl_memory_free(files->files[i].name);
    }
    tl_memory_free(files->files);
    tl_memory_free(files);
}

size_t tl_weight_files_count(const tl_weight_files *files)
{
    return files->count;
}

const tl_tensor_view *tl_weight_files_item(const tl_weight_files *files, size_t index)
{
    for (size_t i = files->file_count; i-- > 0;)
        if (index >= files->files[i].first && files->files[i].tensors != NULL)
            return tl_safetensors_item(files->files[i].tensors, index - files->files[i].first);
    return NULL;
}

const tl_tensor_view *tl_weight_files_find(const tl_weight_files *files, const char *name)
{
    const tl_tensor_view *found = NULL;
    for (size_t i = 0; i < files->file_count && found == NULL; i++)
        if (files->files[i].tensors != NULL)
            found = tl_safetensors_find(files->files[i].tensors, name);
    return found;
}

const void *tl_weight_files_values(tl_weight_files *files, const tl_tensor_view *view, tl_error *err)
{
    size_t alignment = view->type == TL_TENSOR_OTHER ? 8 : view->type == TL_TENSOR_F32 ? 4 : 2;
    if ((uintptr_t)view->bytes.data % alignment == 0)
        return view->bytes.data;
    if (files->copies == NULL && (files->copies = tl_memory_allocate(files->count, sizeof *files->copies, err)) == NULL)
        return NULL;
    const weight_file *file = file_of(files, view);
    void **copy = &files->copies[file->first + (size_t)(view - tl_safetensors_item(file->tensors, 0))];
    if (*copy == NULL) {
        *copy = tl_memory_allocate_aligned(view->bytes.size, 1, err);
        if (*copy != NULL && view->bytes.size != 0)
            memcpy(*copy, view->bytes.data, view->bytes.size);
    }
    return *copy;
}

void tl_weight_files_release(const tl_weight_files *files)
{
    for (size_t i = 0; i < files->file_count; i++)
        if (files->files[i].tensors != NULL)
            tl_safetensors_release(files->files[i].tensors);
}

size_t tl_weight_files_file_count(const tl_weight_files *files)
{
    return files->file_count;
}

const char *tl_weight_files_file_name(const tl_weight_files *files, size_t index)
{
    return files->files[index].name;
}

tl_slice tl_weight_files_file_view(const tl_weight_files *files, size_t index)
{
    return files->files[index].bytes;
}

tl_file_status tl_weight_files_file_status(const tl_weight_files *files, size_t index)
{
    return files->files[index].status;
}

const char *tl_weight_files_file_of(const tl_weight_files *files, const tl_tensor_view *view)
{
    return file_of(files, view)->name;
}

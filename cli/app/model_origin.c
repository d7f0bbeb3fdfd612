/* Reads and writes origin.json; what is read is checked like any file from outside, since anyone can write into the folder. */
#include "cli/app/model_origin.h"

#include "base/core/memory.h"
#include "base/io/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FORMAT_VERSION = 1, MAX_ORIGIN_FILE = 1 << 20, MAX_FILES = 1000 };

static const char origin_file[] = "origin.json";

bool tl_model_file_list_add(tl_model_file_list *list, const tl_model_file *file, tl_error *err)
{
    if (!tl_memory_reserve(&list->items, &list->capacity, list->count + 1, sizeof *list->items, err))
        return false;
    list->items[list->count++] = *file;
    return true;
}

const tl_model_file *tl_model_file_list_find(const tl_model_file_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

uint64_t tl_model_file_list_size(const tl_model_file_list *list)
{
    uint64_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        size += list->items[i].size;
    return size;
}

void tl_model_file_list_clear(tl_model_file_list *list)
{
    tl_memory_free(list->items);
    *list = (tl_model_file_list){0};
}

void tl_model_origin_clear(tl_model_origin *origin)
{
    tl_model_file_list_clear(&origin->files);
    *origin = (tl_model_origin){0};
}

/* These texts are shown to people: nothing that a terminal would obey. */
static bool is_printable(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at < 0x20 || *at == 0x7F || (at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F))
            return false;
    return true;
}

static bool copy_member(const tl_json *json, const char *name, char *text, size_t size, tl_error *err)
{
    const char *value = tl_json_text_or(json, name, "");
    if (strlen(value) >= size)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected at most %zu bytes, found %zu", name, size - 1, strlen(value));
    if (!is_printable(value))
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected printable text, found a control character", name);
    snprintf(text, size, "%s", value);
    return true;
}

/* "2026-01-31T12:00:00Z" */
static bool read_time(const char *text, int64_t *seconds)
{
    int part[6];
    char rest;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5], &rest) != 7 ||
        rest != 'Z')
        return false;
    /* Days from the civil date (H. Hinnant's days_from_civil, for years after 1600). */
    int64_t year = part[0] - (part[1] <= 2);
    int64_t era_day = year * 365 + year / 4 - year / 100 + year / 400;
    int64_t month = (part[1] + 9) % 12;
    int64_t days = era_day + (153 * month + 2) / 5 + part[2] - 1 - 719468;
    *seconds = ((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5];
    return true;
}

static bool read_file_row(const tl_json *json, tl_model_origin *origin, tl_error *err)
{
    tl_model_file file = {0};
    int64_t size;
    if (!copy_member(json, "name", file.name, sizeof file.name, err) ||
        !tl_json_get_integer(json, "size", 0, INT64_MAX, &size, err) ||
        !copy_member(json, "sha256", file.sha256, sizeof file.sha256, err) ||
        !copy_member(json, "git_sha1", file.git_sha1, sizeof file.git_sha1, err) ||
        !copy_member(json, "repository", file.repository, sizeof file.repository, err) ||
        !copy_member(json, "revision", file.revision, sizeof file.revision, err))
        return false;
    if (!tl_model_file_name_is_plain(file.name))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the name of a file, found '%.80s'", file.name);
    file.size = (uint64_t)size;
    return tl_model_file_list_add(&origin->files, &file, err);
}

static bool read_document(const tl_json *json, tl_model_origin *out, tl_error *err)
{
    int64_t format;
    if (!tl_json_get_integer(json, "format", 1, INT64_MAX, &format, err))
        return false;
    if (format != FORMAT_VERSION)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected format %d, found %lld", FORMAT_VERSION, (long long)format);
    if (!copy_member(json, "repository", out->repository, sizeof out->repository, err) ||
        !copy_member(json, "revision", out->revision, sizeof out->revision, err) ||
        !copy_member(json, "requested", out->requested, sizeof out->requested, err) ||
        !copy_member(json, "endpoint", out->endpoint, sizeof out->endpoint, err) ||
        !copy_member(json, "license", out->license, sizeof out->license, err) ||
        !copy_member(json, "dialect", out->dialect, sizeof out->dialect, err) ||
        !copy_member(json, "family", out->family, sizeof out->family, err))
        return false;
    int64_t parameters = tl_json_integer_or(json, "parameters", 0);
    out->parameter_count = parameters > 0 ? (uint64_t)parameters : 0;
    if (!read_time(tl_json_text_or(json, "downloaded", ""), &out->downloaded))
        return tl_fail(err, TL_ERROR_CORRUPT, "downloaded: expected a time in UTC, found '%.40s'",
                       tl_json_text_or(json, "downloaded", ""));
    const tl_json *files = tl_json_member(json, "files");
    size_t count = tl_json_array_size(files);
    if (count > MAX_FILES)
        return tl_fail(err, TL_ERROR_CORRUPT, "files: expected at most %d, found %zu", MAX_FILES, count);
    for (size_t i = 0; i < count; i++)
        if (!read_file_row(tl_json_array_item(files, i), out, err))
            return tl_fail_within(err, "files[%zu]", i);
    return true;
}

bool tl_model_origin_read(const char *directory, tl_model_origin *out, tl_error *err)
{
    *out = (tl_model_origin){0};
    tl_json *json = NULL;
    char *path = tl_path_join(directory, origin_file, err);
    bool ok = path != NULL && tl_json_read_file(path, MAX_ORIGIN_FILE, &json, err) &&
              (read_document(json, out, err) || tl_fail_within(err, "'%s'", path));
    if (!ok)
        tl_model_origin_clear(out);
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool set_if_known(tl_json *json, const char *name, const char *text, tl_error *err)
{
    return text[0] == '\0' || tl_json_set_text(json, name, text, err);
}

static tl_json *files_to_json(const tl_model_file_list *files, tl_error *err)
{
    tl_json *array = tl_json_array_create(err);
    for (size_t i = 0; array != NULL && i < files->count; i++) {
        const tl_model_file *file = &files->items[i];
        tl_json *row = tl_json_object_create(err);
        bool ok = row != NULL && tl_json_set_text(row, "name", file->name, err) &&
                  tl_json_set_integer(row, "size", (int64_t)file->size, err) && set_if_known(row, "sha256", file->sha256, err) &&
                  set_if_known(row, "git_sha1", file->git_sha1, err) && set_if_known(row, "repository", file->repository, err) &&
                  set_if_known(row, "revision", file->revision, err);
        if (!ok) {
            tl_json_free(row);
            row = NULL;
        }
        if (!tl_json_append(array, row, err)) {
            tl_json_free(array);
            array = NULL;
        }
    }
    return array;
}

bool tl_model_origin_write(const tl_model_origin *origin, const char *directory, tl_error *err)
{
    char when[32] = "";
    time_t seconds = (time_t)origin->downloaded;
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a time of this calendar, found %lld", (long long)origin->downloaded);
    tl_json *json = tl_json_object_create(err);
    char *path = tl_path_join(directory, origin_file, err);
    bool ok = json != NULL && path != NULL && tl_json_set_integer(json, "format", FORMAT_VERSION, err) &&
              tl_json_set_text(json, "repository", origin->repository, err) &&
              tl_json_set_text(json, "revision", origin->revision, err) &&
              tl_json_set_text(json, "requested", origin->requested, err) &&
              tl_json_set_text(json, "endpoint", origin->endpoint, err) && set_if_known(json, "license", origin->license, err) &&
              set_if_known(json, "dialect", origin->dialect, err) && set_if_known(json, "family", origin->family, err) &&
              (origin->parameter_count == 0 || tl_json_set_integer(json, "parameters", (int64_t)origin->parameter_count, err)) &&
              tl_json_set_text(json, "downloaded", when, err) &&
              tl_json_set(json, "files", files_to_json(&origin->files, err), err) && tl_json_write_file(json, path, err);
    tl_memory_free(path);
    tl_json_free(json);
    return ok;
}

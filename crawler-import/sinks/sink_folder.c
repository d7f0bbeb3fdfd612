/*
 * Owns datasets of plain files: 00000/KEY.jpg, KEY.txt, KEY.json. A folder is filled under a hidden name, and takes its place by
 * rename; the one that it replaces is renamed away first, so that a killed run leaves one of them whole under its own name or the
 * old one under the hidden name, from which it is written again.
 */
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "crawler-import/sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_FILE_SIZE = 1 << 28 };

typedef struct folder_writer {
    char *dataset, *path, *filling, *replaced;
    tl_string name;
    uint64_t size;
    bool is_committed;
} folder_writer;

static void folder_name(uint64_t number, char name[TL_SHARD_NAME_SIZE])
{
    snprintf(name, TL_SHARD_NAME_SIZE, "%05" PRIu64, number);
}

/* DATASET/00000, or the hidden names beside it: ".00000.new" while it is filled, ".00000.old" while it is replaced. */
static char *folder_path(const char *dataset, uint64_t number, const char *hidden, tl_error *err)
{
    char shard[TL_SHARD_NAME_SIZE];
    char name[TL_SHARD_NAME_SIZE + 8];
    folder_name(number, shard);
    if (hidden != NULL)
        snprintf(name, sizeof name, ".%s.%s", shard, hidden);
    return tl_path_join(dataset, hidden != NULL ? name : shard, err);
}

static void close_folder(void *state)
{
    folder_writer *writer = state;
    if (writer == NULL)
        return;
    /* Where it cannot be removed, it only takes up room until the shard is written again. */
    bool is_gone = writer->filling == NULL || writer->is_committed || tl_directory_remove(writer->filling, NULL);
    (void)is_gone;
    tl_memory_free(writer->dataset);
    tl_memory_free(writer->path);
    tl_memory_free(writer->filling);
    tl_memory_free(writer->replaced);
    tl_string_clear(&writer->name);
    tl_memory_free(writer);
}

static bool open_folder(const char *dataset, uint64_t number, void **state, tl_error *err)
{
    folder_writer *writer = tl_memory_allocate(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    tl_string_init(&writer->name, 65536);
    writer->dataset = tl_memory_copy_text(dataset, strlen(dataset), err);
    writer->path = writer->dataset != NULL ? folder_path(dataset, number, NULL, err) : NULL;
    writer->filling = writer->path != NULL ? folder_path(dataset, number, "new", err) : NULL;
    writer->replaced = writer->filling != NULL ? folder_path(dataset, number, "old", err) : NULL;
    if (writer->replaced == NULL || !tl_directory_remove(writer->filling, err) || !tl_directory_create(writer->filling, err)) {
        close_folder(writer);
        return false;
    }
    *state = writer;
    return true;
}

static bool write_whole(const char *path, tl_slice bytes, tl_error *err)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return tl_fail_errno(err, errno, "cannot create '%s'", path);
    int failure = 0;
    while (failure == 0 && bytes.size != 0) {
        ssize_t written = write(file, bytes.data, bytes.size);
        if (written < 0 && errno != EINTR)
            failure = errno;
        else if (written > 0)
            bytes = (tl_slice){bytes.data + written, bytes.size - (size_t)written};
    }
    /* Says that it may be written out now; committing waits for it. */
    if (failure == 0)
        (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    if (close(file) != 0 && failure == 0)
        failure = errno;
    return failure == 0 || tl_fail_errno(err, failure, "cannot write '%s'", path);
}

static bool add_file(folder_writer *writer, const char *key, const char *extension, tl_slice bytes, tl_error *err)
{
    tl_string_reset(&writer->name);
    writer->size += bytes.size;
    return tl_string_append_format(&writer->name, err, "%s/%s.%s", writer->filling, key, extension) &&
           write_whole(writer->name.data, bytes, err);
}

static bool add_sample(void *state, const tl_stored_sample *sample, tl_error *err)
{
    folder_writer *writer = state;
    return add_file(writer, sample->key, sample->extension, sample->picture, err) &&
           (sample->text.data == NULL || add_file(writer, sample->key, "txt", sample->text, err)) &&
           add_file(writer, sample->key, "json", sample->json, err);
}

static bool sync_file(int directory, const char *folder, const char *name, tl_error *err)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    bool ok = file >= 0 && fsync(file) == 0;
    int failure = errno;
    if (file >= 0)
        close(file);
    return ok || tl_fail_errno(err, failure, "cannot write '%s/%s'", folder, name);
}

/* Thousands of small files, most of which are on their way already: a quarter of the time that a sync of each as it is written
 * takes. */
static bool sync_files(const char *folder, tl_error *err)
{
    tl_directory_listing listing;
    if (!tl_directory_open(folder, &listing, err))
        return false;
    bool ok = true;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;)
        ok = name[0] == '.' || sync_file(tl_directory_descriptor(&listing), folder, name, err);
    return tl_directory_close(&listing, ok, err) && tl_directory_sync(folder, err);
}

static bool commit_folder(void *state, uint64_t *size, tl_error *err)
{
    folder_writer *writer = state;
    tl_file_status there;
    if (!sync_files(writer->filling, err) || !tl_file_status_read(writer->path, &there, err))
        return false;
    /* Where a killed run renamed it away, that one is all there is until the new one stands. */
    if (there.kind != TL_FILE_MISSING && !tl_directory_remove(writer->replaced, err))
        return false;
    if (there.kind != TL_FILE_MISSING && rename(writer->path, writer->replaced) != 0)
        return tl_fail_errno(err, errno, "cannot rename '%s'", writer->path);
    if (rename(writer->filling, writer->path) != 0)
        return tl_fail_errno(err, errno, "cannot rename '%s'", writer->filling);
    writer->is_committed = true;
    *size = writer->size;
    return tl_directory_sync(writer->dataset, err) && tl_directory_remove(writer->replaced, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_pictures(const char *folder, char ***names, size_t *count, tl_error *err)
{
    size_t capacity = 0;
    tl_directory_listing listing;
    if (!tl_directory_open(folder, &listing, err))
        return false;
    bool ok = true;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;) {
        const char *dot = strchr(name, '.');
        if (dot == NULL || dot == name || strcmp(dot, ".txt") == 0 || strcmp(dot, ".json") == 0)
            continue;
        ok = tl_memory_reserve(names, &capacity, *count + 1, sizeof **names, err);
        ok = ok && ((*names)[*count] = tl_memory_copy_text(name, strlen(name), err)) != NULL;
        *count += ok;
    }
    ok = tl_directory_close(&listing, ok, err);
    if (ok && *count != 0)
        qsort(*names, *count, sizeof **names, by_name);
    return ok;
}

/* Reads FOLDER/KEY.EXTENSION; a missing file leaves *found false. */
static bool read_member(const char *folder, const char *key, const char *extension, tl_string *bytes, bool *found, tl_error *err)
{
    tl_string path;
    tl_file_status status = {0};
    tl_string_init(&path, 65536);
    tl_string_reset(bytes);
    bool ok =
        tl_string_append_format(&path, err, "%s/%s.%s", folder, key, extension) && tl_file_status_read(path.data, &status, err);
    *found = ok && status.kind == TL_FILE_REGULAR;
    ok = ok && (!*found || tl_file_read(path.data, bytes, err));
    tl_string_clear(&path);
    return ok;
}

typedef struct member_texts {
    tl_string picture, text, json;
} member_texts;

static bool visit_picture(const char *folder, char *name, member_texts *read,
                          bool (*visit)(void *context, const tl_stored_sample *sample, tl_error *err), void *context,
                          tl_error *err)
{
    char *dot = strchr(name, '.');
    *dot = '\0';
    bool has_picture = false;
    bool has_text = false;
    bool has_json = false;
    if (!read_member(folder, name, dot + 1, &read->picture, &has_picture, err) ||
        !read_member(folder, name, "txt", &read->text, &has_text, err) ||
        !read_member(folder, name, "json", &read->json, &has_json, err))
        return false;
    const tl_stored_sample sample = {.key = name,
                                     .extension = dot + 1,
                                     .picture = tl_string_slice(&read->picture),
                                     .text = has_text ? tl_string_slice(&read->text) : (tl_slice){0},
                                     .json = tl_string_slice(&read->json)};
    return visit(context, &sample, err);
}

/* The folder under its name, or where a killed run left the one that it was replacing. */
static char *find_folder(const char *dataset, uint64_t number, tl_error *err)
{
    tl_file_status there = {0}, kept = {0};
    char *folder = folder_path(dataset, number, NULL, err);
    char *replaced = folder != NULL ? folder_path(dataset, number, "old", err) : NULL;
    bool is_away = replaced != NULL && tl_file_status_read(folder, &there, NULL) && there.kind == TL_FILE_MISSING &&
                   tl_file_status_read(replaced, &kept, NULL) && kept.kind == TL_FILE_DIRECTORY;
    char *found = replaced == NULL ? NULL : is_away ? replaced : folder;
    tl_memory_free(found == folder ? replaced : folder);
    return found;
}

static bool each_sample(const char *dataset, uint64_t number,
                        bool (*visit)(void *context, const tl_stored_sample *sample, tl_error *err), void *context, tl_error *err)
{
    char *folder = find_folder(dataset, number, err);
    char **names = NULL;
    size_t count = 0;
    member_texts read;
    tl_string_init(&read.picture, MAX_FILE_SIZE);
    tl_string_init(&read.text, MAX_FILE_SIZE);
    tl_string_init(&read.json, MAX_FILE_SIZE);
    bool ok = folder != NULL && list_pictures(folder, &names, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = visit_picture(folder, names[i], &read, visit, context, err);
    for (size_t i = 0; i < count; i++)
        tl_memory_free(names[i]);
    tl_memory_free(names);
    tl_memory_free(folder);
    tl_string_clear(&read.picture);
    tl_string_clear(&read.text);
    tl_string_clear(&read.json);
    return ok;
}

const tl_sink_kind tl_sink_folder = {"folder", folder_name, open_folder, add_sample, commit_folder, close_folder, each_sample};

/*
 * Owns the WebDataset source: members of a tar that follow each other and share their name up to the first dot (of the last part)
 * are one sample. A DATASET is every shard of a folder, in the order of their names. A damaged shard gives what came before the
 * damage and then one skipped sample; the next shard goes on.
 */
#include "base/core/memory.h"
#include "base/image/probe.h"
#include "crawler-import/archive/tar.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/sources/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_KEY_SIZE = 8192 };
static const char damaged[] = "damaged archive";

typedef struct shard_file {
    char *name; /* relative to the folder, owned */
    uint64_t size;
    int64_t modified_ns;
} shard_file;

typedef struct shards_state {
    char *folder;
    shard_file *shards;
    size_t shard_count;
    size_t shard_capacity;
    uint64_t total_size;
    uint64_t passed_size; /* of shards that are done */
    size_t shard;         /* the one being read */
    tl_tar_reader *reader;
    bool has_member; /* member belongs to the next sample, its bytes are not read yet */
    tl_tar_member member;
    bool is_read;    /* the shard's end was met */
    bool is_damaged; /* the shard ended in damage that is still to be told */
} shards_state;

static bool ends_in(tl_slice name, const char *end)
{
    size_t size = strlen(end);
    return name.size > size && strncasecmp(name.data + name.size - size, end, size) == 0;
}

bool tl_source_name_is_shard(tl_slice name)
{
    return ends_in(name, ".tar") || ends_in(name, ".tar.gz") || ends_in(name, ".tgz");
}

/*
 * A dataset has shards, and a ledger or neither pictures nor folders beside them: an archive somebody keeps at the top of a
 * library of pictures does not make it one, nor does the ledger of a download into plain files. A folder that cannot be listed to
 * its end is none, so that the walk tells of it.
 */
static bool is_dataset(const char *folder)
{
    struct stat status;
    bool has_shard = false;
    bool has_other = false;
    tl_directory_listing listing;
    if (!tl_directory_open(folder, &listing, NULL))
        return false;
    const int directory = tl_directory_descriptor(&listing);
    bool has_ledger = fstatat(directory, "ledger.db", &status, 0) == 0 && S_ISREG(status.st_mode);
    for (const char *name; !(has_ledger ? has_shard : has_other) && (name = tl_directory_next(&listing)) != NULL;) {
        if (name[0] == '.')
            continue;
        bool is_seen = fstatat(directory, name, &status, 0) == 0;
        bool may_be_folder = is_seen ? S_ISDIR(status.st_mode) : errno != ENOENT;
        has_other = may_be_folder || tl_image_name_is_picture(name);
        has_shard = has_shard || (is_seen && S_ISREG(status.st_mode) && tl_source_name_is_shard(tl_slice_of(name)));
    }
    bool is_whole = tl_directory_close(&listing, true, NULL);
    return has_shard && (has_ledger || (!has_other && is_whole));
}

/* A tar header ends its first block with the sum of its bytes, the sum's own field read as spaces (POSIX, ustar interchange
 * format). */
static bool is_tar_header(tl_slice head)
{
    enum { BLOCK = 512, SUM_AT = 148, SUM_SIZE = 8 };
    if (head.size < BLOCK)
        return false;
    unsigned long sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : (unsigned char)head.data[i];
    char text[SUM_SIZE + 1] = {0};
    memcpy(text, head.data + SUM_AT, SUM_SIZE);
    return sum != ' ' * (unsigned long)SUM_SIZE && strtoul(text, NULL, 8) == sum;
}

static bool recognises(const char *path, const tl_file_status *status, tl_slice head)
{
    if (status->kind == TL_FILE_DIRECTORY)
        return is_dataset(path);
    return is_tar_header(head) || tl_source_name_is_shard(tl_slice_of(path));
}

static int compare_shards(const void *a, const void *b)
{
    return strcmp(((const shard_file *)a)->name, ((const shard_file *)b)->name);
}

static bool add_shard(shards_state *state, const char *name, tl_error *err)
{
    tl_file_status status;
    char *path = tl_path_join(state->folder, name, err);
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    tl_memory_free(path);
    if (!ok || status.kind != TL_FILE_REGULAR)
        return ok;
    char *copy = tl_memory_copy_text(name, strlen(name), err);
    if (copy == NULL ||
        !tl_memory_reserve(&state->shards, &state->shard_capacity, state->shard_count + 1, sizeof *state->shards, err)) {
        tl_memory_free(copy);
        return false;
    }
    state->shards[state->shard_count++] = (shard_file){copy, status.size, status.modified_ns};
    state->total_size += status.size;
    return true;
}

static bool list_shards(shards_state *state, tl_error *err)
{
    tl_directory_listing listing;
    if (!tl_directory_open(state->folder, &listing, err))
        return false;
    bool ok = true;
    for (const char *name; ok && (name = tl_directory_next(&listing)) != NULL;)
        if (name[0] != '.' && tl_source_name_is_shard(tl_slice_of(name)))
            ok = add_shard(state, name, err);
    ok = tl_directory_close(&listing, ok, err);
    if (ok && state->shard_count != 0)
        qsort(state->shards, state->shard_count, sizeof *state->shards, compare_shards);
    return ok;
}

/* "a/b.jpg" is key "a/b", extension "jpg". False: hidden, or no name of a sample's file. */
static bool split_name(const char *name, tl_slice *key, const char **extension)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    const char *dot = strchr(base, '.');
    if (dot == NULL || dot == base || dot[1] == '\0' || dot - name > MAX_KEY_SIZE)
        return false;
    *key = (tl_slice){name, (size_t)(dot - name)};
    *extension = dot + 1;
    return true;
}

/* The extension alone decides, as for other readers of the format: "tar.jpg" is no picture, "jpg" is. */
static bool is_picture_extension(const char *extension)
{
    char name[16];
    return strchr(extension, '.') == NULL && snprintf(name, sizeof name, "x.%s", extension) < (int)sizeof name &&
           tl_image_name_is_picture(name);
}

static bool fail_unless_damaged(const tl_error *reason, bool *is_damaged, tl_error *err)
{
    *is_damaged = reason->kind == TL_ERROR_CORRUPT;
    return *is_damaged || tl_fail_as(err, reason);
}

static bool open_shard(shards_state *state, tl_error *err)
{
    tl_error reason;
    char *path = tl_path_join(state->folder, state->shards[state->shard].name, err);
    if (path == NULL)
        return false;
    bool ok = tl_tar_reader_open(path, &state->reader, &reason) || fail_unless_damaged(&reason, &state->is_damaged, err);
    tl_memory_free(path);
    return ok;
}

static void end_shard(shards_state *state)
{
    tl_tar_reader_close(state->reader);
    state->reader = NULL;
    state->is_read = false;
    state->passed_size += state->shards[state->shard].size;
    state->shard++;
}

/* Reads headers up to a member that belongs to a sample: has_member. Else is_read or is_damaged. */
static bool find_member(shards_state *state, tl_error *err)
{
    tl_error reason;
    tl_slice key;
    const char *extension;
    state->has_member = false;
    while (!state->has_member && !state->is_read) {
        if (!tl_tar_reader_next(state->reader, &state->member, &state->is_read, &reason))
            return fail_unless_damaged(&reason, &state->is_damaged, err);
        state->has_member = !state->is_read && state->member.is_file && split_name(state->member.name, &key, &extension);
    }
    return true;
}

/* Makes the next item ready: a member, or damage to tell of. Neither: the end of the last shard. */
static bool find_sample(shards_state *state, tl_error *err)
{
    while (!state->has_member && !state->is_damaged && state->shard < state->shard_count) {
        if (state->reader == NULL && !open_shard(state, err))
            return false;
        if (state->reader != NULL && !find_member(state, err))
            return false;
        if (!state->has_member && !state->is_damaged)
            end_shard(state);
    }
    return true;
}

static bool open_shards(tl_source *source, tl_error *err)
{
    shards_state *state = tl_memory_allocate(1, sizeof *state, err);
    tl_file_status status;
    source->state = state;
    if (state == NULL || !tl_file_status_read(source->path, &status, err))
        return false;
    bool is_folder = status.kind == TL_FILE_DIRECTORY;
    const char *slash = strrchr(source->path, '/');
    size_t folder_size = is_folder ? strlen(source->path) : slash == source->path ? 1 : (size_t)(slash - source->path);
    state->folder = tl_memory_copy_text(source->path, folder_size, err);
    if (state->folder == NULL || !(is_folder ? list_shards(state, err) : add_shard(state, slash + 1, err)) ||
        !find_sample(state, err))
        return false;
    return state->has_member || state->is_damaged ||
           tl_fail(err, TL_ERROR_INVALID, "'%s': expected pictures, found none", source->path);
}

/* Whether samples are passed over or not: read and seeked past, a cut picture shows at different items, and the count of a
 * resumed import would no longer be right. */
static bool wants_picture(const tl_source *source)
{
    return !source->options.without_image_bytes;
}

/* Reads the member at hand to where it belongs in the sample. */
static bool take_member(tl_source *source, const char *extension, bool *has_picture, tl_error *err)
{
    shards_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_string *text = strcasecmp(extension, "txt") == 0    ? &parts->caption_text
                      : strcasecmp(extension, "json") == 0 ? &parts->json_text
                      : strcasecmp(extension, "cls") == 0  ? &parts->label_text
                                                           : NULL;
    bool fits = true;
    if (text != NULL) {
        tl_string_reset(text); /* the last of equal names counts, as when a tar is unpacked */
        if (!tl_tar_reader_read(state->reader, text, &fits, err))
            return false;
        parts->has_json = parts->has_json || text == &parts->json_text;
    } else if (!*has_picture && is_picture_extension(extension)) {
        *has_picture = true;
        parts->size = state->member.size;
        if (state->member.size > TL_SOURCE_MAX_PICTURE_SIZE)
            fits = false;
        else if (state->member.size == 0)
            tl_sample_parts_skip(parts, "empty file");
        else if (wants_picture(source) && !tl_tar_reader_read(state->reader, &parts->image, &fits, err))
            return false;
    }
    if (!fits)
        tl_sample_parts_skip(parts, "member too large");
    return true;
}

/* Takes members as long as they share the first one's key. *is_cut: the damage lies inside this sample. */
static bool take_members(tl_source *source, tl_string *raw_key, bool *has_picture, bool *is_cut, tl_error *err)
{
    shards_state *state = source->state;
    tl_slice key;
    const char *extension = NULL;
    while (state->has_member && split_name(state->member.name, &key, &extension)) {
        tl_error reason;
        if (raw_key->size != 0 && !tl_slice_equal(key, tl_string_slice(raw_key)))
            return true;
        if (raw_key->size == 0 && !tl_string_append(raw_key, key.data, key.size, err))
            return false;
        if (!take_member(source, extension, has_picture, &reason)) {
            state->has_member = false;
            *is_cut = true;
            return fail_unless_damaged(&reason, &state->is_damaged, err);
        }
        if (!find_member(state, err))
            return false;
    }
    return true;
}

static bool name_sample(tl_source *source, tl_slice raw_key, tl_error *err)
{
    shards_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    const shard_file *shard = &state->shards[state->shard];
    parts->root = state->folder;
    parts->modified_ns = shard->modified_ns;
    return tl_sample_key_append(raw_key, &parts->key, err) &&
           tl_string_append_format(&parts->path, err, raw_key.size != 0 ? "%s#%s" : "%s", shard->name, parts->key.data) &&
           tl_text_append_readable(tl_string_slice(&parts->path), &parts->origin, err);
}

static bool tell_damage(tl_source *source, tl_slice raw_key, tl_sample *out, tl_error *err)
{
    shards_state *state = source->state;
    source->parts.skip_reason = damaged;
    bool ok = name_sample(source, raw_key, err);
    state->is_damaged = false;
    end_shard(state);
    return ok && find_sample(state, err) && tl_sample_parts_hand_over(&source->parts, source->options.caption_from, out, err);
}

static bool next_sample(tl_source *source, tl_sample *out, bool *done, tl_error *err)
{
    shards_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_sample_parts_reset(parts);
    if (!state->has_member) {
        *done = !state->is_damaged;
        return *done || tell_damage(source, (tl_slice){NULL, 0}, out, err);
    }
    bool has_picture = false;
    bool is_cut = false;
    tl_string raw_key;
    tl_string_init(&raw_key, TL_SOURCE_MAX_PATH_SIZE / 2);
    bool ok = take_members(source, &raw_key, &has_picture, &is_cut, err);
    if (ok && is_cut) {
        ok = tell_damage(source, tl_string_slice(&raw_key), out, err);
        goto done;
    }
    if (!has_picture)
        tl_sample_parts_skip(parts, "no picture");
    ok = ok && name_sample(source, tl_string_slice(&raw_key), err) &&
         tl_sample_parts_read_texts(parts, parts->key.data, source->options.caption_from, err) && find_sample(state, err) &&
         tl_sample_parts_hand_over(parts, source->options.caption_from, out, err);
done:
    tl_string_clear(&raw_key);
    return ok;
}

static double progress(const tl_source *source)
{
    const shards_state *state = source->state;
    uint64_t passed = state->passed_size + (state->reader != NULL ? tl_tar_reader_position(state->reader) : 0);
    return passed < state->total_size ? (double)passed / (double)state->total_size : 1;
}

static void close_shards(tl_source *source)
{
    shards_state *state = source->state;
    if (state == NULL)
        return;
    tl_tar_reader_close(state->reader);
    for (size_t i = 0; i < state->shard_count; i++)
        tl_memory_free(state->shards[i].name);
    tl_memory_free(state->shards);
    tl_memory_free(state->folder);
    tl_memory_free(state);
}

bool tl_source_read_shard_image(const char *shard_path, const char *key, tl_string *bytes, tl_error *err)
{
    tl_tar_reader *reader = NULL;
    tl_tar_member member;
    tl_slice raw_key;
    const char *extension;
    tl_string found;
    tl_string_init(&found, TL_SOURCE_MAX_PATH_SIZE);
    bool ok = tl_tar_reader_open(shard_path, &reader, err);
    bool done = false;
    bool is_read = false;
    bool fits = true;
    while (ok && !done && !is_read) {
        ok = tl_tar_reader_next(reader, &member, &done, err);
        if (!ok || done || !member.is_file || !split_name(member.name, &raw_key, &extension) || !is_picture_extension(extension))
            continue;
        tl_string_reset(&found);
        ok = tl_sample_key_append(raw_key, &found, err);
        if (!ok || strcmp(found.data, key) != 0)
            continue;
        is_read = true;
        ok = tl_tar_reader_read(reader, bytes, &fits, err);
    }
    if (ok && !is_read)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a sample '%s', found none", shard_path, key);
    else if (ok && !fits)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': sample '%s': expected at most %zu bytes, found more", shard_path, key,
                     bytes->max_size);
    tl_tar_reader_close(reader);
    tl_string_clear(&found);
    return ok;
}

const tl_source_kind tl_source_webdataset = {.name = "webdataset",
                                             .recognises = recognises,
                                             .open = open_shards,
                                             .next = next_sample,
                                             .progress = progress,
                                             .close = close_shards};

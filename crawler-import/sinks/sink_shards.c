/* Owns datasets of WebDataset shards as a kind of sink: the writer of every import, and reading a shard back sample by sample. */
#include "base/core/memory.h"
#include "base/core/string.h"
#include "crawler-import/archive/tar.h"
#include "crawler-import/sinks/webdataset_writer.h"

enum { MAX_MEMBER_SIZE = 1 << 28 };

static bool open_shard(const char *dataset, uint64_t number, void **state, tl_error *err)
{
    tl_shard_writer *writer = NULL;
    if (!tl_shard_writer_open(dataset, number, &writer, err))
        return false;
    *state = writer;
    return true;
}

static bool add_sample(void *state, const tl_stored_sample *sample, tl_error *err)
{
    return tl_shard_writer_add_stored(state, sample, err);
}

static bool commit_shard(void *state, uint64_t *size, tl_error *err)
{
    return tl_shard_writer_commit(state, size, err);
}

static void close_shard(void *state)
{
    tl_shard_writer_close(state);
}

/* A sample as it is put together from its members. */
typedef struct gathered {
    tl_string key, extension, picture, text, json;
    bool has_text;
    bool (*visit)(void *context, const tl_stored_sample *sample, tl_error *err);
    void *context;
} gathered;

static bool hand_over(gathered *parts, tl_error *err)
{
    if (parts->key.size == 0)
        return true;
    const tl_stored_sample sample = {.key = parts->key.data,
                                     .extension = parts->extension.data,
                                     .picture = tl_string_slice(&parts->picture),
                                     .text = parts->has_text ? tl_string_slice(&parts->text) : (tl_slice){0},
                                     .json = tl_string_slice(&parts->json)};
    return parts->visit(parts->context, &sample, err);
}

static bool take_member(gathered *parts, tl_tar_reader *reader, const char *name, tl_error *err)
{
    const char *slash = strrchr(name, '/');
    const char *dot = strchr(slash != NULL ? slash : name, '.');
    size_t key_size = dot != NULL ? (size_t)(dot - name) : strlen(name);
    const char *extension = dot != NULL ? dot + 1 : "";
    if (parts->key.size != key_size || memcmp(parts->key.data, name, key_size) != 0) {
        if (!hand_over(parts, err))
            return false;
        tl_string_reset(&parts->key);
        tl_string_reset(&parts->extension);
        tl_string_reset(&parts->picture);
        tl_string_reset(&parts->text);
        tl_string_reset(&parts->json);
        parts->has_text = false;
        if (!tl_string_append(&parts->key, name, key_size, err))
            return false;
    }
    bool is_text = strcmp(extension, "txt") == 0;
    bool is_json = strcmp(extension, "json") == 0;
    tl_string *into = is_text ? &parts->text : is_json ? &parts->json : &parts->picture;
    parts->has_text = parts->has_text || is_text;
    bool fits = false;
    if (!is_text && !is_json && !tl_string_append_text(&parts->extension, extension, err))
        return false;
    return tl_tar_reader_read(reader, into, &fits, err) &&
           (fits || tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected at most %d bytes, found more", name, (int)MAX_MEMBER_SIZE));
}

static bool each_sample(const char *dataset, uint64_t number,
                        bool (*visit)(void *context, const tl_stored_sample *sample, tl_error *err), void *context, tl_error *err)
{
    char name[TL_SHARD_NAME_SIZE];
    tl_shard_name(number, name);
    char *path = tl_path_join(dataset, name, err);
    tl_tar_reader *reader = NULL;
    gathered parts = {.visit = visit, .context = context};
    tl_string_init(&parts.key, 4096);
    tl_string_init(&parts.extension, 4096);
    tl_string_init(&parts.picture, MAX_MEMBER_SIZE);
    tl_string_init(&parts.text, MAX_MEMBER_SIZE);
    tl_string_init(&parts.json, MAX_MEMBER_SIZE);
    bool done = false;
    bool ok = path != NULL && tl_tar_reader_open(path, &reader, err);
    while (ok && !done) {
        tl_tar_member member;
        ok = tl_tar_reader_next(reader, &member, &done, err) &&
             (done || !member.is_file || take_member(&parts, reader, member.name, err));
    }
    ok = ok && hand_over(&parts, err);
    tl_tar_reader_close(reader);
    tl_string_clear(&parts.key);
    tl_string_clear(&parts.extension);
    tl_string_clear(&parts.picture);
    tl_string_clear(&parts.text);
    tl_string_clear(&parts.json);
    tl_memory_free(path);
    return ok;
}

const tl_sink_kind tl_sink_shards = {"shards", tl_shard_name, open_shard, add_sample, commit_shard, close_shard, each_sample};

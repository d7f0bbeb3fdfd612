/*
 * Owns the form of a sample in a shard. Everything written is a function of the sample alone, so the same samples give the same
 * bytes. The json keeps what the source knew and states: key, caption, captions, split, label, url, origin (where the sample was
 * first read), width, height, xxh128 (XXH3 128-bit hash of the picture's bytes).
 */
#include "crawler-import/sinks/webdataset_writer.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/archive/tar.h"

#include <inttypes.h>
#include <stdio.h>

enum { TEXT_ROOM = 65536 };

struct tl_shard_writer {
    tl_tar_writer *tar;
    tl_string name;
    tl_string text;
};

void tl_shard_name(uint64_t number, char name[TL_SHARD_NAME_SIZE])
{
    snprintf(name, TL_SHARD_NAME_SIZE, "%05" PRIu64 ".tar", number);
}

/* Room for usual metadata, made once: the json library drops a member's name, and says nothing, when its output cannot grow
 * there. */
static bool make_text_room(tl_shard_writer *writer, tl_error *err)
{
    static const char room[TEXT_ROOM] = {0};
    bool ok = tl_string_append(&writer->text, room, sizeof room, err);
    tl_string_reset(&writer->text);
    return ok;
}

bool tl_shard_writer_open(const char *dataset, uint64_t number, tl_shard_writer **out, tl_error *err)
{
    char name[TL_SHARD_NAME_SIZE];
    tl_shard_name(number, name);
    char *path = tl_path_join(dataset, name, err);
    tl_shard_writer *writer = path != NULL ? tl_memory_allocate(1, sizeof *writer, err) : NULL;
    if (writer == NULL) {
        tl_memory_free(path);
        return false;
    }
    tl_string_init(&writer->name, 512);
    tl_string_init(&writer->text, (size_t)1 << 28);
    bool ok = make_text_room(writer, err) && tl_tar_writer_open(path, &writer->tar, err);
    tl_memory_free(path);
    if (!ok) {
        tl_shard_writer_close(writer);
        return false;
    }
    *out = writer;
    return true;
}

static bool add_member(tl_shard_writer *writer, const char *key, const char *extension, tl_slice bytes, tl_error *err)
{
    tl_string_reset(&writer->name);
    return tl_string_append_format(&writer->name, err, "%s.%s", key, extension) &&
           tl_tar_writer_add(writer->tar, writer->name.data, bytes, err);
}

static bool set_slice(tl_shard_writer *writer, tl_json *json, const char *name, tl_slice value, tl_error *err)
{
    tl_string_reset(&writer->text);
    return tl_string_append(&writer->text, value.data, value.size, err) && tl_json_set_text(json, name, writer->text.data, err);
}

static bool set_captions(tl_shard_writer *writer, tl_json *json, const tl_sample *sample, tl_error *err)
{
    if (sample->caption_count == 0)
        return true;
    tl_json *captions = tl_json_array_create(err);
    bool ok = captions != NULL && set_slice(writer, json, "caption", sample->captions[0], err);
    for (size_t i = 0; ok && i < sample->caption_count; i++) {
        tl_string_reset(&writer->text);
        ok = tl_string_append(&writer->text, sample->captions[i].data, sample->captions[i].size, err) &&
             tl_json_append_text(captions, writer->text.data, err);
    }
    if (!ok) {
        tl_json_free(captions);
        return false;
    }
    return tl_json_set(json, "captions", captions, err);
}

/* Writes the metadata to writer->text. */
static bool describe(tl_shard_writer *writer, const tl_sample *sample, const char *key, const char *split,
                     const tl_image_info *info, tl_error *err)
{
    char hash[TL_HASH_TEXT_SIZE];
    tl_hash_text(sample->image.data, sample->image.size, hash);
    tl_json *json = sample->json != NULL ? tl_json_copy(sample->json, err) : tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_text(json, "key", key, err) && set_captions(writer, json, sample, err) &&
              (split == NULL || tl_json_set_text(json, "split", split, err)) &&
              (sample->label < 0 || tl_json_set_integer(json, "label", sample->label, err)) &&
              (sample->url == NULL || tl_json_set_text(json, "url", sample->url, err)) &&
              (tl_json_member(json, "origin") != NULL || tl_json_set_text(json, "origin", sample->origin, err)) &&
              tl_json_set_integer(json, "width", info->width, err) && tl_json_set_integer(json, "height", info->height, err) &&
              tl_json_set_text(json, "xxh128", hash, err);
    tl_string_reset(&writer->text);
    ok = ok && tl_json_write(json, TL_JSON_COMPACT, &writer->text, err);
    tl_json_free(json);
    return ok;
}

bool tl_shard_writer_add(tl_shard_writer *writer, const tl_sample *sample, const char *key, const char *split,
                         const tl_image_info *info, tl_error *err)
{
    if (!add_member(writer, key, tl_image_format_extension(info->format), sample->image, err) ||
        (sample->caption_count != 0 && !add_member(writer, key, "txt", sample->captions[0], err)))
        return false;
    tl_string_reset(&writer->text);
    if (sample->label >= 0 && (!tl_string_append_format(&writer->text, err, "%" PRId64, sample->label) ||
                               !add_member(writer, key, "cls", tl_string_slice(&writer->text), err)))
        return false;
    return describe(writer, sample, key, split, info, err) &&
           add_member(writer, key, "json", tl_string_slice(&writer->text), err);
}

bool tl_shard_writer_commit(tl_shard_writer *writer, uint64_t *size, tl_error *err)
{
    if (!tl_tar_writer_commit(writer->tar, err))
        return false;
    *size = tl_tar_writer_size(writer->tar);
    return true;
}

void tl_shard_writer_close(tl_shard_writer *writer)
{
    if (writer == NULL)
        return;
    tl_tar_writer_close(writer->tar);
    tl_string_clear(&writer->name);
    tl_string_clear(&writer->text);
    tl_memory_free(writer);
}

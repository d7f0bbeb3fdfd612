/* Owns the form of a sample in a shard: which members it has and in which order. */
#include "crawler-import/sinks/webdataset_writer.h"

#include "base/core/memory.h"
#include "crawler-import/archive/tar.h"
#include "crawler-import/sinks/sample_json.h"

#include <inttypes.h>
#include <stdio.h>

struct tl_shard_writer {
    tl_tar_writer *tar;
    tl_string name;
    tl_string text;
};

void tl_shard_name(uint64_t number, char name[TL_SHARD_NAME_SIZE])
{
    snprintf(name, TL_SHARD_NAME_SIZE, "%05" PRIu64 ".tar", number);
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
    bool ok = tl_sample_json_make_room(&writer->text, err) && tl_tar_writer_open(path, &writer->tar, err);
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
    tl_string_reset(&writer->text);
    return tl_sample_json_append(sample, key, split, info, &writer->text, err) &&
           add_member(writer, key, "json", tl_string_slice(&writer->text), err);
}

bool tl_shard_writer_add_stored(tl_shard_writer *writer, const tl_stored_sample *sample, tl_error *err)
{
    return add_member(writer, sample->key, sample->extension, sample->picture, err) &&
           (sample->text.data == NULL || add_member(writer, sample->key, "txt", sample->text, err)) &&
           add_member(writer, sample->key, "json", sample->json, err);
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

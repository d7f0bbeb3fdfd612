/* Owns the table of source kinds, the choice among them by bytes and then name, and what the door does for every kind alike. */
#include "base/core/memory.h"
#include "base/image/probe.h"
#include "crawler-import/archive/stream.h"
#include "crawler-import/sources/source.h"

enum { HEAD_SIZE = 4096 };

/* Asked in this order: a shard says so in its bytes, a table is what is left of texts. */
static const tl_source_kind *const kinds[] = {&tl_source_webdataset, &tl_source_folder, &tl_source_table};

static bool fail_unrecognised(const char *path, uint64_t size, tl_slice head, tl_error *err)
{
    static const char expected[] =
        "a folder of pictures, a dataset, a shard (.tar, .tar.gz) or a captions table (csv, tsv, json, parquet)";
    tl_image_info info;
    if (head.size == 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %s, found %s", path, expected,
                       size == 0 ? "an empty file" : "damaged compressed data");
    if (tl_image_probe(head, &info, NULL))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %s, found one picture", path, expected);
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected %s, found a file of another kind", path, expected);
}

static bool choose_kind(const char *path, const tl_source_kind **kind, tl_error *err)
{
    tl_file_status status;
    char head[HEAD_SIZE];
    size_t head_size = 0;
    tl_error reason;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind != TL_FILE_REGULAR && status.kind != TL_FILE_DIRECTORY)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a file or folder, found a device or pipe", path);
    /* What cannot be inflated is left to those that know it by its name. */
    if (status.kind == TL_FILE_REGULAR && !tl_byte_stream_read_head(path, head, sizeof head, &head_size, &reason) &&
        reason.kind != TL_ERROR_CORRUPT)
        return tl_fail_as(err, &reason);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i]->recognises(path, &status, (tl_slice){head, head_size})) {
            *kind = kinds[i];
            return true;
        }
    return fail_unrecognised(path, status.size, (tl_slice){head, head_size}, err);
}

static bool copy_options(tl_source *source, const tl_source_options *options, tl_error *err)
{
    if (options == NULL)
        return true;
    const char *image = options->image_column;
    const char *caption = options->caption_column;
    const char *folder = options->image_folder;
    source->options = *options;
    source->options.image_column = source->options.caption_column = source->options.image_folder = NULL;
    if ((image != NULL && (source->options.image_column = tl_memory_copy_text(image, strlen(image), err)) == NULL) ||
        (folder != NULL && (source->options.image_folder = tl_memory_copy_text(folder, strlen(folder), err)) == NULL))
        return false;
    return caption == NULL || (source->options.caption_column = tl_memory_copy_text(caption, strlen(caption), err)) != NULL;
}

bool tl_source_open(const char *path, const tl_source_options *options, tl_source **out, tl_error *err)
{
    tl_source *source = tl_memory_allocate(1, sizeof *source, err);
    if (source == NULL)
        return false;
    source->reads_pictures = true;
    tl_sample_parts_init(&source->parts);
    source->path = tl_path_resolve(path, err);
    if (source->path == NULL || !copy_options(source, options, err) || !choose_kind(source->path, &source->kind, err) ||
        !source->kind->open(source, err)) {
        tl_source_close(source);
        return false;
    }
    *out = source;
    return true;
}

const char *tl_source_kind_name(const tl_source *source)
{
    return source->kind->name;
}

const char *tl_source_root(const tl_source *source)
{
    return source->path;
}

bool tl_source_next(tl_source *source, tl_sample *out, bool *done, tl_error *err)
{
    *done = false;
    return source->kind->next(source, out, done, err);
}

double tl_source_progress(const tl_source *source)
{
    return source->kind->progress(source);
}

void tl_source_close(tl_source *source)
{
    if (source == NULL)
        return;
    if (source->kind != NULL)
        source->kind->close(source);
    tl_sample_parts_clear(&source->parts);
    tl_memory_free((char *)source->options.image_column);
    tl_memory_free((char *)source->options.caption_column);
    tl_memory_free((char *)source->options.image_folder);
    tl_memory_free(source->path);
    tl_memory_free(source);
}

bool tl_source_finish_file_sample(tl_source *source, const char *file_path, tl_sample *out, tl_error *err)
{
    tl_sample_parts *parts = &source->parts;
    tl_caption_from caption_from = source->options.caption_from;
    if (parts->skip_reason == NULL && parts->size == 0)
        tl_sample_parts_skip(parts, "empty file");
    if (parts->skip_reason == NULL && parts->size > TL_SOURCE_MAX_PICTURE_SIZE)
        tl_sample_parts_skip(parts, "picture too large");
    if (!tl_sample_parts_hand_over(parts, caption_from, out, err))
        return false;
    bool wanted = out->skip_reason == NULL && source->reads_pictures && !source->options.without_image_bytes &&
                  (source->options.wants_bytes == NULL || source->options.wants_bytes(source->options.context, out));
    if (!wanted)
        return true;
    tl_error reason;
    if (tl_file_read(file_path, &parts->image, &reason)) {
        if (parts->image.size == 0)
            tl_sample_parts_skip(parts, "empty file"); /* emptied since it was looked at */
    } else if (reason.kind == TL_ERROR_NO_MEMORY) {
        return tl_fail_as(err, &reason);
    } else {
        tl_sample_parts_skip(parts, reason.kind == TL_ERROR_NOT_FOUND ? "missing file" : "unreadable file");
    }
    return tl_sample_parts_hand_over(parts, caption_from, out, err);
}

size_t tl_source_shard_name_size(const char *path)
{
    for (const char *mark = strchr(path, '#'); mark != NULL; mark = strchr(mark + 1, '#'))
        if (tl_source_name_is_shard((tl_slice){path, (size_t)(mark - path)}))
            return (size_t)(mark - path);
    return 0;
}

bool tl_source_read_image(const char *root, const char *path, tl_string *bytes, tl_error *err)
{
    const size_t shard_size = tl_source_shard_name_size(path);
    const char *key = shard_size != 0 ? path + shard_size + 1 : NULL;
    char *whole = tl_path_join(path[0] == '/' ? "" : root, path, err);
    if (whole == NULL)
        return false;
    bool ok;
    tl_file_status status = {0};
    if (key != NULL && tl_file_status_read(whole, &status, NULL) && status.kind == TL_FILE_REGULAR)
        key = NULL;
    if (key == NULL) {
        ok = tl_file_read(whole, bytes, err);
    } else {
        whole[strlen(whole) - strlen(key) - 1] = '\0';
        ok = tl_source_read_shard_image(whole, key, bytes, err);
    }
    tl_memory_free(whole);
    return ok;
}

/* Owns the names of the settings: those of the command's options. What is at its default is left out. */
#include "crawler-import/download/settings.h"

#include "base/core/memory.h"
#include "base/io/file.h"

static bool set_text(tl_json *json, const char *name, const char *text, tl_error *err)
{
    return text == NULL || tl_json_set_text(json, name, text, err);
}

static bool set_count(tl_json *json, const char *name, uint64_t value, tl_error *err)
{
    return value == 0 || tl_json_set_integer(json, name, (int64_t)value, err);
}

static bool set_flag(tl_json *json, const char *name, bool value, tl_error *err)
{
    return !value || tl_json_set_bool(json, name, true, err);
}

static bool set_share(tl_json *json, const char *name, double value, tl_error *err)
{
    return value == 0 || tl_json_set_number(json, name, value, err);
}

static bool set_list(tl_json *json, const tl_list_options *list, tl_error *err)
{
    return set_text(json, "format", list->format, err) && set_text(json, "url-column", list->url_column, err) &&
           set_text(json, "caption-column", list->caption_column, err) &&
           set_text(json, "digest-column", list->digest_column, err) && set_text(json, "keep", list->keep, err) &&
           set_text(json, "where", list->where, err);
}

static bool set_picture(tl_json *json, const tl_picture_rules *picture, tl_error *err)
{
    static const char *const modes[] = {"no", "shortest", "longest", "squash", "crop"};
    const char *format = picture->format != TL_IMAGE_UNKNOWN ? tl_image_format_name(picture->format) : NULL;
    return (picture->resize == TL_FIT_NO || set_text(json, "resize", modes[picture->resize], err)) &&
           set_count(json, "size", picture->size, err) && set_flag(json, "only-if-bigger", picture->only_if_bigger, err) &&
           set_text(json, "encode", format, err) && set_count(json, "quality", picture->quality, err) &&
           set_flag(json, "drop-metadata", picture->drop_metadata, err) &&
           set_flag(json, "keep-metadata", picture->keep_metadata, err) &&
           set_flag(json, "only-headers", picture->only_headers, err) && set_count(json, "min-side", picture->min_side, err) &&
           set_share(json, "max-aspect", picture->max_aspect, err) && set_count(json, "max-pixels", picture->max_pixels, err);
}

static bool set_rows(tl_json *json, const tl_row_rules *rows, tl_error *err)
{
    return set_flag(json, "needs-caption", rows->needs_caption, err) && set_count(json, "min-caption", rows->min_caption, err) &&
           set_count(json, "max-caption", rows->max_caption, err) && set_text(json, "script", rows->scripts, err) &&
           set_flag(json, "unique-urls", rows->unique_urls, err) && set_flag(json, "unique-pictures", rows->unique_pictures, err);
}

tl_json *tl_download_settings(const tl_download_options *options, size_t rows_per_shard, tl_error *err)
{
    static const char *const kinds[] = {"shards", "folder", "nothing"};
    static const char *const tables[] = {"none", "parquet", "jsonl"};
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && set_count(json, "shard-size", rows_per_shard, err) &&
              set_text(json, "store", kinds[options->store], err) && set_text(json, "table", tables[options->table], err) &&
              set_flag(json, "to-index", options->receiver != NULL, err) && set_share(json, "hold-out", options->hold_out, err) &&
              set_flag(json, "incremental", options->incremental, err) && set_count(json, "parts", options->part_count, err) &&
              set_count(json, "part", options->part, err) && set_count(json, "most-bytes", options->fetch.most_bytes, err) &&
              set_list(json, &options->list, err) && set_picture(json, &options->picture, err) &&
              set_rows(json, &options->rows, err);
    if (ok)
        return json;
    tl_json_free(json);
    return NULL;
}

static bool add_source(tl_json *array, const char *path, tl_error *err)
{
    tl_file_status status;
    char *absolute = tl_path_resolve(path, err);
    tl_json *source = absolute != NULL ? tl_json_object_create(err) : NULL;
    bool ok = source != NULL && tl_file_status_read(absolute, &status, err) && tl_json_set_text(source, "path", absolute, err) &&
              (status.kind != TL_FILE_REGULAR || (tl_json_set_integer(source, "size", (int64_t)status.size, err) &&
                                                  tl_json_set_integer(source, "modified_ns", status.modified_ns, err)));
    tl_memory_free(absolute);
    if (!ok) {
        tl_json_free(source);
        return false;
    }
    return tl_json_append(array, source, err);
}

bool tl_download_sources(const char *const *sources, size_t count, tl_string *out, tl_error *err)
{
    tl_json *array = tl_json_array_create(err);
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_source(array, sources[i], err);
    ok = ok && tl_json_write(array, TL_JSON_COMPACT, out, err);
    tl_json_free(array);
    return ok;
}

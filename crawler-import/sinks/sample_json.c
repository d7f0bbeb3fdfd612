/* Owns the members that every sample of a dataset has, and their order. */
#include "crawler-import/sinks/sample_json.h"

#include "base/core/hash.h"

enum { TEXT_ROOM = 65536 };

bool tl_sample_json_make_room(tl_string *out, tl_error *err)
{
    static const char room[TEXT_ROOM] = {0};
    bool ok = tl_string_append(out, room, sizeof room, err);
    tl_string_reset(out);
    return ok;
}

/* Texts of the json library end in a NUL, slices do not. */
static bool copy_slice(tl_slice value, tl_string *text, tl_error *err)
{
    tl_string_reset(text);
    return tl_string_append(text, value.data, value.size, err);
}

static bool set_captions(tl_json *json, const tl_sample *sample, tl_string *text, tl_error *err)
{
    if (sample->caption_count == 0)
        return true;
    tl_json *captions = tl_json_array_create(err);
    bool ok =
        captions != NULL && copy_slice(sample->captions[0], text, err) && tl_json_set_text(json, "caption", text->data, err);
    for (size_t i = 0; ok && i < sample->caption_count; i++)
        ok = copy_slice(sample->captions[i], text, err) && tl_json_append_text(captions, text->data, err);
    if (!ok) {
        tl_json_free(captions);
        return false;
    }
    return tl_json_set(json, "captions", captions, err);
}

static bool set_picture(tl_json *json, const tl_sample *sample, const tl_image_info *info, tl_error *err)
{
    char hash[TL_HASH_TEXT_SIZE];
    if (info == NULL)
        return true;
    tl_hash_text(sample->image.data, sample->image.size, hash);
    return tl_json_set_integer(json, "width", info->width, err) && tl_json_set_integer(json, "height", info->height, err) &&
           tl_json_set_text(json, "xxh128", hash, err);
}

bool tl_sample_json_append(const tl_sample *sample, const char *key, const char *split, const tl_image_info *info, tl_string *out,
                           tl_error *err)
{
    tl_string text;
    tl_string_init(&text, (size_t)1 << 28);
    tl_json *json = sample->json != NULL ? tl_json_copy(sample->json, err) : tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_text(json, "key", key, err) && set_captions(json, sample, &text, err) &&
              (split == NULL || tl_json_set_text(json, "split", split, err)) &&
              (sample->label < 0 || tl_json_set_integer(json, "label", sample->label, err)) &&
              (sample->url == NULL || tl_json_set_text(json, "url", sample->url, err)) &&
              (tl_json_member(json, "origin") != NULL || tl_json_set_text(json, "origin", sample->origin, err)) &&
              set_picture(json, sample, info, err) && tl_json_write(json, TL_JSON_COMPACT, out, err);
    tl_json_free(json);
    tl_string_clear(&text);
    return ok;
}

/*
 * Owns the rules by which texts beside a picture become a sample:
 * the main caption is the first line of KEY.txt, else "captions"[0], else "caption" of KEY.json; further "captions" follow it;
 * what is longer than TL_SOURCE_MAX_CAPTION_SIZE is no caption, and a sample left with none for that reason is skipped;
 * the label is KEY.cls, else "label" of the json when it is an integer; "split" and "url" come from the json.
 */
#include "crawler-import/sources/sample_parts.h"

#include "base/core/memory.h"
#include "base/core/utf8.h"
#include "crawler-import/caption_text.h"

#include <errno.h>
#include <stdlib.h>

void tl_sample_parts_init(tl_sample_parts *parts)
{
    *parts = (tl_sample_parts){.label = -1};
    tl_string_init(&parts->key, TL_SOURCE_MAX_PATH_SIZE);
    tl_string_init(&parts->origin, 2 * TL_SOURCE_MAX_PATH_SIZE);
    tl_string_init(&parts->path, TL_SOURCE_MAX_PATH_SIZE);
    tl_string_init(&parts->image, TL_SOURCE_MAX_PICTURE_SIZE);
    tl_string_init(&parts->caption_text, TL_SOURCE_MAX_TEXT_SIZE);
    tl_string_init(&parts->json_text, TL_SOURCE_MAX_TEXT_SIZE);
    tl_string_init(&parts->label_text, TL_SOURCE_MAX_TEXT_SIZE);
    tl_string_init(&parts->captions, 2 * (size_t)TL_SOURCE_MAX_TEXT_SIZE + TL_SOURCE_MAX_CAPTIONS);
}

void tl_sample_parts_reset(tl_sample_parts *parts)
{
    tl_string_reset(&parts->key);
    tl_string_reset(&parts->origin);
    tl_string_reset(&parts->path);
    tl_string_reset(&parts->image);
    tl_string_reset(&parts->caption_text);
    tl_string_reset(&parts->json_text);
    tl_string_reset(&parts->label_text);
    tl_string_reset(&parts->captions);
    tl_json_free(parts->json);
    parts->json = NULL;
    parts->has_json = false;
    parts->root = NULL;
    parts->size = 0;
    parts->modified_ns = 0;
    parts->skip_reason = NULL;
    parts->caption_count = 0;
    parts->has_long_caption = false;
    parts->label = -1;
}

void tl_sample_parts_clear(tl_sample_parts *parts)
{
    tl_string_clear(&parts->key);
    tl_string_clear(&parts->origin);
    tl_string_clear(&parts->path);
    tl_string_clear(&parts->image);
    tl_string_clear(&parts->caption_text);
    tl_string_clear(&parts->json_text);
    tl_string_clear(&parts->label_text);
    tl_string_clear(&parts->captions);
    tl_json_free(parts->json);
    tl_memory_free(parts->caption_ends);
    tl_memory_free(parts->slices);
    tl_sample_parts_init(parts);
}

void tl_sample_parts_skip(tl_sample_parts *parts, const char *reason)
{
    if (parts->skip_reason == NULL)
        parts->skip_reason = reason;
}

static tl_slice caption_at(const tl_sample_parts *parts, size_t index)
{
    size_t start = index == 0 ? 0 : parts->caption_ends[index - 1] + 1;
    return (tl_slice){parts->captions.data + start, parts->caption_ends[index] - start};
}

/* Closes the text appended since start as a caption; nothing appended is no caption. */
static bool end_caption(tl_sample_parts *parts, size_t start, tl_error *err)
{
    if (parts->captions.size == start)
        return true;
    if (!tl_memory_reserve(&parts->caption_ends, &parts->caption_capacity, parts->caption_count + 1, sizeof *parts->caption_ends,
                           err))
        return false;
    parts->caption_ends[parts->caption_count++] = parts->captions.size;
    return tl_string_append(&parts->captions, "", 1, err);
}

bool tl_sample_parts_add_caption(tl_sample_parts *parts, tl_slice text, tl_caption_from caption_from, tl_error *err)
{
    if (!tl_text_is_utf8(text, NULL)) {
        if (caption_from != TL_CAPTION_NONE)
            tl_sample_parts_skip(parts, "caption not utf-8");
        return true;
    }
    if (parts->caption_count == TL_SOURCE_MAX_CAPTIONS || text.size > parts->captions.max_size - parts->captions.size - 1)
        return true; /* no picture has more to be said about it */
    size_t start = parts->captions.size;
    if (!tl_caption_append_clean(text, &parts->captions, err))
        return false;
    if (parts->captions.size - start > TL_SOURCE_MAX_CAPTION_SIZE) {
        parts->captions.size = start;
        parts->has_long_caption = true;
    }
    return end_caption(parts, start, err);
}

static bool read_json(tl_sample_parts *parts, tl_error *err)
{
    if (!parts->has_json)
        return true;
    tl_error reason;
    if (!tl_json_parse(tl_utf8_without_mark(tl_string_slice(&parts->json_text)), "json", &parts->json, &reason)) {
        parts->json = NULL;
        if (reason.kind == TL_ERROR_NO_MEMORY)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "%s", reason.message);
        tl_sample_parts_skip(parts, "broken json");
    } else if (!tl_json_is_object(parts->json)) {
        tl_json_free(parts->json);
        parts->json = NULL;
        tl_sample_parts_skip(parts, "broken json");
    }
    return true;
}

static void read_label(tl_sample_parts *parts)
{
    const char *text = parts->label_text.data;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    size_t rest = end != text ? strspn(end, " \t\r\n") : 0;
    if (end != text && end[rest] == '\0' && errno == 0 && value >= 0)
        parts->label = value;
    else
        parts->label = tl_json_integer_or(parts->json, "label", -1);
    if (parts->label < -1)
        parts->label = -1;
}

/* Captions of the json, save those that say what the main one says. */
static bool add_json_captions(tl_sample_parts *parts, tl_caption_from caption_from, tl_error *err)
{
    const tl_json *several = tl_json_member(parts->json, "captions");
    for (size_t i = 0; i < tl_json_array_size(several); i++) {
        const char *text = tl_json_text(tl_json_array_item(several, i));
        size_t count = parts->caption_count;
        if (text == NULL)
            continue;
        if (!tl_sample_parts_add_caption(parts, tl_slice_of(text), caption_from, err))
            return false;
        if (count != 0 && parts->caption_count > count && tl_slice_equal(caption_at(parts, count), caption_at(parts, 0))) {
            parts->caption_count = count;
            parts->captions.size = parts->caption_ends[count - 1] + 1;
        }
    }
    const char *single = tl_json_text(tl_json_member(parts->json, "caption"));
    return parts->caption_count != 0 || single == NULL ||
           tl_sample_parts_add_caption(parts, tl_slice_of(single), caption_from, err);
}

bool tl_sample_parts_read_texts(tl_sample_parts *parts, const char *name, tl_caption_from caption_from, tl_error *err)
{
    if (!read_json(parts, err))
        return false;
    read_label(parts);
    tl_slice line = tl_caption_first_line(tl_utf8_without_mark(tl_string_slice(&parts->caption_text)));
    if (!tl_sample_parts_add_caption(parts, line, caption_from, err) || !add_json_captions(parts, caption_from, err))
        return false;
    if (caption_from != TL_CAPTION_FROM_NAME || parts->caption_count != 0 || parts->has_long_caption ||
        parts->skip_reason != NULL)
        return true;
    size_t start = parts->captions.size;
    if (tl_text_is_utf8(tl_slice_of(name), NULL))
        return tl_caption_append_from_name(name, &parts->captions, err) && end_caption(parts, start, err);
    tl_sample_parts_skip(parts, "caption not utf-8");
    return true;
}

static const char *short_text(const tl_sample_parts *parts, const char *name)
{
    const char *text = tl_json_text(tl_json_member(parts->json, name));
    return text != NULL && strlen(text) <= TL_SOURCE_MAX_CAPTION_SIZE ? text : NULL;
}

bool tl_sample_parts_hand_over(tl_sample_parts *parts, tl_caption_from caption_from, tl_sample *out, tl_error *err)
{
    if (parts->caption_count == 0 && caption_from != TL_CAPTION_NONE)
        tl_sample_parts_skip(parts, parts->has_long_caption ? "caption too long" : "no caption");
    if (!tl_memory_reserve(&parts->slices, &parts->slice_capacity, parts->caption_count, sizeof *parts->slices, err))
        return false;
    for (size_t i = 0; i < parts->caption_count; i++)
        parts->slices[i] = caption_at(parts, i);
    bool is_good = parts->skip_reason == NULL;
    *out = (tl_sample){.key = parts->key.data,
                       .origin = parts->origin.data,
                       .root = parts->root,
                       .path = parts->path.data,
                       .size = parts->size,
                       .modified_ns = parts->modified_ns,
                       .image = is_good ? tl_string_slice(&parts->image) : (tl_slice){NULL, 0},
                       .captions = parts->slices,
                       .caption_count = parts->caption_count,
                       .url = short_text(parts, "url"),
                       .split = short_text(parts, "split"),
                       .json = parts->json,
                       .label = parts->label,
                       .skip_reason = parts->skip_reason};
    return true;
}

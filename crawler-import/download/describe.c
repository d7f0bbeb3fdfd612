/*
 * Owns the members of a downloaded row's metadata, in img2dataset's order: the kept columns, status, error_message,
 * original_width, original_height, exif (a text that is JSON, with exifread's names), sha256; then those of every dataset
 * (sinks/sample_json.h).
 */
#include "crawler-import/download/describe.h"

#include "crawler-import/sinks/sample_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARD_DIGITS = 5 };

static bool set_null(tl_json *json, const char *name, tl_error *err)
{
    return tl_json_set_number(json, name, NAN, err); /* what is not finite is null */
}

static bool set_exif(tl_json *json, const tl_exif *found, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, 4096);
    tl_json *exif = tl_json_object_create(err);
    bool ok = exif != NULL &&
              (found->orientation <= 1 || tl_json_set_integer(exif, "Image Orientation", found->orientation, err)) &&
              (found->camera[0] == '\0' || tl_json_set_text(exif, "Image Model", found->camera, err)) &&
              (found->taken[0] == '\0' || tl_json_set_text(exif, "EXIF DateTimeOriginal", found->taken, err)) &&
              (!found->has_place || (tl_json_set_number(exif, "GPS GPSLatitude", found->latitude, err) &&
                                     tl_json_set_number(exif, "GPS GPSLongitude", found->longitude, err))) &&
              tl_json_write(exif, TL_JSON_COMPACT, &text, err) && tl_json_set_text(json, "exif", text.data, err);
    tl_json_free(exif);
    tl_string_clear(&text);
    return ok;
}

/* The part that a shard's other samples do not have. */
static bool set_outcome(tl_json *json, const tl_described_row *described, tl_error *err)
{
    const tl_changed_picture *picture = described->picture;
    if (!tl_json_set_text(json, "status", described->status, err) ||
        !(described->reason != NULL ? tl_json_set_text(json, "error_message", described->reason, err)
                                    : set_null(json, "error_message", err)))
        return false;
    if (picture == NULL)
        return true;
    return tl_json_set_integer(json, "original_width", picture->original_width, err) &&
           tl_json_set_integer(json, "original_height", picture->original_height, err) &&
           (described->without_exif ? set_null(json, "exif", err) : set_exif(json, &picture->exif, err)) &&
           tl_json_set_text(json, "sha256", described->sha256, err);
}

bool tl_describe_row(const tl_described_row *described, tl_string *out, tl_error *err)
{
    const tl_list_row *row = described->row;
    tl_json *json = NULL;
    tl_string_reset(out);
    if (row->kept.size != 0 ? !tl_json_parse(row->kept, row->origin, &json, err) : (json = tl_json_object_create(err)) == NULL)
        return false;
    const tl_sample sample = {.origin = row->origin,
                              .image = described->picture != NULL ? described->picture->bytes : (tl_slice){0},
                              .captions = row->captions,
                              .caption_count = row->caption_count,
                              .url = row->url,
                              .json = json,
                              .label = -1};
    bool ok = set_outcome(json, described, err) &&
              tl_sample_json_append(&sample, described->key, described->split,
                                    described->picture != NULL ? &described->picture->info : NULL, out, err);
    tl_json_free(json);
    return ok;
}

/* The digits that number rows of a shard: of 10,000 rows 4. */
static int index_digits(size_t rows_per_shard)
{
    int digits = 0;
    for (size_t most = 1; most < rows_per_shard; most *= 10)
        digits++;
    return digits;
}

void tl_row_key(uint64_t shard, uint32_t index, size_t rows_per_shard, char key[48])
{
    int digits = index_digits(rows_per_shard);
    if (digits == 0)
        snprintf(key, 48, "%0*" PRIu64, SHARD_DIGITS, shard);
    else
        snprintf(key, 48, "%0*" PRIu64 "%0*" PRIu32, SHARD_DIGITS, shard, digits, index);
}

bool tl_row_key_parse(const char *key, uint64_t shard, size_t rows_per_shard, uint32_t *index)
{
    char expected[48];
    size_t size = strlen(key);
    size_t digits = (size_t)index_digits(rows_per_shard);
    if (size < digits || strspn(key, "0123456789") != size)
        return false;
    unsigned long long found = digits != 0 ? strtoull(key + size - digits, NULL, 10) : 0;
    *index = (uint32_t)found;
    tl_row_key(shard, *index, rows_per_shard, expected);
    return found < rows_per_shard && strcmp(key, expected) == 0;
}

/*
 * Owns what makes a row good. URLs are http or https, UTF-8, without white space and control characters. A caption column holds a
 * text, or a JSON array of texts. What a kept column holds goes into the JSON as it is: numbers of text tables as numbers where
 * JSON would write them so, else as texts; bytes that are not UTF-8 as null.
 */
#include "crawler-import/lists/row_builder.h"

#include "base/core/memory.h"
#include "base/io/json.h"
#include "crawler-import/caption_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    MAX_URL_SIZE = 16 * 1024,
    MAX_CAPTION_SIZE = 64 * 1024, /* what is longer is no caption */
    MAX_CAPTIONS = 1000,
    MAX_CELL_SIZE = 64 * 1024 * 1024,
    MAX_NUMBER_DIGITS = 15 /* that every reader of JSON gives back */
};

void tl_row_builder_init(tl_row_builder *builder)
{
    *builder = (tl_row_builder){0};
    tl_string_init(&builder->url, MAX_URL_SIZE);
    tl_string_init(&builder->captions, MAX_CELL_SIZE);
    tl_string_init(&builder->kept, 8 * (size_t)MAX_CELL_SIZE);
}

static void clear_names(tl_row_builder *builder)
{
    for (size_t i = 0; i < builder->kept_count; i++)
        tl_string_clear(&builder->kept_names[i]);
    tl_memory_free(builder->kept_names);
    builder->kept_names = NULL;
    builder->kept_count = 0;
}

void tl_row_builder_clear(tl_row_builder *builder)
{
    clear_names(builder);
    tl_string_clear(&builder->url);
    tl_string_clear(&builder->captions);
    tl_string_clear(&builder->kept);
    tl_memory_free(builder->slices);
}

static bool append_text(tl_string *out, tl_slice text, tl_error *err)
{
    size_t from = 0;
    if (!tl_string_append(out, "\"", 1, err))
        return false;
    for (size_t at = 0; at < text.size; at++) {
        unsigned char byte = (unsigned char)text.data[at];
        if (byte >= ' ' && byte != '"' && byte != '\\')
            continue;
        if (!tl_string_append(out, text.data + from, at - from, err) ||
            !(byte >= ' ' ? tl_string_append_format(out, err, "\\%c", byte) : tl_string_append_format(out, err, "\\u%04x", byte)))
            return false;
        from = at + 1;
    }
    return tl_string_append(out, text.data + from, text.size - from, err) && tl_string_append(out, "\"", 1, err);
}

bool tl_row_builder_use(tl_row_builder *builder, const tl_table *table, const tl_list_columns *columns, tl_error *err)
{
    clear_names(builder);
    builder->is_untyped = strcmp(tl_table_kind(table), "csv") == 0;
    builder->kept_names = tl_memory_allocate(columns->kept_count, sizeof *builder->kept_names, err);
    if (builder->kept_names == NULL)
        return false;
    for (size_t i = 0; i < columns->kept_count; i++) {
        tl_string *name = &builder->kept_names[builder->kept_count++];
        tl_string_init(name, 65536);
        if (!append_text(name, tl_slice_of(tl_table_column_names(table)[columns->kept[i]]), err) ||
            !tl_string_append(name, ":", 1, err))
            return false;
    }
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static tl_slice trimmed(tl_slice text)
{
    while (text.size != 0 && is_blank(text.data[0]))
        text = (tl_slice){text.data + 1, text.size - 1};
    while (text.size != 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

static bool is_good_url(tl_slice url)
{
    unsigned char seen = 0;
    bool is_web =
        (url.size > 8 && strncasecmp(url.data, "https://", 8) == 0) || (url.size > 7 && strncasecmp(url.data, "http://", 7) == 0);
    if (!is_web || url.size > MAX_URL_SIZE)
        return false;
    for (size_t i = 0; i < url.size; i++) {
        unsigned char byte = (unsigned char)url.data[i];
        if (byte <= ' ' || byte == 0x7f)
            return false;
        seen |= byte;
    }
    return seen < 0x80 || tl_text_is_utf8(url, NULL);
}

static bool build_url(tl_row_builder *builder, const tl_cell *cell, tl_list_row *out, tl_error *err)
{
    tl_slice url = trimmed(cell->kind == TL_CELL_TEXT ? cell->text : (tl_slice){"", 0});
    tl_string_reset(&builder->url);
    out->url = builder->url.data;
    if (url.size == 0 || !is_good_url(url)) {
        out->skip_reason = url.size == 0 && cell->kind <= TL_CELL_TEXT ? "no url" : "bad url";
        return true;
    }
    bool ok = tl_string_append(&builder->url, url.data, url.size, err);
    out->url = builder->url.data;
    return ok;
}

/* Slices hold offsets until the texts have stopped moving. */
static bool add_caption(tl_row_builder *builder, tl_slice text, tl_list_row *out, tl_error *err)
{
    size_t start = builder->captions.size;
    if (out->caption_count == MAX_CAPTIONS)
        return true;
    if (!tl_text_is_utf8(text, NULL)) {
        if (out->skip_reason == NULL)
            out->skip_reason = "caption not utf-8";
        return true;
    }
    if (!tl_caption_append_clean(text, &builder->captions, err))
        return false;
    size_t size = builder->captions.size - start;
    if (size == 0 || size > MAX_CAPTION_SIZE) {
        builder->captions.size = start;
        return true;
    }
    if (!tl_string_append(&builder->captions, "", 1, err) ||
        !tl_memory_reserve(&builder->slices, &builder->slice_capacity, out->caption_count + 1, sizeof *builder->slices, err))
        return false;
    builder->slices[out->caption_count++] = (tl_slice){NULL, size};
    return true;
}

static bool add_array(tl_row_builder *builder, tl_slice json, tl_list_row *out, tl_error *err)
{
    tl_json *array = NULL;
    tl_error reason;
    if (!tl_json_parse(json, "captions", &array, &reason)) {
        if (reason.kind == TL_ERROR_NO_MEMORY)
            return tl_fail_as(err, &reason);
        if (out->skip_reason == NULL)
            out->skip_reason = "broken json";
        return true;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < tl_json_array_size(array); i++) {
        const char *text = tl_json_text(tl_json_array_item(array, i));
        ok = text == NULL || add_caption(builder, tl_slice_of(text), out, err);
    }
    tl_json_free(array);
    return ok;
}

static bool build_captions(tl_row_builder *builder, const tl_cell *cell, tl_list_row *out, tl_error *err)
{
    tl_string_reset(&builder->captions);
    bool ok = cell->kind == TL_CELL_TEXT   ? add_caption(builder, cell->text, out, err)
              : cell->kind == TL_CELL_JSON ? add_array(builder, cell->text, out, err)
                                           : true;
    const char *at = builder->captions.data;
    for (size_t i = 0; ok && i < out->caption_count; i++) {
        builder->slices[i].data = at;
        at += builder->slices[i].size + 1;
    }
    out->captions = builder->slices;
    return ok;
}

static void build_digest(tl_row_builder *builder, const tl_cell *cell, tl_list_row *out)
{
    tl_slice text = trimmed(cell->kind == TL_CELL_TEXT ? cell->text : (tl_slice){"", 0});
    if (cell->kind == TL_CELL_NULL || (cell->kind == TL_CELL_TEXT && text.size == 0))
        return;
    bool is_good = text.size == 32 || text.size == 64;
    for (size_t i = 0; is_good && i < text.size; i++) {
        is_good = isxdigit((unsigned char)text.data[i]) != 0;
        builder->digest[i] = (char)tolower((unsigned char)text.data[i]);
    }
    if (!is_good) {
        if (out->skip_reason == NULL)
            out->skip_reason = "bad digest";
        return;
    }
    builder->digest[text.size] = '\0';
    out->digest = builder->digest;
    out->digest_kind = text.size == 32 ? TL_LIST_DIGEST_MD5 : TL_LIST_DIGEST_SHA256;
}

/* "0.31", "-7", "1e5": as JSON writes numbers, and short enough to come back as they are. */
static bool is_json_number(tl_slice text)
{
    size_t at = 0;
    size_t digits = 0;
    if (at < text.size && text.data[at] == '-')
        at++;
    size_t whole = at;
    while (at < text.size && isdigit((unsigned char)text.data[at]))
        at++;
    if (at == whole || (text.data[whole] == '0' && at - whole > 1))
        return false;
    digits = at - whole;
    if (at < text.size && text.data[at] == '.') {
        size_t part = ++at;
        while (at < text.size && isdigit((unsigned char)text.data[at]))
            at++;
        if (at == part)
            return false;
        digits += at - part;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.size && (text.data[at] == '-' || text.data[at] == '+'))
            at++;
        size_t part = at;
        while (at < text.size && isdigit((unsigned char)text.data[at]))
            at++;
        if (at == part || at - part > 2)
            return false;
    }
    return at == text.size && digits <= MAX_NUMBER_DIGITS;
}

/* The shortest text that reads back as the same number. */
static bool append_real(tl_string *out, double value, tl_error *err)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return tl_string_append_text(out, text, err);
}

static bool append_value(tl_string *out, const tl_cell *cell, bool is_untyped, tl_error *err)
{
    switch (cell->kind) {
    case TL_CELL_TEXT:
        if (is_untyped && is_json_number(cell->text))
            return tl_string_append(out, cell->text.data, cell->text.size, err);
        return tl_text_is_utf8(cell->text, NULL) ? append_text(out, cell->text, err) : tl_string_append_text(out, "null", err);
    case TL_CELL_JSON:
        return tl_string_append(out, cell->text.data, cell->text.size, err);
    case TL_CELL_INTEGER:
        return tl_string_append_format(out, err, "%" PRId64, cell->number.integer);
    case TL_CELL_BOOL:
        return tl_string_append_text(out, cell->number.integer != 0 ? "true" : "false", err);
    case TL_CELL_REAL:
        if (isfinite(cell->number.real))
            return append_real(out, cell->number.real, err);
        break;
    case TL_CELL_NULL:
        break;
    }
    return tl_string_append_text(out, "null", err);
}

/* What a Parquet file calls JSON need be none: then nothing of the row is kept. */
static bool check_kept(const tl_string *kept, bool *is_json, tl_error *err)
{
    tl_json *object = NULL;
    tl_error reason = {0};
    *is_json = tl_json_parse(tl_string_slice(kept), "kept columns", &object, &reason);
    if (*is_json)
        tl_json_free(object);
    return *is_json || reason.kind != TL_ERROR_NO_MEMORY || tl_fail_as(err, &reason);
}

static bool build_kept(tl_row_builder *builder, const tl_list_columns *columns, const tl_table_row *row, tl_list_row *out,
                       tl_error *err)
{
    tl_string *kept = &builder->kept;
    bool has_json = false, is_json = true;
    if (columns->kept_count == 0)
        return true;
    tl_string_reset(kept);
    for (size_t i = 0; i < columns->kept_count; i++) {
        const tl_cell *cell = &row->cells[columns->kept[i]];
        has_json = has_json || cell->kind == TL_CELL_JSON;
        if (!tl_string_append(kept, i == 0 ? "{" : ",", 1, err) ||
            !tl_string_append(kept, builder->kept_names[i].data, builder->kept_names[i].size, err) ||
            !append_value(kept, cell, builder->is_untyped, err))
            return false;
    }
    if (!tl_string_append(kept, "}", 1, err) || (has_json && !check_kept(kept, &is_json, err)))
        return false;
    if (is_json)
        out->kept = tl_string_slice(kept);
    else if (out->skip_reason == NULL)
        out->skip_reason = "broken json";
    return true;
}

bool tl_row_builder_build(tl_row_builder *builder, const tl_list_columns *columns, const tl_table_row *row, tl_list_row *out,
                          tl_error *err)
{
    *out = (tl_list_row){.url = "", .captions = builder->slices, .skip_reason = row->problem};
    if (row->problem != NULL)
        return true;
    if (!build_url(builder, &row->cells[columns->url], out, err))
        return false;
    if (columns->caption != TL_LIST_NO_COLUMN && !build_captions(builder, &row->cells[columns->caption], out, err))
        return false;
    if (columns->digest != TL_LIST_NO_COLUMN)
        build_digest(builder, &row->cells[columns->digest], out);
    return build_kept(builder, columns, row, out, err);
}

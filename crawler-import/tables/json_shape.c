/*
 * Owns telling JSON tables apart. Members that describe a dataset rather than hold its rows are passed over by name ("info",
 * "licenses"); the first member left decides. What lies beyond the first bytes is not looked at.
 */
#include "crawler-import/tables/json_shape.h"

#include "base/io/json.h"
#include "crawler-import/tables/json_items.h"

enum { MAX_NAME_SIZE = 4096 };

bool tl_json_member_describes(const char *name)
{
    static const char *const names[] = {"info", "licenses", "license", "categories", "metadata", "meta", "version", "schema"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_first_byte_of_object(tl_slice head)
{
    size_t at = 0;
    while (at < head.size && (head.data[at] == ' ' || head.data[at] == '\n' || head.data[at] == '\r' || head.data[at] == '\t'))
        at++;
    return at < head.size && (head.data[at] == '{' || head.data[at] == '[');
}

/* By the members of the first row of an array called name. */
static tl_json_shape shape_of_row(const char *name, tl_slice text)
{
    tl_json *row = NULL;
    tl_json_shape shape = TL_JSON_SHAPE_ROWS;
    if (!tl_json_parse(text, name, &row, NULL))
        return shape;
    bool has_url = tl_json_member(row, "url") != NULL;
    if (tl_json_member(row, "sentences") != NULL)
        shape = TL_JSON_SHAPE_KARPATHY;
    else if (strcmp(name, "images") == 0 && (tl_json_member(row, "file_name") != NULL || tl_json_member(row, "coco_url") != NULL))
        shape = TL_JSON_SHAPE_COCO;
    else if (strcmp(name, "annotations") == 0 && !has_url && tl_json_member(row, "image_id") != NULL &&
             tl_json_member(row, "caption") != NULL)
        shape = TL_JSON_SHAPE_COCO;
    tl_json_free(row);
    return shape;
}

/* Looks into the value of one member, which is passed unless it holds rows. NONE: a plain value, or a member to be left out. */
static bool look_at_member(tl_json_items *items, const char *name, tl_json_shape *shape, bool *is_plain, tl_error *err)
{
    tl_json_bracket bracket;
    char first;
    tl_slice text;
    bool too_large;
    bool done = false;
    if (!tl_json_items_peek(items, &first, err))
        return false;
    *is_plain = first != '[' && first != '{' && !tl_json_member_describes(name);
    if (*is_plain || tl_json_member_describes(name))
        return tl_json_items_pass(items, err);
    if (!tl_json_items_enter(items, &bracket, err) || !tl_json_items_peek(items, &first, err))
        return false;
    bool is_rows = bracket == TL_JSON_BRACKET_ARRAY && first == '{';
    while (!done) {
        if (!tl_json_items_next(items, &text, &too_large, &done, err))
            return false;
        if (!done && is_rows) {
            *shape = shape_of_row(name, text);
            return true;
        }
        if (!done && text.size != 0 && text.data[0] != '{' && text.data[0] != '[')
            *shape = TL_JSON_SHAPE_COLUMNS;
    }
    return true;
}

/* False where the head ends; *shape is what was seen up to there. An object that has a plain value is not one of columns. */
static bool look_at_object(tl_json_items *items, tl_json_shape *shape, tl_string *member, tl_error *err)
{
    bool done = false;
    bool has_plain = false;
    bool ok = true;
    *shape = TL_JSON_SHAPE_NONE;
    while (ok && !done && (*shape == TL_JSON_SHAPE_NONE || *shape == TL_JSON_SHAPE_COLUMNS)) {
        bool is_plain = false;
        ok = tl_json_items_member(items, member, &done, err) &&
             (done || look_at_member(items, member->data, shape, &is_plain, err));
        has_plain = has_plain || is_plain;
    }
    if (has_plain && *shape == TL_JSON_SHAPE_COLUMNS)
        *shape = TL_JSON_SHAPE_NONE;
    return ok;
}

/* Whether the head's first value is whole, and what is after it: another one, or nothing. */
static bool look_behind(tl_slice head, bool *is_whole, bool *has_more, tl_error *err)
{
    tl_json_items *items = NULL;
    tl_error reason = {0};
    bool at_end = true;
    if (!tl_json_items_open_head(head, &items, err))
        return false;
    *is_whole = tl_json_items_pass(items, &reason) && tl_json_items_at_end(items, &at_end, &reason);
    *has_more = *is_whole && !at_end;
    tl_json_items_close(items);
    return true;
}

bool tl_json_shape_of(tl_slice head, tl_json_shape *shape, tl_string *member, tl_error *err)
{
    tl_json_items *items = NULL;
    tl_json_bracket bracket;
    bool is_whole = false;
    bool has_more = false;
    tl_error reason = {0};
    *shape = TL_JSON_SHAPE_NONE;
    tl_string_reset(member);
    if (!is_first_byte_of_object(head))
        return true;
    if (!look_behind(head, &is_whole, &has_more, err) || !tl_json_items_open_head(head, &items, err))
        return false;
    bool ok = tl_json_items_enter(items, &bracket, &reason);
    if (ok && bracket == TL_JSON_BRACKET_ARRAY) {
        *shape = TL_JSON_SHAPE_ROWS;
    } else if (ok && has_more) {
        *shape = TL_JSON_SHAPE_LINES;
    } else if (ok) {
        ok = look_at_object(items, shape, member, &reason) || reason.kind != TL_ERROR_NO_MEMORY;
        /* One row alone may have arrays of texts in it, but its own members are not all of them arrays. */
        if (is_whole && *shape == TL_JSON_SHAPE_NONE)
            *shape = TL_JSON_SHAPE_LINES;
        if (*shape == TL_JSON_SHAPE_COLUMNS || *shape == TL_JSON_SHAPE_LINES || *shape == TL_JSON_SHAPE_NONE)
            tl_string_reset(member);
    }
    tl_json_items_close(items);
    return ok || tl_fail_as(err, &reason);
}

bool tl_json_has_shape(tl_slice head, tl_json_shape shape, bool *has_shape, tl_error *err)
{
    tl_json_shape found = TL_JSON_SHAPE_NONE;
    tl_string member;
    tl_string_init(&member, MAX_NAME_SIZE);
    bool ok = tl_json_shape_of(head, &found, &member, err);
    *has_shape = ok && found == shape;
    tl_string_clear(&member);
    return ok;
}

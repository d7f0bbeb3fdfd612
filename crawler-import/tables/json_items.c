/*
 * Owns the walk. A value is followed by a small state (depth, inside a text, after a backslash) that goes on where it was when
 * more bytes have come, so each byte is looked at once however large the value is.
 */
#include "crawler-import/tables/json_items.h"

#include "base/core/memory.h"
#include "crawler-import/tables/table_internal.h"
#include "crawler-import/tables/window.h"

enum { WINDOW_SIZE = TL_TABLE_MAX_ROW_SIZE + 256 * 1024, MAX_NAME_SIZE = 4096 };

struct tl_json_items {
    tl_window window;
    char *path;              /* NULL: a head */
    tl_json_bracket entered; /* the container whose items come */
    bool is_before_first;    /* of the items or members */
    uint64_t item_count;     /* handed out of it */
};

typedef struct value_scan {
    size_t size;  /* bytes of the value looked at */
    size_t depth; /* of brackets */
    bool in_text;
    bool is_escaped;
} value_scan;

static bool fail_at(const tl_json_items *items, const char *expected, const char *found, tl_error *err)
{
    if (items->path == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %s, found %s", expected, found);
    if (items->item_count == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected %s, found %s", items->path, expected, found);
    return tl_fail(err, TL_ERROR_CORRUPT, "'%s': after row %llu: expected %s, found %s", items->path,
                   (unsigned long long)items->item_count, expected, found);
}

static bool fill(tl_json_items *items, tl_error *err)
{
    if (tl_window_fill(&items->window, err))
        return true;
    return tl_fail_within(err, "'%s': after row %llu", items->path, (unsigned long long)items->item_count);
}

/* Passes over white space; *byte is the next byte, which stays, or 0 at the end. */
static bool peek_byte(tl_json_items *items, char *byte, tl_error *err)
{
    tl_window *window = &items->window;
    for (;;) {
        while (window->begin < window->end && strchr(" \t\r\n", window->bytes[window->begin]) != NULL &&
               window->bytes[window->begin] != '\0')
            window->begin++;
        *byte = window->begin < window->end ? window->bytes[window->begin] : '\0';
        if (window->begin < window->end || window->at_end)
            return true;
        if (!fill(items, err))
            return false;
    }
}

static bool take_byte(tl_json_items *items, char wanted, const char *expected, tl_error *err)
{
    char byte;
    if (!peek_byte(items, &byte, err))
        return false;
    if (byte != wanted)
        return fail_at(items, expected, items->window.begin == items->window.end ? "the end of the file" : "something else", err);
    items->window.begin++;
    return true;
}

/* Goes on until the value has ended (true) or the window has. */
static bool scan_value(const tl_window *window, value_scan *scan)
{
    const char *begin = window->bytes + window->begin;
    const char *end = window->bytes + window->end;
    for (const char *at = begin + scan->size; at < end; at++) {
        char byte = *at;
        bool is_end = false;   /* with this byte */
        bool is_after = false; /* before it */
        if (scan->in_text) {
            if (scan->is_escaped) {
                scan->is_escaped = false;
            } else if (byte == '\\') {
                scan->is_escaped = true;
            } else if (byte == '"') {
                scan->in_text = false;
                is_end = scan->depth == 0;
            }
        } else if (byte == '"') {
            is_after = scan->depth == 0 && at != begin;
            scan->in_text = !is_after;
        } else if (byte == '{' || byte == '[') {
            is_after = scan->depth == 0 && at != begin;
            scan->depth += is_after ? 0 : 1;
        } else if (byte == '}' || byte == ']') {
            is_after = scan->depth == 0;
            is_end = scan->depth == 1;
            scan->depth -= scan->depth != 0 ? 1 : 0;
        } else if (scan->depth == 0) {
            is_after = byte == ',' || byte == ':' || byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
        }
        if (is_end || is_after) {
            scan->size = (size_t)(at - begin) + (is_end ? 1 : 0);
            return true;
        }
    }
    scan->size = (size_t)(end - begin);
    return false;
}

/* Reads the value at the window's begin; text is borrowed until the next call. Too large: it is passed over. */
static bool read_value(tl_json_items *items, size_t limit, tl_slice *text, bool *too_large, tl_error *err)
{
    tl_window *window = &items->window;
    value_scan scan = {0};
    char byte;
    *too_large = false;
    if (!peek_byte(items, &byte, err))
        return false;
    for (;;) {
        bool has_ended = scan_value(window, &scan);
        *too_large = *too_large || scan.size > limit;
        if (has_ended)
            break;
        if (*too_large) {
            window->begin += scan.size;
            scan.size = 0;
        }
        if (window->at_end && (scan.depth != 0 || scan.in_text || scan.size == 0))
            return fail_at(items, "the end of a value", "the end of the file", err);
        if (window->at_end)
            break; /* a number or word ends with the document */
        if (!fill(items, err))
            return false;
    }
    if (scan.size == 0 && !*too_large)
        return fail_at(items, "a value", "something else", err);
    *text = *too_large ? (tl_slice){"", 0} : (tl_slice){window->bytes + window->begin, scan.size};
    window->begin += scan.size;
    return true;
}

static bool open_items(tl_json_items **out, tl_error *err)
{
    *out = tl_memory_allocate(1, sizeof **out, err);
    return *out != NULL;
}

bool tl_json_items_open(const char *path, tl_json_items **out, tl_error *err)
{
    tl_json_items *items;
    if (!open_items(&items, err))
        return false;
    items->path = tl_memory_copy_text(path, strlen(path), err);
    if (items->path == NULL || !tl_window_open(&items->window, path, WINDOW_SIZE, err)) {
        tl_json_items_close(items);
        return false;
    }
    *out = items;
    return true;
}

bool tl_json_items_open_head(tl_slice head, tl_json_items **out, tl_error *err)
{
    tl_json_items *items;
    if (!open_items(&items, err))
        return false;
    items->window.bytes = tl_memory_copy_text(head.data, head.size, err);
    items->window.end = head.size;
    items->window.at_end = true;
    if (items->window.bytes == NULL) {
        tl_json_items_close(items);
        return false;
    }
    *out = items;
    return true;
}

bool tl_json_items_enter(tl_json_items *items, tl_json_bracket *bracket, tl_error *err)
{
    char byte;
    if (!peek_byte(items, &byte, err))
        return false;
    *bracket = byte == '[' ? TL_JSON_BRACKET_ARRAY : byte == '{' ? TL_JSON_BRACKET_OBJECT : TL_JSON_BRACKET_NONE;
    items->window.begin += *bracket != TL_JSON_BRACKET_NONE ? 1 : 0;
    items->entered = *bracket;
    items->is_before_first = true;
    items->item_count = 0;
    return true;
}

/* Passes the comma before the next item, or the closing bracket: *done. */
static bool pass_separator(tl_json_items *items, char closing, bool *done, tl_error *err)
{
    char byte;
    if (!peek_byte(items, &byte, err))
        return false;
    *done = byte == closing;
    if (*done || !items->is_before_first) {
        if (!take_byte(items, *done ? closing : ',', closing == '}' ? "',' or '}'" : "',' or ']'", err))
            return false;
    }
    items->is_before_first = false;
    return true;
}

static bool read_name(tl_json_items *items, tl_string *name, tl_error *err)
{
    char byte;
    tl_slice text;
    bool too_large;
    if (!peek_byte(items, &byte, err))
        return false;
    if (byte != '"')
        return fail_at(items, "the name of a member", byte == '\0' ? "the end of the file" : "something else", err);
    if (!read_value(items, MAX_NAME_SIZE, &text, &too_large, err))
        return false;
    tl_string_reset(name);
    /* Names with escapes in them are none that anybody asks for. */
    return (too_large || tl_string_append(name, text.data + 1, text.size - 2, err)) && take_byte(items, ':', "':'", err);
}

bool tl_json_items_member(tl_json_items *items, tl_string *name, bool *done, tl_error *err)
{
    return pass_separator(items, '}', done, err) && (*done || read_name(items, name, err));
}

bool tl_json_items_pass(tl_json_items *items, tl_error *err)
{
    tl_slice text;
    bool too_large;
    return read_value(items, 0, &text, &too_large, err);
}

bool tl_json_items_find(tl_json_items *items, const char *name, tl_error *err)
{
    bool ok = false;
    bool done = false;
    tl_json_bracket bracket;
    tl_string member;
    tl_string_init(&member, MAX_NAME_SIZE);
    if (!tl_json_items_enter(items, &bracket, err))
        goto finish;
    if (bracket != TL_JSON_BRACKET_OBJECT) {
        fail_at(items, "an object", "something else", err);
        goto finish;
    }
    for (;;) {
        if (!tl_json_items_member(items, &member, &done, err))
            goto finish;
        if (done) {
            tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a member '%s', found none", items->path, name);
            goto finish;
        }
        if (strcmp(member.data, name) == 0)
            break;
        if (!tl_json_items_pass(items, err))
            goto finish;
    }
    ok = true;
finish:
    tl_string_clear(&member);
    return ok;
}

bool tl_json_items_next(tl_json_items *items, tl_slice *text, bool *too_large, bool *done, tl_error *err)
{
    tl_string name;
    if (!pass_separator(items, items->entered == TL_JSON_BRACKET_ARRAY ? ']' : '}', done, err))
        return false;
    if (*done)
        return true;
    if (items->entered == TL_JSON_BRACKET_OBJECT) {
        tl_string_init(&name, MAX_NAME_SIZE);
        bool ok = read_name(items, &name, err);
        tl_string_clear(&name);
        if (!ok)
            return false;
    }
    if (!read_value(items, TL_TABLE_MAX_ROW_SIZE, text, too_large, err))
        return false;
    items->item_count++;
    return true;
}

bool tl_json_items_peek(tl_json_items *items, char *first, tl_error *err)
{
    if (!peek_byte(items, first, err))
        return false;
    if (*first == ']' || *first == '}')
        *first = '\0';
    return true;
}

bool tl_json_items_at_end(tl_json_items *items, bool *at_end, tl_error *err)
{
    char byte;
    if (!peek_byte(items, &byte, err))
        return false;
    *at_end = items->window.begin == items->window.end;
    return true;
}

double tl_json_items_progress(const tl_json_items *items)
{
    return tl_window_progress(&items->window);
}

void tl_json_items_close(tl_json_items *items)
{
    if (items == NULL)
        return;
    tl_window_clear(&items->window);
    tl_memory_free(items->path);
    tl_memory_free(items);
}

/*
 * Walks one JSON document of any size without reading it whole: the members of its root, and the items of one array or object in
 * it, each as a text to be parsed. Brackets and quotes are followed here, nothing else is checked.
 *
 *     open -> root -> (object) member, enter, next ..., member, pass, ...     or (array) next ...
 */
#ifndef TL_CRAWLER_IMPORT_TABLES_JSON_ITEMS_H
#define TL_CRAWLER_IMPORT_TABLES_JSON_ITEMS_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

typedef struct tl_json_items tl_json_items;

typedef enum tl_json_bracket { TL_JSON_BRACKET_NONE, TL_JSON_BRACKET_ARRAY, TL_JSON_BRACKET_OBJECT } tl_json_bracket;

bool tl_json_items_open(const char *path, tl_json_items **out, tl_error *err) TL_MUST_USE;
/* The same over the first bytes of a document, which must stay; where they end is an error. */
bool tl_json_items_open_head(tl_slice head, tl_json_items **out, tl_error *err) TL_MUST_USE;
/* What the value begins with; a bracket is passed, so that items or members come next. */
bool tl_json_items_enter(tl_json_items *items, tl_json_bracket *bracket, tl_error *err) TL_MUST_USE;
/* The next member of the root object: its name; its value is next to be entered or passed. */
bool tl_json_items_member(tl_json_items *items, tl_string *name, bool *done, tl_error *err) TL_MUST_USE;
/* Passes over the value. */
bool tl_json_items_pass(tl_json_items *items, tl_error *err) TL_MUST_USE;
/* Passes over the root object's members to the value of the one with this name; false with TL_ERROR_CORRUPT when there is none.
 */
bool tl_json_items_find(tl_json_items *items, const char *name, tl_error *err) TL_MUST_USE;
/* The next item of what was entered last (of an object, the member's value). Borrowed until the next call; an item of more than 1
 * MiB is passed over: *too_large. At the end of it: *done. */
bool tl_json_items_next(tl_json_items *items, tl_slice *text, bool *too_large, bool *done, tl_error *err) TL_MUST_USE;
/* What the next item begins with, without passing it: '{', '[', '"', ...; 0 at the end of what was entered. */
bool tl_json_items_peek(tl_json_items *items, char *first, tl_error *err) TL_MUST_USE;
/* Passes over white space; true when the document (or head) has nothing more. */
bool tl_json_items_at_end(tl_json_items *items, bool *at_end, tl_error *err) TL_MUST_USE;
double tl_json_items_progress(const tl_json_items *items);
void tl_json_items_close(tl_json_items *items);

#endif

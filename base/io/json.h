/*
 * JSON over jansson: reading with errors that name the document, line, column and member; building and writing.
 * Members are looked up in an object; a `const tl_json *` is borrowed from the document it came from.
 */
#ifndef TL_BASE_IO_JSON_H
#define TL_BASE_IO_JSON_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_json tl_json;

/* Parses one value; `name` is what errors call the document. Depth is limited, duplicate members are refused. */
bool tl_json_parse(tl_slice text, const char *name, tl_json **out, tl_error *err) TL_MUST_USE;
/* Reads a file of at most max_size bytes. */
bool tl_json_read_file(const char *path, size_t max_size, tl_json **out, tl_error *err) TL_MUST_USE;
void tl_json_free(tl_json *json);

/* NULL when json is not an object or has no such member (or it is null). */
const tl_json *tl_json_member(const tl_json *json, const char *name);
bool tl_json_has_null(const tl_json *json, const char *name); /* there is such a member and it is null */
bool tl_json_is_object(const tl_json *json);
bool tl_json_is_array(const tl_json *json);
size_t tl_json_array_size(const tl_json *json); /* 0 when not an array */
const tl_json *tl_json_array_item(const tl_json *json, size_t index);
size_t tl_json_object_size(const tl_json *json);
/* Calls visit for every member, in the document's order, until it returns false; returns what the last call did. */
bool tl_json_each_member(const tl_json *json, bool (*visit)(void *context, const char *name, const tl_json *value),
                         void *context);

/* The value itself; NULL / false when it is of another type. */
const char *tl_json_text(const tl_json *json);
bool tl_json_number(const tl_json *json, double *out);
bool tl_json_integer(const tl_json *json, int64_t *out);
bool tl_json_bool(const tl_json *json, bool *out);
bool tl_json_is_null(const tl_json *json);

/* Required members: an error says what was expected and found. */
bool tl_json_get_text(const tl_json *object, const char *name, const char **out, tl_error *err) TL_MUST_USE;
bool tl_json_get_integer(const tl_json *object, const char *name, int64_t minimum, int64_t maximum, int64_t *out,
                         tl_error *err) TL_MUST_USE;
bool tl_json_get_number(const tl_json *object, const char *name, double *out, tl_error *err) TL_MUST_USE;
/* Optional members: the fallback when absent or of another type. */
const char *tl_json_text_or(const tl_json *object, const char *name, const char *fallback);
int64_t tl_json_integer_or(const tl_json *object, const char *name, int64_t fallback);
double tl_json_number_or(const tl_json *object, const char *name, double fallback);
bool tl_json_bool_or(const tl_json *object, const char *name, bool fallback);

/* Building. `value` is taken over, also on failure, and may be NULL (then the call fails), so that calls can be chained. */
tl_json *tl_json_object_create(tl_error *err) TL_MUST_USE;
tl_json *tl_json_array_create(tl_error *err) TL_MUST_USE;
bool tl_json_set(tl_json *object, const char *name, tl_json *value, tl_error *err) TL_MUST_USE;
bool tl_json_set_text(tl_json *object, const char *name, const char *text, tl_error *err) TL_MUST_USE;
bool tl_json_set_integer(tl_json *object, const char *name, int64_t value, tl_error *err) TL_MUST_USE;
bool tl_json_set_number(tl_json *object, const char *name, double value, tl_error *err) TL_MUST_USE; /* not finite: null */
bool tl_json_set_bool(tl_json *object, const char *name, bool value, tl_error *err) TL_MUST_USE;
bool tl_json_append(tl_json *array, tl_json *value, tl_error *err) TL_MUST_USE;
bool tl_json_append_text(tl_json *array, const char *text, tl_error *err) TL_MUST_USE;
bool tl_json_append_integer(tl_json *array, int64_t value, tl_error *err) TL_MUST_USE;
bool tl_json_append_number(tl_json *array, double value, tl_error *err) TL_MUST_USE;
tl_json *tl_json_copy(const tl_json *json, tl_error *err) TL_MUST_USE;

typedef enum tl_json_style { TL_JSON_COMPACT, TL_JSON_INDENTED } tl_json_style;
/* Appends the text without a final newline; members keep the order in which they were set. */
bool tl_json_write(const tl_json *json, tl_json_style style, tl_string *out, tl_error *err) TL_MUST_USE;
/* Indented, newline at the end, replaced atomically. */
bool tl_json_write_file(const tl_json *json, const char *path, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

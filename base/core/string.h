/*
 * tl_string: growable bytes with a NUL after them and a hard ceiling.
 * Invariants: after tl_string_init the text is "" and never NULL; data[size] is always '\0'; size <= max_size.
 * An append that would pass the ceiling fails and changes nothing.
 */
#ifndef TL_BASE_CORE_STRING_H
#define TL_BASE_CORE_STRING_H

#include "base/core/error.h"
#include "base/core/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_string {
    char *data;  /* owned once capacity > 0 */
    size_t size; /* bytes before the NUL */
    size_t capacity;
    size_t max_size;
} tl_string;

void tl_string_init(tl_string *string, size_t max_size);
void tl_string_clear(tl_string *string); /* frees, leaves it as after init */
void tl_string_reset(tl_string *string); /* empties, keeps the memory */
/* The bytes must not lie in the string itself. */
bool tl_string_append(tl_string *string, const char *bytes, size_t size, tl_error *err) TL_MUST_USE;
/* Appends size bytes that the caller writes next; until then they are anything. */
bool tl_string_append_room(tl_string *string, size_t size, tl_error *err) TL_MUST_USE;
bool tl_string_append_text(tl_string *string, const char *text, tl_error *err) TL_MUST_USE;
bool tl_string_append_format(tl_string *string, tl_error *err, const char *format, ...) TL_PRINTF(3, 4) TL_MUST_USE;
/* Appends bytes in base64 (RFC 4648, padded, without breaks). */
bool tl_string_append_base64(tl_string *string, const char *bytes, size_t size, tl_error *err) TL_MUST_USE;
tl_slice tl_string_slice(const tl_string *string); /* borrowed, until the next change */

/* Joins directory and name with one '/'; a new string owned by the caller. */
char *tl_path_join(const char *directory, const char *name, tl_error *err) TL_MUST_USE;
/* True when all bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, no NUL); else *bad_offset is where it
 * breaks. */
bool tl_text_is_utf8(tl_slice text, size_t *bad_offset);

#ifdef __cplusplus
}
#endif

#endif

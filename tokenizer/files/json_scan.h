/*
 * A pull reader of JSON for vocabulary files, whose millions of members would cost a tree of objects too much time and memory: it
 * walks the bytes once and keeps one string. The bytes are hostile: depth and every step are bounded, errors name file and line.
 *
 *     tl_json_scan__open(&scan, name, bytes, err)
 *     tl_json_scan__each(&scan, '{', read_member, context, err)    -- a member's name is scan.text
 *         tl_json_scan__integer(&scan, 0, 100, &value, err)        -- exactly one call for each value
 */
#ifndef TL_TOKENIZER_FILES_JSON_SCAN_H
#define TL_TOKENIZER_FILES_JSON_SCAN_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

enum { TL_JSON_SCAN_MAX_DEPTH = 32, TL_JSON_SCAN_MAX_TEXT = 1 << 24 };

typedef struct tl_json_scan {
    const char *name; /* of the file */
    tl_slice bytes;
    size_t at;
    size_t depth;
    char closers[TL_JSON_SCAN_MAX_DEPTH]; /* '}' or ']' of what is open */
    bool is_first[TL_JSON_SCAN_MAX_DEPTH];
    tl_string text; /* the last string read */
} tl_json_scan;

/* False when the bytes are not UTF-8. The scan must be closed in any case. */
bool tl_json_scan__open(tl_json_scan *scan, const char *name, tl_slice bytes, tl_error *err) TL_MUST_USE;
void tl_json_scan__close(tl_json_scan *scan);
/* The first byte of the value that comes next ('{', '[', '"', 't', 'f', 'n', a digit or '-'), 0 at the end. */
char tl_json_scan__peek(tl_json_scan *scan);
/* Reads one value of an object, whose name is in scan->text until something is read, or of an array. */
typedef bool tl_json_value_reader(tl_json_scan *scan, void *context, tl_error *err);
/* Has each value of the object ('{') or array ('[') that comes next read, in order. */
bool tl_json_scan__each(tl_json_scan *scan, char opener, tl_json_value_reader *read, void *context, tl_error *err) TL_MUST_USE;
/* The value as a string, in scan->text. */
bool tl_json_scan__text(tl_json_scan *scan, tl_error *err) TL_MUST_USE;
bool tl_json_scan__integer(tl_json_scan *scan, int64_t minimum, int64_t maximum, int64_t *out, tl_error *err) TL_MUST_USE;
/* Passes over a value of any kind; *out, if not NULL, is its bytes. */
bool tl_json_scan__skip(tl_json_scan *scan, tl_slice *out, tl_error *err) TL_MUST_USE;
/* Nothing but blanks may follow. */
bool tl_json_scan__finish(tl_json_scan *scan, tl_error *err) TL_MUST_USE;
/* "name: line n: " and the sentence; for what is wrong with a value that was read well. */
bool tl_json_scan__fail(const tl_json_scan *scan, tl_error *err, const char *format, ...) TL_PRINTF(3, 4);
/* The same in front of a message that is there; false. */
bool tl_json_scan__within(const tl_json_scan *scan, tl_error *err);

#endif

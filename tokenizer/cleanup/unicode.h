/*
 * Unicode as the tokenizers' references see it: properties, case and normal forms, over growable arrays of code points.
 * The tables are utf8proc's (Unicode 15); the only file that includes it is unicode.c.
 */
#ifndef TL_TOKENIZER_CLEANUP_UNICODE_H
#define TL_TOKENIZER_CLEANUP_UNICODE_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

/* Growable code points, owned by the caller: starts as {0}, freed with tl_memory_free(items). */
typedef struct tl_code_points {
    uint32_t *items;
    size_t count;
    size_t capacity;
} tl_code_points;

typedef enum tl_normal_form { TL_FORM_C, TL_FORM_D, TL_FORM_KC, TL_FORM_KD } tl_normal_form;

/* The code point at text[*at], which is valid UTF-8; moves past it. */
uint32_t tl_unicode__next(tl_slice text, size_t *at);
/* Appends the code points of valid UTF-8. */
bool tl_unicode__decode(tl_slice text, tl_code_points *out, tl_error *err) TL_MUST_USE;
/* Appends the UTF-8 of count code points, none of them a surrogate. */
bool tl_unicode__encode(const uint32_t *points, size_t count, tl_string *out, tl_error *err) TL_MUST_USE;
bool tl_unicode__append(tl_code_points *out, uint32_t point, tl_error *err) TL_MUST_USE;

bool tl_unicode__is_letter(uint32_t point);       /* general category L* */
bool tl_unicode__is_number(uint32_t point);       /* N* */
bool tl_unicode__is_decimal(uint32_t point);      /* Nd */
bool tl_unicode__is_mark(uint32_t point);         /* Mn: the accents that a decomposition splits off */
bool tl_unicode__is_white(uint32_t point);        /* the property White_Space */
bool tl_unicode__is_python_space(uint32_t point); /* str.isspace: White_Space and the four information separators */

/* Simple case mappings: one code point to one. */
uint32_t tl_unicode__to_lower(uint32_t point);
uint32_t tl_unicode__to_upper(uint32_t point);
/* Lower case in place: str.lower with its final sigma when `final_sigma`, else character by character (Rust's to_lowercase). */
bool tl_unicode__lower(tl_code_points *points, bool final_sigma, tl_error *err) TL_MUST_USE;
/* Brings the whole array into a normal form (UAX 15). */
bool tl_unicode__normalize(tl_code_points *points, tl_normal_form form, tl_error *err) TL_MUST_USE;

#endif

/* HTML character references: the standard's table, and the two ways in which captions are read with it. */
#ifndef TL_TOKENIZER_CLEANUP_HTML_ENTITIES_INTERNAL_H
#define TL_TOKENIZER_CLEANUP_HTML_ENTITIES_INTERNAL_H

#include "tokenizer/cleanup/unicode.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct tl_html_entity {
    const char *name;       /* without & and ; */
    uint32_t first, second; /* code points; second is 0 when there is one */
    bool is_bare;           /* a reference also without its semicolon */
} tl_html_entity;

typedef struct tl_html_capital {
    uint32_t point;
    const char *upper;
} tl_html_capital;

extern const tl_html_entity tl_html_entities[]; /* sorted by name */
extern const size_t tl_html_entity_count;
extern const tl_html_capital tl_html_capitals[];
extern const size_t tl_html_capital_count;

/* Appends text with its references replaced as the standard's parser does (Python's html.unescape). */
bool tl_html__unescape(const tl_code_points *text, tl_code_points *out, tl_error *err) TL_MUST_USE;
/* Appends text with only the unambiguous ones replaced (ftfy's unescape_html): a semicolon is required, and names of letters
 * count in capitals too. */
bool tl_html__unescape_unambiguous(const tl_code_points *text, tl_code_points *out, tl_error *err) TL_MUST_USE;

#endif

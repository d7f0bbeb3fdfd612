/*
 * Clean-ups: what each framework does to a caption before it is split into pieces. One a dialect, held to the dialect's own
 * implementation: open_clip 3.3 (over ftfy 6.3.1 and Python 3.11) and transformers 5.24.
 *
 * open_clip begins with ftfy.fix_text, line by line, repeated until nothing changes: HTML references that end in a semicolon (not
 * in or after a line with a <), mojibake, C1 controls, Latin ligatures, full and half width, curly quotes, line breaks, terminal
 * escapes, control characters, form C. All of these are done here. Then it reads HTML references as a browser does, twice, and
 * trims. Not done: text that holds surrogates (UTF-8 cannot).
 */
#ifndef TL_TOKENIZER_CLEANUP_CLEANUP_H
#define TL_TOKENIZER_CLEANUP_CLEANUP_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"
#include "tokenizer/cleanup/unicode.h"

typedef enum tl_cleanup {
    TL_CLEANUP_NONE,
    TL_CLEANUP_OPEN_CLIP_LOWER,        /* ftfy, HTML, single spaces, lower case: open_clip's SimpleTokenizer */
    TL_CLEANUP_OPEN_CLIP_WHITESPACE,   /* the same with case kept: open_clip's HFTokenizer */
    TL_CLEANUP_OPEN_CLIP_CANONICALIZE, /* ftfy, HTML, _ to space, no ASCII punctuation, lower case, single spaces: its SigLIP */
    TL_CLEANUP_CLIP,                   /* form C, single spaces, lower case letter by letter: CLIPTokenizer */
    TL_CLEANUP_SIGLIP,                 /* lower case, no ASCII punctuation, single spaces: SiglipTokenizer */
    TL_CLEANUP_SIGLIP_KEEPS_CASE       /* the same with do_lower_case=False */
} tl_cleanup;

/* Appends the cleaned text; text is valid UTF-8 without NUL, and so is the result. */
bool tl_cleanup__apply(tl_cleanup cleanup, tl_slice text, tl_string *out, tl_error *err) TL_MUST_USE;

/* ftfy.fix_text on a whole text, in place. */
bool tl_text_repair__apply(tl_code_points *text, tl_error *err) TL_MUST_USE;

#endif

/*
 * What people wrote beside a picture, made fit to learn from, or a reason why it is not: the rules of Conceptual Captions (Sharma
 * et al. 2018) and Conceptual 12M (Changpinyo et al. 2021) that need no tagger of a language, so that they hold for all.
 */
#ifndef TL_CRAWLER_IMPORT_CRAWL_CAPTION_CLEANING_H
#define TL_CRAWLER_IMPORT_CRAWL_CAPTION_CLEANING_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/* Zero is the default of every field. */
typedef struct tl_caption_limits {
    unsigned minimum_words; /* 0: 3; two ideographs or kana, or four letters of a script without spaces, are a word */
    unsigned maximum_words; /* 0: 256 */
} tl_caption_limits;

/*
 * Replaces out with the cleaned caption: one line, single spaces, no tags, no references left over, windows-1252's signs where
 * C1 controls stood, no phrases such as "click to enlarge" around it. *reason: NULL for a caption to keep, else one of "no
 * caption", "broken text", "file name", "boilerplate", "few letters", "keyword list", "repetition", "too few words", "too many
 * words". text: valid UTF-8. picture_url: canonical; a caption that only repeats its name is a file name.
 */
bool tl_caption_clean(tl_slice text, const char *picture_url, const tl_caption_limits *limits, tl_string *out,
                      const char **reason, tl_error *err) TL_MUST_USE;

#endif

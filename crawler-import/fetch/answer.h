/* What values of HTTP headers say, and what the first bytes of a body are. Any bytes may come in. */
#ifndef TL_CRAWLER_IMPORT_FETCH_ANSWER_H
#define TL_CRAWLER_IMPORT_FETCH_ANSWER_H

#include "base/core/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Directives of X-Robots-Tag (and of a page's meta robots) that refuse something. "none" is NOINDEX and NOFOLLOW. */
#define TL_REFUSAL_NOINDEX 1u
#define TL_REFUSAL_NOFOLLOW 2u
#define TL_REFUSAL_NOIMAGEINDEX 4u
#define TL_REFUSAL_NOAI 8u
#define TL_REFUSAL_NOIMAGEAI 16u

/*
 * The directives of one header value that hold for the robot `token`: those without a name before them, and those after
 * "token:" (without case). A name holds up to the end of the value or the next name: "otherbot: noindex, nofollow" is nothing to
 * us.
 */
unsigned tl_answer_refusals(tl_slice value, const char *token);

/* Seconds that Retry-After asks for: a number or a date against now (seconds since 1970). Below 0: neither. */
double tl_answer_retry_after(tl_slice value, int64_t now);

typedef enum tl_answer_look {
    TL_LOOK_UNKNOWN, /* bytes that no text has and no signature that is known here: a picture of a rare kind, a program */
    TL_LOOK_PICTURE,
    TL_LOOK_MARKUP, /* HTML, XML, SVG; UTF-16 too */
    TL_LOOK_TEXT,   /* no byte that a text would not have, in whatever charset */
    TL_LOOK_BINARY  /* archives, films, sounds, PDF, fonts */
} tl_answer_look;

/* What the first bytes (up to 512 are looked at) of a body are. */
tl_answer_look tl_answer_sniff(tl_slice bytes);

#ifdef __cplusplus
}
#endif

#endif

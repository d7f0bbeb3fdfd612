/* Phrases of templates in captions. ASCII letters are compared without case. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_BOILERPLATE_H
#define TL_CRAWLER_IMPORT_CRAWL_BOILERPLATE_H

#include "base/core/slice.h"

/* True when nothing but such a phrase, a number after it and punctuation is there ("Image 3", "(photo)"). */
bool tl_boilerplate_is(tl_slice text);
/* Cuts one such phrase off the text's beginning or end ("Click to enlarge: a red fox"), with what joins it to the rest; false
 * when there is none. */
bool tl_boilerplate_cut(tl_slice *text);

#endif

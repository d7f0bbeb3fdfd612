/* srcset and <picture>: which of a picture's sizes to take. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_SRCSET_H
#define TL_CRAWLER_IMPORT_CRAWL_SRCSET_H

#include "base/core/slice.h"

/* The best candidate so far: zeroed at first. */
typedef struct tl_srcset_best {
    tl_slice url; /* as written, borrowed; empty: none yet */
    double width; /* pixels as stated, or guessed from its density */
} tl_srcset_best;

/*
 * Offers every candidate of a srcset attribute. Best is the narrowest that is at least wanted_width pixels wide, else the widest;
 * the first of equals. shown_width: of the picture on the page, which densities (2x) multiply; 0: not known.
 */
void tl_srcset_offer(tl_srcset_best *best, tl_slice srcset, double wanted_width, double shown_width);

#endif

/* How many threads do work beside each other in this process. */
#ifndef TL_BASE_PARALLEL_PROCESSORS_INTERNAL_H
#define TL_BASE_PARALLEL_PROCESSORS_INTERNAL_H

#include <stddef.h>

/* At least 1. */
size_t tl_processors__count(void);

#endif

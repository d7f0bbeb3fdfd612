/* Memory straight from the system, in whole large pages (base/core/memory.h), for pieces of some MiB that come and go: it begins
 * where such a page does, costs nothing before it is touched, and goes back when it is freed. */
#ifndef TL_BASE_CORE_PAGE_MEMORY_H
#define TL_BASE_CORE_PAGE_MEMORY_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* size bytes, at least 1, zeroed; freed with the same size. NULL on failure. */
void *tl_page_memory_allocate(size_t size, tl_error *err) TL_MUST_USE;
void tl_page_memory_free(void *block, size_t size);

#ifdef __cplusplus
}
#endif

#endif

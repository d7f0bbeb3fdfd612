/* A file seen as memory, read-only. A file that shrinks while mapped ends the process by SIGBUS, as everywhere: map only files
 * that we replace atomically. */
#ifndef TL_BASE_IO_MAPPING_H
#define TL_BASE_IO_MAPPING_H

#include "base/core/error.h"
#include "base/core/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_mapping {
    tl_slice bytes; /* valid until tl_mapping_close; empty for an empty file */
} tl_mapping;

bool tl_mapping_open(const char *path, tl_mapping *out, tl_error *err) TL_MUST_USE;
void tl_mapping_close(tl_mapping *mapping);
/* Its pages leave the process's memory until they are touched again; they stay in the system's cache. */
void tl_mapping_release(const tl_mapping *mapping);

#ifdef __cplusplus
}
#endif

#endif

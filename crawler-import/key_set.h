/* The keys a dataset has, as 64-bit hashes with the source each came from: some 24 bytes a sample. */
#ifndef TL_CRAWLER_IMPORT_KEY_SET_H
#define TL_CRAWLER_IMPORT_KEY_SET_H

#include "base/core/error.h"

#include <stdint.h>

typedef struct tl_key_set {
    uint64_t *hashes; /* 0: free */
    uint32_t *sources;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    bool without_sources; /* set on an empty set: 8 bytes a slot instead of 12, and find says 0 */
} tl_key_set;

/* Adds a hash unless it is there. */
bool tl_key_set_add(tl_key_set *set, uint64_t hash, uint32_t source, tl_error *err) TL_MUST_USE;
/* True when the hash is there; *source says whose it is. */
bool tl_key_set_find(const tl_key_set *set, uint64_t hash, uint32_t *source);
void tl_key_set_clear(tl_key_set *set);

#endif

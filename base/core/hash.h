/* Content hashes over xxHash (XXH3, 64 and 128 bits): fast, stable across machines, not cryptographic. */
#ifndef TL_BASE_CORE_HASH_H
#define TL_BASE_CORE_HASH_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_HASH_TEXT_SIZE 33 /* 32 lower-case hex digits and a NUL */

typedef struct tl_hasher tl_hasher;

uint64_t tl_hash64(const void *bytes, size_t size);
/* The 128-bit hash as hex text. */
void tl_hash_text(const void *bytes, size_t size, char text[TL_HASH_TEXT_SIZE]);

/* The same 128-bit hash of bytes that come in pieces. */
bool tl_hasher_create(tl_hasher **out, tl_error *err) TL_MUST_USE;
void tl_hasher_add(tl_hasher *hasher, const void *bytes, size_t size);
void tl_hasher_text(const tl_hasher *hasher, char text[TL_HASH_TEXT_SIZE]);
void tl_hasher_destroy(tl_hasher *hasher);

#ifdef __cplusplus
}
#endif

#endif

/* What AddressSanitizer is told and asked, where a build has it; elsewhere nothing is done and everything may be read. */
#ifndef TL_BASE_CORE_SANITIZER_H
#define TL_BASE_CORE_SANITIZER_H

#include "base/core/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define TL_HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TL_HAS_ADDRESS_SANITIZER 1
#endif
#endif

/*
 * A function of a hot loop that has nothing looked at: the looks take ten times as long as the work. Who calls it asserts all
 * that it reads and writes (tl_may_read), once and as a whole. Looks go by function: what is inlined into it must be
 * TL_UNCHECKED_INLINE, or looks come along with it, and a function that has them must call it.
 */
#if defined(TL_HAS_ADDRESS_SANITIZER)
#define TL_UNCHECKED_INLINE __attribute__((no_sanitize("address"), no_sanitize("undefined")))
#define TL_UNCHECKED __attribute__((noinline)) TL_UNCHECKED_INLINE
#else
#define TL_UNCHECKED_INLINE
#define TL_UNCHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(TL_HAS_ADDRESS_SANITIZER)
/* False where one of the bytes is nobody's. */
bool tl_may_read(const void *bytes, size_t size);
/* Nobody's from here on, and somebody's again. */
void tl_forbid(const void *bytes, size_t size);
void tl_allow(const void *bytes, size_t size);
#else
static inline bool tl_may_read(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return true;
}
static inline void tl_forbid(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}
static inline void tl_allow(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}
#endif

#ifdef __cplusplus
}
#endif

#endif

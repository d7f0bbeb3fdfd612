/* The sanitizer's own header is included here only. */
#include "base/core/sanitizer.h"

#if defined(TL_HAS_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>

#include <stdint.h>

bool tl_may_read(const void *bytes, size_t size)
{
    return __asan_region_is_poisoned((void *)(uintptr_t)bytes, size) == NULL;
}

void tl_forbid(const void *bytes, size_t size)
{
    __asan_poison_memory_region(bytes, size);
}

void tl_allow(const void *bytes, size_t size)
{
    __asan_unpoison_memory_region(bytes, size);
}
#else
typedef int tl_no_sanitizer_here;
#endif

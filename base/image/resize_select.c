/* Which passes this process resamples with: probed once, or named by the caller. */
#include "base/image/resize.h"
#include "base/image/resize_internal.h"

#include <stdatomic.h>
#include <string.h>

static _Atomic(const tl_resize_kernels *) active;

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

static const struct candidate {
    const tl_resize_kernels *kernels;
    bool (*is_supported)(void);
} candidates[] = {
#if defined(__x86_64__)
    {&tl_resize_kernels_avx512, has_avx512},
    {&tl_resize_kernels_avx2, has_avx2},
#endif
    {&tl_resize_kernels_baseline, always},
};

bool tl_resize_select(const char *name, tl_error *err)
{
    bool is_automatic = strcmp(name, "auto") == 0;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        const struct candidate *candidate = &candidates[i];
        if (!is_automatic && strcmp(candidate->kernels->name, name) != 0)
            continue;
        if (candidate->is_supported()) {
            atomic_store(&active, candidate->kernels);
            return true;
        }
        if (!is_automatic)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "resampling by '%s': this processor lacks its instructions", name);
    }
    return tl_fail(err, TL_ERROR_INVALID, "expected auto, baseline, avx2 or avx512, found '%s'", name);
}

const tl_resize_kernels *tl_resize__kernels(void)
{
    const tl_resize_kernels *kernels = atomic_load_explicit(&active, memory_order_acquire);
    if (kernels != NULL)
        return kernels;
    /* Two threads may both come here; they store the same answer. */
    bool is_found = tl_resize_select("auto", NULL);
    TL_ASSERT(is_found);
    return atomic_load_explicit(&active, memory_order_acquire);
}

/* Which table of kernels this process uses: probed once, or named by the caller before first use. */
#include "base/compute/kernels_internal.h"

#include <stdatomic.h>
#include <string.h>

static _Atomic(const tl_kernels *) active;

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

static bool always(void)
{
    return true;
}

static const struct candidate {
    const tl_kernels *table;
    bool (*is_supported)(void);
} candidates[] = {
#if defined(__x86_64__)
    {&tl_kernels_avx512, has_avx512},
    {&tl_kernels_avx2, has_avx2},
#endif
    {&tl_kernels_baseline, always},
};

enum { CANDIDATE_COUNT = sizeof candidates / sizeof candidates[0] };

bool tl_kernels_select(const char *name, tl_error *err)
{
    bool is_automatic = name == NULL || strcmp(name, "auto") == 0;
    for (size_t i = 0; i < CANDIDATE_COUNT; i++) {
        const struct candidate *candidate = &candidates[i];
        if (!is_automatic && strcmp(candidate->table->name, name) != 0)
            continue;
        if (candidate->is_supported()) {
            atomic_store(&active, candidate->table);
            return true;
        }
        if (!is_automatic)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "kernels '%s': this processor lacks their instructions", name);
    }
    return tl_fail(err, TL_ERROR_INVALID, "expected kernels auto, baseline, avx2 or avx512, found '%s'", name);
}

const tl_kernels *tl_kernels_active(void)
{
    const tl_kernels *table = atomic_load_explicit(&active, memory_order_acquire);
    if (table != NULL)
        return table;
    /* Two threads may both come here; they store the same answer. */
    bool is_found = tl_kernels_select(NULL, NULL);
    TL_ASSERT(is_found);
    return atomic_load_explicit(&active, memory_order_acquire);
}

const char *tl_kernels_name(void)
{
    return tl_kernels_active()->name;
}

size_t tl_kernels_available(const char *names[], size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < CANDIDATE_COUNT; i++)
        if (candidates[i].is_supported()) {
            if (count < capacity)
                names[count] = candidates[i].table->name;
            count++;
        }
    return count;
}

/* Which tables of kernels this process uses: probed once, or named by the caller before first use. */
#include "base/compute/kernels_internal.h"
#include "base/compute/packed_internal.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

typedef struct level {
    const char *name;
    const tl_kernels *kernels;
    const tl_packed_kernels *packed;
    bool (*is_supported)(void);
} level;

static _Atomic(const level *) active;

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

static bool has_avx512_vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512_bf16(void)
{
    return has_avx512_vnni() && __builtin_cpu_supports("avx512bf16");
}

/* Leaf 7, EDX; and the system has to agree, since a thread's tiles are 8 KiB more to save. */
static bool has_amx(void)
{
    const unsigned int bf16 = 1U << 22, tile = 1U << 24, int8 = 1U << 25, all = bf16 | tile | int8;
    unsigned int a, b, c, d;
    return has_avx512_bf16() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & all) == all && tl_amx_is_usable();
}

/* Leaf 7, subleaf 1, EAX: the compilers' own probe knows this bit under no common name. */
static bool has_avx_vnni(void)
{
    unsigned int a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1U) != 0;
}
#endif

static bool always(void)
{
    return true;
}

static const level levels[] = {
#if defined(__x86_64__)
    {"amx", &tl_kernels_avx512, &tl_packed_amx, has_amx},
    {"avx512_bf16", &tl_kernels_avx512, &tl_packed_avx512_bf16, has_avx512_bf16},
    {"avx512_vnni", &tl_kernels_avx512, &tl_packed_avx512_vnni, has_avx512_vnni},
    {"avx512", &tl_kernels_avx512, &tl_packed_avx512, has_avx512},
    {"avx_vnni", &tl_kernels_avx2, &tl_packed_avx_vnni, has_avx_vnni},
    {"avx2", &tl_kernels_avx2, &tl_packed_avx2, has_avx2},
#endif
    {"baseline", &tl_kernels_baseline, &tl_packed_baseline, always},
};

enum { LEVEL_COUNT = sizeof levels / sizeof levels[0] };

bool tl_kernels_select(const char *name, tl_error *err)
{
    bool is_automatic = name == NULL || strcmp(name, "auto") == 0;
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        const level *candidate = &levels[i];
        if (!is_automatic && strcmp(candidate->name, name) != 0)
            continue;
        if (candidate->is_supported()) {
            atomic_store(&active, candidate);
            return true;
        }
        if (!is_automatic)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "kernels '%s': this processor lacks their instructions", name);
    }
    return tl_fail(err, TL_ERROR_INVALID,
                   "expected kernels auto, baseline, avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16 or amx, found '%s'", name);
}

static const level *active_level(void)
{
    const level *now = atomic_load_explicit(&active, memory_order_acquire);
    if (now != NULL)
        return now;
    /* Two threads may both come here; they store the same answer. */
    bool is_found = tl_kernels_select(NULL, NULL);
    TL_ASSERT(is_found);
    return atomic_load_explicit(&active, memory_order_acquire);
}

const tl_kernels *tl_kernels_active(void)
{
    return active_level()->kernels;
}

const tl_packed_kernels *tl_packed_active(void)
{
    return active_level()->packed;
}

const char *tl_kernels_name(void)
{
    return active_level()->name;
}

size_t tl_kernels_available(const char *names[], size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (levels[i].is_supported()) {
            if (count < capacity)
                names[count] = levels[i].name;
            count++;
        }
    return count;
}

/*
 * base/core/memory.c itself, but for the C allocator beneath it, whose n-th call fails, once. A test that includes this file
 * carries these symbols itself, so the archive's memory.o is never pulled in.
 */
#include "tests/support/failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static atomic_size_t allocations_asked;
static atomic_size_t allocation_to_fail; /* 0: none */

void failing_memory_arm(size_t number)
{
    atomic_store(&allocations_asked, 0);
    atomic_store(&allocation_to_fail, number);
}

size_t failing_memory_disarm(void)
{
    atomic_store(&allocation_to_fail, 0);
    return atomic_load(&allocations_asked);
}

static bool refuses(void)
{
    return atomic_fetch_add(&allocations_asked, 1) + 1 == atomic_load(&allocation_to_fail);
}

static void *failing_calloc(size_t count, size_t size)
{
    return refuses() ? NULL : calloc(count, size);
}

static void *failing_aligned_alloc(size_t alignment, size_t size)
{
    return refuses() ? NULL : aligned_alloc(alignment, size);
}

static void *failing_realloc(void *block, size_t size)
{
    return refuses() ? NULL : realloc(block, size);
}

#define calloc failing_calloc
#define aligned_alloc failing_aligned_alloc
#define realloc failing_realloc
#include "base/core/memory.c"
#undef calloc
#undef aligned_alloc
#undef realloc

bool failing_memory_next(failing_memory_sweep *sweep)
{
    if (sweep->is_over)
        return false;
    sweep->number += 1 + (sweep->sparser_every != 0 ? sweep->number / sweep->sparser_every : 0);
    sweep->err = (tl_error){TL_ERROR_NONE, ""};
    failing_memory_arm(sweep->number);
    return true;
}

void failing_memory_judge(failing_memory_sweep *sweep, bool ok)
{
    sweep->is_over = failing_memory_disarm() < sweep->number;
    if (sweep->is_over) {
        if (!ok)
            fail_msg("%s failed with all memory: %s", sweep->job, sweep->err.message);
        if (sweep->failures == 0 || sweep->failures < sweep->least_failures)
            fail_msg("%s: expected %zu failures, found %zu", sweep->job, sweep->least_failures, sweep->failures);
    } else if (ok ? !sweep->may_do_without : sweep->err.kind != TL_ERROR_NO_MEMORY)
        fail_msg("%s, allocation %zu: expected out of memory, found %s", sweep->job, sweep->number,
                 ok ? "success" : sweep->err.message);
    sweep->failures += !ok;
}

/* base/core/sanitizer: an extent is asked for as a whole and to the byte; without a sanitizer everything may be read. */
#include "base/core/arena.h"
#include "base/core/memory.h"
#include "base/core/sanitizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef TL_HAS_ADDRESS_SANITIZER
static const bool is_seen = true;
#else
static const bool is_seen = false;
#endif

static void an_extent_ends_with_its_block(void **state)
{
    (void)state;
    for (size_t size = 1; size < 200; size++) {
        char *block = tl_memory_allocate(size, 1, NULL);
        assert_non_null(block);
        assert_true(tl_may_read(block, size));
        assert_int_equal(tl_may_read(block, size + 1), !is_seen);
        assert_int_equal(tl_may_read(block - 1, size), !is_seen);
        tl_memory_free(block);
    }
}

static void a_byte_in_the_middle_is_missed(void **state)
{
    (void)state;
    char *block = tl_memory_allocate(4096, 1, NULL);
    assert_non_null(block);
    tl_forbid(block + 2048, 8);
    assert_int_equal(tl_may_read(block, 4096), !is_seen);
    assert_true(tl_may_read(block, 2048));
    assert_true(tl_may_read(block + 2056, 2040));
    tl_allow(block + 2048, 8);
    assert_true(tl_may_read(block, 4096));
    tl_memory_free(block);
}

static void arenas_have_gaps(void **state)
{
    (void)state;
    tl_arena *arena = NULL;
    assert_true(tl_arena_create(1000, &arena, NULL));
    char *first = tl_arena_allocate(arena, 128, 1, NULL), *second = tl_arena_allocate(arena, 128, 1, NULL);
    assert_true(tl_may_read(first, 128) && tl_may_read(second, 128));
    assert_int_equal(tl_may_read(first, 129), !is_seen);
    tl_arena_reset(arena);
    assert_int_equal(tl_may_read(first, 1), !is_seen);
    tl_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_extent_ends_with_its_block),
        cmocka_unit_test(a_byte_in_the_middle_is_missed),
        cmocka_unit_test(arenas_have_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

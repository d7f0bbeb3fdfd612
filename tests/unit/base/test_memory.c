/* base/core/memory: overflow, zeroing, alignment and growth. */
#include "base/core/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    size_t product = 0;
    assert_true(tl_size_multiply(SIZE_MAX, 1, &product));
    assert_true(product == SIZE_MAX);
    assert_true(tl_size_multiply(0, SIZE_MAX, &product));
    assert_true(product == 0);
    assert_true(tl_size_multiply(SIZE_MAX, 0, &product));
    assert_true(tl_size_multiply(SIZE_MAX / 3, 3, &product));
    assert_false(tl_size_multiply(SIZE_MAX / 3 + 1, 3, &product));
    assert_false(tl_size_multiply(SIZE_MAX, 2, &product));
    assert_false(tl_size_multiply((size_t)1 << 32, (size_t)1 << 32, &product));

    tl_error err = {TL_ERROR_NONE, ""};
    assert_null(tl_memory_allocate(SIZE_MAX / 8 + 1, 8, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    err.kind = TL_ERROR_NONE;
    assert_null(tl_memory_allocate_aligned(SIZE_MAX - 10, 1, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    assert_null(tl_memory_copy_text("", SIZE_MAX, NULL));
}

static void blocks_are_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size = size * 2 + 1) {
        unsigned char *block = tl_memory_allocate(size, 1, NULL);
        unsigned char *aligned = tl_memory_allocate_aligned(size, 1, NULL);
        assert_non_null(block);
        assert_non_null(aligned);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(block[i], 0);
            assert_int_equal(aligned[i], 0);
        }
        tl_memory_free(block);
        tl_memory_free(aligned);
    }
    tl_memory_free(NULL);
}

/* Around whole large pages, which most blocks hold none, one or two of. */
static void large_blocks_are_zeroed_and_aligned(void **state)
{
    (void)state;
    static const size_t page = (size_t)2 << 20;
    const size_t sizes[] = {0, 1, page - 1, page, page + 1, 2 * page - 1, 2 * page, 3 * page + 65};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned char *block = tl_memory_allocate_large(sizes[s], 1, NULL);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        size_t sum = 0;
        for (size_t i = 0; i < sizes[s]; i++)
            sum += block[i];
        assert_int_equal(sum, 0);
        memset(block, 1, sizes[s]);
        tl_memory_free(block);
    }
    assert_null(tl_memory_allocate_large(SIZE_MAX - 10, 1, NULL));
}

static void a_failed_resize_keeps_the_block(void **state)
{
    (void)state;
    char *block = tl_memory_copy_text("fox", 3, NULL);
    assert_string_equal(block, "fox");
    tl_error err = {TL_ERROR_NONE, ""};
    assert_null(tl_memory_resize(block, SIZE_MAX / 2 + 1, 2, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    assert_string_equal(block, "fox");
    char *grown = tl_memory_resize(block, 1000, 1, NULL);
    assert_string_equal(grown, "fox");
    tl_memory_free(grown);
}

static void reserve_doubles_and_keeps_items(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    size_t moves = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_true(tl_memory_reserve(&items, &capacity, (size_t)i + 1, sizeof *items, NULL));
        assert_true(capacity > i);
        moves += capacity != before;
        items[i] = i;
    }
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(items[i], i);
    assert_true(moves <= 12); /* 8, 16, ..., 16384 */
    size_t kept = capacity;
    tl_error err = {TL_ERROR_NONE, ""};
    assert_false(tl_memory_reserve(&items, &capacity, SIZE_MAX / 2, sizeof *items, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    assert_int_equal(capacity, kept);
    assert_int_equal(items[9999], 9999);
    tl_memory_free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_that_overflow_are_refused),  cmocka_unit_test(blocks_are_zeroed_and_aligned),
        cmocka_unit_test(large_blocks_are_zeroed_and_aligned), cmocka_unit_test(a_failed_resize_keeps_the_block),
        cmocka_unit_test(reserve_doubles_and_keeps_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

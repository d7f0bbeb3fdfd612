/* base/core/arena: alignment, separate blocks, marks, and that nothing moves when a chunk is added. */
#include "base/core/arena.h"
#include "base/core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    tl_arena *arena = NULL;
    assert_true(tl_arena_create(1000, &arena, NULL));
    tl_arena_use_large_pages(arena); /* of the first chunk and of those that are added */
    tl_random random = tl_random_stream(1, 0);
    enum { COUNT = 500 };
    unsigned char *blocks[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = (size_t)tl_random_below(&random, 300);
        blocks[i] = tl_arena_allocate(arena, sizes[i], 1, NULL);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(blocks[i][j], i % 251);
    tl_arena_destroy(arena);
    tl_arena_destroy(NULL);
    assert_true(tl_arena_create(0, &arena, NULL));
    assert_non_null(tl_arena_allocate(arena, 1, 1, NULL));
    tl_arena_destroy(arena);
}

static void rewind_gives_the_same_place_again(void **state)
{
    (void)state;
    tl_arena *arena = NULL;
    assert_true(tl_arena_create(4096, &arena, NULL));
    char *kept = tl_arena_copy_text(arena, "kept", 4, NULL);
    tl_arena_mark mark = tl_arena_save(arena);
    void *first = tl_arena_allocate(arena, 100, 1, NULL);
    assert_non_null(tl_arena_allocate(arena, 100000, 1, NULL)); /* a second chunk */
    assert_non_null(tl_arena_allocate(arena, 1000000, 1, NULL));
    tl_arena_rewind(arena, mark);
    assert_string_equal(kept, "kept");
    assert_ptr_equal(tl_arena_allocate(arena, 100, 1, NULL), first);
    tl_arena_rewind(arena, mark);
    tl_arena_reset(arena);
    assert_ptr_equal(tl_arena_allocate(arena, 5, 1, NULL), kept);
    tl_arena_destroy(arena);
}

static void a_mark_across_chunks(void **state)
{
    (void)state;
    tl_arena *arena = NULL;
    assert_true(tl_arena_create(4096, &arena, NULL));
    assert_non_null(tl_arena_allocate(arena, 5000, 1, NULL));
    tl_arena_mark mark = tl_arena_save(arena); /* in the second chunk, of 8192 bytes */
    void *first = tl_arena_allocate(arena, 64, 1, NULL);
    for (int i = 0; i < 20; i++)
        assert_non_null(tl_arena_allocate(arena, 50000, 1, NULL));
    tl_arena_rewind(arena, mark);
    assert_ptr_equal(tl_arena_allocate(arena, 64, 1, NULL), first);
    tl_arena_destroy(arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    tl_arena *arena = NULL;
    assert_true(tl_arena_create(64, &arena, NULL));
    tl_error err = {TL_ERROR_NONE, ""};
    assert_null(tl_arena_allocate(arena, SIZE_MAX / 2, 3, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    err.kind = TL_ERROR_NONE;
    assert_null(tl_arena_allocate(arena, SIZE_MAX, 1, &err));
    assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    assert_null(tl_arena_copy_text(arena, "", SIZE_MAX, NULL));
    assert_string_equal(tl_arena_copy_text(arena, NULL, 0, NULL), "");
    tl_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(rewind_gives_the_same_place_again),
        cmocka_unit_test(a_mark_across_chunks),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Memory on large pages: zeroed, aligned, as much as was asked for, and given back. */
#include "base/core/page_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 2 << 20 };

static size_t mapped_kib(void)
{
    char text[4096] = "";
    size_t kib = 0;
    int file = open("/proc/self/status", O_RDONLY);
    assert_true(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    const char *line = strstr(text, "VmSize:");
    assert_true(line != NULL && sscanf(line + 7, "%zu", &kib) == 1);
    return kib;
}

static void blocks_are_whole_zero_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 4096, PAGE - 1, PAGE, PAGE + 1, 5 * (size_t)PAGE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tl_error error;
        uint8_t *block = tl_page_memory_allocate(sizes[i], &error), *other = tl_page_memory_allocate(sizes[i], &error);
        assert_true(block != NULL && other != NULL);
        assert_int_equal((uintptr_t)block % PAGE, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(block[at], 0);
        memset(block, 1, sizes[i]);
        memset(other, 2, sizes[i]);
        assert_true(block[0] == 1 && block[sizes[i] - 1] == 1);
        tl_page_memory_free(block, sizes[i]);
        assert_true(other[0] == 2 && other[sizes[i] - 1] == 2);
        tl_page_memory_free(other, sizes[i]);
    }
    tl_page_memory_free(NULL, PAGE);
}

static void what_is_freed_goes_back(void **state)
{
    (void)state;
    enum { BLOCKS = 200 };
    tl_error error;
    size_t before = mapped_kib();
    for (int round = 0; round < BLOCKS; round++) {
        void *block = tl_page_memory_allocate(3 * (size_t)PAGE, &error);
        assert_non_null(block);
        tl_page_memory_free(block, 3 * (size_t)PAGE);
    }
    assert_true(mapped_kib() < before + 10 * (PAGE >> 10));
}

static void more_than_there_is(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - PAGE, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tl_error error = {0};
        assert_null(tl_page_memory_allocate(sizes[i], &error));
        assert_int_equal(error.kind, TL_ERROR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_whole_zero_and_aligned),
        cmocka_unit_test(what_is_freed_goes_back),
        cmocka_unit_test(more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

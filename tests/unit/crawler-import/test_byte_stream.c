/* Compressed lists: as their bytes say, whole and cut short, and one that inflates to more than memory should hold. */
#include "made_lists.h"

#include <sys/resource.h>

#define LISTS TL_SOURCE_DIR "/tests/golden/fixtures/lists/"

/* is_whole: what is read is what was written; damaged data gives other rows before it is noticed. */
static size_t count_rows(const char *path, bool is_whole, tl_error *error)
{
    tl_list *list = NULL;
    tl_list_row row;
    bool done = false;
    size_t count = 0;
    *error = (tl_error){0};
    if (!tl_list_open(&path, 1, NULL, &list, error))
        return 0;
    while (tl_list_next(list, &row, &done, error) && !done) {
        char url[64];
        snprintf(url, sizeof url, "http://a/%zu", count);
        if (is_whole && strcmp(row.url, url) != 0)
            fail_msg("%s: expected %s, found '%s'", row.origin, url, row.url);
        count++;
    }
    tl_list_close(list);
    return count;
}

static void check_cuts(const char *path)
{
    tl_string bytes;
    tl_error error;
    size_t most = 0;
    tl_string_init(&bytes, 1 << 20);
    assert_ok(tl_file_read(path, &bytes, err));
    assert_int_equal(count_rows(path, true, &error), 20000);
    for (size_t size = bytes.size - 1; size > 1000; size -= 997) {
        char line[32];
        make_file("cut", bytes.data, size);
        size_t count = count_rows("cut", true, &error);
        snprintf(line, sizeof line, "line %zu:", count + 1);
        /* Cut between two members it is whole, only shorter. */
        if (error.kind == TL_ERROR_NONE && count == 10000)
            continue;
        if (error.kind != TL_ERROR_CORRUPT || strstr(error.message, "cut'") == NULL ||
            (count != 0 && strstr(error.message, line) == NULL))
            fail_msg("%s cut to %zu bytes: %zu rows, then: %s", path, size, count, error.message);
        most = count > most ? count : most;
    }
    assert_true(most > 10000);
    /* Damage in the middle is told of as well, or the check sum at the end tells. */
    bytes.data[bytes.size / 4] ^= 0x55;
    make_file("cut", bytes.data, bytes.size);
    assert_true(count_rows("cut", false, &error) < 20000 && error.kind == TL_ERROR_CORRUPT);
    tl_string_clear(&bytes);
}

static void test_gzip(void **state)
{
    (void)state;
    check_cuts(LISTS "many.tsv.gz");
}

static void test_zstandard(void **state)
{
    (void)state;
    check_cuts(LISTS "many.tsv.zst");
}

static void test_bomb(void **state)
{
    (void)state;
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    assert_list(LISTS "bomb.tsv.zst", NULL,
                "0 bomb.tsv.zst:1 http://a/1 [before]\n1 bomb.tsv.zst:2  (row too large)\n"
                "2 bomb.tsv.zst:3 http://a/3 [after]\n");
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024); /* KiB */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gzip), cmocka_unit_test(test_zstandard),
                                       cmocka_unit_test(test_bomb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

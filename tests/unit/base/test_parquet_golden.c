/* The fixtures that pyarrow wrote, value by value as pyarrow reads them, in batches of several sizes and with rows passed over.
 */
#include "tests/support/assert_ok.h"
#include "tests/support/parquet_text.h"

#include "base/io/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER TL_SOURCE_DIR "/tests/golden/fixtures/parquet"

static void fixture_path(char path[4096], const char *name, size_t name_size, const char *extension)
{
    snprintf(path, 4096, FOLDER "/%.*s%s", (int)name_size, name, extension);
}

static void read_whole(const char *path, tl_string *out)
{
    tl_string_init(out, (size_t)1 << 24);
    assert_ok(tl_file_read(path, out, err));
}

static void check_text(const char *path, const char *expected, size_t batch_rows)
{
    tl_error err = {0};
    tl_parquet_file *file = NULL;
    tl_string text;
    tl_string_init(&text, (size_t)1 << 24);
    tl_parquet_options options = {.max_batch_rows = batch_rows};
    if (!tl_parquet_open(path, &file, &err) || !append_parquet_text(&text, file, options, 0, &err))
        fail_msg("%s", err.message);
    if (strcmp(text.data, expected) != 0)
        fail_msg("%s, batches of %zu: expected\n%s\nfound\n%s", path, batch_rows, expected, text.data);
    tl_string_clear(&text);
    tl_parquet_close(file);
}

/* Every line of the text with rows left out is a line of the whole, and between batches as many are missing as were passed over.
 */
static void check_skips(const char *path, const char *expected, size_t batch_rows, unsigned skip)
{
    tl_error err = {0};
    tl_parquet_file *file = NULL;
    tl_string text;
    tl_string_init(&text, (size_t)1 << 24);
    tl_parquet_options options = {.max_batch_rows = batch_rows};
    if (!tl_parquet_open(path, &file, &err) || !append_parquet_text(&text, file, options, skip, &err))
        fail_msg("%s", err.message);
    const char *whole = strstr(expected, "\nrows "), *part = strstr(text.data, "\nrows ");
    assert_non_null(whole);
    assert_non_null(part);
    whole = strchr(whole + 1, '\n') + 1;
    part = strchr(part + 1, '\n') + 1;
    while (*part != '\0') {
        size_t size = strcspn(part, "\n") + 1, missing = 0;
        for (; *whole != '\0' && strncmp(whole, part, size) != 0; missing++)
            whole += strcspn(whole, "\n") + 1;
        assert_true(*whole != '\0' && (missing == 0 || missing == skip));
        whole += size;
        part += size;
    }
    unsigned left = 0;
    for (; *whole != '\0'; whole += strcspn(whole, "\n") + 1)
        left++;
    assert_true(left <= skip);
    tl_string_clear(&text);
    tl_parquet_close(file);
}

static void test_fixtures(void **state)
{
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        const char *end = strstr(entry->d_name, ".parquet");
        if (end == NULL)
            continue;
        char path[4096];
        tl_string expected;
        size_t family = strcspn(entry->d_name, "-.");
        fixture_path(path, entry->d_name, family, ".txt");
        read_whole(path, &expected);
        fixture_path(path, entry->d_name, (size_t)(end - entry->d_name), ".parquet");
        static const size_t batches[] = {0, 1, 3, 16};
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
            check_text(path, expected.data, batches[i]);
        for (unsigned skip = 1; skip < 40; skip += 1 + skip / 3) {
            check_skips(path, expected.data, 1, skip);
            check_skips(path, expected.data, 5, skip);
        }
        tl_string_clear(&expected);
        count++;
    }
    closedir(folder);
    assert_true(count >= 35);
}

static void test_refused_codec(void **state)
{
    (void)state;
    tl_error err = {0};
    tl_parquet_file *file = NULL;
    tl_string text;
    tl_string_init(&text, 4096);
    assert_true(tl_parquet_open(FOLDER "/brotli.refused", &file, &err));
    assert_false(append_parquet_text(&text, file, (tl_parquet_options){0}, 0, &err));
    assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "column 'a': row group 0: expected a codec of"));
    assert_non_null(strstr(err.message, "found brotli"));
    tl_string_clear(&text);
    tl_parquet_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixtures), cmocka_unit_test(test_refused_codec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

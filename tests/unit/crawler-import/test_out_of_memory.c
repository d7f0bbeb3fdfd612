/* Every source and one small import with the n-th allocation failing, for n = 1 until nothing fails: an error that says so, and
 * no leak. */
#include "tests/support/failing_memory.c"

#include "made_files.h"

static void make_sources(void)
{
    tl_string tar;
    tl_string_init(&tar, 1 << 20);
    make_empty_folder("scarce");
    make_picture("scarce/a/x.bmp", 1);
    make_text("scarce/a/x.txt", "one");
    make_text("scarce/a/x.json", "{\"captions\": [\"one\", \"two\"], \"label\": 3, \"split\": \"test\"}");
    make_picture("scarce/y.bmp", 2);
    make_text("scarce/y.txt", "two");
    make_picture("scarce/z.bmp", 2);
    make_text("scarce.csv",
              "image,caption,label\nscarce/a/x.bmp,one,3\nscarce/a/x.bmp,uno,3\nscarce/y.bmp\nscarce/y.bmp,\"two\",\n");
    add_picture_member(&tar, "a/x.bmp", 1);
    add_text_member(&tar, "a/x.txt", "one");
    add_text_member(&tar, "a/x.json", "{\"captions\": [\"one\", \"two\"], \"label\": 3, \"split\": \"test\"}");
    add_picture_member(&tar, "y.bmp", 2);
    add_text_member(&tar, "y.txt", "two");
    end_tar(&tar);
    make_file("scarce.tar", tar.data, tar.size);
    tl_string_clear(&tar);
}

static bool read_all(const char *path, tl_error *err)
{
    tl_source *source = NULL;
    tl_sample sample;
    bool done = false;
    if (!tl_source_open(path, NULL, &source, err))
        return false;
    bool ok = true;
    size_t count = 0;
    while (ok && !done)
        if ((ok = tl_source_next(source, &sample, &done, err)) && !done)
            count += sample.skip_reason == NULL ? 1 : 0;
    if (ok)
        assert_int_equal(count, 2); /* scarcity never turns a good sample into a skipped one */
    tl_source_close(source);
    return ok;
}

static bool read_one_image(const char *path, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, 1000);
    bool ok = tl_source_read_image(".", path, &bytes, err);
    tl_string_clear(&bytes);
    return ok;
}

static bool import_all(const char *dataset, tl_error *err)
{
    tl_import_report report;
    const char *sources[] = {"scarce", "scarce.tar"};
    bool ok = tl_import_run(sources, 2, dataset,
                            &(tl_import_options){.decode_pictures = true, .hold_out = 0.5, .samples_per_shard = 3}, &report, err);
    if (ok)
        assert_int_equal(report.imported, 4);
    return ok;
}

static void fail_in_turn(bool (*act)(const char *path, tl_error *err), const char *path, size_t least)
{
    failing_memory_sweep sweep = {.job = path, .least_failures = least};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, act(path, &sweep.err));
}

static void test_sources(void **state)
{
    (void)state;
    make_sources();
    fail_in_turn(read_all, "scarce", 20);
    fail_in_turn(read_all, "scarce.csv", 20);
    fail_in_turn(read_all, "scarce.tar", 20);
    fail_in_turn(read_one_image, "scarce.tar#y", 3);
    fail_in_turn(read_one_image, "scarce/y.bmp", 1);
}

static void test_import(void **state)
{
    (void)state;
    make_sources();
    assert_ok(tl_directory_remove("scarce-set", err));
    assert_ok(tl_directory_remove("ample-set", err));
    /* Each try goes on where the last one failed, so the sweep also resumes from every state that scarcity can leave. */
    fail_in_turn(import_all, "scarce-set", 60);
    assert_ok(import_all("ample-set", err));
    assert_same_file("scarce-set/00000.tar", "ample-set/00000.tar");
    assert_same_file("scarce-set/00001.tar", "ample-set/00001.tar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sources), cmocka_unit_test(test_import)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

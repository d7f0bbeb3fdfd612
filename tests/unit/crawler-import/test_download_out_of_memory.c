/* A whole download with the n-th allocation failing, whichever thread asks for it: an error that says so, no leak, and the next
 * run goes on from what was left, up to the bytes of a run that never lacked memory. */
#include "tests/support/failing_memory.c"

#include "tests/support/odd_server.h"

#include "made_files.h"

#include "crawler-import/download/download.h"

static odd_server server;

static bool download(const char *dataset, bool retry, tl_error *err)
{
    static const char *const sources[] = {"scarce.tsv"};
    tl_import_report report;
    const tl_download_options options = {
        .list = {.where = "score > 0.1", .keep = "score"},
        .fetch = {.allow_private = true,
                  .attempts = 2,
                  .backoff_seconds = 0.01,
                  .host_rate = -1}, /* a socket without memory is tried again */
        .picture = {.resize = TL_FIT_LONGEST, .size = 8, .format = TL_IMAGE_JPEG},
        .rows = {.unique_urls = true},
        .samples_per_shard = 3,
        .table = TL_TABLE_JSONL,
        .threads = 2,
        .retry_failed = retry,
    };
    if (!tl_download_run(sources, 1, dataset, &options, &report, err))
        return false;
    assert_int_equal(report.imported, 4); /* scarcity never turns a good row into a failed one */
    assert_int_equal(report.skipped, 2);
    return true;
}

static void make_list(void)
{
    char text[1024];
    size_t size = (size_t)snprintf(text, sizeof text, "url\tcaption\tscore\n");
    for (int i = 0; i < 4; i++)
        size +=
            (size_t)snprintf(text + size, sizeof text - size, "http://127.0.0.1:%u/file/%d\tnumber %d\t0.5\n", server.port, i, i);
    snprintf(text + size, sizeof text - size,
             "http://127.0.0.1:%u/status/503\tbusy\t0.5\nhttp://127.0.0.1:%u/file/9\tleft out\t0.05\n"
             "http://127.0.0.1:%u/file/0\tagain\t0.5\n",
             server.port, server.port, server.port);
    make_text("scarce.tsv", text);
}

static void fail_in_turn(const char *dataset, bool is_fresh, bool retry, size_t least)
{
    failing_memory_sweep sweep = {.job = dataset, .least_failures = least, .may_do_without = true, .sparser_every = 50};
    while (failing_memory_next(&sweep)) {
        failing_memory_judge(&sweep, download(dataset, retry, &sweep.err));
        if (is_fresh)
            assert_ok(tl_directory_remove(dataset, err));
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    tl_string picture;
    tl_string_init(&picture, 1 << 20);
    make_picture("scarce.bmp", 1);
    assert_ok(tl_file_read("scarce.bmp", &picture, err));
    assert_true(odd_server_start(&server));
    server.file = picture.data;
    server.file_size = picture.size;
    make_list();
    assert_ok(tl_directory_remove("scarce-download", err));
    assert_ok(tl_directory_remove("fresh-download", err));
    assert_ok(tl_directory_remove("ample-download", err));
    assert_ok(download("ample-download", false, err));
    fail_in_turn("fresh-download", true, false, 61);
    fail_in_turn("scarce-download", false, false, 21); /* each try goes on from what the last one left */
    static const char *const names[] = {"00000.tar", "00001.tar", "00000.jsonl", "00001.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char scarce[64], ample[64];
        snprintf(scarce, sizeof scarce, "scarce-download/%s", names[i]);
        snprintf(ample, sizeof ample, "ample-download/%s", names[i]);
        assert_same_file(scarce, ample);
    }
    fail_in_turn("scarce-download", false, true, 41); /* the shard with the busy row is written again each time */
    odd_server_stop(&server);
    tl_string_clear(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

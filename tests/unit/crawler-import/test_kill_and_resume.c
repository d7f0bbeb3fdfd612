/*
 * A run killed at any moment, again and again, ends with the shards of an unbroken one. Half of the kills strike between two
 * samples that are drawn beforehand, half at a time that the kernel decides.
 */
#include "made_files.h"

#include "base/core/clock.h"
#include "base/core/random.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PICTURES = 90, IN_SHARD = 8, SHARDS = 18, KILLS = 30 };

static const char *const sources[] = {"kill-folder", "kill.tar", "kill-table/t.csv"};

static void make_sources(void)
{
    char path[64];
    char text[64];
    tl_string tar;
    tl_string table;
    tl_string_init(&tar, 1 << 24);
    tl_string_init(&table, 1 << 24);
    make_empty_folder("kill-folder");
    make_empty_folder("kill-table");
    assert_ok(tl_string_append_text(&table, "image,caption\n", err));
    for (unsigned i = 0; i < PICTURES; i++) {
        snprintf(path, sizeof path, "kill-folder/%03u.bmp", i);
        make_picture(path, i);
        snprintf(path, sizeof path, "kill-folder/%03u.txt", i);
        snprintf(text, sizeof text, "number %u", i);
        if (i % 7 != 3) /* the others are skipped: no caption */
            make_text(path, text);
        if (i % 3 != 0)
            continue;
        snprintf(path, sizeof path, "%03u.bmp", i); /* keys that the folder gives as well */
        add_picture_member(&tar, path, i + 1000);
        snprintf(path, sizeof path, "%03u.txt", i);
        add_text_member(&tar, path, text);
        assert_ok(tl_string_append_format(&table, err, "../kill-folder/%03u.bmp,%s\n", i, text));
        if (i % 2 == 0)
            assert_ok(tl_string_append_format(&table, err, "../kill-folder/%03u.bmp\n", i)); /* wrong column count */
    }
    end_tar(&tar);
    make_file("kill.tar", tar.data, tar.size);
    make_file("kill-table/t.csv", table.data, table.size);
    tl_string_clear(&tar);
    tl_string_clear(&table);
}

typedef struct executioner {
    int64_t calls_left; /* negative: never */
} executioner;

static bool kill_itself(void *context)
{
    executioner *doom = context;
    if (doom->calls_left-- == 0)
        raise(SIGKILL);
    return false;
}

static bool import_into(const char *dataset, int64_t kill_at, tl_import_report *report, tl_error *err)
{
    executioner doom = {kill_at};
    tl_progress progress = {.context = &doom, .cancelled = kill_itself};
    tl_import_options options = {.samples_per_shard = IN_SHARD, .hold_out = 0.25, .decode_pictures = true, .progress = &progress};
    return tl_import_run(sources, sizeof sources / sizeof sources[0], dataset, &options, report, err);
}

static size_t count_shards(const char *dataset)
{
    char path[64];
    char whole[64];
    size_t count = 0;
    for (unsigned i = 0; i < SHARDS + 2; i++) {
        tl_file_status status;
        snprintf(path, sizeof path, "%s/%05u.tar", dataset, i);
        snprintf(whole, sizeof whole, "kill-whole/%05u.tar", i);
        assert_ok(tl_file_status_read(path, &status, err));
        if (status.kind == TL_FILE_MISSING)
            continue;
        assert_same_file(path, whole); /* never half a shard under a final name */
        assert_int_equal(count, i);
        count++;
    }
    return count;
}

static void test_killed(void **state)
{
    (void)state;
    tl_import_report whole;
    tl_import_report report;
    make_sources();
    assert_ok(tl_directory_remove("kill-whole", err));
    double seconds = tl_clock_seconds();
    assert_ok(import_into("kill-whole", -1, &whole, err));
    seconds = tl_clock_seconds() - seconds;
    assert_int_equal(whole.shards, SHARDS);
    assert_int_equal(whole.imported, PICTURES - 13 + 2 * PICTURES / 3);
    assert_int_equal(whole.skipped, 13 + PICTURES / 6);
    tl_random random = tl_random_stream(20, 26);
    size_t kills = 0;
    size_t within = 0; /* kills that left some shards, but not all */
    while (kills < KILLS) {
        assert_ok(tl_directory_remove("kill-broken", err));
        for (bool is_alive = false; !is_alive;) {
            bool is_timed = kills % 2 == 0;
            int64_t kill_at = is_timed ? -1 : (int64_t)tl_random_below(&random, 120);
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                tl_error error = {0};
                if (!import_into("kill-broken", kill_at, &report, &error))
                    fprintf(stderr, "child: %s\n", error.message);
                _exit(error.kind == TL_ERROR_NONE ? 0 : 1);
            }
            if (is_timed) {
                double wait = seconds * (double)tl_random_uniform(&random) * 0.6;
                nanosleep(&(struct timespec){.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)},
                          NULL);
                kill(child, SIGKILL);
            }
            int status;
            assert_int_equal(waitpid(child, &status, 0), child);
            is_alive = WIFEXITED(status);
            assert_true(!is_alive || WEXITSTATUS(status) == 0);
            kills += is_alive ? 0 : 1;
            tl_file_status folder;
            assert_ok(tl_file_status_read("kill-broken", &folder, err));
            size_t shards = folder.kind == TL_FILE_DIRECTORY ? count_shards("kill-broken") : 0;
            within += !is_alive && shards != 0 && shards < SHARDS;
        }
        assert_ok(import_into("kill-broken", -1, &report, err)); /* adds nothing */
        assert_memory_equal(&report, &whole, sizeof report);
        assert_int_equal(count_shards("kill-broken"), SHARDS);
        assert_int_equal(system("! ls kill-broken | grep -q tmp"), 0);
    }
    print_message("%zu kills, %zu of them between the first and the last shard\n", kills, within);
    assert_true(within >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Writers that are killed at a counted write call, disks that lose power, fill up or cannot sync: in every phase of an index's
 * life the file then is sound, has all that was committed, and nothing that was not. TL_SOAK=1: 500 kills, 200 losses of power.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "tests/support/lost_power.h"
#include "tests/unit/index/crash_life.h"

#include <sqlite3.h>

#include <sys/mman.h>
#include <sys/wait.h>

enum { MAX_MARKS = 64 };

static const char path[] = "crash.twinlens", lost[] = "crash_lost.twinlens";

/* What a phase begins with, and what it costs when nothing happens. */
typedef struct start {
    tl_string bytes;
    progress at;
    uint64_t calls;
} start;

static start starts[PHASES];

static void restore(phase which)
{
    remove_index(path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(starts[which].bytes.data, 1, starts[which].bytes.size, file), starts[which].bytes.size);
    assert_int_equal(fclose(file), 0);
    faulty_disk_reset();
}

/* Rows of the table of centres: several where lists come in groups. */
static int centre_rows(void)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "SELECT count(*) FROM vector_centroids", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return count;
}

static int make_starts(void **state)
{
    (void)state;
    faulty_disk_install();
    make_states();
    for (phase which = 0; which < PHASES; which++) {
        start *begin = &starts[which];
        tl_string_init(&begin->bytes, 64 << 20);
        prepare(which, path, &begin->at);
        assert_int_not_equal(access("crash.twinlens-wal", F_OK), 0);
        assert_ok(tl_file_read(path, &begin->bytes, err));
        progress at = begin->at;
        restore(which);
        assert_ok(run_phase(which, path, &at, err));
        begin->calls = faulty_disk.calls;
        assert_true(begin->calls > 20);
        assert_true(which != PHASE_COMPACT || (centre_rows() > 1) == is_soak());
        check_state(path, at.done, at.done, TL_INDEX_WRITE);
    }
    return 0;
}

static int free_starts(void **state)
{
    (void)state;
    faulty_disk_reset();
    for (phase which = 0; which < PHASES; which++)
        tl_string_clear(&starts[which].bytes);
    return 0;
}

/* The number-th of count moments of a phase: spread over it, each at a place of its own. */
static uint64_t moment_of(uint64_t length, size_t number, size_t count, tl_random *random)
{
    uint64_t first = length * number / count, next = length * (number + 1) / count;
    return 1 + first + (next > first + 1 ? tl_random_below(random, next - first) : 0);
}

static void killed_at_any_write(void **state)
{
    (void)state;
    size_t kills = is_soak() ? 125 : 5, histogram[PHASES] = {0}, after_commits = 0;
    tl_random random = tl_random_stream(41, 0);
    progress *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    for (phase which = 0; which < PHASES; which++)
        for (size_t kill_number = 0; kill_number < kills; kill_number++) {
            uint64_t moment = moment_of(starts[which].calls, kill_number, kills, &random);
            restore(which);
            *shared = starts[which].at;
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                tl_error error = {0};
                faulty_disk.kill_at = moment;
                faulty_disk.kills_in_middle = kill_number % 2 == 1;
                bool ok = run_phase(which, path, shared, &error);
                fprintf(stderr, "child: %s\n", ok ? "not killed" : error.message);
                _exit(1);
            }
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            uint32_t begun = shared->begun > shared->done ? shared->begun : shared->done;
            after_commits += shared->done != starts[which].at.done;
            check_state(path, shared->done, begun, kill_number % 4 < 2 ? TL_INDEX_WRITE : TL_INDEX_READ);
            histogram[which]++;
        }
    for (phase which = 0; which < PHASES; which++)
        printf("%s: %zu kills within %llu write calls\n", phase_names[which], histogram[which],
               (unsigned long long)starts[which].calls);
    assert_true(after_commits > kills / 2);
    munmap(shared, sizeof *shared);
}

/* A phase that is recorded: how far it was at each call. */
typedef struct marks {
    size_t position[MAX_MARKS];
    progress at[MAX_MARKS];
    size_t count;
} marks;

static marks recorded;

/* Called with the progress that a moment of the log has; between two marks nothing was begun or done. */
static void mark(const progress *at)
{
    assert_true(recorded.count < MAX_MARKS);
    recorded.position[recorded.count] = faulty_disk.log_count;
    recorded.at[recorded.count++] = *at;
}

/* As run_phase, with a mark before and after each commit. */
static void record_phase(phase which, progress *at)
{
    restore(which);
    recorded.count = 0;
    faulty_disk.records = true;
    watch_commits = mark;
    assert_ok(run_phase(which, path, at, err));
    watch_commits = NULL;
    faulty_disk.records = false;
}

static progress progress_at(size_t moment, progress first)
{
    for (size_t i = 0; i < recorded.count && recorded.position[i] <= moment; i++)
        first = recorded.at[i];
    return first;
}

static void power_is_lost_at_any_write(void **state)
{
    (void)state;
    size_t points = is_soak() ? 50 : 5, fates[LOST_FATES] = {0};
    char whole[4096];
    tl_random random = tl_random_stream(42, 0);
    for (phase which = 0; which < PHASES; which++) {
        progress at = starts[which].at;
        record_phase(which, &at);
        assert_non_null(realpath(path, whole));
        for (size_t point = 0; point < points; point++) {
            size_t moment = (size_t)moment_of(faulty_disk.log_count, point, points, &random);
            lost_fate fate = (lost_fate)((point + which) % LOST_FATES);
            progress then = progress_at(moment, starts[which].at);
            remove_index(lost);
            assert_true(lost_power(whole, (const uint8_t *)starts[which].bytes.data, starts[which].bytes.size, moment, fate,
                                   &random, lost));
            check_state(lost, then.done, then.begun > then.done ? then.begun : then.done,
                        point % 2 == 0 ? TL_INDEX_WRITE : TL_INDEX_READ);
            fates[fate]++;
        }
        printf("%s: %zu losses of power within %zu calls\n", phase_names[which], points, faulty_disk.log_count);
    }
    for (size_t fate = 0; fate < LOST_FATES; fate++)
        assert_true(fates[fate] != 0);
}

static void execute(sqlite3 *database, const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
}

/* That a loss of power loses what it should: a row that was committed without a sync, and no other. */
static void the_disk_loses_what_was_not_synced(void **state)
{
    (void)state;
    static const char *const modes[] = {"PRAGMA synchronous=OFF", "PRAGMA synchronous=FULL"};
    char whole[4096];
    tl_random random = tl_random_stream(44, 0);
    for (int is_synced = 0; is_synced < 2; is_synced++) {
        sqlite3 *database;
        sqlite3_stmt *statement;
        tl_string bytes;
        tl_string_init(&bytes, 1 << 20);
        remove_index(path);
        remove_index(lost);
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        execute(database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); PRAGMA wal_checkpoint(TRUNCATE)");
        execute(database, modes[is_synced]);
        assert_ok(tl_file_read(path, &bytes, err));
        faulty_disk_reset();
        faulty_disk.records = true;
        execute(database, "INSERT INTO t VALUES(1)");
        assert_non_null(realpath(path, whole));
        assert_true(lost_power(whole, (const uint8_t *)bytes.data, bytes.size, faulty_disk.log_count, LOST_ALL, &random, lost));
        tl_string_clear(&bytes);
        faulty_disk_reset();
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        assert_int_equal(sqlite3_open(lost, &database), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(database, "SELECT count(*) FROM t", -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), is_synced);
        sqlite3_finalize(statement);
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
    }
}

/* A writer on a disk that is full, or cannot sync, from some call on; then there is room again. */
static void fails_from_any_write_on(disk_fault fault, const char *text)
{
    size_t points = is_soak() ? 50 : 4, failures = 0;
    tl_random random = tl_random_stream(43, fault);
    for (phase which = 0; which < PHASES; which++)
        for (size_t point = 0; point < points; point++) {
            progress at = starts[which].at;
            tl_error error = {0};
            restore(which);
            faulty_disk.fault = fault;
            faulty_disk.fails_at = moment_of(starts[which].calls, point, points, &random);
            bool ok = run_phase(which, path, &at, &error);
            if (!ok) {
                failures++;
                if (error.kind != TL_ERROR_IO || strstr(error.message, text) == NULL)
                    fail_msg("expected an error with '%s', found %s: %s", text, tl_error_kind_name(error.kind), error.message);
            }
            faulty_disk_reset();
            /* Of a commit whose sync failed nobody knows whether it is on the disk: it may be, then it is whole. */
            bool may_be_there = fault == DISK_SYNC_FAILS && at.begun > at.done;
            check_state(path, at.done, may_be_there ? at.begun : at.done, TL_INDEX_WRITE);
        }
    assert_true(failures > points);
}

static void a_disk_may_fill_up_at_any_write(void **state)
{
    (void)state;
    fails_from_any_write_on(DISK_FULL, "full");
}

static void a_disk_may_fail_to_sync(void **state)
{
    (void)state;
    fails_from_any_write_on(DISK_SYNC_FAILS, "I/O error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disk_loses_what_was_not_synced),
        cmocka_unit_test(killed_at_any_write),
        cmocka_unit_test(power_is_lost_at_any_write),
        cmocka_unit_test(a_disk_may_fill_up_at_any_write),
        cmocka_unit_test(a_disk_may_fail_to_sync),
    };
    return cmocka_run_group_tests(tests, make_starts, free_starts);
}

/*
 * The virtual table on an application's connection: killed at counted write calls, and without power, in both of the journals
 * that applications use. What is left is sound and is the state after one whole statement: the last that returned, or the one at
 * work. (A rollback journal's removal is not synced by SQLite, so that what returned last may be undone by a loss of power.)
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "tests/support/lost_power.h"
#include "tests/unit/index/sql_fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { MAX_DUMP = 1 << 16 };

static const char path[] = "crash_sql.db", lost[] = "crash_sql_lost.db";
static const char *const journals[] = {"PRAGMA journal_mode=WAL", "PRAGMA journal_mode=DELETE"};

#define ROWS_BETWEEN(first, last)                                                   \
    "INSERT INTO v(rowid, embedding, label) WITH RECURSIVE n(i) AS (SELECT " #first \
    " UNION ALL SELECT i+1 FROM n WHERE i<" #last                                   \
    ") SELECT i, '[' || (i % 11) || ',' || (i % 7) || ',' || (i % 5) || ',1]', 'l' || (i % 3) FROM n"

/* One transaction each. */
static const char *const statements[] = {
    "CREATE VIRTUAL TABLE v USING twinlens(dim=4, metric=l2, label TEXT INDEXED)",
    ROWS_BETWEEN(1, 300),
    "INSERT INTO v(v) VALUES('build=6')",
    ROWS_BETWEEN(301, 1500), /* a tail that moves to its lists */
    "UPDATE v SET embedding='[9,9,9,9]', label='new' WHERE rowid % 10 = 3",
    "DELETE FROM v WHERE rowid % 4 = 1",
    "INSERT INTO v(v) VALUES('compact')",
    "VACUUM",
};
enum { STATEMENTS = sizeof statements / sizeof statements[0] };

static char dumps[STATEMENTS + 1][MAX_DUMP];

static int add_value(void *context, int count, char **values, char **names)
{
    (void)names;
    snprintf(context, MAX_DUMP, "%s", count == 1 && values[0] != NULL ? values[0] : "nothing");
    return 0;
}

/* All that the table holds, and what a search finds; "" where there is no table. */
static void dump(sqlite3 *database, char *out)
{
    static char found[MAX_DUMP];
    out[0] = '\0';
    if (sqlite3_table_column_metadata(database, "main", "v", NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
        return;
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    static const char all[] = "SELECT group_concat(rowid || label || twinlens_to_json(embedding), '') FROM v";
    static const char nearest[] = "SELECT group_concat(rowid) FROM (SELECT rowid FROM v WHERE embedding MATCH '[3,4,2,1]' AND "
                                  "k=30 AND exact=1)";
    assert_int_equal(sqlite3_exec(database, all, add_value, out, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, nearest, add_value, found, NULL), SQLITE_OK);
    size_t used = strlen(out);
    snprintf(out + used, MAX_DUMP - used, " %s", found);
    assert_true(strlen(out) + 1 < MAX_DUMP);
}

static sqlite3 *begin(const char *journal)
{
    remove_index(path);
    sqlite3 *database = open_sql(path);
    run_sql(database, journal);
    run_sql(database, "PRAGMA synchronous=FULL; CREATE TABLE t(x); DROP TABLE t");
    faulty_disk_reset();
    return database;
}

/* From, and with the next, which statement on the file may be; done: how many returned. */
static void check_dump(const char *name, size_t done, size_t least)
{
    static char found[MAX_DUMP];
    sqlite3 *database = open_sql(name);
    bool is_one = false;
    expect_sql(database, "PRAGMA integrity_check", "ok");
    dump(database, found);
    for (size_t i = least; i <= done + 1 && i <= STATEMENTS; i++)
        is_one = is_one || strcmp(found, dumps[i]) == 0;
    if (!is_one)
        fail_msg("expected the state after statement %zu to %zu, found another", least, done + 1);
    if (found[0] != '\0') { /* and it goes on */
        run_sql(database, "INSERT INTO v(rowid, embedding) VALUES(99999, '[3,4,2,1]')");
        run_sql(database, "INSERT INTO v(v) VALUES('check')");
    }
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void make_dumps(void)
{
    sqlite3 *database = begin(journals[0]);
    for (size_t i = 0; i < STATEMENTS; i++) {
        run_sql(database, statements[i]);
        dump(database, dumps[i + 1]);
    }
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void statements_are_whole_or_not_there(const char *journal, bool is_durable)
{
    size_t points = is_soak() ? 100 : 8, boundaries[STATEMENTS + 1] = {0};
    char whole[4096];
    tl_random random = tl_random_stream(81, is_durable);
    tl_string start;
    tl_string_init(&start, 1 << 20);
    size_t *done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(done != MAP_FAILED);
    /* The record of one life. */
    assert_int_equal(sqlite3_close(begin(journal)), SQLITE_OK);
    assert_ok(tl_file_read(path, &start, err));
    sqlite3 *database = open_sql(path);
    run_sql(database, "PRAGMA synchronous=FULL");
    faulty_disk_reset();
    faulty_disk.records = true;
    for (size_t i = 0; i < STATEMENTS; i++) {
        run_sql(database, statements[i]);
        boundaries[i + 1] = faulty_disk.log_count;
    }
    faulty_disk.records = false;
    assert_non_null(realpath(path, whole));
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    uint64_t calls = faulty_disk.calls;
    for (size_t point = 0; point < points; point++) {
        size_t moment = 1 + (size_t)tl_random_below(&random, faulty_disk.log_count), returned = 0;
        while (returned < STATEMENTS && boundaries[returned + 1] <= moment)
            returned++;
        remove_index(lost);
        assert_true(
            lost_power(whole, (const uint8_t *)start.data, start.size, moment, (lost_fate)(point % LOST_FATES), &random, lost));
        check_dump(lost, returned, is_durable || returned == 0 ? returned : returned - 1);
    }
    tl_string_clear(&start);
    for (size_t point = 0; point < points; point++) {
        *done = 0;
        uint64_t moment = 1 + tl_random_below(&random, calls - calls / 20);
        database = begin(journal); /* in the child this connection is what a fork must not use: it is closed first */
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            database = open_sql(path);
            run_sql(database, "PRAGMA synchronous=FULL");
            faulty_disk_reset();
            faulty_disk.kill_at = moment;
            faulty_disk.kills_in_middle = point % 2 == 1;
            for (; *done < STATEMENTS; ++*done)
                run_sql(database, statements[*done]);
            sqlite3_close(database);
            _exit(1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_dump(path, *done, *done);
    }
    print_message("%zu losses of power within %llu calls, as many kills\n", points, (unsigned long long)calls);
    munmap(done, sizeof *done);
    faulty_disk_reset();
}

static void with_a_write_ahead_log(void **state)
{
    (void)state;
    statements_are_whole_or_not_there(journals[0], true);
}

static void with_a_rollback_journal(void **state)
{
    (void)state;
    statements_are_whole_or_not_there(journals[1], false);
}

static int set_up(void **state)
{
    (void)state;
    faulty_disk_install();
    make_dumps();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_a_write_ahead_log), cmocka_unit_test(with_a_rollback_journal)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}

/* base/store/database.h by itself, with a schema of two versions. */
#include "tests/support/assert_ok.h"

#include "base/store/database.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const tl_migration steps[] = {
    {1, "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)"},
    {2, "CREATE TABLE u(b INTEGER REFERENCES t(a)); INSERT INTO t VALUES(2)"},
};
static const tl_migration broken_steps[] = {{1, "CREATE TABLE t(a INTEGER PRIMARY KEY)"},
                                            {2, "INSERT INTO t VALUES(9); INSERT INTO nowhere VALUES(1)"}};

/* Sees what the steps have made; refuses to come from version 1. */
static bool finish_steps(sqlite3 *database, int64_t version, tl_error *err)
{
    if (version == 1)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "not from version 1");
    return tl_database_execute(database, "INSERT INTO t SELECT 100 + count(*) FROM u", err);
}

static const tl_database_schema version_1 = {77, "test store", steps, 1, false, NULL},
                                version_2 = {77, "test store", steps, 2, false, NULL},
                                broken = {77, "test store", broken_steps, 2, false, NULL},
                                another = {78, "other store", steps, 2, false, NULL},
                                finished = {77, "test store", steps, 2, false, finish_steps},
                                mapped = {77, "test store", steps, 2, true, NULL};

static const char path[] = "store.db";

static void start_afresh(void)
{
    unlink(path);
    unlink("store.db-wal");
    unlink("store.db-shm");
    unlink("store.db-journal");
}

static sqlite3 *open_database(const char *name, const tl_database_schema *schema, tl_database_mode mode)
{
    sqlite3 *database = NULL;
    assert_ok(tl_database_open(name, schema, mode, &database, err));
    return database;
}

static int64_t number(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    assert_ok(tl_database_prepare(database, sql, &statement, err));
    assert_ok(tl_database_step(database, statement, &row, err));
    int64_t value = row ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return value;
}

static void migrations_run_once_and_in_order(void **state)
{
    (void)state;
    start_afresh();
    sqlite3 *database = open_database(path, &version_1, TL_DATABASE_CREATE);
    assert_int_equal(number(database, "PRAGMA user_version"), 1);
    assert_int_equal(number(database, "PRAGMA application_id"), 77);
    assert_int_equal(number(database, "SELECT count(*) FROM t"), 1);
    tl_database_close(database);
    assert_error(tl_database_open(path, &version_2, TL_DATABASE_READ, &database, err), TL_ERROR_UNSUPPORTED, "up to date");
    for (int i = 0; i < 2; i++) {
        database = open_database(path, &version_2, i == 0 ? TL_DATABASE_WRITE : TL_DATABASE_CREATE);
        assert_int_equal(number(database, "PRAGMA user_version"), 2);
        assert_int_equal(number(database, "SELECT count(*) FROM t"), 2);
        tl_database_close(database);
    }
    assert_error(tl_database_open(path, &version_1, TL_DATABASE_READ, &database, err), TL_ERROR_UNSUPPORTED,
                 "version 1 or older");
    assert_error(tl_database_open(path, &another, TL_DATABASE_WRITE, &database, err), TL_ERROR_INVALID, "other store");
    database = open_database(path, &version_2, TL_DATABASE_READ);
    assert_error(tl_database_execute(database, "INSERT INTO t VALUES(7)", err), TL_ERROR_IO, "readonly");
    tl_database_close(database);
}

static void a_failed_migration_changes_nothing(void **state)
{
    (void)state;
    sqlite3 *database = NULL;
    start_afresh();
    assert_error(tl_database_open(path, &broken, TL_DATABASE_CREATE, &database, err), TL_ERROR_CORRUPT,
                 "cannot bring the test store to version 2");
    assert_null(database);
    database = open_database(path, &version_1, TL_DATABASE_CREATE);
    tl_database_close(database);
    assert_error(tl_database_open(path, &broken, TL_DATABASE_WRITE, &database, err), TL_ERROR_CORRUPT, "nowhere");
    database = open_database(path, &version_1, TL_DATABASE_WRITE);
    assert_int_equal(number(database, "SELECT count(*) FROM t"), 1);
    tl_database_close(database);
}

static void a_step_beyond_sql_is_part_of_the_migration(void **state)
{
    (void)state;
    start_afresh();
    sqlite3 *database = open_database(path, &finished, TL_DATABASE_CREATE);
    assert_int_equal(number(database, "SELECT a FROM t WHERE a>=100"), 100);
    tl_database_close(database);
    database = open_database(path, &finished, TL_DATABASE_WRITE); /* nothing to bring up to date */
    assert_int_equal(number(database, "SELECT count(*) FROM t"), 3);
    tl_database_close(database);
    start_afresh();
    tl_database_close(open_database(path, &version_1, TL_DATABASE_CREATE));
    assert_error(tl_database_open(path, &finished, TL_DATABASE_WRITE, &database, err), TL_ERROR_UNSUPPORTED,
                 "not from version 1");
    database = open_database(path, &version_1, TL_DATABASE_WRITE);
    assert_int_equal(number(database, "SELECT count(*) FROM t"), 1);
    tl_database_close(database);
}

/* As SQLite says it: 0 without a map, 2 with one and no page moved unasked. */
static void pages_are_mapped_where_wanted(void **state)
{
    (void)state;
    start_afresh();
    sqlite3 *database = open_database(path, &mapped, TL_DATABASE_CREATE);
    assert_int_equal(number(database, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(database, "PRAGMA page_size"), 16384);
    tl_database_close(database);
    start_afresh();
    tl_database_close(open_database(path, &version_2, TL_DATABASE_CREATE));
    database = open_database(path, &mapped, TL_DATABASE_WRITE);
    assert_int_equal(number(database, "PRAGMA auto_vacuum"), 0);
    assert_ok(tl_database_rewrite(database, &version_2, err));
    assert_int_equal(number(database, "PRAGMA auto_vacuum"), 0);
    assert_ok(tl_database_rewrite(database, &mapped, err));
    tl_database_close(database);
    database = open_database(path, &version_2, TL_DATABASE_READ);
    assert_int_equal(number(database, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(database, "SELECT count(*) FROM t"), 2);
    tl_database_close(database);
}

static void connections_are_set_up(void **state)
{
    (void)state;
    start_afresh();
    sqlite3 *database = open_database(path, &version_2, TL_DATABASE_CREATE);
    assert_int_equal(number(database, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(database, "PRAGMA synchronous"), 2);
    assert_int_equal(number(database, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number(database, "PRAGMA busy_timeout"), 5000);
    assert_int_equal(number(database, "SELECT (SELECT 1 FROM pragma_journal_mode WHERE journal_mode='wal')"), 1);
    assert_error(tl_database_execute(database, "INSERT INTO u VALUES(55)", err), TL_ERROR_INVALID, "FOREIGN KEY");
    assert_error(tl_database_execute(database, "SELECT * FROM v", err), TL_ERROR_CORRUPT, "no such table");
    assert_ok(tl_database_execute(database, "PRAGMA max_page_count=6", err));
    assert_error(
        tl_database_execute(database,
                            "INSERT INTO u SELECT NULL FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
                            "LIMIT 100000) SELECT i FROM n)",
                            err),
        TL_ERROR_IO, "full");
    tl_database_close(database);
    tl_database_close(NULL);
}

/* Names that SQLite would take for something else are files like any other. */
static void names_are_names(void **state)
{
    (void)state;
    static const char *const names[] = {":memory:", "file:x?mode=memory", "caf\xE9 %41.db", "-x"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unlink(names[i]);
        sqlite3 *database = open_database(names[i], &version_1, TL_DATABASE_CREATE);
        assert_int_equal(access(names[i], F_OK), 0);
        tl_database_close(database);
        database = open_database(names[i], &version_1, TL_DATABASE_READ);
        assert_int_equal(number(database, "SELECT count(*) FROM t"), 1);
        tl_database_close(database);
        assert_int_equal(unlink(names[i]), 0);
    }
}

static void missing_files_are_not_made(void **state)
{
    (void)state;
    sqlite3 *database = NULL;
    start_afresh();
    assert_error(tl_database_open(path, &version_1, TL_DATABASE_READ, &database, err), TL_ERROR_NOT_FOUND, "no such test store");
    assert_error(tl_database_open(path, &version_1, TL_DATABASE_WRITE, &database, err), TL_ERROR_NOT_FOUND, "no such test store");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_error(tl_database_open("no/such/folder.db", &version_1, TL_DATABASE_CREATE, &database, err), TL_ERROR_IO,
                 "unable to open");
}

/* The last reader to close leaves one file, also when a writer that went away without closing left its log. */
static void a_reader_folds_the_log_in(void **state)
{
    (void)state;
    start_afresh();
    sqlite3 *writer = open_database(path, &version_2, TL_DATABASE_CREATE),
            *reader = open_database(path, &version_2, TL_DATABASE_READ);
    assert_ok(tl_database_execute(writer, "INSERT INTO t VALUES(3)", err));
    tl_database_close(writer);
    assert_int_equal(access("store.db-wal", F_OK), 0);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 3);
    tl_database_close(reader);
    assert_int_not_equal(access("store.db-wal", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrations_run_once_and_in_order),
        cmocka_unit_test(a_failed_migration_changes_nothing),
        cmocka_unit_test(a_step_beyond_sql_is_part_of_the_migration),
        cmocka_unit_test(pages_are_mapped_where_wanted),
        cmocka_unit_test(connections_are_set_up),
        cmocka_unit_test(names_are_names),
        cmocka_unit_test(missing_files_are_not_made),
        cmocka_unit_test(a_reader_folds_the_log_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

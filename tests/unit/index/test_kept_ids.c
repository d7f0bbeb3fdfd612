/* The same condition asked again: looked up once while nothing changes, and never told wrong whoever changes what and takes it
 * back. */
#include "tests/unit/index/sql_fixture.h"

static const char path[] = "kept_ids.db";
static const char search[] = "SELECT group_concat(rowid, ',') FROM (SELECT rowid FROM v WHERE embedding MATCH '[1,0]' AND k = 9 "
                             "AND label = 'a' ORDER BY rowid)";

static size_t looked_up; /* statements run that ask the table for the condition */

static int count_statements(unsigned int event, void *context, void *statement, void *text)
{
    (void)event;
    (void)context;
    (void)text;
    looked_up += strstr(sqlite3_sql(statement), "WHERE \"label\"") != NULL;
    return 0;
}

static sqlite3 *new_table(void)
{
    remove_index(path);
    sqlite3 *database = open_sql(path);
    run_sql(database, "PRAGMA journal_mode=WAL;CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, label TEXT);"
                      "INSERT INTO v(rowid, embedding, label) VALUES(1, '[1,0]', 'a'), (2, '[0,1]', 'b'), (3, '[1,1]', 'a')");
    return database;
}

static void it_is_looked_up_once(void **state)
{
    (void)state;
    sqlite3 *database = new_table();
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_trace_v2(database, SQLITE_TRACE_STMT, count_statements, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(database, "SELECT rowid FROM v WHERE embedding MATCH '[1,0]' AND label = ?1", -1, &statement, NULL),
        SQLITE_OK);
    static const struct {
        const char *label;
        int rows;
        bool is_looked_up;
    } steps[] = {{"a", 2, true},  {"a", 2, false}, {"a", 2, false}, {"b", 1, true},
                 {"b", 1, false}, {"c", 0, true},  {"c", 0, false}, {"a", 2, true}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int rows = 0;
        looked_up = 0;
        sqlite3_bind_text(statement, 1, steps[i].label, -1, SQLITE_STATIC);
        while (sqlite3_step(statement) == SQLITE_ROW)
            rows++;
        assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
        assert_int_equal(rows, steps[i].rows);
        assert_int_equal(looked_up, steps[i].is_looked_up ? 1 : 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void changes_are_seen(void **state)
{
    (void)state;
    sqlite3 *database = new_table(), *other = open_sql(path);
    expect_sql(database, search, "1,3");
    run_sql(database, "UPDATE v SET label='a' WHERE rowid=2");
    expect_sql(database, search, "1,2,3");
    run_sql(other, "DELETE FROM v WHERE rowid=1");
    expect_sql(database, search, "2,3");
    run_sql(other, "INSERT INTO v(rowid, embedding, label) VALUES(4, '[2,2]', 'a')");
    expect_sql(database, "BEGIN;SELECT 1", "1");
    expect_sql(database, search, "2,3,4");
    run_sql(other, "DELETE FROM v WHERE rowid=4");
    expect_sql(database, search, "2,3,4"); /* the state that the transaction sees */
    run_sql(database, "COMMIT");
    expect_sql(database, search, "2,3");
    sqlite3_close(other);
    sqlite3_close(database);
}

/* SQLite looks at the condition of what is found itself, so what is kept wrongly shows where a row is missing in it. */
static void what_is_taken_back_is_not_kept(void **state)
{
    (void)state;
    static const struct {
        const char *change, *rows;
    } steps[] = {{"UPDATE v SET label='a' WHERE rowid=2", "1,2,3"},
                 {"UPDATE v_rows SET label='a' WHERE id=2", "1,2,3"}, /* past the table */
                 {"UPDATE v SET label='b' WHERE rowid=3", "1"},
                 {"UPDATE v_rows SET label='b' WHERE id=3", "1"},
                 {"DELETE FROM v WHERE rowid=3", "1"}};
    sqlite3 *database = new_table();
    for (size_t i = 0; i < 2 * sizeof steps / sizeof steps[0]; i++) {
        const char *change = steps[i / 2].change, *rows = steps[i / 2].rows;
        expect_sql(database, i % 2 != 0 ? search : "SELECT count(*) FROM v WHERE embedding MATCH '[1,0]' AND label = 'c'",
                   i % 2 != 0 ? "1,3" : "0"); /* what is kept when the change is made */
        run_sql(database, "BEGIN;SAVEPOINT inner");
        run_sql(database, change);
        expect_sql(database, search, rows);
        expect_sql(database, search, rows);
        run_sql(database, "ROLLBACK TO inner");
        expect_sql(database, search, "1,3");
        run_sql(database, change);
        expect_sql(database, search, rows);
        run_sql(database, "ROLLBACK");
        expect_sql(database, search, "1,3");
    }
    /* A statement that changes rows as it goes, asks in between, and then fails. */
    run_sql(database,
            "CREATE TABLE t(id INTEGER PRIMARY KEY, found INTEGER, CHECK(found IS NOT 1));INSERT INTO t VALUES(1, 0), (2, 0);"
            "CREATE TRIGGER change AFTER UPDATE ON t BEGIN UPDATE v_rows SET label='b' WHERE id=3; END");
    expect_sql(database, search, "1,3");
    refuse_sql(database, "UPDATE t SET found=(SELECT count(*) FROM v WHERE embedding MATCH '[1,0]' AND k=9+0*t.id AND label='a')",
               "CHECK");
    expect_sql(database, search, "1,3");
    sqlite3_close(database);
}

static void a_file_that_was_restored_is_seen(void **state)
{
    (void)state;
    sqlite3 *database = new_table(), *saved;
    assert_int_equal(sqlite3_open(":memory:", &saved), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(saved, "main", database, "main");
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    run_sql(database, "UPDATE v SET label='b' WHERE rowid=3");
    expect_sql(database, search, "1");
    backup = sqlite3_backup_init(database, "main", saved, "main");
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    expect_sql(database, search, "1,3");
    sqlite3_close(saved);
    sqlite3_close(database);
}

static int answer; /* of the functions like and glob, and whether two texts are the same to the collation odd */

static void give_answer(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_int(context, answer);
}

static int compare_by_answer(void *context, int left_size, const void *left, int right_size, const void *right)
{
    (void)context;
    (void)left_size;
    (void)left;
    (void)right_size;
    (void)right;
    return answer == 0;
}

/* LIKE, GLOB and collations can come to mean something else between two searches. */
static void what_an_application_defines_is_asked_anew(void **state)
{
    (void)state;
    static const char *const conditions[] = {"label LIKE 'x'", "label GLOB 'x'", "label = 'x' COLLATE odd"};
    sqlite3 *database = new_table();
    sqlite3_create_function(database, "like", 2, SQLITE_UTF8, NULL, give_answer, NULL, NULL);
    sqlite3_create_function(database, "glob", 2, SQLITE_UTF8, NULL, give_answer, NULL, NULL);
    sqlite3_create_collation(database, "odd", SQLITE_UTF8, NULL, compare_by_answer);
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        for (answer = 0; answer < 2; answer++) {
            char sql[200];
            snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT rowid FROM v WHERE embedding MATCH '[1,0]' AND k = 9 AND %s)",
                     conditions[i]);
            expect_sql(database, sql, answer != 0 ? "3" : "0");
        }
    sqlite3_close(database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_looked_up_once),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(what_is_taken_back_is_not_kept),
        cmocka_unit_test(a_file_that_was_restored_is_seen),
        cmocka_unit_test(what_an_application_defines_is_asked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

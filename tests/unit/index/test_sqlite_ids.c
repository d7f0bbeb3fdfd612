/* A table without columns: its ids are the owners of vectors and those few that have none, and together they act as the rows of
 * any table of SQLite do. */
#include "sql_fixture.h"

#include "base/core/random.h"

/* Runs what has # for the table on the virtual one and on one of SQLite's own: both do it, or both refuse. */
static void run_both(sqlite3 *database, const char *form)
{
    char sql[2][256];
    int codes[2];
    for (int i = 0; i < 2; i++) {
        int before = (int)strcspn(form, "#");
        snprintf(sql[i], sizeof sql[i], "%.*s%s%s", before, form, i == 0 ? "v" : "plain", form + before + 1);
        codes[i] = sqlite3_exec(database, sql[i], NULL, NULL, NULL);
    }
    if (codes[0] != codes[1])
        fail_msg("%s: expected code %d as SQLite's table has it, found %d", sql[0], codes[1], codes[0]);
    assert_true(codes[0] == SQLITE_OK || codes[0] == SQLITE_CONSTRAINT);
}

static void compare(sqlite3 *database)
{
    expect_sql(
        database,
        "SELECT count(*) FROM (SELECT rowid, twinlens_to_json(embedding) FROM v EXCEPT SELECT rowid, embedding FROM plain)", "0");
    expect_sql(database, "SELECT (SELECT count(*) FROM v) - (SELECT count(*) FROM plain)", "0");
    expect_sql(database, "SELECT count(*) FROM (SELECT id FROM v_rows INTERSECT SELECT owner FROM v_owners)", "0");
}

static void step(sqlite3 *database, tl_random *random)
{
    static const char *const clauses[] = {"", "OR REPLACE", "OR IGNORE"};
    char form[200], vector[32];
    int id = (int)tl_random_below(random, 40) - 5, other = (int)tl_random_below(random, 40) - 5;
    const char *clause = clauses[tl_random_below(random, 3)];
    if (tl_random_below(random, 3) == 0)
        snprintf(vector, sizeof vector, "NULL");
    else
        snprintf(vector, sizeof vector, "'[%d,%d]'", (int)tl_random_below(random, 9), 1 + (int)tl_random_below(random, 9));
    switch (tl_random_below(random, 8)) {
    case 0:
        snprintf(form, sizeof form, "INSERT INTO #(embedding) VALUES(%s)", vector);
        break;
    case 1:
    case 2:
        snprintf(form, sizeof form, "INSERT %s INTO #(rowid, embedding) VALUES(%d, %s)", clause, id, vector);
        break;
    case 3:
        snprintf(form, sizeof form, "UPDATE # SET embedding=%s WHERE rowid=%d", vector, id);
        break;
    case 4:
        snprintf(form, sizeof form, "UPDATE %s # SET rowid=%d WHERE rowid=%d", clause, other, id);
        break;
    case 5:
        snprintf(form, sizeof form, "UPDATE %s # SET rowid=%d, embedding=%s WHERE rowid=%d", clause, other, vector, id);
        break;
    case 6:
        snprintf(form, sizeof form, "UPDATE # SET rowid=rowid WHERE rowid=%d", id);
        break;
    default:
        snprintf(form, sizeof form, "DELETE FROM # WHERE rowid IN (%d, %d)", id, other);
        break;
    }
    run_both(database, form);
}

static void acts_as_a_table_of_sqlite(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2); CREATE TABLE plain(embedding TEXT)");
    tl_random random = tl_random_stream(1, 0);
    for (int round = 0; round < 60; round++) {
        bool is_nested = tl_random_below(&random, 2) == 0;
        run_sql(database, is_nested ? "BEGIN; SAVEPOINT a" : "BEGIN");
        for (int i = 0; i < 20; i++)
            step(database, &random);
        compare(database);
        if (is_nested && tl_random_below(&random, 2) == 0)
            run_sql(database, "ROLLBACK TO a");
        run_sql(database, tl_random_below(&random, 5) == 0 ? "ROLLBACK" : "COMMIT");
        compare(database);
    }
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void ids_are_found_in_order(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2);"
                      "INSERT INTO v(rowid, embedding) VALUES(5, '[5,0]'), (-2, NULL), (9, '[9,0]'), (7, NULL), (1, '[1,0]')");
    expect_sql(database, "SELECT id FROM v_rows", "-2;7");
    expect_sql(database, "SELECT rowid FROM v", "-2;1;5;7;9");
    expect_sql(database, "SELECT rowid FROM v ORDER BY rowid DESC", "9;7;5;1;-2");
    expect_sql(database, "SELECT rowid FROM v WHERE rowid BETWEEN 1 AND 7", "1;5;7");
    expect_sql(database, "SELECT rowid, twinlens_to_json(embedding) FROM v WHERE rowid IN (9, 7, 8)", "7|NULL;9|[9,0]");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND rowid > 1", "5;9");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=2 AND rowid IN (9, 5, 7)", "5;9");
    refuse_sql(database, "INSERT INTO v(rowid, embedding) VALUES(5, '[1,1]')", "UNIQUE constraint failed: v.rowid");
    run_sql(database, "INSERT INTO v(embedding) VALUES('[10,0]'); INSERT INTO v(embedding) VALUES(NULL)");
    expect_sql(database, "SELECT last_insert_rowid(), max(rowid) FROM v", "11|11");
    run_sql(database, "INSERT INTO v(rowid, embedding) VALUES(9223372036854775807, '[1,1]')");
    refuse_sql(database, "INSERT INTO v(embedding) VALUES('[1,1]')", "expected one to be given");
    expect_sql(database, "SELECT count(*) FROM v", "8");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* Before owners stood for their rows, these were written too. */
static void a_table_that_has_all_rows_is_read(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2);"
                      "INSERT INTO v(rowid, embedding) VALUES(1, '[1,0]'), (2, '[2,0]'), (3, '[3,0]'), (4, NULL);"
                      "INSERT INTO v_rows SELECT owner FROM v_owners");
    expect_sql(database, "SELECT rowid FROM v", "1;2;3;4");
    run_sql(database,
            "DELETE FROM v WHERE rowid=2; UPDATE v SET rowid=8 WHERE rowid=3; UPDATE v SET embedding=NULL WHERE rowid=1;"
            "INSERT INTO v(v) VALUES('check')");
    expect_sql(database, "SELECT rowid, twinlens_to_json(embedding) FROM v", "1|NULL;4|NULL;8|[3,0]");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acts_as_a_table_of_sqlite),
        cmocka_unit_test(ids_are_found_in_order),
        cmocka_unit_test(a_table_that_has_all_rows_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What SQLite does around a table: statements that are still running when rows or names change, schemas that are read anew within
 * a transaction, tables that read themselves, and the limits that newer versions of SQLite hand over.
 */
#include "tests/unit/index/sql_fixture.h"

#include "index/sqlite/plan.h"

static const char make[] =
    "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, label TEXT);"
    "INSERT INTO v(rowid, embedding, label) VALUES(1, '[1,0]', 'a'), (2, '[2,0]', 'b'), (3, '[3,0]', 'a'), "
    "(4, '[4,0]', 'b'), (5, '[5,0]', 'a')";

/* More than wait for their list (index/ann/divide.c): a commit moves them, where the table is divided. */
#define INSERT_MANY                                                                                                     \
    "INSERT INTO v(rowid, embedding) WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1299) " \
    "SELECT i, '[' || i || ',1]' FROM n;"

static sqlite3_stmt *begin_reading(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    return statement;
}

static void expect_next(sqlite3_stmt *statement, int64_t id, const char *label)
{
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), id);
    const char *found = (const char *)sqlite3_column_text(statement, 1);
    assert_string_equal(found != NULL ? found : "NULL", label);
}

static void expect_end(sqlite3_stmt *statement)
{
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void check_and_close(sqlite3 *database)
{
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    expect_sql(database, "PRAGMA integrity_check", "ok");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void rows_deleted_under_a_search_are_null(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    sqlite3_stmt *search = begin_reading(database, "SELECT rowid, label, embedding FROM v WHERE embedding MATCH '[0,0]' AND k=4");
    sqlite3_stmt *scan = begin_reading(database, "SELECT rowid, label FROM v");
    run_sql(database, "DELETE FROM v WHERE rowid IN (2, 3); UPDATE v SET label='new' WHERE rowid=4");
    expect_next(search, 2, "NULL");
    assert_int_equal(sqlite3_column_type(search, 2), SQLITE_NULL);
    expect_next(search, 3, "NULL");
    expect_next(search, 4, "new");
    expect_end(search);
    expect_next(scan, 4, "new");
    sqlite3_finalize(scan);
    /* A row that went without the table's knowing is damage. */
    search = begin_reading(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=4");
    run_sql(database, "DELETE FROM v_rows WHERE id=1");
    refuse_sql(database, "SELECT rowid, label FROM v WHERE embedding MATCH '[0,0]' AND k=4", "found none");
    sqlite3_finalize(search);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void a_table_that_is_read_keeps_its_name(void **state)
{
    (void)state;
    static const char *const reads[] = {"SELECT rowid, label FROM v", "SELECT rowid, label FROM v WHERE embedding MATCH '[0,0]'"};
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *statement = begin_reading(database, reads[i]);
        refuse_sql(database, "ALTER TABLE v RENAME TO w", "still reads the table");
        refuse_sql(database, "DROP TABLE v", "locked");
        expect_next(statement, 2, "b");
        sqlite3_finalize(statement);
    }
    run_sql(database, "CREATE TABLE w_owners(x)");
    refuse_sql(database, "ALTER TABLE v RENAME TO w", "w_owners");
    assert_int_equal(sqlite3_extended_errcode(database), SQLITE_ERROR);
    expect_sql(database, "SELECT name FROM sqlite_schema WHERE name LIKE 'w%'", "w_owners");
    run_sql(database, "INSERT INTO v(rowid, embedding) VALUES(6, '[6,0]'); ALTER TABLE v RENAME TO x; ALTER TABLE x RENAME TO v");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[6,1]' AND k=2", "6;5");
    check_and_close(database);
}

static void a_rollback_ends_what_it_took_away(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    run_sql(database, "BEGIN; INSERT INTO v(rowid, embedding) VALUES(9, '[0,0]')");
    sqlite3_stmt *search = begin_reading(database, "SELECT rowid, label FROM v WHERE embedding MATCH '[0,0]'");
    sqlite3_stmt *scan = begin_reading(database, "SELECT rowid, label FROM v");
    assert_int_equal(sqlite3_column_int64(search, 0), 9);
    run_sql(database, "ROLLBACK");
    /* The statements may go on, with rows that are there, or end with an error; they are no harm to those that follow. */
    while (sqlite3_step(search) == SQLITE_ROW)
        assert_true(sqlite3_column_int64(search, 0) <= 5);
    while (sqlite3_step(scan) == SQLITE_ROW)
        assert_true(sqlite3_column_int64(scan, 0) <= 5);
    sqlite3_finalize(search);
    sqlite3_finalize(scan);
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=2", "1;2");
    check_and_close(database);
}

static void a_build_is_taken_back(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    run_sql(database,
            "BEGIN; SAVEPOINT a; INSERT INTO v(v) VALUES('build=2'); INSERT INTO v(rowid, embedding) VALUES(9, '[0,0]')");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=2", "9;1");
    run_sql(database, "ROLLBACK TO a");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=2", "1;2");
    expect_sql(database, "SELECT lists, count FROM v_sets", "0|5");
    run_sql(database, "INSERT INTO v(v) VALUES('build=4'); DELETE FROM v WHERE rowid=2; RELEASE a; COMMIT");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[0,0]' AND k=2 AND exact=1", "1;3");
    expect_sql(database, "SELECT lists, count FROM v_sets", "4|4");
    check_and_close(database);
}

/* Whatever makes SQLite open a table anew within a transaction, what was put into it before stays. */
static void schemas_are_read_anew_within_a_transaction(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *count;
    } transactions[] = {
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); PRAGMA writable_schema=RESET;"
         "INSERT INTO v(rowid, embedding) VALUES(11, '[0,2]')",
         "7"},
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); SAVEPOINT a; CREATE TABLE other(x);"
         "INSERT INTO v(rowid, embedding) VALUES(11, '[0,2]'); ROLLBACK TO a; INSERT INTO v(rowid, embedding) VALUES(12, "
         "'[0,3]')",
         "7"},
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); SAVEPOINT a; ALTER TABLE v RENAME TO w;"
         "INSERT INTO w(rowid, embedding) VALUES(11, '[0,2]'); ROLLBACK TO a; INSERT INTO v(rowid, embedding) VALUES(12, "
         "'[0,3]')",
         "7"},
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); SAVEPOINT a; ALTER TABLE v RENAME TO w; ROLLBACK TO a", "6"},
        {INSERT_MANY "PRAGMA writable_schema=RESET; INSERT INTO v(rowid, embedding) VALUES(11, '[0,2]')", "1206"},
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); ALTER TABLE v RENAME TO w;"
         "INSERT INTO w(rowid, embedding) VALUES(11, '[0,2]'); ALTER TABLE w RENAME TO v;"
         "INSERT INTO v(rowid, embedding) VALUES(12, '[0,3]')",
         "8"},
        {"INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]'); SAVEPOINT a; DROP TABLE v; ROLLBACK TO a;"
         "INSERT INTO v(rowid, embedding) VALUES(11, '[0,2]')",
         "7"},
        {"DROP TABLE v; CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, label TEXT);"
         "INSERT INTO v(rowid, embedding) VALUES(1, '[0,1]'), (2, '[2,0]')",
         "2"},
        {"DROP TABLE v; SAVEPOINT a; CREATE VIRTUAL TABLE v USING twinlens(dim=3); INSERT INTO v(embedding) VALUES('[1,2,3]');"
         "ROLLBACK TO a; CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, label TEXT);"
         "INSERT INTO v(rowid, embedding) VALUES(1, '[1,0]'), (2, '[2,0]')",
         "2"},
        {"SAVEPOINT a; DROP TABLE v; CREATE VIRTUAL TABLE v USING twinlens(dim=3); INSERT INTO v(embedding) VALUES('[1,2,3]');"
         "ROLLBACK TO a",
         "5"},
        {"SAVEPOINT a; DROP TABLE v; CREATE VIRTUAL TABLE v USING twinlens(dim=2); INSERT INTO v(embedding) VALUES('[1,2]');"
         "ROLLBACK TO a; INSERT INTO v(rowid, embedding) VALUES(10, '[0,2]')",
         "6"},
        {"SAVEPOINT a; CREATE VIRTUAL TABLE w USING twinlens(dim=3); INSERT INTO w(embedding) VALUES('[1,2,3]'); ROLLBACK TO a;"
         "CREATE TABLE x(i); INSERT INTO x VALUES(1), (2); INSERT INTO v(rowid, embedding) VALUES(10, '[0,2]')",
         "6"},
    };
    for (size_t i = 0; i < sizeof transactions / sizeof transactions[0]; i++)
        for (int way = 0; way < 4; way++) {
            bool is_divided = way % 2 == 1, looks = way >= 2;
            sqlite3 *database = open_sql(":memory:");
            run_sql(database, make);
            if (is_divided)
                run_sql(database, "INSERT INTO v(v) VALUES('build=2')");
            run_sql(database, "BEGIN");
            run_sql(database, transactions[i].sql);
            if (looks) /* which makes SQLite open the table again before the commit */
                expect_sql(database, "SELECT count(*) FROM v WHERE embedding MATCH '[1,1]'", transactions[i].count);
            run_sql(database, "COMMIT");
            expect_sql(database, "SELECT count(*) FROM v WHERE embedding MATCH '[1,1]'", transactions[i].count);
            expect_sql(database, "SELECT count(*) FROM v", transactions[i].count);
            check_and_close(database);
        }
}

static void what_is_due_at_a_commit_stays_due(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *waiting;
    } transactions[] = {
        {"SAVEPOINT a; " INSERT_MANY "RELEASE a; SAVEPOINT b; ROLLBACK TO b", "0"},
        {INSERT_MANY "SAVEPOINT b; DELETE FROM v WHERE rowid=1; ROLLBACK TO b", "0"},
        {"SAVEPOINT a; " INSERT_MANY "ROLLBACK TO a; INSERT INTO v(rowid, embedding) VALUES(10, '[0,1]')", "1"},
    };
    for (size_t i = 0; i < sizeof transactions / sizeof transactions[0]; i++) {
        sqlite3 *database = open_sql(":memory:");
        run_sql(database, make);
        run_sql(database, "INSERT INTO v(v) VALUES('build=2'); BEGIN");
        run_sql(database, transactions[i].sql);
        run_sql(database, "COMMIT");
        expect_sql(database, "SELECT count(*) FROM v_blocks WHERE list=0", transactions[i].waiting);
        check_and_close(database);
    }
}

static int count_down(void *left)
{
    return --*(int *)left <= 0;
}

/* SQLite itself takes a transaction back when a statement within a change is interrupted: the table is then as it was before. */
static void an_interrupted_change_leaves_a_table_to_go_on_with(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "INSERT INTO v(v) VALUES('build=3')",
        "DELETE FROM v WHERE rowid > 900",
        "UPDATE v SET embedding='[0,0]' WHERE rowid > 900",
        INSERT_MANY,
    };
    size_t interrupted = 0;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        for (int within = 0; within < 2; within++)
            for (int steps = 1; steps < 4000; steps += 1 + steps / 2) {
                int left = steps;
                sqlite3 *database = open_sql(":memory:");
                run_sql(database, make);
                if (i < 3)
                    run_sql(database, INSERT_MANY);
                if (within != 0)
                    run_sql(database, "BEGIN; INSERT INTO v(rowid, embedding) VALUES(2000, '[1,1]')");
                sqlite3_progress_handler(database, 3, count_down, &left);
                int code = sqlite3_exec(database, changes[i], NULL, NULL, NULL);
                sqlite3_progress_handler(database, 0, NULL, NULL);
                interrupted += code == SQLITE_INTERRUPT;
                assert_true(code == SQLITE_OK || code == SQLITE_INTERRUPT);
                if (code == SQLITE_INTERRUPT) {
                    assert_int_equal(sqlite3_get_autocommit(database), 1);
                    expect_sql(database, "SELECT count(*) FROM v WHERE embedding MATCH '[1,1]'", i < 3 ? "1205" : "5");
                    run_sql(database, "INSERT INTO v(rowid, embedding) VALUES(3000, '[1,1]')");
                    expect_sql(database, "SELECT count(*) FROM v WHERE embedding MATCH '[1,1]'", i < 3 ? "1206" : "6");
                } else if (within != 0) {
                    run_sql(database, "COMMIT");
                }
                check_and_close(database);
            }
    assert_true(interrupted > 40);
}

static void tables_read_themselves(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    expect_sql(database,
               "SELECT a.rowid, b.rowid, (SELECT group_concat(c.rowid) FROM v c WHERE c.embedding MATCH b.embedding AND c.k=2) "
               "FROM v a JOIN v b ON b.embedding MATCH a.embedding AND b.k=2 WHERE a.embedding MATCH '[0,0]' AND a.k=2 "
               "ORDER BY a.distance, b.distance",
               "1|1|1,2;1|2|2,1;2|2|2,1;2|1|1,2");
    run_sql(database, "CREATE TABLE t(id INTEGER PRIMARY KEY, vector TEXT); CREATE TABLE seen(id);"
                      "CREATE TRIGGER added AFTER INSERT ON t BEGIN INSERT INTO v(rowid, embedding) VALUES(new.id, new.vector);"
                      "INSERT INTO seen SELECT rowid FROM v WHERE embedding MATCH new.vector AND k=1; END;"
                      "CREATE TRIGGER removed AFTER DELETE ON t BEGIN DELETE FROM v WHERE rowid=old.id; END;"
                      "INSERT INTO t VALUES(10, '[0,1]'), (11, '[0,2]')");
    refuse_sql(database, "INSERT INTO t VALUES(12, '[0,3]'), (13, '[0]')", "dimension 2");
    run_sql(database, "DELETE FROM t WHERE id=10");
    expect_sql(database, "SELECT group_concat(id) FROM seen", "10,11");
    expect_sql(database, "SELECT group_concat(rowid) FROM v", "1,2,3,4,5,11");
    run_sql(database, "INSERT INTO v(embedding, label) SELECT embedding, label FROM v; UPDATE v SET rowid=rowid+100");
    expect_sql(database, "SELECT min(rowid), max(rowid), count(*) FROM v", "101|117|12");
    refuse_sql(database, "UPDATE v SET rowid=rowid+1", "UNIQUE constraint");
    run_sql(database, "DELETE FROM v WHERE embedding MATCH '[1,0]' AND k=2");
    expect_sql(database, "SELECT count(*), min(distance) FROM v WHERE embedding MATCH '[1,0]'", "10|1.0");
    check_and_close(database);
}

/* LIMIT comes from SQLite newer than 3.40 alone, so it is put into the plan of a table by hand: where probes=N is said. */
static int plan_with_limit(sqlite3_vtab *base, sqlite3_index_info *info)
{
    int code = tl_plan__best_index(base, info);
    if (code == SQLITE_OK)
        for (char *at = info->idxStr; *at != '\0'; at++)
            if (*at == 'p')
                *at = 'l';
    return code;
}

static void a_limit_only_says_how_many_come_first(void **state)
{
    (void)state;
    static tl_table_list list;
    sqlite3 *database = open_sql(":memory:");
    sqlite3_module module = tl_table__module;
    module.xBestIndex = plan_with_limit;
    assert_int_equal(sqlite3_create_module_v2(database, "limited", &module, &list, NULL), SQLITE_OK);
    run_sql(database,
            "CREATE VIRTUAL TABLE v USING limited(dim=2, metric=l2, n INTEGER); CREATE TABLE expected(id);"
            "INSERT INTO v(rowid, embedding, n) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 399) "
            "SELECT i, '[' || (i % 20) || ',' || (i / 100) || ']', i % 3 FROM n");
    for (int divided = 0; divided < 2; divided++) {
        run_sql(database, "DELETE FROM expected; INSERT INTO expected SELECT rowid FROM v WHERE embedding MATCH '[3,3]' AND n=1");
        expect_sql(database, "SELECT count(*) FROM expected", "133");
        for (int limit = 1; limit < 140; limit += limit < 9 ? 1 : 31) {
            char sql[300];
            snprintf(sql, sizeof sql,
                     "WITH found(id) AS MATERIALIZED (SELECT rowid FROM v WHERE embedding MATCH '[3,3]' AND n=1 AND probes=%d), "
                     "left(place, id) AS (SELECT row_number() OVER (), id FROM found) "
                     "SELECT count(*), sum(left.id = expected.id) FROM left JOIN expected ON expected.rowid = place",
                     limit);
            expect_sql(database, sql, "133|133");
            snprintf(sql, sizeof sql, "SELECT count(*) FROM v WHERE embedding MATCH '[3,3]' AND n=1 AND k=50 AND probes=%d",
                     limit);
            expect_sql(database, sql, "50");
        }
        run_sql(database, "INSERT INTO v(v) VALUES('build=9')");
    }
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static double number_of(sqlite3 *database, const char *sql, double limit)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_double(statement, 1, limit);
    if (sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    double number = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* At every distance that there is, and just beside it, a bound is that of a full sort; pages of it are the whole, in its order.
 */
static void distances_bound_exactly_and_page_on(void **state)
{
    (void)state;
    static const char *const metrics[] = {"cosine", "dot", "l2"}, *const operators[] = {"<", "<=", ">", ">="};
    static const double steps[] = {0, 1e-16, -1e-16, 1e-9, -1e-9};
    char sql[400];
    for (size_t m = 0; m < 3; m++) {
        sqlite3 *database = open_sql(":memory:");
        snprintf(sql, sizeof sql, "CREATE VIRTUAL TABLE v USING twinlens(dim=3, metric=%s)", metrics[m]);
        run_sql(database, sql);
        run_sql(database,
                "INSERT INTO v(rowid, embedding) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299) "
                "SELECT i, '[' || (i % 9 - 4) || ',' || (i % 7 * 0.3) || ',1]' FROM n");
        for (int divided = 0; divided < 2; divided++) {
            run_sql(database, "DROP TABLE IF EXISTS sorted; CREATE TABLE sorted(d REAL, id INTEGER);"
                              "INSERT INTO sorted SELECT distance, rowid FROM v WHERE embedding MATCH '[0.1,0.2,0.9]'");
            expect_sql(database, "SELECT count(*) FROM sorted", "300");
            for (int place = 1; place <= 300; place += 13)
                for (size_t o = 0; o < 4; o++)
                    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
                        double limit = number_of(database, "SELECT d FROM sorted WHERE rowid=?1", place) + steps[s];
                        for (int k = -1; k <= 60; k += 61) {
                            snprintf(sql, sizeof sql,
                                     "SELECT total(id * id) FROM (SELECT id FROM sorted WHERE d %s ?1 ORDER BY d, id LIMIT %d)",
                                     operators[o], k);
                            double expected = number_of(database, sql, limit);
                            snprintf(
                                sql, sizeof sql,
                                "SELECT total(rowid * rowid) FROM v WHERE embedding MATCH '[0.1,0.2,0.9]' AND distance %s ?1 "
                                "AND probes = 1%s",
                                operators[o], k < 0 ? "" : " AND k = 60");
                            double found = number_of(database, sql, limit);
                            if (found != expected)
                                fail_msg("%s, k %d, distance %s %.17g: expected other rows", metrics[m], k, operators[o], limit);
                        }
                    }
            run_sql(database, "DROP TABLE IF EXISTS pages; CREATE TABLE pages(d REAL, id INTEGER)");
            for (int page = 0; page < 300; page += 20) {
                snprintf(sql, sizeof sql,
                         "INSERT INTO pages SELECT distance, rowid FROM v WHERE embedding MATCH '[0.1,0.2,0.9]' AND distance < 9 "
                         "ORDER BY distance LIMIT 20 OFFSET %d",
                         page);
                run_sql(database, sql);
            }
            expect_sql(database,
                       "SELECT count(*), sum(p.id = s.id AND p.d = s.d) FROM pages p JOIN sorted s ON s.rowid = p.rowid",
                       "300|300");
            run_sql(database, "DELETE FROM pages");
            for (int page = 0; page < 300; page += 20) /* from the last row of the page before on */
                run_sql(database,
                        "INSERT INTO pages SELECT distance, rowid FROM v WHERE embedding MATCH '[0.1,0.2,0.9]' AND "
                        "(distance, rowid) > (ifnull((SELECT d FROM pages ORDER BY rowid DESC LIMIT 1), -1e9), "
                        "ifnull((SELECT id FROM pages ORDER BY rowid DESC LIMIT 1), 0)) ORDER BY distance, rowid LIMIT 20");
            expect_sql(database,
                       "SELECT count(*), sum(p.id = s.id AND p.d = s.d) FROM pages p JOIN sorted s ON s.rowid = p.rowid",
                       "300|300");
            run_sql(database, "INSERT INTO v(v) VALUES('build=7')");
        }
        check_and_close(database);
    }
}

/* 3.41 and newer offer LIMIT beside ORDER BY, too, whatever it orders by. */
static void limits_count_in_our_order_alone(void **state)
{
    (void)state;
    static tl_table table = {.options = {.dim = 2, .column_count = 1}};
    const struct sqlite3_index_constraint constraints[] = {
        {.iColumn = 0, .op = SQLITE_INDEX_CONSTRAINT_MATCH, .usable = 1},
        {.iColumn = 0, .op = SQLITE_INDEX_CONSTRAINT_LIMIT, .usable = 1},
    };
    const struct {
        struct sqlite3_index_orderby order;
        int order_count;
        bool takes_limit;
    } cases[] = {
        {{0, 0}, 0, true}, {{2, 0}, 1, true}, {{2, 1}, 1, false}, {{1, 0}, 1, false}, {{-1, 0}, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sqlite3_index_constraint asked[2] = {constraints[0], constraints[1]};
        struct sqlite3_index_orderby order = cases[i].order;
        struct sqlite3_index_constraint_usage usage[2] = {{0}};
        sqlite3_index_info info = {.nConstraint = 2,
                                   .aConstraint = asked,
                                   .nOrderBy = cases[i].order_count,
                                   .aOrderBy = &order,
                                   .aConstraintUsage = usage};
        assert_int_equal(tl_plan__best_index(&table.base, &info), SQLITE_OK);
        assert_string_equal(info.idxStr, cases[i].takes_limit ? "ml" : "m");
        assert_int_equal(usage[1].argvIndex, cases[i].takes_limit ? 2 : 0);
        assert_int_equal(usage[1].omit, 0);
        sqlite3_free(info.idxStr);
    }
}

/* A column of texts meets one of numbers: found is what SQLite finds in a table of its own, in a scan and in a search. */
static void texts_and_numbers_meet_as_in_any_table(void **state)
{
    (void)state;
    static const char *const conditions[] = {"x.label = t.i",
                                             "x.price = t.s",
                                             "x.label = t.s",
                                             "x.price = t.i",
                                             "x.label > t.i",
                                             "x.price IN (SELECT s FROM t)",
                                             "x.label IN (SELECT i FROM t)"};
    sqlite3 *database = open_sql(":memory:");
    run_sql(
        database,
        "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, label TEXT, price REAL);"
        "INSERT INTO v(rowid, embedding, label, price) VALUES(1, '[1,0]', '7', 7), (2, '[0,1]', '07', 7.5), "
        "(3, '[1,1]', 'x', 8), (4, '[2,1]', '7.0', NULL);"
        "CREATE TABLE plain(label TEXT, price REAL); INSERT INTO plain(rowid, label, price) SELECT rowid, label, price FROM v;"
        "CREATE TABLE t(i INTEGER, s TEXT); INSERT INTO t VALUES(7, '7'), (8, '7.50'), (9, 'x')");
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        char sql[1024];
        snprintf(sql, sizeof sql,
                 "WITH a AS (SELECT t.i, x.rowid AS id FROM t JOIN plain AS x ON %s), b AS (SELECT t.i, x.rowid AS id FROM t "
                 "JOIN v AS x ON %s), "
                 "c AS (SELECT t.i, x.rowid AS id FROM t JOIN v AS x ON %s AND embedding MATCH '[1,0]' AND k = 9) "
                 "SELECT (SELECT count(*) FROM a) > 0 AND (SELECT count(*) FROM (SELECT * FROM a EXCEPT SELECT * FROM b)) + "
                 "(SELECT count(*) FROM (SELECT * FROM b EXCEPT SELECT * FROM a)) + (SELECT count(*) FROM (SELECT * FROM a "
                 "EXCEPT SELECT "
                 "* FROM c)) + (SELECT count(*) FROM (SELECT * FROM c EXCEPT SELECT * FROM a)) = 0",
                 conditions[i], conditions[i], conditions[i]);
        print_message("%s\n", conditions[i]);
        expect_sql(database, sql, "1");
    }
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_numbers_meet_as_in_any_table),
        cmocka_unit_test(rows_deleted_under_a_search_are_null),
        cmocka_unit_test(a_table_that_is_read_keeps_its_name),
        cmocka_unit_test(a_rollback_ends_what_it_took_away),
        cmocka_unit_test(a_build_is_taken_back),
        cmocka_unit_test(schemas_are_read_anew_within_a_transaction),
        cmocka_unit_test(what_is_due_at_a_commit_stays_due),
        cmocka_unit_test(tables_read_themselves),
        cmocka_unit_test(an_interrupted_change_leaves_a_table_to_go_on_with),
        cmocka_unit_test(distances_bound_exactly_and_page_on),

        cmocka_unit_test(a_limit_only_says_how_many_come_first),
        cmocka_unit_test(limits_count_in_our_order_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Shadow tables with garbage in them, written by whoever may write to the database: an error, or the right answer; never a crash.
 */
#include "tests/unit/index/sql_fixture.h"

static const char path[] = "sqlite-hostile.db";

static const char make[] =
    "CREATE VIRTUAL TABLE v USING twinlens(dim=4, label TEXT);"
    "INSERT INTO v(rowid, embedding, label) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
    "SELECT i, '[1,' || i || ',' || (i % 7) || ',' || (i % 5) || ']', 'l' || (i % 3) FROM n;";

static const char *const uses[] = {
    "SELECT rowid, distance, label, embedding FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5",
    "SELECT rowid, label FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5 AND exact=1",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5 AND label='l1'",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=5 AND rowid IN (1, 2, 3)",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND distance < 0.5",
    "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]'",
    "SELECT * FROM v",
    "SELECT sum(length(embedding)) FROM v",
    "UPDATE v SET embedding='[4,3,2,1]' WHERE rowid=17",
    "UPDATE v SET label='x' WHERE label='l2'",
    "INSERT INTO v(embedding) VALUES('[9,8,7,6]')",
    "INSERT OR REPLACE INTO v(rowid, embedding) VALUES(20, '[9,8,7,6]')",
    "DELETE FROM v WHERE rowid=30",
    "INSERT INTO v(v) VALUES('check')",
    "INSERT INTO v(v) VALUES('build=4')",
    "INSERT INTO v(v) VALUES('compact')",
    "ALTER TABLE v RENAME TO w",
    "DROP TABLE w",
};

static void use(void)
{
    sqlite3 *database = open_sql(path);
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
        sqlite3_exec(database, uses[i], NULL, NULL, NULL);
    run_sql(database, "SELECT 1");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    remove_index(path);
}

static void survives_garbage(void **state)
{
    (void)state;
    static const char *const garbage[] = {
        "UPDATE v_sets SET dim=7",
        "UPDATE v_sets SET dim=65536",
        "UPDATE v_sets SET dtype='f32'",
        "UPDATE v_sets SET dtype='f8'",
        "UPDATE v_sets SET count=count+1",
        "UPDATE v_sets SET count=-1",
        "UPDATE v_sets SET count=9223372036854775807",
        "UPDATE v_sets SET lists=1000",
        "UPDATE v_sets SET lists=1048577",
        "UPDATE v_sets SET lists=-1",
        "UPDATE v_sets SET lists=0",
        "DELETE FROM v_sets",
        "UPDATE v_blocks SET count=0",
        "UPDATE v_blocks SET count=5",
        "UPDATE v_blocks SET count=1000000",
        "UPDATE v_blocks SET count=-1",
        "UPDATE v_blocks SET list=3",
        "UPDATE v_blocks SET list=0",
        "UPDATE v_blocks SET list=-1",
        "UPDATE v_blocks SET set_id=2",
        "UPDATE v_blocks SET id=id+1000",
        "UPDATE v_blocks SET radius=-1",
        "UPDATE v_blocks SET radius=1e300",
        "UPDATE v_blocks SET mark=mark+1",
        "UPDATE v_blocks SET checksum=0",
        "UPDATE v_blocks SET head=x''",
        "UPDATE v_blocks SET head=zeroblob(length(head))",
        "UPDATE v_blocks SET head=randomblob(length(head))",
        "UPDATE v_blocks SET head=CAST(head || x'00' AS BLOB)",
        "UPDATE v_blocks SET vectors=x''",
        "UPDATE v_blocks SET vectors=randomblob(length(vectors))",
        "UPDATE v_blocks SET vectors=CAST(vectors || x'0102' AS BLOB)",
        "UPDATE v_blocks SET vectors=zeroblob(1000000)",
        "DELETE FROM v_blocks",
        "DELETE FROM v_blocks WHERE id % 2 = 0",
        "INSERT INTO v_blocks(set_id, list, count, checksum, radius, mark, head, vectors) "
        "SELECT set_id, list, count, checksum, radius, mark, head, vectors FROM v_blocks",
        "DELETE FROM v_centroids",
        "UPDATE v_centroids SET first=5",
        "UPDATE v_centroids SET count=1",
        "UPDATE v_centroids SET count=1000000000",
        "UPDATE v_centroids SET centroids=zeroblob(length(centroids))",
        "UPDATE v_centroids SET centroids=x'00'",
        "UPDATE v_owners SET block_id=999",
        "UPDATE v_owners SET block_id=0",
        "UPDATE v_owners SET owner=owner+1000",
        "DELETE FROM v_owners",
        "DELETE FROM v_owners WHERE owner=17",
        "DELETE FROM v_rows",
        "DELETE FROM v_rows WHERE id=17",
        "UPDATE v_rows SET id=id+5000",
        "DROP TABLE v_blocks",
        "DROP TABLE v_sets",
        "DROP TABLE v_rows",
        "DROP TABLE v_owners",
        "DROP TABLE v_centroids",
        "DROP TABLE v_rows; CREATE TABLE v_rows(id TEXT, label BLOB); INSERT INTO v_rows VALUES('b', 1), ('a', NULL), (NULL, 2)",
        "DROP TABLE v_rows; CREATE VIEW v_rows AS SELECT rowid AS id, label FROM v",
        "DROP TABLE v_rows; CREATE VIEW v_rows AS SELECT rowid AS id, label FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=3",
        "DROP TABLE v_sets; CREATE VIEW v_sets AS SELECT rowid AS id, 4 AS dim, 'f16' AS dtype, 5 AS count, 0 AS lists, 0 AS "
        "divided, "
        "0 AS generation FROM v",
        "DROP TABLE v_owners; CREATE VIEW v_owners AS SELECT 1 AS set_id, rowid AS owner, 1 AS block_id FROM v",
        "DROP TABLE v_blocks; CREATE TABLE v_blocks(id INTEGER PRIMARY KEY, set_id, list, count, checksum, radius, mark, head, "
        "vectors, "
        "UNIQUE(set_id, list, id, count, radius, mark), UNIQUE(set_id, list, count, id)); "
        "INSERT INTO v_blocks VALUES(1, 1, 0, 200, 'a', 'b', 'c', 'd', NULL)",
        "CREATE TRIGGER t AFTER INSERT ON v_rows BEGIN DELETE FROM v WHERE rowid=new.id; END",
        "CREATE TRIGGER t AFTER UPDATE ON v_blocks BEGIN INSERT INTO v(embedding) VALUES('[1,1,1,1]'); END",
        "PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql='CREATE VIRTUAL TABLE v USING twinlens(dim=9, label TEXT)' WHERE "
        "name='v'",
        "PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql='CREATE VIRTUAL TABLE v USING twinlens(dim=4, label TEXT, more "
        "REAL)' "
        "WHERE name='v'",
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        for (int divided = 0; divided < 2; divided++) {
            remove_index(path);
            sqlite3 *database = open_sql(path);
            run_sql(database, make);
            if (divided)
                run_sql(database, "INSERT INTO v(v) VALUES('build=9'); INSERT INTO v(rowid, embedding) VALUES(999, '[1,1,1,1]')");
            run_sql(database, garbage[i]);
            assert_int_equal(sqlite3_close(database), SQLITE_OK);
            use();
        }
}

/* What a search reads is looked at before it is believed: these must be noticed by the search itself. */
static void searches_notice_damage(void **state)
{
    (void)state;
    static const char *const damage[] = {
        "UPDATE v_blocks SET vectors=randomblob(length(vectors))",
        "UPDATE v_blocks SET head=randomblob(length(head))",
        "UPDATE v_sets SET count=count+1",
        "DELETE FROM v_blocks",
        "UPDATE v_blocks SET set_id=2",
    };
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++)
        for (int divided = 0; divided < 2; divided++) {
            sqlite3 *database = open_sql(":memory:");
            run_sql(database, make);
            if (divided)
                run_sql(database, "INSERT INTO v(v) VALUES('build=9')");
            run_sql(database, damage[i]);
            refuse_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3,4]' AND k=200 AND exact=1", "expected");
            refuse_sql(database, "INSERT INTO v(v) VALUES('check')", "expected");
            assert_int_equal(sqlite3_close(database), SQLITE_OK);
        }
}

/* A change that failed half-way cannot be committed, and a rollback heals it. */
static void half_a_change_is_never_committed(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    run_sql(database, make);
    run_sql(database,
            "BEGIN; SAVEPOINT a; CREATE TRIGGER t BEFORE INSERT ON v_owners BEGIN SELECT RAISE(FAIL, 'not today'); END");
    refuse_sql(database, "INSERT INTO v(rowid, embedding) VALUES(1000, '[1,1,1,1]')", "not today");
    refuse_sql(database, "INSERT INTO v(rowid, embedding) VALUES(1001, '[1,1,1,1]')", "rollback");
    run_sql(database, "ROLLBACK TO a; INSERT INTO v(rowid, embedding) VALUES(1001, '[1,1,1,1]'); COMMIT");
    expect_sql(database, "SELECT count(*), max(rowid) FROM v", "201|1001");
    run_sql(database, "BEGIN; DELETE FROM v WHERE rowid=1001; "
                      "CREATE TRIGGER t BEFORE INSERT ON v_owners BEGIN SELECT RAISE(FAIL, 'not today'); END");
    refuse_sql(database, "INSERT INTO v(rowid, embedding) VALUES(1000, '[1,1,1,1]')", "not today");
    refuse_sql(database, "COMMIT", "rollback"); /* SQLite takes all of it back */
    expect_sql(database, "SELECT count(*), max(rowid) FROM v", "201|1001");
    run_sql(database, "INSERT INTO v(rowid, embedding) VALUES(1002, '[1,1,1,1]')");
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* A table whose rows are a view of itself: errors, and the connection can be closed all the same. */
static void a_table_that_asks_itself_lets_go(void **state)
{
    (void)state;
    for (int rows = 0; rows < 2; rows++) {
        sqlite3 *database = open_sql(":memory:");
        run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=2, label TEXT)");
        if (rows != 0)
            run_sql(database, "INSERT INTO v(embedding) VALUES('[1,2]')");
        run_sql(database, "DROP TABLE v_rows; CREATE VIEW v_rows AS SELECT rowid AS id, label FROM v");
        if (rows != 0)
            refuse_sql(database, "INSERT INTO v(v) VALUES('check')", "asks this table");
        else
            run_sql(database, "INSERT INTO v(v) VALUES('check')");
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
    }
}

/* The same of a table without columns, whose ids are asked of its owners too. */
static void ids_that_ask_their_table_let_go(void **state)
{
    (void)state;
    static const char *const views[] = {
        "DROP TABLE v_rows; CREATE VIEW v_rows AS SELECT rowid AS id FROM v",
        "DROP TABLE v_owners; CREATE VIEW v_owners AS SELECT 1 AS set_id, rowid AS owner, 1 AS block_id FROM v",
    };
    static const char *const asked[] = {"SELECT rowid FROM v WHERE rowid > 0", "SELECT rowid FROM v WHERE rowid = 1",
                                        "INSERT INTO v(embedding) VALUES('[1,2]')",
                                        "INSERT INTO v(rowid, embedding) VALUES(1, '[1,2]')", "DELETE FROM v WHERE rowid = 1"};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        for (size_t j = 0; j < sizeof asked / sizeof asked[0]; j++) {
            sqlite3 *database = open_sql(":memory:");
            run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=2); INSERT INTO v(embedding) VALUES('[1,2]')");
            run_sql(database, views[i]);
            refuse_sql(database, asked[j], "asks this table");
            assert_int_equal(sqlite3_close(database), SQLITE_OK);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(searches_notice_damage),
        cmocka_unit_test(a_table_that_asks_itself_lets_go),
        cmocka_unit_test(ids_that_ask_their_table_let_go),
        cmocka_unit_test(half_a_change_is_never_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

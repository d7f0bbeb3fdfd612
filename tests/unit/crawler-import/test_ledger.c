/* The ledger and the report made from it: positions, transactions, reasons beyond the table's room, shards of several sources. */
#include "made_files.h"

#include "base/store/database.h"
#include "crawler-import/download/download.h"
#include "crawler-import/ledger/ledger.h"
#include "crawler-import/report.h"

static tl_ledger *open_new(const char *dataset)
{
    tl_ledger *ledger = NULL;
    uint64_t shards;
    make_empty_folder(dataset);
    assert_ok(tl_ledger_open(dataset, true, &ledger, err));
    assert_ok(tl_ledger_begin(ledger, &shards, err));
    assert_int_equal(shards, 0);
    return ledger;
}

static void test_sources_and_positions(void **state)
{
    (void)state;
    tl_ledger *ledger = open_new("ledger-a");
    tl_ledger_source first;
    tl_ledger_source second;
    uint64_t shards;
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/a", "folder", &first, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/b\xff", "folder", &second, err));
    assert_true(first.id == 1 && second.id == 2 && first.position == 0 && !first.is_done);
    assert_ok(tl_ledger_commit(ledger, err));
    assert_ok(tl_ledger_begin(ledger, &shards, err));
    second.position = 17;
    second.is_done = true;
    assert_ok(tl_ledger_set_position(ledger, &second, err));
    assert_ok(tl_ledger_add_skipped(ledger, 2, "x", "y", err));
    tl_ledger_close(ledger); /* without a commit */
    assert_ok(tl_ledger_open("ledger-a", true, &ledger, err));
    assert_ok(tl_ledger_begin(ledger, &shards, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/b\xff", "folder", &second, err));
    assert_true(second.id == 2 && second.position == 0 && !second.is_done);
    second.position = 17;
    second.is_done = true;
    assert_ok(tl_ledger_set_position(ledger, &second, err));
    assert_ok(tl_ledger_commit(ledger, err));
    tl_ledger_close(ledger);
    assert_ok(tl_ledger_open("ledger-a", true, &ledger, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/b\xff", "folder", &second, err));
    assert_true(second.id == 2 && second.position == 17 && second.is_done);
    tl_ledger_close(ledger);
    tl_error error = {0};
    assert_false(tl_ledger_open("ledger-none", false, &ledger, &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
}

/* What version 1 wrote is read as it is, and brought up to date when an import goes on. */
static void test_version_1(void **state)
{
    (void)state;
    static const tl_migration tables[] = {
        {1,
         "CREATE TABLE sources(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
         " position INTEGER NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL);"
         "CREATE TABLE shards(number INTEGER PRIMARY KEY, name TEXT NOT NULL, samples INTEGER NOT NULL, bytes INTEGER NOT NULL,"
         " state TEXT NOT NULL);"
         "CREATE TABLE parts(shard INTEGER NOT NULL REFERENCES shards(number), source_id INTEGER NOT NULL REFERENCES sources(id),"
         " samples INTEGER NOT NULL, key_hashes BLOB NOT NULL, PRIMARY KEY(shard, source_id));"
         "CREATE TABLE skipped(id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL REFERENCES sources(id), origin TEXT NOT NULL,"
         " reason TEXT NOT NULL);"
         "INSERT INTO sources VALUES(1, 'folder', '/nowhere/a', 'reading', 5, 0, 0);"}};
    static const tl_database_schema old = {
        .application_id = 0x544c696d, .what = "old ledger", .migrations = tables, .migration_count = 1};
    sqlite3 *database = NULL;
    tl_ledger *ledger = NULL;
    tl_ledger_source source;
    uint64_t count;
    make_empty_folder("ledger-old");
    assert_ok(tl_database_open("ledger-old/ledger.db", &old, TL_DATABASE_CREATE, &database, err));
    tl_database_close(database);
    assert_ok(tl_ledger_open("ledger-old", false, &ledger, err));
    assert_ok(tl_ledger_count_samples(ledger, 1, &count, err));
    tl_ledger_close(ledger);
    assert_ok(tl_ledger_open("ledger-old", true, &ledger, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/a", "folder", &source, err));
    assert_true(source.id == 1 && source.position == 5 && !source.has_items_hash);
    source.items_hash = UINT64_MAX - 7;
    assert_ok(tl_ledger_set_position(ledger, &source, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/a", "folder", &source, err));
    assert_true(source.has_items_hash && source.items_hash == UINT64_MAX - 7);
    tl_ledger_close(ledger);
}

/* Somebody else's tables need not keep to ours: a name may be missing. */
static void test_names_that_are_null(void **state)
{
    (void)state;
    static const tl_migration tables[] = {
        {1, "CREATE TABLE skipped(source_id, origin, reason); CREATE TABLE shards(number, samples, bytes)"},
        {2, "CREATE TABLE lists(state); CREATE TABLE list_shards(shard, row_count)"},
        {3, "CREATE TABLE runs(seconds, rows, stored, received_bytes); CREATE TABLE failed_rows(reason);"
            "CREATE TABLE shard_hosts(host, good, failed, bytes);"
            "INSERT INTO failed_rows VALUES(NULL); INSERT INTO shard_hosts VALUES(NULL, 1, -2, 3)"}};
    static const tl_database_schema theirs = {
        .application_id = 0x544c696d, .what = "their ledger", .migrations = tables, .migration_count = 3};
    sqlite3 *database = NULL;
    tl_json *report = NULL;
    make_empty_folder("ledger-theirs");
    assert_ok(tl_database_open("ledger-theirs/ledger.db", &theirs, TL_DATABASE_CREATE, &database, err));
    tl_database_close(database);
    assert_ok(tl_download_report("ledger-theirs", 10, &report, err));
    assert_int_equal(tl_json_integer_or(tl_json_member(report, "reasons"), "", 0), 1);
    assert_int_equal(tl_json_array_size(tl_json_member(report, "hosts")), 1);
    tl_json_free(report);
}

typedef struct seen_keys {
    uint64_t hashes[8];
    int64_t sources[8];
    size_t count;
} seen_keys;

static bool see_key(void *context, uint64_t hash, int64_t source_id, tl_error *err)
{
    (void)err;
    seen_keys *seen = context;
    seen->hashes[seen->count] = hash;
    seen->sources[seen->count++] = source_id;
    return true;
}

static void test_report(void **state)
{
    (void)state;
    tl_ledger *ledger = open_new("ledger-b");
    tl_ledger_source source;
    const uint64_t hashes[3] = {1, UINT64_MAX, 0x0102030405060708};
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/a", "folder", &source, err));
    assert_ok(tl_ledger_put_source(ledger, "/nowhere/b", "table", &source, err));
    assert_ok(tl_ledger_add_shard(ledger, 0, "00000.tar", 4, 1000, err));
    assert_ok(tl_ledger_add_part(ledger, 0, 1, hashes, 3, err));
    assert_ok(tl_ledger_add_part(ledger, 0, 2, hashes, 1, err));
    assert_ok(tl_ledger_add_shard(ledger, 1, "00001.tar", 1, 70, err));
    assert_ok(tl_ledger_add_part(ledger, 1, 2, hashes + 2, 1, err));
    for (unsigned reason = 0; reason < 40; reason++)
        for (unsigned i = 0; i <= reason; i++) {
            char text[128];
            snprintf(text, sizeof text, "reason %02u%s", reason,
                     reason == 39 ? " that goes on for longer than a report has room for, and on and on" : "");
            assert_ok(tl_ledger_add_skipped(ledger, 1 + i % 2, "somewhere", text, err));
        }
    tl_import_report report;
    const int64_t both[] = {2, 1, 2};
    assert_ok(tl_import_report_read(ledger, both, 3, &report, err));
    assert_int_equal(report.imported, 5);
    assert_int_equal(report.shards, 2);
    assert_int_equal(report.bytes, 1070);
    assert_int_equal(report.skipped, 40 * 41 / 2);
    assert_int_equal(report.reason_count, 32);
    assert_int_equal(strlen(report.reasons[0].reason), sizeof report.reasons[0].reason - 1);
    assert_int_equal(report.reasons[0].count, 40);
    assert_string_equal(report.reasons[1].reason, "reason 38");
    assert_string_equal(report.reasons[30].reason, "reason 09");
    assert_string_equal(report.reasons[31].reason, "other");
    assert_int_equal(report.reasons[31].count, 9 * 10 / 2);
    const int64_t one = 1;
    assert_ok(tl_import_report_read(ledger, &one, 1, &report, err));
    assert_int_equal(report.imported, 3);
    assert_int_equal(report.shards, 1);
    assert_int_equal(report.bytes, 1000);
    seen_keys seen = {0};
    assert_ok(tl_ledger_each_key(ledger, see_key, &seen, err));
    assert_int_equal(seen.count, 5);
    assert_memory_equal(seen.hashes, hashes, sizeof hashes);
    assert_true(seen.sources[2] == 1 && seen.sources[3] == 2 && seen.hashes[4] == hashes[2]);
    tl_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sources_and_positions), cmocka_unit_test(test_version_1),
                                       cmocka_unit_test(test_names_that_are_null), cmocka_unit_test(test_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

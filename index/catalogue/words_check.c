/*
 * Owns the check of the words. All captions are given to a second table of FTS5, a temporary one, and what the two say is read
 * side by side: every word with its places, how many words each caption has, and the sums that bm25 starts from. FTS5's own check
 * would have to write to the file.
 */
#include "index/catalogue/words_check.h"

#include <string.h>

static const char make_sql[] = "CREATE VIRTUAL TABLE temp.expected USING fts5(text, content='', tokenize='porter unicode61');"
                               "INSERT INTO temp.expected(rowid, text) SELECT id, text FROM main.captions;"
                               "CREATE VIRTUAL TABLE temp.expected_words USING fts5vocab(temp, expected, instance);"
                               "CREATE VIRTUAL TABLE temp.found_words USING fts5vocab(main, caption_words, instance)";
static const char drop_sql[] = "DROP TABLE IF EXISTS temp.found_words;DROP TABLE IF EXISTS temp.expected_words;"
                               "DROP TABLE IF EXISTS temp.expected";

/* How many captions and words there are; of none, nothing may be said or two zeros. */
#define SUMS_OF(table) "SELECT 0, CASE length(block) WHEN 0 THEN x'0000' ELSE block END FROM " table " WHERE id=1"

/* The first column names what a row is about; rows of both come in the same order. */
static const char *const pairs[][2] = {
    {"SELECT doc, term, \"offset\" FROM temp.expected_words", "SELECT doc, term, \"offset\" FROM temp.found_words"},
    {"SELECT id, sz FROM temp.expected_docsize", "SELECT id, sz FROM main.caption_words_docsize"},
    {SUMS_OF("temp.expected_data"), SUMS_OF("main.caption_words_data")},
};

static bool is_same_row(sqlite3_stmt *expected, sqlite3_stmt *found)
{
    bool is_same = true;
    for (int i = 0; is_same && i < sqlite3_column_count(expected); i++) {
        is_same = sqlite3_column_type(expected, i) == sqlite3_column_type(found, i);
        const void *bytes[2] = {sqlite3_column_blob(expected, i), sqlite3_column_blob(found, i)};
        int size = sqlite3_column_bytes(expected, i);
        is_same =
            is_same && size == sqlite3_column_bytes(found, i) && (size == 0 || memcmp(bytes[0], bytes[1], (size_t)size) == 0);
    }
    return is_same;
}

/* NULL: there is no row. */
static bool fail(sqlite3_stmt *expected, sqlite3_stmt *found, tl_error *err)
{
    if (expected == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "table caption_words: expected no more words, found some of caption %lld",
                       (long long)sqlite3_column_int64(found, 0));
    return tl_fail(err, TL_ERROR_CORRUPT, "table caption_words: expected the words of caption %lld, found %s",
                   (long long)sqlite3_column_int64(expected, 0), found != NULL ? "others" : "none");
}

static bool compare(sqlite3 *database, const char *const pair[2], tl_error *err)
{
    sqlite3_stmt *expected = NULL, *found = NULL;
    bool rows[2] = {true, true};
    bool ok = tl_database_prepare(database, pair[0], &expected, err) && tl_database_prepare(database, pair[1], &found, err);
    while (ok && rows[0]) {
        ok = tl_database_step(database, expected, &rows[0], err) && tl_database_step(database, found, &rows[1], err);
        if (ok && (rows[0] != rows[1] || (rows[0] && !is_same_row(expected, found))))
            ok = fail(rows[0] ? expected : NULL, rows[1] ? found : NULL, err);
    }
    sqlite3_finalize(expected);
    sqlite3_finalize(found);
    return ok;
}

bool tl_words__check(sqlite3 *database, bool is_read_only, tl_error *err)
{
    /* Nothing but the temporary table is written. */
    bool ok = !is_read_only || tl_database_execute(database, "PRAGMA query_only=OFF", err);
    ok = ok && tl_database_execute(database, make_sql, err);
    for (size_t i = 0; ok && i < sizeof pairs / sizeof pairs[0]; i++)
        ok = compare(database, pairs[i], err);
    ok = tl_database_execute(database, drop_sql, ok ? err : NULL) && ok;
    return (!is_read_only || tl_database_execute(database, "PRAGMA query_only=ON", ok ? err : NULL)) && ok;
}

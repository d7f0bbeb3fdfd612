/* Owns what is summed: rows column by column, each with its type, chained by XXH3; the first columns are those of the key. */
#include "index/catalogue/table_sums.h"

#include "base/core/hash.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    int key_columns; /* the id is the last of them */
    tl_statement row, each[TL_SUMMED_PARTS];
} tables[TL_SUMMED_COUNT] = {
    [TL_SUMMED_ROOTS] = {"roots", 2, TL_SQL_ROOT_SUMMED, {TL_SQL_ROOT_EACH_KEY, TL_SQL_ROOT_EACH_ROW}},
    [TL_SUMMED_ITEMS] = {"items", 3, TL_SQL_ITEM_SUMMED, {TL_SQL_ITEM_EACH_KEY, TL_SQL_ITEM_EACH_ROW}},
    [TL_SUMMED_CAPTIONS] = {"captions", 3, TL_SQL_CAPTION_SUMMED, {TL_SQL_CAPTION_EACH_KEY, TL_SQL_CAPTION_EACH_ROW}},
};

static uint64_t chain(uint64_t hash, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    uint64_t parts[3] = {hash, (uint64_t)type, 0};
    if (type == SQLITE_INTEGER) {
        parts[2] = (uint64_t)sqlite3_column_int64(row, column);
    } else if (type == SQLITE_FLOAT) {
        double number = sqlite3_column_double(row, column);
        memcpy(&parts[2], &number, sizeof number);
    } else if (type != SQLITE_NULL) {
        const void *bytes = sqlite3_column_blob(row, column);
        parts[2] = tl_hash64(bytes != NULL ? bytes : "", (size_t)sqlite3_column_bytes(row, column));
    }
    return tl_hash64(parts, sizeof parts);
}

static void sum_row(tl_row_sums *sums, tl_summed table, sqlite3_stmt *row, bool adds)
{
    uint64_t hash = 0, sign = adds ? 1 : UINT64_MAX;
    int count = sqlite3_column_count(row);
    for (int i = 0; i < count; i++) {
        hash = chain(hash, row, i);
        if (i + 1 == tables[table].key_columns)
            sums->parts[TL_SUMMED_KEYS] += sign * hash;
    }
    sums->parts[TL_SUMMED_ROWS] += sign * hash;
    sums->count += sign;
}

static bool change(tl_table_sums *sums, tl_statements *statements, tl_summed table, int64_t id, bool adds, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, (int)tables[table].row, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    if (row)
        sum_row(&sums->changes[table], table, statement, adds);
    sqlite3_reset(statement);
    return row || tl_fail(err, TL_ERROR_CORRUPT, "table %s: expected a row %" PRId64 ", found none", tables[table].name, id);
}

bool tl_table_sums__take(tl_table_sums *sums, tl_statements *statements, tl_summed table, int64_t id, tl_error *err)
{
    return change(sums, statements, table, id, false, err);
}

bool tl_table_sums__add(tl_table_sums *sums, tl_statements *statements, tl_summed table, int64_t id, tl_error *err)
{
    return change(sums, statements, table, id, true, err);
}

static int64_t checksum(tl_summed table, const tl_row_sums *sums)
{
    uint64_t parts[4] = {(uint64_t)table, sums->count, sums->parts[TL_SUMMED_KEYS], sums->parts[TL_SUMMED_ROWS]};
    return (int64_t)tl_hash64(parts, sizeof parts);
}

static bool read_sums(tl_statements *statements, tl_summed table, tl_row_sums *out, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SUMS_READ, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, tables[table].name);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    *out = (tl_row_sums){(uint64_t)sqlite3_column_int64(statement, 0),
                         {(uint64_t)sqlite3_column_int64(statement, 1), (uint64_t)sqlite3_column_int64(statement, 2)}};
    bool is_sound = row && sqlite3_column_int64(statement, 3) == checksum(table, out);
    sqlite3_reset(statement);
    return is_sound || tl_fail(err, TL_ERROR_CORRUPT, "table_sums: expected a sound row of table %s, found %s",
                               tables[table].name, row ? "another checksum" : "none");
}

static bool write_sums(tl_statements *statements, tl_summed table, const tl_row_sums *sums, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_SUMS_WRITE, err);
    if (statement == NULL)
        return false;
    tl_statements__bind_text(statement, 1, tables[table].name);
    sqlite3_bind_int64(statement, 2, (int64_t)sums->count);
    sqlite3_bind_int64(statement, 3, (int64_t)sums->parts[TL_SUMMED_KEYS]);
    sqlite3_bind_int64(statement, 4, (int64_t)sums->parts[TL_SUMMED_ROWS]);
    sqlite3_bind_int64(statement, 5, checksum(table, sums));
    return tl_statements__run(statements, statement, err);
}

bool tl_table_sums__write(tl_table_sums *sums, tl_statements *statements, tl_error *err)
{
    for (int i = 0; i < TL_SUMMED_COUNT; i++) {
        tl_row_sums *changes = &sums->changes[i], stored;
        if (changes->count == 0 && changes->parts[TL_SUMMED_KEYS] == 0 && changes->parts[TL_SUMMED_ROWS] == 0)
            continue;
        if (!read_sums(statements, (tl_summed)i, &stored, err))
            return false;
        stored.count += changes->count;
        for (int part = 0; part < TL_SUMMED_PARTS; part++)
            stored.parts[part] += changes->parts[part];
        if (!write_sums(statements, (tl_summed)i, &stored, err))
            return false;
        *changes = (tl_row_sums){0};
    }
    return true;
}

/* Of an index, which holds keys alone, both sums are those of keys. */
static bool sum_table(tl_statements *statements, tl_summed table, tl_summed_part part, tl_row_sums *out, tl_error *err)
{
    bool row = true;
    *out = (tl_row_sums){0};
    sqlite3_stmt *statement = tl_statements__get(statements, (int)tables[table].each[part], err);
    if (statement == NULL)
        return false;
    for (;;) {
        if (!tl_statements__step(statements, statement, &row, err))
            return false;
        if (!row)
            break;
        sum_row(out, table, statement, true);
    }
    sqlite3_reset(statement);
    return true;
}

bool tl_table_sums__verify(tl_statements *statements, tl_summed table, tl_summed_part part, tl_error *err)
{
    tl_row_sums stored, found;
    if (!read_sums(statements, table, &stored, err) || !sum_table(statements, table, part, &found, err))
        return false;
    return (found.count == stored.count && found.parts[part] == stored.parts[part]) ||
           tl_fail(err, TL_ERROR_CORRUPT,
                   "table %s: expected %" PRIu64 " rows with %s of sum %016" PRIx64 ", found %" PRIu64 " with %016" PRIx64,
                   tables[table].name, stored.count, part == TL_SUMMED_KEYS ? "keys in their index" : "columns",
                   stored.parts[part], found.count, found.parts[part]);
}

bool tl_table_sums__make(sqlite3 *database, tl_error *err)
{
    bool ok = true;
    tl_statements statements = tl_catalogue__statements(database);
    for (int i = 0; ok && i < TL_SUMMED_COUNT; i++) {
        tl_row_sums sums;
        ok =
            sum_table(&statements, (tl_summed)i, TL_SUMMED_ROWS, &sums, err) && write_sums(&statements, (tl_summed)i, &sums, err);
    }
    tl_statements__clear(&statements);
    return ok;
}

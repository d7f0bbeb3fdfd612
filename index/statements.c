/* Owns how a statement is made from its text and kept. */
#include "index/statements.h"

#include "base/core/memory.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SQL = 1 << 16 };

static bool append_quoted(tl_string *out, const char *before, const char *name, const char *after, size_t after_size,
                          tl_error *err)
{
    bool ok = tl_string_append(out, "\"", 1, err) && tl_string_append_text(out, before, err);
    for (const char *at = name; ok && *at != '\0'; at++)
        ok = tl_string_append(out, at, 1, err) && (*at != '"' || tl_string_append(out, at, 1, err));
    return ok && tl_string_append(out, after, after_size, err) && tl_string_append(out, "\"", 1, err);
}

static bool append_table(tl_string *out, const tl_names *names, const char *table, size_t size, tl_error *err)
{
    char ending[32];
    int written = snprintf(ending, sizeof ending, "%s%.*s", size != 0 ? "_" : "", (int)size, table);
    return append_quoted(out, "", names->prefix, ending, (size_t)written, err);
}

static bool append_index(tl_string *out, const tl_names *names, char number, tl_error *err)
{
    const char *ending = number == '1'           ? names->has_own_tables ? "_blocks_1" : "_blocks_of_list"
                         : names->has_own_tables ? "_blocks_2"
                                                 : "_blocks_by_count";
    return append_quoted(out, names->has_own_tables ? "sqlite_autoindex_" : "", names->prefix, ending, strlen(ending), err);
}

bool tl_statements__expand(const char *text, const tl_names *names, tl_string *out, tl_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    bool ok = true;
    while (ok && *text != '\0') {
        size_t plain = strcspn(text, "@#$~");
        ok = tl_string_append(out, text, plain, err);
        text += plain;
        if (!ok || *text == '\0')
            break;
        char mark = *text++;
        size_t size = mark == '@' || mark == '#' ? strspn(text, letters) : mark == '~' ? 1 : 0;
        if (mark == '@' || mark == '$')
            ok = append_quoted(out, "", names->schema, "", 0, err) && (mark == '$' || tl_string_append(out, ".", 1, err));
        if (mark == '@' || mark == '#')
            ok = ok && append_table(out, names, text, size, err);
        if (mark == '~')
            ok = append_index(out, names, *text, err);
        text += size;
    }
    return ok;
}

static bool prepare(tl_statements *statements, const char *text, sqlite3_stmt **out, tl_error *err)
{
    if (statements->names.prefix == NULL)
        return tl_database_prepare(statements->database, text, out, err);
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_statements__expand(text, &statements->names, &sql, err) &&
              tl_database_prepare(statements->database, sql.data, out, err);
    tl_string_clear(&sql);
    return ok;
}

sqlite3_stmt *tl_statements__get(tl_statements *statements, int which, tl_error *err)
{
    sqlite3_stmt **prepared = &statements->prepared[which];
    if (*prepared == NULL) {
        if (!prepare(statements, statements->texts[which], prepared, err))
            return NULL;
    } else {
        sqlite3_reset(*prepared);
        sqlite3_clear_bindings(*prepared);
    }
    return *prepared;
}

bool tl_statements__step(tl_statements *statements, sqlite3_stmt *statement, bool *row, tl_error *err)
{
    return tl_database_step(statements->database, statement, row, err);
}

bool tl_statements__run(tl_statements *statements, sqlite3_stmt *statement, tl_error *err)
{
    bool row = true;
    while (row)
        if (!tl_database_step(statements->database, statement, &row, err))
            return false;
    sqlite3_reset(statement);
    return true;
}

void tl_statements__rest(tl_statements *statements)
{
    for (size_t i = 0; i < TL_STATEMENT_LIMIT; i++)
        if (statements->prepared[i] != NULL)
            sqlite3_reset(statements->prepared[i]);
}

void tl_statements__clear(tl_statements *statements)
{
    for (size_t i = 0; i < TL_STATEMENT_LIMIT; i++) {
        sqlite3_finalize(statements->prepared[i]);
        statements->prepared[i] = NULL;
    }
}

void tl_statements__bind_text(sqlite3_stmt *statement, int position, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(statement, position, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, position);
}

bool tl_statements__run_integers(tl_statements *statements, int which, int64_t first, int64_t second, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(statements, which, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) >= 2)
        sqlite3_bind_int64(statement, 2, second);
    return tl_statements__run(statements, statement, err);
}

bool tl_ids__append(tl_ids *ids, int64_t id, tl_error *err)
{
    if (!tl_memory_reserve(&ids->items, &ids->capacity, ids->count + 1, sizeof *ids->items, err))
        return false;
    ids->items[ids->count++] = id;
    return true;
}

/* By bytes, the lowest first (radix sort), passing over bytes that all ids share. Signed: the highest byte counts from 0x80. */
bool tl_ids__sort(tl_ids *ids, tl_error *err)
{
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t different = 0;
    bool is_sorted = true;
    for (size_t i = 1; i < ids->count; i++) {
        different |= (uint64_t)(ids->items[i] ^ ids->items[0]);
        is_sorted = is_sorted && ids->items[i - 1] <= ids->items[i];
    }
    if (is_sorted)
        return true;
    int64_t *other = tl_memory_allocate(ids->count, sizeof *other, err), *items = ids->items;
    if (other == NULL)
        return false;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t starts[257] = {0};
        if ((different >> shift & 0xff) == 0)
            continue;
        for (size_t i = 0; i < ids->count; i++)
            starts[(((uint64_t)items[i] ^ sign) >> shift & 0xff) + 1]++;
        for (size_t byte = 0; byte < 256; byte++)
            starts[byte + 1] += starts[byte];
        for (size_t i = 0; i < ids->count; i++)
            other[starts[((uint64_t)items[i] ^ sign) >> shift & 0xff]++] = items[i];
        int64_t *swapped = items;
        items = other;
        other = swapped;
    }
    if (items != ids->items)
        memcpy(ids->items, items, ids->count * sizeof *items);
    tl_memory_free(items != ids->items ? items : other);
    return true;
}

void tl_ids__intersect(tl_ids *ids, const tl_ids *others)
{
    size_t kept = 0;
    for (size_t i = 0, j = 0; i < ids->count; i++) {
        while (j < others->count && others->items[j] < ids->items[i])
            j++;
        if (j < others->count && others->items[j] == ids->items[i])
            ids->items[kept++] = ids->items[i];
    }
    ids->count = kept;
}

bool tl_statements__collect_ids(tl_statements *statements, sqlite3_stmt *statement, tl_ids *ids, tl_error *err)
{
    bool row = true;
    while (row) {
        if (!tl_database_step(statements->database, statement, &row, err))
            return false;
        if (row && !tl_ids__append(ids, sqlite3_column_int64(statement, 0), err))
            return false;
    }
    sqlite3_reset(statement);
    return true;
}

/*
 * Owns the reading of a condition. It becomes a part of one SELECT, between brackets and on lines of its own, and SQLite's
 * authorizer looks at all that it names while it is compiled: the three tables of the catalogue and functions of the list below.
 * Whatever brackets, quotes or comments it holds, what comes out is ids of rows.
 */
#include "index/catalogue/where.h"

#include "base/core/string.h"

#include <string.h>
#include <strings.h>

enum { MAX_SQL = 1 << 20, MAX_WHERE = 1 << 16 };

#define ITEM_COLUMNS                                                                                                   \
    "r.path AS root, i.path AS path, i.size AS size, i.modified_ns AS modified_ns, i.hash AS hash, i.width AS width, " \
    "i.height AS height, i.taken AS taken, i.camera AS camera, i.latitude AS latitude, i.longitude AS longitude, "     \
    "i.url AS url, i.split AS split"
/* Rows, not indexes: a search knows that the former are whole. */
#define ITEMS "FROM items i NOT INDEXED JOIN roots r NOT INDEXED ON r.id=i.root_id"

static const char *const starts[] = {
    [TL_VECTOR_IMAGE] = "SELECT id FROM (SELECT i.id AS id, (SELECT group_concat(text, char(10)) FROM captions WHERE "
                        "item_id=i.id) AS caption, " ITEM_COLUMNS " " ITEMS ") WHERE (\n",
    [TL_VECTOR_CAPTION] = "SELECT id FROM (SELECT c.id AS id, c.text AS caption, " ITEM_COLUMNS " " ITEMS
                          " JOIN captions c ON c.item_id=i.id) WHERE (\n",
};

/* Plain functions of their arguments. Those that make large values, read files or see the connection are not among them. */
static const char *const functions[] = {
    "abs",       "char",     "coalesce", "date",      "datetime", "glob",    "group_concat", "ifnull",    "iif",   "instr",
    "julianday", "length",   "like",     "lower",     "ltrim",    "max",     "min",          "nullif",    "round", "rtrim",
    "sign",      "strftime", "substr",   "substring", "time",     "trim",    "typeof",       "unixepoch", "upper", "sqrt",
    "floor",     "ceil",     "pow",      "cos",       "sin",      "radians", "acos",
};

static bool is_listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; name != NULL && i < count; i++)
        if (sqlite3_stricmp(names[i], name) == 0)
            return true;
    return false;
}

static int authorize(void *context, int action, const char *first, const char *second, const char *schema, const char *source)
{
    static const char *const tables[] = {"items", "roots", "captions"};
    (void)context;
    (void)schema;
    (void)source;
    switch (action) {
    case SQLITE_SELECT:
        return SQLITE_OK;
    case SQLITE_READ: /* a table without a name of its own is a subquery of the statement */
        return first == NULL || first[0] == '\0' || is_listed(tables, sizeof tables / sizeof tables[0], first) ? SQLITE_OK
                                                                                                               : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return is_listed(functions, sizeof functions / sizeof functions[0], second) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static bool fail(sqlite3 *database, tl_error *err)
{
    int code = sqlite3_errcode(database) & 0xff;
    if (code == SQLITE_ERROR || code == SQLITE_AUTH || code == SQLITE_RANGE || code == SQLITE_TOOBIG || code == SQLITE_MISMATCH)
        return tl_fail(err, TL_ERROR_INVALID, "where: %s", sqlite3_errmsg(database));
    return tl_database_fail(database, err);
}

static bool prepare(sqlite3 *database, const char *where, tl_vector_kind kind, sqlite3_stmt **out, tl_error *err)
{
    const char *rest = "";
    tl_string sql;
    tl_string_init(&sql, MAX_SQL);
    bool ok = tl_string_append_text(&sql, starts[kind], err) && tl_string_append_text(&sql, where, err) &&
              tl_string_append_text(&sql, "\n) ORDER BY id", err);
    if (ok) {
        sqlite3_set_authorizer(database, authorize, NULL);
        ok = sqlite3_prepare_v2(database, sql.data, -1, out, &rest) == SQLITE_OK || fail(database, err);
        sqlite3_set_authorizer(database, NULL, NULL);
    }
    if (ok && (*out == NULL || rest[strspn(rest, " \t\r\n;")] != '\0'))
        ok = tl_fail(err, TL_ERROR_INVALID, "where: expected one condition, found more after a ';'");
    if (ok && sqlite3_bind_parameter_count(*out) != 0)
        ok = tl_fail(err, TL_ERROR_INVALID, "where: expected values, found a parameter");
    tl_string_clear(&sql);
    return ok;
}

bool tl_where__reads_captions(const char *where, tl_vector_kind kind)
{
    static const char name[] = "caption"; /* the column, or the table */
    if (kind == TL_VECTOR_CAPTION)
        return true;
    for (; *where != '\0'; where++)
        if (strncasecmp(where, name, sizeof name - 1) == 0)
            return true;
    return false;
}

bool tl_where__ids(sqlite3 *database, const char *where, tl_vector_kind kind, tl_ids *ids, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (strlen(where) > MAX_WHERE)
        return tl_fail(err, TL_ERROR_INVALID, "where: expected at most %d bytes, found %zu", MAX_WHERE, strlen(where));
    bool ok = prepare(database, where, kind, &statement, err);
    int code = SQLITE_ROW;
    while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        /* A condition with brackets of its own may bring other rows than the statement meant, but no other order. */
        if (ids->count == 0 || ids->items[ids->count - 1] < id)
            ok = tl_ids__append(ids, id, err);
    }
    if (ok && code != SQLITE_DONE)
        ok = fail(database, err);
    sqlite3_finalize(statement);
    return ok;
}

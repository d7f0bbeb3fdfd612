/* Owns crawl.db: its schema and its statements. docs/FORMATS.md describes the tables for people. */
#include "crawler-import/crawl/frontier_internal.h"

#include "base/core/memory.h"
#include "base/core/string.h"

#include <stdio.h>

static const tl_migration migrations[] = {
    {1, "CREATE TABLE hosts(id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, waiting INTEGER NOT NULL,"
        " asked_for_sitemaps INTEGER NOT NULL);"
        "CREATE TABLE pages(id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, host_id INTEGER NOT NULL REFERENCES hosts(id),"
        " kind INTEGER NOT NULL, depth INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT);"
        "CREATE INDEX pages_waiting ON pages(host_id, kind DESC, depth, id) WHERE state = 0;"
        "CREATE TABLE contents(hash INTEGER PRIMARY KEY);"
        "CREATE TABLE shapes(hash INTEGER PRIMARY KEY, barren INTEGER NOT NULL);"
        "CREATE TABLE pictures(id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, pages INTEGER NOT NULL);"
        "CREATE TABLE pairs(id INTEGER PRIMARY KEY, picture_id INTEGER NOT NULL REFERENCES pictures(id), kind INTEGER NOT NULL,"
        " caption TEXT NOT NULL, page_id INTEGER NOT NULL REFERENCES pages(id), UNIQUE(picture_id, caption));"
        "CREATE TABLE counts(what TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(what, reason));"},
};

static const tl_database_schema schema = {.application_id = 0x544c6372, /* "TLcr" */
                                          .what = "crawl",
                                          .migrations = migrations,
                                          .migration_count = sizeof migrations / sizeof migrations[0]};

enum { WAITING, READ, FAILED, FAILED_FOR_NOW, FORGOTTEN }; /* pages.state */

typedef enum statement_name {
    ADD_HOST,
    FIND_HOST,
    ADD_PAGE,
    MOVE_UP,
    COUNT_WAITING,
    NEXT_HOST,
    NEXT_PAGE,
    ASK_SITEMAPS,
    SETTLE_PAGE,
    ADD_CONTENT,
    FIND_BARREN,
    NOTE_SHAPE,
    ADD_PICTURE,
    FIND_PICTURE,
    ADD_PAIR,
    COUNT_REASON,
    COUNT_SHOWN,
    STATEMENTS
} statement_name;

static const char *const statement_texts[STATEMENTS] = {
    [ADD_HOST] = "INSERT OR IGNORE INTO hosts(origin, waiting, asked_for_sitemaps) VALUES(?1, 0, 0)",
    [FIND_HOST] = "SELECT id FROM hosts WHERE origin = ?1",
    [ADD_PAGE] = "INSERT OR IGNORE INTO pages(url, host_id, kind, depth, state) VALUES(?1, ?2, ?3, ?4, 0)",
    [MOVE_UP] = "UPDATE pages SET depth = ?2 WHERE url = ?1 AND state = 0 AND depth > ?2",
    [COUNT_WAITING] = "UPDATE hosts SET waiting = waiting + ?2 WHERE id = ?1",
    [NEXT_HOST] = "SELECT id FROM hosts WHERE waiting > 0 AND id >= ?1 ORDER BY id LIMIT 1",
    [NEXT_PAGE] = "SELECT id, kind, depth, url FROM pages WHERE host_id = ?1 AND state = 0 ORDER BY kind DESC, depth, id LIMIT 1",
    [ASK_SITEMAPS] = "UPDATE hosts SET asked_for_sitemaps = 1 WHERE id = ?1 AND asked_for_sitemaps = 0",
    [SETTLE_PAGE] = "UPDATE pages SET state = ?2, reason = ?3 WHERE id = ?1 AND state = 0 RETURNING host_id",
    [ADD_CONTENT] = "INSERT OR IGNORE INTO contents(hash) VALUES(?1)",
    [FIND_BARREN] = "SELECT barren FROM shapes WHERE hash = ?1",
    [NOTE_SHAPE] = ("INSERT INTO shapes(hash, barren) VALUES(?1, ?2) ON CONFLICT(hash) DO UPDATE SET barren ="
                    " CASE WHEN ?2 = 0 THEN 0 ELSE barren + 1 END"),
    [ADD_PICTURE] = "INSERT INTO pictures(url, pages) VALUES(?1, 0) ON CONFLICT DO NOTHING",
    [FIND_PICTURE] = "SELECT id FROM pictures WHERE url = ?1",
    [ADD_PAIR] = "INSERT OR IGNORE INTO pairs(picture_id, kind, caption, page_id) VALUES(?1, ?2, ?3, ?4)",
    [COUNT_SHOWN] = "UPDATE pictures SET pages = pages + 1 WHERE url = ?1",
    [COUNT_REASON] = "INSERT INTO counts(what, reason, count) VALUES(?1, ?2, 1) ON CONFLICT DO UPDATE SET count = count + 1",
};

struct tl_frontier {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
};

sqlite3 *tl_frontier__database(tl_frontier *frontier)
{
    return frontier->database;
}

bool tl_frontier_open(const char *folder, tl_frontier **out, tl_error *err)
{
    tl_frontier *frontier = tl_memory_allocate(1, sizeof *frontier, err);
    char *path = frontier != NULL ? tl_path_join(folder, "crawl.db", err) : NULL;
    bool ok = path != NULL && tl_database_open(path, &schema, TL_DATABASE_CREATE, &frontier->database, err) &&
              /* A power cut may take the last pages back, no more: they are asked for again. */
              tl_database_execute(frontier->database, "PRAGMA synchronous=NORMAL", err);
    for (size_t i = 0; ok && i < STATEMENTS; i++)
        ok = tl_database_prepare(frontier->database, statement_texts[i], &frontier->statements[i], err);
    if (!ok && path != NULL)
        tl_fail_within(err, "'%s'", path);
    tl_memory_free(path);
    if (ok)
        *out = frontier;
    else
        tl_frontier_close(frontier);
    return ok;
}

void tl_frontier_close(tl_frontier *frontier)
{
    if (frontier == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(frontier->statements[i]);
    if (frontier->database != NULL && !sqlite3_get_autocommit(frontier->database))
        sqlite3_exec(frontier->database, "ROLLBACK", NULL, NULL, NULL);
    tl_database_close(frontier->database);
    tl_memory_free(frontier);
}

bool tl_frontier_begin(tl_frontier *frontier, tl_error *err)
{
    return tl_database_execute(frontier->database, "BEGIN IMMEDIATE", err);
}

bool tl_frontier_commit(tl_frontier *frontier, tl_error *err)
{
    return tl_database_execute(frontier->database, "COMMIT", err);
}

static sqlite3_stmt *fresh(tl_frontier *frontier, statement_name name)
{
    sqlite3_reset(frontier->statements[name]);
    return frontier->statements[name];
}

static void bind_text(sqlite3_stmt *statement, int place, tl_slice text)
{
    sqlite3_bind_text(statement, place, text.data, (int)text.size, SQLITE_STATIC);
}

/* Runs a statement that gives no rows that matter; *changed (may be NULL): whether a row was changed. */
static bool run(tl_frontier *frontier, sqlite3_stmt *statement, bool *changed, tl_error *err)
{
    bool row = true;
    bool ok = true;
    while (ok && row)
        ok = tl_database_step(frontier->database, statement, &row, err);
    sqlite3_reset(statement);
    if (ok && changed != NULL)
        *changed = sqlite3_changes(frontier->database) != 0;
    return ok;
}

/* The one number that a statement gives; *found may be NULL where it must be there. */
static bool read_number(tl_frontier *frontier, sqlite3_stmt *statement, int64_t *number, bool *found, tl_error *err)
{
    bool row = false;
    bool ok = tl_database_step(frontier->database, statement, &row, err);
    if (ok && row)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (ok && found != NULL)
        *found = row;
    return ok && (row || found != NULL ||
                  tl_fail(err, TL_ERROR_CORRUPT, "crawl.db: expected the row that was just written, found none"));
}

static bool put_host(tl_frontier *frontier, tl_slice origin, int64_t *id, tl_error *err)
{
    sqlite3_stmt *find = fresh(frontier, FIND_HOST);
    bool found = false;
    bind_text(find, 1, origin);
    if (!read_number(frontier, find, id, &found, err))
        return false;
    if (found)
        return true;
    sqlite3_stmt *add = fresh(frontier, ADD_HOST);
    bind_text(add, 1, origin);
    return run(frontier, add, NULL, err) && read_number(frontier, find, id, NULL, err);
}

static bool count_waiting(tl_frontier *frontier, int64_t host_id, int more, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, COUNT_WAITING);
    sqlite3_bind_int64(statement, 1, host_id);
    sqlite3_bind_int(statement, 2, more);
    return run(frontier, statement, NULL, err);
}

bool tl_frontier_add(tl_frontier *frontier, tl_frontier_kind kind, const char *url, unsigned depth, bool *is_new, tl_error *err)
{
    int64_t host_id = 0;
    bool added = false;
    if (!put_host(frontier, tl_link_split(url).origin, &host_id, err))
        return false;
    sqlite3_stmt *statement = fresh(frontier, ADD_PAGE);
    bind_text(statement, 1, tl_slice_of(url));
    sqlite3_bind_int64(statement, 2, host_id);
    sqlite3_bind_int(statement, 3, (int)kind);
    sqlite3_bind_int64(statement, 4, depth);
    if (!run(frontier, statement, &added, err))
        return false;
    if (is_new != NULL)
        *is_new = added;
    if (added)
        return count_waiting(frontier, host_id, 1, err);
    sqlite3_stmt *move = fresh(frontier, MOVE_UP);
    bind_text(move, 1, tl_slice_of(url));
    sqlite3_bind_int64(move, 2, depth);
    return run(frontier, move, NULL, err);
}

bool tl_frontier_next_host(tl_frontier *frontier, int64_t from, int64_t *host_id, bool *found, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, NEXT_HOST);
    sqlite3_bind_int64(statement, 1, from);
    return read_number(frontier, statement, host_id, found, err);
}

bool tl_frontier_next(tl_frontier *frontier, int64_t host_id, tl_frontier_page *out, bool *found, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, NEXT_PAGE);
    sqlite3_bind_int64(statement, 1, host_id);
    if (!tl_database_step(frontier->database, statement, found, err))
        return false;
    if (*found) {
        *out = (tl_frontier_page){.id = sqlite3_column_int64(statement, 0),
                                  .host_id = host_id,
                                  .kind = sqlite3_column_int(statement, 1) != 0 ? TL_FRONTIER_SITEMAP : TL_FRONTIER_PAGE,
                                  .depth = (unsigned)sqlite3_column_int64(statement, 2)};
        snprintf(out->url, sizeof out->url, "%s", tl_row_text(statement, 3));
    }
    sqlite3_reset(statement);
    return true;
}

bool tl_frontier_take_sitemaps(tl_frontier *frontier, int64_t host_id, bool *is_first, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, ASK_SITEMAPS);
    sqlite3_bind_int64(statement, 1, host_id);
    return run(frontier, statement, is_first, err);
}

static bool leave_queue(tl_frontier *frontier, int64_t page_id, int state, const char *reason, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, SETTLE_PAGE);
    int64_t host_id = 0;
    bool was_waiting = false;
    sqlite3_bind_int64(statement, 1, page_id);
    sqlite3_bind_int(statement, 2, state);
    sqlite3_bind_text(statement, 3, reason, -1, SQLITE_STATIC);
    return read_number(frontier, statement, &host_id, &was_waiting, err) &&
           (!was_waiting || count_waiting(frontier, host_id, -1, err));
}

bool tl_frontier_settle(tl_frontier *frontier, int64_t page_id, const char *reason, bool is_for_later, tl_error *err)
{
    return leave_queue(frontier, page_id, reason == NULL ? READ : is_for_later ? FAILED_FOR_NOW : FAILED, reason, err);
}

bool tl_frontier_forget(tl_frontier *frontier, int64_t page_id, tl_error *err)
{
    return leave_queue(frontier, page_id, FORGOTTEN, NULL, err);
}

bool tl_frontier_retry(tl_frontier *frontier, tl_error *err)
{
    return tl_database_execute(frontier->database,
                               "UPDATE pages SET state = 0, reason = NULL WHERE state >= 3;"
                               "UPDATE hosts SET waiting = (SELECT count(*) FROM pages WHERE host_id = hosts.id"
                               " AND state = 0)",
                               err);
}

bool tl_frontier_add_content(tl_frontier *frontier, uint64_t content_hash, bool *is_copy, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, ADD_CONTENT);
    bool is_new = false;
    sqlite3_bind_int64(statement, 1, (int64_t)content_hash);
    if (!run(frontier, statement, &is_new, err))
        return false;
    *is_copy = !is_new;
    return true;
}

bool tl_frontier_barren(tl_frontier *frontier, int64_t shape, uint64_t *count, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, FIND_BARREN);
    int64_t barren = 0;
    bool found;
    sqlite3_bind_int64(statement, 1, shape);
    if (!read_number(frontier, statement, &barren, &found, err))
        return false;
    *count = barren > 0 ? (uint64_t)barren : 0;
    return true;
}

bool tl_frontier_note(tl_frontier *frontier, int64_t shape, bool has_yielded, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, NOTE_SHAPE);
    sqlite3_bind_int64(statement, 1, shape);
    sqlite3_bind_int(statement, 2, has_yielded ? 0 : 1);
    return run(frontier, statement, NULL, err);
}

bool tl_frontier_add_pair(tl_frontier *frontier, const char *picture_url, tl_caption_kind kind, tl_slice caption, int64_t page_id,
                          bool *is_new, tl_error *err)
{
    sqlite3_stmt *picture = fresh(frontier, ADD_PICTURE);
    sqlite3_stmt *find = fresh(frontier, FIND_PICTURE);
    sqlite3_stmt *pair = fresh(frontier, ADD_PAIR);
    int64_t picture_id = 0;
    bind_text(picture, 1, tl_slice_of(picture_url));
    bind_text(find, 1, tl_slice_of(picture_url));
    if (!run(frontier, picture, NULL, err) || !read_number(frontier, find, &picture_id, NULL, err))
        return false;
    sqlite3_bind_int64(pair, 1, picture_id);
    sqlite3_bind_int(pair, 2, (int)kind);
    bind_text(pair, 3, caption);
    sqlite3_bind_int64(pair, 4, page_id);
    return run(frontier, pair, is_new, err);
}

bool tl_frontier_count_shown(tl_frontier *frontier, const char *picture_url, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, COUNT_SHOWN);
    bind_text(statement, 1, tl_slice_of(picture_url));
    return run(frontier, statement, NULL, err);
}

bool tl_frontier_count(tl_frontier *frontier, const char *what, const char *reason, tl_error *err)
{
    sqlite3_stmt *statement = fresh(frontier, COUNT_REASON);
    bind_text(statement, 1, tl_slice_of(what));
    bind_text(statement, 2, tl_slice_of(reason));
    return run(frontier, statement, NULL, err);
}

bool tl_frontier_total(tl_frontier *frontier, tl_frontier_totals *out, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok =
        tl_database_prepare(frontier->database,
                            "SELECT coalesce(sum(kind = 0 AND state IN (1, 2, 3)), 0), coalesce(sum(kind = 0 AND state = 1), 0),"
                            " coalesce(sum(state = 0), 0), (SELECT count(*) FROM pictures), (SELECT count(*) FROM pairs)"
                            " FROM pages",
                            &statement, err) &&
        tl_database_step(frontier->database, statement, &row, err);
    if (ok && row)
        *out = (tl_frontier_totals){.pages = (uint64_t)sqlite3_column_int64(statement, 0),
                                    .good_pages = (uint64_t)sqlite3_column_int64(statement, 1),
                                    .waiting = (uint64_t)sqlite3_column_int64(statement, 2),
                                    .pictures = (uint64_t)sqlite3_column_int64(statement, 3),
                                    .pairs = (uint64_t)sqlite3_column_int64(statement, 4)};
    sqlite3_finalize(statement);
    return ok;
}

bool tl_frontier_each_reason(tl_frontier *frontier, const char *what,
                             bool (*visit)(void *context, const char *reason, uint64_t count), void *context, tl_error *err)
{
    bool is_of_pages = strcmp(what, "page") == 0;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok =
        tl_database_prepare(frontier->database,
                            is_of_pages ? "SELECT reason, count(*) AS count FROM pages WHERE reason IS NOT NULL AND kind = 0"
                                          " GROUP BY reason ORDER BY count DESC, reason"
                                        : "SELECT reason, count FROM counts WHERE what = ?1 ORDER BY count DESC, reason",
                            &statement, err);
    if (ok && !is_of_pages)
        sqlite3_bind_text(statement, 1, what, -1, SQLITE_STATIC);
    while (ok && (ok = tl_database_step(frontier->database, statement, &row, err)) && row) {
        if (!visit(context, tl_row_text(statement, 0), tl_row_count(statement, 1)))
            break;
    }
    sqlite3_finalize(statement);
    return ok;
}

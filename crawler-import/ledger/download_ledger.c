/* Owns the statements over the tables of downloads (TL_LEDGER_DOWNLOAD_TABLES). */
#include "crawler-import/ledger/download_ledger.h"

#include "base/core/memory.h"
#include "crawler-import/ledger/ledger_internal.h"

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

static bool prepare(tl_ledger *ledger, const char *sql, sqlite3_stmt **statement, tl_error *err)
{
    return tl_database_prepare(ledger->database, sql, statement, err);
}

/* Runs a prepared statement once more with what is bound. */
static bool run_again(tl_ledger *ledger, sqlite3_stmt *statement, tl_error *err)
{
    bool row = false;
    bool ok = tl_database_step(ledger->database, statement, &row, err);
    sqlite3_reset(statement);
    return ok;
}

bool tl_ledger__check_no_download(tl_ledger *ledger, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = prepare(ledger, "SELECT sources FROM lists WHERE state <> 'done'", &statement, err) &&
              tl_database_step(ledger->database, statement, &row, err);
    if (ok && row)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': the download of %s is not finished; run its command to its end first",
                     ledger->path, tl_row_text(statement, 0));
    sqlite3_finalize(statement);
    return ok;
}

typedef struct comparison {
    const tl_json *other;
    const char *differing;
    tl_error failure; /* why they could not be compared, when none differs */
    tl_string text, other_text;
} comparison;

static bool compare_member(void *context, const char *name, const tl_json *value)
{
    comparison *both = context;
    const tl_json *other = tl_json_member(both->other, name);
    tl_string_reset(&both->text);
    tl_string_reset(&both->other_text);
    if (!tl_json_write(value, TL_JSON_COMPACT, &both->text, &both->failure) ||
        (other != NULL && !tl_json_write(other, TL_JSON_COMPACT, &both->other_text, &both->failure)))
        return false;
    if (other != NULL && strcmp(both->text.data, both->other_text.data) == 0)
        return true;
    both->differing = name;
    return false;
}

/* The setting that differs stays in both. */
static bool are_same_settings(comparison *both, const tl_json *settings, const tl_json *begun)
{
    both->other = begun;
    if (!tl_json_each_member(settings, compare_member, both))
        return false;
    /* Those that were set then and are not now: compared the other way round, so the texts change places. */
    both->other = settings;
    if (tl_json_each_member(begun, compare_member, both))
        return true;
    tl_string then = both->text;
    both->text = both->other_text;
    both->other_text = then;
    return false;
}

static bool check_settings(tl_ledger *ledger, const char *begun_with, const tl_json *settings, tl_error *err)
{
    tl_json *begun = NULL;
    comparison both = {0};
    if (!tl_json_parse((tl_slice){begun_with, strlen(begun_with)}, "settings", &begun, err))
        return tl_fail_within(err, "'%s'", ledger->path);
    tl_string_init(&both.text, (size_t)1 << 20);
    tl_string_init(&both.other_text, (size_t)1 << 20);
    bool ok = are_same_settings(&both, settings, begun);
    if (!ok && both.differing == NULL)
        tl_fail_as(err, &both.failure);
    else if (!ok)
        tl_fail(err, TL_ERROR_INVALID,
                "'%s': the list was begun with other settings: %s was %s, is %s; go on with the same ones or into a new dataset",
                ledger->path, both.differing, both.other_text.size != 0 ? both.other_text.data : "not set",
                both.text.size != 0 ? both.text.data : "not set");
    tl_string_clear(&both.text);
    tl_string_clear(&both.other_text);
    tl_json_free(begun);
    return ok;
}

static bool read_next_shard(tl_ledger *ledger, uint64_t *number, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = prepare(ledger,
                      "SELECT max((SELECT coalesce(max(number) + 1, 0) FROM shards),"
                      " (SELECT coalesce(max(first_shard + shard_count), 0) FROM lists))",
                      &statement, err) &&
              tl_database_step(ledger->database, statement, &row, err);
    if (ok)
        *number = tl_row_count(statement, 0);
    sqlite3_finalize(statement);
    return ok;
}

static bool add_list(tl_ledger *ledger, const char *sources, const char *settings, tl_listed *out, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!tl_ledger__check_no_download(ledger, err) || !read_next_shard(ledger, &out->first_shard, err) ||
        !prepare(ledger, "INSERT INTO lists(sources, settings, first_shard, state) VALUES(?1, ?2, ?3, 'reading')", &statement,
                 err))
        return false;
    bind_text(statement, 1, sources);
    bind_text(statement, 2, settings);
    sqlite3_bind_int64(statement, 3, (int64_t)out->first_shard);
    bool ok = tl_ledger__run_once(ledger, statement, err);
    out->id = sqlite3_last_insert_rowid(ledger->database);
    out->is_done = false;
    return ok;
}

bool tl_download_ledger_begin(tl_ledger *ledger, const char *sources, const tl_json *settings, tl_listed *out, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    tl_string text;
    tl_string_init(&text, (size_t)1 << 20);
    bool ok = tl_json_write(settings, TL_JSON_COMPACT, &text, err) &&
              prepare(ledger, "SELECT id, first_shard, state = 'done', settings FROM lists WHERE sources = ?1", &statement, err);
    if (ok) {
        bind_text(statement, 1, sources);
        ok = tl_database_step(ledger->database, statement, &row, err);
    }
    if (ok && row) {
        *out = (tl_listed){sqlite3_column_int64(statement, 0), tl_row_count(statement, 1), sqlite3_column_int(statement, 2) != 0};
        ok = check_settings(ledger, tl_row_text(statement, 3), settings, err);
    } else if (ok) {
        ok = add_list(ledger, sources, text.data, out, err);
    }
    sqlite3_finalize(statement);
    tl_string_clear(&text);
    return ok;
}

bool tl_download_ledger_finish(tl_ledger *ledger, int64_t list_id, uint64_t shard_count, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!prepare(ledger, "UPDATE lists SET state = 'done', shard_count = ?2 WHERE id = ?1", &statement, err))
        return false;
    sqlite3_bind_int64(statement, 1, list_id);
    sqlite3_bind_int64(statement, 2, (int64_t)shard_count);
    return tl_ledger__run_once(ledger, statement, err);
}

static unsigned char *little_endian(const uint64_t *hashes, size_t count, tl_error *err)
{
    unsigned char *bytes = tl_memory_allocate(count, 8, err);
    for (size_t i = 0; bytes != NULL && i < count; i++)
        for (size_t byte = 0; byte < 8; byte++)
            bytes[i * 8 + byte] = (unsigned char)(hashes[i] >> (8 * byte));
    return bytes;
}

static bool put_shard(tl_ledger *ledger, int64_t list_id, const tl_finished_shard *shard, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!prepare(ledger,
                 "INSERT INTO shards(number, name, samples, bytes, state) VALUES(?1, ?2, ?3, ?4, 'done')"
                 " ON CONFLICT(number) DO UPDATE SET samples = excluded.samples, bytes = excluded.bytes",
                 &statement, err))
        return false;
    sqlite3_bind_int64(statement, 1, (int64_t)shard->number);
    bind_text(statement, 2, shard->name);
    sqlite3_bind_int64(statement, 3, (int64_t)shard->samples);
    sqlite3_bind_int64(statement, 4, (int64_t)shard->bytes);
    if (!tl_ledger__run_once(ledger, statement, err))
        return false;
    unsigned char *urls = little_endian(shard->url_hashes, shard->url_count, err);
    unsigned char *pictures = urls != NULL ? little_endian(shard->picture_hashes, shard->picture_count, err) : NULL;
    bool ok = pictures != NULL &&
              prepare(ledger,
                      "INSERT OR REPLACE INTO list_shards(shard, list_id, row_count, next_row, url_hashes, picture_hashes)"
                      " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                      &statement, err);
    if (ok) {
        sqlite3_bind_int64(statement, 1, (int64_t)shard->number);
        sqlite3_bind_int64(statement, 2, list_id);
        sqlite3_bind_int64(statement, 3, (int64_t)shard->row_count);
        sqlite3_bind_int64(statement, 4, (int64_t)shard->next_row);
        sqlite3_bind_blob64(statement, 5, urls, shard->url_count * 8, SQLITE_STATIC);
        sqlite3_bind_blob64(statement, 6, pictures, shard->picture_count * 8, SQLITE_STATIC);
        ok = tl_ledger__run_once(ledger, statement, err);
    }
    tl_memory_free(urls);
    tl_memory_free(pictures);
    return ok;
}

/* Removes what an earlier writing of the shard left in a table. */
static bool forget(tl_ledger *ledger, const char *sql, uint64_t shard, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!prepare(ledger, sql, &statement, err))
        return false;
    sqlite3_bind_int64(statement, 1, (int64_t)shard);
    return tl_ledger__run_once(ledger, statement, err);
}

static bool put_failed(tl_ledger *ledger, const tl_finished_shard *shard, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool ok =
        forget(ledger, "DELETE FROM failed_rows WHERE shard = ?1", shard->number, err) &&
        prepare(
            ledger,
            "INSERT INTO failed_rows(shard, row, origin, host, status, reason, worth_retry) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &statement, err);
    for (size_t i = 0; ok && i < shard->failed_count; i++) {
        const tl_failed_row *failed = &shard->failed[i];
        sqlite3_bind_int64(statement, 1, (int64_t)shard->number);
        sqlite3_bind_int64(statement, 2, failed->row);
        bind_text(statement, 3, failed->origin);
        bind_text(statement, 4, failed->host);
        bind_text(statement, 5, failed->status);
        bind_text(statement, 6, failed->reason);
        sqlite3_bind_int(statement, 7, failed->is_worth_retry);
        ok = run_again(ledger, statement, err);
    }
    sqlite3_finalize(statement);
    return ok;
}

static bool put_hosts(tl_ledger *ledger, const tl_finished_shard *shard, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool ok =
        forget(ledger, "DELETE FROM shard_hosts WHERE shard = ?1", shard->number, err) &&
        prepare(ledger, "INSERT INTO shard_hosts(shard, host, good, failed, bytes) VALUES(?1, ?2, ?3, ?4, ?5)", &statement, err);
    for (size_t i = 0; ok && i < shard->host_count; i++) {
        sqlite3_bind_int64(statement, 1, (int64_t)shard->number);
        bind_text(statement, 2, shard->hosts[i].host);
        sqlite3_bind_int64(statement, 3, (int64_t)shard->hosts[i].good);
        sqlite3_bind_int64(statement, 4, (int64_t)shard->hosts[i].failed);
        sqlite3_bind_int64(statement, 5, (int64_t)shard->hosts[i].bytes);
        ok = run_again(ledger, statement, err);
    }
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_add_shard(tl_ledger *ledger, int64_t list_id, const tl_finished_shard *shard, tl_error *err)
{
    if (!tl_database_execute(ledger->database, "BEGIN IMMEDIATE", err))
        return false;
    if (put_shard(ledger, list_id, shard, err) && put_failed(ledger, shard, err) && put_hosts(ledger, shard, err) &&
        tl_ledger_commit(ledger, err))
        return true;
    sqlite3_exec(ledger->database, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool tl_download_ledger_each_shard(tl_ledger *ledger, int64_t list_id,
                                   bool (*visit)(void *context, const tl_finished_place *place, tl_error *err), void *context,
                                   tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok =
        prepare(ledger,
                "SELECT shard, row_count, next_row, (SELECT count(*) FROM failed_rows WHERE failed_rows.shard = list_shards.shard"
                " AND worth_retry) FROM list_shards WHERE list_id = ?1 ORDER BY shard",
                &statement, err);
    if (ok)
        sqlite3_bind_int64(statement, 1, list_id);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row) {
        const tl_finished_place place = {tl_row_count(statement, 0), tl_row_count(statement, 1), tl_row_count(statement, 2),
                                         tl_row_count(statement, 3)};
        ok = visit(context, &place, err);
    }
    sqlite3_finalize(statement);
    return ok;
}

static uint64_t hash_at(const unsigned char *bytes, size_t place)
{
    uint64_t hash = 0;
    for (size_t byte = 0; byte < 8; byte++)
        hash |= (uint64_t)bytes[place * 8 + byte] << (8 * byte);
    return hash;
}

bool tl_download_ledger_each_known_url(tl_ledger *ledger, int64_t before_list,
                                       bool (*visit)(void *context, uint64_t hash, tl_error *err), void *context, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = prepare(ledger, "SELECT url_hashes FROM list_shards WHERE list_id < ?1 ORDER BY shard", &statement, err);
    if (ok)
        sqlite3_bind_int64(statement, 1, before_list);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row) {
        const unsigned char *bytes = sqlite3_column_blob(statement, 0);
        size_t count = (size_t)sqlite3_column_bytes(statement, 0) / 8;
        for (size_t i = 0; ok && i < count; i++)
            ok = visit(context, hash_at(bytes, i), err);
    }
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_each_picture(tl_ledger *ledger,
                                     bool (*visit)(void *context, uint64_t shard, uint64_t hash, tl_error *err), void *context,
                                     tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = prepare(ledger, "SELECT shard, picture_hashes FROM list_shards ORDER BY shard", &statement, err);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row) {
        uint64_t shard = tl_row_count(statement, 0);
        const unsigned char *bytes = sqlite3_column_blob(statement, 1);
        size_t count = (size_t)sqlite3_column_bytes(statement, 1) / 8;
        for (size_t i = 0; ok && i < count; i++)
            ok = visit(context, shard, hash_at(bytes, i), err);
    }
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_each_failed(tl_ledger *ledger, uint64_t shard,
                                    bool (*visit)(void *context, const tl_failed_row *row, tl_error *err), void *context,
                                    tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok =
        prepare(ledger, "SELECT row, origin, host, status, reason, worth_retry FROM failed_rows WHERE shard = ?1 ORDER BY row",
                &statement, err);
    if (ok)
        sqlite3_bind_int64(statement, 1, (int64_t)shard);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row) {
        const tl_failed_row failed = {(uint32_t)tl_row_count(statement, 0),
                                      tl_row_text(statement, 1),
                                      tl_row_text(statement, 2),
                                      tl_row_text(statement, 3),
                                      tl_row_text(statement, 4),
                                      sqlite3_column_int(statement, 5) != 0};
        ok = visit(context, &failed, err);
    }
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_sum(tl_ledger *ledger, int64_t list_id, uint64_t *samples, uint64_t *shards, uint64_t *bytes,
                            tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    bool ok = prepare(ledger,
                      "SELECT coalesce(sum(samples), 0), count(*), coalesce(sum(bytes), 0) FROM shards JOIN list_shards"
                      " ON shard = number WHERE list_id = ?1",
                      &statement, err);
    if (ok)
        sqlite3_bind_int64(statement, 1, list_id);
    ok = ok && tl_database_step(ledger->database, statement, &row, err);
    if (ok) {
        *samples = tl_row_count(statement, 0);
        *shards = tl_row_count(statement, 1);
        *bytes = tl_row_count(statement, 2);
    }
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_each_reason(tl_ledger *ledger, int64_t list_id,
                                    bool (*visit)(void *context, const char *reason, uint64_t count, tl_error *err),
                                    void *context, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    bool ok = prepare(ledger,
                      "SELECT reason, count(*) FROM failed_rows JOIN list_shards USING(shard) WHERE list_id = ?1 GROUP BY reason"
                      " ORDER BY reason",
                      &statement, err);
    if (ok)
        sqlite3_bind_int64(statement, 1, list_id);
    while (ok && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        ok = visit(context, tl_row_text(statement, 0), tl_row_count(statement, 1), err);
    sqlite3_finalize(statement);
    return ok;
}

bool tl_download_ledger_add_run(tl_ledger *ledger, int64_t list_id, double seconds, uint64_t rows, uint64_t stored,
                                uint64_t received_bytes, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    if (!prepare(ledger, "INSERT INTO runs(list_id, seconds, rows, stored, received_bytes) VALUES(?1, ?2, ?3, ?4, ?5)",
                 &statement, err))
        return false;
    sqlite3_bind_int64(statement, 1, list_id);
    sqlite3_bind_double(statement, 2, seconds);
    sqlite3_bind_int64(statement, 3, (int64_t)rows);
    sqlite3_bind_int64(statement, 4, (int64_t)stored);
    sqlite3_bind_int64(statement, 5, (int64_t)received_bytes);
    return tl_ledger__run_once(ledger, statement, err);
}

bool tl_download_ledger_each_origin(tl_ledger *ledger, bool (*visit)(void *context, const char *origin, const char *reason),
                                    void *context, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    /* A ledger that is only read may be of a version before downloads. */
    bool ok = prepare(ledger, "SELECT 1 FROM sqlite_schema WHERE name = 'failed_rows'", &statement, err) &&
              tl_database_step(ledger->database, statement, &row, err);
    sqlite3_finalize(statement);
    statement = NULL;
    ok = ok && (!row || prepare(ledger, "SELECT origin, reason FROM failed_rows ORDER BY shard, row", &statement, err));
    while (ok && row && (ok = tl_database_step(ledger->database, statement, &row, err)) && row)
        if (!visit(context, tl_row_text(statement, 0), tl_row_text(statement, 1)))
            break;
    sqlite3_finalize(statement);
    return ok;
}

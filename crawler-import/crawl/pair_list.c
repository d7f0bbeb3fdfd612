/*
 * Owns what only the whole crawl can tell of a caption: ends that a site adds to all ("... | Fox Gazette"), captions of many
 * pictures (ALIGN drops those of more than ten), pictures of many captions, which are placeholders, and pictures of every page,
 * which are the site's furniture. Temporary tables of SQLite hold it, so that memory does not grow with the crawl.
 */
#include "crawler-import/crawl/pair_list.h"

#include "base/core/hash.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "base/io/mapping.h"
#include "crawler-import/crawl/frontier_internal.h"

enum { MAX_CAPTION = 65536, DEFAULT_REPEATS = 10 };

static const char *const joints[] = {" | ",  " - ",        " \xe2\x80\x93 ", " \xe2\x80\x94 ",
                                     " :: ", " \xc2\xb7 ", " \xc2\xbb ",     " \xe2\x80\xa2 "};

/* Where the last joint of a caption begins; its size when there is none. */
static size_t end_of_body(tl_slice caption)
{
    size_t best = caption.size;
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++) {
        size_t size = strlen(joints[i]);
        for (size_t at = caption.size; at > size; at--)
            if (memcmp(caption.data + at - size, joints[i], size) == 0) {
                if (best == caption.size || at - size > best)
                    best = at - size;
                break;
            }
    }
    return best;
}

static tl_slice column(sqlite3_stmt *statement, int place)
{
    const unsigned char *text = sqlite3_column_text(statement, place);
    return text != NULL ? (tl_slice){(const char *)text, (size_t)sqlite3_column_bytes(statement, place)} : (tl_slice){"", 0};
}

static bool run(sqlite3 *database, sqlite3_stmt *statement, tl_error *err)
{
    bool row;
    bool ok = tl_database_step(database, statement, &row, err);
    sqlite3_reset(statement);
    return ok;
}

/* Fills tails with the ends of all captions and how many different captions have each. */
static bool count_tails(sqlite3 *database, tl_error *err)
{
    sqlite3_stmt *read = NULL;
    sqlite3_stmt *count = NULL;
    bool row = false;
    bool ok =
        tl_database_prepare(database, "SELECT DISTINCT caption FROM pairs", &read, err) &&
        tl_database_prepare(database, "INSERT INTO temp.tails VALUES(?1, 1) ON CONFLICT(tail) DO UPDATE SET count = count + 1",
                            &count, err);
    while (ok && (ok = tl_database_step(database, read, &row, err)) && row) {
        tl_slice caption = column(read, 0);
        size_t body = end_of_body(caption);
        if (body == caption.size)
            continue;
        sqlite3_bind_text(count, 1, caption.data + body, (int)(caption.size - body), SQLITE_STATIC);
        ok = run(database, count, err);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(count);
    return ok;
}

/* Cuts the caption's end when more than most_repeats captions have it. */
static bool cut_tail(sqlite3 *database, sqlite3_stmt *find, uint64_t most_repeats, tl_slice *caption, tl_error *err)
{
    size_t body = end_of_body(*caption);
    bool row = false;
    if (body == caption->size)
        return true;
    sqlite3_bind_text(find, 1, caption->data + body, (int)(caption->size - body), SQLITE_STATIC);
    bool ok = tl_database_step(database, find, &row, err);
    if (ok && row && sqlite3_column_int64(find, 0) > (int64_t)most_repeats)
        caption->size = body;
    sqlite3_reset(find);
    return ok;
}

/* Fills kept with the captions as they end up. */
static bool keep_captions(sqlite3 *database, const tl_pair_list_options *options, uint64_t most_repeats,
                          tl_pair_list_report *report, tl_error *err)
{
    sqlite3_stmt *read = NULL;
    sqlite3_stmt *find = NULL;
    sqlite3_stmt *keep = NULL;
    tl_string cleaned;
    bool row = false;
    tl_string_init(&cleaned, MAX_CAPTION);
    bool ok = tl_database_prepare(database,
                                  "SELECT pairs.caption, pictures.url, picture_id, kind, page_id FROM pairs JOIN pictures"
                                  " ON pictures.id = picture_id ORDER BY pairs.id",
                                  &read, err) &&
              tl_database_prepare(database, "SELECT count FROM temp.tails WHERE tail = ?1", &find, err) &&
              tl_database_prepare(database,
                                  "INSERT OR IGNORE INTO temp.kept(picture_id, kind, page_id, caption) VALUES(?1, ?2, ?3, ?4)",
                                  &keep, err);
    while (ok && (ok = tl_database_step(database, read, &row, err)) && row) {
        tl_slice caption = column(read, 0);
        size_t size = caption.size;
        const char *reason = NULL;
        ok = cut_tail(database, find, most_repeats, &caption, err);
        if (ok && caption.size != size) {
            ok = tl_caption_clean(caption, column(read, 1).data, &options->limits, &cleaned, &reason, err);
            caption = tl_string_slice(&cleaned);
        }
        report->emptied += ok && reason != NULL;
        if (!ok || reason != NULL)
            continue;
        for (int i = 0; i < 3; i++)
            sqlite3_bind_int64(keep, i + 1, sqlite3_column_int64(read, i + 2));
        sqlite3_bind_text(keep, 4, caption.data, (int)caption.size, SQLITE_STATIC);
        ok = run(database, keep, err);
    }
    tl_string_clear(&cleaned);
    sqlite3_finalize(read);
    sqlite3_finalize(find);
    sqlite3_finalize(keep);
    return ok;
}

/* ?1: how often is too often. *deleted grows by the pairs that went. */
static bool delete_some(sqlite3 *database, const char *text, uint64_t most_repeats, uint64_t *deleted, tl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool ok = tl_database_prepare(database, text, &statement, err);
    if (ok) {
        sqlite3_bind_int64(statement, 1, (int64_t)most_repeats);
        ok = run(database, statement, err);
        *deleted += ok ? (uint64_t)sqlite3_changes(database) : 0;
    }
    sqlite3_finalize(statement);
    return ok;
}

static bool delete_repeated(sqlite3 *database, uint64_t most_repeats, tl_pair_list_report *report, tl_error *err)
{
    return delete_some(database,
                       "DELETE FROM temp.kept WHERE picture_id IN (SELECT id FROM pictures WHERE pages > max(?1,"
                       " (SELECT count(*) FROM pages WHERE kind = 0 AND state = 1) / 5))",
                       most_repeats, &report->furniture, err) &&
           delete_some(database,
                       "DELETE FROM temp.kept WHERE picture_id IN (SELECT picture_id FROM temp.kept GROUP BY picture_id"
                       " HAVING count(*) > ?1)",
                       most_repeats, &report->repeated, err) &&
           delete_some(
               database,
               "DELETE FROM temp.kept WHERE caption IN (SELECT caption FROM temp.kept GROUP BY caption HAVING count(*) > ?1)",
               most_repeats, &report->repeated, err);
}

typedef struct list_output {
    tl_file_writer *writer;
    tl_hasher *hasher; /* of all that was written */
    tl_string line;
} list_output;

/* Writes the object and makes it empty again. */
static bool write_line(tl_json **object, tl_json **captions, list_output *out, tl_error *err)
{
    tl_json *all = *captions;
    *captions = NULL;
    tl_string_reset(&out->line);
    bool ok = tl_json_set(*object, "captions", all, err) && tl_json_write(*object, TL_JSON_COMPACT, &out->line, err) &&
              tl_string_append(&out->line, "\n", 1, err) &&
              tl_file_writer_write(out->writer, out->line.data, out->line.size, err);
    if (ok)
        tl_hasher_add(out->hasher, out->line.data, out->line.size);
    tl_json_free(*object);
    *object = NULL;
    return ok;
}

static bool begin_line(sqlite3_stmt *read, tl_json **object, tl_json **captions, tl_error *err)
{
    *object = tl_json_object_create(err);
    *captions = tl_json_array_create(err);
    return *object != NULL && *captions != NULL && tl_json_set_text(*object, "url", column(read, 1).data, err) &&
           tl_json_set_text(*object, "caption", column(read, 2).data, err) &&
           tl_json_set_text(*object, "page", column(read, 4).data, err) &&
           tl_json_set_text(*object, "kind", tl_caption_kind_name((tl_caption_kind)sqlite3_column_int(read, 3)), err);
}

static bool write_kept(sqlite3 *database, list_output *out, tl_pair_list_report *report, tl_error *err)
{
    sqlite3_stmt *read = NULL;
    tl_json *object = NULL;
    tl_json *captions = NULL;
    bool row = false;
    int64_t picture_id = 0;
    bool ok = tl_database_prepare(database,
                                  "SELECT picture_id, pictures.url, caption, kept.kind, pages.url FROM temp.kept"
                                  " JOIN pictures ON pictures.id = picture_id JOIN pages ON pages.id = page_id"
                                  " ORDER BY picture_id, kept.kind, kept.id",
                                  &read, err);
    while (ok && (ok = tl_database_step(database, read, &row, err)) && row) {
        if (object != NULL && sqlite3_column_int64(read, 0) != picture_id)
            ok = write_line(&object, &captions, out, err);
        if (ok && object == NULL) {
            picture_id = sqlite3_column_int64(read, 0);
            ok = begin_line(read, &object, &captions, err);
            report->pictures++;
        }
        ok = ok && tl_json_append_text(captions, column(read, 2).data, err);
        report->captions++;
    }
    if (ok && object != NULL)
        ok = write_line(&object, &captions, out, err);
    tl_json_free(object);
    tl_json_free(captions);
    sqlite3_finalize(read);
    return ok;
}

/* A list that stays the same stays the same file, with its time, by which importing knows it. */
static bool is_file_of_hash(const char *path, const tl_hasher *hasher)
{
    char wanted[TL_HASH_TEXT_SIZE];
    char found[TL_HASH_TEXT_SIZE];
    tl_mapping mapping;
    if (!tl_mapping_open(path, &mapping, NULL))
        return false;
    tl_hasher_text(hasher, wanted);
    tl_hash_text(mapping.bytes.data, mapping.bytes.size, found);
    tl_mapping_close(&mapping);
    return strcmp(wanted, found) == 0;
}

bool tl_pair_list_write(tl_frontier *frontier, const char *path, const tl_pair_list_options *options, tl_pair_list_report *report,
                        tl_error *err)
{
    sqlite3 *database = tl_frontier__database(frontier);
    uint64_t most_repeats = options->most_repeats != 0 ? options->most_repeats : DEFAULT_REPEATS;
    list_output out = {.writer = NULL};
    *report = (tl_pair_list_report){0};
    tl_string_init(&out.line, (size_t)1 << 28);
    bool ok =
        tl_database_execute(database,
                            "CREATE TEMP TABLE tails(tail TEXT PRIMARY KEY, count INTEGER NOT NULL);"
                            "CREATE TEMP TABLE kept(id INTEGER PRIMARY KEY, picture_id INTEGER NOT NULL, kind INTEGER NOT NULL,"
                            " page_id INTEGER NOT NULL, caption TEXT NOT NULL, UNIQUE(picture_id, caption))",
                            err) &&
        count_tails(database, err) && keep_captions(database, options, most_repeats, report, err) &&
        delete_repeated(database, most_repeats, report, err) && tl_hasher_create(&out.hasher, err) &&
        tl_file_writer_open(path, &out.writer, err) && write_kept(database, &out, report, err) &&
        (is_file_of_hash(path, out.hasher) || tl_file_writer_commit(out.writer, err));
    tl_file_writer_close(out.writer);
    tl_hasher_destroy(out.hasher);
    tl_string_clear(&out.line);
    return tl_database_execute(database, "DROP TABLE IF EXISTS temp.tails; DROP TABLE IF EXISTS temp.kept", ok ? err : NULL) &&
           ok;
}

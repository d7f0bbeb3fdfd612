/* Owns the opened index: its connection and what can be asked of the file as a whole. */
#include "index/index.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "index/catalogue/item_reader.h"
#include "index/catalogue/schema.h"
#include "index/catalogue/vector_sets.h"
#include "index/index_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tl_index__fail_in_file(sqlite3 *database, tl_error *err)
{
    const char *file = sqlite3_db_filename(database, "main");
    if (err == NULL || file == NULL)
        return false;
    char name[TL_ERROR_MESSAGE_SIZE];
    int size = snprintf(name, sizeof name, "'%s'", file);
    bool is_named = size > 0 && strncmp(err->message, name, (size_t)size < sizeof name ? (size_t)size : sizeof name - 1) == 0;
    return !is_named && tl_fail_within(err, "'%s'", file);
}

bool tl_index__connect(const char *path, tl_index_mode mode, sqlite3 **out, tl_error *err)
{
    static const tl_database_mode modes[] = {
        [TL_INDEX_READ] = TL_DATABASE_READ, [TL_INDEX_WRITE] = TL_DATABASE_WRITE, [TL_INDEX_CREATE] = TL_DATABASE_CREATE};
    if (!tl_database_open(path, &tl_index__schema, modes[mode], out, err))
        return false;
    /* No trigger or view of a file from elsewhere may act for one of our tables; foreign keys still do. */
    sqlite3_db_config(*out, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    /* Blocks are read where the kernel keeps them; what lies past SQLite's limit is read as before. There every look at a page
     * would begin with all of its cells, thousands where tables branch: what a search reads has checksums of ours. */
    static const char map_sql[] = "PRAGMA mmap_size=2147418112", trust_sql[] = "PRAGMA cell_size_check=OFF";
    if (tl_schema__check(*out, err) && tl_database_execute(*out, map_sql, err) &&
        (mode != TL_INDEX_READ || tl_database_execute(*out, trust_sql, err)))
        return true;
    tl_database_close(*out);
    *out = NULL;
    return false;
}

/* A new file may lie in a folder that is not there yet. */
static bool create_folder_of(const char *path, tl_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return true;
    char *folder = tl_memory_copy_text(path, (size_t)(slash - path), err);
    bool ok = folder != NULL && tl_directory_create(folder, err);
    tl_memory_free(folder);
    return ok;
}

bool tl_index_open(const char *path, tl_index_mode mode, tl_index **out, tl_error *err)
{
    bool ok = false;
    if (mode != TL_INDEX_READ && mode != TL_INDEX_WRITE && mode != TL_INDEX_CREATE)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected mode read, write or create, found %d", path, (int)mode);
    tl_index *index = tl_memory_allocate(1, sizeof *index, err);
    if (index == NULL)
        return false;
    index->mode = mode;
    index->path = tl_memory_copy_text(path, strlen(path), err);
    if (index->path == NULL || (mode == TL_INDEX_CREATE && !create_folder_of(path, err)))
        goto done;
    ok = tl_index__connect(path, mode, &index->database, err);
    index->statements = tl_catalogue__statements(index->database);
done:
    if (ok)
        *out = index;
    else
        tl_index_close(index);
    return ok;
}

void tl_index_close(tl_index *index)
{
    if (index == NULL)
        return;
    tl_statements__clear(&index->statements);
    tl_database_close(index->database);
    tl_memory_free(index->path);
    tl_memory_free(index);
}

bool tl_index_stats_read(tl_index *index, tl_index_stats *out, tl_error *err)
{
    bool row = false;
    tl_file_status file;
    sqlite3_stmt *statement = tl_statements__get(&index->statements, TL_SQL_COUNTS, err);
    bool ok = statement != NULL && tl_statements__step(&index->statements, statement, &row, err) &&
              tl_file_status_read(index->path, &file, err);
    if (ok)
        *out = (tl_index_stats){(uint64_t)sqlite3_column_int64(statement, 0), (uint64_t)sqlite3_column_int64(statement, 1),
                                (uint64_t)sqlite3_column_int64(statement, 2), file.size};
    tl_statements__rest(&index->statements);
    return ok;
}

bool tl_index_sets(tl_index *index, tl_vector_set **sets, size_t *count, tl_error *err)
{
    bool ok = tl_sets__list(&index->statements, sets, NULL, count, err);
    tl_statements__rest(&index->statements);
    return ok || tl_index__fail_in_file(index->database, err);
}

bool tl_index_each_item(tl_index *index, const char *root, bool (*visit)(void *context, const tl_item *item, tl_error *err),
                        void *context, tl_error *err)
{
    bool ok = false, row = true;
    tl_item_block block = {0};
    /* Statements of its own: visit may ask this index for other things. */
    tl_statements statements = tl_catalogue__statements(index->database);
    sqlite3_stmt *items = tl_statements__get(&statements, root != NULL ? TL_SQL_ITEM_EACH_OF_ROOT : TL_SQL_ITEM_EACH, err);
    if (items == NULL)
        goto done;
    if (root != NULL)
        tl_statements__bind_text(items, 1, root);
    for (;;) {
        tl_item item;
        if (!tl_statements__step(&statements, items, &row, err))
            goto done;
        if (!row)
            break;
        if (!tl_item_block__read(&block, &statements, items, &item, err) || !visit(context, &item, err))
            goto done;
    }
    ok = true;
done:
    tl_statements__clear(&statements);
    tl_memory_free(block.block);
    return ok;
}

bool tl_index_item_read(tl_index *index, int64_t id, tl_item *item, void **block, tl_error *err)
{
    bool row = false;
    tl_item_block memory = {0};
    sqlite3_stmt *statement = tl_statements__get(&index->statements, TL_SQL_ITEM_READ, err);
    bool ok = statement != NULL;
    if (ok) {
        sqlite3_bind_int64(statement, 1, id);
        ok = tl_statements__step(&index->statements, statement, &row, err);
    }
    if (ok && !row)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "expected an item with id %" PRId64 ", found none", id);
    if (ok && sqlite3_column_int(statement, TL_ITEM_COLUMNS) != 1)
        ok = tl_fail(err, TL_ERROR_CORRUPT, "item %" PRId64 ": expected the path that the index of paths has, found another", id);
    ok = ok && tl_item_block__read(&memory, &index->statements, statement, item, err);
    tl_statements__rest(&index->statements);
    if (ok)
        *block = memory.block;
    else
        tl_memory_free(memory.block);
    return ok || tl_index__fail_in_file(index->database, err);
}

bool tl_index_vacuum(tl_index *index, tl_error *err)
{
    if (index->mode == TL_INDEX_READ)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected an index opened for writing, found one opened for reading",
                       index->path);
    tl_statements__rest(&index->statements);
    return tl_database_rewrite(index->database, &tl_index__schema, err);
}

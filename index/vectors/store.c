/*
 * Owns the map owner -> block and the filling of blocks. A vector goes to the fullest block of its set that has room, else to a
 * new one; a removed one is replaced by the last of its block, so blocks have no holes; an emptied block's row is deleted. The
 * place inside a block is found by looking through its owners, which are in memory by then.
 */
#include "index/vectors/store.h"

#include "base/core/memory.h"
#include "index/vectors/block.h"

#include <inttypes.h>
#include <string.h>

void tl_vector_store__init(tl_vector_store *store, tl_statements *statements)
{
    *store = (tl_vector_store){.statements = statements};
}

static void hold_nothing(tl_vector_store *store)
{
    store->block_id = 0;
    store->count = 0;
    store->added = 0;
    store->is_changed = false;
}

void tl_vector_store__clear(tl_vector_store *store)
{
    tl_memory_free(store->owners);
    tl_memory_free(store->vectors);
    *store = (tl_vector_store){.statements = store->statements};
}

static bool write_block(tl_vector_store *store, tl_error *err)
{
    if (store->count == 0)
        return tl_statements__run_integers(store->statements, TL_SQL_BLOCK_REMOVE, store->block_id, 0, err);
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_BLOCK_REPLACE, err);
    if (statement == NULL)
        return false;
    /* At most TL_BLOCK_BYTES of vectors and as many of owners, or one vector of TL_MAX_DIM: sizes fit int. */
    sqlite3_bind_int64(statement, 1, store->block_id);
    sqlite3_bind_int64(statement, 2, (int64_t)store->count);
    sqlite3_bind_int64(
        statement, 3,
        tl_block__checksum(store->block_id, store->set_id, store->dim, store->count, store->owners, store->vectors));
    sqlite3_bind_blob(statement, 4, store->owners, (int)(store->count * sizeof *store->owners), SQLITE_STATIC);
    sqlite3_bind_blob(statement, 5, store->vectors, (int)(store->count * store->dim * sizeof *store->vectors), SQLITE_STATIC);
    return tl_statements__run(store->statements, statement, err);
}

bool tl_vector_store__flush(tl_vector_store *store, tl_error *err)
{
    if (store->is_changed) {
        if (!write_block(store, err))
            return false;
        if (store->added != 0 &&
            !tl_statements__run_integers(store->statements, TL_SQL_SET_COUNT, store->set_id, store->added, err))
            return false;
    }
    hold_nothing(store);
    return true;
}

/* Holds an empty block of that set; block_id is for the caller to say. */
static bool hold(tl_vector_store *store, int64_t set_id, uint32_t dim, tl_error *err)
{
    size_t capacity = tl_block__capacity(dim);
    if (!tl_memory_reserve((void **)&store->owners, &store->owners_capacity, capacity, sizeof *store->owners, err) ||
        !tl_memory_reserve((void **)&store->vectors, &store->vectors_capacity, capacity * dim, sizeof *store->vectors, err))
        return false;
    store->set_id = set_id;
    store->dim = dim;
    return true;
}

static bool load_block(tl_vector_store *store, int64_t set_id, uint32_t dim, int64_t block_id, tl_error *err)
{
    if (store->block_id == block_id)
        return true;
    if (!tl_vector_store__flush(store, err) || !hold(store, set_id, dim, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_BLOCK_READ, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, block_id);
    bool row = false;
    tl_block_view view;
    if (!tl_statements__step(store->statements, statement, &row, err))
        return false;
    if (!row)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected vector block %" PRId64 ", found none", block_id);
    if (!tl_block__view(statement, dim, &view, err) || !tl_block__verify(&view, dim, err))
        return false;
    if (view.set_id != set_id)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected set %" PRId64 ", found %" PRId64, block_id,
                       set_id, view.set_id);
    if (view.count != 0) {
        memcpy(store->owners, view.owners, view.count * sizeof *view.owners);
        memcpy(store->vectors, view.vectors, view.count * dim * sizeof *view.vectors);
    }
    store->block_id = block_id;
    store->count = view.count;
    sqlite3_reset(statement);
    return true;
}

static bool load_block_with_room(tl_vector_store *store, int64_t set_id, uint32_t dim, tl_error *err)
{
    size_t capacity = tl_block__capacity(dim);
    if (store->block_id != 0 && store->set_id == set_id && store->count < capacity)
        return true;
    if (!tl_vector_store__flush(store, err)) /* counts in the table are then true */
        return false;
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_BLOCK_WITH_ROOM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, (int64_t)capacity);
    bool row = false;
    if (!tl_statements__step(store->statements, statement, &row, err))
        return false;
    if (row) {
        int64_t block_id = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return load_block(store, set_id, dim, block_id, err);
    }
    if (!hold(store, set_id, dim, err) || !tl_statements__run_integers(store->statements, TL_SQL_BLOCK_ADD, set_id, 0, err))
        return false;
    store->block_id = sqlite3_last_insert_rowid(store->statements->database);
    return true;
}

static bool find_slot(const tl_vector_store *store, int64_t owner, size_t *slot, tl_error *err)
{
    for (*slot = 0; *slot < store->count; ++*slot)
        if (store->owners[*slot] == owner)
            return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected a vector of %" PRId64 ", found none",
                   store->block_id, owner);
}

bool tl_vector_store__put(tl_vector_store *store, int64_t set_id, uint32_t dim, int64_t owner, const float *vector, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_OWNER_FIND, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, owner);
    if (!tl_statements__step(store->statements, statement, &row, err))
        return false;
    size_t slot;
    if (row) {
        int64_t block_id = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        if (!load_block(store, set_id, dim, block_id, err) || !find_slot(store, owner, &slot, err))
            return false;
    } else {
        sqlite3_reset(statement);
        if (!load_block_with_room(store, set_id, dim, err))
            return false;
        statement = tl_statements__get(store->statements, TL_SQL_OWNER_ADD, err);
        if (statement == NULL)
            return false;
        sqlite3_bind_int64(statement, 1, set_id);
        sqlite3_bind_int64(statement, 2, owner);
        sqlite3_bind_int64(statement, 3, store->block_id);
        if (!tl_statements__run(store->statements, statement, err))
            return false;
        slot = store->count++;
        store->owners[slot] = owner;
        store->added++;
    }
    memcpy(store->vectors + slot * dim, vector, dim * sizeof *vector);
    store->is_changed = true;
    return true;
}

static bool remove_vector(tl_vector_store *store, int64_t set_id, uint32_t dim, int64_t block_id, int64_t owner, tl_error *err)
{
    size_t slot;
    if (!load_block(store, set_id, dim, block_id, err) || !find_slot(store, owner, &slot, err) ||
        !tl_statements__run_integers(store->statements, TL_SQL_OWNER_REMOVE, set_id, owner, err))
        return false;
    size_t last = --store->count;
    if (slot != last) {
        store->owners[slot] = store->owners[last];
        memcpy(store->vectors + slot * dim, store->vectors + last * dim, dim * sizeof *store->vectors);
    }
    store->added--;
    store->is_changed = true;
    return true;
}

bool tl_vector_store__remove_everywhere(tl_vector_store *store, const char *kind, int64_t owner, tl_error *err)
{
    for (;;) {
        sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_OWNER_SETS, err);
        bool row = false;
        if (statement == NULL)
            return false;
        tl_statements__bind_text(statement, 1, kind);
        sqlite3_bind_int64(statement, 2, owner);
        if (!tl_statements__step(store->statements, statement, &row, err))
            return false;
        int64_t set_id = sqlite3_column_int64(statement, 0), dim = sqlite3_column_int64(statement, 1);
        int64_t block_id = sqlite3_column_int64(statement, 2);
        sqlite3_reset(statement);
        if (!row)
            return true;
        if (dim < 1 || dim > TL_MAX_DIM)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a dimension up to %d, found %" PRId64, set_id,
                           TL_MAX_DIM, dim);
        if (!remove_vector(store, set_id, (uint32_t)dim, block_id, owner, err))
            return false;
    }
}

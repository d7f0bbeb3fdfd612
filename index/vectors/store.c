/*
 * Owns the map owner -> block and the filling of blocks. A vector goes to the fullest block of its set's tail that has room, else
 * to a new one; a removed one is replaced by the last of its block, so blocks have no holes; an emptied block's row is deleted.
 * The place inside a block is found by looking through its owners, which are in memory by then.
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

void tl_vector_store__clear(tl_vector_store *store)
{
    tl_held_block__clear(&store->held);
    tl_memory_free(store->row);
    *store = (tl_vector_store){.statements = store->statements};
}

bool tl_vector_store__flush(tl_vector_store *store, tl_error *err)
{
    if (store->is_changed) {
        if (!tl_held_block__write(&store->held, store->statements, err))
            return false;
        if (store->added != 0 &&
            !tl_statements__run_integers(store->statements, TL_SQL_SET_COUNT, store->held.set_id, store->added, err))
            return false;
    }
    store->held.id = 0;
    store->held.count = 0;
    store->added = 0;
    store->is_changed = false;
    return true;
}

static bool load_block(tl_vector_store *store, int64_t set_id, tl_block_shape shape, int64_t block_id, tl_error *err)
{
    if (store->held.id == block_id)
        return true;
    if (!tl_vector_store__flush(store, err))
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
    if (!tl_block__view(statement, shape, &view, err) || !tl_block__verify(&view, shape, err))
        return false;
    if (view.set_id != set_id)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected set %" PRId64 ", found %" PRId64, block_id,
                       set_id, view.set_id);
    if (!tl_held_block__load(&store->held, &view, shape, err))
        return false;
    sqlite3_reset(statement);
    return true;
}

static bool load_block_with_room(tl_vector_store *store, int64_t set_id, tl_block_shape shape, tl_error *err)
{
    size_t capacity = tl_block__capacity(shape);
    if (store->held.id != 0 && store->held.set_id == set_id && store->held.list == 0 && store->held.count < capacity)
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
        return load_block(store, set_id, shape, block_id, err);
    }
    return tl_statements__run_integers(store->statements, TL_SQL_BLOCK_ADD, set_id, 0, err) &&
           tl_held_block__start(&store->held, sqlite3_last_insert_rowid(store->statements->database), set_id, 0, shape, err);
}

static bool find_slot(const tl_vector_store *store, int64_t owner, size_t *slot, tl_error *err)
{
    for (*slot = 0; *slot < store->held.count; ++*slot)
        if (store->held.owners[*slot] == owner)
            return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected a vector of %" PRId64 ", found none",
                   store->held.id, owner);
}

static bool remove_vector(tl_vector_store *store, int64_t set_id, tl_block_shape shape, int64_t block_id, int64_t owner,
                          tl_error *err)
{
    size_t slot;
    if (!load_block(store, set_id, shape, block_id, err) || !find_slot(store, owner, &slot, err) ||
        !tl_statements__run_integers(store->statements, TL_SQL_OWNER_REMOVE, set_id, owner, err))
        return false;
    tl_held_block__remove(&store->held, slot);
    store->added--;
    store->is_changed = true;
    return true;
}

static bool add_vector(tl_vector_store *store, int64_t set_id, tl_block_shape shape, int64_t owner, tl_error *err)
{
    if (!load_block_with_room(store, set_id, shape, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_OWNER_ADD, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, owner);
    sqlite3_bind_int64(statement, 3, store->held.id);
    if (!tl_statements__run(store->statements, statement, err))
        return false;
    tl_held_block__append(&store->held, owner, store->row, NULL);
    store->added++;
    store->is_changed = true;
    return true;
}

bool tl_vector_store__put(tl_vector_store *store, const tl_set_row *set, int64_t owner, const float *vector, tl_error *err)
{
    bool row = false;
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *statement = tl_statements__get(store->statements, TL_SQL_OWNER_FIND, err);
    if (statement == NULL || !tl_memory_reserve((void **)&store->row, &store->row_capacity, tl_block__row_bytes(shape), 1, err))
        return false;
    tl_block__store_vector(shape, vector, store->row);
    sqlite3_bind_int64(statement, 1, set->id);
    sqlite3_bind_int64(statement, 2, owner);
    if (!tl_statements__step(store->statements, statement, &row, err))
        return false;
    int64_t block_id = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (!row)
        return add_vector(store, set->id, shape, owner, err);
    size_t slot;
    if (!load_block(store, set->id, shape, block_id, err) || !find_slot(store, owner, &slot, err))
        return false;
    if (store->held.list != 0)
        return remove_vector(store, set->id, shape, block_id, owner, err) && add_vector(store, set->id, shape, owner, err);
    memcpy(store->held.vectors + slot * tl_block__row_bytes(shape), store->row, tl_block__row_bytes(shape));
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
        tl_vector_storage storage = tl_vector_storage__read(statement, 3);
        sqlite3_reset(statement);
        if (!row)
            return true;
        if (dim < 1 || dim > TL_MAX_DIM)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a dimension up to %d, found %" PRId64, set_id,
                           TL_MAX_DIM, dim);
        if (!remove_vector(store, set_id, (tl_block_shape){(uint32_t)dim, storage}, block_id, owner, err))
            return false;
    }
}

/*
 * Owns the map owner -> block and the filling of blocks. A vector goes to the fullest block of its set's tail that has room, else
 * to a new one; a removed one is replaced by the last of its block, so blocks have no holes; an emptied block's row is deleted.
 * The place inside a block is found by looking through its owners, which are in memory by then.
 */
#include "index/vectors/store.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "index/vectors/block.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_NAME = 4096 };

bool tl_store__init(tl_store *store, sqlite3 *database, const char *schema, const char *prefix, bool has_own_tables,
                    tl_error *err)
{
    tl_string blocks;
    tl_string_init(&blocks, MAX_NAME);
    *store = (tl_store){.schema = tl_memory_copy_text(schema, strlen(schema), err)};
    bool ok = store->schema != NULL && (store->prefix = tl_memory_copy_text(prefix, strlen(prefix), err)) != NULL &&
              tl_string_append_format(&blocks, err, "%s_blocks", prefix) &&
              (store->blocks = tl_memory_copy_text(blocks.data, blocks.size, err)) != NULL;
    store->statements =
        (tl_statements){.database = database, .texts = tl_store__texts, .names = {store->schema, store->prefix, has_own_tables}};
    tl_string_clear(&blocks);
    return ok;
}

void tl_store__rest(tl_store *store)
{
    sqlite3_blob_close(store->vectors);
    sqlite3_blob_close(store->heads);
    store->vectors = store->heads = NULL;
    tl_statements__rest(&store->statements);
}

void tl_store__clear(tl_store *store)
{
    tl_store__rest(store);
    tl_statements__clear(&store->statements);
    tl_held_block__clear(&store->held);
    tl_memory_free(store->row);
    tl_memory_free(store->schema);
    tl_memory_free(store->prefix);
    tl_memory_free(store->blocks);
    *store = (tl_store){0};
}

static void drop(tl_store *store)
{
    store->held.id = 0;
    store->held.count = 0;
    store->added = 0;
    store->is_changed = false;
}

void tl_store__forget(tl_store *store)
{
    drop(store);
    store->changes++;
}

bool tl_store__flush(tl_store *store, tl_error *err)
{
    if (store->is_changed) {
        if (!tl_held_block__write(&store->held, &store->statements, err))
            return false;
        if (store->added != 0 &&
            !tl_statements__run_integers(&store->statements, TL_STORE_SET_COUNT, store->held.set_id, store->added, err))
            return false;
        store->changes++;
    }
    drop(store);
    return true;
}

static bool load_block(tl_store *store, int64_t set_id, tl_block_shape shape, int64_t block_id, tl_error *err)
{
    if (block_id <= 0) /* 0 is what the held block has when there is none */
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the id of a vector block, found %" PRId64, block_id);
    if (store->held.id == block_id)
        return true;
    if (!tl_store__flush(store, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_BLOCK_READ, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, block_id);
    bool row = false;
    tl_block_view view;
    if (!tl_statements__step(&store->statements, statement, &row, err))
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

static bool load_block_with_room(tl_store *store, int64_t set_id, tl_block_shape shape, tl_error *err)
{
    size_t capacity = tl_block__capacity(shape);
    if (store->held.id != 0 && store->held.set_id == set_id && store->held.list == 0 && store->held.count < capacity)
        return true;
    if (!tl_store__flush(store, err)) /* counts in the table are then true */
        return false;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_BLOCK_WITH_ROOM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, (int64_t)capacity);
    bool row = false;
    if (!tl_statements__step(&store->statements, statement, &row, err))
        return false;
    if (row) {
        int64_t block_id = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        if (!load_block(store, set_id, shape, block_id, err))
            return false;
        /* The index that named it may be damaged. */
        return (store->held.list == 0 && store->held.count < capacity) ||
               tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected one of the tail with room, found another",
                       block_id);
    }
    return tl_statements__run_integers(&store->statements, TL_STORE_BLOCK_ADD, set_id, 0, err) &&
           tl_held_block__start(&store->held, sqlite3_last_insert_rowid(store->statements.database), set_id, 0, shape, err);
}

static bool find_slot(const tl_store *store, int64_t owner, size_t *slot, tl_error *err)
{
    for (*slot = 0; *slot < store->held.count; ++*slot)
        if (store->held.owners[*slot] == owner)
            return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected a vector of %" PRId64 ", found none",
                   store->held.id, owner);
}

static bool remove_vector(tl_store *store, int64_t set_id, tl_block_shape shape, int64_t block_id, int64_t owner, tl_error *err)
{
    size_t slot;
    if (!load_block(store, set_id, shape, block_id, err) || !find_slot(store, owner, &slot, err) ||
        !tl_statements__run_integers(&store->statements, TL_STORE_OWNER_REMOVE, set_id, owner, err))
        return false;
    tl_held_block__remove(&store->held, slot);
    store->added--;
    store->is_changed = true;
    return true;
}

static bool add_vector(tl_store *store, int64_t set_id, tl_block_shape shape, int64_t owner, tl_error *err)
{
    if (!load_block_with_room(store, set_id, shape, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_OWNER_ADD, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, owner);
    sqlite3_bind_int64(statement, 3, store->held.id);
    if (!tl_statements__run(&store->statements, statement, err))
        return false;
    tl_held_block__append(&store->held, owner, store->row, NULL);
    store->added++;
    store->is_changed = true;
    return true;
}

bool tl_store__find_block(tl_store *store, int64_t set_id, int64_t owner, int64_t *block_id, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_OWNER_FIND, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set_id);
    sqlite3_bind_int64(statement, 2, owner);
    if (!tl_statements__step(&store->statements, statement, &row, err))
        return false;
    *block_id = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return !row || *block_id > 0 ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector of %" PRId64 ": expected the id of a block, found %" PRId64, owner, *block_id);
}

bool tl_store__put(tl_store *store, const tl_stored_set *set, int64_t owner, const float *vector, tl_error *err)
{
    tl_block_shape shape = {set->dim, set->storage};
    int64_t block_id;
    size_t slot;
    if (!tl_memory_reserve(&store->row, &store->row_capacity, tl_block__row_bytes(shape), 1, err))
        return false;
    tl_block__store_vector(shape, vector, store->row);
    if (!tl_store__find_block(store, set->id, owner, &block_id, err))
        return false;
    if (block_id == 0)
        return add_vector(store, set->id, shape, owner, err);
    if (!load_block(store, set->id, shape, block_id, err) || !find_slot(store, owner, &slot, err))
        return false;
    if (store->held.list != 0)
        return remove_vector(store, set->id, shape, block_id, owner, err) && add_vector(store, set->id, shape, owner, err);
    memcpy(store->held.vectors + slot * tl_block__row_bytes(shape), store->row, tl_block__row_bytes(shape));
    store->is_changed = true;
    return true;
}

bool tl_store__remove(tl_store *store, const tl_stored_set *set, int64_t owner, tl_error *err)
{
    int64_t block_id;
    return tl_store__find_block(store, set->id, owner, &block_id, err) &&
           (block_id == 0 || remove_vector(store, set->id, (tl_block_shape){set->dim, set->storage}, block_id, owner, err));
}

tl_vector_storage tl_vector_storage__read(sqlite3_stmt *row, int column)
{
    const char *name = (const char *)sqlite3_column_text(row, column);
    return name != NULL && strcmp(name, "f32") == 0 ? TL_VECTOR_STORE_F32 : TL_VECTOR_STORE_F16;
}

const char *tl_vector_storage__name(tl_vector_storage storage)
{
    return storage == TL_VECTOR_STORE_F32 ? "f32" : "f16";
}

bool tl_stored_set__check(int64_t id, int64_t dim, int64_t count, int64_t lists, tl_error *err)
{
    if (lists < 0 || lists > TL_MAX_LISTS)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected at most %d lists, found %" PRId64, id,
                       TL_MAX_LISTS, lists);
    if (dim < 1 || dim > TL_MAX_DIM)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a dimension from 1 to %d, found %" PRId64, id,
                       TL_MAX_DIM, dim);
    if (count < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected a count, found %" PRId64, id, count);
    return true;
}

bool tl_stored_set__read(sqlite3_stmt *row, tl_stored_set *out, tl_error *err)
{
    int64_t id = sqlite3_column_int64(row, 0), dim = sqlite3_column_int64(row, 1), count = sqlite3_column_int64(row, 2),
            lists = sqlite3_column_int64(row, 4);
    if (!tl_stored_set__check(id, dim, count, lists, err))
        return false;
    *out = (tl_stored_set){.id = id,
                           .dim = (uint32_t)dim,
                           .count = (uint64_t)count,
                           .storage = tl_vector_storage__read(row, 3),
                           .lists = (uint32_t)lists,
                           .divided = (uint64_t)sqlite3_column_int64(row, 5),
                           .generation = (uint64_t)sqlite3_column_int64(row, 6)};
    return true;
}

bool tl_store__seek(tl_store *store, sqlite3_blob **blob, const char *column, int64_t block_id, tl_error *err)
{
    sqlite3 *database = store->statements.database;
    int code = *blob == NULL ? sqlite3_blob_open(database, store->schema, store->blocks, column, block_id, 0, blob)
                             : sqlite3_blob_reopen(*blob, block_id);
    return code == SQLITE_OK || tl_database_fail(database, err);
}

/* Row of the owner in the head of a block of a list, and the hash of its vector. Only what is needed is read. */
static bool find_in_head(tl_store *store, tl_block_shape shape, int64_t block_id, int64_t owner, size_t *slot, uint32_t *hash,
                         tl_error *err)
{
    size_t count = (size_t)sqlite3_blob_bytes(store->vectors) / tl_block__row_bytes(shape);
    if (count > tl_block__capacity(shape) || (size_t)sqlite3_blob_bytes(store->heads) != tl_block__head_size(shape, 1, count))
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected the head of %zu vectors, found %d bytes",
                       block_id, count, sqlite3_blob_bytes(store->heads));
    int64_t owners[64];
    for (*slot = 0; *slot < count;) {
        size_t now = count - *slot < 64 ? count - *slot : 64, i = 0;
        if (sqlite3_blob_read(store->heads, owners, (int)(now * sizeof *owners),
                              (int)(TL_CODED_HEADER_BYTES + *slot * sizeof *owners)) != SQLITE_OK)
            return tl_database_fail(store->statements.database, err);
        while (i < now && owners[i] != owner)
            i++;
        *slot += i;
        if (i < now)
            return sqlite3_blob_read(store->heads, hash, (int)sizeof *hash,
                                     (int)(TL_CODED_HEADER_BYTES + count * (sizeof *owners + sizeof(float)) +
                                           *slot * sizeof *hash)) == SQLITE_OK ||
                   tl_database_fail(store->statements.database, err);
    }
    return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected a vector of %" PRId64 ", found none", block_id,
                   owner);
}

bool tl_store__fetch(tl_store *store, const tl_stored_set *set, int64_t block_id, int64_t owner, const uint8_t **stored,
                     tl_error *err)
{
    size_t slot;
    uint32_t hash;
    tl_block_shape shape = {set->dim, set->storage};
    size_t size = tl_block__row_bytes(shape);
    bool is_held = store->held.id == block_id;
    if (!is_held) {
        if (!tl_store__seek(store, &store->heads, "head", block_id, err) ||
            !tl_store__seek(store, &store->vectors, "vectors", block_id, err))
            return false;
        /* A block of the tail has one checksum for all of it: it is read whole, and stays held for the next of its vectors. */
        size_t count = (size_t)sqlite3_blob_bytes(store->vectors) / size;
        is_held = (size_t)sqlite3_blob_bytes(store->heads) == count * sizeof owner;
    }
    if (is_held) {
        if (!load_block(store, set->id, shape, block_id, err) || !find_slot(store, owner, &slot, err))
            return false;
        *stored = store->held.vectors + slot * size;
        return true;
    }
    if (!find_in_head(store, shape, block_id, owner, &slot, &hash, err) ||
        !tl_memory_reserve(&store->row, &store->row_capacity, size, 1, err))
        return false;
    if (sqlite3_blob_read(store->vectors, store->row, (int)size, (int)(slot * size)) != SQLITE_OK)
        return tl_database_fail(store->statements.database, err);
    *stored = store->row;
    return tl_block__vector_hash(store->row, size) == hash ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected another checksum of the vector of %" PRId64,
                   block_id, owner);
}

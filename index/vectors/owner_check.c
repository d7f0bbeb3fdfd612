/*
 * Owns the comparison of owners: blocks are guarded by checksums and their number by the set's count, so the sum over them of the
 * hashes of (owner, block) is what the sum over the table of owners must be. Of a block of a list its head is enough.
 */
#include "index/vectors/owner_check.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>

typedef struct owner_sums {
    uint64_t count, hashes;
} owner_sums;

static void add_owner(owner_sums *sums, int64_t owner, int64_t block)
{
    int64_t parts[2] = {owner, block};
    sums->hashes += tl_hash64(parts, sizeof parts);
    sums->count++;
}

static bool view_listed(sqlite3_stmt *row, tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    const uint8_t *head = sqlite3_column_blob(row, 0);
    return tl_block__view_head(view, head, head != NULL ? (size_t)sqlite3_column_bytes(row, 0) : 0, shape, err) &&
           tl_block__verify_head(view, shape, err);
}

static bool view_of_tail(sqlite3_stmt *row, tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    return tl_block__view(row, shape, view, err) && tl_block__verify(view, shape, err);
}

/* view: id, set_id, list and count of the block, as the index on lists has them. */
static bool add_block(tl_store *store, tl_block_view *view, tl_block_shape shape, owner_sums *sums, tl_error *err)
{
    bool row = false, is_listed = view->list != 0;
    const tl_block_view asked = *view;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, is_listed ? TL_STORE_BLOCK_HEAD : TL_STORE_BLOCK_READ, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, view->id);
    if (!tl_statements__step(&store->statements, statement, &row, err))
        return false;
    if (!row)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected vector block %" PRId64 ", found none", view->id);
    if (!(is_listed ? view_listed(statement, view, shape, err) : view_of_tail(statement, view, shape, err)))
        return false;
    if (view->set_id != asked.set_id || view->list != asked.list)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected one of set %" PRId64 " and list %" PRId64 ", found another", view->id,
                       asked.set_id, asked.list);
    for (size_t i = 0; i < view->count; i++)
        add_owner(sums, view->owners[i], view->id);
    sqlite3_reset(statement);
    return true;
}

static bool sum_blocks(tl_store *store, const tl_stored_set *set, owner_sums *sums, tl_error *err)
{
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *directory = tl_statements__get(&store->statements, TL_STORE_BLOCK_DIRECTORY, err);
    if (directory == NULL)
        return false;
    sqlite3_bind_int64(directory, 1, set->id);
    for (;;) {
        bool row;
        if (!tl_statements__step(&store->statements, directory, &row, err))
            return false;
        if (!row)
            break;
        int64_t count = sqlite3_column_int64(directory, 2);
        tl_block_view view = {
            .id = sqlite3_column_int64(directory, 0), .set_id = set->id, .list = sqlite3_column_int64(directory, 1)};
        if (count < 0 || (uint64_t)count > tl_block__capacity(shape))
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at most %zu vectors, found %" PRId64,
                           view.id, tl_block__capacity(shape), count);
        view.count = (size_t)count;
        if (!add_block(store, &view, shape, sums, err))
            return false;
    }
    sqlite3_reset(directory);
    return true;
}

static bool sum_table(tl_store *store, const tl_stored_set *set, owner_sums *sums, tl_error *err)
{
    sqlite3_stmt *owners = tl_statements__get(&store->statements, TL_STORE_OWNER_EACH_BLOCK, err);
    if (owners == NULL)
        return false;
    sqlite3_bind_int64(owners, 1, set->id);
    for (;;) {
        bool row;
        if (!tl_statements__step(&store->statements, owners, &row, err))
            return false;
        if (!row)
            break;
        add_owner(sums, sqlite3_column_int64(owners, 0), sqlite3_column_int64(owners, 1));
    }
    sqlite3_reset(owners);
    return true;
}

bool tl_store__know_owners(tl_store *store, const tl_stored_set *set, tl_error *err)
{
    owner_sums blocks = {0}, table = {0};
    if (store->known_set == set->id)
        return true;
    if (!sum_blocks(store, set, &blocks, err) || !sum_table(store, set, &table, err))
        return false;
    if (blocks.count != set->count || table.count != blocks.count || table.hashes != blocks.hashes)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "%s_owners: expected the owners of %" PRIu64 " vectors, found %" PRIu64 " in blocks and %" PRIu64
                       " in the table%s",
                       store->prefix, set->count, blocks.count, table.count, table.count == blocks.count ? ", not the same" : "");
    store->known_set = set->id;
    return true;
}

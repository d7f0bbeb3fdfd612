/* Owns the opened store and how a search is answered: by fetching what was named, by lists and their codes, by looking at all. */
#include "index/vector_store.h"

#include "base/core/memory.h"
#include "index/ann/divide.h"
#include "index/ann/flat.h"
#include "index/ann/pick.h"
#include "index/ann/probe.h"
#include "index/vector_store_internal.h"
#include "index/vectors/owner_check.h"
#include "index/vectors/store_sql.h"
#include "index/vectors/tables.h"

#include <inttypes.h>
#include <math.h>

struct tl_vector_store {
    tl_store store;
    tl_flat flat;
    tl_probe probe;
    tl_pick pick;
    tl_filter filter;
    tl_top_k top;
};

bool tl_vector_store_open(struct sqlite3 *database, const char *schema, const char *prefix, tl_vector_tables tables,
                          tl_vector_store **out, tl_error *err)
{
    tl_vector_store *store = tl_memory_allocate(1, sizeof *store, err);
    if (store == NULL)
        return false;
    if (!tl_store__init(&store->store, database, schema, prefix, tables == TL_TABLES_OWN, err)) {
        tl_vector_store_close(store);
        return false;
    }
    *out = store;
    return true;
}

void tl_vector_store_close(tl_vector_store *store)
{
    if (store == NULL)
        return;
    tl_store__clear(&store->store);
    tl_flat__clear(&store->flat);
    tl_probe__clear(&store->probe);
    tl_pick__clear(&store->pick);
    tl_filter__clear(&store->filter);
    tl_top_k__clear(&store->top);
    tl_memory_free(store);
}

bool tl_vector_store_create_tables(tl_vector_store *store, tl_error *err)
{
    return tl_tables__create(&store->store, err);
}

bool tl_vector_store_drop_tables(tl_vector_store *store, tl_error *err)
{
    tl_store__rest(&store->store);
    return tl_tables__drop(&store->store, err);
}

bool tl_vector_store_rename_tables(tl_vector_store *store, const char *prefix, tl_error *err)
{
    tl_store__rest(&store->store);
    return tl_tables__rename(&store->store, prefix, err);
}

bool tl_vector_store_add_set(tl_vector_store *store, int64_t id, uint32_t dim, tl_vector_storage storage, tl_error *err)
{
    if (dim < 1 || dim > TL_MAX_DIM)
        return tl_fail(err, TL_ERROR_INVALID, "vector set: expected a dimension from 1 to %d, found %" PRIu32, TL_MAX_DIM, dim);
    sqlite3_stmt *statement = tl_statements__get(&store->store.statements, TL_STORE_SET_ADD, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, dim);
    tl_statements__bind_text(statement, 3, tl_vector_storage__name(storage));
    return tl_statements__run(&store->store.statements, statement, err);
}

bool tl_vector_store_find_set(tl_vector_store *store, int64_t id, tl_stored_set *out, tl_error *err)
{
    bool row = false;
    *out = (tl_stored_set){0};
    sqlite3_stmt *statement = tl_statements__get(&store->store.statements, TL_STORE_SET_READ, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, id);
    bool ok =
        tl_statements__step(&store->store.statements, statement, &row, err) && (!row || tl_stored_set__read(statement, out, err));
    sqlite3_reset(statement);
    return ok;
}

bool tl_vector_store_put(tl_vector_store *store, const tl_stored_set *set, int64_t owner, const float *vector, tl_error *err)
{
    return tl_store__put(&store->store, set, owner, vector, err);
}

bool tl_vector_store_remove(tl_vector_store *store, const tl_stored_set *set, int64_t owner, tl_error *err)
{
    return tl_store__remove(&store->store, set, owner, err);
}

bool tl_vector_store_read(tl_vector_store *store, const tl_stored_set *set, int64_t owner, float *vector, bool *found,
                          tl_error *err)
{
    int64_t block;
    const uint8_t *stored;
    if (!tl_store__find_block(&store->store, set->id, owner, &block, err))
        return false;
    *found = block != 0;
    if (block == 0) /* what is held has its owners in the table, but not yet its block */
        return store->store.is_changed || tl_store__know_owners(&store->store, set, err);
    if (!tl_store__fetch(&store->store, set, block, owner, &stored, err))
        return false;
    tl_block__load_vector((tl_block_shape){set->dim, set->storage}, stored, vector);
    return true;
}

bool tl_vector_store_owners(tl_vector_store *store, const tl_stored_set *set, int64_t **owners, size_t *count, tl_error *err)
{
    tl_ids found = {0};
    if (!store->store.is_changed && !tl_store__know_owners(&store->store, set, err))
        return false;
    sqlite3_stmt *statement = tl_statements__get(&store->store.statements, TL_STORE_OWNER_EACH, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set->id);
    if (!tl_statements__collect_ids(&store->store.statements, statement, &found, err)) {
        tl_memory_free(found.items);
        return false;
    }
    *owners = found.items;
    *count = found.count;
    return true;
}

bool tl_vector_store_flush(tl_vector_store *store, tl_error *err)
{
    return tl_store__flush(&store->store, err);
}

void tl_vector_store_forget(tl_vector_store *store)
{
    tl_store__forget(&store->store);
}

void tl_vector_store_rest(tl_vector_store *store)
{
    tl_store__rest(&store->store);
}

void tl_vector_store_let_go(tl_vector_store *store)
{
    tl_store__rest(&store->store);
    tl_statements__clear(&store->store.statements);
}

bool tl_vector_store_divide(tl_vector_store *store, const tl_stored_set *set, uint32_t lists, tl_thread_pool *pool, tl_error *err)
{
    return tl_divide__anew(&store->store, set, lists, pool, err);
}

bool tl_vector_store_move_tails(tl_vector_store *store, tl_error *err)
{
    return tl_divide__tails(&store->store, err);
}

tl_store *tl_vector_store__tables(tl_vector_store *store)
{
    return &store->store;
}

static bool check_query(const tl_stored_set *set, const tl_vector_query *query, tl_error *err)
{
    if (query->k == 0)
        return tl_fail(err, TL_ERROR_INVALID, "search: expected to ask for at least 1 result, found 0");
    for (uint32_t i = 0; i < set->dim; i++)
        if (!isfinite(query->vector[i]))
            return tl_fail(err, TL_ERROR_INVALID, "search: expected a finite query vector, found %g at %" PRIu32,
                           (double)query->vector[i], i);
    return true;
}

static bool search(tl_vector_store *store, const tl_stored_set *set, const tl_vector_query *query, tl_error *err)
{
    uint64_t tail_count = set->count;
    const tl_filter *filter = NULL;
    if (query->allowed != NULL) {
        if (query->allowed_count == 0)
            return true;
        if (tl_pick__pays(set, query->allowed_count))
            return tl_pick__search(&store->pick, &store->store, set, query, &store->top, err);
        if (!tl_filter__start(&store->filter, query->allowed, query->allowed_count, err))
            return false;
        filter = &store->filter;
    }
    return (set->lists == 0 || (tl_probe__refresh(&store->probe, &store->store, set, &tail_count, err) &&
                                tl_probe__search(&store->probe, &store->store, set, query, filter, &store->top, err))) &&
           tl_flat__scan(&store->flat, &store->store, set, query, filter, tail_count, &store->top, err);
}

bool tl_vector_store_search(tl_vector_store *store, const tl_stored_set *set, const tl_vector_query *query,
                            const tl_scored **hits, size_t *count, tl_error *err)
{
    if (!check_query(set, query, err) || !tl_store__flush(&store->store, err))
        return false;
    tl_top_k__start(&store->top, query->k, query->has_least ? query->least : -INFINITY, query->has_most ? query->most : INFINITY);
    bool ok = search(store, set, query, err) && tl_top_k__sort(&store->top, err);
    tl_store__rest(&store->store);
    if (ok) {
        *hits = store->top.items;
        *count = store->top.count;
    }
    return ok;
}

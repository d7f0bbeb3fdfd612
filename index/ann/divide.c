/*
 * Owns the way of vectors into lists. All source blocks are read in order and each vector's list is found; then list by list its
 * vectors are fetched, coded and written as new blocks, so that a probe reads whole blocks of neighbours; then the sources go. A
 * new division takes all blocks of the set as sources, and writes in the order that fills pages (index/ann/page_fill.h). A tail
 * takes those of list 0 and appends to each list's last small block.
 */
#include "index/ann/divide.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "index/ann/assigner.h"
#include "index/ann/code.h"
#include "index/ann/kmeans.h"
#include "index/ann/page_fill.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_ROWS = 1024, SMALL_BLOCK_ROWS = 32, SAMPLE_SEED = 12, LISTS_PER_ROOT = 2, ROWS_PER_LIST = 128 };
/* Of vectors in a block of a list: less than would fit, since on the way to one of them all pages before it are touched. */
enum { LISTED_BYTES = TL_BLOCK_BYTES / 2 };

typedef struct place {
    int64_t block;
    uint32_t row, list;
} place;

typedef struct division {
    tl_store *store;
    const tl_stored_set *set;
    tl_block_shape shape;
    tl_centroids centroids;
    tl_assigner assigner;
    tl_coder coder;
    tl_held_block held;
    tl_ids sources;
    place *places;
    size_t place_count, place_capacity;
    tl_block_plan *plans;
    size_t plan_count, plan_capacity;
    float *rows; /* [capacity of a block, dim] */
    uint32_t *nearest;
    float *centre;   /* [dim] */
    uint8_t *stored; /* one vector */
    sqlite3_blob *vectors, *heads;
} division;

static void division_clear(division *work)
{
    sqlite3_blob_close(work->vectors);
    sqlite3_blob_close(work->heads);
    tl_centroids__clear(&work->centroids);
    tl_assigner__clear(&work->assigner);
    tl_coder__clear(&work->coder);
    tl_held_block__clear(&work->held);
    tl_memory_free(work->sources.items);
    tl_memory_free(work->places);
    tl_memory_free(work->plans);
    tl_memory_free(work->rows);
    tl_memory_free(work->nearest);
    tl_memory_free(work->centre);
    tl_memory_free(work->stored);
}

static bool division_init(division *work, tl_store *store, const tl_stored_set *set, tl_error *err)
{
    *work = (division){.store = store, .set = set, .shape = {set->dim, set->storage}};
    size_t capacity = tl_block__capacity(work->shape);
    return (work->rows = tl_memory_allocate(capacity * set->dim, sizeof *work->rows, err)) != NULL &&
           (work->nearest = tl_memory_allocate(capacity, sizeof *work->nearest, err)) != NULL &&
           (work->centre = tl_memory_allocate(set->dim, sizeof *work->centre, err)) != NULL &&
           (work->stored = tl_memory_allocate(tl_block__row_bytes(work->shape), 1, err)) != NULL &&
           tl_coder__init(&work->coder, set->dim, err);
}

/* Calls use for each verified source block, its vectors in work->rows. */
static bool each_source(division *work, tl_store_statement which,
                        bool (*use)(division *work, const tl_block_view *view, void *context, tl_error *err), void *context,
                        tl_error *err)
{
    sqlite3_stmt *blocks = tl_statements__get(&work->store->statements, which, err);
    if (blocks == NULL)
        return false;
    sqlite3_bind_int64(blocks, 1, work->set->id);
    for (;;) {
        bool row;
        tl_block_view view;
        if (!tl_statements__step(&work->store->statements, blocks, &row, err))
            return false;
        if (!row)
            break;
        if (!tl_block__view(blocks, work->shape, &view, err) || !tl_block__verify(&view, work->shape, err))
            return false;
        for (size_t i = 0; i < view.count; i++)
            tl_block__load_vector(work->shape, view.vectors + i * tl_block__row_bytes(work->shape),
                                  work->rows + i * work->shape.dim);
        if (!use(work, &view, context, err))
            return false;
    }
    sqlite3_reset(blocks);
    return true;
}

typedef struct sample {
    uint16_t *rows;             /* f16 */
    size_t wanted, count, left; /* left: vectors of the set not seen yet */
    tl_random random;
} sample;

/* Selection sampling (Knuth 3.4.2 S): each of those left is taken with the chance wanted / left. */
static bool take_sample(division *work, const tl_block_view *view, void *context, tl_error *err)
{
    sample *taken = context;
    for (size_t i = 0; i < view->count; i++, taken->left--) {
        if (taken->left == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found more",
                           work->set->id, work->set->count);
        if (tl_random_below(&taken->random, taken->left) < taken->wanted - taken->count)
            tl_narrow_to_f16(work->rows + i * work->shape.dim, taken->rows + taken->count++ * work->shape.dim, work->shape.dim);
    }
    return true;
}

static bool train(division *work, uint32_t lists, tl_thread_pool *pool, tl_error *err)
{
    size_t total = (size_t)work->set->count;
    sample taken = {.wanted = tl_kmeans__sample_size(lists, total), .left = total, .random = tl_random_stream(SAMPLE_SEED, 0)};
    taken.rows = tl_memory_allocate(taken.wanted * work->shape.dim, sizeof *taken.rows, err);
    bool ok = taken.rows != NULL && each_source(work, TL_STORE_BLOCK_EACH, take_sample, &taken, err);
    if (ok && taken.count < lists)
        ok = tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found fewer", work->set->id,
                     work->set->count);
    ok = ok && tl_kmeans__train(&work->centroids, taken.rows, taken.count, lists, work->shape.dim, pool, err);
    tl_memory_free(taken.rows);
    return ok;
}

static bool assign(division *work, const tl_block_view *view, void *context, tl_error *err)
{
    if (!tl_ids__append(&work->sources, view->id, err) ||
        !tl_memory_reserve(&work->places, &work->place_capacity, work->place_count + view->count, sizeof *work->places, err))
        return false;
    tl_assigner__run(&work->assigner, work->rows, view->count, context, work->nearest);
    for (size_t i = 0; i < view->count; i++)
        work->places[work->place_count++] = (place){view->id, (uint32_t)i, work->nearest[i] + 1};
    return true;
}

static int by_list(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->list != right->list)
        return left->list < right->list ? -1 : 1;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static bool fetch(division *work, const place *from, int64_t *owner, tl_error *err)
{
    sqlite3 *database = work->store->statements.database;
    size_t size = tl_block__row_bytes(work->shape);
    bool is_coded = false;
    if (!tl_store__seek(work->store, &work->heads, "head", from->block, err) ||
        !tl_store__seek(work->store, &work->vectors, "vectors", from->block, err))
        return false;
    size_t count = (size_t)sqlite3_blob_bytes(work->vectors) / size;
    is_coded = (size_t)sqlite3_blob_bytes(work->heads) != count * sizeof *owner;
    size_t at = (is_coded ? TL_CODED_HEADER_BYTES : 0) + from->row * sizeof *owner;
    if (sqlite3_blob_read(work->heads, owner, (int)sizeof *owner, (int)at) != SQLITE_OK ||
        sqlite3_blob_read(work->vectors, work->stored, (int)size, (int)(from->row * size)) != SQLITE_OK)
        return tl_database_fail(database, err);
    return true;
}

static bool close_block(division *work, tl_error *err)
{
    bool ok = work->held.id == 0 || tl_held_block__write(&work->held, &work->store->statements, err);
    work->held.id = 0;
    return ok;
}

static bool open_block(division *work, uint32_t list, bool may_append, tl_error *err)
{
    bool row = false;
    if (!close_block(work, err))
        return false;
    if (may_append) {
        sqlite3_stmt *small = tl_statements__get(&work->store->statements, TL_STORE_BLOCK_SMALL, err);
        if (small == NULL)
            return false;
        size_t capacity = tl_block__capacity(work->shape);
        sqlite3_bind_int64(small, 1, work->set->id);
        sqlite3_bind_int64(small, 2, list);
        sqlite3_bind_int64(small, 3, capacity < SMALL_BLOCK_ROWS ? (int64_t)capacity : SMALL_BLOCK_ROWS);
        if (!tl_statements__step(&work->store->statements, small, &row, err))
            return false;
        int64_t id = row ? sqlite3_column_int64(small, 0) : 0;
        sqlite3_reset(small);
        if (row) {
            tl_block_view view;
            sqlite3_stmt *block = tl_statements__get(&work->store->statements, TL_STORE_BLOCK_READ, err);
            if (block == NULL)
                return false;
            sqlite3_bind_int64(block, 1, id);
            if (!tl_statements__step(&work->store->statements, block, &row, err))
                return false;
            if (!row)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected vector block %" PRId64 ", found none", id);
            bool ok =
                tl_block__view(block, work->shape, &view, err) && tl_block__verify(&view, work->shape, err) &&
                ((view.list == list && view.count < capacity) ||
                 tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected list %" PRIu32 " and room", id, list)) &&
                tl_held_block__load(&work->held, &view, work->shape, err);
            sqlite3_reset(block);
            return ok;
        }
    }
    return tl_statements__run_integers(&work->store->statements, TL_STORE_BLOCK_ADD, work->set->id, list, err) &&
           tl_held_block__start(&work->held, sqlite3_last_insert_rowid(work->store->statements.database), work->set->id, list,
                                work->shape, err);
}

static bool move_owner(division *work, int64_t owner, tl_error *err)
{
    sqlite3_stmt *statement = tl_statements__get(&work->store->statements, TL_STORE_OWNER_MOVE, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, work->set->id);
    sqlite3_bind_int64(statement, 2, owner);
    sqlite3_bind_int64(statement, 3, work->held.id);
    return tl_statements__run(&work->store->statements, statement, err);
}

static bool write_rows(division *work, const tl_block_plan *plan, bool may_append, tl_error *err)
{
    size_t dim = work->shape.dim;
    tl_widen_from_f16(work->centroids.rows + (size_t)(work->places[plan->first].list - 1) * dim, work->centre, dim);
    for (size_t i = plan->first; i < plan->first + plan->count; i++) {
        const place *from = &work->places[i];
        int64_t owner;
        tl_row_code code;
        if (!fetch(work, from, &owner, err))
            return false;
        if (work->held.id == 0 || work->held.count == tl_block__capacity(work->shape))
            if (!open_block(work, from->list, may_append && i == plan->first, err))
                return false;
        tl_block__load_vector(work->shape, work->stored, work->rows);
        for (size_t j = 0; j < dim; j++)
            work->rows[j] -= work->centre[j];
        tl_coder__encode(&work->coder, work->rows, &code);
        tl_held_block__append(&work->held, owner, work->stored, &code);
        if (!move_owner(work, owner, err))
            return false;
    }
    return close_block(work, err);
}

/* One plan for each block; of what may be appended to blocks that are there, one for each list. */
static bool plan_blocks(division *work, bool may_append, tl_error *err)
{
    size_t most = may_append ? UINT32_MAX : tl_larger(1, LISTED_BYTES / tl_block__row_bytes(work->shape));
    work->plan_count = 0;
    for (size_t i = 0; i < work->place_count; i++) {
        tl_block_plan *last = work->plan_count != 0 ? &work->plans[work->plan_count - 1] : NULL;
        if (last != NULL && work->places[last->first].list == work->places[i].list && last->count < most) {
            last->count++;
            continue;
        }
        if (!tl_memory_reserve(&work->plans, &work->plan_capacity, work->plan_count + 1, sizeof *work->plans, err))
            return false;
        work->plans[work->plan_count++] = (tl_block_plan){i, 1, 0};
    }
    return true;
}

static bool read_page_size(tl_store *store, size_t *size, tl_error *err)
{
    bool row;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_PAGE_SIZE, err);
    if (statement == NULL || !tl_statements__step(&store->statements, statement, &row, err))
        return false;
    *size = row ? (size_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return *size >= 512 ||
           tl_fail(err, TL_ERROR_CORRUPT, "%s_blocks: expected pages of at least 512 bytes, found %zu", store->prefix, *size);
}

static bool write_lists(division *work, bool may_append, tl_error *err)
{
    size_t page_size;
    if (!plan_blocks(work, may_append, err) ||
        (!may_append && (!read_page_size(work->store, &page_size, err) ||
                         !tl_page_fill__order(work->plans, work->plan_count, work->shape, page_size, err))))
        return false;
    for (size_t i = 0; i < work->plan_count; i++)
        if (!write_rows(work, &work->plans[i], may_append, err))
            return false;
    return true;
}

static bool move_to_lists(division *work, tl_store_statement sources, bool may_append, tl_thread_pool *pool, tl_error *err)
{
    if (!tl_assigner__init(&work->assigner, &work->centroids, err) || !each_source(work, sources, assign, pool, err))
        return false;
    if (work->place_count != 0)
        qsort(work->places, work->place_count, sizeof *work->places, by_list);
    work->held.list = 0;
    if (!write_lists(work, may_append, err))
        return false;
    sqlite3_blob_close(work->vectors);
    sqlite3_blob_close(work->heads);
    work->vectors = work->heads = NULL;
    for (size_t i = 0; i < work->sources.count; i++)
        if (!tl_statements__run_integers(&work->store->statements, TL_STORE_BLOCK_REMOVE, work->sources.items[i], 0, err))
            return false;
    return true;
}

/*
 * Twice the root of the number: reading the centres and reading the lists then cost alike, and a list fills the pages it takes.
 * Of large sets more, so that lists do not grow: their centres are compared in groups (index/ann/order.h), and the smaller the
 * lists the fewer rows hold the nearest.
 */
static uint32_t suitable_lists(uint64_t count)
{
    double lists = LISTS_PER_ROOT * sqrt((double)count), small = (double)count / ROWS_PER_LIST;
    lists = lists > small ? lists : small;
    return lists < 1 ? 1 : lists > TL_MAX_LISTS ? TL_MAX_LISTS : (uint32_t)lists;
}

bool tl_divide__anew(tl_store *store, const tl_stored_set *set, uint32_t lists, tl_thread_pool *pool, tl_error *err)
{
    if (set->count == 0)
        return true;
    if (lists == 0)
        lists = suitable_lists(set->count);
    if (lists > set->count)
        lists = (uint32_t)set->count;
    if (lists > TL_MAX_LISTS)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d lists, found %" PRIu32, TL_MAX_LISTS, lists);
    division work;
    store->changes++;
    bool ok = division_init(&work, store, set, err) && train(&work, lists, pool, err) &&
              tl_centroids__write(&work.centroids, store, set->id, err) &&
              move_to_lists(&work, TL_STORE_BLOCK_EACH, false, pool, err) &&
              tl_statements__run_integers(&store->statements, TL_STORE_SET_DIVIDED, set->id, lists, err);
    division_clear(&work);
    return ok;
}

static bool move_tail(tl_store *store, const tl_stored_set *set, tl_error *err)
{
    division work;
    store->changes++;
    bool ok = division_init(&work, store, set, err) && tl_centroids__load(&work.centroids, store, set, err) &&
              move_to_lists(&work, TL_STORE_BLOCK_EACH_OF_TAIL, true, NULL, err);
    division_clear(&work);
    return ok;
}

static bool list_divided(tl_store *store, tl_stored_set **sets, size_t *count, tl_error *err)
{
    bool ok = false, row = true;
    tl_stored_set *list = NULL;
    size_t capacity = 0;
    *count = 0;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_SET_DIVIDED_EACH, err);
    if (statement == NULL)
        return false;
    while (row) {
        if (!tl_statements__step(&store->statements, statement, &row, err))
            goto done;
        if (row && (!tl_memory_reserve(&list, &capacity, *count + 1, sizeof *list, err) ||
                    !tl_stored_set__read(statement, &list[(*count)++], err)))
            goto done;
    }
    *sets = list;
    list = NULL;
    ok = true;
done:
    sqlite3_reset(statement);
    tl_memory_free(list);
    return ok;
}

bool tl_divide__tails(tl_store *store, tl_error *err)
{
    bool ok = false;
    tl_stored_set *sets = NULL;
    size_t count = 0;
    if (!list_divided(store, &sets, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool row;
        sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_TAIL_COUNT, err);
        if (statement == NULL)
            goto done;
        sqlite3_bind_int64(statement, 1, sets[i].id);
        if (!tl_statements__step(&store->statements, statement, &row, err))
            goto done;
        int64_t rows = row ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_reset(statement);
        if (rows > TAIL_ROWS + (int64_t)(LISTS_PER_ROOT * sqrt((double)sets[i].count)) && !move_tail(store, &sets[i], err))
            goto done;
    }
    ok = true;
done:
    tl_memory_free(sets);
    return ok;
}

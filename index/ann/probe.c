/* Owns what a searcher keeps of a divided set (centres, and which blocks each list has), and the search of its lists. */
#include "index/ann/probe.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/vectors/block.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many standard deviations of the error of an estimate count when the search need not be exact. */
#define DEVIATIONS 2.5f

enum { LISTS_PER_PROBE = 40, LEAST_PROBES = 8 };

void tl_probe__rest(tl_probe *probe)
{
    sqlite3_blob_close(probe->vectors);
    probe->vectors = NULL;
    probe->opened = 0;
    probe->waiting_count = 0;
}

void tl_probe__clear(tl_probe *probe)
{
    tl_probe__rest(probe);
    tl_centroids__clear(&probe->centroids);
    tl_coder__clear(&probe->coder);
    tl_memory_free(probe->query.numbers);
    tl_memory_free(probe->blocks);
    tl_memory_free(probe->starts);
    tl_memory_free(probe->order);
    tl_memory_free(probe->centre_scores);
    tl_memory_free(probe->sums);
    tl_memory_free(probe->lengths);
    tl_memory_free(probe->vector);
    *probe = (tl_probe){0};
}

static bool read_data_version(tl_statements *statements, int64_t *version, tl_error *err)
{
    bool row;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_DATA_VERSION, err);
    if (statement == NULL || !tl_statements__step(statements, statement, &row, err))
        return false;
    *version = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return true;
}

/* The numbers of all blocks, from the index of the table alone; each row is guarded by its mark. */
static bool load_directory(tl_probe *probe, tl_statements *statements, const tl_set_row *set, tl_error *err)
{
    uint64_t seen = 0;
    uint32_t last = 0;
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_BLOCK_DIRECTORY, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set->id);
    probe->block_count = 0;
    probe->tail_count = 0;
    for (;;) {
        bool row;
        if (!tl_statements__step(statements, statement, &row, err))
            return false;
        if (!row)
            break;
        int64_t id = sqlite3_column_int64(statement, 0), list = sqlite3_column_int64(statement, 1),
                count = sqlite3_column_int64(statement, 2);
        double radius = sqlite3_column_double(statement, 3);
        if (list < 0 || list > set->lists || count < 1 || (uint64_t)count > tl_block__capacity(shape) || !(radius >= 0) ||
            (list != 0 && sqlite3_column_int64(statement, 4) != tl_block__mark(id, set->id, list, count, radius)))
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected a sound row of the index on lists", id);
        seen += (uint64_t)count;
        if (list == 0) {
            probe->tail_count += (uint64_t)count;
            continue;
        }
        while (last < list)
            probe->starts[last++] = (uint32_t)probe->block_count;
        if (probe->block_count == UINT32_MAX || !tl_memory_reserve((void **)&probe->blocks, &probe->block_capacity,
                                                                   probe->block_count + 1, sizeof *probe->blocks, err))
            return false;
        probe->blocks[probe->block_count++] = (tl_listed_block){id, (uint32_t)count, (float)radius, false};
    }
    sqlite3_reset(statement);
    while (last <= set->lists)
        probe->starts[last++] = (uint32_t)probe->block_count;
    return seen == set->count ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64, set->id,
                   set->count, seen);
}

static bool load_division(tl_probe *probe, tl_statements *statements, const tl_set_row *set, tl_error *err)
{
    tl_probe__clear(probe);
    return tl_centroids__load(&probe->centroids, statements, set, err) && tl_coder__init(&probe->coder, set->dim, err) &&
           (probe->query.numbers = tl_memory_allocate(probe->coder.code_dim, 1, err)) != NULL &&
           (probe->starts = tl_memory_allocate((size_t)set->lists + 1, sizeof *probe->starts, err)) != NULL &&
           (probe->order = tl_memory_allocate(set->lists, sizeof *probe->order, err)) != NULL &&
           (probe->centre_scores = tl_memory_allocate(set->lists, sizeof *probe->centre_scores, err)) != NULL &&
           (probe->vector = tl_memory_allocate_aligned(tl_block__row_bytes((tl_block_shape){set->dim, set->storage}), 1, err)) !=
               NULL;
}

static bool refresh(tl_probe *probe, tl_statements *statements, const tl_set_row *set, tl_error *err)
{
    int64_t version;
    if (!read_data_version(statements, &version, err))
        return false;
    if (probe->is_loaded && probe->data_version == version && probe->set_id == set->id && probe->generation == set->generation)
        return true;
    if ((!probe->is_loaded || probe->set_id != set->id || probe->generation != set->generation ||
         probe->centroids.count != set->lists) &&
        !load_division(probe, statements, set, err))
        return false;
    probe->is_loaded = false;
    if (!load_directory(probe, statements, set, err))
        return false;
    probe->is_loaded = true;
    probe->data_version = version;
    probe->generation = set->generation;
    probe->set_id = set->id;
    return true;
}

static int by_most(const void *a, const void *b)
{
    const tl_candidate *left = a, *right = b;
    return (left->most < right->most) - (left->most > right->most);
}

/* The stored vectors of those waiting, the most promising first, as long as one can still get in. */
static bool fetch_waiting(tl_probe *probe, sqlite3 *database, const tl_probe_call *call, tl_top_k *top, tl_error *err)
{
    tl_block_shape shape = {call->set->dim, call->set->storage};
    size_t size = tl_block__row_bytes(shape);
    qsort(probe->waiting, probe->waiting_count, sizeof *probe->waiting, by_most);
    for (size_t i = 0; i < probe->waiting_count; i++) {
        const tl_candidate *candidate = &probe->waiting[i];
        if (!tl_top_k__may_enter(top, candidate->most))
            break;
        if (probe->opened != candidate->block) {
            int code = probe->vectors == NULL
                           ? sqlite3_blob_open(database, "main", "vector_blocks", "vectors", candidate->block, 0, &probe->vectors)
                           : sqlite3_blob_reopen(probe->vectors, candidate->block);
            if (code != SQLITE_OK)
                return tl_database_fail(database, err);
            probe->opened = candidate->block;
        }
        size_t at = candidate->row * size;
        if ((size_t)sqlite3_blob_bytes(probe->vectors) < at + size)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at least %zu bytes of vectors, found %d",
                           candidate->block, at + size, sqlite3_blob_bytes(probe->vectors));
        if (sqlite3_blob_read(probe->vectors, probe->vector, (int)size, (int)at) != SQLITE_OK)
            return tl_database_fail(database, err);
        if (tl_block__vector_hash(probe->vector, size) != candidate->hash)
            return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected another checksum of vector %" PRIu32,
                           candidate->block, candidate->row);
        float score;
        tl_block__dot(shape, probe->vector, 1, call->query, &score);
        tl_top_k__offer(top, candidate->owner, score);
    }
    probe->waiting_count = 0;
    return true;
}

/* Rounding of sums and of the rotation, relative to the lengths multiplied: far above what n additions can lose. */
static float rounding(uint32_t dim)
{
    return 1e-5f + 3e-8f * (float)dim;
}

typedef struct list_bound {
    float centre_score, centre_length, part, slack;
} list_bound;

static bool look_into_block(tl_probe *probe, tl_statements *statements, const tl_probe_call *call, tl_listed_block *block,
                            uint32_t list, const list_bound *bound, tl_top_k *top, tl_error *err)
{
    tl_block_shape shape = {call->set->dim, call->set->storage};
    bool row = false, ok = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_BLOCK_HEAD, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, block->id);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    tl_block_view view = {.id = block->id, .set_id = call->set->id, .list = list, .count = block->count};
    const uint8_t *head = row ? sqlite3_column_blob(statement, 0) : NULL;
    if (head == NULL) {
        ok = tl_fail(err, TL_ERROR_CORRUPT, "expected vector block %" PRId64 ", found none", block->id);
        goto done;
    }
    if (!tl_block__view_head(&view, head, (size_t)sqlite3_column_bytes(statement, 0), shape, err) ||
        (!block->is_verified && !tl_block__verify_head(&view, shape, err)) ||
        !tl_memory_reserve((void **)&probe->sums, &probe->sums_capacity, view.count, sizeof *probe->sums, err) ||
        !tl_memory_reserve((void **)&probe->lengths, &probe->lengths_capacity, 2 * view.count, sizeof *probe->lengths, err))
        goto done;
    block->is_verified = true;
    const float *errors = probe->lengths, *norms = probe->lengths + view.count;
    tl_widen_from_f16(view.errors, probe->lengths, 2 * view.count); /* norms lie behind errors */
    tl_codes_dot(view.codes, view.count, tl_block__code_groups(shape), probe->query.numbers, probe->sums);
    for (size_t i = 0; i < view.count; i++) {
        float estimate =
            bound->centre_score + view.factors[i] * probe->query.step * ((float)probe->sums[i] - probe->query.offset);
        float most = estimate + bound->part * (probe->query.length * errors[i] + probe->query.left_out * norms[i]) +
                     bound->slack * probe->query.length * (bound->centre_length + errors[i] + norms[i]);
        if (!tl_top_k__may_enter(top, most) || (call->allowed != NULL && !tl_ids__contain(call->allowed, view.owners[i])))
            continue;
        if (probe->waiting_count == TL_CANDIDATES && !fetch_waiting(probe, statements->database, call, top, err))
            goto done;
        probe->waiting[probe->waiting_count++] = (tl_candidate){most, (uint32_t)i, view.hashes[i], view.owners[i], block->id};
    }
    ok = true;
done:
    sqlite3_reset(statement);
    return ok;
}

static uint32_t suitable_probes(uint32_t lists)
{
    uint32_t probes = lists / LISTS_PER_PROBE;
    return probes < LEAST_PROBES ? LEAST_PROBES : probes;
}

/* The `probes` best lists in order, or more of them when they hold fewer than k vectors. */
static uint32_t choose_lists(tl_probe *probe, const tl_probe_call *call, size_t k)
{
    uint32_t lists = probe->centroids.count, probes = call->probes != 0 ? call->probes : suitable_probes(lists);
    bool all = call->exact || call->allowed != NULL;
    tl_rows_dot_f16(probe->centroids.rows, lists, probe->centroids.dim, call->query, probe->centre_scores);
    for (;; probes *= 2) {
        if (all || probes > lists / 2)
            probes = all || probes > lists ? lists : probes;
        tl_top_k top = {probe->order, probes, 0};
        for (uint32_t i = 0; i < lists; i++)
            if (tl_top_k__may_enter(&top, probe->centre_scores[i]))
                tl_top_k__offer(&top, i, probe->centre_scores[i]);
        tl_top_k__sort(&top);
        uint64_t held = 0;
        for (uint32_t i = 0; i < probes; i++) {
            uint32_t list = (uint32_t)probe->order[i].item_id;
            for (uint32_t b = probe->starts[list]; b < probe->starts[list + 1]; b++)
                held += probe->blocks[b].count;
        }
        if (probes == lists || held >= k)
            return probes;
    }
}

bool tl_probe__search(tl_probe *probe, tl_statements *statements, const tl_probe_call *call, tl_top_k *top, uint64_t *tail_count,
                      tl_error *err)
{
    if (!refresh(probe, statements, call->set, err))
        return false;
    probe->waiting_count = 0;
    tl_coder__encode_query(&probe->coder, call->query, &probe->query);
    uint32_t probes = choose_lists(probe, call, top->k);
    bool exact = call->exact || call->allowed != NULL;
    float part = exact ? 1.0f : DEVIATIONS / sqrtf((float)call->set->dim);
    list_bound bound = {.part = part < 1 ? part : 1, .slack = rounding(call->set->dim)};
    for (uint32_t i = 0; i < probes; i++) {
        uint32_t list = (uint32_t)probe->order[i].item_id;
        float square;
        bound.centre_score = probe->centre_scores[list];
        tl_widen_from_f16(probe->centroids.rows + (size_t)list * call->set->dim, probe->coder.rotated, call->set->dim);
        tl_rows_dot_f32(probe->coder.rotated, 1, call->set->dim, probe->coder.rotated, &square);
        bound.centre_length = sqrtf(square);
        for (uint32_t b = probe->starts[list]; b < probe->starts[list + 1]; b++) {
            tl_listed_block *block = &probe->blocks[b];
            float most = bound.centre_score + probe->query.length * block->radius +
                         bound.slack * probe->query.length * (bound.centre_length + block->radius);
            if (tl_top_k__may_enter(top, most) && !look_into_block(probe, statements, call, block, list + 1, &bound, top, err))
                return false;
        }
        /* Once k are known, the lists after this one can be passed over by their radius. */
        if (exact && top->count < top->k && !fetch_waiting(probe, statements->database, call, top, err))
            return false;
    }
    *tail_count = probe->tail_count;
    return fetch_waiting(probe, statements->database, call, top, err);
}

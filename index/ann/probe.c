/* Owns what a searcher keeps of a divided set (centres, and which blocks each list has), and the search of its lists. */
#include "index/ann/probe.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many standard deviations of the error of an estimate count when the search need not be exact. */
#define DEVIATIONS 2.5f

enum { LEAST_PROBES = 8 };

void tl_probe__clear(tl_probe *probe)
{
    tl_centroids__clear(&probe->centroids);
    tl_coder__clear(&probe->coder);
    tl_memory_free(probe->query.numbers);
    tl_memory_free(probe->blocks);
    tl_memory_free(probe->starts);
    tl_heads__clear(&probe->heads);
    tl_list_order__clear(&probe->order);
    tl_top_k__clear(&probe->floors);
    tl_top_k__clear(&probe->middles);
    tl_memory_free(probe->from_centre);
    tl_memory_free(probe->sums);
    tl_memory_free(probe->lengths);
    tl_memory_free(probe->vector);
    *probe = (tl_probe){0};
}

static bool read_data_version(tl_store *store, int64_t *version, tl_error *err)
{
    bool row;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_DATA_VERSION, err);
    if (statement == NULL || !tl_statements__step(&store->statements, statement, &row, err))
        return false;
    *version = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return true;
}

/* The numbers of all blocks, from the index of the table alone; each row is guarded by its mark. */
static bool load_directory(tl_probe *probe, tl_store *store, const tl_stored_set *set, tl_error *err)
{
    uint64_t seen = 0;
    uint32_t last = 0;
    tl_block_shape shape = {set->dim, set->storage};
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_BLOCK_DIRECTORY, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set->id);
    if (!tl_heads__rearrange(&probe->heads, err))
        return false;
    probe->block_count = 0;
    probe->tail_count = 0;
    for (;;) {
        bool row;
        if (!tl_statements__step(&store->statements, statement, &row, err))
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
        if (probe->block_count == UINT32_MAX ||
            !tl_memory_reserve(&probe->blocks, &probe->block_capacity, probe->block_count + 1, sizeof *probe->blocks, err) ||
            !tl_heads__append(&probe->heads, id, err))
            return false;
        probe->blocks[probe->block_count++] = (tl_listed_block){id, (uint32_t)count, (float)radius};
    }
    sqlite3_reset(statement);
    tl_heads__settle(&probe->heads);
    while (last <= set->lists)
        probe->starts[last++] = (uint32_t)probe->block_count;
    return seen == set->count ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu64 " vectors, found %" PRIu64, set->id,
                   set->count, seen);
}

static bool load_division(tl_probe *probe, tl_store *store, const tl_stored_set *set, tl_error *err)
{
    tl_heads heads = probe->heads;
    probe->heads = (tl_heads){0};
    tl_probe__clear(probe);
    probe->heads = heads;
    return tl_centroids__load(&probe->centroids, store, set, err) && tl_coder__init(&probe->coder, set->dim, err) &&
           (probe->query.numbers = tl_memory_allocate(probe->coder.code_dim, 1, err)) != NULL &&
           (probe->starts = tl_memory_allocate((size_t)set->lists + 1, sizeof *probe->starts, err)) != NULL &&
           (probe->from_centre = tl_memory_allocate(set->dim, sizeof *probe->from_centre, err)) != NULL &&
           tl_list_order__init(&probe->order, &probe->centroids, err) &&
           (probe->vector = tl_memory_allocate_aligned(tl_block__row_bytes((tl_block_shape){set->dim, set->storage}), 1, err)) !=
               NULL;
}

bool tl_probe__refresh(tl_probe *probe, tl_store *store, const tl_stored_set *set, uint64_t *tail_count, tl_error *err)
{
    int64_t version;
    if (!read_data_version(store, &version, err))
        return false;
    bool is_same = probe->is_loaded && probe->set_id == set->id && probe->generation == set->generation &&
                   probe->centroids.count == set->lists;
    if (!is_same || probe->data_version != version || probe->changes != store->changes) {
        /* A division of ours that was rolled back leaves its generation's number to the next one, but counts as a change. */
        if ((!is_same || probe->changes != store->changes) && !load_division(probe, store, set, err))
            return false;
        probe->is_loaded = false;
        if (!load_directory(probe, store, set, err))
            return false;
        probe->is_loaded = true;
        probe->data_version = version;
        probe->generation = set->generation;
        probe->changes = store->changes;
        probe->set_id = set->id;
    }
    *tail_count = probe->tail_count;
    return true;
}

/* Restores the heap, the most promising at its root, where only the item at `at` may be out of place. */
static void sink(tl_candidate *items, size_t count, size_t at)
{
    tl_candidate item = items[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && items[child + 1].most > items[child].most)
            child++;
        if (!(items[child].most > item.most))
            break;
        items[at] = items[child];
    }
    items[at] = item;
}

/* What does not change while one search runs. */
typedef struct inquiry {
    tl_probe *probe;
    tl_store *store;
    const tl_stored_set *set;
    tl_block_shape shape;
    const tl_vector_query *query;
    const tl_filter *filter;
    tl_top_k *top;
    float part;      /* of the whole bound of a code */
    float slack;     /* of rounding, relative to the lengths multiplied */
    bool has_floors; /* of a k that those waiting have room for */
} inquiry;

static float least_to_enter(const tl_top_k *top)
{
    return top->count < top->k ? top->least : top->items[0].score;
}

static void raise_threshold(const inquiry *in)
{
    tl_probe *probe = in->probe;
    float fetched = least_to_enter(in->top), known = in->has_floors ? least_to_enter(&probe->floors) : -INFINITY;
    probe->threshold = known > fetched ? known : fetched;
}

static bool fetch_one(const inquiry *in, const tl_candidate *candidate, tl_error *err)
{
    tl_probe *probe = in->probe;
    size_t size = tl_block__row_bytes(in->shape);
    if (probe->opened != candidate->block) {
        if (!tl_store__seek(in->store, &in->store->vectors, "vectors", candidate->block, err))
            return false;
        probe->opened = candidate->block;
    }
    size_t at = candidate->row * size, there = (size_t)sqlite3_blob_bytes(in->store->vectors);
    if (there < at + size)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at least %zu bytes of vectors, found %zu",
                       candidate->block, at + size, there);
    if (sqlite3_blob_read(in->store->vectors, probe->vector, (int)size, (int)at) != SQLITE_OK)
        return tl_database_fail(in->store->statements.database, err);
    if (tl_block__vector_hash(probe->vector, size) != candidate->hash)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected another checksum of vector %" PRIu32,
                       candidate->block, candidate->row);
    float score;
    tl_block__score(in->shape, in->query->metric, probe->vector, 1, in->query->vector, &score);
    tl_top_k__offer(in->top, candidate->owner, score);
    return true;
}

static int by_place(const void *a, const void *b)
{
    const tl_candidate *left = a, *right = b;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

/* The score that the k-th best of those waiting is likely to have. */
static float likely_score(const inquiry *in)
{
    tl_probe *probe = in->probe;
    tl_top_k *middles = &probe->middles;
    tl_top_k__start(middles, in->top->k, -INFINITY, INFINITY);
    for (size_t i = 0; i < probe->waiting_count; i++) {
        float middle = 0.5f * (probe->waiting[i].most + probe->waiting[i].least);
        if (tl_top_k__may_enter(middles, middle))
            tl_top_k__offer(middles, (int64_t)i, middle);
    }
    return middles->count < middles->k || middles->is_out_of_memory ? -INFINITY : middles->items[0].score;
}

/* Drops those waiting that can no longer get in, and puts those that can have at least that score first. *first: how many. */
static void sift(const inquiry *in, float score, size_t *first)
{
    tl_probe *probe = in->probe;
    size_t kept = 0;
    *first = 0;
    for (size_t i = 0; i < probe->waiting_count; i++) {
        tl_candidate candidate = probe->waiting[i];
        if (candidate.most < probe->threshold)
            continue;
        probe->waiting[kept] = probe->waiting[*first];
        if (!(candidate.most < score))
            probe->waiting[(*first)++] = candidate;
        else
            probe->waiting[kept] = candidate;
        kept++;
    }
    probe->waiting_count = kept;
}

/*
 * The stored vectors of those waiting that can still get in. Those that will be wanted in any likelihood are fetched in the order
 * in which they lie, since the way to a block costs more than what is read there; then, the most promising first, what is left.
 */
static bool fetch_waiting(const inquiry *in, tl_error *err)
{
    tl_probe *probe = in->probe;
    size_t likely, count;
    sift(in, likely_score(in), &likely);
    qsort(probe->waiting, likely, sizeof *probe->waiting, by_place);
    for (size_t i = 0; i < likely; i++)
        if (tl_top_k__may_enter(in->top, probe->waiting[i].most) && !fetch_one(in, &probe->waiting[i], err))
            return false;
    /* Few of them are fetched, so a heap costs less than sorting all. */
    tl_candidate *rest = probe->waiting + likely;
    count = probe->waiting_count - likely;
    for (size_t i = count / 2; i-- > 0;)
        sink(rest, count, i);
    while (count > 0 && tl_top_k__may_enter(in->top, rest[0].most)) {
        if (!fetch_one(in, &rest[0], err))
            return false;
        rest[0] = rest[--count];
        if (count > 1)
            sink(rest, count, 0);
    }
    probe->waiting_count = 0;
    raise_threshold(in);
    return true;
}

/* Room for another; what is fetched makes more of it only where few can be dropped. */
static bool make_room(const inquiry *in, tl_error *err)
{
    size_t first;
    if (in->probe->waiting_count < TL_CANDIDATES)
        return true;
    sift(in, INFINITY, &first);
    return in->probe->waiting_count < TL_CANDIDATES - TL_CANDIDATES / 4 || fetch_waiting(in, err);
}

/* Rounding of sums and of the rotation: far above what n additions can lose. */
static float rounding(uint32_t dim)
{
    return 1e-5f + 3e-8f * (float)dim;
}

/*
 * What is known of a row before it is fetched, from its code, its error e and its norm n (of the code):
 *   dot   row . q = centre . q + code . q + left out . q, the last two with the query as a whole
 *   L2    -|row - q|^2 = 2 residual . p - |residual|^2 - |p|^2 with p = q - centre, which is coded anew for each list. The code
 *         is the best multiple of its grid point, so what it leaves out is at a right angle: |residual|^2 = n^2 + e^2, where both
 *         were rounded up to f16.
 */
typedef struct list_bound {
    float centre_score, centre_length;
} list_bound;

static float rounded_down(float length)
{
    float less = length * (1.0f - 1.0f / 512) - 1e-7f;
    return less > 0 ? less : 0;
}

/* bounds [count] of the rows of a block, whose sums, errors and norms are there. */
static void bound_rows(const inquiry *in, const list_bound *bound, const tl_block_view *view, const float *errors,
                       const float *norms, float *bounds)
{
    tl_probe *probe = in->probe;
    const tl_coded_query *query = &probe->query;
    bool is_dot = in->query->metric == TL_METRIC_DOT;
    float times = is_dot ? 1.0f : 2.0f, slack = in->slack * query->length, of_sums = is_dot ? slack : 0.0f;
    tl_code_bound parts = {.base = bound->centre_score + of_sums * bound->centre_length,
                           .product = times * query->step,
                           .offset = query->offset,
                           .error = times * in->part * query->length + of_sums,
                           .norm = times * in->part * query->left_out + of_sums};
    tl_codes_bound(&parts, probe->sums, view->factors, errors, norms, view->count, bounds);
    for (size_t i = 0; !is_dot && i < view->count; i++) {
        float e = rounded_down(errors[i]), n = rounded_down(norms[i]), whole = query->length + errors[i] + norms[i];
        bounds[i] += in->slack * whole * whole - e * e - n * n;
    }
}

/* How far below its bound the score of a row can be. */
static float bound_width(const inquiry *in, const list_bound *bound, float error, float norm)
{
    const tl_coded_query *query = &in->probe->query;
    float slack = in->slack * query->length, parts = in->part * (query->length * error + query->left_out * norm);
    if (in->query->metric == TL_METRIC_DOT)
        return 2 * (parts + slack * (bound->centre_length + error + norm));
    float e = rounded_down(error), n = rounded_down(norm), whole = query->length + error + norm;
    return 4 * parts + 2 * in->slack * whole * whole + error * error - e * e + norm * norm - n * n;
}

/* Of any row of a block whose residuals are no longer than the radius. */
static float block_bound(const inquiry *in, const list_bound *bound, float radius)
{
    const tl_coded_query *query = &in->probe->query;
    if (in->query->metric == TL_METRIC_DOT)
        return bound->centre_score + query->length * radius + in->slack * query->length * (bound->centre_length + radius);
    float gap = query->length * (1 - in->slack) - radius * (1 + in->slack);
    return gap > 0 ? -gap * gap * (1 - in->slack) : 0;
}

static uint64_t count_wanted(const inquiry *in, const tl_block_view *view)
{
    uint64_t wanted = 0;
    for (size_t i = 0; i < view->count; i++)
        wanted += tl_filter__wants(in->filter, view->owners[i]);
    return wanted;
}

/* next: the head that will be looked into after this one, NULL where it is not known. */
static bool look_into_block(const inquiry *in, uint32_t place, uint32_t list, const list_bound *bound, const void *next,
                            tl_error *err)
{
    tl_probe *probe = in->probe;
    const tl_listed_block *block = &probe->blocks[place];
    tl_block_view view = {.id = block->id, .set_id = in->set->id, .list = list, .count = block->count};
    if (!tl_heads__view(&probe->heads, place, in->store, in->shape, &view, err) ||
        !tl_memory_reserve(&probe->sums, &probe->sums_capacity, view.count, sizeof *probe->sums, err) ||
        !tl_memory_reserve(&probe->lengths, &probe->lengths_capacity, 3 * view.count, sizeof *probe->lengths, err))
        return false;
    uint64_t wanted = in->filter != NULL ? count_wanted(in, &view) : view.count;
    probe->seen += wanted;
    if (wanted == 0)
        return true;
    const float *errors = probe->lengths, *norms = errors + view.count;
    float *bounds = probe->lengths + 2 * view.count;
    tl_widen_from_f16(view.errors, probe->lengths, 2 * view.count); /* norms lie behind errors */
    tl_codes_dot(view.codes, view.count, tl_block__code_groups(in->shape), probe->query.numbers, probe->sums, next);
    bound_rows(in, bound, &view, errors, norms, bounds);
    for (size_t i = 0; i < view.count; i++) {
        if (bounds[i] < probe->threshold || (in->filter != NULL && !tl_filter__wants(in->filter, view.owners[i])))
            continue;
        if (!make_room(in, err))
            return false;
        float least = bounds[i] - bound_width(in, bound, errors[i], norms[i]);
        probe->waiting[probe->waiting_count++] =
            (tl_candidate){bounds[i], least, (uint32_t)i, view.hashes[i], view.owners[i], block->id};
        if (in->has_floors && bounds[i] <= in->top->most && least > least_to_enter(&probe->floors)) {
            tl_top_k__offer(&probe->floors, view.owners[i], least);
            raise_threshold(in);
        }
    }
    return true;
}

/* The root of the number of lists: what is found of the true ones then hardly depends on how many rows there are. */
static uint32_t suitable_probes(uint32_t lists)
{
    uint32_t probes = (uint32_t)sqrtf((float)lists);
    return probes < LEAST_PROBES ? LEAST_PROBES : probes;
}

static uint64_t rows_of_list(const tl_probe *probe, uint32_t list)
{
    uint64_t rows = 0;
    for (uint32_t b = probe->starts[list]; b < probe->starts[list + 1]; b++)
        rows += probe->blocks[b].count;
    return rows;
}

/*
 * Puts lists in order, the most promising first: all of them where all may be needed, else `probes`, or more when those hold
 * fewer than k vectors. *budget: rows to look at, after which a search that need not be exact may end.
 */
static bool choose_lists(const inquiry *in, uint64_t *budget, tl_error *err)
{
    tl_probe *probe = in->probe;
    uint32_t lists = probe->centroids.count, wish = in->query->probes != 0 ? in->query->probes : suitable_probes(lists);
    bool wants_all = in->query->exact || in->filter != NULL;
    uint32_t probes = wish < lists ? wish : lists, number = wants_all ? lists : probes;
    for (;; number = number > lists / 2 ? lists : 2 * number) {
        if (!tl_list_order__take(&probe->order, &probe->centroids, in->query, number, err))
            return false;
        uint64_t held = 0;
        *budget = 0;
        for (uint32_t i = 0; i < number; i++) {
            uint64_t rows = rows_of_list(probe, (uint32_t)probe->order.best.items[i].owner);
            held += rows;
            *budget += i < probes ? rows : 0;
        }
        if (number == lists || held >= in->query->k) {
            *budget = in->filter == NULL || in->query->exact ? UINT64_MAX : *budget;
            return true;
        }
    }
}

/* The query as it is compared with the rows of a list, and the score of its centre. */
static void look_from_centre(const inquiry *in, uint32_t list, list_bound *bound)
{
    tl_probe *probe = in->probe;
    uint32_t dim = in->set->dim;
    float square;
    bound->centre_score = probe->order.scores[list];
    tl_widen_from_f16(probe->centroids.rows + (size_t)list * dim, probe->from_centre, dim);
    if (in->query->metric == TL_METRIC_DOT) {
        tl_rows_dot_f32(probe->from_centre, 1, dim, probe->from_centre, &square);
        bound->centre_length = sqrtf(square);
        return;
    }
    for (uint32_t i = 0; i < dim; i++)
        probe->from_centre[i] = in->query->vector[i] - probe->from_centre[i];
    tl_coder__encode_query(&probe->coder, probe->from_centre, &probe->query);
    bound->centre_length = 0;
}

/* The kept head of the block that comes after block b, which is of the list that is i-th in order. */
static const void *head_after(const tl_probe *probe, size_t i, uint32_t b)
{
    const tl_top_k *best = &probe->order.best;
    uint32_t place = b + 1;
    if (place == probe->starts[best->items[i].owner + 1]) {
        if (i + 1 == best->count)
            return NULL;
        place = probe->starts[best->items[i + 1].owner]; /* of a list that is empty: of the one after it */
    }
    return place < probe->block_count ? probe->heads.items[place].bytes : NULL;
}

bool tl_probe__search(tl_probe *probe, tl_store *store, const tl_stored_set *set, const tl_vector_query *query,
                      const tl_filter *filter, tl_top_k *top, tl_error *err)
{
    float deviations = DEVIATIONS / sqrtf((float)set->dim);
    const inquiry in = {.probe = probe,
                        .store = store,
                        .set = set,
                        .shape = {set->dim, set->storage},
                        .query = query,
                        .filter = filter,
                        .top = top,
                        .part = query->exact || deviations > 1 ? 1.0f : deviations,
                        .slack = rounding(set->dim),
                        .has_floors = top->k <= TL_CANDIDATES / 4};
    uint64_t budget;
    probe->waiting_count = 0;
    probe->opened = 0;
    probe->seen = 0;
    tl_top_k__start(&probe->floors, in.has_floors ? top->k : 0, -INFINITY, INFINITY);
    raise_threshold(&in);
    if (!choose_lists(&in, &budget, err))
        return false;
    if (query->metric == TL_METRIC_DOT)
        tl_coder__encode_query(&probe->coder, query->vector, &probe->query);
    for (size_t i = 0; i < probe->order.best.count; i++) {
        uint32_t list = (uint32_t)probe->order.best.items[i].owner;
        list_bound bound;
        if (probe->seen >= budget && top->count + probe->waiting_count >= top->k)
            break;
        look_from_centre(&in, list, &bound);
        for (uint32_t b = probe->starts[list]; b < probe->starts[list + 1]; b++) {
            if (!(block_bound(&in, &bound, probe->blocks[b].radius) < probe->threshold) &&
                !look_into_block(&in, b, list + 1, &bound, head_after(probe, i, b), err))
                return false;
        }
        /* Once k are known, the lists after this one can be passed over by their radius. */
        if (!in.has_floors && (query->exact || filter != NULL) && top->count < top->k && !fetch_waiting(&in, err))
            return false;
    }
    return fetch_waiting(&in, err);
}

/*
 * Owns the training. One step is Lloyd's iterations over our own matrix product, from rows drawn without replacement; a centre
 * that lost its rows takes half of those of the fullest, so that lists stay of like size. Many centres are found in two steps:
 * some hundred first, then within the rows of each as many as their share, which are a group. That costs the root of what one
 * step would, for lists that are as good when rows near a border are let choose among groups (index/ann/assigner.h).
 */
#include "index/ann/kmeans.h"

#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "index/ann/assigner.h"

#include <math.h>
#include <string.h>

enum { ITERATIONS = 8, TRAINING_SEED = 11, ROWS_PER_LIST = 48, ROWS_PER_LIST_IN_GROUPS = 24 };
/* From so many lists on they come in groups, when there are so many rows for each. A search looks into some GROUPS_SEARCHED. */
enum { GROUPED_LISTS = 512, LEAST_ROWS_PER_LIST = 8, GROUPS_SEARCHED = 32 };

/* New centres: the mean of the rows nearest to each. sizes [count] */
static void average(tl_assigner *assigner, const float *rows, size_t row_count, const uint32_t *nearest, uint32_t *sizes)
{
    uint32_t dim = assigner->dim;
    memset(sizes, 0, assigner->count * sizeof *sizes);
    for (size_t i = 0; i < row_count; i++)
        sizes[nearest[i]]++;
    for (uint32_t c = 0; c < assigner->count; c++)
        if (sizes[c] != 0)
            memset(assigner->rows + (size_t)c * dim, 0, dim * sizeof *assigner->rows);
    for (size_t i = 0; i < row_count; i++)
        tl_axpy(1.0f / (float)sizes[nearest[i]], rows + i * dim, assigner->rows + (size_t)nearest[i] * dim, dim);
}

/* A centre with next to no rows moves beside the fullest, which is then taken as half as full. */
static void split_full(tl_assigner *assigner, size_t row_count, uint32_t *sizes)
{
    uint32_t dim = assigner->dim;
    for (uint32_t c = 0; c < assigner->count; c++) {
        if (sizes[c] * (size_t)8 * assigner->count > row_count && sizes[c] != 0)
            continue;
        uint32_t fullest = 0;
        for (uint32_t i = 1; i < assigner->count; i++)
            if (sizes[i] > sizes[fullest])
                fullest = i;
        if (sizes[fullest] < 2 || fullest == c)
            return;
        float *from = assigner->rows + (size_t)fullest * dim, *to = assigner->rows + (size_t)c * dim;
        for (uint32_t i = 0; i < dim; i++) {
            float shift = from[i] * (i % 2 == 0 ? 1e-3f : -1e-3f);
            to[i] = from[i] + shift;
            from[i] -= shift;
        }
        sizes[c] = sizes[fullest] / 2;
        sizes[fullest] -= sizes[c];
    }
}

/* centres [count, dim] of rows [row_count, dim], row_count >= count >= 1. */
static bool find_centres(const float *rows, size_t row_count, uint32_t count, uint32_t dim, tl_thread_pool *pool,
                         uint16_t *centres, tl_error *err)
{
    tl_assigner assigner = {0};
    tl_random random = tl_random_stream(TRAINING_SEED, 0);
    uint32_t *order = tl_memory_allocate(row_count, sizeof *order, err);
    uint32_t *sizes = tl_memory_allocate(count, sizeof *sizes, err);
    bool ok = order != NULL && sizes != NULL && tl_assigner__allocate(&assigner, count, dim, err);
    if (ok) {
        tl_random_permutation(&random, order, row_count);
        for (uint32_t i = 0; i < count; i++)
            memcpy(assigner.rows + (size_t)i * dim, rows + (size_t)order[i] * dim, dim * sizeof(float));
        for (int iteration = 0; iteration < ITERATIONS; iteration++) {
            tl_assigner__measure(&assigner);
            tl_assigner__run(&assigner, rows, row_count, pool, order);
            average(&assigner, rows, row_count, order, sizes);
            if (iteration + 1 < ITERATIONS)
                split_full(&assigner, row_count, sizes);
        }
        tl_narrow_to_f16(assigner.rows, centres, (size_t)count * dim);
    }
    tl_assigner__clear(&assigner);
    tl_memory_free(order);
    tl_memory_free(sizes);
    return ok;
}

/* The rows of a sample by the nearest of some first centres. */
typedef struct partition {
    uint32_t count;
    tl_centroids centres;
    uint32_t *nearest; /* [rows] */
    uint32_t *members; /* [rows]: by centre */
    size_t *starts;    /* [count + 1]: of members */
    uint32_t *lists;   /* [count]: how many each is given */
} partition;

static void partition_clear(partition *parts)
{
    tl_centroids__clear(&parts->centres);
    tl_memory_free(parts->nearest);
    tl_memory_free(parts->members);
    tl_memory_free(parts->starts);
    tl_memory_free(parts->lists);
}

/* At most `wanted` of the rows that members names, NULL: of all, evenly; *out belongs to the caller. */
static bool widen_some(const uint16_t *rows, const uint32_t *members, size_t count, size_t wanted, uint32_t dim, float **out,
                       size_t *out_count, tl_error *err)
{
    size_t taken = tl_smaller(count, wanted);
    if ((*out = tl_memory_allocate(taken * dim, sizeof **out, err)) == NULL)
        return false;
    for (size_t i = 0; i < taken; i++) {
        size_t row = i * count / taken;
        tl_widen_from_f16(rows + (members != NULL ? members[row] : row) * dim, *out + i * dim, dim);
    }
    *out_count = taken;
    return true;
}

static bool sort_rows(partition *parts, const uint16_t *rows, size_t row_count, uint32_t dim, tl_thread_pool *pool, tl_error *err)
{
    enum { STEP = 256 };
    tl_assigner assigner = {0};
    float *step = tl_memory_allocate((size_t)STEP * dim, sizeof *step, err);
    bool ok = step != NULL && tl_assigner__init(&assigner, &parts->centres, err);
    for (size_t first = 0; ok && first < row_count; first += STEP) {
        size_t now = tl_smaller(STEP, row_count - first);
        tl_widen_from_f16(rows + first * dim, step, now * dim);
        tl_assigner__run(&assigner, step, now, pool, parts->nearest + first);
    }
    if (ok) {
        for (size_t i = 0; i < row_count; i++)
            parts->starts[parts->nearest[i] + 1]++;
        for (uint32_t i = 0; i < parts->count; i++)
            parts->starts[i + 1] += parts->starts[i];
        for (size_t i = 0; i < row_count; i++) /* each start moves to its end, which is the next one's start */
            parts->members[parts->starts[parts->nearest[i]]++] = (uint32_t)i;
        memmove(parts->starts + 1, parts->starts, parts->count * sizeof *parts->starts);
        parts->starts[0] = 0;
    }
    tl_assigner__clear(&assigner);
    tl_memory_free(step);
    return ok;
}

/* One list for each, and the others by rows, so that lists are of like size; a crowd of rows that are all alike is not given all.
 */
static void share_out(partition *parts, size_t row_count, uint32_t lists)
{
    size_t mean = row_count / parts->count + 1, all = 0, before = 0;
    for (int pass = 0; pass < 2; pass++, before = 0)
        for (uint32_t i = 0; i < parts->count; i++) {
            size_t weight = 16 * tl_smaller(parts->starts[i + 1] - parts->starts[i], 4 * mean) + mean,
                   spare = lists - parts->count;
            if (pass == 0)
                all += weight;
            else
                parts->lists[i] = (uint32_t)(1 + (before + weight) * spare / all - before * spare / all);
            before += weight;
        }
}

static bool partition_make(partition *parts, const uint16_t *rows, size_t row_count, uint32_t lists, uint32_t dim,
                           tl_thread_pool *pool, tl_error *err)
{
    float *some = NULL;
    size_t some_count;
    uint32_t count = (uint32_t)sqrt((double)GROUPS_SEARCHED * lists);
    *parts = (partition){.count = count, .centres = {.count = count, .dim = dim}};
    bool ok = (parts->centres.rows = tl_memory_allocate((size_t)count * dim, sizeof *parts->centres.rows, err)) != NULL &&
              (parts->nearest = tl_memory_allocate(row_count, sizeof *parts->nearest, err)) != NULL &&
              (parts->members = tl_memory_allocate(row_count, sizeof *parts->members, err)) != NULL &&
              (parts->starts = tl_memory_allocate((size_t)count + 1, sizeof *parts->starts, err)) != NULL &&
              (parts->lists = tl_memory_allocate(count, sizeof *parts->lists, err)) != NULL &&
              widen_some(rows, NULL, row_count, (size_t)count * ROWS_PER_LIST, dim, &some, &some_count, err) &&
              find_centres(some, some_count, count, dim, pool, parts->centres.rows, err);
    tl_memory_free(some);
    if (!ok || !sort_rows(parts, rows, row_count, dim, pool, err))
        return false;
    share_out(parts, row_count, lists);
    return true;
}

/* The centres of one group, lists of them from `first` on. With too few rows for them the others stay where the rows' mean is. */
static bool find_group(const partition *parts, uint32_t group, const uint16_t *rows, tl_centroids *out, uint32_t first,
                       tl_thread_pool *pool, tl_error *err)
{
    float *some = NULL;
    size_t start = parts->starts[group], size = parts->starts[group + 1] - start, count = 0;
    uint32_t lists = parts->lists[group], dim = out->dim;
    for (uint32_t i = 0; i < lists; i++)
        memcpy(out->rows + (size_t)(first + i) * dim, parts->centres.rows + (size_t)group * dim, dim * sizeof *out->rows);
    if (size == 0)
        return true;
    bool ok = widen_some(rows, parts->members + start, size, (size_t)lists * ROWS_PER_LIST, dim, &some, &count, err) &&
              find_centres(some, count, (uint32_t)tl_smaller(lists, count), dim, pool, out->rows + (size_t)first * dim, err);
    tl_memory_free(some);
    return ok;
}

static bool train_in_groups(tl_centroids *out, const uint16_t *rows, size_t row_count, tl_thread_pool *pool, tl_error *err)
{
    partition parts;
    uint32_t most = tl_centroids__largest_group(out->dim), first = 0;
    size_t capacity = 0;
    bool ok = partition_make(&parts, rows, row_count, out->count, out->dim, pool, err);
    for (uint32_t group = 0; ok && group < parts.count; first += parts.lists[group], group++) {
        uint32_t groups = parts.lists[group] / most + 1;
        ok = tl_memory_reserve(&out->groups, &capacity, (size_t)out->group_count + groups + 1, sizeof *out->groups, err) &&
             find_group(&parts, group, rows, out, first, pool, err);
        for (uint32_t at = 0; ok && at < parts.lists[group]; at += most)
            out->groups[out->group_count++] = first + at;
        if (ok)
            out->groups[out->group_count] = first + parts.lists[group];
    }
    partition_clear(&parts);
    return ok;
}

static bool comes_in_groups(uint32_t count, uint64_t row_count)
{
    return count >= GROUPED_LISTS && row_count >= (uint64_t)count * LEAST_ROWS_PER_LIST;
}

size_t tl_kmeans__sample_size(uint32_t count, uint64_t row_count)
{
    size_t wanted = (size_t)count * (comes_in_groups(count, row_count) ? ROWS_PER_LIST_IN_GROUPS : ROWS_PER_LIST);
    return row_count < wanted ? (size_t)row_count : wanted;
}

bool tl_kmeans__train(tl_centroids *centroids, const uint16_t *rows, size_t row_count, uint32_t count, uint32_t dim,
                      tl_thread_pool *pool, tl_error *err)
{
    tl_centroids__clear(centroids);
    centroids->count = count;
    centroids->dim = dim;
    if ((centroids->rows = tl_memory_allocate((size_t)count * dim, sizeof *centroids->rows, err)) == NULL)
        return false;
    if (comes_in_groups(count, row_count))
        return train_in_groups(centroids, rows, row_count, pool, err);
    float *all = NULL;
    size_t all_count;
    bool ok = widen_some(rows, NULL, row_count, row_count, dim, &all, &all_count, err) &&
              find_centres(all, all_count, count, dim, pool, centroids->rows, err);
    tl_memory_free(all);
    return ok;
}

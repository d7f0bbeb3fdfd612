/*
 * Owns the centres. Training is Lloyd's iterations over our own matrix product, from rows drawn without replacement; a centre
 * that lost its rows takes half of those of the fullest, so that lists stay of like size. The centres are rounded to f16 first
 * and everything is computed from what is stored.
 */
#include "index/ann/centroids.h"

#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { ASSIGN_ROWS = 256, ITERATIONS = 8, CENTROID_BLOB_BYTES = 262144, TRAINING_SEED = 11 };

void tl_centroids__clear(tl_centroids *centroids)
{
    tl_memory_free(centroids->rows);
    *centroids = (tl_centroids){0};
}

static uint32_t rows_of_blob(uint32_t dim)
{
    uint32_t rows = CENTROID_BLOB_BYTES / (dim * (uint32_t)sizeof(uint16_t));
    return rows != 0 ? rows : 1;
}

static int64_t checksum_of(int64_t set_id, int64_t first, int64_t count, uint32_t dim, const void *rows)
{
    uint64_t parts[] = {(uint64_t)set_id, (uint64_t)first, (uint64_t)count, dim,
                        tl_hash64(rows, (size_t)count * dim * sizeof(uint16_t))};
    return (int64_t)tl_hash64(parts, sizeof parts);
}

bool tl_centroids__load(tl_centroids *centroids, tl_store *store, const tl_stored_set *set, tl_error *err)
{
    bool ok = false, row = true;
    uint32_t found = 0;
    sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_CENTROIDS_EACH, err);
    tl_centroids__clear(centroids);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, set->id);
    for (size_t capacity = 0;;) {
        if (!tl_statements__step(&store->statements, statement, &row, err))
            goto done;
        if (!row)
            break;
        int64_t first = sqlite3_column_int64(statement, 0), count = sqlite3_column_int64(statement, 1);
        const void *rows = sqlite3_column_blob(statement, 3);
        size_t size = (size_t)sqlite3_column_bytes(statement, 3);
        if (sqlite3_errcode(store->statements.database) == SQLITE_NOMEM) {
            tl_database_fail(store->statements.database, err);
            goto done;
        }
        if (first != found || count < 1 || count > rows_of_blob(set->dim) || (uint64_t)count > set->lists - found ||
            size != (size_t)count * set->dim * sizeof(uint16_t) ||
            checksum_of(set->id, first, count, set->dim, rows) != sqlite3_column_int64(statement, 2)) {
            tl_fail(err, TL_ERROR_CORRUPT,
                    "vector set %" PRId64 ": expected sound centroids from %" PRIu32 " on, found %" PRId64 " from %" PRId64 " on",
                    set->id, found, count, first);
            goto done;
        }
        /* Grows with what was read, not with what the set's row says. */
        if (!tl_memory_reserve((void **)&centroids->rows, &capacity, (found + (size_t)count) * set->dim, sizeof *centroids->rows,
                               err))
            goto done;
        memcpy(centroids->rows + (size_t)found * set->dim, rows, size);
        found += (uint32_t)count;
    }
    ok = found == set->lists ||
         tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu32 " centroids, found %" PRIu32, set->id,
                 set->lists, found);
    centroids->count = found;
    centroids->dim = set->dim;
done:
    sqlite3_reset(statement);
    return ok;
}

bool tl_centroids__write(const tl_centroids *centroids, tl_store *store, int64_t set_id, tl_error *err)
{
    if (!tl_statements__run_integers(&store->statements, TL_STORE_CENTROIDS_REMOVE, set_id, 0, err))
        return false;
    uint32_t step = rows_of_blob(centroids->dim);
    for (uint32_t first = 0; first < centroids->count; first += step) {
        uint32_t count = centroids->count - first < step ? centroids->count - first : step;
        const uint16_t *rows = centroids->rows + (size_t)first * centroids->dim;
        sqlite3_stmt *statement = tl_statements__get(&store->statements, TL_STORE_CENTROIDS_ADD, err);
        if (statement == NULL)
            return false;
        sqlite3_bind_int64(statement, 1, set_id);
        sqlite3_bind_int64(statement, 2, first);
        sqlite3_bind_int64(statement, 3, count);
        sqlite3_bind_int64(statement, 4, checksum_of(set_id, first, count, centroids->dim, rows));
        sqlite3_bind_blob(statement, 5, rows, (int)(count * centroids->dim * sizeof *rows), SQLITE_STATIC);
        if (!tl_statements__run(&store->statements, statement, err))
            return false;
    }
    return true;
}

static bool assigner_allocate(tl_assigner *assigner, uint32_t count, uint32_t dim, tl_error *err)
{
    *assigner = (tl_assigner){.count = count, .dim = dim};
    return (assigner->rows = tl_memory_allocate((size_t)count * dim, sizeof(float), err)) != NULL &&
           (assigner->half_squares = tl_memory_allocate(count, sizeof(float), err)) != NULL &&
           (assigner->scores = tl_memory_allocate((size_t)ASSIGN_ROWS * count, sizeof(float), err)) != NULL;
}

static void assigner_measure(tl_assigner *assigner)
{
    for (uint32_t i = 0; i < assigner->count; i++)
        assigner->half_squares[i] = (float)(0.5 * tl_sum_squares(assigner->rows + (size_t)i * assigner->dim, assigner->dim));
}

bool tl_assigner__init(tl_assigner *assigner, const tl_centroids *centroids, tl_error *err)
{
    if (!assigner_allocate(assigner, centroids->count, centroids->dim, err))
        return false;
    tl_widen_from_f16(centroids->rows, assigner->rows, (size_t)centroids->count * centroids->dim);
    assigner_measure(assigner);
    return true;
}

void tl_assigner__clear(tl_assigner *assigner)
{
    tl_memory_free(assigner->rows);
    tl_memory_free(assigner->half_squares);
    tl_memory_free(assigner->scores);
    *assigner = (tl_assigner){0};
}

void tl_assigner__run(tl_assigner *assigner, const float *rows, size_t count, tl_thread_pool *pool, uint32_t *nearest)
{
    for (size_t first = 0; first < count; first += ASSIGN_ROWS) {
        size_t now = count - first < ASSIGN_ROWS ? count - first : ASSIGN_ROWS;
        tl_dot_matrix(pool, assigner->rows, assigner->count, assigner->dim, rows + first * assigner->dim, now, assigner->scores);
        for (size_t i = 0; i < now; i++)
            nearest[first + i] =
                (uint32_t)tl_greatest(assigner->scores + i * assigner->count, assigner->half_squares, assigner->count);
    }
}

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

bool tl_centroids__train(tl_centroids *centroids, const float *rows, size_t row_count, uint32_t count, uint32_t dim,
                         tl_thread_pool *pool, tl_error *err)
{
    bool ok = false;
    tl_assigner assigner = {0};
    tl_random random = tl_random_stream(TRAINING_SEED, 0);
    uint32_t *order = tl_memory_allocate(row_count, sizeof *order, err);
    uint32_t *sizes = tl_memory_allocate(count, sizeof *sizes, err);
    tl_centroids__clear(centroids);
    if (order == NULL || sizes == NULL || !assigner_allocate(&assigner, count, dim, err) ||
        (centroids->rows = tl_memory_allocate((size_t)count * dim, sizeof *centroids->rows, err)) == NULL)
        goto done;
    tl_random_permutation(&random, order, row_count);
    for (uint32_t i = 0; i < count; i++)
        memcpy(assigner.rows + (size_t)i * dim, rows + (size_t)order[i] * dim, dim * sizeof(float));
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
        assigner_measure(&assigner);
        tl_assigner__run(&assigner, rows, row_count, pool, order);
        average(&assigner, rows, row_count, order, sizes);
        if (iteration + 1 < ITERATIONS)
            split_full(&assigner, row_count, sizes);
    }
    tl_narrow_to_f16(assigner.rows, centroids->rows, (size_t)count * dim);
    centroids->count = count;
    centroids->dim = dim;
    ok = true;
done:
    tl_assigner__clear(&assigner);
    tl_memory_free(order);
    tl_memory_free(sizes);
    return ok;
}

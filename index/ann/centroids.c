/*
 * Owns the centres as they are stored. A row of the table holds a group where there are more rows than the centres need; else it
 * holds as many as fit, and they lie in no order.
 */
#include "index/ann/centroids.h"

#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "index/vectors/store_sql.h"

#include <inttypes.h>
#include <string.h>

enum { CENTROID_BLOB_BYTES = 262144 };

void tl_centroids__clear(tl_centroids *centroids)
{
    tl_memory_free(centroids->rows);
    tl_memory_free(centroids->groups);
    *centroids = (tl_centroids){0};
}

uint32_t tl_centroids__largest_group(uint32_t dim)
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

static uint32_t rows_needed(uint32_t count, uint32_t dim)
{
    uint32_t most = tl_centroids__largest_group(dim);
    return count / most + (count % most != 0);
}

static void forget_groups(tl_centroids *centroids)
{
    tl_memory_free(centroids->groups);
    centroids->groups = NULL;
    centroids->group_count = 0;
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
    for (size_t capacity = 0, group_capacity = 0;;) {
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
        if (first != found || count < 1 || count > tl_centroids__largest_group(set->dim) ||
            (uint64_t)count > set->lists - found || size != (size_t)count * set->dim * sizeof(uint16_t) ||
            checksum_of(set->id, first, count, set->dim, rows) != sqlite3_column_int64(statement, 2)) {
            tl_fail(err, TL_ERROR_CORRUPT,
                    "vector set %" PRId64 ": expected sound centroids from %" PRIu32 " on, found %" PRId64 " from %" PRId64 " on",
                    set->id, found, count, first);
            goto done;
        }
        /* Grows with what was read, not with what the set's row says. */
        if (!tl_memory_reserve(&centroids->rows, &capacity, (found + (size_t)count) * set->dim, sizeof *centroids->rows, err) ||
            !tl_memory_reserve(&centroids->groups, &group_capacity, (size_t)centroids->group_count + 2, sizeof *centroids->groups,
                               err))
            goto done;
        centroids->groups[centroids->group_count++] = found;
        memcpy(centroids->rows + (size_t)found * set->dim, rows, size);
        found += (uint32_t)count;
        centroids->groups[centroids->group_count] = found;
    }
    ok = found == set->lists ||
         tl_fail(err, TL_ERROR_CORRUPT, "vector set %" PRId64 ": expected %" PRIu32 " centroids, found %" PRIu32, set->id,
                 set->lists, found);
    centroids->count = found;
    centroids->dim = set->dim;
    if (centroids->group_count <= rows_needed(found, set->dim))
        forget_groups(centroids);
done:
    sqlite3_reset(statement);
    return ok;
}

bool tl_centroids__write(const tl_centroids *centroids, tl_store *store, int64_t set_id, tl_error *err)
{
    if (!tl_statements__run_integers(&store->statements, TL_STORE_CENTROIDS_REMOVE, set_id, 0, err))
        return false;
    uint32_t most = tl_centroids__largest_group(centroids->dim);
    for (uint32_t first = 0, group = 0, count; first < centroids->count; first += count, group++) {
        count = centroids->count - first < most ? centroids->count - first : most;
        if (centroids->group_count != 0)
            count = centroids->groups[group + 1] - first;
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

void tl_centroids__group_mean(const tl_centroids *centroids, uint32_t group, float *mean, float *row)
{
    uint32_t first = centroids->groups[group], end = centroids->groups[group + 1], dim = centroids->dim;
    memset(mean, 0, dim * sizeof *mean);
    for (uint32_t i = first; i < end; i++) {
        tl_widen_from_f16(centroids->rows + (size_t)i * dim, row, dim);
        tl_axpy(1.0f / (float)(end - first), row, mean, dim);
    }
}

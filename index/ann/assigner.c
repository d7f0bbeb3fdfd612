/* Owns the comparing: a matrix product with all centres, or with all groups of them and then row by row with what is in a few. */
#include "index/ann/assigner.h"

#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/memory.h"

#include <math.h>

/* A row's nearest centre is in one of so many groups nearly always. */
enum { ASSIGN_ROWS = 256, NEAR_GROUPS = 4 };

bool tl_assigner__allocate(tl_assigner *assigner, uint32_t count, uint32_t dim, tl_error *err)
{
    *assigner = (tl_assigner){.count = count, .dim = dim};
    return (assigner->rows = tl_memory_allocate((size_t)count * dim, sizeof(float), err)) != NULL &&
           (assigner->half_squares = tl_memory_allocate(count, sizeof(float), err)) != NULL &&
           (assigner->scores = tl_memory_allocate((size_t)ASSIGN_ROWS * count, sizeof(float), err)) != NULL;
}

void tl_assigner__measure(tl_assigner *assigner)
{
    for (uint32_t i = 0; i < assigner->count; i++)
        assigner->half_squares[i] = (float)(0.5 * tl_sum_squares(assigner->rows + (size_t)i * assigner->dim, assigner->dim));
}

static bool init_groups(tl_assigner *assigner, const tl_centroids *centroids, tl_error *err)
{
    uint32_t largest = 0, dim = centroids->dim;
    for (uint32_t group = 0; group < centroids->group_count; group++) {
        uint32_t size = centroids->groups[group + 1] - centroids->groups[group];
        largest = size > largest ? size : largest;
    }
    assigner->centroids = centroids;
    if ((assigner->centre_half_squares = tl_memory_allocate(centroids->count, sizeof(float), err)) == NULL ||
        (assigner->centre_scores = tl_memory_allocate(largest, sizeof(float), err)) == NULL)
        return false;
    float *row = tl_memory_allocate(dim, sizeof *row, err);
    if (row == NULL)
        return false;
    for (uint32_t i = 0; i < centroids->count; i++) {
        tl_widen_from_f16(centroids->rows + (size_t)i * dim, row, dim);
        assigner->centre_half_squares[i] = (float)(0.5 * tl_sum_squares(row, dim));
    }
    for (uint32_t group = 0; group < centroids->group_count; group++)
        tl_centroids__group_mean(centroids, group, assigner->rows + (size_t)group * dim, row);
    tl_memory_free(row);
    return true;
}

bool tl_assigner__init(tl_assigner *assigner, const tl_centroids *centroids, tl_error *err)
{
    uint32_t count = centroids->group_count != 0 ? centroids->group_count : centroids->count;
    if (!tl_assigner__allocate(assigner, count, centroids->dim, err))
        return false;
    if (centroids->group_count == 0)
        tl_widen_from_f16(centroids->rows, assigner->rows, (size_t)count * centroids->dim);
    else if (!init_groups(assigner, centroids, err))
        return false;
    tl_assigner__measure(assigner);
    return true;
}

void tl_assigner__clear(tl_assigner *assigner)
{
    tl_memory_free(assigner->rows);
    tl_memory_free(assigner->half_squares);
    tl_memory_free(assigner->scores);
    tl_memory_free(assigner->centre_half_squares);
    tl_memory_free(assigner->centre_scores);
    *assigner = (tl_assigner){0};
}

/* scores [groups] are used up. */
static uint32_t nearest_in_groups(tl_assigner *assigner, const float *row, float *scores)
{
    const tl_centroids *centroids = assigner->centroids;
    uint32_t nearest = 0;
    float most = -INFINITY;
    for (uint32_t i = 0; i < NEAR_GROUPS && i < assigner->count; i++) {
        size_t group = tl_greatest(scores, assigner->half_squares, assigner->count);
        uint32_t first = centroids->groups[group], size = centroids->groups[group + 1] - first;
        scores[group] = -INFINITY;
        tl_rows_dot_f16(centroids->rows + (size_t)first * assigner->dim, size, assigner->dim, row, assigner->centre_scores);
        size_t best = tl_greatest(assigner->centre_scores, assigner->centre_half_squares + first, size);
        float score = assigner->centre_scores[best] - assigner->centre_half_squares[first + best];
        if (i == 0 || score > most) {
            most = score;
            nearest = first + (uint32_t)best;
        }
    }
    return nearest;
}

void tl_assigner__run(tl_assigner *assigner, const float *rows, size_t count, tl_thread_pool *pool, uint32_t *nearest)
{
    for (size_t first = 0; first < count; first += ASSIGN_ROWS) {
        size_t now = count - first < ASSIGN_ROWS ? count - first : ASSIGN_ROWS;
        tl_dot_matrix(pool, assigner->rows, assigner->count, assigner->dim, rows + first * assigner->dim, now, assigner->scores);
        for (size_t i = 0; i < now; i++) {
            float *scores = assigner->scores + i * assigner->count;
            nearest[first + i] = assigner->centroids != NULL
                                     ? nearest_in_groups(assigner, rows + (first + i) * assigner->dim, scores)
                                     : (uint32_t)tl_greatest(scores, assigner->half_squares, assigner->count);
        }
    }
}

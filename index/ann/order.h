/*
 * Which lists a search looks into, the most promising first. Where not all are looked into, centres are compared in seven bits a
 * number, and the best of them, a fourth more than wanted, as they are stored. Where lists come in groups, the groups' means are
 * compared first, and then the centres in the best groups alone.
 */
#ifndef TL_INDEX_ANN_ORDER_H
#define TL_INDEX_ANN_ORDER_H

#include "index/ann/centroids.h"
#include "index/ann/top_k.h"

/* Rows in seven bits a number: row = step * (byte - 64). */
typedef struct tl_rough_rows {
    uint8_t *bytes; /* [count, size] */
    float *steps, *squares;
} tl_rough_rows;

typedef struct tl_list_order {
    tl_top_k best; /* owners are lists, from 0 */
    float *scores; /* [lists]: of those among the best as they are stored */
    size_t size;   /* dim up to a multiple of 64 */
    tl_rough_rows centres, means;
    bool *is_rough; /* [groups]: whether the centres of each are */
    tl_top_k best_groups;
    float *group_scores; /* [groups] */
    float *row;          /* [dim] */
    int8_t *query;       /* [size] */
    int32_t *sums;       /* [lists] */
} tl_list_order;

bool tl_list_order__init(tl_list_order *order, const tl_centroids *centroids, tl_error *err) TL_MUST_USE;
void tl_list_order__clear(tl_list_order *order);
/* Puts the best `number` of the lists for a query into best. */
bool tl_list_order__take(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, uint32_t number,
                         tl_error *err) TL_MUST_USE;

#endif

/*
 * Which lists a search looks into, the most promising first. Where not all are looked into, all centres are compared in seven
 * bits a number, and the best of them, twice as many as wanted, as they are stored.
 */
#ifndef TL_INDEX_ANN_ORDER_H
#define TL_INDEX_ANN_ORDER_H

#include "index/ann/centroids.h"
#include "index/ann/top_k.h"

typedef struct tl_list_order {
    tl_top_k best;  /* owners are lists, from 0 */
    float *scores;  /* [lists]: of those among the best as they are stored */
    size_t size;    /* dim up to a multiple of 64 */
    uint8_t *bytes; /* [lists, size]: centre = step * (byte - 64) */
    float *steps, *squares;
    int8_t *query; /* [size] */
    int32_t *sums; /* [lists] */
} tl_list_order;

bool tl_list_order__init(tl_list_order *order, const tl_centroids *centroids, tl_error *err) TL_MUST_USE;
void tl_list_order__clear(tl_list_order *order);
/* Scores the centres for another query. Roughly: for tl_list_order__sort with few lists. */
void tl_list_order__score(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, bool roughly);
/* The best `number` of the lists. */
bool tl_list_order__sort(tl_list_order *order, const tl_centroids *centroids, const tl_vector_query *query, bool roughly,
                         uint32_t number, tl_error *err) TL_MUST_USE;

#endif

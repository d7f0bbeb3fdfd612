/* Finds the nearest centres of many rows. */
#ifndef TL_INDEX_ANN_ASSIGNER_H
#define TL_INDEX_ANN_ASSIGNER_H

#include "base/parallel/thread_pool.h"
#include "index/ann/centroids.h"

typedef struct tl_assigner {
    uint32_t count, dim;
    float *rows;                   /* [count, dim]: centres, or the means of their groups */
    float *half_squares;           /* [count] */
    float *scores;                 /* of some rows, [count] each */
    const tl_centroids *centroids; /* whose groups these are; NULL: they are the centres */
    float *centre_half_squares;    /* [centroids->count] */
    float *centre_scores;          /* [largest group] */
} tl_assigner;

/* Of centres that are to be written to rows. */
bool tl_assigner__allocate(tl_assigner *assigner, uint32_t count, uint32_t dim, tl_error *err) TL_MUST_USE;
/* To be called when the rows have changed. */
void tl_assigner__measure(tl_assigner *assigner);
/* Of those of a set, which must stay. */
bool tl_assigner__init(tl_assigner *assigner, const tl_centroids *centroids, tl_error *err) TL_MUST_USE;
void tl_assigner__clear(tl_assigner *assigner);
/* nearest [count] of rows [count, dim]; of centres in groups, those of the nearest groups are looked at. */
void tl_assigner__run(tl_assigner *assigner, const float *rows, size_t count, tl_thread_pool *pool, uint32_t *nearest);

#endif

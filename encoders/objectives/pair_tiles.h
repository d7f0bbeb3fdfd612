/*
 * The matrix of logits of a batch, tile by tile: once with pictures as rows, once with captions as rows. An objective brings two
 * functions: one that looks at tiles and keeps sums by row, and one that turns a tile of logits into the gradient by them. Tasks
 * are cut by the batch's shape, a row belongs to one task and its tiles come in order, so the bits do not depend on the number of
 * threads. Within encoders/objectives only.
 */
#ifndef TL_ENCODERS_OBJECTIVES_PAIR_TILES_H
#define TL_ENCODERS_OBJECTIVES_PAIR_TILES_H

#include "encoders/objectives/objective.h"

typedef enum tl_pair_kind { TL_PAIR_NEGATIVE, TL_PAIR_POSITIVE, TL_PAIR_LEFT_OUT } tl_pair_kind;

/* What is kept of a row while its tiles go by. */
typedef struct tl_pair_row {
    float largest; /* logit, of those not left out */
    float largest_positive, largest_negative;
    double sum;                  /* an objective's own */
    double positive_sum;         /* an objective's own */
    double bias_gradient;        /* sum of the gradients by the row's logits */
    uint32_t positives, counted; /* columns that are positive, and all not left out */
} tl_pair_row;

typedef struct tl_pair_side {
    bool is_by_text; /* rows are captions */
    size_t row_count, column_count;
    tl_rank_share own;           /* rows of this rank: tiles are made of these only, stats are of all */
    const float *rows, *columns; /* unit rows [*, D] */
    tl_pair_row *stats;          /* [row_count] */
    const tl_pair_row *column_stats;
} tl_pair_side;

typedef struct tl_pair_tile {
    const tl_pair_side *side;
    size_t first_row, row_count, first_column, column_count;
    float *logits;              /* [row_count, column_count], the bias added */
    const unsigned char *kinds; /* the same shape */
} tl_pair_tile;

typedef struct tl_pair_functions {
    /* Updates stats of the tile's rows: what every objective wants is there already, sum and positive_sum are its own. */
    void (*look)(const tl_pair_tile *tile);
    /* logits become the gradient by them, of the whole loss. */
    void (*turn)(const void *context, const tl_pair_tile *tile);
} tl_pair_functions;

typedef struct tl_pairs {
    const tl_objective_input *input;
    const tl_pair_functions *functions;
    tl_pair_side sides[2]; /* by picture, by caption */
    uint64_t *known_masks; /* [M]: bit key % 64 of each known key; NULL: none is known */
    float *norms;          /* [M + N] */
    float scale;
    float *tile_scratch;
    size_t scratch_each;
} tl_pairs;

/* Takes memory from the arena and looks at all tiles, of both sides; each rank at those of its rows, whose stats all get. */
bool tl_pairs_look(const tl_objective_input *input, const tl_pair_functions *functions, tl_thread_pool *pool, tl_arena *arena,
                   tl_pairs *out, tl_error *err) TL_MUST_USE;
/* Share of rows of both sides whose largest logit is a positive one; a tie is none: equal embeddings know nothing. */
double tl_pairs_accuracy(const tl_pairs *pairs);
/* Turns all tiles of this rank's rows; gradients by the unnormalised embeddings, the scale and the bias (where it is not NULL).
 */
void tl_pairs_turn(const tl_pairs *pairs, const void *context, tl_thread_pool *pool, const tl_objective_gradients *gradients);

#endif

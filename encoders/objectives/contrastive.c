/*
 * The symmetric contrastive loss of CLIP (Radford et al. 2021): InfoNCE (van den Oord et al. 2018) over the batch in both
 * directions. For a row with logits l, positives P and the rest R that is not left out,
 *     loss = ln sum_{P, R} exp(l) - mean_P l,    dlogits = softmax(l) - [in P] / |P|
 * and the whole is half the mean over pictures plus half the mean over captions. The sum of exponentials is kept relative to the
 * largest logit met so far. Equal captions as positives: the target is uniform over them (Khosla et al. 2020, Yang et al. 2022).
 *
 * The bound: ln n - loss nats, n the number of candidates that a row is told from.
 */
#include "encoders/objectives/pair_tiles.h"

#include <math.h>

static void look(const tl_pair_tile *tile)
{
    for (size_t i = 0; i < tile->row_count; i++) {
        tl_pair_row *row = &tile->side->stats[tile->first_row + i];
        const float *logits = tile->logits + i * tile->column_count;
        const unsigned char *kinds = tile->kinds + i * tile->column_count;
        const float largest = fmaxf(row->largest_positive, row->largest_negative);
        if (largest > row->largest) {
            row->sum *= exp((double)(row->largest - largest));
            row->largest = largest;
        }
        for (size_t j = 0; j < tile->column_count; j++) {
            if (kinds[j] == TL_PAIR_LEFT_OUT)
                continue;
            row->sum += (double)expf(logits[j] - row->largest);
            if (kinds[j] == TL_PAIR_POSITIVE)
                row->positive_sum += (double)logits[j];
        }
    }
}

/* softmax of a logit within its row, less the target, times the row's share of the loss. */
static float row_gradient(const tl_pair_row *row, float logit, bool is_positive, float share)
{
    float probability = expf(logit - row->largest) / (float)row->sum;
    return share * (is_positive ? probability - 1.0f / (float)row->positives : probability);
}

static void turn(const void *context, const tl_pair_tile *tile)
{
    (void)context;
    const tl_pair_side *side = tile->side;
    const float row_share = 0.5f / (float)side->row_count, column_share = 0.5f / (float)side->column_count;
    for (size_t i = 0; i < tile->row_count; i++) {
        const tl_pair_row *row = &side->stats[tile->first_row + i];
        for (size_t j = 0; j < tile->column_count; j++) {
            const tl_pair_row *column = &side->column_stats[tile->first_column + j];
            const tl_pair_kind kind = (tl_pair_kind)tile->kinds[i * tile->column_count + j];
            float *at = &tile->logits[i * tile->column_count + j];
            *at = kind == TL_PAIR_LEFT_OUT ? 0.0f
                                           : row_gradient(row, *at, kind == TL_PAIR_POSITIVE, row_share) +
                                                 row_gradient(column, *at, kind == TL_PAIR_POSITIVE, column_share);
        }
    }
}

static bool run(const tl_objective_input *input, tl_thread_pool *pool, tl_arena *arena, tl_objective_result *result,
                const tl_objective_gradients *gradients, tl_error *err)
{
    static const tl_pair_functions functions = {look, turn};
    tl_pairs pairs;
    tl_arena_mark mark = tl_arena_save(arena);
    if (!tl_pairs_look(input, &functions, pool, arena, &pairs, err))
        return false;
    *result = (tl_objective_result){.accuracy = tl_pairs_accuracy(&pairs)};
    for (size_t side = 0; side < 2; side++) {
        const tl_pair_side *rows = &pairs.sides[side];
        double loss = 0.0, candidates = 0.0;
        for (size_t i = 0; i < rows->row_count; i++) {
            const tl_pair_row *row = &rows->stats[i];
            loss += log(row->sum) + (double)row->largest - row->positive_sum / (double)row->positives;
            candidates += log((double)row->counted);
        }
        result->loss += 0.5 * loss / (double)rows->row_count;
        result->mutual_information += 0.5 * candidates / (double)rows->row_count;
    }
    result->mutual_information -= result->loss;
    if (gradients != NULL)
        tl_pairs_turn(&pairs, NULL, pool, gradients);
    tl_arena_rewind(arena, mark);
    return true;
}

const tl_objective tl_objective_contrastive = {
    .name = "contrastive",
    .initial_logit_scale = 2.65926003693278f /* ln(1 / 0.07) */,
    .most_logit_scale = 4.60517018598809f /* ln 100 */,
    .run = run,
};

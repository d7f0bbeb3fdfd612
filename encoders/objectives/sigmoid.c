/*
 * The pairwise sigmoid loss of SigLIP (Zhai et al. 2023): every picture and caption is a question of its own, whether they belong
 * together. With z = 1 for those that do and -1 for the others,
 *     loss = -1/N sum ln sigmoid(z l),    dlogits = -z sigmoid(-z l) / N,    l = scale * cosine + bias
 * N captions. Scale and bias start at 10 and -10, so that the many negatives cost little at the start.
 */
#include "encoders/objectives/pair_tiles.h"

#include <math.h>

/* ln(1 + exp(x)) */
static float softplus(float x)
{
    return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

static void look(const tl_pair_tile *tile)
{
    if (tile->side->is_by_text)
        return; /* each pair counts once */
    for (size_t i = 0; i < tile->row_count; i++) {
        tl_pair_row *row = &tile->side->stats[tile->first_row + i];
        const float *logits = tile->logits + i * tile->column_count;
        const unsigned char *kinds = tile->kinds + i * tile->column_count;
        for (size_t j = 0; j < tile->column_count; j++)
            if (kinds[j] != TL_PAIR_LEFT_OUT)
                row->sum += (double)softplus(kinds[j] == TL_PAIR_POSITIVE ? -logits[j] : logits[j]);
    }
}

static void turn(const void *context, const tl_pair_tile *tile)
{
    const float share = *(const float *)context;
    for (size_t i = 0; i < tile->row_count * tile->column_count; i++) {
        const tl_pair_kind kind = (tl_pair_kind)tile->kinds[i];
        float *at = &tile->logits[i];
        if (kind == TL_PAIR_LEFT_OUT)
            *at = 0.0f;
        else if (kind == TL_PAIR_POSITIVE)
            *at = -share / (1.0f + expf(*at));
        else
            *at = share / (1.0f + expf(-*at));
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
    const double captions = (double)pairs.sides[1].row_count;
    *result = (tl_objective_result){.accuracy = tl_pairs_accuracy(&pairs), .mutual_information = (double)NAN};
    for (size_t i = 0; i < pairs.sides[0].row_count; i++)
        result->loss += pairs.sides[0].stats[i].sum / captions;
    const float share = (float)(1.0 / captions);
    if (gradients != NULL)
        tl_pairs_turn(&pairs, &share, pool, gradients);
    tl_arena_rewind(arena, mark);
    return true;
}

const tl_objective tl_objective_sigmoid = {.name = "sigmoid",
                                           .has_logit_bias = true,
                                           .initial_logit_scale = 2.30258509299405f /* ln 10 */,
                                           .initial_logit_bias = -10.0f,
                                           .most_logit_scale = 6.90775527898214f /* ln 1000 */,
                                           .run = run};

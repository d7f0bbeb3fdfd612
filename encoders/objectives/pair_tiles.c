/*
 * Tiles of 64 x 256 logits lie in the second-level cache with what they are made from. The gradient by a row is the tile's
 * gradient times the columns' unit rows, summed over the row's tiles; the columns' gradients come from the other side, where they
 * are rows, at the price of making the logits once more: products of D numbers each, little beside the towers.
 *
 * Gradient by the logarithm of the scale: sum(dlogits * cosine * scale) = sum over rows of U . dU, as dU = scale dlogits V.
 */
#include "encoders/objectives/pair_tiles.h"

#include "base/compute/compute.h"

#include <math.h>
#include <string.h>

enum { TILE_ROWS = 64, TILE_COLUMNS = 256, TILE_FLOATS = TILE_ROWS * TILE_COLUMNS };
enum { SCRATCH_FLOATS = TILE_FLOATS + TILE_FLOATS / 4 }; /* logits, and kinds of a byte each */

typedef struct tile_job {
    const tl_pairs *pairs;
    const tl_pair_side *side;
    const void *context;
    float *gradient; /* [row_count, D], NULL: look */
} tile_job;

/* Most pairs fit by no key, which this says without looking at all of them. */
static uint64_t mask_of(uint64_t key)
{
    return UINT64_C(1) << (key % 64);
}

static bool is_same_picture(const tl_objective_input *input, size_t a, size_t b)
{
    return a == b || (input->picture_keys != NULL && input->picture_keys[a] == input->picture_keys[b]);
}

/* Whether a caption of this key fits the picture: it is equal to one of its own in the batch, or known to. */
static bool fits(const tl_pairs *pairs, size_t picture, uint64_t key)
{
    const tl_objective_input *input = pairs->input;
    const size_t each = input->captions_per_picture;
    for (size_t k = 0; k < each; k++)
        if (input->caption_keys[picture * each + k] == key)
            return true;
    if (pairs->known_masks == NULL || (pairs->known_masks[picture] & mask_of(key)) == 0)
        return false;
    for (size_t k = input->known_starts[picture]; k < input->known_starts[picture + 1]; k++)
        if (input->known_keys[k] == key)
            return true;
    return false;
}

/* Of picture i: whether caption j is among its own, fits it, or neither. */
static tl_pair_kind kind_of(const tl_pairs *pairs, size_t picture, size_t caption)
{
    const tl_objective_input *input = pairs->input;
    if (is_same_picture(input, caption / input->captions_per_picture, picture))
        return TL_PAIR_POSITIVE;
    if (input->caption_keys == NULL || !fits(pairs, picture, input->caption_keys[caption]))
        return TL_PAIR_NEGATIVE;
    return input->equals_are_positives ? TL_PAIR_POSITIVE : TL_PAIR_LEFT_OUT;
}

static void fill_kinds(const tl_pairs *pairs, const tl_pair_tile *tile, unsigned char *kinds)
{
    for (size_t i = 0; i < tile->row_count; i++)
        for (size_t j = 0; j < tile->column_count; j++) {
            size_t row = tile->first_row + i, column = tile->first_column + j;
            kinds[i * tile->column_count + j] =
                (unsigned char)(tile->side->is_by_text ? kind_of(pairs, column, row) : kind_of(pairs, row, column));
        }
}

static void make_tile(const tl_pairs *pairs, const tl_pair_side *side, size_t first_row, size_t first_column, float *scratch,
                      tl_pair_tile *tile)
{
    const size_t dim = pairs->input->dim;
    const size_t rows = side->own.first + side->own.count - first_row, columns = side->column_count - first_column;
    unsigned char *kinds = (unsigned char *)(scratch + TILE_FLOATS);
    *tile = (tl_pair_tile){.side = side,
                           .first_row = first_row,
                           .row_count = rows < TILE_ROWS ? rows : TILE_ROWS,
                           .first_column = first_column,
                           .column_count = columns < TILE_COLUMNS ? columns : TILE_COLUMNS,
                           .logits = scratch,
                           .kinds = kinds};
    tl_matmul_call call = {.transpose_b = true,
                           .m = tile->row_count,
                           .n = tile->column_count,
                           .k = dim,
                           .alpha = pairs->scale,
                           .a = side->rows + first_row * dim,
                           .a_row = dim,
                           .b = side->columns + first_column * dim,
                           .b_row = dim,
                           .c = scratch,
                           .c_row = tile->column_count};
    tl_matmul(NULL, &call);
    const float bias = pairs->input->logit_bias;
    for (size_t i = 0; bias != 0.0f && i < tile->row_count * tile->column_count; i++)
        scratch[i] += bias;
    fill_kinds(pairs, tile, kinds);
}

static void look_at_rows(const tl_pair_tile *tile)
{
    for (size_t i = 0; i < tile->row_count; i++) {
        tl_pair_row *row = &tile->side->stats[tile->first_row + i];
        const float *logits = tile->logits + i * tile->column_count;
        const unsigned char *kinds = tile->kinds + i * tile->column_count;
        for (size_t j = 0; j < tile->column_count; j++) {
            float *largest = kinds[j] == TL_PAIR_POSITIVE ? &row->largest_positive : &row->largest_negative;
            if (kinds[j] == TL_PAIR_LEFT_OUT)
                continue;
            row->counted++;
            row->positives += kinds[j] == TL_PAIR_POSITIVE;
            if (logits[j] > *largest)
                *largest = logits[j];
        }
    }
}

/* All tiles of 64 rows. */
static void run_rows(void *context, size_t index, size_t worker)
{
    const tile_job *job = context;
    const tl_pairs *pairs = job->pairs;
    const size_t dim = pairs->input->dim, first = job->side->own.first + index * TILE_ROWS;
    float *scratch = pairs->tile_scratch + worker * pairs->scratch_each;
    for (size_t column = 0; column < job->side->column_count; column += TILE_COLUMNS) {
        tl_pair_tile tile;
        make_tile(pairs, job->side, first, column, scratch, &tile);
        if (job->gradient == NULL) {
            look_at_rows(&tile);
            pairs->functions->look(&tile);
            continue;
        }
        pairs->functions->turn(job->context, &tile);
        for (size_t i = 0; i < tile.row_count; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < tile.column_count; j++)
                sum += (double)tile.logits[i * tile.column_count + j];
            job->side->stats[first + i].bias_gradient += sum;
        }
        tl_matmul_call call = {.m = tile.row_count,
                               .n = dim,
                               .k = tile.column_count,
                               .alpha = pairs->scale,
                               .beta = column == 0 ? 0.0f : 1.0f,
                               .a = tile.logits,
                               .a_row = tile.column_count,
                               .b = job->side->columns + column * dim,
                               .b_row = dim,
                               .c = job->gradient + first * dim,
                               .c_row = dim};
        tl_matmul(NULL, &call);
    }
}

static void run_side(const tl_pairs *pairs, size_t side, const void *context, float *gradient, tl_thread_pool *pool)
{
    tile_job job = {pairs, &pairs->sides[side], context, gradient};
    tl_thread_pool_run(pool, (job.side->own.count + TILE_ROWS - 1) / TILE_ROWS, run_rows, &job);
}

size_t tl_objective_scratch_size(size_t pictures, size_t captions, size_t dim, size_t threads)
{
    enum { ROUNDING = 64, BLOCKS = 8 };
    return (pictures + captions) * (dim * sizeof(float) + sizeof(float) + sizeof(tl_pair_row)) + pictures * sizeof(uint64_t) +
           threads * SCRATCH_FLOATS * sizeof(float) + (size_t)BLOCKS * ROUNDING;
}

static bool mask_known_keys(tl_pairs *pairs, tl_arena *arena, tl_error *err)
{
    const tl_objective_input *input = pairs->input;
    if (input->known_keys == NULL)
        return true;
    pairs->known_masks = tl_arena_allocate(arena, input->pictures, sizeof *pairs->known_masks, err);
    if (pairs->known_masks == NULL)
        return false;
    for (size_t i = 0; i < input->pictures; i++) {
        pairs->known_masks[i] = 0;
        for (size_t k = input->known_starts[i]; k < input->known_starts[i + 1]; k++)
            pairs->known_masks[i] |= mask_of(input->known_keys[k]);
    }
    return true;
}

bool tl_pairs_look(const tl_objective_input *input, const tl_pair_functions *functions, tl_thread_pool *pool, tl_arena *arena,
                   tl_pairs *out, tl_error *err)
{
    const size_t pictures = input->pictures, captions = pictures * input->captions_per_picture, dim = input->dim;
    if (pictures == 0 || input->captions_per_picture == 0)
        return tl_fail(err, TL_ERROR_INVALID, "loss: expected at least one pair, found none");
    float *images = tl_arena_allocate(arena, pictures * dim, sizeof(float), err);
    float *texts = images != NULL ? tl_arena_allocate(arena, captions * dim, sizeof(float), err) : NULL;
    tl_pair_row *stats = texts != NULL ? tl_arena_allocate(arena, pictures + captions, sizeof *stats, err) : NULL;
    *out = (tl_pairs){.input = input, .functions = functions, .scale = expf(input->logit_scale), .scratch_each = SCRATCH_FLOATS};
    out->norms = stats != NULL ? tl_arena_allocate(arena, pictures + captions, sizeof(float), err) : NULL;
    out->tile_scratch =
        out->norms != NULL ? tl_arena_allocate(arena, tl_thread_pool_size(pool), SCRATCH_FLOATS * sizeof(float), err) : NULL;
    if (out->tile_scratch == NULL)
        return false;
    if (!mask_known_keys(out, arena, err))
        return false;
    tl_normalize_rows(input->images, pictures, dim, images, out->norms);
    tl_normalize_rows(input->texts, captions, dim, texts, out->norms + pictures);
    for (size_t i = 0; i < pictures + captions; i++)
        stats[i] = (tl_pair_row){-INFINITY, -INFINITY, -INFINITY, 0.0, 0.0, 0.0, 0, 0};
    const size_t each = input->captions_per_picture;
    const tl_rank_share own = tl_ranks_my_share(input->ranks, pictures), own_captions = {own.first * each, own.count * each};
    out->sides[0] = (tl_pair_side){false, pictures, captions, own, images, texts, stats, stats + pictures};
    out->sides[1] = (tl_pair_side){true, captions, pictures, own_captions, texts, images, stats + pictures, stats};
    run_side(out, 0, NULL, NULL, pool);
    run_side(out, 1, NULL, NULL, pool);
    return tl_ranks_gather(input->ranks, stats, sizeof *stats, pictures, err) &&
           tl_ranks_gather(input->ranks, stats + pictures, each * sizeof *stats, pictures, err);
}

double tl_pairs_accuracy(const tl_pairs *pairs)
{
    double shares = 0.0;
    for (size_t side = 0; side < 2; side++) {
        size_t hits = 0, count = pairs->sides[side].row_count;
        for (size_t i = 0; i < count; i++)
            hits += pairs->sides[side].stats[i].largest_positive > pairs->sides[side].stats[i].largest_negative;
        shares += (double)hits / (double)count;
    }
    return shares / 2.0;
}

/* From the gradient by unit rows to that by the rows. */
static void unnormalise(const tl_pair_side *side, const float *norms, size_t dim, float *gradient)
{
    float *own = gradient + side->own.first * dim;
    tl_normalize_rows_backward(own, side->rows + side->own.first * dim, norms + side->own.first, side->own.count, dim, own);
}

void tl_pairs_turn(const tl_pairs *pairs, const void *context, tl_thread_pool *pool, const tl_objective_gradients *gradients)
{
    const tl_pair_side *by_picture = &pairs->sides[0], *by_caption = &pairs->sides[1];
    const size_t dim = pairs->input->dim;
    double by_scale = 0.0, by_bias = 0.0;
    run_side(pairs, 0, context, gradients->images, pool);
    run_side(pairs, 1, context, gradients->texts, pool);
    for (size_t i = by_picture->own.first; i < by_picture->own.first + by_picture->own.count; i++) {
        by_scale += (double)tl_dot(by_picture->rows + i * dim, gradients->images + i * dim, dim);
        by_bias += by_picture->stats[i].bias_gradient;
    }
    *gradients->logit_scale += (float)by_scale;
    if (gradients->logit_bias != NULL)
        *gradients->logit_bias += (float)by_bias;
    unnormalise(by_picture, pairs->norms, dim, gradients->images);
    unnormalise(by_caption, pairs->norms + by_picture->row_count, dim, gradients->texts);
}

/*
 * Owns the rotation and the rounding. The rotation is three rounds of random signs and a Hadamard transform, over the first power
 * of two of the numbers and, where that is not all of them, over the last: n log n steps, and a product of orthogonal matrices,
 * so lengths and products stay whatever the signs are. The signs are a fixed function of the number of the round and of the
 * place: they are part of the format of the file.
 */
#include "index/ann/code.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "base/core/random.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 3, STEPS = 10, SIGN_SEED = 0x7477 };

bool tl_coder__init(tl_coder *coder, uint32_t dim, tl_error *err)
{
    size_t code_dim = (dim + (size_t)TL_CODE_GROUP - 1) / TL_CODE_GROUP * TL_CODE_GROUP;
    *coder = (tl_coder){.dim = dim, .code_dim = code_dim};
    coder->signs = tl_memory_allocate(ROUNDS * code_dim, sizeof *coder->signs, err);
    if (coder->signs == NULL || (coder->rotated = tl_memory_allocate(code_dim, sizeof *coder->rotated, err)) == NULL ||
        (coder->levels = tl_memory_allocate(code_dim, 1, err)) == NULL ||
        (coder->codes = tl_memory_allocate(code_dim / 2, 1, err)) == NULL)
        return false;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        tl_random random = tl_random_stream(SIGN_SEED, round);
        for (size_t i = 0; i < code_dim; i++)
            coder->signs[round * code_dim + i] = (tl_random_next(&random) & 1) != 0 ? 1.0f : -1.0f;
    }
    return true;
}

void tl_coder__clear(tl_coder *coder)
{
    tl_memory_free(coder->signs);
    tl_memory_free(coder->rotated);
    tl_memory_free(coder->levels);
    tl_memory_free(coder->codes);
    *coder = (tl_coder){0};
}

static void rotate(tl_coder *coder, const float *vector)
{
    float *x = coder->rotated;
    memcpy(x, vector, coder->dim * sizeof *x);
    memset(x + coder->dim, 0, (coder->code_dim - coder->dim) * sizeof *x);
    for (size_t round = 0; round < ROUNDS; round++)
        tl_rotate(x, coder->code_dim, coder->signs + round * coder->code_dim);
}

static float largest(const float *x, size_t count)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        if (fabsf(x[i]) > most)
            most = fabsf(x[i]);
    return most;
}

/* Length of rotated - factor * (level - 7.5), and of the second of them. */
static void measure(const tl_coder *coder, float factor, double *left_out, double *kept)
{
    tl_codes_measure(coder->rotated, coder->levels, coder->code_dim, factor, left_out, kept);
    *left_out = sqrt(*left_out);
    *kept = sqrt(*kept);
}

/* A little more than the length, for the rounding of the rotation itself. */
static uint16_t rounded_up(double length)
{
    return tl_f16_not_below((float)(length * 1.00001));
}

void tl_coder__encode(tl_coder *coder, const float *residual, tl_row_code *out)
{
    rotate(coder, residual);
    float most = largest(coder->rotated, coder->code_dim), best_step = 0, best = -1, product, square;
    for (int i = 0; i < STEPS && most > 0; i++) {
        float step = most * (0.40f + 0.06f * (float)i) / 8.0f;
        tl_codes_quantize(coder->rotated, coder->code_dim, 1.0f / step, coder->levels, &product, &square);
        if (product * product > best * square) {
            best = product * product / square;
            best_step = step;
        }
    }
    bool is_tiny = best_step < 1e-30f; /* as good as zero: its whole length is left out */
    tl_codes_quantize(coder->rotated, coder->code_dim, is_tiny ? 0.0f : 1.0f / best_step, coder->levels, &product, &square);
    out->factor = is_tiny ? 0.0f : product / square;
    double left_out, kept;
    measure(coder, out->factor, &left_out, &kept);
    out->error = rounded_up(left_out);
    out->norm = rounded_up(kept);
    for (size_t group = 0; group < coder->code_dim; group += TL_CODE_GROUP)
        for (size_t i = 0; i < TL_CODE_GROUP_BYTES; i++)
            coder->codes[group / 2 + i] =
                (uint8_t)(coder->levels[group + i] | coder->levels[group + i + TL_CODE_GROUP_BYTES] << 4);
    out->codes = coder->codes;
}

bool tl_coder__holds(tl_coder *coder, const float *residual, const tl_row_code *code)
{
    rotate(coder, residual);
    for (size_t group = 0; group < coder->code_dim; group += TL_CODE_GROUP)
        for (size_t i = 0; i < TL_CODE_GROUP_BYTES; i++) {
            coder->levels[group + i] = code->codes[group / 2 + i] & 15;
            coder->levels[group + i + TL_CODE_GROUP_BYTES] = code->codes[group / 2 + i] >> 4;
        }
    double left_out, kept;
    float error, norm;
    measure(coder, code->factor, &left_out, &kept);
    tl_widen_from_f16(&code->error, &error, 1);
    tl_widen_from_f16(&code->norm, &norm, 1);
    return isfinite(error) && isfinite(norm) && left_out <= (double)error * 1.0001 + 1e-7 && kept <= (double)norm * 1.0001 + 1e-7;
}

void tl_coder__encode_query(tl_coder *coder, const float *query, tl_coded_query *out)
{
    tl_rounded rounded;
    rotate(coder, query);
    tl_round_to_bytes(coder->rotated, coder->code_dim, out->numbers, &rounded);
    out->step = rounded.step;
    out->offset = 7.5f * (float)rounded.sum;
    out->length = (float)(sqrt(rounded.square) * 1.00001);
    out->left_out = (float)(sqrt(rounded.left_out) * 1.00001);
}

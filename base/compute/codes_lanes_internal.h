/* Loops over lanes as plain C, for tables that have none of their own. A file that includes it has included codes_internal.h. */
#ifndef TL_BASE_COMPUTE_CODES_LANES_INTERNAL_H
#define TL_BASE_COMPUTE_CODES_LANES_INTERNAL_H

#include <math.h>

enum { NUMBER_LANES = 16 };

static void hadamard(float *x, size_t count)
{
    for (size_t half = 1; half < count; half *= 2)
        for (size_t i = 0; i < count; i += 2 * half) {
            float *restrict a = x + i, *restrict b = x + i + half;
            for (size_t j = 0; j < half; j++) {
                float sum = a[j] + b[j], difference = a[j] - b[j];
                a[j] = sum;
                b[j] = difference;
            }
        }
}

/* count is a multiple of TL_CODE_GROUP. Sums of x * (code - 7.5) and of (code - 7.5)^2. */
static void quantize(const float *restrict x, size_t count, float inverse_step, uint8_t *restrict codes, float *product,
                     float *square)
{
    float products[NUMBER_LANES] = {0}, squares[NUMBER_LANES] = {0};
    for (size_t i = 0; i < count; i += NUMBER_LANES)
        for (size_t lane = 0; lane < NUMBER_LANES; lane++) {
            float level = x[i + lane] * inverse_step + 8.0f;
            level = level < 0.0f ? 0.0f : level;
            level = level > 15.5f ? 15.5f : level;
            int32_t code = (int32_t)level;
            float centre = (float)code - 7.5f;
            codes[i + lane] = (uint8_t)code;
            products[lane] += x[i + lane] * centre;
            squares[lane] += centre * centre;
        }
    *product = *square = 0;
    for (size_t lane = 0; lane < NUMBER_LANES; lane++) {
        *product += products[lane];
        *square += squares[lane];
    }
}

static void measure(const float *restrict x, const uint8_t *restrict codes, size_t count, float factor, double *left_out,
                    double *kept)
{
    double lefts[NUMBER_LANES] = {0}, keeps[NUMBER_LANES] = {0};
    for (size_t i = 0; i < count; i += NUMBER_LANES)
        for (size_t lane = 0; lane < NUMBER_LANES; lane++) {
            double level = (double)factor * ((double)codes[i + lane] - 7.5), difference = (double)x[i + lane] - level;
            lefts[lane] += difference * difference;
            keeps[lane] += level * level;
        }
    *left_out = *kept = 0;
    for (size_t lane = 0; lane < NUMBER_LANES; lane++) {
        *left_out += lefts[lane];
        *kept += keeps[lane];
    }
}

static void round_to_bytes(const float *restrict x, size_t count, int8_t *restrict numbers, tl_rounded *out)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    *out = (tl_rounded){.step = most > 1e-30f ? most / 127.0f : 1.0f};
    for (size_t i = 0; i < count; i++) {
        float number = x[i] / out->step;
        int32_t whole = (int32_t)(number < 0 ? number - 0.5f : number + 0.5f);
        whole = whole > 127 ? 127 : whole < -127 ? -127 : whole;
        double difference = (double)x[i] - (double)out->step * whole;
        numbers[i] = (int8_t)whole;
        out->sum += whole;
        out->left_out += difference * difference;
        out->square += (double)x[i] * (double)x[i];
    }
}

static size_t greatest(const float *scores, const float *less, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (scores[i] - less[i] > scores[best] - less[best])
            best = i;
    return best;
}

#endif

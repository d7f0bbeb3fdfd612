/* Code kernels for any processor. */
#include "base/compute/codes_internal.h"

#include "base/compute/codes_lanes_internal.h"
#include "base/compute/codes_scalar_internal.h"

enum { LANES = 8 };

static float sum_lanes(const float sums[LANES])
{
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static void dot_f32(const float *rows, size_t count, size_t dim, const float *query, float *scores)
{
    for (size_t i = 0; i < count; i++, rows += dim) {
        float sums[LANES] = {0};
        for (size_t j = 0; j + LANES <= dim; j += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                sums[lane] += rows[j + lane] * query[j + lane];
        for (size_t j = dim - dim % LANES; j < dim; j++)
            sums[j % LANES] += rows[j] * query[j];
        scores[i] = sum_lanes(sums);
    }
}

static void dot_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *scores)
{
    for (size_t i = 0; i < count; i++, rows += dim) {
        float sums[LANES] = {0};
        for (size_t j = 0; j < dim; j++)
            sums[j % LANES] += tl_f16_to_float(rows[j]) * query[j];
        scores[i] = sum_lanes(sums);
    }
}

static float square_of(float difference)
{
    return difference * difference;
}

static void square_f32(const float *rows, size_t count, size_t dim, const float *query, float *squares)
{
    for (size_t i = 0; i < count; i++, rows += dim) {
        float sums[LANES] = {0};
        for (size_t j = 0; j + LANES <= dim; j += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                sums[lane] += square_of(rows[j + lane] - query[j + lane]);
        for (size_t j = dim - dim % LANES; j < dim; j++)
            sums[j % LANES] += square_of(rows[j] - query[j]);
        squares[i] = sum_lanes(sums);
    }
}

static void square_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *squares)
{
    for (size_t i = 0; i < count; i++, rows += dim) {
        float sums[LANES] = {0};
        for (size_t j = 0; j < dim; j++)
            sums[j % LANES] += square_of(tl_f16_to_float(rows[j]) - query[j]);
        squares[i] = sum_lanes(sums);
    }
}

static void dot_codes(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next)
{
    (void)next;
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 0;
        for (size_t group = 0; group < groups; group++, codes += TL_CODE_GROUP_BYTES) {
            const int8_t *low = query + group * TL_CODE_GROUP, *high = low + TL_CODE_GROUP_BYTES;
            for (size_t j = 0; j < TL_CODE_GROUP_BYTES; j++)
                sum += (codes[j] & 15) * low[j] + (codes[j] >> 4) * high[j];
        }
        sums[i] = sum;
    }
}

static void dot_bytes(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums)
{
    for (size_t i = 0; i < count; i++, rows += size) {
        int32_t sum = 0;
        for (size_t j = 0; j < size; j++)
            sum += rows[j] * query[j];
        sums[i] = sum;
    }
}

static void narrow(const float *values, uint16_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = tl_f16_of_float(values[i]);
}

static void widen(const uint16_t *values, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = tl_f16_to_float(values[i]);
}

const tl_code_kernels tl_codes_baseline = {dot_f32, dot_f16, square_f32, square_f16, dot_codes,      dot_bytes,   narrow,
                                           widen,   rotate,  quantize,   measure,    round_to_bytes, bound_codes, greatest};

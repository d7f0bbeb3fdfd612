/* The rounding to a grid as plain C, for tables that have none of their own. A file that includes it has included
 * codes_internal.h. */
#ifndef TL_BASE_COMPUTE_CODES_QUANTIZE_INTERNAL_H
#define TL_BASE_COMPUTE_CODES_QUANTIZE_INTERNAL_H

enum { QUANTIZE_LANES = 16 };

/* count is a multiple of TL_CODE_GROUP. Sums of x * (code - 7.5) and of (code - 7.5)^2. */
static void quantize(const float *restrict x, size_t count, float inverse_step, uint8_t *restrict codes, float *product,
                     float *square)
{
    float products[QUANTIZE_LANES] = {0}, squares[QUANTIZE_LANES] = {0};
    for (size_t i = 0; i < count; i += QUANTIZE_LANES)
        for (size_t lane = 0; lane < QUANTIZE_LANES; lane++) {
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
    for (size_t lane = 0; lane < QUANTIZE_LANES; lane++) {
        *product += products[lane];
        *square += squares[lane];
    }
}

#endif

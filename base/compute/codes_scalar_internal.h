/* The loops that every table of code kernels has as plain C, compiled with its flags. A file that includes it has included
 * codes_internal.h, and defines hadamard. */
#ifndef TL_BASE_COMPUTE_CODES_SCALAR_INTERNAL_H
#define TL_BASE_COMPUTE_CODES_SCALAR_INTERNAL_H

#include <math.h>

static void hadamard(float *x, size_t count);

static void transform(float *x, size_t count, float factor)
{
    hadamard(x, count);
    for (size_t i = 0; i < count; i++)
        x[i] *= factor;
}

static void rotate(float *restrict x, size_t count, const float *restrict signs)
{
    size_t power = 1;
    while (2 * power <= count)
        power *= 2;
    float factor = 1.0f / sqrtf((float)power);
    for (size_t i = 0; i < count; i++)
        x[i] *= signs[i];
    transform(x, power, factor);
    if (power != count)
        transform(x + count - power, power, factor);
}

static void bound_codes(const tl_code_bound *bound, const int32_t *restrict sums, const float *restrict factors,
                        const float *restrict errors, const float *restrict norms, size_t count, float *restrict bounds)
{
    float base = bound->base, product = bound->product, offset = bound->offset, error = bound->error, norm = bound->norm;
    for (size_t i = 0; i < count; i++)
        bounds[i] = base + product * factors[i] * ((float)sums[i] - offset) + error * errors[i] + norm * norms[i];
}

#endif

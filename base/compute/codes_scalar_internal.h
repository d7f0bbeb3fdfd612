/* The loop that every table of code kernels has as plain C, compiled with its flags. A file that includes it has included
 * codes_internal.h. */
#ifndef TL_BASE_COMPUTE_CODES_SCALAR_INTERNAL_H
#define TL_BASE_COMPUTE_CODES_SCALAR_INTERNAL_H

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

#endif

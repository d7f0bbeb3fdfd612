/* Random rows of length 1 for the benchmarks of the index. */
#ifndef TL_TESTS_BENCH_UNIT_VECTORS_H
#define TL_TESTS_BENCH_UNIT_VECTORS_H

#include "base/core/random.h"

#include <math.h>

static inline void fill_unit_vectors(tl_random *random, float *vectors, size_t count, size_t dim)
{
    for (size_t i = 0; i < count; i++) {
        float *vector = vectors + i * dim, sum = 0.0f;
        for (size_t j = 0; j < dim; j++) {
            vector[j] = tl_random_normal(random);
            sum += vector[j] * vector[j];
        }
        for (size_t j = 0; j < dim; j++)
            vector[j] /= sqrtf(sum);
    }
}

#endif

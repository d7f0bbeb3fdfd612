/* The table behind codes.h, one per instruction set. Within base/compute only. */
#ifndef TL_BASE_COMPUTE_CODES_INTERNAL_H
#define TL_BASE_COMPUTE_CODES_INTERNAL_H

#include "base/compute/codes.h"

/* Bytes that are asked for before they are wanted: the processor itself looks no further than the end of a page. */
enum { TL_CODES_AHEAD = 4096 };

/* Where asking for codes [size] begins; from their end on it goes on at next. */
static inline const uint8_t *tl_codes_ahead(const uint8_t *codes, size_t size, const uint8_t *next)
{
    return size > TL_CODES_AHEAD ? codes + TL_CODES_AHEAD : next;
}

typedef struct tl_code_kernels {
    void (*dot_f32)(const float *rows, size_t count, size_t dim, const float *query, float *scores);
    void (*dot_f16)(const uint16_t *rows, size_t count, size_t dim, const float *query, float *scores);
    void (*square_f32)(const float *rows, size_t count, size_t dim, const float *query, float *squares);
    void (*square_f16)(const uint16_t *rows, size_t count, size_t dim, const float *query, float *squares);
    void (*dot_codes)(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next);
    void (*dot_bytes)(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums);
    void (*narrow)(const float *values, uint16_t *out, size_t count);
    void (*widen)(const uint16_t *values, float *out, size_t count);
    void (*rotate)(float *x, size_t count, const float *signs);
    void (*quantize)(const float *x, size_t count, float inverse_step, uint8_t *codes, float *product, float *square);
    void (*measure)(const float *x, const uint8_t *codes, size_t count, float factor, double *left_out, double *kept);
    void (*round_to_bytes)(const float *x, size_t count, int8_t *numbers, tl_rounded *out);
    void (*bound)(const tl_code_bound *bound, const int32_t *sums, const float *factors, const float *errors, const float *norms,
                  size_t count, float *bounds);
    size_t (*greatest)(const float *scores, const float *less, size_t count);
} tl_code_kernels;

/* One f16 more or less: exact widening, and narrowing to the nearest with ties to even. */
float tl_f16_to_float(uint16_t bits);
uint16_t tl_f16_of_float(float value);

extern const tl_code_kernels tl_codes_baseline;
#if defined(__x86_64__)
extern const tl_code_kernels tl_codes_avx2, tl_codes_avx512, tl_codes_avx512_vnni;
#endif

#endif

/*
 * Door of what the index computes with: rows of f16 and f32 against a query, and codes of four bits against a query of eight.
 *
 * A code of TL_CODE_GROUP numbers is 64 bytes: byte j holds number j in its low half and number j + 64 in its high half, each
 * 0..15. A row's dot product does not depend on the rows beside it: the same row and query always give the same bits.
 */
#ifndef TL_BASE_COMPUTE_CODES_H
#define TL_BASE_COMPUTE_CODES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_CODE_GROUP = 128, TL_CODE_GROUP_BYTES = 64 };

/* scores [count] = rows [count, dim] query [dim] */
void tl_rows_dot_f32(const float *rows, size_t count, size_t dim, const float *query, float *scores);
void tl_rows_dot_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *scores);
/* squares [count] = |row - query|^2 */
void tl_rows_square_f32(const float *rows, size_t count, size_t dim, const float *query, float *squares);
void tl_rows_square_f16(const uint16_t *rows, size_t count, size_t dim, const float *query, float *squares);
/* sums [count] = codes [count, groups] query [groups * TL_CODE_GROUP]; numbers of a code count as 0..15. groups at most 1024.
 * next: what will be read after these, which is asked of the memory in time; NULL: nothing is known. */
void tl_codes_dot(const uint8_t *codes, size_t count, size_t groups, const int8_t *query, int32_t *sums, const void *next);
/* sums [count] = rows [count, size] query [size]; a row's numbers are 0..127, size is a multiple of 64, at most 65536. */
void tl_bytes_dot(const uint8_t *rows, size_t count, size_t size, const int8_t *query, int32_t *sums);

/* One round of a rotation: x [count] times signs [count], then the Hadamard transform (ones and minus ones) of the first numbers
 * that are a power of two and, where these are not all, of as many at the end, each scaled to keep lengths. */
void tl_rotate(float *x, size_t count, const float *signs);
/* The code 0..15 of each number, one a byte: the cell of width 1 / inverse_step it lies in, cells 7 and 8 meeting at 0. Sums of x
 * * (code - 7.5) and of (code - 7.5)^2. count is a multiple of TL_CODE_GROUP. */
void tl_codes_quantize(const float *x, size_t count, float inverse_step, uint8_t *codes, float *product, float *square);
/* Squares of the lengths of x - factor * (codes - 7.5) and of the second of them; codes one a byte. count as above. */
void tl_codes_measure(const float *x, const uint8_t *codes, size_t count, float factor, double *left_out, double *kept);

/* x = step * numbers + what is left out. */
typedef struct tl_rounded {
    float step;
    int32_t sum;             /* of the numbers */
    double square, left_out; /* squares of the lengths of x and of what is left out */
} tl_rounded;

/* The nearest whole numbers of -127..127, by the step that takes the largest of x to 127. */
void tl_round_to_bytes(const float *x, size_t count, int8_t *numbers, tl_rounded *out);

/* What is known of rows of codes: bounds [count] = base + product * factors * (sums - offset) + error * errors + norm * norms. */
typedef struct tl_code_bound {
    float base, product, offset, error, norm;
} tl_code_bound;
void tl_codes_bound(const tl_code_bound *bound, const int32_t *sums, const float *factors, const float *errors,
                    const float *norms, size_t count, float *bounds);
/* Where scores - less is greatest, the first of equals; count at least 1. */
size_t tl_greatest(const float *scores, const float *less, size_t count);

/* Nearest f16, ties to even; beyond 65504 infinite. */
void tl_narrow_to_f16(const float *values, uint16_t *out, size_t count);
void tl_widen_from_f16(const uint16_t *values, float *out, size_t count);
/* The smallest f16 that is not below a value of 0 or more. */
uint16_t tl_f16_not_below(float value);

#ifdef __cplusplus
}
#endif

#endif

/*
 * Codes of four bits a number, after RaBitQ (Gao and Long 2024; Gao et al. 2025 for several bits): a residual is rotated at
 * random, so that its numbers are alike, then rounded to a grid of 16 levels of the step that keeps its direction best. residual
 * = factor * (code - 7.5) + what is left out, whose length is kept, so that by Cauchy and Schwarz every estimate of a product has
 * a bound.
 */
#ifndef TL_INDEX_ANN_CODE_H
#define TL_INDEX_ANN_CODE_H

#include "index/vectors/held_block.h"

typedef struct tl_coder {
    size_t dim, code_dim; /* code_dim: dim up to a multiple of TL_CODE_GROUP */
    float *signs;         /* [rounds, code_dim] of 1 and -1 */
    float *rotated;       /* [code_dim] */
    uint8_t *levels;      /* [code_dim] */
    uint8_t *codes;       /* [code_dim / 2]: of the last row */
} tl_coder;

/* A rotated query in eight bits: the rotated query = step * numbers + what is left out. */
typedef struct tl_coded_query {
    int8_t *numbers; /* [code_dim] */
    float step;
    float offset;   /* 7.5 * sum of the numbers */
    float length;   /* of the query */
    float left_out; /* length of what is left out */
} tl_coded_query;

bool tl_coder__init(tl_coder *coder, uint32_t dim, tl_error *err) TL_MUST_USE;
void tl_coder__clear(tl_coder *coder);
/* residual [dim]; out->codes lies in the coder until the next call. */
void tl_coder__encode(tl_coder *coder, const float *residual, tl_row_code *out);
/* False when the code does not keep what it promises for this residual: error and norm too small. */
bool tl_coder__holds(tl_coder *coder, const float *residual, const tl_row_code *code);
void tl_coder__encode_query(tl_coder *coder, const float *query, tl_coded_query *out);

#endif

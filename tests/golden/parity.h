/*
 * A model of ours against the golden values that its own framework gave for the same folder (tests/golden/make_fixtures.py).
 * Included by the programs of this folder.
 */
#ifndef TL_TESTS_GOLDEN_PARITY_H
#define TL_TESTS_GOLDEN_PARITY_H

#include "base/core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct parity_result {
    bool passed;
    char first_drift[96]; /* the first stage beyond its limit, in the order of computation; empty when none is */
    double worst_stage;   /* the largest error of a stage, of its rows' root mean square */
    double worst_picture; /* levels of 255 */
    double image_cosine;  /* the smallest of the batch */
    double text_cosine;
    double logits; /* the largest difference */
} parity_result;

/* A line of figures for each stage goes to `report` (may be NULL). False only when the comparison could not be made. */
bool parity_check(const char *model_path, const char *golden_path, FILE *report, parity_result *out, tl_error *err);

#endif

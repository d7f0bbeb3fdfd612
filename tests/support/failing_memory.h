/* Allocation failures on demand, for a test that includes failing_memory.c. */
#ifndef TL_TESTS_SUPPORT_FAILING_MEMORY_H
#define TL_TESTS_SUPPORT_FAILING_MEMORY_H

#include "base/core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* From now on the number-th allocation fails (1 is the next), once; 0: none, only counting. */
void failing_memory_arm(size_t number);
/* No further failure; how many allocations were asked for since arming. */
size_t failing_memory_disarm(void);

/*
 * A job that is done again and again while its allocation 1, 2, 3, ... fails, until it asks for no more of them and succeeds:
 *
 *     failing_memory_sweep sweep = {.job = "hash", .least_failures = 3};
 *     while (failing_memory_next(&sweep))
 *         failing_memory_judge(&sweep, use_hasher(&sweep.err));
 */
typedef struct failing_memory_sweep {
    const char *job;       /* what a failed test calls it */
    size_t least_failures; /* so that a sweep over nothing cannot pass; at least 1 */
    bool may_do_without;   /* the job may also succeed in spite of a failure, as where something need not be kept */
    size_t sparser_every;  /* 0: each allocation fails in turn; n: of the n-th to the 2n-th every second, then every third, ... */

    tl_error err; /* for the job, empty each time */
    size_t number;
    size_t failures;
    bool is_over;
} failing_memory_sweep;

/* Arms the next allocation; false once a run has been judged that asked for fewer. */
bool failing_memory_next(failing_memory_sweep *sweep);
/* Disarms, and fails the test unless the job failed, for want of memory and of nothing else (or may do without). */
void failing_memory_judge(failing_memory_sweep *sweep, bool ok);

#endif

/* What the tests of several ranks share: the ranks, joined before the first test and left after the last. */
#ifndef TL_TESTS_MPI_RANKS_GROUP_H
#define TL_TESTS_MPI_RANKS_GROUP_H

#include "base/parallel/ranks.h"

#include <stdio.h>

static tl_ranks *ranks;

static int open_ranks(void **state)
{
    tl_error err;
    (void)state;
    if (tl_ranks_open(&ranks, &err))
        return 0;
    fprintf(stderr, "%s\n", err.message);
    return 1;
}

static int close_ranks(void **state)
{
    (void)state;
    tl_ranks_close(ranks);
    return 0;
}

#endif

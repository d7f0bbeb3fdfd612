/* A build without MPI: there is one rank, which has all there is to have and agrees with itself. */
#include "base/parallel/ranks.h"

bool tl_ranks_open(tl_ranks **out, tl_error *err)
{
    *out = NULL;
    return tl_fail(err, TL_ERROR_UNSUPPORTED,
                   "expected a program that was built with MPI (cmake --preset mpi) for several ranks");
}

void tl_ranks_close(tl_ranks *ranks)
{
    (void)ranks;
}

size_t tl_ranks_number(const tl_ranks *ranks)
{
    (void)ranks;
    return 0;
}

size_t tl_ranks_count(const tl_ranks *ranks)
{
    (void)ranks;
    return 1;
}

bool tl_ranks_agree(tl_ranks *ranks, bool ok, tl_error *err)
{
    (void)ranks;
    (void)err;
    return ok;
}

bool tl_ranks_any(tl_ranks *ranks, bool mine, bool *any, tl_error *err)
{
    (void)ranks;
    (void)err;
    *any = mine;
    return true;
}

bool tl_ranks_same(tl_ranks *ranks, uint64_t value, const char *what, tl_error *err)
{
    (void)ranks;
    (void)value;
    (void)what;
    (void)err;
    return true;
}

bool tl_ranks_tell(tl_ranks *ranks, void *bytes, size_t size, tl_error *err)
{
    (void)ranks;
    (void)bytes;
    (void)size;
    (void)err;
    return true;
}

bool tl_ranks_gather(tl_ranks *ranks, void *all, size_t item_size, size_t total, tl_error *err)
{
    (void)ranks;
    (void)all;
    (void)item_size;
    (void)total;
    (void)err;
    return true;
}

bool tl_ranks_sum(tl_ranks *ranks, float *values, size_t count, tl_error *err)
{
    (void)ranks;
    (void)values;
    (void)count;
    (void)err;
    return true;
}

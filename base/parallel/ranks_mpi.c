/*
 * Ranks by MPI. Errors come back as results (MPI_ERRORS_RETURN) and become errors of ours; after one of them, or after a failure
 * that was agreed on, the object is over and calls nobody any more. What MPI itself cannot go on from ends by MPI_Abort, which
 * takes all ranks with it: better than one that waits.
 */
#include "base/core/memory.h"
#include "base/parallel/ranks.h"

#include <limits.h>
#include <mpi.h>

struct tl_ranks {
    size_t number, count;
    bool is_over;         /* a failure that all know of */
    bool is_broken;       /* MPI's own */
    int *counts, *starts; /* [count] of a gathering */
};

static bool succeeded(tl_ranks *ranks, int code, const char *call, tl_error *err)
{
    if (code == MPI_SUCCESS)
        return true;
    char text[MPI_MAX_ERROR_STRING] = "";
    int size;
    MPI_Error_string(code, text, &size);
    ranks->is_over = ranks->is_broken = true;
    return tl_fail(err, TL_ERROR_IO, "rank %zu: %s: %s", ranks->number, call, text);
}

static bool refuse(tl_error *err)
{
    return tl_fail(err, TL_ERROR_CANCELLED, "the ranks of this job are over");
}

bool tl_ranks_open(tl_ranks **out, tl_error *err)
{
    int is_started, level, number, count;
    MPI_Initialized(&is_started);
    if (is_started)
        return tl_fail(err, TL_ERROR_INVALID, "expected ranks to be opened once in a process");
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS || level < MPI_THREAD_FUNNELED)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected an MPI that one thread of several may call");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &number);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    tl_ranks *ranks = tl_memory_allocate(1, sizeof *ranks, err);
    if (ranks != NULL) {
        *ranks = (tl_ranks){.number = (size_t)number, .count = (size_t)count};
        ranks->counts = tl_memory_allocate(ranks->count, sizeof *ranks->counts, err);
        ranks->starts = ranks->counts != NULL ? tl_memory_allocate(ranks->count, sizeof *ranks->starts, err) : NULL;
    }
    if (ranks == NULL || ranks->starts == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1); /* the others wait already */
    *out = ranks;
    return true;
}

void tl_ranks_close(tl_ranks *ranks)
{
    if (ranks == NULL)
        return;
    if (ranks->is_broken)
        MPI_Abort(MPI_COMM_WORLD, 1);
    else
        MPI_Finalize();
    tl_memory_free(ranks->counts);
    tl_memory_free(ranks->starts);
    tl_memory_free(ranks);
}

size_t tl_ranks_number(const tl_ranks *ranks)
{
    return ranks != NULL ? ranks->number : 0;
}

size_t tl_ranks_count(const tl_ranks *ranks)
{
    return ranks != NULL ? ranks->count : 1;
}

/* Agreeing, and a question on the way: *is_some is what `mine` says of any. */
static bool consult(tl_ranks *ranks, bool ok, bool mine, bool *is_some, tl_error *err)
{
    if (ranks->is_over)
        return ok ? refuse(err) : false;
    tl_error failure = {TL_ERROR_NONE, ""};
    /* The first that failed; whether all did; whether none says yes. */
    int least[3] = {ok ? INT_MAX : (int)ranks->number, ok ? 0 : 1, mine ? 0 : 1};
    if (!ok && err != NULL)
        failure = *err;
    if (!succeeded(ranks, MPI_Allreduce(MPI_IN_PLACE, least, 3, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "agreeing", err))
        return false;
    *is_some = least[2] == 0;
    if (least[0] == INT_MAX)
        return true;
    if (!succeeded(ranks, MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, least[0], MPI_COMM_WORLD), "hearing of a failure",
                   err))
        return false;
    ranks->is_over = true;
    return least[1] == 1 ? tl_fail_as(err, &failure) : tl_fail(err, failure.kind, "rank %d: %s", least[0], failure.message);
}

bool tl_ranks_agree(tl_ranks *ranks, bool ok, tl_error *err)
{
    bool is_some;
    return ranks != NULL ? consult(ranks, ok, false, &is_some, err) : ok;
}

bool tl_ranks_any(tl_ranks *ranks, bool mine, bool *any, tl_error *err)
{
    *any = mine;
    return ranks == NULL || consult(ranks, true, mine, any, err);
}

bool tl_ranks_same(tl_ranks *ranks, uint64_t value, const char *what, tl_error *err)
{
    if (ranks == NULL)
        return true;
    uint64_t first = value;
    if (!tl_ranks_tell(ranks, &first, sizeof first, err))
        return false;
    const bool is_same = first == value;
    if (!is_same)
        tl_fail(err, TL_ERROR_INVALID, "expected %s as rank 0, found others", what);
    return tl_ranks_agree(ranks, is_same, err);
}

bool tl_ranks_tell(tl_ranks *ranks, void *bytes, size_t size, tl_error *err)
{
    if (ranks == NULL)
        return true;
    if (!tl_ranks_agree(ranks, true, err))
        return false;
    /* MPI counts in int. */
    for (size_t at = 0; at < size; at += INT_MAX) {
        const int count = size - at < INT_MAX ? (int)(size - at) : INT_MAX;
        if (!succeeded(ranks, MPI_Bcast((char *)bytes + at, count, MPI_BYTE, 0, MPI_COMM_WORLD), "telling all", err))
            return false;
    }
    return true;
}

bool tl_ranks_gather(tl_ranks *ranks, void *all, size_t item_size, size_t total, tl_error *err)
{
    if (ranks == NULL)
        return true;
    TL_ASSERT(item_size <= INT_MAX && total <= INT_MAX);
    if (!tl_ranks_agree(ranks, true, err))
        return false;
    for (size_t rank = 0; rank < ranks->count; rank++) {
        const tl_rank_share share = tl_ranks_share(ranks, rank, total);
        ranks->starts[rank] = (int)share.first;
        ranks->counts[rank] = (int)share.count;
    }
    MPI_Datatype item;
    if (!succeeded(ranks, MPI_Type_contiguous((int)item_size, MPI_BYTE, &item), "describing an item", err))
        return false;
    MPI_Type_commit(&item);
    const int code = MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, ranks->counts, ranks->starts, item, MPI_COMM_WORLD);
    MPI_Type_free(&item);
    return succeeded(ranks, code, "gathering", err);
}

bool tl_ranks_sum(tl_ranks *ranks, float *values, size_t count, tl_error *err)
{
    if (ranks == NULL)
        return true;
    TL_ASSERT(count <= INT_MAX);
    return tl_ranks_agree(ranks, true, err) &&
           succeeded(ranks, MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD), "adding up",
                     err);
}

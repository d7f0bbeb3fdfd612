/* How work is divided among ranks, whatever joins them. */
#include "base/parallel/ranks.h"

tl_rank_share tl_ranks_share(const tl_ranks *ranks, size_t number, size_t total)
{
    const size_t count = tl_ranks_count(ranks), each = total / count, longer = total % count;
    return (tl_rank_share){number * each + (number < longer ? number : longer), each + (number < longer ? 1 : 0)};
}

tl_rank_share tl_ranks_my_share(const tl_ranks *ranks, size_t total)
{
    return tl_ranks_share(ranks, tl_ranks_number(ranks), total);
}

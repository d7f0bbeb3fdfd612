/* crawler-import/fetch/answer over arbitrary bytes: one header value of each kind, and first bytes. */
#include "crawler-import/fetch/answer.h"

#include "base/core/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_slice bytes = {(const char *)data, size};
    const unsigned all =
        TL_REFUSAL_NOINDEX | TL_REFUSAL_NOFOLLOW | TL_REFUSAL_NOIMAGEINDEX | TL_REFUSAL_NOAI | TL_REFUSAL_NOIMAGEAI;
    unsigned ours = tl_answer_refusals(bytes, "twinlens");
    TL_ASSERT((ours & ~all) == 0);
    TL_ASSERT(tl_answer_refusals(bytes, "TwinLens") == ours);
    double seconds = tl_answer_retry_after(bytes, 1000000000);
    TL_ASSERT(seconds >= 0 || seconds == -1);
    tl_answer_look look = tl_answer_sniff(bytes);
    TL_ASSERT(look >= TL_LOOK_UNKNOWN && look <= TL_LOOK_BINARY);
    if (size > 512)
        TL_ASSERT(tl_answer_sniff((tl_slice){bytes.data, 512}) == look);
    return 0;
}

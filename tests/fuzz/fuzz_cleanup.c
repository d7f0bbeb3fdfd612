/*
 * Clean-ups over arbitrary text. The first byte chooses the clean-up, the rest is the text: whatever is UTF-8 is cleaned to
 * UTF-8, and what open_clip's clean-ups have collapsed has no blank at either end.
 */
#include "tokenizer/cleanup/cleanup.h"

#include <stddef.h>
#include <stdint.h>

enum { KINDS = TL_CLEANUP_SIGLIP_KEEPS_CASE + 1, MAX_CLEANED = 1 << 26 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bad;
    tl_error err = {0};
    tl_string out;
    if (size == 0)
        return 0;
    const tl_slice text = {(const char *)data + 1, size - 1};
    const tl_cleanup cleanup = (tl_cleanup)(data[0] % KINDS);
    if (!tl_text_is_utf8(text, &bad))
        return 0;
    tl_string_init(&out, MAX_CLEANED);
    TL_ASSERT(tl_cleanup__apply(cleanup, text, &out, &err));
    TL_ASSERT(tl_text_is_utf8(tl_string_slice(&out), &bad));
    if (out.size != 0 && cleanup != TL_CLEANUP_NONE)
        TL_ASSERT(out.data[0] != ' ' && out.data[out.size - 1] != ' ');
    tl_string_clear(&out);
    return 0;
}

/* Arbitrary expressions over a small list: refused, or an answer for every row; never more than that. */
#include "list_promises.h"

static const char rows[] = "url,caption,similarity,punsafe,NSFW\n"
                           "http://a/1,one,0.31,0.1,UNLIKELY\n"
                           "http://a/2,\"{\"\"a\"\": [1, 2]}\",nan,,UNSURE\n"
                           "http://a/3\n"
                           "http://a/4,caf\xe9,1e300,-9223372036854775808,\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool has_list = false;
    tl_string where;
    uint64_t end;
    uint64_t sum;
    if (!has_list)
        TL_ASSERT(tl_file_replace("fuzz_list", tl_slice_of(rows), NULL));
    has_list = true;
    tl_string_init(&where, (size_t)1 << 24);
    TL_ASSERT(tl_string_append(&where, (const char *)data, size, NULL));
    (void)read_list("fuzz_list", &(tl_list_options){.where = where.data}, 0, &end, &sum);
    tl_string_clear(&where);
    return 0;
}

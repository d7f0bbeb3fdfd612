/* Lists of arbitrary bytes, most of them CSV, TSV and lines of URLs. */
#include "list_promises.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t end;
    uint64_t sum;
    TL_ASSERT(tl_file_replace("fuzz_list", (tl_slice){(const char *)data, size}, NULL));
    check_list("fuzz_list");
    (void)read_list("fuzz_list", &(tl_list_options){.format = "csv", .url_column = "1", .keep = "*"}, 0, &end, &sum);
    (void)read_list("fuzz_list", &(tl_list_options){.format = "txt"}, 0, &end, &sum);
    return 0;
}

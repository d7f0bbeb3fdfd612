/* Lists of arbitrary JSON: rows, lines, columns, COCO captions, Karpathy splits. */
#include "list_promises.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t end;
    uint64_t sum;
    TL_ASSERT(tl_file_replace("fuzz_list", (tl_slice){(const char *)data, size}, NULL));
    check_list("fuzz_list");
    (void)read_list("fuzz_list", &(tl_list_options){.format = "jsonl", .keep = "*"}, 0, &end, &sum);
    (void)read_list("fuzz_list", &(tl_list_options){.url_column = "file_name", .keep = "*"}, 0, &end, &sum);
    return 0;
}

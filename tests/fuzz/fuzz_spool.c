/* Spools of arbitrary bytes: opening keeps the whole records and cuts off the rest, and each record that it counts can be read,
 * keeps within the file and comes back when it is added again. */
#include "crawler-import/download/spool.h"

#include "base/io/file.h"

#include <unistd.h>

enum { ROWS = 64 };

static const char path[] = "fuzz.spool", copy_path[] = "fuzz_copy.spool";

static size_t read_all(tl_spool *spool, tl_spool *copy, size_t size)
{
    size_t found = 0;
    tl_string buffer;
    tl_string_init(&buffer, (size_t)1 << 30);
    for (uint32_t row = 0; row < ROWS; row++) {
        tl_spool_record record;
        if (!tl_spool_has(spool, row))
            continue;
        TL_ASSERT(tl_spool_read(spool, row, &buffer, &record, NULL));
        TL_ASSERT(record.index == row && buffer.size <= size);
        TL_ASSERT(copy == NULL || tl_spool_add(copy, &record, NULL));
        found++;
    }
    tl_string_clear(&buffer);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_spool *spool = NULL, *copy = NULL;
    tl_error err = {0};
    TL_ASSERT(tl_file_replace(path, (tl_slice){(const char *)data, size}, NULL));
    TL_ASSERT(unlink(copy_path) == 0 || tl_file_replace(copy_path, (tl_slice){0}, NULL));
    TL_ASSERT(tl_spool_open(path, ROWS, &spool, &err) && tl_spool_open(copy_path, ROWS, &copy, &err));
    size_t count = tl_spool_count(spool);
    TL_ASSERT(read_all(spool, copy, size) == count && read_all(copy, NULL, size) == count);
    tl_spool_close(spool);
    tl_spool_close(copy);
    return 0;
}

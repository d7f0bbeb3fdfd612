/*
 * parquet_columns FILE [BATCH-ROWS [SKIP]]: the text that tests/support/parquet_text.h makes of a file. SKIP: after every batch
 * passes over as many rows.
 */
#include "tests/support/parquet_text.h"

#include <stdio.h>
#include <stdlib.h>

static bool print_file(const char *path, tl_parquet_options options, uint64_t skip, tl_error *err)
{
    tl_parquet_file *file = NULL;
    tl_string text;
    if (!tl_parquet_open(path, &file, err))
        return false;
    tl_string_init(&text, (size_t)1 << 32);
    bool ok = append_parquet_text(&text, file, options, skip, err);
    ok = fwrite(text.data, 1, text.size, stdout) == text.size && ok;
    tl_string_clear(&text);
    tl_parquet_close(file);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: parquet_columns FILE [BATCH-ROWS [SKIP]]\n");
        return 2;
    }
    tl_parquet_options options = {.max_batch_rows = argc > 2 ? strtoul(argv[2], NULL, 10) : 0};
    if (!print_file(argv[1], options, argc > 3 ? strtoull(argv[3], NULL, 10) : 0, &err)) {
        fprintf(stderr, "parquet_columns: %s\n", err.message);
        return 1;
    }
    return 0;
}

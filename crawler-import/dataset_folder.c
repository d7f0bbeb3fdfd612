/* Owns which files of a folder are a dataset's, and which of them nobody will finish. */
#include "crawler-import/dataset_folder.h"

#include "base/io/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool tl_ledger_name_is(const char *name)
{
    size_t size = strlen(name);
    if (strcmp(name, "ledger.db") == 0)
        return true;
    return size > 11 && strncmp(name, "ledger-", 7) == 0 && strcmp(name + size - 3, ".db") == 0 &&
           strspn(name + 7, "0123456789-of") == size - 10;
}

/* "00012.tar.4711-0.tmp", of tables likewise: what a killed run was writing (tl_file_writer names it). */
static bool is_leftover(const char *name, uint64_t part, uint64_t part_count)
{
    static const char *const kinds[] = {".tar.", ".parquet.", ".jsonl."};
    size_t digits = strspn(name, "0123456789");
    if (digits < 5 || digits > 18 || (part_count != 0 && strtoull(name, NULL, 10) % part_count != part))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t size = strlen(kinds[i]);
        if (strncmp(name + digits, kinds[i], size) != 0)
            continue;
        const char *process = name + digits + size;
        size_t process_size = strspn(process, "0123456789-");
        return process_size != 0 && strcmp(process + process_size, ".tmp") == 0;
    }
    return false;
}

bool tl_dataset_folder_clean(const char *dataset, uint64_t part, uint64_t part_count, tl_error *err)
{
    tl_directory_listing listing;
    if (!tl_directory_open(dataset, &listing, err))
        return false;
    for (const char *name; (name = tl_directory_next(&listing)) != NULL;)
        if (is_leftover(name, part, part_count))
            (void)unlinkat(tl_directory_descriptor(&listing), name, 0); /* where it cannot be removed, it only takes up room */
    return tl_directory_close(&listing, true, err);
}

/* What a crawl leaves before there is a dataset. */
static bool is_of_crawl(const char *name)
{
    return strncmp(name, "crawl.db", 8) == 0 || strcmp(name, "pairs.jsonl") == 0;
}

bool tl_dataset_folder_check(const char *dataset, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(dataset, &status, err))
        return false;
    if (status.kind == TL_FILE_MISSING)
        return true;
    if (status.kind != TL_FILE_DIRECTORY)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a dataset or a new folder, found a file", dataset);
    tl_directory_listing listing;
    if (!tl_directory_open(dataset, &listing, err))
        return false;
    bool has_ledger = false;
    bool has_other = false;
    for (const char *name; (name = tl_directory_next(&listing)) != NULL;) {
        has_ledger = has_ledger || tl_ledger_name_is(name);
        has_other = has_other || (name[0] != '.' && !is_of_crawl(name));
    }
    if (!tl_directory_close(&listing, true, err))
        return false;
    return has_ledger || !has_other ||
           tl_fail(err, TL_ERROR_INVALID, "'%s': expected a dataset or an empty folder, found files but no ledger.db", dataset);
}

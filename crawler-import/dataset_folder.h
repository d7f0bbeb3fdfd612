/* The folder of a dataset as every kind of import finds and leaves it. */
#ifndef TL_CRAWLER_IMPORT_DATASET_FOLDER_H
#define TL_CRAWLER_IMPORT_DATASET_FOLDER_H

#include "base/core/error.h"

#include <stdint.h>

/* True for the names of ledgers: "ledger.db", and "ledger-2-of-4.db" of one part of a divided download. */
bool tl_ledger_name_is(const char *name);
/* A folder that has things in it but no ledger is somebody else's: an error. A missing one is fine. */
bool tl_dataset_folder_check(const char *dataset, tl_error *err) TL_MUST_USE;
/* Removes what killed runs were writing of the shards whose number leaves part when divided by part_count (0: of all). Only for
 * whoever keeps other runs out of these. */
bool tl_dataset_folder_clean(const char *dataset, uint64_t part, uint64_t part_count, tl_error *err) TL_MUST_USE;

#endif

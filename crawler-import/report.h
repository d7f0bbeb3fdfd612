/* The report of an import, made from the ledger, so that it is the same for an unbroken, a resumed and a repeated run. */
#ifndef TL_CRAWLER_IMPORT_REPORT_H
#define TL_CRAWLER_IMPORT_REPORT_H

#include "crawler-import/ledger/ledger.h"

/* Counts what the dataset holds of these sources. */
bool tl_import_report_read(tl_ledger *ledger, const int64_t *source_ids, size_t source_count, tl_import_report *out,
                           tl_error *err) TL_MUST_USE;

/* The same of a list of URLs. */
bool tl_import_report_read_list(tl_ledger *ledger, int64_t list_id, tl_import_report *out, tl_error *err) TL_MUST_USE;

#endif

/* Rows that need not be fetched: by their caption and by what came before them. Every drop has a reason. */
#ifndef TL_CRAWLER_IMPORT_FILTERS_ROW_JUDGE_H
#define TL_CRAWLER_IMPORT_FILTERS_ROW_JUDGE_H

#include "crawler-import/download/download.h"
#include "crawler-import/key_set.h"

typedef struct tl_row_judge {
    tl_row_rules rules;
    uint32_t scripts;     /* 0: any */
    tl_key_set urls_seen; /* with unique_urls */
} tl_row_judge;

/* False with a message that names the rule that cannot be. */
bool tl_row_judge_init(tl_row_judge *judge, const tl_row_rules *rules, tl_error *err) TL_MUST_USE;
void tl_row_judge_clear(tl_row_judge *judge);
/* *reason is NULL for a row that is wanted. Rows must come in the order of the list. False only without memory. */
bool tl_row_judge_row(tl_row_judge *judge, const tl_list_row *row, uint64_t url_hash, const char **reason,
                      tl_error *err) TL_MUST_USE;

#endif

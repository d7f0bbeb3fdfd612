/* Which columns of one table are URL, caption, digest and kept ones. */
#ifndef TL_CRAWLER_IMPORT_LISTS_LIST_COLUMNS_H
#define TL_CRAWLER_IMPORT_LISTS_LIST_COLUMNS_H

#include "crawler-import/lists/formats.h"
#include "crawler-import/lists/list.h"
#include "crawler-import/tables/table.h"

#define TL_LIST_NO_COLUMN SIZE_MAX

typedef struct tl_list_columns {
    size_t url;
    size_t caption; /* TL_LIST_NO_COLUMN: none */
    size_t digest;  /* likewise; the number of digits says which kind it is */
    size_t *kept;
    size_t kept_count;
    bool *wanted; /* [columns]: one of those above */
} tl_list_columns;

/* TL_ERROR_INVALID names the columns that there are. Must be cleared after a failure too. */
bool tl_list_columns_find(tl_list_columns *columns, const tl_table *table, const tl_list_format *format,
                          const tl_list_options *options, tl_error *err) TL_MUST_USE;
/* Whether a header has the URL column. */
bool tl_list_columns_has_url(const tl_list_format *format, const tl_list_options *options, const char *const *names,
                             size_t count);
void tl_list_columns_clear(tl_list_columns *columns);

#endif

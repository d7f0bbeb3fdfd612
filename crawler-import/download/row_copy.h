/* A row of a list that outlives the list's next call: what a fetch and a worker need of it, in one block. */
#ifndef TL_CRAWLER_IMPORT_DOWNLOAD_ROW_COPY_H
#define TL_CRAWLER_IMPORT_DOWNLOAD_ROW_COPY_H

#include "crawler-import/lists/list.h"

/* A new row, released by tl_memory_free; NULL with err. Its texts lie behind it. */
tl_list_row *tl_row_copy(const tl_list_row *row, tl_error *err) TL_MUST_USE;

#endif

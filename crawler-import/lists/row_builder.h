/* Cells of a table made into what a list hands out: a checked URL, clean captions, a digest, the kept columns as JSON. */
#ifndef TL_CRAWLER_IMPORT_LISTS_ROW_BUILDER_H
#define TL_CRAWLER_IMPORT_LISTS_ROW_BUILDER_H

#include "base/core/string.h"
#include "crawler-import/lists/list_columns.h"

typedef struct tl_row_builder {
    tl_string url;
    tl_string captions; /* one after another, each with a NUL after it */
    tl_slice *slices;
    size_t slice_capacity;
    char digest[65];
    tl_string kept;
    tl_string *kept_names; /* [kept_count]: "\"name\":" */
    size_t kept_count;
    bool is_untyped; /* cells are texts, numbers among them */
} tl_row_builder;

void tl_row_builder_init(tl_row_builder *builder);
/* Before the rows of a table: the names of its kept columns. */
bool tl_row_builder_use(tl_row_builder *builder, const tl_table *table, const tl_list_columns *columns,
                        tl_error *err) TL_MUST_USE;
/* Fills all of out but number and origin, with views of the builder. */
bool tl_row_builder_build(tl_row_builder *builder, const tl_list_columns *columns, const tl_table_row *row, tl_list_row *out,
                          tl_error *err) TL_MUST_USE;
void tl_row_builder_clear(tl_row_builder *builder);

#endif

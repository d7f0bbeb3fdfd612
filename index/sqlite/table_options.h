/* What CREATE VIRTUAL TABLE says between its brackets. */
#ifndef TL_INDEX_SQLITE_TABLE_OPTIONS_H
#define TL_INDEX_SQLITE_TABLE_OPTIONS_H

#include "base/core/error.h"
#include "index/vector_store.h"

enum { TL_MAX_COLUMNS = 64, TL_MAX_COLUMN_NAME = 64 };

typedef enum tl_table_metric { TL_TABLE_COSINE, TL_TABLE_DOT, TL_TABLE_L2 } tl_table_metric;

typedef struct tl_table_column {
    char name[TL_MAX_COLUMN_NAME + 1];
    const char *type; /* "INTEGER", "REAL", "TEXT" or "BLOB" */
    bool is_indexed;
} tl_table_column;

typedef struct tl_table_options {
    uint32_t dim;
    tl_vector_storage storage;
    tl_table_metric metric;
    bool divides_itself; /* ann=auto */
    size_t column_count;
    tl_table_column columns[TL_MAX_COLUMNS];
} tl_table_options;

/* texts: what stood between the commas; table: its name, which no column may have. */
bool tl_table_options__parse(const char *const *texts, size_t count, const char *table, tl_table_options *out,
                             tl_error *err) TL_MUST_USE;

#endif

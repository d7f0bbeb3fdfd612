/* The record of a kind of table and what all kinds share. */
#ifndef TL_CRAWLER_IMPORT_TABLES_TABLE_INTERNAL_H
#define TL_CRAWLER_IMPORT_TABLES_TABLE_INTERNAL_H

#include "crawler-import/tables/table.h"

enum {
    TL_TABLE_MAX_COLUMNS = 4096,
    TL_TABLE_MAX_ROW_SIZE = 1024 * 1024, /* bytes of one row of a text format */
    TL_TABLE_SAMPLED_ROWS = 1000         /* of JSON: their members are the columns */
};

typedef struct tl_table_kind_record {
    const char *name;
    /* head: the first bytes of the file, inflated. */
    bool (*recognises)(tl_slice head, bool *is_of_kind, tl_error *err);
    /* Sets table->state and adds the columns; close is called after a failure as well. */
    bool (*open)(tl_table *table, tl_slice head, tl_error *err);
    bool (*next)(tl_table *table, tl_table_row *out, bool *done, tl_error *err);
    bool (*skip)(tl_table *table, uint64_t count, uint64_t *passed, tl_error *err); /* NULL: by reading */
    double (*progress)(const tl_table *table);
    void (*close)(tl_table *table); /* state may be NULL */
} tl_table_kind_record;

struct tl_table {
    const tl_table_kind_record *kind;
    tl_table_options options;
    char *path;
    const char **names; /* owned texts */
    size_t column_count;
    size_t column_capacity;
    bool is_without_header;
    bool *wanted;   /* [column_count] */
    tl_cell *cells; /* [column_count], NULL where not wanted */
    void *state;
};

extern const tl_table_kind_record tl_table_csv;
extern const tl_table_kind_record tl_table_lines;
extern const tl_table_kind_record tl_table_jsonl;
extern const tl_table_kind_record tl_table_json;
extern const tl_table_kind_record tl_table_json_columns;
extern const tl_table_kind_record tl_table_coco;
extern const tl_table_kind_record tl_table_karpathy;
extern const tl_table_kind_record tl_table_parquet;

/* Adds a column; the name is made readable and unlike those before it. */
bool tl_table__add_column(tl_table *table, tl_slice name, tl_error *err) TL_MUST_USE;
/* Forgets the columns added so far. */
void tl_table__clear_columns(tl_table *table);
/* "http://" or "https://" in any case. */
bool tl_table__is_url(tl_slice text);

#endif

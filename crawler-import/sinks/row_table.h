/*
 * The record of a kind of table that lies beside a shard and has one row for each row of the list that fell into it. Adding a
 * kind: one file, one row in tl_row_table's users. A table is written under another name and appears whole on commit.
 */
#ifndef TL_CRAWLER_IMPORT_SINKS_ROW_TABLE_H
#define TL_CRAWLER_IMPORT_SINKS_ROW_TABLE_H

#include "base/core/error.h"
#include "base/core/slice.h"

typedef struct tl_row_table_kind {
    const char *extension; /* "parquet" */
    bool (*open)(const char *path, void **state, tl_error *err);
    bool (*add)(void *state, tl_slice json, tl_error *err); /* one compact JSON object */
    bool (*commit)(void *state, tl_error *err);
    void (*close)(void *state); /* NULL is fine */
} tl_row_table_kind;

extern const tl_row_table_kind tl_row_table_jsonl;
extern const tl_row_table_kind tl_row_table_parquet;

#endif

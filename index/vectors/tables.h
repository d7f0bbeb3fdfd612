/* The tables of a store that has no catalogue beside it. */
#ifndef TL_INDEX_VECTORS_TABLES_H
#define TL_INDEX_VECTORS_TABLES_H

#include "index/vectors/store.h"

bool tl_tables__create(tl_store *store, tl_error *err) TL_MUST_USE;
bool tl_tables__drop(tl_store *store, tl_error *err) TL_MUST_USE;
bool tl_tables__rename(tl_store *store, const char *prefix, tl_error *err) TL_MUST_USE;
bool tl_tables__rename_one(sqlite3 *database, const tl_names *from, const char *table, const char *prefix,
                           tl_error *err) TL_MUST_USE;

#endif

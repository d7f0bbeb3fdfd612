/* Conditions that people write: SQL over the columns of items (and of captions), and nothing else. */
#ifndef TL_INDEX_CATALOGUE_WHERE_H
#define TL_INDEX_CATALOGUE_WHERE_H

#include "index/index.h"
#include "index/statements.h"

/* Ids of the items (kind image) or captions that fulfil the condition, ascending. One that does not read, or reaches for anything
 * but columns and plain functions, is TL_ERROR_INVALID. */
bool tl_where__ids(sqlite3 *database, const char *where, tl_vector_kind kind, tl_ids *ids, tl_error *err) TL_MUST_USE;

/* False: the condition looks at items and their roots alone. */
bool tl_where__reads_captions(const char *where, tl_vector_kind kind);

#endif

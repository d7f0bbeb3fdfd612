/* The tables of the index file (docs/FORMATS.md says what they mean) and the check that a file has exactly them. */
#ifndef TL_INDEX_CATALOGUE_SCHEMA_H
#define TL_INDEX_CATALOGUE_SCHEMA_H

#include "base/store/database.h"

extern const tl_database_schema tl_index__schema;

/* Compares every table and index of ours with the text that made it: what a broken or hostile schema would do to our statements
 * is unknowable. */
bool tl_schema__check(sqlite3 *database, tl_error *err) TL_MUST_USE;

#endif

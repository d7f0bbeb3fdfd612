/*
 * What tells that a table of the catalogue is whole: how many rows it has, the sum of the hashes of their keys, as the table's
 * index holds them, and that of whole rows, in one row of table_sums that changes in the transaction which changes the rows. A
 * search that takes its ids from a table or an index holds it against these once; a row that a flipped bit changed or hid is then
 * an error, not a neighbour less.
 */
#ifndef TL_INDEX_CATALOGUE_TABLE_SUMS_H
#define TL_INDEX_CATALOGUE_TABLE_SUMS_H

#include "index/catalogue/statements.h"

typedef enum tl_summed { TL_SUMMED_ROOTS, TL_SUMMED_ITEMS, TL_SUMMED_CAPTIONS, TL_SUMMED_COUNT } tl_summed;

/* Which copy of a row is looked at: that of the index, or the table's own. */
typedef enum tl_summed_part { TL_SUMMED_KEYS, TL_SUMMED_ROWS, TL_SUMMED_PARTS } tl_summed_part;

typedef struct tl_row_sums {
    uint64_t count, parts[TL_SUMMED_PARTS]; /* all modulo 2^64 */
} tl_row_sums;

/* What changed since the sums were last written. All zeros: nothing. */
typedef struct tl_table_sums {
    tl_row_sums changes[TL_SUMMED_COUNT];
} tl_table_sums;

/* Before a row changes or goes, and after it has changed or come. */
bool tl_table_sums__take(tl_table_sums *sums, tl_statements *statements, tl_summed table, int64_t id, tl_error *err) TL_MUST_USE;
bool tl_table_sums__add(tl_table_sums *sums, tl_statements *statements, tl_summed table, int64_t id, tl_error *err) TL_MUST_USE;
/* Before the commit. After a rollback the sums are to be set to zeros. */
bool tl_table_sums__write(tl_table_sums *sums, tl_statements *statements, tl_error *err) TL_MUST_USE;
/* Reads all of the index's keys, or of the table's rows. */
bool tl_table_sums__verify(tl_statements *statements, tl_summed table, tl_summed_part part, tl_error *err) TL_MUST_USE;
/* Fills the new table table_sums. */
bool tl_table_sums__make(sqlite3 *database, tl_error *err) TL_MUST_USE;

#endif

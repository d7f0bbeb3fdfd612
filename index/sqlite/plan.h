/*
 * A plan: what xBestIndex found of use in a statement's conditions, as a text that goes to xFilter, one entry a value:
 *
 *   m k l o p x                 the query vector, k, LIMIT, OFFSET, probes, exact
 *   d OP                        the distance compared with the value
 *   r OP                        the row's id compared
 *   c NN OP COLLATION ;         column NN of the user's compared
 *
 * OP is a letter of the table in plan.c. The number beside the text says whether it is a search and how rows of a scan are
 * ordered.
 */
#ifndef TL_INDEX_SQLITE_PLAN_H
#define TL_INDEX_SQLITE_PLAN_H

#include "index/sqlite/table.h"

enum { TL_PLAN_SEARCH = 1, TL_PLAN_DESCENDING = 2, TL_PLAN_DISTANCES = 8 };

/* What a scan or search is about, out of a plan and its values. */
typedef struct tl_plan_call {
    sqlite3_value *vector, *k, *limit, *offset, *probes, *exact; /* borrowed; NULL: not said */
    struct {
        char op;
        sqlite3_value *value;
    } distances[TL_PLAN_DISTANCES];
    size_t distance_count;
    tl_string conditions;   /* " WHERE ..." over NAME_rows; "" for none */
    sqlite3_value **values; /* of the conditions' parameters, owned */
    size_t value_count, value_capacity;
    bool is_fickle; /* the conditions compare in ways that an application may define anew at any time */
    bool has_ids;   /* of a search: only rows with these ids */
    tl_ids ids;     /* ascending */
} tl_plan_call;

bool tl_plan__read(const tl_table *table, const char *plan, int count, sqlite3_value **values, tl_plan_call *out,
                   tl_error *err) TL_MUST_USE;
void tl_plan_call__clear(tl_plan_call *call);
bool tl_plan__bind(const tl_plan_call *call, sqlite3 *database, sqlite3_stmt *statement, tl_error *err) TL_MUST_USE;

#endif

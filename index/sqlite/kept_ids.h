/*
 * Which rows a condition on columns held for, kept for the next search that asks the same of the same state of the database.
 *
 * A state is told by SQLite's data version of the file, which is another after every commit, whoever's it was. What a transaction
 * has changed but not committed is told by nothing, so within one that has begun to write nothing is kept and nothing that was
 * kept is asked.
 */
#ifndef TL_INDEX_SQLITE_KEPT_IDS_H
#define TL_INDEX_SQLITE_KEPT_IDS_H

#include "base/core/string.h"
#include "index/statements.h"

typedef struct tl_kept_ids {
    tl_string question; /* the condition and its values */
    tl_ids ids;         /* ascending */
    uint32_t version;
    bool is_kept;
} tl_kept_ids;

void tl_kept_ids__init(tl_kept_ids *kept);
void tl_kept_ids__clear(tl_kept_ids *kept);
/* Writes the condition and its values as one text, for the calls below; false when they are too long to be kept. */
bool tl_kept_ids__ask(const tl_string *condition, sqlite3_value *const *values, size_t count, tl_string *question);
/* A copy of what is kept, owned by the caller; *found false: ask the table. During a statement that reads the schema. */
bool tl_kept_ids__find(const tl_kept_ids *kept, sqlite3 *database, const char *schema, const tl_string *question, tl_ids *ids,
                       bool *found, tl_error *err) TL_MUST_USE;
/* Keeps a copy, unless this is no state that can be told or there is no memory for it. */
void tl_kept_ids__keep(tl_kept_ids *kept, sqlite3 *database, const char *schema, const tl_string *question, const tl_ids *ids);

#endif

/* What the files behind index.h share: the opened index. */
#ifndef TL_INDEX_INDEX_INTERNAL_H
#define TL_INDEX_INDEX_INTERNAL_H

#include "base/store/database.h"
#include "index/catalogue/statements.h"
#include "index/index.h"

struct tl_index {
    char *path;
    tl_index_mode mode;
    sqlite3 *database; /* for what is read through tl_index itself; writers and searchers have their own */
    tl_statements statements;
};

/* A connection to the index's file with the schema checked. */
bool tl_index__connect(const char *path, tl_index_mode mode, sqlite3 **out, tl_error *err) TL_MUST_USE;
/* Puts the file's name before the message, unless SQLite's error already has it; returns false. */
bool tl_index__fail_in_file(sqlite3 *database, tl_error *err);

#endif

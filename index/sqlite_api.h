/* The one way from index/ to SQLite, so that a loadable extension can later reach its host's copy through this header alone. */
#ifndef TL_INDEX_SQLITE_API_H
#define TL_INDEX_SQLITE_API_H

#include "base/store/database.h"

#include <sqlite3.h>

#endif

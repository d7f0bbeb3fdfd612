/* The one way from index/ to SQLite: the library's, or in the loadable extension the host's (base/store/sql.h). */
#ifndef TL_INDEX_SQLITE_API_H
#define TL_INDEX_SQLITE_API_H

#include "base/store/sql.h"

#include <stdint.h>

#endif

/* The SQL surface with a model behind it: what the loadable extension registers. */
#ifndef TL_CLI_APP_SQL_EMBEDDER_H
#define TL_CLI_APP_SQL_EMBEDDER_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/*
 * Registers index/sqlite on the connection. twinlens_embed... open the model at their first call: the one TWINLENS_MODEL names,
 * else the one that 'twinlens model use' has set, else the installed program's own; none: that call is an error that says so.
 */
bool tl_sql_surface_register(struct sqlite3 *database, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

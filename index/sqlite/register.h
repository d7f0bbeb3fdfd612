/*
 * Door of the SQL surface: a virtual table of vectors and scalar functions on a connection of the caller's (docs/SQLITE.md). The
 * program's own tests register it in the library's SQLite, the loadable extension in its host's.
 */
#ifndef TL_INDEX_SQLITE_REGISTER_H
#define TL_INDEX_SQLITE_REGISTER_H

#include "base/core/error.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sqlite3;

/* What makes vectors of texts and pictures; somebody above fills it in. *vector lies with the embedder until its next call. */
typedef struct tl_sql_embedder {
    void *context;
    bool (*embed_text)(void *context, const char *text, size_t size, const float **vector, uint32_t *dim, tl_error *err);
    bool (*embed_image)(void *context, const char *path, const float **vector, uint32_t *dim, tl_error *err);
    void (*close)(void *context); /* when the connection closes; NULL: nothing to do */
} tl_sql_embedder;

/*
 * Registers the module `twinlens` and the functions `twinlens_...`; the two that embed only where there is an embedder (NULL:
 * none), which is copied. Its close is called once, also when this fails. An SQLite older than 3.38 is TL_ERROR_UNSUPPORTED.
 */
bool tl_sqlite_register(struct sqlite3 *database, const tl_sql_embedder *embedder, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

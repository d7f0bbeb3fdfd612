/* Whether the table of owners names all that have a vector: asked before a vector is said not to be there. */
#ifndef TL_INDEX_VECTORS_OWNER_CHECK_H
#define TL_INDEX_VECTORS_OWNER_CHECK_H

#include "index/vectors/store.h"

/* Holds the table against the owners in all blocks, once for a set and an open store. What is held must have been flushed. */
bool tl_store__know_owners(tl_store *store, const tl_stored_set *set, tl_error *err) TL_MUST_USE;

#endif

/* The writing of lists: dividing a set, and moving its tail into the lists it has. Within the caller's transaction. */
#ifndef TL_INDEX_ANN_DIVIDE_H
#define TL_INDEX_ANN_DIVIDE_H

#include "base/parallel/thread_pool.h"
#include "index/vectors/store.h"

/* lists 0: a number that suits the set. A set of no vectors is left undivided. */
bool tl_divide__anew(tl_store *store, const tl_stored_set *set, uint32_t lists, tl_thread_pool *pool, tl_error *err) TL_MUST_USE;
/* Moves the tail of every divided set whose tail is long. */
bool tl_divide__tails(tl_store *store, tl_error *err) TL_MUST_USE;

#endif

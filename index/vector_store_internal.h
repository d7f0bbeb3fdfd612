/* What the files beside vector_store.c may know of it. */
#ifndef TL_INDEX_VECTOR_STORE_INTERNAL_H
#define TL_INDEX_VECTOR_STORE_INTERNAL_H

#include "index/vectors/store.h"

tl_store *tl_vector_store__tables(tl_vector_store *store);

#endif

/* Rows of vector_sets: one per model fingerprint and kind. */
#ifndef TL_INDEX_CATALOGUE_VECTOR_SETS_H
#define TL_INDEX_CATALOGUE_VECTOR_SETS_H

#include "index/catalogue/statements.h"
#include "index/index.h"

const char *tl_vector_kind__name(tl_vector_kind kind);
/* True with id 0 when there is no such set. */
bool tl_sets__find(tl_statements *statements, const char *model, tl_vector_kind kind, tl_stored_set *out,
                   tl_error *err) TL_MUST_USE;
/* Finds the set or makes it; a set of another dimension is TL_ERROR_INVALID. */
bool tl_sets__find_or_add(tl_statements *statements, const tl_vector_set *set, tl_stored_set *out, tl_error *err) TL_MUST_USE;
/* Removes the vectors of owner from all sets of the kind. */
bool tl_sets__remove_owner(tl_statements *statements, tl_vector_store *store, tl_vector_kind kind, int64_t owner,
                           tl_error *err) TL_MUST_USE;
/* Largest first; *ids (NULL: not wanted) in the same order; both owned by the caller. */
bool tl_sets__list(tl_statements *statements, tl_vector_set **sets, tl_ids *ids, size_t *count, tl_error *err) TL_MUST_USE;
/* Fails with TL_ERROR_NOT_FOUND and what is there instead. */
bool tl_sets__fail_not_found(tl_statements *statements, const char *model, tl_vector_kind kind, tl_error *err);
/* Refuses what no set can be. */
bool tl_sets__check(const tl_vector_set *set, tl_error *err) TL_MUST_USE;

#endif

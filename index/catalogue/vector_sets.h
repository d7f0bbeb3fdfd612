/* Rows of vector_sets: one per model fingerprint and kind. */
#ifndef TL_INDEX_CATALOGUE_VECTOR_SETS_H
#define TL_INDEX_CATALOGUE_VECTOR_SETS_H

#include "index/catalogue/statements.h"
#include "index/index.h"

typedef struct tl_set_row {
    int64_t id; /* 0: there is none */
    uint32_t dim;
    uint64_t count;
    tl_vector_storage storage;
    uint32_t lists;      /* 0: not divided */
    uint64_t divided;    /* vectors when the lists were made */
    uint64_t generation; /* another number whenever the lists are made anew */
} tl_set_row;

/* Column `dtype`. */
tl_vector_storage tl_vector_storage__read(sqlite3_stmt *row, int column);
const char *tl_vector_kind__name(tl_vector_kind kind);
/* True with id 0 when there is no such set. */
bool tl_sets__find(tl_statements *statements, const char *model, tl_vector_kind kind, tl_set_row *out, tl_error *err) TL_MUST_USE;
/* Finds the set or makes it; a set of another dimension is TL_ERROR_INVALID. */
bool tl_sets__find_or_add(tl_statements *statements, const tl_vector_set *set, tl_set_row *out, tl_error *err) TL_MUST_USE;
/* Those that are divided; *sets is owned by the caller. */
bool tl_sets__list_divided(tl_statements *statements, tl_set_row **sets, size_t *count, tl_error *err) TL_MUST_USE;
/* Largest first; *ids (NULL: not wanted) in the same order; both owned by the caller. */
bool tl_sets__list(tl_statements *statements, tl_vector_set **sets, tl_ids *ids, size_t *count, tl_error *err) TL_MUST_USE;
/* Fails with TL_ERROR_NOT_FOUND and what is there instead. */
bool tl_sets__fail_not_found(tl_statements *statements, const char *model, tl_vector_kind kind, tl_error *err);
/* Refuses what no set can be. */
bool tl_sets__check(const tl_vector_set *set, tl_error *err) TL_MUST_USE;

#endif

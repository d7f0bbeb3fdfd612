/* Rows of roots, items and captions. Writing also removes the vectors of what changed or went away, through the store. */
#ifndef TL_INDEX_CATALOGUE_ITEMS_H
#define TL_INDEX_CATALOGUE_ITEMS_H

#include "index/catalogue/table_sums.h"
#include "index/catalogue/vector_sets.h"
#include "index/index.h"

enum { TL_MAX_CAPTIONS = 4096, TL_MAX_PATH = 65535, TL_MAX_TEXT = 1 << 20 };

typedef struct tl_catalogue_writer {
    tl_statements *statements;
    tl_vector_store *store;
    tl_table_sums *sums;
} tl_catalogue_writer;

/* Refuses what cannot be stored; touches nothing. */
bool tl_items__check(const tl_item *item, tl_error *err) TL_MUST_USE;
bool tl_items__check_place(const char *root, const char *path, tl_error *err) TL_MUST_USE;

bool tl_items__put(const tl_catalogue_writer *writer, const tl_item *item, int64_t *id, tl_error *err) TL_MUST_USE;
/* *root_id is that of the item; 0 when there is no such item. */
bool tl_items__find_root_of(tl_statements *statements, int64_t id, int64_t *root_id, tl_error *err) TL_MUST_USE;
/* The item at a place, 0 for none. */
bool tl_items__find(tl_statements *statements, const char *root, const char *path, int64_t *id, tl_error *err) TL_MUST_USE;
bool tl_items__move(const tl_catalogue_writer *writer, int64_t id, int64_t old_root_id, const char *root, const char *path,
                    tl_error *err) TL_MUST_USE;
bool tl_items__touch(const tl_catalogue_writer *writer, int64_t id, int64_t modified_ns, tl_error *err) TL_MUST_USE;
bool tl_items__remove(const tl_catalogue_writer *writer, int64_t id, int64_t root_id, tl_error *err) TL_MUST_USE;

bool tl_roots__find(tl_statements *statements, const char *path, int64_t *id, tl_error *err) TL_MUST_USE;
/* A path that items of both roots have; NULL for none. Borrowed until the statements rest. */
bool tl_roots__find_clash(tl_statements *statements, int64_t from, int64_t into, const char **path, tl_error *err) TL_MUST_USE;
bool tl_roots__rename(const tl_catalogue_writer *writer, int64_t id, const char *path, tl_error *err) TL_MUST_USE;
/* All items of one root become those of another. */
bool tl_roots__merge(const tl_catalogue_writer *writer, int64_t from, int64_t into, tl_error *err) TL_MUST_USE;

bool tl_captions__ids(tl_statements *statements, int64_t item_id, tl_ids *ids, tl_error *err) TL_MUST_USE;

/* Ids of the items (kind image) or captions in an absolute folder, ascending. */
bool tl_items__ids_in_directory(tl_statements *statements, const char *directory, tl_vector_kind kind, tl_ids *ids,
                                tl_error *err) TL_MUST_USE;

#endif

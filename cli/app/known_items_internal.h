/* What the index already holds of one root, in memory for the length of a job: found by path or by content hash. */
#ifndef TL_CLI_APP_KNOWN_ITEMS_INTERNAL_H
#define TL_CLI_APP_KNOWN_ITEMS_INTERNAL_H

#include "base/core/arena.h"
#include "index/index.h"

typedef struct tl_known_item {
    const char *path;
    const char *hash;
    int64_t id;
    uint64_t size;
    int64_t modified_ns;
    uint64_t words_hash; /* tl_words_hash */
    bool seen;           /* the source still has it */
} tl_known_item;

typedef struct tl_known_items {
    const char *root;     /* in the arena */
    tl_known_item *items; /* sorted by path bytes */
    size_t count, capacity;
    tl_known_item **by_hash;
    tl_arena *arena; /* owns the texts */
} tl_known_items;

bool tl_known_items_load(tl_known_items *known, tl_index *index, const char *root, tl_error *err) TL_MUST_USE;
void tl_known_items_clear(tl_known_items *known);
/* NULL when there is none. */
tl_known_item *tl_known_items_find(const tl_known_items *known, const char *path);
/* An unseen item with this content; NULL when there is none. */
tl_known_item *tl_known_items_find_content(const tl_known_items *known, const char *hash, uint64_t size);
/* One number for what is written about a picture; split and url may be NULL. */
uint64_t tl_words_hash(const tl_slice *captions, size_t count, const char *split, const char *url);

#endif

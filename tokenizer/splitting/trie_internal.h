/*
 * A double-array trie (Aoe 1989) over byte strings, in memory or in a mapped file that nobody vouches for.
 *
 * A unit is 64 bits: bits 0..8 the label (256: free), 9..31 the value + 1 (0: no key ends here), 32..63 the base of its children.
 * The child by byte c is units[base ^ c] when its label is c. A node with children has a base that no other has, in a block of
 * 256 units above the first, so the label alone identifies the parent. Unit 0 is the root.
 */
#ifndef TL_TOKENIZER_SPLITTING_TRIE_INTERNAL_H
#define TL_TOKENIZER_SPLITTING_TRIE_INTERNAL_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

enum { TL_TRIE_MAX_VALUE = (1 << 22) - 1 };

typedef struct tl_trie {
    const uint64_t *units; /* borrowed; NULL when count is 0 */
    uint32_t count;
} tl_trie;

typedef struct tl_trie_key {
    tl_slice text;
    uint32_t value;
} tl_trie_key;

/* The place a walk has reached: the unit itself. */
typedef uint64_t tl_trie_place;

static inline tl_trie_place tl_trie__root(const tl_trie *self)
{
    return self->count != 0 ? self->units[0] : 0;
}

/* Moves on by one byte; false, and *place is meaningless, where no key goes on. Within bounds whatever the units hold. */
static inline bool tl_trie__step(const tl_trie *self, tl_trie_place *place, unsigned char byte)
{
    uint32_t child = (uint32_t)(*place >> 32) ^ byte;
    if (child >= self->count)
        return false;
    *place = self->units[child];
    return (*place & 0x1FF) == byte;
}

/* The value of the key that ends here, -1: none does. */
static inline int32_t tl_trie__value(tl_trie_place place)
{
    return (int32_t)((place >> 9) & 0x7FFFFF) - 1;
}

/* The value of the key that is text, -1: there is none. */
int32_t tl_trie__find(const tl_trie *self, tl_slice text);
/* The longest key that text begins with, from byte `at`: its value, and its size in *size; -1: none. */
int32_t tl_trie__longest(const tl_trie *self, tl_slice text, size_t at, size_t *size);

/* Units that a builder fills; freed with tl_memory_free(units). */
typedef struct tl_trie_units {
    uint64_t *units;
    size_t count, capacity;
} tl_trie_units;

/*
 * Sorts the keys (none empty, values up to TL_TRIE_MAX_VALUE) and builds their trie. Of equal keys the highest value stays when
 * `last_wins`, else they are TL_ERROR_CORRUPT.
 */
bool tl_trie__build(tl_trie_key *keys, size_t count, bool last_wins, tl_trie_units *out, tl_error *err) TL_MUST_USE;

#endif

/*
 * Checks the table of normalization rules of a SentencePiece model: a double-array trie (Aoe 1989, laid out by darts-clone) whose
 * leaves hold offsets into a block of replacement texts.
 *
 * A unit is 32 bits: low 8 and top bit the label, bit 8 "a leaf hangs here", the rest the offset to its children. The library
 * looks a child up as units[(unit ^ offset) ^ byte] for any byte of any text, unchecked. So each unit that can be reached is
 * visited, level by level, and the whole block of 256 units that its children could be in must exist. A rule matches at most as
 * many times as it is deep, and the library keeps 32 matches, so that is the depth allowed.
 */
#include "tokenizer/files/model_check.h"

#include "base/core/memory.h"
#include "base/core/string.h"

#include <stdint.h>

enum {
    MAX_DEPTH = 32,            /* bytes of the text a rule replaces */
    MAX_REPLACEMENT = 128,     /* bytes; Unicode's longest compatibility mapping takes 33 */
    MAX_UNIT_COUNT = 1 << 22,  /* the largest table in use has 2^16 */
    MAX_VISIT_COUNT = 1 << 20, /* bounds the time a hostile table can take */
    HAS_LEAF = 1 << 8
};

typedef struct trie {
    const unsigned char *bytes; /* count little-endian units */
    size_t count;
    tl_slice replacements;
} trie;

static uint32_t read_unit(const trie *self, size_t index)
{
    const unsigned char *bytes = self->bytes + 4 * index;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

static uint32_t label_of(uint32_t unit)
{
    return unit & (1U << 31 | 0xFF);
}

static bool check_replacement(const trie *self, uint32_t offset, tl_error *err)
{
    if (offset >= self->replacements.size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a replacement inside %zu bytes, found it at %u", self->replacements.size,
                       (unsigned)offset);
    const char *text = self->replacements.data + offset;
    size_t left = self->replacements.size - offset;
    size_t limit = left < MAX_REPLACEMENT + 1 ? left : MAX_REPLACEMENT + 1;
    const char *end = memchr(text, '\0', limit);
    size_t bad;
    if (end == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a replacement of at most %d bytes at %u, found no end of it",
                       MAX_REPLACEMENT, (unsigned)offset);
    if (!tl_text_is_utf8((tl_slice){text, (size_t)(end - text)}, &bad))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a replacement of UTF-8 text at %u, found a bad byte", (unsigned)offset);
    return true;
}

/* The units of one level of the trie, each once. */
typedef struct level {
    uint32_t *units;
    size_t count, capacity;
} level;

static bool visit_unit(const trie *self, uint32_t index, unsigned depth, unsigned char *last_depth, level *next, tl_error *err)
{
    uint32_t unit = read_unit(self, index);
    uint32_t base = index ^ offset_of(unit);
    if ((size_t)(base | 0xFF) >= self->count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the children of unit %u below %zu, found them at %u", (unsigned)index,
                       self->count, (unsigned)base);
    if (depth > 0 && (unit & HAS_LEAF) != 0 && !check_replacement(self, read_unit(self, base) & ~(1U << 31), err))
        return false;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t child = base ^ byte;
        if (label_of(read_unit(self, child)) != byte || last_depth[child] == depth + 1)
            continue;
        last_depth[child] = (unsigned char)(depth + 1);
        if (!tl_memory_reserve(&next->units, &next->capacity, next->count + 1, sizeof *next->units, err))
            return false;
        next->units[next->count++] = child;
    }
    return true;
}

static bool check_trie(const trie *self, tl_error *err)
{
    bool ok = false;
    level levels[2] = {{0}, {0}};
    size_t visits = 0;
    unsigned char *last_depth = tl_memory_allocate(self->count, 1, err); /* the deepest level a unit was queued for */

    if (last_depth == NULL || !tl_memory_reserve(&levels[0].units, &levels[0].capacity, 1, sizeof(uint32_t), err))
        goto done;
    levels[0].units[levels[0].count++] = 0;
    for (unsigned depth = 0; levels[depth % 2].count != 0; depth++) {
        level *now = &levels[depth % 2], *next = &levels[(depth + 1) % 2];
        visits += now->count;
        if (depth > MAX_DEPTH || visits > MAX_VISIT_COUNT) {
            tl_fail(err, TL_ERROR_UNSUPPORTED, "expected rules of at most %d bytes and at most %d units, found more", MAX_DEPTH,
                    MAX_VISIT_COUNT);
            goto done;
        }
        next->count = 0;
        for (size_t i = 0; i < now->count; i++)
            if (!visit_unit(self, now->units[i], depth, last_depth, next, err))
                goto done;
    }
    ok = true;
done:
    tl_memory_free(last_depth);
    tl_memory_free(levels[0].units);
    tl_memory_free(levels[1].units);
    return ok;
}

bool tl_model__check_rules(tl_slice rules, tl_error *err)
{
    const unsigned char *bytes = (const unsigned char *)rules.data;
    if (rules.size < 4)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at least 4 bytes, found %zu", rules.size);
    size_t trie_size = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    if (trie_size == 0 || trie_size % 4 != 0 || trie_size > 4 * (size_t)MAX_UNIT_COUNT || trie_size > rules.size - 4)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a trie of whole units within %zu bytes, found %zu bytes", rules.size - 4,
                       trie_size);
    trie self = {bytes + 4, trie_size / 4, {rules.data + 4 + trie_size, rules.size - 4 - trie_size}};
    return check_trie(&self, err);
}

/*
 * Builds and asks double-array tries. Building goes depth first over the sorted keys; the children of a node are placed by trying
 * the free units of the last blocks in order, as darts-clone (Yata) does, so that the time stays linear in the number of nodes.
 */
#include "tokenizer/splitting/trie_internal.h"

#include "base/core/memory.h"

#include <stdlib.h>

enum {
    BLOCK = 256,
    WINDOW = 16 * BLOCK, /* units that are still tried for free places */
    FREE_LABEL = 0x100,
    MAX_UNITS = 1 << 28
};

int32_t tl_trie__find(const tl_trie *self, tl_slice text)
{
    tl_trie_place place = tl_trie__root(self);
    for (size_t i = 0; i < text.size; i++)
        if (!tl_trie__step(self, &place, (unsigned char)text.data[i]))
            return -1;
    return text.size != 0 ? tl_trie__value(place) : -1;
}

int32_t tl_trie__longest(const tl_trie *self, tl_slice text, size_t at, size_t *size)
{
    int32_t best = -1;
    tl_trie_place place = tl_trie__root(self);
    for (size_t i = at; i < text.size && tl_trie__step(self, &place, (unsigned char)text.data[i]); i++) {
        int32_t value = tl_trie__value(place);
        if (value >= 0) {
            best = value;
            *size = i + 1 - at;
        }
    }
    return best;
}

/* Keys [begin, end) share their first `depth` bytes and hang below `unit`. */
typedef struct pending {
    uint32_t begin, end, unit, depth;
} pending;

typedef struct builder {
    const tl_trie_key *keys;
    tl_trie_units *out;
    /* Of the units in the window, by index modulo WINDOW: a circular list of the free ones, and which bases are taken. */
    uint32_t next[WINDOW], previous[WINDOW];
    bool is_free[WINDOW], is_base[WINDOW];
    uint32_t head; /* a free unit, 0: none */
    pending *stack;
    size_t stack_count, stack_capacity;
} builder;

static void take_unit(builder *self, uint32_t unit)
{
    uint32_t next = self->next[unit % WINDOW], previous = self->previous[unit % WINDOW];
    self->is_free[unit % WINDOW] = false;
    self->next[previous % WINDOW] = next;
    self->previous[next % WINDOW] = previous;
    if (self->head == unit)
        self->head = next != unit ? next : 0;
}

static void offer_unit(builder *self, uint32_t unit)
{
    if (self->head == 0) {
        self->head = unit;
        self->next[unit % WINDOW] = self->previous[unit % WINDOW] = unit;
    } else {
        uint32_t last = self->previous[self->head % WINDOW];
        self->next[last % WINDOW] = self->previous[self->head % WINDOW] = unit;
        self->next[unit % WINDOW] = self->head;
        self->previous[unit % WINDOW] = last;
    }
    self->is_free[unit % WINDOW] = true;
    self->is_base[unit % WINDOW] = false;
}

/* A new block enters the window; the one that leaves keeps its holes. */
static bool add_block(builder *self, tl_error *err)
{
    size_t start = self->out->count;
    if (start + BLOCK > MAX_UNITS)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected texts that fit a trie of %d units, found more", MAX_UNITS);
    if (!tl_memory_reserve(&self->out->units, &self->out->capacity, start + BLOCK, sizeof *self->out->units, err))
        return false;
    if (start >= WINDOW + BLOCK)
        for (uint32_t i = 0; i < BLOCK; i++)
            if (self->is_free[(start - WINDOW + i) % WINDOW])
                take_unit(self, (uint32_t)(start - WINDOW + i));
    for (uint32_t i = 0; i < BLOCK; i++) {
        self->out->units[start + i] = FREE_LABEL;
        if (start != 0) /* the first block is where childless nodes look */
            offer_unit(self, (uint32_t)start + i);
    }
    self->out->count = start + BLOCK;
    return true;
}

static bool has_room(const builder *self, uint32_t base, const unsigned char *labels, size_t count)
{
    if (self->is_base[base % WINDOW])
        return false;
    for (size_t i = 0; i < count; i++)
        if (!self->is_free[(base ^ labels[i]) % WINDOW])
            return false;
    return true;
}

static bool find_base(builder *self, const unsigned char *labels, size_t count, uint32_t *base, tl_error *err)
{
    uint32_t unit = self->head;
    while (unit != 0) {
        *base = unit ^ labels[0];
        if (has_room(self, *base, labels, count))
            return true;
        unit = self->next[unit % WINDOW];
        if (unit == self->head)
            break;
    }
    *base = (uint32_t)self->out->count;
    return add_block(self, err);
}

static bool push(builder *self, pending item, tl_error *err)
{
    if (!tl_memory_reserve(&self->stack, &self->stack_capacity, self->stack_count + 1, sizeof *self->stack, err))
        return false;
    self->stack[self->stack_count++] = item;
    return true;
}

static bool place_children(builder *self, pending node, tl_error *err)
{
    unsigned char labels[256];
    uint32_t begins[257];
    size_t count = 0;
    const tl_trie_key *keys = self->keys;
    uint32_t i = node.begin;

    if (keys[i].text.size == node.depth) {
        self->out->units[node.unit] |= (uint64_t)(keys[i].value + 1) << 9;
        i++;
    }
    while (i < node.end) {
        unsigned char label = (unsigned char)keys[i].text.data[node.depth];
        labels[count] = label;
        begins[count++] = i;
        while (i < node.end && (unsigned char)keys[i].text.data[node.depth] == label)
            i++;
    }
    begins[count] = node.end;
    if (count == 0)
        return true;
    uint32_t base;
    if (!find_base(self, labels, count, &base, err))
        return false;
    self->is_base[base % WINDOW] = true;
    self->out->units[node.unit] |= (uint64_t)base << 32;
    for (size_t c = count; c-- > 0;) {
        uint32_t child = base ^ labels[c];
        take_unit(self, child);
        self->out->units[child] = labels[c];
        if (!push(self, (pending){begins[c], begins[c + 1], child, node.depth + 1}, err))
            return false;
    }
    return true;
}

static int compare_keys(const void *left, const void *right)
{
    const tl_trie_key *a = left, *b = right;
    size_t shared = a->text.size < b->text.size ? a->text.size : b->text.size;
    int order = memcmp(a->text.data, b->text.data, shared);
    if (order == 0)
        order = (a->text.size > b->text.size) - (a->text.size < b->text.size);
    return order != 0 ? order : (a->value > b->value) - (a->value < b->value);
}

/* Removes all but the last of equal keys; *count is then how many stay. */
static bool merge_equal_keys(tl_trie_key *keys, size_t *count, bool last_wins, tl_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        TL_ASSERT(keys[i].value <= TL_TRIE_MAX_VALUE);
        if (kept != 0 && tl_slice_equal(keys[kept - 1].text, keys[i].text)) {
            if (!last_wins)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces that differ, found %u and %u with the same text",
                               (unsigned)keys[kept - 1].value, (unsigned)keys[i].value);
            kept--;
        }
        keys[kept++] = keys[i];
    }
    *count = kept;
    return true;
}

bool tl_trie__build(tl_trie_key *keys, size_t count, bool last_wins, tl_trie_units *out, tl_error *err)
{
    bool ok = false;
    builder *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        return false;
    *out = (tl_trie_units){0};
    self->keys = keys;
    self->out = out;
    if (count > 1)
        qsort(keys, count, sizeof *keys, compare_keys);
    if (!merge_equal_keys(keys, &count, last_wins, err) || !add_block(self, err))
        goto done;
    if (count != 0 && !push(self, (pending){0, (uint32_t)count, 0, 0}, err))
        goto done;
    while (self->stack_count != 0)
        if (!place_children(self, self->stack[--self->stack_count], err))
            goto done;
    ok = true;
done:
    tl_memory_free(self->stack);
    tl_memory_free(self);
    if (!ok) {
        tl_memory_free(out->units);
        *out = (tl_trie_units){0};
    }
    return ok;
}

/*
 * A file is found sound when its Huffman codes can be followed from end to end (ITU-T T.81, F.2.2). Decoding does the same and
 * takes near twice as long, for it also needs what the codes say. Here two codes of coefficients are passed at a time where
 * both lie in the next LOOK_BITS bits: a table gives the bits of codes and values together, and how far they lead in the block.
 *
 * Bits come from a word whose first bit is the next one. Behind the data it goes on with zeros, and `count` falls below zero
 * when they are used: that is looked at before each refilling and at the end of each interval.
 */
#include "base/image/walk_jpeg_internal.h"

#include "base/core/memory.h"

enum { LOOK_BITS = 10, PLACES = 1 << LOOK_BITS, BLOCK = 64, MAX_CODE_BITS = 16, MOST_DC_BITS = 11, MOST_BLOCKS = 1 << 20 };

/* Of the bits at hand; code_bits 0: the code is longer than LOOK_BITS or none. */
typedef struct step {
    uint8_t code_bits, bits; /* of the code, and with its value */
    uint8_t advance;         /* coefficients; BLOCK: the block ends */
} step;

/* One or two steps: bits, advance, and the advance of all but the last, which must not end the block. 0: no step. */
static uint32_t join(unsigned bits, unsigned advance, unsigned before_last)
{
    return bits | advance << 8 | before_last << 16;
}

static inline unsigned bits_of(uint32_t steps)
{
    return steps & 255;
}

static inline unsigned advance_of(uint32_t steps)
{
    return steps >> 8 & 255;
}

static inline unsigned before_last(uint32_t steps)
{
    return steps >> 16;
}

/* Codes beyond LOOK_BITS, of all lengths to be simple: T.81, F.16. */
typedef struct long_codes {
    int32_t most[MAX_CODE_BITS + 1]; /* the last code of this length; -1: none */
    int32_t offset[MAX_CODE_BITS + 1];
    const uint8_t *symbols;
} long_codes;

typedef struct walk_table {
    bool is_made;
    step steps[PLACES];
    uint32_t doubles[PLACES];
    long_codes codes;
} walk_table;

/* What is not read yet. */
typedef struct bit_reader {
    const uint8_t *at, *end;
    uint64_t word;
    int count; /* bits of word that are data */
} bit_reader;

typedef struct walker {
    bit_reader reader; /* between blocks */
    walk_table dc[TL_JPEG_TABLES], ac[TL_JPEG_TABLES];
} walker;

static step step_of(uint8_t symbol, unsigned code_bits, bool is_dc)
{
    unsigned value_bits = is_dc ? symbol : symbol & 15u;
    unsigned run = symbol >> 4;
    unsigned advance = is_dc ? 1 : value_bits != 0 ? run + 1 : run == 15 ? 16 : BLOCK;
    return (step){(uint8_t)code_bits, (uint8_t)(code_bits + value_bits), (uint8_t)advance};
}

static void join_steps(walk_table *table, bool is_dc)
{
    for (uint32_t i = 0; i < PLACES; i++) {
        step first = table->steps[i];
        table->doubles[i] = join(first.bits, first.advance, 0);
        if (is_dc || first.code_bits == 0 || first.advance == BLOCK || first.bits >= LOOK_BITS)
            continue;
        step second = table->steps[i << first.bits & (PLACES - 1)];
        if (second.code_bits != 0 && first.bits + second.code_bits <= LOOK_BITS)
            table->doubles[i] = join(first.bits + second.bits, first.advance + second.advance, first.advance);
    }
}

static bool make_table(walk_table *table, const tl_jpeg_code *code, bool is_dc)
{
    if (table->is_made)
        return true;
    if (code->counts == NULL)
        return false;
    uint32_t next = 0;
    int32_t index = 0;
    table->codes.symbols = code->symbols;
    for (unsigned bits = 1; bits <= MAX_CODE_BITS; bits++, next <<= 1) {
        uint32_t count = code->counts[bits];
        table->codes.offset[bits] = index - (int32_t)next;
        table->codes.most[bits] = count != 0 ? (int32_t)(next + count) - 1 : -1;
        if (next + count > 1u << bits || index + (int32_t)count > 256)
            return false;
        for (uint32_t i = 0; i < count; i++, next++, index++) {
            if (is_dc && code->symbols[index] > MOST_DC_BITS)
                return false;
            if (bits > LOOK_BITS)
                continue;
            step found = step_of(code->symbols[index], bits, is_dc);
            uint32_t first = next << (LOOK_BITS - bits), places = 1u << (LOOK_BITS - bits);
            for (uint32_t place = 0; place < places; place++)
                table->steps[first + place] = found;
        }
    }
    join_steps(table, is_dc);
    return table->is_made = true;
}

static uint64_t load_big_endian(const uint8_t *at)
{
    /* One instruction or two, which compilers make of this and not of a loop. */
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 |
           (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
}

/* By the byte, where a byte 0xff is near: one that a zero follows is data, another begins a marker and ends the data. */
static bit_reader refill_slowly(bit_reader reader)
{
    while (reader.count <= 56 && reader.at < reader.end) {
        uint64_t byte = *reader.at;
        if (byte == 0xff && (reader.end - reader.at < 2 || reader.at[1] != 0))
            break;
        reader.at += byte == 0xff ? 2 : 1;
        reader.word |= byte << (56 - reader.count);
        reader.count += 8;
    }
    return reader;
}

/* False near a byte 0xff or the end. Else as much as has room is taken in; of the byte behind it some bits may come early, which
 * changes nothing. */
static inline bool refill_fast(const uint8_t **at, const uint8_t *end, uint64_t *word, int *count)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    if (end - *at < 8)
        return false;
    uint64_t next = load_big_endian(*at);
    if (((~next - ones) & next & tops) != 0)
        return false;
    *word |= next >> *count;
    *at += (63 - *count) >> 3;
    *count |= 56;
    return true;
}

/* A code of any length; false: there is none that begins so. */
static bool step_slowly(uint64_t word, const long_codes *codes, bool is_dc, step *out)
{
    for (unsigned bits = 1; bits <= MAX_CODE_BITS; bits++) {
        int32_t code = (int32_t)(word >> (64 - bits));
        if (code <= codes->most[bits]) {
            *out = step_of(codes->symbols[code + codes->offset[bits]], bits, is_dc);
            return true;
        }
    }
    return false;
}

/* What one lookup passes within a block, from `place` on; 0: there is no such code. */
static uint32_t look_up_slowly(uint64_t word, const walk_table *table, bool is_dc)
{
    step one = table->steps[word >> (64 - LOOK_BITS)];
    if (one.code_bits == 0 && !step_slowly(word, &table->codes, is_dc, &one))
        return 0;
    return join(one.bits, one.advance, 0);
}

/* What is kept in memory between blocks stays in registers within. */
static bool pass_block(bit_reader *kept, const walk_table *dc, const walk_table *ac)
{
    enum { MOST_STEP_BITS = 32 }; /* a code of 16 and its value of 15; or LOOK_BITS and a value */
    const uint8_t *at = kept->at, *end = kept->end;
    uint64_t word = kept->word;
    int count = kept->count;
    const walk_table *table = dc;
    for (unsigned place = 0; place < BLOCK; table = ac) {
        if (count < MOST_STEP_BITS) {
            if (count < 0)
                return false;
            if (!refill_fast(&at, end, &word, &count)) {
                bit_reader reader = refill_slowly((bit_reader){at, end, word, count});
                at = reader.at;
                word = reader.word;
                count = reader.count;
            }
        }
        uint32_t next = table->doubles[word >> (64 - LOOK_BITS)];
        if (next == 0 || place + before_last(next) >= BLOCK) {
            next = look_up_slowly(word, table, table == dc);
            if (next == 0)
                return false;
        }
        word <<= bits_of(next);
        count -= (int)bits_of(next);
        place += advance_of(next);
    }
    *kept = (bit_reader){at, end, word, count};
    return true;
}

/* Behind an interval there may be no more than the rest of a byte, then this marker. */
static bool pass_marker(bit_reader *kept, uint8_t marker)
{
    if (kept->count < 0)
        return false;
    bit_reader reader = refill_slowly(*kept);
    if (reader.count >= 8 || reader.end - reader.at < 2 || reader.at[0] != 0xff || reader.at[1] != marker)
        return false;
    *kept = (bit_reader){.at = reader.at + 2, .end = reader.end};
    return true;
}

static bool walk(walker *self, const tl_jpeg_scan *scan)
{
    enum { RST0 = 0xd0, EOI = 0xd9 };
    const walk_table *dc[TL_JPEG_BLOCKS], *ac[TL_JPEG_BLOCKS];
    for (size_t i = 0; i < scan->block_count; i++) {
        walk_table *tables[2] = {&self->dc[scan->dc_of[i]], &self->ac[scan->ac_of[i]]};
        if (!make_table(tables[0], &scan->dc[scan->dc_of[i]], true) || !make_table(tables[1], &scan->ac[scan->ac_of[i]], false))
            return false;
        dc[i] = tables[0];
        ac[i] = tables[1];
    }
    uint64_t until_restart = scan->restart_interval;
    uint8_t restart = 0;
    for (uint64_t mcu = 0; mcu < scan->mcu_count; mcu++, until_restart--) {
        if (scan->restart_interval != 0 && until_restart == 0) {
            if (!pass_marker(&self->reader, (uint8_t)(RST0 + restart)))
                return false;
            restart = (restart + 1) & 7;
            until_restart = scan->restart_interval;
        }
        for (size_t i = 0; i < scan->block_count; i++)
            if (!pass_block(&self->reader, dc[i], ac[i]))
                return false;
    }
    return pass_marker(&self->reader, EOI);
}

bool tl_jpeg__walk_scan(const tl_jpeg_scan *scan)
{
    /* Sums of DC differences, which decoding keeps, stay far from overflow with so many. */
    if (scan->block_count == 0 || scan->mcu_count > MOST_BLOCKS / scan->block_count)
        return false;
    walker *self = tl_memory_allocate(1, sizeof *self, NULL);
    if (self == NULL)
        return false;
    const uint8_t *first = (const uint8_t *)scan->bytes.data;
    self->reader = (bit_reader){.at = first, .end = first + scan->bytes.size};
    bool is_sound = walk(self, scan);
    tl_memory_free(self);
    return is_sound;
}

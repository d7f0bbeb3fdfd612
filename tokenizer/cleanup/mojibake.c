/*
 * Repairs mojibake as ftfy 6.3 (Speer 2019) does. A text that looks bad (mojibake_rules.c) and that some single-byte encoding can
 * write is written in it and read as UTF-8; where no encoding does for the whole, the pieces that look like UTF-8 are repaired by
 * themselves; controls of Latin-1 become the Windows-1252 characters of the same bytes. Repeated until nothing changes, since
 * mojibake is often made twice.
 */
#include "tokenizer/cleanup/mojibake_internal.h"

#include "base/core/memory.h"

enum {
    LATIN_1 = 0, /* places in the table of encodings */
    WINDOWS_1252 = 1,
    LOST_BYTE = 0x1A,
    REPLACEMENT = 0xFFFD,
    REVERSE_SIZE = 512, /* slots of the table of one encoding's 128 characters */
    MAX_DEPTH = 16,     /* of pieces within pieces; each holds at most half of the bytes of the one around it */
    MAX_ROUNDS = 64
};

/* Growable bytes; like tl_string, but NUL and anything else may be in it. */
typedef struct byte_array {
    unsigned char *items;
    size_t count, capacity;
} byte_array;

static bool append_byte(byte_array *bytes, unsigned value, tl_error *err)
{
    if (bytes->count == bytes->capacity && !tl_memory_reserve(&bytes->items, &bytes->capacity, bytes->count + 1, 1, err))
        return false;
    bytes->items[bytes->count++] = (unsigned char)value;
    return true;
}

uint32_t tl_mojibake__c1_meaning(uint32_t point)
{
    return point >= 0x80 && point <= 0x9F ? tl_mojibake_encodings[WINDOWS_1252].points[point - 0x80] : point;
}

/* Byte by character of one encoding: open addressing, 0 for an empty slot. */
typedef struct reverse_table {
    uint16_t points[REVERSE_SIZE];
    unsigned char bytes[REVERSE_SIZE];
    bool is_sloppy;
} reverse_table;

static size_t slot_of(uint32_t point)
{
    return point * 2654435761U >> 23; /* 9 bits */
}

static void fill_reverse(reverse_table *table, const tl_mojibake_encoding *encoding)
{
    *table = (reverse_table){.is_sloppy = encoding->is_sloppy};
    for (unsigned i = 0; i < 128; i++) {
        size_t slot = slot_of(encoding->points[i]);
        while (table->points[slot] != 0)
            slot = (slot + 1) % REVERSE_SIZE;
        table->points[slot] = encoding->points[i];
        table->bytes[slot] = (unsigned char)(0x80 + i);
    }
}

/* The byte of a character, -1: the encoding has none. */
static int byte_of(const reverse_table *table, uint32_t point)
{
    if (point < 0x80)
        return table->is_sloppy && point == LOST_BYTE ? -1 : (int)point;
    if (table->is_sloppy && point == REPLACEMENT)
        return LOST_BYTE;
    for (size_t slot = slot_of(point); table->points[slot] != 0; slot = (slot + 1) % REVERSE_SIZE)
        if (table->points[slot] == point)
            return table->bytes[slot];
    return -1;
}

static bool can_encode(const reverse_table *table, const tl_code_points *text)
{
    for (size_t i = 0; i < text->count; i++)
        if (byte_of(table, text->items[i]) < 0)
            return false;
    return true;
}

/* What of the bytes at hand, which may end early, lies in first..last. */
static bool is_byte_in(const unsigned char *bytes, size_t count, size_t at, unsigned first, unsigned last)
{
    return at < count && bytes[at] >= first && bytes[at] <= last;
}

static bool is_byte(const unsigned char *bytes, size_t count, size_t at, unsigned value)
{
    return at < count && bytes[at] == value;
}

/* A continuation byte that is neither 0x85 nor 0xA0: they read as an ellipsis or a space. */
static bool is_telling(const unsigned char *bytes, size_t count, size_t at)
{
    return is_byte_in(bytes, count, at, 0x80, 0xBF) && bytes[at] != 0x85 && bytes[at] != 0xA0;
}

static bool is_continuation(const unsigned char *bytes, size_t count, size_t at)
{
    return is_byte_in(bytes, count, at, 0x80, 0xBF);
}

/* The size of a UTF-8 sequence at the start with a space where byte 0xA0 was, 0: none. */
static size_t measure_spaced(const unsigned char *bytes, size_t count)
{
    unsigned lead = count != 0 ? bytes[0] : 0;
    bool space_1 = is_byte(bytes, count, 1, ' '), space_2 = is_byte(bytes, count, 2, ' ');
    if ((lead == 0xC2 || lead == 0xC3 || lead == 0xC5 || lead == 0xCE || lead == 0xD0 || lead == 0xD9) && space_1)
        return 2;
    if ((lead == 0xE2 || lead == 0xE3) && space_1 && is_telling(bytes, count, 2))
        return 3;
    if (lead >= 0xE0 && lead <= 0xE3 && is_telling(bytes, count, 1) && space_2)
        return 3;
    if (lead == 0xF0 && ((space_1 && is_continuation(bytes, count, 2) && is_continuation(bytes, count, 3)) ||
                         (is_continuation(bytes, count, 1) && space_2 && is_continuation(bytes, count, 3)) ||
                         (is_continuation(bytes, count, 1) && is_continuation(bytes, count, 2) && is_byte(bytes, count, 3, ' '))))
        return 4;
    return 0;
}

static bool begins_with(const unsigned char *bytes, size_t count, const char *text)
{
    size_t size = strlen(text);
    return count >= size && memcmp(bytes, text, size) == 0;
}

/* Byte 0xC3 and a space: mostly the word "à"; the rest are Portuguese contractions and what comes before another space. */
static bool is_word_a_grave(const unsigned char *bytes, size_t count)
{
    static const char *const others[] = {" ", "quele", "quela", "quilo", "s "};
    if (!begins_with(bytes, count, "\xC3 "))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins_with(bytes + 2, count - 2, others[i]))
            return false;
    return true;
}

/* Puts bytes 0xA0 back where they became spaces, if any sequence shows it. */
static bool restore_spaces(byte_array *bytes, tl_error *err)
{
    bool ok = false, any = false;
    byte_array out = {0};

    for (size_t i = 0; i < bytes->count && !any; i++)
        any = measure_spaced(bytes->items + i, bytes->count - i) != 0;
    for (size_t i = 0; i < bytes->count && any; i++) {
        if (!append_byte(&out, bytes->items[i], err))
            goto done;
        if (is_word_a_grave(bytes->items + i, bytes->count - i) && !append_byte(&out, 0xA0, err))
            goto done;
    }
    for (size_t i = 0; i < out.count;) {
        size_t size = measure_spaced(out.items + i, out.count - i);
        for (size_t k = i; k < i + size; k++)
            if (out.items[k] == ' ')
                out.items[k] = 0xA0;
        i += size != 0 ? size : 1;
    }
    if (any) {
        tl_memory_free(bytes->items);
        *bytes = out;
        out = (byte_array){0};
    }
    ok = true;
done:
    tl_memory_free(out.items);
    return ok;
}

static bool is_lost(const unsigned char *bytes, size_t count, size_t at)
{
    return at < count && (bytes[at] == LOST_BYTE || bytes[at] == '?');
}

static bool is_lost_or_continuation(const unsigned char *bytes, size_t count, size_t at)
{
    return is_byte(bytes, count, at, LOST_BYTE) || is_continuation(bytes, count, at);
}

/* The size of a UTF-8 or CESU-8 sequence at the start of which bytes were lost, 0: none. */
static size_t measure_lossy(const unsigned char *bytes, size_t count)
{
    unsigned lead = count != 0 ? bytes[0] : 0;
    if (lead == LOST_BYTE)
        return 1;
    if ((lead >= 0xC2 && lead <= 0xDF && is_byte(bytes, count, 1, LOST_BYTE)) ||
        ((lead == 0xC2 || lead == 0xC3) && is_byte(bytes, count, 1, '?')))
        return 2;
    bool any_1 = is_lost_or_continuation(bytes, count, 1), lost_1 = is_lost(bytes, count, 1);
    bool any_2 = is_lost_or_continuation(bytes, count, 2), lost_2 = is_lost(bytes, count, 2);
    bool any_3 = is_lost_or_continuation(bytes, count, 3), lost_3 = is_lost(bytes, count, 3);
    bool any_5 = is_lost_or_continuation(bytes, count, 5), lost_5 = is_lost(bytes, count, 5);
    if (lead == 0xED && is_byte_in(bytes, count, 1, 0xA0, 0xAF) && is_byte(bytes, count, 3, 0xED) &&
        is_byte_in(bytes, count, 4, 0xB0, 0xBF) && ((lost_2 && (any_5 || lost_5)) || ((any_2 || lost_2) && lost_5)))
        return 6;
    if (lead >= 0xE0 && lead <= 0xEF && ((lost_1 && any_2) || (any_1 && lost_2)))
        return 3;
    if (lead >= 0xF0 && lead <= 0xF4 && ((lost_1 && any_2 && any_3) || (any_1 && lost_2 && any_3) || (any_1 && any_2 && lost_3)))
        return 4;
    return 0;
}

/* Puts U+FFFD where a sequence lost bytes. */
static bool replace_lossy(byte_array *bytes, tl_error *err)
{
    bool ok = false;
    byte_array out = {0};
    for (size_t i = 0; i < bytes->count;) {
        size_t size = measure_lossy(bytes->items + i, bytes->count - i);
        if (!(size == 0 ? append_byte(&out, bytes->items[i], err)
                        : append_byte(&out, 0xEF, err) && append_byte(&out, 0xBF, err) && append_byte(&out, 0xBD, err)))
            goto done;
        i += size != 0 ? size : 1;
    }
    tl_memory_free(bytes->items);
    *bytes = out;
    out = (byte_array){0};
    ok = true;
done:
    tl_memory_free(out.items);
    return ok;
}

/* The size of a UTF-8 sequence (RFC 3629, NUL allowed), 0: none. */
static size_t measure_utf8(const unsigned char *bytes, size_t count)
{
    unsigned lead = bytes[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if (!is_continuation(bytes, count, i))
            return 0;
    bool is_wrong = (lead == 0xE0 && bytes[1] < 0xA0) || (lead == 0xED && bytes[1] > 0x9F) || (lead == 0xF0 && bytes[1] < 0x90) ||
                    (lead == 0xF4 && bytes[1] > 0x8F);
    return is_wrong ? 0 : size;
}

/*
 * Reads one of the two sequences that are UTF-8 to some writers: the two-byte NUL and a pair of surrogates (CESU-8); the size, 0:
 * neither. The reference's pattern lets a line break at the end of the text stand for the last byte of either.
 */
static size_t read_variant(const unsigned char *bytes, size_t count, uint32_t *point)
{
    if (bytes[0] == 0xC0 && (is_byte(bytes, count, 1, 0x80) || (count == 2 && bytes[1] == '\n'))) {
        *point = 0;
        return 2;
    }
    if (bytes[0] == 0xED && is_byte_in(bytes, count, 1, 0xA0, 0xAF) && is_continuation(bytes, count, 2) &&
        is_byte(bytes, count, 3, 0xED) && is_byte_in(bytes, count, 4, 0xB0, 0xBF) &&
        (is_continuation(bytes, count, 5) || (count == 6 && bytes[5] == '\n'))) {
        *point =
            ((bytes[1] & 0x0FU) << 16) + ((bytes[2] & 0x3FU) << 10) + ((bytes[4] & 0x0FU) << 6) + (bytes[5] & 0x3FU) + 0x10000;
        return 6;
    }
    return 0;
}

/* Appends the text of bytes that are UTF-8 or one of its variants; *is_text is false, and out to be dropped, where they are not.
 */
static bool decode_bytes(const byte_array *bytes, tl_code_points *out, bool *is_text, tl_error *err)
{
    for (size_t at = 0; at < bytes->count;) {
        const unsigned char *rest = bytes->items + at;
        size_t left = bytes->count - at, from = 0;
        uint32_t point = 0;
        size_t size = read_variant(rest, left, &point);
        if (size == 0) {
            size = measure_utf8(rest, left);
            if (size != 0)
                point = tl_unicode__next((tl_slice){(const char *)rest, left}, &from);
        }
        *is_text = size != 0;
        if (!*is_text)
            return true;
        if (!tl_unicode__append(out, point, err))
            return false;
        at += size;
    }
    *is_text = true;
    return true;
}

static void replace_text(tl_code_points *text, tl_code_points *with, bool *changed)
{
    *changed = text->count != with->count || memcmp(text->items, with->items, with->count * sizeof *with->items) != 0;
    tl_memory_free(text->items);
    *text = *with;
    *with = (tl_code_points){0};
}

/* Writes the text in one encoding and reads that as UTF-8; *is_text says whether it is, and text is replaced. */
static bool recode(tl_code_points *text, const tl_mojibake_encoding *encoding, const reverse_table *reverse, bool *is_text,
                   bool *changed, tl_error *err)
{
    bool ok = false;
    byte_array bytes = {0};
    tl_code_points decoded = {0};

    for (size_t i = 0; i < text->count; i++)
        if (!append_byte(&bytes, (unsigned)byte_of(reverse, text->items[i]), err))
            goto done;
    /* In MacRoman an en dash and a space would look like such a sequence. */
    if (strcmp(encoding->name, "macroman") != 0 && !restore_spaces(&bytes, err))
        goto done;
    if (encoding->is_sloppy && !replace_lossy(&bytes, err))
        goto done;
    if (!decode_bytes(&bytes, &decoded, is_text, err))
        goto done;
    if (*is_text)
        replace_text(text, &decoded, changed);
    ok = true;
done:
    tl_memory_free(bytes.items);
    tl_memory_free(decoded.items);
    return ok;
}

/* The size of a run of characters at the start that read as UTF-8 sequences in some encoding, 0: none. */
static size_t measure_run(const uint32_t *text, size_t count)
{
    size_t at = 0;
    while (at < count) {
        uint32_t mask = tl_mojibake__mask(text[at]);
        size_t size = (mask & TL_MOJIBAKE_FIRST_OF_2) != 0   ? 2
                      : (mask & TL_MOJIBAKE_FIRST_OF_3) != 0 ? 3
                      : (mask & TL_MOJIBAKE_FIRST_OF_4) != 0 ? 4
                                                             : 0;
        if (size == 0 || size > count - at)
            break;
        size_t good = 1;
        while (good < size && (tl_mojibake__mask(text[at + good]) & TL_MOJIBAKE_CONTINUATION) != 0)
            good++;
        if (good < size)
            break;
        at += size;
    }
    return at;
}

static bool repair_within(tl_code_points *text, unsigned depth, tl_error *err);

/* Appends one run, repaired when it is bad and not the whole text. */
static bool append_run(const uint32_t *run, size_t count, bool is_whole, unsigned depth, tl_code_points *out, tl_error *err)
{
    bool ok = false;
    tl_code_points piece = {0};
    for (size_t i = 0; i < count; i++)
        if (!tl_unicode__append(&piece, run[i], err))
            goto done;
    if (!is_whole && depth < MAX_DEPTH && tl_mojibake__is_bad(run, count) && !repair_within(&piece, depth + 1, err))
        goto done;
    for (size_t i = 0; i < piece.count; i++)
        if (!tl_unicode__append(out, piece.items[i], err))
            goto done;
    ok = true;
done:
    tl_memory_free(piece.items);
    return ok;
}

/* Repairs the runs that look like UTF-8, each by itself. */
static bool repair_runs(tl_code_points *text, unsigned depth, bool *changed, tl_error *err)
{
    bool ok = false;
    tl_code_points out = {0};
    for (size_t at = 0; at < text->count;) {
        /* Not within a garble: a few characters of it repaired would make things worse. */
        bool is_within = at != 0 && (tl_mojibake__mask(text->items[at - 1]) & TL_MOJIBAKE_CONTINUATION_STRICT) != 0;
        size_t size = is_within ? 0 : measure_run(text->items + at, text->count - at);
        if (!(size == 0 ? tl_unicode__append(&out, text->items[at], err)
                        : append_run(text->items + at, size, size == text->count, depth, &out, err)))
            goto done;
        at += size != 0 ? size : 1;
    }
    replace_text(text, &out, changed);
    ok = true;
done:
    tl_memory_free(out.items);
    return ok;
}

/* Latin-1 that was Windows-1252; not where it has bytes that Windows-1252 assigns nothing. */
static void read_latin_1(tl_code_points *text, bool *changed)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->items[i] >= 0x80 && text->items[i] <= 0x9F && tl_mojibake__c1_meaning(text->items[i]) == text->items[i])
            return;
    for (size_t i = 0; i < text->count; i++) {
        uint32_t meaning = tl_mojibake__c1_meaning(text->items[i]);
        *changed = *changed || meaning != text->items[i];
        text->items[i] = meaning;
    }
}

/* One step of the repair; *changed says whether there was anything to do. */
static bool repair_step(tl_code_points *text, unsigned depth, bool *changed, tl_error *err)
{
    bool is_latin_1 = false;
    *changed = false;
    if (!tl_mojibake__is_bad(text->items, text->count))
        return true;
    for (size_t i = 0; i < tl_mojibake_encoding_count; i++) {
        reverse_table reverse;
        bool is_text = false;
        fill_reverse(&reverse, &tl_mojibake_encodings[i]);
        if (!can_encode(&reverse, text))
            continue;
        is_latin_1 = is_latin_1 || i == LATIN_1;
        if (!recode(text, &tl_mojibake_encodings[i], &reverse, &is_text, changed, err))
            return false;
        if (is_text)
            return true;
    }
    if (!repair_runs(text, depth, changed, err))
        return false;
    if (!*changed && is_latin_1)
        read_latin_1(text, changed);
    for (size_t i = 0; !*changed && i < text->count; i++) {
        /* The first control decides: they change together. */
        uint32_t meaning = tl_mojibake__c1_meaning(text->items[i]);
        if (meaning == text->items[i])
            continue;
        for (; i < text->count; i++)
            text->items[i] = tl_mojibake__c1_meaning(text->items[i]);
        *changed = true;
    }
    return true;
}

static bool repair_within(tl_code_points *text, unsigned depth, tl_error *err)
{
    bool changed = true;
    for (unsigned round = 0; changed && round < MAX_ROUNDS; round++)
        if (!repair_step(text, depth, &changed, err))
            return false;
    return true;
}

bool tl_mojibake__repair(tl_code_points *text, tl_error *err)
{
    return repair_within(text, 0, err);
}

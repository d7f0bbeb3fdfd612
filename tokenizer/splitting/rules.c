/*
 * Runs the normalization rules of a SentencePiece model: a double-array trie by darts-clone whose leaves are offsets into a block
 * of replacements, each ended by a NUL (rules_check.c has the layout). Two readers of the same bytes differ:
 *
 * SentencePiece (normalizer.cc) replaces the longest match at each place, and deals with white space as normalizer_spec says.
 * The tokenizers package (spm_precompiled) goes by grapheme cluster: one of fewer than 6 bytes that begins with a match is
 * replaced as a whole by that of its shortest match; else each of its characters by itself.
 *
 * Every look into the table is bounded here, since a kept table may hold anything.
 */
#include "tokenizer/cleanup/reference_characters.h"
#include "tokenizer/splitting/splitting.h"

enum { MAX_REPLACEMENT = 4096, MAX_GRAPHEME = 5 };

static const char meta[] = "\xE2\x96\x81"; /* U+2581, SentencePiece's visible space */

typedef struct rule_table {
    const unsigned char *units; /* 32 bits each, little-endian */
    size_t count;
    tl_slice replacements;
} rule_table;

static uint32_t number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static rule_table open_rules(const tl_compiled *table)
{
    rule_table self = {NULL, 0, {NULL, 0}};
    tl_slice rules = table->rules;
    if (rules.size < 4)
        return self;
    size_t size = number_at((const unsigned char *)rules.data);
    if (size > rules.size - 4)
        return self;
    self.units = (const unsigned char *)rules.data + 4;
    self.count = size / 4;
    self.replacements = (tl_slice){rules.data + 4 + size, rules.size - 4 - size};
    return self;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1U << 9)) >> 6);
}

/* Matches a prefix of text; *matched is its size, 0 without a match. Longest, or else shortest. */
static tl_slice match_rule(const rule_table *self, tl_slice text, bool longest, size_t *matched)
{
    uint32_t place = 0, value = 0;
    *matched = 0;
    if (self->count == 0)
        return (tl_slice){"", 0};
    place = offset_of(number_at(self->units));
    for (size_t i = 0; i < text.size; i++) {
        place ^= (unsigned char)text.data[i];
        if (place >= self->count)
            break;
        uint32_t unit = number_at(self->units + 4 * (size_t)place);
        if ((unit & (1U << 31 | 0xFF)) != (unsigned char)text.data[i])
            break;
        place ^= offset_of(unit);
        if (place >= self->count)
            break;
        if ((unit & 1U << 8) != 0) {
            value = number_at(self->units + 4 * (size_t)place) & ~(1U << 31);
            *matched = i + 1;
            if (!longest)
                break;
        }
    }
    if (*matched == 0 || value >= self->replacements.size)
        return (tl_slice){"", 0};
    const char *start = self->replacements.data + value;
    size_t left = self->replacements.size - value, limit = left < MAX_REPLACEMENT ? left : MAX_REPLACEMENT;
    const char *end = memchr(start, '\0', limit);
    return (tl_slice){start, end != NULL ? (size_t)(end - start) : 0};
}

/* What SentencePiece puts for the beginning of text, and how many bytes that is for. */
static tl_slice normalize_prefix(const tl_compiled *table, const rule_table *rules, tl_slice text, size_t *taken)
{
    size_t size;
    if (tl_trie__longest(&table->added_raw, text, 0, &size) >= 0) {
        *taken = size;
        return (tl_slice){text.data, size};
    }
    tl_slice replaced = match_rule(rules, text, true, taken);
    if (*taken != 0)
        return replaced;
    *taken = tl_splitting__character_size(text, 0);
    return (tl_slice){text.data, *taken};
}

static bool append_space(const tl_compiled *table, tl_string *out, tl_error *err)
{
    return (table->settings->flags & TL_COMPILED_ESCAPES_SPACES) != 0 ? tl_string_append(out, meta, 3, err)
                                                                      : tl_string_append(out, " ", 1, err);
}

static bool append_with_spaces(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err)
{
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != ' ')
            continue;
        if (i != start && !tl_string_append(out, text.data + start, i - start, err))
            return false;
        if (i < text.size && !append_space(table, out, err))
            return false;
        start = i + 1;
    }
    return true;
}

static void cut_trailing_spaces(const tl_compiled *table, size_t from, tl_string *out)
{
    const char *space = (table->settings->flags & TL_COMPILED_ESCAPES_SPACES) != 0 ? meta : " ";
    size_t size = strlen(space);
    while (out->size - from >= size && memcmp(out->data + out->size - size, space, size) == 0)
        out->size -= size;
    if (out->capacity != 0)
        out->data[out->size] = '\0';
}

bool tl_rules__normalize(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err)
{
    const uint32_t flags = table->settings->flags;
    const rule_table rules = open_rules(table);
    const bool removes = (flags & TL_COMPILED_REMOVES_SPACES) != 0, is_prefixed = (flags & TL_COMPILED_DUMMY_PREFIX) != 0;
    const bool is_suffix = (flags & TL_COMPILED_SPACE_IS_SUFFIX) != 0;
    size_t taken, from = out->size;
    tl_slice put;

    while (removes && text.size != 0) {
        put = normalize_prefix(table, &rules, text, &taken);
        if (put.size != 1 || put.data[0] != ' ')
            break;
        text = (tl_slice){text.data + taken, text.size - taken};
    }
    if (text.size == 0)
        return true;
    if (is_prefixed && !is_suffix && !append_space(table, out, err))
        return false;
    bool after_space = removes;
    while (text.size != 0) {
        put = normalize_prefix(table, &rules, text, &taken);
        while (after_space && put.size != 0 && put.data[0] == ' ')
            put = (tl_slice){put.data + 1, put.size - 1};
        if (put.size != 0) {
            if (!append_with_spaces(table, put, out, err))
                return false;
            after_space = put.data[put.size - 1] == ' ';
        }
        text = (tl_slice){text.data + taken, text.size - taken};
        after_space = after_space && removes;
    }
    if (removes)
        cut_trailing_spaces(table, from, out);
    return !(is_prefixed && is_suffix) || append_space(table, out, err);
}

static uint32_t character_at(tl_slice text, size_t at, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text.data + at;
    switch (size) {
    case 2:
        return (uint32_t)(bytes[0] & 0x1F) << 6 | (bytes[1] & 0x3FU);
    case 3:
        return (uint32_t)(bytes[0] & 0x0F) << 12 | (uint32_t)(bytes[1] & 0x3F) << 6 | (bytes[2] & 0x3FU);
    case 4:
        return (uint32_t)(bytes[0] & 0x07) << 18 | (uint32_t)(bytes[1] & 0x3F) << 12 | (uint32_t)(bytes[2] & 0x3F) << 6 |
               (bytes[3] & 0x3FU);
    default:
        return bytes[0];
    }
}

/* The end of the grapheme cluster at `at` (UAX 29); exact for those of at most MAX_GRAPHEME bytes, the only ones that matter. */
static size_t grapheme_end(tl_slice text, size_t at)
{
    size_t size = tl_splitting__character_size(text, at), end = at + size;
    uint32_t first = character_at(text, at, size);
    if (first == '\r' && end < text.size && text.data[end] == '\n')
        return end + 1;
    if (tl_graphemes__is_control(first))
        return end;
    while (tl_graphemes__is_prepended(first) && end < text.size) {
        size = tl_splitting__character_size(text, end);
        first = character_at(text, end, size);
        if (tl_graphemes__is_control(first))
            return end;
        end += size;
    }
    while (end < text.size && end - at <= MAX_GRAPHEME) {
        size = tl_splitting__character_size(text, end);
        if (!tl_graphemes__is_extending(character_at(text, end, size)))
            break;
        end += size;
    }
    return end;
}

bool tl_rules__normalize_graphemes(const tl_compiled *table, tl_slice text, tl_string *out, tl_error *err)
{
    const rule_table rules = open_rules(table);
    size_t matched, end;
    for (size_t at = 0; at < text.size; at = end) {
        end = grapheme_end(text, at);
        tl_slice cluster = {text.data + at, end - at};
        if (cluster.size <= MAX_GRAPHEME) {
            tl_slice put = match_rule(&rules, cluster, false, &matched);
            if (matched != 0) {
                if (!tl_string_append(out, put.data, put.size, err))
                    return false;
                continue;
            }
        }
        for (size_t i = 0, size; i < cluster.size; i += size) {
            size = tl_splitting__character_size(cluster, i);
            tl_slice put = match_rule(&rules, (tl_slice){cluster.data + i, size}, false, &matched);
            if (!(matched != 0 ? tl_string_append(out, put.data, put.size, err)
                               : tl_string_append(out, cluster.data + i, size, err)))
                return false;
        }
    }
    return true;
}

/*
 * Replaces HTML character references. Both readers follow Python 3.11 (html.unescape) and ftfy 6.3 (unescape_html) byte for byte:
 * the first is the HTML standard's parser, which also takes "&ampx" for "&x"; the second leaves whatever is ambiguous.
 */
#include "tokenizer/cleanup/html_entities_internal.h"

enum {
    MAX_NAME = 32, /* characters that may follow &, and one semicolon more */
    MAX_UNAMBIGUOUS_NAME = 24,
    REPLACEMENT = 0xFFFD,
    MAX_POINT = 0x10FFFF
};

/* What &#128; to &#159; mean: Windows-1252, where it assigns something. */
static const uint16_t c1_references[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
                                           0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                           0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

static const tl_html_entity *find_entity(const char *name, size_t size)
{
    size_t low = 0, high = tl_html_entity_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *found = tl_html_entities[middle].name;
        int order = strncmp(found, name, size);
        if (order == 0)
            order = found[size] != '\0';
        if (order == 0)
            return &tl_html_entities[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool append_entity(const tl_html_entity *entity, tl_code_points *out, tl_error *err)
{
    return tl_unicode__append(out, entity->first, err) && (entity->second == 0 || tl_unicode__append(out, entity->second, err));
}

static bool append_all(const uint32_t *points, size_t count, tl_code_points *out, tl_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!tl_unicode__append(out, points[i], err))
            return false;
    return true;
}

static int digit_value(uint32_t point, bool is_hexadecimal)
{
    if (point >= '0' && point <= '9')
        return (int)point - '0';
    if (is_hexadecimal && point >= 'a' && point <= 'f')
        return (int)point - 'a' + 10;
    if (is_hexadecimal && point >= 'A' && point <= 'F')
        return (int)point - 'A' + 10;
    return -1;
}

static bool is_noncharacter(uint32_t number)
{
    return (number >= 0x1 && number <= 0x8) || number == 0xB || (number >= 0xE && number <= 0x1F) ||
           (number >= 0x7F && number <= 0x9F) || (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
}

/* Appends what a numeric reference stands for; nothing for what no text may hold. */
static bool append_number(uint32_t number, tl_code_points *out, tl_error *err)
{
    if (number >= 0x80 && number <= 0x9F)
        return tl_unicode__append(out, c1_references[number - 0x80], err);
    if (number == 0 || number > MAX_POINT || (number >= 0xD800 && number <= 0xDFFF))
        return tl_unicode__append(out, REPLACEMENT, err);
    return is_noncharacter(number) || tl_unicode__append(out, number, err);
}

/* Reads "#123" or "#x7B" and a semicolon, if any, at text[0]; the size read, 0: no reference. */
static size_t read_number(const uint32_t *text, size_t count, uint32_t *number)
{
    if (count < 2 || text[0] != '#')
        return 0;
    bool is_hexadecimal = text[1] == 'x' || text[1] == 'X';
    size_t start = is_hexadecimal ? 2 : 1, at = start;
    uint32_t value = 0;
    for (int digit; at < count && (digit = digit_value(text[at], is_hexadecimal)) >= 0; at++)
        value = value > MAX_POINT ? value : value * (is_hexadecimal ? 16U : 10U) + (uint32_t)digit;
    if (at == start)
        return 0;
    *number = value;
    return at < count && text[at] == ';' ? at + 1 : at;
}

static bool ends_name(uint32_t point)
{
    return point == '\t' || point == '\n' || point == '\f' || point == ' ' || point == '<' || point == '&' || point == '#' ||
           point == ';';
}

/* Reads the named reference, or what looks like one, after the &; the size read, 0: none. */
static bool unescape_name(const uint32_t *text, size_t count, size_t *taken, tl_code_points *out, tl_error *err)
{
    char name[MAX_NAME + 1];
    size_t size = 0, plain = 0;
    while (size < count && size < MAX_NAME && !ends_name(text[size])) {
        if (plain == size && text[size] < 0x80)
            name[plain++] = (char)text[size];
        size++;
    }
    *taken = size;
    if (size == 0)
        return tl_unicode__append(out, '&', err);
    bool is_closed = size < count && text[size] == ';';
    *taken += is_closed;
    const tl_html_entity *whole = plain == size ? find_entity(name, size) : NULL;
    if (whole != NULL && (is_closed || whole->is_bare))
        return append_entity(whole, out, err);
    /* The longest reference without a semicolon that it begins with, of two characters or more. */
    for (size_t prefix = plain < *taken ? plain : *taken - 1; prefix >= 2; prefix--) {
        const tl_html_entity *entity = find_entity(name, prefix);
        if (entity != NULL && entity->is_bare)
            return append_entity(entity, out, err) && append_all(text + prefix, *taken - prefix, out, err);
    }
    return tl_unicode__append(out, '&', err) && append_all(text, *taken, out, err);
}

bool tl_html__unescape(const tl_code_points *text, tl_code_points *out, tl_error *err)
{
    for (size_t at = 0; at < text->count;) {
        uint32_t point = text->items[at++], number;
        if (point != '&') {
            if (!tl_unicode__append(out, point, err))
                return false;
            continue;
        }
        const uint32_t *rest = text->items + at;
        size_t taken = read_number(rest, text->count - at, &number);
        if (!(taken != 0 ? append_number(number, out, err) : unescape_name(rest, text->count - at, &taken, out, err)))
            return false;
        at += taken;
    }
    return true;
}

/* Whether the standard's parser would leave "&NAME;" as it is. */
static bool is_no_reference(const char *name, size_t size)
{
    for (size_t prefix = size; prefix >= 2; prefix--) {
        const tl_html_entity *entity = find_entity(name, prefix);
        if (entity != NULL && (prefix == size || entity->is_bare))
            return false;
    }
    return true;
}

static bool append_upper(uint32_t point, tl_code_points *out, tl_error *err)
{
    if (point == 0)
        return true;
    for (size_t i = 0; i < tl_html_capital_count; i++)
        if (tl_html_capitals[i].point == point)
            return tl_unicode__decode(tl_slice_of(tl_html_capitals[i].upper), out, err);
    return tl_unicode__append(out, tl_unicode__to_upper(point), err);
}

/* Appends the value of "&name;" where it has one; *found says so. */
static bool append_unambiguous(const char *name, size_t size, bool *found, tl_code_points *out, tl_error *err)
{
    char lower[MAX_UNAMBIGUOUS_NAME];
    const tl_html_entity *entity = find_entity(name, size);
    *found = entity != NULL;
    if (entity != NULL)
        return append_entity(entity, out, err);
    for (size_t i = 0; i < size; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return true;
        lower[i] = (char)tl_unicode__to_lower((unsigned char)name[i]);
    }
    entity = find_entity(lower, size);
    *found = entity != NULL && is_no_reference(name, size);
    return !*found || (append_upper(entity->first, out, err) && append_upper(entity->second, out, err));
}

static bool is_alphanumeric(uint32_t point)
{
    return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

/* The size of "[#]name;" at text[0], 0: none. */
static size_t measure_unambiguous(const uint32_t *text, size_t count, char *name, size_t *name_size)
{
    size_t start = count != 0 && text[0] == '#', size = 0;
    while (start + size < count && size < MAX_UNAMBIGUOUS_NAME && is_alphanumeric(text[start + size])) {
        name[size] = (char)text[start + size];
        size++;
    }
    *name_size = size;
    return size != 0 && start + size < count && text[start + size] == ';' ? start + size + 1 : 0;
}

bool tl_html__unescape_unambiguous(const tl_code_points *text, tl_code_points *out, tl_error *err)
{
    for (size_t at = 0; at < text->count;) {
        char name[MAX_UNAMBIGUOUS_NAME];
        size_t name_size, size = 0;
        bool found = false;
        if (text->items[at] == '&')
            size = measure_unambiguous(text->items + at + 1, text->count - at - 1, name, &name_size);
        if (size != 0 && text->items[at + 1] == '#') {
            uint32_t number;
            /* Read to the semicolon or not at all; a semicolon itself stays escaped. */
            found = read_number(text->items + at + 1, size, &number) == size && number != ';';
            if (found && !append_number(number, out, err))
                return false;
        } else if (size != 0 && !append_unambiguous(name, name_size, &found, out, err)) {
            return false;
        }
        if (found)
            at += 1 + size;
        else if (!tl_unicode__append(out, text->items[at++], err))
            return false;
    }
    return true;
}

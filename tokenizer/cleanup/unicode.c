/*
 * Unicode over utf8proc: the only file that includes it.
 *
 * Normal forms: every code point is decomposed by utf8proc, marks are put in canonical order here (a counting sort a run, so that
 * a long run of marks costs no square), then utf8proc composes. Final sigma follows the Unicode Standard 3.13 (table 3-17) as
 * CPython's str.lower does.
 */
#include "tokenizer/cleanup/unicode.h"

#include "base/core/memory.h"

#include <utf8proc.h>

enum {
    MAX_DECOMPOSED = 32, /* code points of one decomposition; the longest is 18 */
    CAPITAL_SIGMA = 0x3A3,
    SMALL_SIGMA = 0x3C3,
    FINAL_SIGMA = 0x3C2,
    DOTTED_CAPITAL_I = 0x130, /* the one code point whose lower case is two */
    DOT_ABOVE = 0x307,
    FIRST_COMPOSING = 0x300 /* text below is in form C already */
};

uint32_t tl_unicode__next(tl_slice text, size_t *at)
{
    const unsigned char *bytes = (const unsigned char *)text.data + *at;
    size_t size = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    uint32_t point = size == 1 ? bytes[0] : bytes[0] & (0x7FU >> size);
    for (size_t i = 1; i < size; i++)
        point = point << 6 | (bytes[i] & 0x3F);
    *at += size;
    return point;
}

bool tl_unicode__append(tl_code_points *out, uint32_t point, tl_error *err)
{
    if (out->count == out->capacity && !tl_memory_reserve(&out->items, &out->capacity, out->count + 1, sizeof *out->items, err))
        return false;
    out->items[out->count++] = point;
    return true;
}

bool tl_unicode__decode(tl_slice text, tl_code_points *out, tl_error *err)
{
    if (!tl_memory_reserve(&out->items, &out->capacity, out->count + text.size, sizeof *out->items, err))
        return false;
    for (size_t at = 0; at < text.size;)
        out->items[out->count++] = tl_unicode__next(text, &at);
    return true;
}

bool tl_unicode__encode(const uint32_t *points, size_t count, tl_string *out, tl_error *err)
{
    char block[1024];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (used > sizeof block - 4) {
            if (!tl_string_append(out, block, used, err))
                return false;
            used = 0;
        }
        uint32_t point = points[i];
        if (point < 0x80) {
            block[used++] = (char)point;
        } else if (point < 0x800) {
            block[used++] = (char)(0xC0 | point >> 6);
            block[used++] = (char)(0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
            block[used++] = (char)(0xE0 | point >> 12);
            block[used++] = (char)(0x80 | (point >> 6 & 0x3F));
            block[used++] = (char)(0x80 | (point & 0x3F));
        } else {
            block[used++] = (char)(0xF0 | point >> 18);
            block[used++] = (char)(0x80 | (point >> 12 & 0x3F));
            block[used++] = (char)(0x80 | (point >> 6 & 0x3F));
            block[used++] = (char)(0x80 | (point & 0x3F));
        }
    }
    return tl_string_append(out, block, used, err);
}

static utf8proc_category_t category_of(uint32_t point)
{
    return utf8proc_category((utf8proc_int32_t)point);
}

bool tl_unicode__is_letter(uint32_t point)
{
    utf8proc_category_t category = category_of(point);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool tl_unicode__is_number(uint32_t point)
{
    utf8proc_category_t category = category_of(point);
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool tl_unicode__is_decimal(uint32_t point)
{
    return category_of(point) == UTF8PROC_CATEGORY_ND;
}

bool tl_unicode__is_mark(uint32_t point)
{
    return category_of(point) == UTF8PROC_CATEGORY_MN;
}

bool tl_unicode__is_white(uint32_t point)
{
    if (point < 0x80)
        return point == ' ' || (point >= '\t' && point <= '\r');
    return point == 0x85 || point == 0xA0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
           point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

bool tl_unicode__is_python_space(uint32_t point)
{
    return tl_unicode__is_white(point) || (point >= 0x1C && point <= 0x1F);
}

uint32_t tl_unicode__to_lower(uint32_t point)
{
    if (point < 0x80)
        return point >= 'A' && point <= 'Z' ? point + 32 : point;
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)point);
}

uint32_t tl_unicode__to_upper(uint32_t point)
{
    if (point < 0x80)
        return point >= 'a' && point <= 'z' ? point - 32 : point;
    return (uint32_t)utf8proc_toupper((utf8proc_int32_t)point);
}

/* The property Case_Ignorable: marks, formats, modifiers and the punctuation that stands inside words. */
static bool is_case_ignorable(uint32_t point)
{
    static const uint16_t inside_words[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                            0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    utf8proc_category_t category = category_of(point);
    if (category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME || category == UTF8PROC_CATEGORY_CF ||
        category == UTF8PROC_CATEGORY_LM || category == UTF8PROC_CATEGORY_SK)
        return true;
    for (size_t i = 0; i < sizeof inside_words / sizeof *inside_words; i++)
        if (inside_words[i] == point)
            return true;
    return false;
}

/* The property Cased, less what is case-ignorable as well. */
static bool is_cased(uint32_t point)
{
    utf8proc_category_t category = category_of(point);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LT) || point == 0xAA || point == 0xBA ||
           (point >= 0x2160 && point <= 0x217F) || (point >= 0x24B6 && point <= 0x24E9) ||
           (point >= 0x1F130 && point <= 0x1F149) || (point >= 0x1F150 && point <= 0x1F169) ||
           (point >= 0x1F170 && point <= 0x1F189);
}

/*
 * Where each capital sigma stands: after[i] says that a cased letter follows item i with only case-ignorable ones between. One
 * pass from the back, so that a text of sigmas and marks costs no square.
 */
static bool lower_sigmas(tl_code_points *points, tl_error *err)
{
    bool cased_after = false, cased_before = false;
    bool *after = tl_memory_allocate(points->count, sizeof *after, err);
    if (after == NULL)
        return false;
    for (size_t i = points->count; i-- > 0;) {
        after[i] = cased_after;
        if (!is_case_ignorable(points->items[i]))
            cased_after = is_cased(points->items[i]);
    }
    for (size_t i = 0; i < points->count; i++) {
        uint32_t point = points->items[i];
        if (point == CAPITAL_SIGMA)
            points->items[i] = cased_before && !after[i] ? FINAL_SIGMA : SMALL_SIGMA;
        if (!is_case_ignorable(point))
            cased_before = is_cased(point);
    }
    tl_memory_free(after);
    return true;
}

/* Makes room for the second code point of each capital dotted I and writes both. */
static bool lower_dotted(tl_code_points *points, size_t dotted, tl_error *err)
{
    if (!tl_memory_reserve(&points->items, &points->capacity, points->count + dotted, sizeof *points->items, err))
        return false;
    size_t to = points->count + dotted;
    for (size_t from = points->count; from-- > 0;) {
        uint32_t point = points->items[from];
        if (point == DOTTED_CAPITAL_I)
            points->items[--to] = DOT_ABOVE;
        points->items[--to] = point == DOTTED_CAPITAL_I ? 'i' : point;
    }
    points->count += dotted;
    return true;
}

bool tl_unicode__lower(tl_code_points *points, bool final_sigma, tl_error *err)
{
    size_t sigmas = 0, dotted = 0;
    for (size_t i = 0; i < points->count; i++) {
        sigmas += points->items[i] == CAPITAL_SIGMA;
        dotted += points->items[i] == DOTTED_CAPITAL_I;
    }
    if (final_sigma && sigmas != 0 && !lower_sigmas(points, err))
        return false;
    if (dotted != 0 && !lower_dotted(points, dotted, err))
        return false;
    for (size_t i = 0; i < points->count; i++)
        points->items[i] = tl_unicode__to_lower(points->items[i]);
    return true;
}

static uint8_t combining_class(uint32_t point)
{
    return point < FIRST_COMPOSING ? 0 : (uint8_t)utf8proc_get_property((utf8proc_int32_t)point)->combining_class;
}

/* Stable sort of a run of marks by their combining class; spare has room for them. */
static void order_marks(uint32_t *marks, size_t count, uint32_t *spare)
{
    size_t starts[257] = {0};
    for (size_t i = 0; i < count; i++)
        starts[combining_class(marks[i]) + 1]++;
    for (size_t i = 1; i < 257; i++)
        starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++)
        spare[starts[combining_class(marks[i])]++] = marks[i];
    memcpy(marks, spare, count * sizeof *marks);
}

static bool order_all_marks(tl_code_points *points, tl_error *err)
{
    uint32_t *spare = NULL;
    for (size_t i = 0; i < points->count;) {
        size_t start = i;
        bool in_order = true;
        for (uint8_t last = 0; i < points->count; i++) {
            uint8_t own = combining_class(points->items[i]);
            if (own == 0)
                break;
            in_order = in_order && last <= own;
            last = own;
        }
        if (!in_order) {
            if (spare == NULL && (spare = tl_memory_allocate(points->count, sizeof *spare, err)) == NULL)
                return false;
            order_marks(points->items + start, i - start, spare);
        }
        i += i == start;
    }
    tl_memory_free(spare);
    return true;
}

static bool is_plain(const tl_code_points *points, tl_normal_form form)
{
    uint32_t limit = form == TL_FORM_C ? FIRST_COMPOSING : 0x80;
    for (size_t i = 0; i < points->count; i++)
        if (points->items[i] >= limit)
            return false;
    return true;
}

bool tl_unicode__normalize(tl_code_points *points, tl_normal_form form, tl_error *err)
{
    if (is_plain(points, form))
        return true;
    bool ok = false, composes = form == TL_FORM_C || form == TL_FORM_KC;
    utf8proc_option_t options = UTF8PROC_DECOMPOSE;
    if (form == TL_FORM_KC || form == TL_FORM_KD)
        options |= UTF8PROC_COMPAT;
    tl_code_points parts = {0};

    if (!tl_memory_reserve(&parts.items, &parts.capacity, points->count, sizeof *parts.items, err))
        goto done;
    for (size_t i = 0; i < points->count; i++) {
        utf8proc_int32_t found[MAX_DECOMPOSED];
        int boundary = 0;
        utf8proc_ssize_t count =
            utf8proc_decompose_char((utf8proc_int32_t)points->items[i], found, MAX_DECOMPOSED, options, &boundary);
        TL_ASSERT(count >= 0 && count <= MAX_DECOMPOSED);
        for (utf8proc_ssize_t k = 0; k < count; k++)
            if (!tl_unicode__append(&parts, (uint32_t)found[k], err))
                goto done;
    }
    if (!order_all_marks(&parts, err))
        goto done;
    if (composes) {
        utf8proc_ssize_t count = utf8proc_normalize_utf32((utf8proc_int32_t *)(void *)parts.items, (utf8proc_ssize_t)parts.count,
                                                          UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        TL_ASSERT(count >= 0 && (size_t)count <= parts.count);
        parts.count = (size_t)count;
    }
    tl_memory_free(points->items);
    *points = parts;
    parts = (tl_code_points){0};
    ok = true;
done:
    tl_memory_free(parts.items);
    return ok;
}

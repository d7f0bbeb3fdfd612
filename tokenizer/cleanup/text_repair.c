/*
 * ftfy.fix_text (Speer 2019, version 6.3): every line is repaired by a fixed sequence of steps until none changes it. Repairs of
 * encoding are in mojibake.c, HTML references in html_entities.c, all others here.
 */
#include "tokenizer/cleanup/cleanup.h"

#include "base/core/memory.h"
#include "tokenizer/cleanup/html_entities_internal.h"
#include "tokenizer/cleanup/mojibake_internal.h"

enum {
    MAX_SEGMENT = 1000000, /* code points repaired at once; the reference's own number */
    MAX_ROUNDS = 64,
    ESCAPE = 0x1B,
    IDEOGRAPHIC_SPACE = 0x3000,
    FIRST_WIDTH_FORM = 0xFF01,
    LAST_WIDTH_FORM = 0xFFEF
};

/* Letters that are one character for the sake of type or of old encodings. */
static const struct {
    uint32_t ligature;
    const char *letters;
} ligatures[] = {
    {0x132, "IJ"},   {0x133, "ij"},   {0x149, "\xCA\xBCn"},  {0x1C4, "D\xC5\xBD"}, {0x1C5, "D\xC5\xBE"}, {0x1C6, "d\xC5\xBE"},
    {0x1C7, "LJ"},   {0x1C8, "Lj"},   {0x1C9, "lj"},         {0x1CA, "NJ"},        {0x1CB, "Nj"},        {0x1CC, "nj"},
    {0x1F1, "DZ"},   {0x1F2, "Dz"},   {0x1F3, "dz"},         {0xFB00, "ff"},       {0xFB01, "fi"},       {0xFB02, "fl"},
    {0xFB03, "ffi"}, {0xFB04, "ffl"}, {0xFB05, "\xC5\xBFt"}, {0xFB06, "st"},
};

static bool is_in(uint32_t point, uint32_t first, uint32_t last)
{
    return point >= first && point <= last;
}

/* Quotes made straight, line separators made line breaks: one character to one. */
static uint32_t straighten(uint32_t point)
{
    if (is_in(point, 0x201C, 0x201F))
        return '"';
    if (point == 0x2BC || is_in(point, 0x2018, 0x201B))
        return '\'';
    return point == 0x2028 || point == 0x2029 ? '\n' : point;
}

/* Appends one full-width or half-width form in its usual width. */
static bool append_usual_width(uint32_t point, tl_code_points *out, tl_error *err)
{
    tl_code_points form = {0};
    bool ok = tl_unicode__append(&form, point, err) && tl_unicode__normalize(&form, TL_FORM_KC, err);
    for (size_t i = 0; ok && i < form.count; i++)
        ok = tl_unicode__append(out, straighten(form.items[i]), err);
    tl_memory_free(form.items);
    return ok;
}

static bool append_letters(const char *letters, tl_code_points *out, tl_error *err)
{
    const tl_slice text = tl_slice_of(letters);
    for (size_t at = 0; at < text.size;)
        if (!tl_unicode__append(out, straighten(tl_unicode__next(text, &at)), err))
            return false;
    return true;
}

/* The steps that look at one character: C1 controls, ligatures, widths, quotes, line breaks. */
static bool append_repaired(uint32_t point, tl_code_points *out, tl_error *err)
{
    if (point < 0x80)
        return tl_unicode__append(out, point, err);
    point = tl_mojibake__c1_meaning(point);
    for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
        if (ligatures[i].ligature == point)
            return append_letters(ligatures[i].letters, out, err);
    if (is_in(point, FIRST_WIDTH_FORM, LAST_WIDTH_FORM))
        return append_usual_width(point, out, err);
    if (point == IDEOGRAPHIC_SPACE)
        point = ' ';
    return tl_unicode__append(out, straighten(point), err);
}

static bool repair_characters(tl_code_points *text, tl_error *err)
{
    bool ok = false;
    tl_code_points out = {0};
    for (size_t i = 0; i < text->count; i++)
        if (!append_repaired(text->items[i], &out, err))
            goto done;
    tl_memory_free(text->items);
    *text = out;
    out = (tl_code_points){0};
    ok = true;
done:
    tl_memory_free(out.items);
    return ok;
}

/* CR LF and CR become LF. */
static void unify_line_breaks(tl_code_points *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count; i++) {
        if (text->items[i] == '\r' && i + 1 < text->count && text->items[i + 1] == '\n')
            continue;
        text->items[kept++] = text->items[i] == '\r' ? '\n' : text->items[i];
    }
    text->count = kept;
}

/* The size of an ANSI escape "ESC [ 1;31 m" at the start, 0: none. */
static size_t measure_escape(const uint32_t *text, size_t count)
{
    size_t at = 2;
    if (count < 3 || text[0] != ESCAPE || text[1] != '[')
        return 0;
    while (at < count && (text[at] == ';' || tl_unicode__is_decimal(text[at])))
        at++;
    return at < count && (is_in(text[at], 'a', 'z') || is_in(text[at], 'A', 'Z')) ? at + 1 : 0;
}

static void remove_escapes(tl_code_points *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count;) {
        size_t size = measure_escape(text->items + i, text->count - i);
        if (size != 0)
            i += size;
        else
            text->items[kept++] = text->items[i++];
    }
    text->count = kept;
}

/* Controls without an effect on text, old Arabic controls, annotations, the replacement of an object, the byte order mark. */
static bool is_unwanted(uint32_t point)
{
    return point <= 0x8 || point == 0xB || is_in(point, 0xE, 0x1F) || point == 0x7F || is_in(point, 0x206A, 0x206F) ||
           point == 0xFEFF || is_in(point, 0xFFF9, 0xFFFC);
}

static void remove_controls(tl_code_points *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count; i++)
        if (!is_unwanted(text->items[i]))
            text->items[kept++] = text->items[i];
    text->count = kept;
}

/* Text that no step can change. */
static bool is_sound(const tl_code_points *text, bool unescapes)
{
    for (size_t i = 0; i < text->count; i++) {
        uint32_t point = text->items[i];
        if (point >= 0x80 || is_unwanted(point) || point == '\r' || (unescapes && point == '&'))
            return false;
    }
    return true;
}

static bool unescape(tl_code_points *text, tl_error *err)
{
    tl_code_points out = {0};
    if (!tl_html__unescape_unambiguous(text, &out, err)) {
        tl_memory_free(out.items);
        return false;
    }
    tl_memory_free(text->items);
    *text = out;
    return true;
}

static bool copy_points(const uint32_t *items, size_t count, tl_code_points *out, tl_error *err)
{
    if (!tl_memory_reserve(&out->items, &out->capacity, count, sizeof *items, err))
        return false;
    if (count != 0)
        memcpy(out->items, items, count * sizeof *items);
    out->count = count;
    return true;
}

static bool repair_segment(tl_code_points *text, bool unescapes, tl_error *err)
{
    bool ok = false;
    tl_code_points before = {0};
    for (unsigned round = 0; round < MAX_ROUNDS && !is_sound(text, unescapes); round++) {
        if (!copy_points(text->items, text->count, &before, err))
            goto done;
        if ((unescapes && !unescape(text, err)) || !tl_mojibake__repair(text, err) || !repair_characters(text, err))
            goto done;
        unify_line_breaks(text);
        remove_escapes(text);
        remove_controls(text);
        if (!tl_unicode__normalize(text, TL_FORM_C, err))
            goto done;
        if (text->count == before.count &&
            (text->count == 0 || memcmp(text->items, before.items, text->count * sizeof *text->items) == 0))
            break;
    }
    ok = true;
done:
    tl_memory_free(before.items);
    return ok;
}

static size_t measure_segment(const uint32_t *text, size_t count)
{
    size_t size = 0;
    while (size < count && text[size] != '\n')
        size++;
    size += size < count;
    return size < MAX_SEGMENT ? size : MAX_SEGMENT;
}

static bool has_angle(const uint32_t *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text[i] == '<')
            return true;
    return false;
}

bool tl_text_repair__apply(tl_code_points *text, tl_error *err)
{
    bool ok = false, unescapes = true;
    tl_code_points out = {0}, segment = {0};

    for (size_t at = 0; at < text->count;) {
        size_t size = measure_segment(text->items + at, text->count - at);
        /* A < says that this is HTML itself: from there on references stay. */
        unescapes = unescapes && !has_angle(text->items + at, size);
        if (!copy_points(text->items + at, size, &segment, err) || !repair_segment(&segment, unescapes, err))
            goto done;
        for (size_t i = 0; i < segment.count; i++)
            if (!tl_unicode__append(&out, segment.items[i], err))
                goto done;
        at += size;
    }
    tl_memory_free(text->items);
    *text = out;
    out = (tl_code_points){0};
    ok = true;
done:
    tl_memory_free(segment.items);
    tl_memory_free(out.items);
    return ok;
}

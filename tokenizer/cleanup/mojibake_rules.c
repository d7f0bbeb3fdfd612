/*
 * Decides whether a text looks like mojibake: rules of two to six characters in a row that hardly anybody means, such as an
 * accented small letter before a currency sign. The rules and the meanings of characters are those of ftfy 6.3's badness
 * heuristic (Speer 2019), so that the same texts are repaired as in the models' training.
 */
#include "tokenizer/cleanup/mojibake_internal.h"

#include <uchar.h>

/* Beyond the table's meanings: what only some rules ask of a character. */
enum {
    ASCII_SMALL = 1 << 19,
    ASCII_LETTER = 1 << 20,
    SPACE = 1 << 21,
    WORD = 1 << 22, /* letter, number or underscore */
    NOT_ASCII_LETTER = 1 << 23,
    NOT_LINE_BREAK = 1 << 24
};

enum { MAX_RULE_SIZE = 6, FIRST_BEYOND_ASCII = 0x80 };

#define COMMON TL_MOJIBAKE_COMMON
#define C1 TL_MOJIBAKE_C1
#define BAD TL_MOJIBAKE_BAD
#define LAW TL_MOJIBAKE_LAW
#define CURRENCY TL_MOJIBAKE_CURRENCY
#define START TL_MOJIBAKE_START
#define END TL_MOJIBAKE_END
#define NUMERIC TL_MOJIBAKE_NUMERIC
#define KAOMOJI TL_MOJIBAKE_KAOMOJI
#define UPPER TL_MOJIBAKE_UPPER_ACCENTED
#define LOWER TL_MOJIBAKE_LOWER_ACCENTED
#define UPPER_COMMON TL_MOJIBAKE_UPPER_COMMON
#define LOWER_COMMON TL_MOJIBAKE_LOWER_COMMON
#define BOX TL_MOJIBAKE_BOX

/* One character: of one of the classes, or one of the others. */
typedef struct place {
    uint32_t classes;
    const char16_t *others;
} place;

typedef struct rule {
    place places[MAX_RULE_SIZE]; /* ends at an empty one */
    bool at_start;               /* of the text */
} rule;

static const rule rules[] = {
    {{{C1, NULL}}, false},
    {{{BAD | LOWER | UPPER | BOX | START | END | CURRENCY | NUMERIC | LAW, NULL}, {BAD, NULL}}, false},
    {{{ASCII_LETTER, NULL}, {LOWER_COMMON | UPPER_COMMON, NULL}, {BAD, NULL}}, false},
    {{{BAD, NULL}, {LOWER | UPPER | BOX | START | END | CURRENCY | NUMERIC | LAW, NULL}}, false},
    {{{LOWER | LOWER_COMMON | BOX | END | CURRENCY | NUMERIC, NULL}, {UPPER, NULL}}, false},
    {{{BOX | END | CURRENCY | NUMERIC, NULL}, {LOWER, NULL}}, false},
    {{{LOWER | BOX | END, NULL}, {CURRENCY, NULL}}, false},
    {{{SPACE, NULL}, {UPPER, NULL}, {CURRENCY, NULL}}, false},
    {{{UPPER | BOX, NULL}, {NUMERIC | LAW, NULL}}, false},
    {{{LOWER | UPPER | BOX | CURRENCY | END, NULL}, {START, NULL}, {NUMERIC, NULL}}, false},
    {{{LOWER | UPPER | CURRENCY | NUMERIC | BOX | LAW, NULL}, {END, NULL}, {START, NULL}}, false},
    {{{CURRENCY | NUMERIC | BOX, NULL}, {START, NULL}}, false},
    {{{ASCII_SMALL, NULL}, {UPPER, NULL}, {START | CURRENCY, NULL}}, false},
    {{{BOX, NULL}, {KAOMOJI, NULL}}, false},
    {{{LOWER | UPPER | CURRENCY | NUMERIC | START | END | LAW, NULL}, {BOX, NULL}}, false},
    {{{BOX, NULL}, {END, NULL}}, false},
    {{{LOWER | UPPER, NULL}, {START | END, NULL}, {WORD, NULL}}, false},
    {{{0, u"Œœ"}, {NOT_ASCII_LETTER, NULL}}, false},
    {{{UPPER, NULL}, {0, u"°"}}, false},
    /* Windows-1252: two characters that the rules above do not cover */
    {{{0, u"ÂÃÎÐ"}, {START | END, u"€œŠš¢£Ÿž\u00A0\u00AD®°·»–—´"}}, false},
    {{{0, u"×"}, {0, u"²³"}}, false},
    /* Windows-1252: Arabic words; common characters count, so four are asked for */
    {{{0, u"ØÙ"},
      {COMMON | CURRENCY | BAD | NUMERIC | START, u"ŸŠ®°µ»"},
      {0, u"ØÙ"},
      {COMMON | CURRENCY | BAD | NUMERIC | START, u"ŸŠ®°µ»"}},
     false},
    /* Windows-1252: South Asian alphabets */
    {{{0, u"à"}, {0, u"²µ¹¼½¾"}}, false},
    /* MacRoman */
    {{{0, u"√"}, {0, u"±∂†≠®™´≤≥¥µø"}}, false},
    {{{0, u"≈"}, {0, u"°¢"}}, false},
    {{{0, u"‚"}, {0, u"Ä"}, {0, u"ìîïòôúùû†°¢π"}}, false},
    {{{0, u"‚"}, {0, u"âó"}, {0, u"àä°ê"}}, false},
    /* Windows-1251: U+2000 to U+203F, then Latin-1 or Cyrillic letters, then those once more */
    {{{0, u"в"}, {0, u"Ђ"}}, false},
    {{{0, u"ВГРС"}, {C1 | BAD | START | END | CURRENCY, u"°µ"}, {0, u"ВГРС"}}, false},
    {{{0, u"Г"}, {0, u"ў"}, {0, u"В"}, {0, u"Ђ"}, {0, u"В"}, {NOT_LINE_BREAK, NULL}}, false}, /* and a seventh: see below */
    /* Windows-1252: a with grave or acute, and the space that takes no break */
    {{{0, u"Ã"}, {0, u"\u00A0¡"}}, false},
    {{{ASCII_SMALL, NULL}, {0, u"ÃÂ"}, {0, u" "}}, false},
    {{{ASCII_SMALL, NULL}, {SPACE, NULL}, {0, u"ÃÂ"}, {0, u" "}}, false},
    {{{0, u"ÃÂ"}, {0, u" "}}, true},
    {{{ASCII_SMALL | END, u".,?!"}, {0, u"Â"}, {START | END, u" "}}, false},
    /* Windows-1253: U+2000 to U+203F, then Latin-1 or Greek letters */
    {{{0, u"β"}, {0, u"€"}, {0, u"™\u00A0Ά\u00AD®°"}}, false},
    {{{0, u"ΒΓΞΟ"}, {C1 | BAD | START | END | CURRENCY, u"°"}, {0, u"ΒΓΞΟ"}}, false},
    /* Windows-1257: U+2000 to U+203F */
    {{{0, u"ā"}, {0, u"€"}}, false},
};

enum { RULE_COUNT = sizeof rules / sizeof *rules };

uint32_t tl_mojibake__mask(uint32_t point)
{
    size_t low = 0, high = tl_mojibake_range_count;
    if (point < FIRST_BEYOND_ASCII)
        return point == ' ' ? TL_MOJIBAKE_CONTINUATION : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point > tl_mojibake_ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tl_mojibake_range_count && point >= tl_mojibake_ranges[low].first ? tl_mojibake_ranges[low].mask : 0;
}

static bool is_ascii_letter(uint32_t point)
{
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

static bool is_asked_for(uint32_t classes, uint32_t point)
{
    return ((classes & ASCII_SMALL) != 0 && point >= 'a' && point <= 'z') ||
           ((classes & ASCII_LETTER) != 0 && is_ascii_letter(point)) ||
           ((classes & SPACE) != 0 && tl_unicode__is_python_space(point)) ||
           ((classes & WORD) != 0 && (point == '_' || tl_unicode__is_letter(point) || tl_unicode__is_number(point))) ||
           ((classes & NOT_ASCII_LETTER) != 0 && !is_ascii_letter(point)) || ((classes & NOT_LINE_BREAK) != 0 && point != '\n');
}

static bool matches_place(const place *wanted, uint32_t point, uint32_t mask)
{
    if ((mask & wanted->classes) != 0 || is_asked_for(wanted->classes, point))
        return true;
    for (const char16_t *other = wanted->others; other != NULL && *other != 0; other++)
        if (*other == point)
            return true;
    return false;
}

/* Five Cyrillic letters, any character, and a letter or a space. */
static bool ends_long_rule(const uint32_t *text, size_t count)
{
    return count > MAX_RULE_SIZE && (is_ascii_letter(text[MAX_RULE_SIZE]) || text[MAX_RULE_SIZE] == ' ');
}

/* The mask of text[0] is known already: most rules end there. */
static bool matches_rule(const rule *wanted, const uint32_t *text, size_t count, uint32_t first_mask)
{
    size_t size = 0;
    while (size < MAX_RULE_SIZE && (wanted->places[size].classes != 0 || wanted->places[size].others != NULL)) {
        if (size == count)
            return false;
        uint32_t mask = size == 0 ? first_mask : tl_mojibake__mask(text[size]);
        if (!matches_place(&wanted->places[size], text[size], mask))
            return false;
        size++;
    }
    return size < MAX_RULE_SIZE || ends_long_rule(text, count);
}

bool tl_mojibake__is_bad(const uint32_t *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* Every rule has a character beyond ASCII among its first three. */
        if (text[i] < FIRST_BEYOND_ASCII && (i + 1 >= count || text[i + 1] < FIRST_BEYOND_ASCII) &&
            (i + 2 >= count || text[i + 2] < FIRST_BEYOND_ASCII))
            continue;
        uint32_t mask = tl_mojibake__mask(text[i]);
        /* No rule begins with a character without a meaning, spaces and ASCII apart. */
        if (mask == 0 && text[i] >= FIRST_BEYOND_ASCII && !tl_unicode__is_python_space(text[i]))
            continue;
        for (size_t r = 0; r < RULE_COUNT; r++)
            if ((i == 0 || !rules[r].at_start) && matches_rule(&rules[r], text + i, count - i, mask))
                return true;
    }
    return false;
}

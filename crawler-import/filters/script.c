/*
 * Owns the table of scripts: ranges of code points by Unicode 15's blocks, of the scripts that captions of the web are written
 * in. What lies in no range (digits, signs, emoji, marks shared by scripts) is no letter here.
 */
#include "crawler-import/filters/script.h"

#include <string.h>

typedef enum script {
    LATIN,
    GREEK,
    CYRILLIC,
    ARMENIAN,
    HEBREW,
    ARABIC,
    DEVANAGARI,
    BENGALI,
    TAMIL,
    THAI,
    GEORGIAN,
    ETHIOPIC,
    HANGUL,
    KANA,
    HAN,
    OTHER /* letters of scripts that have no name here */
} script;

static const char *const names[OTHER] = {"latin", "greek", "cyrillic", "armenian", "hebrew", "arabic", "devanagari", "bengali",
                                         "tamil", "thai",  "georgian", "ethiopic", "hangul", "kana",   "han"};

typedef struct script_range {
    uint32_t first, last;
    script script;
} script_range;

/* Ascending. */
static const script_range ranges[] = {
    {0x41, 0x5a, LATIN},        {0x61, 0x7a, LATIN},        {0xaa, 0xaa, LATIN},        {0xba, 0xba, LATIN},
    {0xc0, 0xd6, LATIN},        {0xd8, 0xf6, LATIN},        {0xf8, 0x2af, LATIN},       {0x370, 0x3ff, GREEK},
    {0x400, 0x52f, CYRILLIC},   {0x531, 0x58a, ARMENIAN},   {0x5d0, 0x5f2, HEBREW},     {0x620, 0x64a, ARABIC},
    {0x66e, 0x6ff, ARABIC},     {0x700, 0x74f, OTHER},      {0x750, 0x77f, ARABIC},     {0x780, 0x8ff, OTHER},
    {0x900, 0x97f, DEVANAGARI}, {0x980, 0x9ff, BENGALI},    {0xa00, 0xb7f, OTHER},      {0xb80, 0xbff, TAMIL},
    {0xc00, 0xdff, OTHER},      {0xe01, 0xe3a, THAI},       {0xe40, 0xe4e, THAI},       {0xe80, 0x109f, OTHER},
    {0x10a0, 0x10ff, GEORGIAN}, {0x1100, 0x11ff, HANGUL},   {0x1200, 0x139f, ETHIOPIC}, {0x13a0, 0x1c7f, OTHER},
    {0x1c80, 0x1c8f, CYRILLIC}, {0x1c90, 0x1cbf, GEORGIAN}, {0x1d00, 0x1dbf, LATIN},    {0x1e00, 0x1eff, LATIN},
    {0x1f00, 0x1fff, GREEK},    {0x2c60, 0x2c7f, LATIN},    {0x2d00, 0x2d2f, GEORGIAN}, {0x2d30, 0x2d7f, OTHER},
    {0x2d80, 0x2ddf, ETHIOPIC}, {0x2de0, 0x2dff, CYRILLIC}, {0x3005, 0x3007, HAN},      {0x3041, 0x30ff, KANA},
    {0x3105, 0x312f, OTHER},    {0x3131, 0x318e, HANGUL},   {0x31f0, 0x31ff, KANA},     {0x3400, 0x4dbf, HAN},
    {0x4e00, 0x9fff, HAN},      {0xa000, 0xa4cf, OTHER},    {0xa640, 0xa69f, CYRILLIC}, {0xa720, 0xa7ff, LATIN},
    {0xa840, 0xa95f, OTHER},    {0xa960, 0xa97f, HANGUL},   {0xa980, 0xabff, OTHER},    {0xac00, 0xd7ff, HANGUL},
    {0xf900, 0xfaff, HAN},      {0xfb00, 0xfb06, LATIN},    {0xfb1d, 0xfb4f, HEBREW},   {0xfb50, 0xfdff, ARABIC},
    {0xfe70, 0xfefc, ARABIC},   {0xff21, 0xff3a, LATIN},    {0xff41, 0xff5a, LATIN},    {0xff66, 0xff9f, KANA},
    {0xffa0, 0xffdc, HANGUL},   {0x1b000, 0x1b16f, KANA},   {0x20000, 0x323af, HAN},
};

bool tl_scripts_parse(const char *text, uint32_t *set, tl_error *err)
{
    *set = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        size_t found = 0;
        while (found < OTHER && !(strlen(names[found]) == size && strncmp(names[found], text, size) == 0))
            found++;
        if (found == OTHER)
            return tl_fail(err, TL_ERROR_INVALID,
                           "script: expected latin, greek, cyrillic, armenian, hebrew, arabic, devanagari, bengali, tamil, thai, "
                           "georgian, ethiopic, hangul, kana or han, found '%.*s'",
                           size < 100 ? (int)size : 100, text);
        *set |= UINT32_C(1) << found;
        text += size + (text[size] == ',');
    }
    return *set != 0 || tl_fail(err, TL_ERROR_INVALID, "script: expected a name, found none");
}

/* The next code point of valid UTF-8. */
static uint32_t next_point(tl_slice text, size_t *at)
{
    unsigned char first = (unsigned char)text.data[*at];
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? first : first & (0x3fu >> more);
    ++*at;
    for (; more != 0 && *at < text.size; more--, ++*at)
        point = point << 6 | ((unsigned char)text.data[*at] & 0x3f);
    return point;
}

static bool find_script(uint32_t point, script *out)
{
    size_t low = 0;
    size_t high = sizeof ranges / sizeof ranges[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < sizeof ranges / sizeof ranges[0] && point >= ranges[low].first;
    if (found)
        *out = ranges[low].script;
    return found;
}

bool tl_text_is_of_scripts(tl_slice text, uint32_t set)
{
    size_t letters = 0;
    size_t wanted = 0;
    for (size_t at = 0; at < text.size;) {
        script found = OTHER;
        if (!find_script(next_point(text, &at), &found))
            continue;
        letters++;
        wanted += (set >> found) & 1;
    }
    return 2 * wanted > letters;
}

size_t tl_text_length(tl_slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.size; i++)
        length += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return length;
}

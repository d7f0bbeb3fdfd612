/*
 * Owns iconv and the choice of an encoding. Labels and what they stand for follow the WHATWG Encoding Standard (ISO-8859-1 is
 * windows-1252, GB2312 is GB 18030, and so on). The order differs from a browser's in one thing: servers that add a wrong charset
 * to every page are many, so what the bytes themselves can prove wins over what is declared.
 */
#include "crawler-import/crawl/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <strings.h>

enum { PRESCAN_SIZE = 4096, PIECE_SIZE = 16384, SHORTEST_SHOWN = 64 };

typedef struct known_label {
    const char *label;
    const char *name; /* iconv's */
} known_label;

static const known_label labels[] = {{"utf-8", "UTF-8"},
                                     {"utf8", "UTF-8"},
                                     {"unicode-1-1-utf-8", "UTF-8"},
                                     {"x-unicode20utf8", "UTF-8"},
                                     {"utf-16", "UTF-16LE"},
                                     {"utf-16le", "UTF-16LE"},
                                     {"utf-16be", "UTF-16BE"},
                                     {"unicode", "UTF-16LE"},
                                     {"ucs-2", "UTF-16LE"},
                                     {"ascii", "CP1252"},
                                     {"us-ascii", "CP1252"},
                                     {"iso-8859-1", "CP1252"},
                                     {"iso8859-1", "CP1252"},
                                     {"iso_8859-1", "CP1252"},
                                     {"latin1", "CP1252"},
                                     {"latin-1", "CP1252"},
                                     {"l1", "CP1252"},
                                     {"cp1252", "CP1252"},
                                     {"windows-1252", "CP1252"},
                                     {"x-cp1252", "CP1252"},
                                     {"iso-8859-2", "ISO-8859-2"},
                                     {"iso8859-2", "ISO-8859-2"},
                                     {"latin2", "ISO-8859-2"},
                                     {"iso-8859-3", "ISO-8859-3"},
                                     {"iso-8859-4", "ISO-8859-4"},
                                     {"iso-8859-5", "ISO-8859-5"},
                                     {"cyrillic", "ISO-8859-5"},
                                     {"iso-8859-6", "ISO-8859-6"},
                                     {"arabic", "ISO-8859-6"},
                                     {"iso-8859-7", "ISO-8859-7"},
                                     {"greek", "ISO-8859-7"},
                                     {"iso-8859-8", "ISO-8859-8"},
                                     {"iso-8859-8-i", "ISO-8859-8"},
                                     {"hebrew", "ISO-8859-8"},
                                     {"iso-8859-9", "CP1254"},
                                     {"latin5", "CP1254"},
                                     {"windows-1254", "CP1254"},
                                     {"cp1254", "CP1254"},
                                     {"iso-8859-10", "ISO-8859-10"},
                                     {"iso-8859-11", "CP874"},
                                     {"tis-620", "CP874"},
                                     {"windows-874", "CP874"},
                                     {"iso-8859-13", "ISO-8859-13"},
                                     {"iso-8859-14", "ISO-8859-14"},
                                     {"iso-8859-15", "ISO-8859-15"},
                                     {"latin-9", "ISO-8859-15"},
                                     {"iso-8859-16", "ISO-8859-16"},
                                     {"windows-1250", "CP1250"},
                                     {"cp1250", "CP1250"},
                                     {"windows-1251", "CP1251"},
                                     {"cp1251", "CP1251"},
                                     {"x-cp1251", "CP1251"},
                                     {"win-1251", "CP1251"},
                                     {"windows-1253", "CP1253"},
                                     {"cp1253", "CP1253"},
                                     {"windows-1255", "CP1255"},
                                     {"cp1255", "CP1255"},
                                     {"windows-1256", "CP1256"},
                                     {"cp1256", "CP1256"},
                                     {"windows-1257", "CP1257"},
                                     {"cp1257", "CP1257"},
                                     {"windows-1258", "CP1258"},
                                     {"cp1258", "CP1258"},
                                     {"koi8-r", "KOI8-R"},
                                     {"koi8", "KOI8-R"},
                                     {"koi8-u", "KOI8-U"},
                                     {"ibm866", "CP866"},
                                     {"cp866", "CP866"},
                                     {"macintosh", "MACINTOSH"},
                                     {"x-mac-roman", "MACINTOSH"},
                                     {"gb2312", "GB18030"},
                                     {"gbk", "GB18030"},
                                     {"gb18030", "GB18030"},
                                     {"x-gbk", "GB18030"},
                                     {"gb_2312-80", "GB18030"},
                                     {"chinese", "GB18030"},
                                     {"big5", "BIG5-HKSCS"},
                                     {"big5-hkscs", "BIG5-HKSCS"},
                                     {"x-x-big5", "BIG5-HKSCS"},
                                     {"cn-big5", "BIG5-HKSCS"},
                                     {"shift_jis", "CP932"},
                                     {"shift-jis", "CP932"},
                                     {"sjis", "CP932"},
                                     {"x-sjis", "CP932"},
                                     {"windows-31j", "CP932"},
                                     {"ms_kanji", "CP932"},
                                     {"cp932", "CP932"},
                                     {"euc-jp", "EUC-JP-MS"},
                                     {"x-euc-jp", "EUC-JP-MS"},
                                     {"iso-2022-jp", "ISO-2022-JP-2"},
                                     {"euc-kr", "CP949"},
                                     {"ks_c_5601-1987", "CP949"},
                                     {"korean", "CP949"},
                                     {"cp949", "CP949"},
                                     {"windows-949", "CP949"}};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
}

const char *tl_charset_of_label(tl_slice label)
{
    while (label.size != 0 && is_blank(label.data[0]))
        label = (tl_slice){label.data + 1, label.size - 1};
    while (label.size != 0 && is_blank(label.data[label.size - 1]))
        label.size--;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (strlen(labels[i].label) == label.size && strncasecmp(labels[i].label, label.data, label.size) == 0)
            return labels[i].name;
    return NULL;
}

/* What follows `word` (any case) from `at` on; false when it is not there. */
static bool find_after(tl_slice text, size_t at, const char *word, size_t *after)
{
    size_t size = strlen(word);
    for (; at + size <= text.size; at++)
        if (strncasecmp(text.data + at, word, size) == 0) {
            *after = at + size;
            return true;
        }
    return false;
}

/* The encoding of the first known `WORD = LABEL` in the text, with or without quotes. */
static const char *declared_by(tl_slice text, const char *word)
{
    for (size_t at = 0; find_after(text, at, word, &at);) {
        size_t first = at;
        while (first < text.size && is_blank(text.data[first]))
            first++;
        if (first == text.size || text.data[first] != '=')
            continue;
        for (first++; first < text.size && (is_blank(text.data[first]) || text.data[first] == '"' || text.data[first] == '\'');)
            first++;
        size_t end = first;
        while (end < text.size && !is_blank(text.data[end]) && strchr("\"'>;/?", text.data[end]) == NULL)
            end++;
        const char *name = tl_charset_of_label((tl_slice){text.data + first, end - first});
        if (name != NULL)
            return name;
    }
    return NULL;
}

/* A page that declares UTF-16 in ASCII is not UTF-16. */
static const char *declared_by_page(tl_slice bytes)
{
    tl_slice head = {bytes.data, bytes.size < PRESCAN_SIZE ? bytes.size : PRESCAN_SIZE};
    const char *name = head.size > 5 && memcmp(head.data, "<?xml", 5) == 0 ? declared_by(head, "encoding") : NULL;
    if (name == NULL)
        name = declared_by(head, "charset");
    return name != NULL && strncmp(name, "UTF-16", 6) == 0 ? "UTF-8" : name;
}

static const char *of_mark(tl_slice bytes, size_t *mark_size)
{
    const unsigned char *byte = (const unsigned char *)bytes.data;
    *mark_size = 2;
    if (bytes.size >= 3 && byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf) {
        *mark_size = 3;
        return "UTF-8";
    }
    if (bytes.size >= 2 && byte[0] == 0xff && byte[1] == 0xfe)
        return "UTF-16LE";
    if (bytes.size >= 2 && byte[0] == 0xfe && byte[1] == 0xff)
        return "UTF-16BE";
    *mark_size = 0;
    return NULL;
}

/* Markup has many ASCII characters, so half of UTF-16's bytes are nearly all zero, and of other encodings' none. */
static const char *of_zeros(tl_slice bytes)
{
    size_t zeros[2] = {0, 0};
    size_t size = bytes.size < PRESCAN_SIZE ? bytes.size & ~(size_t)1 : PRESCAN_SIZE;
    for (size_t i = 0; i < size; i++)
        zeros[i % 2] += bytes.data[i] == '\0';
    if (size < SHORTEST_SHOWN || zeros[0] + zeros[1] < size / 8)
        return NULL;
    return zeros[1] > 8 * zeros[0] ? "UTF-16LE" : zeros[0] > 8 * zeros[1] ? "UTF-16BE" : NULL;
}

static bool is_ascii(tl_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if ((unsigned char)bytes.data[i] >= 0x80)
            return false;
    return true;
}

/* Converts all; *bad_count: how often U+FFFD was put in. */
static bool convert(tl_slice bytes, const char *from, tl_string *out, size_t *bad_count, tl_error *err)
{
    char piece[PIECE_SIZE];
    iconv_t converter = iconv_open("UTF-8", from);
    if (converter == (iconv_t)-1)
        return errno == ENOMEM ? tl_fail(err, TL_ERROR_NO_MEMORY, "no memory to convert from '%s'", from)
                               : tl_fail(err, TL_ERROR_UNSUPPORTED, "the system cannot convert from '%s'", from);
    size_t unit = strncmp(from, "UTF-16", 6) == 0 ? 2 : 1;
    char *in = (char *)(uintptr_t)bytes.data; /* iconv's prototype; it does not write there */
    size_t left = bytes.size;
    bool ok = true;
    *bad_count = 0;
    while (ok && left != 0) {
        char *end = piece;
        size_t room = sizeof piece;
        errno = 0;
        bool is_stuck = iconv(converter, &in, &left, &end, &room) == (size_t)-1 && errno != E2BIG;
        ok = tl_string_append(out, piece, (size_t)(end - piece), err);
        if (!ok || !is_stuck)
            continue;
        size_t passed = errno == EINVAL ? left : left < unit ? left : unit; /* EINVAL: cut off at the end */
        ok = tl_string_append(out, "\xef\xbf\xbd", 3, err);
        in += passed;
        left -= passed;
        ++*bad_count;
        iconv(converter, NULL, NULL, NULL, NULL);
    }
    iconv_close(converter);
    return ok;
}

/* Undoes what was appended after `start`. */
static void cut(tl_string *out, size_t start)
{
    out->size = start;
    if (out->capacity != 0)
        out->data[start] = '\0';
}

static void blank_controls(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') || text[i] == 0x7f)
            text[i] = ' ';
}

bool tl_charset_append_utf8(tl_slice bytes, const char *content_type, tl_string *out, tl_error *err)
{
    size_t start = out->size;
    size_t mark_size;
    size_t bad_count = 0;
    const char *certain = of_mark(bytes, &mark_size);
    if (mark_size != 0)
        bytes = (tl_slice){bytes.data + mark_size, bytes.size - mark_size};
    if (certain == NULL)
        certain = of_zeros(bytes);
    if (certain == NULL && tl_text_is_utf8(bytes, NULL) && !is_ascii(bytes))
        certain = "UTF-8";
    const char *declared[3] = {certain, NULL, NULL};
    if (certain == NULL) {
        declared[0] = content_type != NULL ? declared_by(tl_slice_of(content_type), "charset") : NULL;
        declared[1] = declared_by_page(bytes);
        declared[2] = declared[0] == NULL && declared[1] == NULL ? "CP1252" : NULL;
    }
    const char *first = NULL;
    bool is_done = false;
    for (size_t i = 0; i < 3 && !is_done; i++) {
        if (declared[i] == NULL)
            continue;
        if (first == NULL)
            first = declared[i];
        if (!convert(bytes, declared[i], out, &bad_count, err))
            return false;
        is_done = bad_count == 0;
        if (!is_done)
            cut(out, start);
    }
    if (!is_done && !convert(bytes, first, out, &bad_count, err))
        return false;
    blank_controls(out->data + start, out->size - start);
    return true;
}

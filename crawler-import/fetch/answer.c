/* Header values and first bytes; the signatures are those of WHATWG's MIME sniffing and of the formats themselves. */
#include "crawler-import/fetch/answer.h"

#include "base/core/utf8.h"
#include "base/net/http.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { SNIFFED_BYTES = 512 };

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static tl_slice trim(tl_slice text)
{
    while (text.size != 0 && is_space(text.data[0]))
        text.data++, text.size--;
    while (text.size != 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

static bool equals_word(tl_slice text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static unsigned refusal_of(tl_slice directive)
{
    static const struct {
        const char *word;
        unsigned refusals;
    } words[] = {
        {"noindex", TL_REFUSAL_NOINDEX}, {"nofollow", TL_REFUSAL_NOFOLLOW},   {"noimageindex", TL_REFUSAL_NOIMAGEINDEX},
        {"noai", TL_REFUSAL_NOAI},       {"noimageai", TL_REFUSAL_NOIMAGEAI}, {"none", TL_REFUSAL_NOINDEX | TL_REFUSAL_NOFOLLOW},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (equals_word(directive, words[i].word))
            return words[i].refusals;
    return 0;
}

/* "unavailable_after: 25 Jun 2030 15:00:00 PST" has colons too, and "max-snippet: 5" is no robot. */
static bool is_name_of_robot(tl_slice name)
{
    if (equals_word(name, "unavailable_after") || (name.size > 4 && strncasecmp(name.data, "max-", 4) == 0) || name.size == 0)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (is_space(name.data[i]))
            return false;
    return true;
}

unsigned tl_answer_refusals(tl_slice value, const char *token)
{
    unsigned refusals = 0;
    bool is_to_us = true;
    while (value.size != 0) {
        const char *comma = memchr(value.data, ',', value.size);
        tl_slice item = {value.data, comma != NULL ? (size_t)(comma - value.data) : value.size};
        size_t taken = item.size + (comma != NULL ? 1 : 0);
        value.data += taken;
        value.size -= taken;
        const char *colon = item.size != 0 ? memchr(item.data, ':', item.size) : NULL;
        if (colon != NULL) {
            tl_slice name = trim((tl_slice){item.data, (size_t)(colon - item.data)});
            if (!is_name_of_robot(name))
                continue;
            is_to_us = equals_word(name, token) || equals_word(name, "*");
            item = (tl_slice){colon + 1, item.size - (size_t)(colon + 1 - item.data)};
        }
        if (is_to_us)
            refusals |= refusal_of(trim(item));
    }
    return refusals;
}

double tl_answer_retry_after(tl_slice value, int64_t now)
{
    char text[64];
    value = trim(value);
    if (value.size == 0 || value.size >= sizeof text || memchr(value.data, '\0', value.size) != NULL)
        return -1;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    if (strspn(text, "0123456789") == value.size) {
        double seconds = 0;
        for (size_t i = 0; i < value.size; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return seconds;
    }
    int64_t date;
    if (!tl_http_date_parse(text, &date))
        return -1;
    return date > now ? (double)date - (double)now : 0;
}

typedef struct signature {
    const char *bytes;
    size_t size;
    size_t at;
    tl_answer_look look;
} signature;

#define SIGNATURE(text, at, look)        \
    {                                    \
        text, sizeof(text) - 1, at, look \
    }

static const signature signatures[] = {
    SIGNATURE("\xff\xd8\xff", 0, TL_LOOK_PICTURE),
    SIGNATURE("\x89PNG\r\n\x1a\n", 0, TL_LOOK_PICTURE),
    SIGNATURE("GIF8", 0, TL_LOOK_PICTURE),
    SIGNATURE("WEBP", 8, TL_LOOK_PICTURE),
    SIGNATURE("8BPS", 0, TL_LOOK_PICTURE),
    SIGNATURE("II*\0", 0, TL_LOOK_PICTURE),
    SIGNATURE("MM\0*", 0, TL_LOOK_PICTURE),
    SIGNATURE("\0\0\1\0", 0, TL_LOOK_PICTURE), /* ico */
    SIGNATURE("\0\0\0\x0cJXL ", 0, TL_LOOK_PICTURE),
    SIGNATURE("\xff\x0a", 0, TL_LOOK_PICTURE), /* jxl */
    SIGNATURE("\0\0\0\x0cjP  ", 0, TL_LOOK_PICTURE),
    SIGNATURE("qoif", 0, TL_LOOK_PICTURE),
    SIGNATURE("ftypavif", 4, TL_LOOK_PICTURE),
    SIGNATURE("ftypavis", 4, TL_LOOK_PICTURE),
    SIGNATURE("ftyphei", 4, TL_LOOK_PICTURE),
    SIGNATURE("ftypmif1", 4, TL_LOOK_PICTURE),
    SIGNATURE("ftyp", 4, TL_LOOK_BINARY), /* films */
    SIGNATURE("BM", 0, TL_LOOK_PICTURE),
    SIGNATURE("%PDF-", 0, TL_LOOK_BINARY),
    SIGNATURE("%!PS", 0, TL_LOOK_BINARY),
    SIGNATURE("PK\3\4", 0, TL_LOOK_BINARY),
    SIGNATURE("\x1f\x8b", 0, TL_LOOK_BINARY),
    SIGNATURE("BZh", 0, TL_LOOK_BINARY),
    SIGNATURE("\xfd"
              "7zXZ",
              0, TL_LOOK_BINARY),
    SIGNATURE("7z\xbc\xaf", 0, TL_LOOK_BINARY),
    SIGNATURE("Rar!", 0, TL_LOOK_BINARY),
    SIGNATURE("\x28\xb5\x2f\xfd", 0, TL_LOOK_BINARY),
    SIGNATURE("ID3", 0, TL_LOOK_BINARY),
    SIGNATURE("OggS", 0, TL_LOOK_BINARY),
    SIGNATURE("fLaC", 0, TL_LOOK_BINARY),
    SIGNATURE("RIFF", 0, TL_LOOK_BINARY),
    SIGNATURE("\x1a\x45\xdf\xa3", 0, TL_LOOK_BINARY),
    SIGNATURE("FLV", 0, TL_LOOK_BINARY),
    SIGNATURE("CWS", 0, TL_LOOK_BINARY),
    SIGNATURE("\x7f"
              "ELF",
              0, TL_LOOK_BINARY),
    SIGNATURE("wOFF", 0, TL_LOOK_BINARY),
    SIGNATURE("wOF2", 0, TL_LOOK_BINARY),
    SIGNATURE("\xfe\xff", 0, TL_LOOK_TEXT), /* UTF-16 says so itself */
    SIGNATURE("\xff\xfe", 0, TL_LOOK_TEXT),
    SIGNATURE("<\0", 0, TL_LOOK_MARKUP),
    SIGNATURE("\0<", 0, TL_LOOK_MARKUP),
};

/* Bytes that no text has, in any charset that pages are written in (ESC is of ISO-2022). */
static bool is_opaque(unsigned char byte)
{
    return byte < 9 || byte == 11 || (byte > 13 && byte < 27) || (byte > 27 && byte < 32);
}

static bool is_plain_pnm(tl_slice bytes)
{
    return bytes.size > 2 && bytes.data[0] == 'P' && bytes.data[1] >= '1' && bytes.data[1] <= '7' &&
           (is_space(bytes.data[2]) || bytes.data[2] == '#');
}

tl_answer_look tl_answer_sniff(tl_slice bytes)
{
    if (bytes.size > SNIFFED_BYTES)
        bytes.size = SNIFFED_BYTES;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *known = &signatures[i];
        if (bytes.size >= known->at + known->size && memcmp(bytes.data + known->at, known->bytes, known->size) == 0)
            return known->look;
    }
    if (is_plain_pnm(bytes))
        return TL_LOOK_PICTURE;
    for (size_t i = 0; i < bytes.size; i++)
        if (is_opaque((unsigned char)bytes.data[i]))
            return TL_LOOK_UNKNOWN;
    const tl_slice text = trim(tl_utf8_without_mark(bytes));
    return text.size != 0 && text.data[0] == '<' ? TL_LOOK_MARKUP : TL_LOOK_TEXT;
}

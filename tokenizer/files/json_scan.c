/* The pull reader of JSON (RFC 8259): a position, the closers of what is open, and one string. */
#include "tokenizer/files/json_scan.h"

#include <stdarg.h>
#include <stdio.h>

static size_t line_of(const tl_json_scan *scan)
{
    size_t line = 1;
    for (size_t i = 0; i < scan->at && i < scan->bytes.size; i++)
        line += scan->bytes.data[i] == '\n';
    return line;
}

bool tl_json_scan__within(const tl_json_scan *scan, tl_error *err)
{
    return tl_fail_within(err, "'%s': line %zu", scan->name, line_of(scan));
}

bool tl_json_scan__fail(const tl_json_scan *scan, tl_error *err, const char *format, ...)
{
    char sentence[TL_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    tl_fail(err, TL_ERROR_CORRUPT, "%s", sentence);
    return tl_json_scan__within(scan, err);
}

bool tl_json_scan__open(tl_json_scan *scan, const char *name, tl_slice bytes, tl_error *err)
{
    size_t bad;
    *scan = (tl_json_scan){.name = name, .bytes = bytes};
    tl_string_init(&scan->text, TL_JSON_SCAN_MAX_TEXT);
    if (!tl_text_is_utf8(bytes, &bad)) {
        scan->at = bad;
        return tl_json_scan__fail(scan, err, "expected UTF-8, found byte 0x%02x", (unsigned)(unsigned char)bytes.data[bad]);
    }
    return true;
}

void tl_json_scan__close(tl_json_scan *scan)
{
    tl_string_clear(&scan->text);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

char tl_json_scan__peek(tl_json_scan *scan)
{
    while (scan->at < scan->bytes.size && is_blank(scan->bytes.data[scan->at]))
        scan->at++;
    return scan->at < scan->bytes.size ? scan->bytes.data[scan->at] : '\0';
}

/* What was found instead, for a message: a byte that can be shown, or the end. */
static const char *found_byte(char byte, char text[8])
{
    if (byte == '\0')
        return "the end";
    bool is_shown = (unsigned char)byte >= ' ' && (unsigned char)byte <= '~';
    snprintf(text, 8, is_shown ? "'%c'" : "0x%02x", (unsigned)(unsigned char)byte);
    return text;
}

static bool fail_expecting(tl_json_scan *scan, const char *what, tl_error *err)
{
    char text[8];
    return tl_json_scan__fail(scan, err, "expected %s, found %s", what, found_byte(tl_json_scan__peek(scan), text));
}

/* Goes into an object or an array. */
static bool enter(tl_json_scan *scan, char opener, tl_error *err)
{
    if (tl_json_scan__peek(scan) != opener)
        return fail_expecting(scan, opener == '{' ? "an object" : "an array", err);
    if (scan->depth == TL_JSON_SCAN_MAX_DEPTH)
        return tl_json_scan__fail(scan, err, "expected at most %d objects within each other, found more", TL_JSON_SCAN_MAX_DEPTH);
    scan->at++;
    scan->is_first[scan->depth] = true;
    scan->closers[scan->depth++] = opener == '{' ? '}' : ']';
    return true;
}

static int hex_digit(char byte)
{
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
           : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                        : -1;
}

/* The four digits at `at`; false where they are none. */
static bool read_unit(const tl_json_scan *scan, size_t at, uint32_t *unit)
{
    *unit = 0;
    for (size_t i = at; i < at + 4; i++) {
        int digit = i < scan->bytes.size ? hex_digit(scan->bytes.data[i]) : -1;
        if (digit < 0)
            return false;
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* Appends the character of \uXXXX at the scan (after the u), two of them where they are surrogates. */
static bool append_unicode(tl_json_scan *scan, tl_error *err)
{
    uint32_t point, low;
    bool ok = read_unit(scan, scan->at, &point) && point != 0 && !(point >= 0xDC00 && point <= 0xDFFF);
    scan->at += 4;
    if (ok && point >= 0xD800 && point <= 0xDBFF) {
        ok = scan->at + 6 <= scan->bytes.size && memcmp(scan->bytes.data + scan->at, "\\u", 2) == 0 &&
             read_unit(scan, scan->at + 2, &low) && low >= 0xDC00 && low <= 0xDFFF;
        if (ok)
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        scan->at += 6;
    }
    if (!ok)
        return tl_json_scan__fail(scan, err, "expected a character after \\u, found none");
    unsigned char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char leads[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; point >>= 6)
        bytes[i] = (unsigned char)(0x80 | (point & 0x3F));
    bytes[0] = (unsigned char)(leads[size] | point);
    return tl_string_append(&scan->text, (const char *)bytes, size, err);
}

static bool append_escape(tl_json_scan *scan, tl_error *err)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char name = scan->at < scan->bytes.size ? scan->bytes.data[scan->at] : '\0';
    scan->at++;
    if (name == 'u')
        return append_unicode(scan, err);
    const char *place = name != '\0' ? strchr(names, name) : NULL;
    if (place == NULL)
        return tl_json_scan__fail(scan, err, "expected an escape of JSON, found another");
    return tl_string_append(&scan->text, &values[place - names], 1, err);
}

bool tl_json_scan__text(tl_json_scan *scan, tl_error *err)
{
    if (tl_json_scan__peek(scan) != '"')
        return fail_expecting(scan, "a string", err);
    scan->at++;
    tl_string_reset(&scan->text);
    for (;;) {
        size_t start = scan->at;
        while (scan->at < scan->bytes.size && scan->bytes.data[scan->at] != '"' && scan->bytes.data[scan->at] != '\\' &&
               (unsigned char)scan->bytes.data[scan->at] >= ' ')
            scan->at++;
        if (!tl_string_append(&scan->text, scan->bytes.data + start, scan->at - start, err))
            return false;
        char end = scan->at < scan->bytes.size ? scan->bytes.data[scan->at] : '\0';
        if (end != '"' && end != '\\')
            return tl_json_scan__fail(scan, err, "expected the end of a string, found a control character or the end");
        scan->at++;
        if (end == '"')
            return true;
        if (!append_escape(scan, err))
            return false;
    }
}

/* Moves to the next member, whose name it reads, or element; at the end *more is false and the scan has left. */
static bool next(tl_json_scan *scan, bool *more, tl_error *err)
{
    TL_ASSERT(scan->depth != 0);
    char closer = scan->closers[scan->depth - 1], found = tl_json_scan__peek(scan);
    *more = found != closer;
    if (!*more) {
        scan->at++;
        scan->depth--;
        return true;
    }
    if (!scan->is_first[scan->depth - 1]) {
        if (found != ',')
            return fail_expecting(scan, closer == '}' ? "a comma or }" : "a comma or ]", err);
        scan->at++;
    }
    scan->is_first[scan->depth - 1] = false;
    if (closer == ']')
        return true;
    if (!tl_json_scan__text(scan, err))
        return false;
    if (tl_json_scan__peek(scan) != ':')
        return fail_expecting(scan, "a colon", err);
    scan->at++;
    return true;
}

bool tl_json_scan__each(tl_json_scan *scan, char opener, tl_json_value_reader *read, void *context, tl_error *err)
{
    bool more = false;
    if (!enter(scan, opener, err) || !next(scan, &more, err))
        return false;
    while (more)
        if (!read(scan, context, err) || !next(scan, &more, err))
            return false;
    return true;
}

static bool is_number_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' || byte == 'E';
}

bool tl_json_scan__integer(tl_json_scan *scan, int64_t minimum, int64_t maximum, int64_t *out, tl_error *err)
{
    char first = tl_json_scan__peek(scan);
    bool is_negative = first == '-';
    size_t at = scan->at + is_negative, start = at;
    int64_t value = 0;
    for (; at < scan->bytes.size && scan->bytes.data[at] >= '0' && scan->bytes.data[at] <= '9' && at - start < 18; at++)
        value = value * 10 + (scan->bytes.data[at] - '0');
    if (at == start || (at < scan->bytes.size && is_number_byte(scan->bytes.data[at])))
        return fail_expecting(scan, "a whole number", err);
    value = is_negative ? -value : value;
    if (value < minimum || value > maximum)
        return tl_json_scan__fail(scan, err, "expected a number of %lld to %lld, found %lld", (long long)minimum,
                                  (long long)maximum, (long long)value);
    scan->at = at;
    *out = value;
    return true;
}

static bool take_word(tl_json_scan *scan, const char *word)
{
    size_t size = strlen(word);
    if (scan->bytes.size - scan->at < size || memcmp(scan->bytes.data + scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

/* Passes over a value that holds no other. */
static bool skip_scalar(tl_json_scan *scan, tl_error *err)
{
    char first = tl_json_scan__peek(scan);
    if (first == '"')
        return tl_json_scan__text(scan, err);
    if (first == 't' || first == 'f' || first == 'n')
        return take_word(scan, first == 't' ? "true" : first == 'f' ? "false" : "null") || fail_expecting(scan, "a value", err);
    size_t start = scan->at;
    while (scan->at < scan->bytes.size && is_number_byte(scan->bytes.data[scan->at]))
        scan->at++;
    return scan->at != start || fail_expecting(scan, "a value", err);
}

bool tl_json_scan__skip(tl_json_scan *scan, tl_slice *out, tl_error *err)
{
    size_t base = scan->depth;
    char first = tl_json_scan__peek(scan);
    size_t start = scan->at;
    bool more;
    if (first == '{' || first == '[') {
        if (!enter(scan, first, err))
            return false;
        while (scan->depth > base) {
            if (!next(scan, &more, err))
                return false;
            if (!more)
                continue;
            char inner = tl_json_scan__peek(scan);
            if (!(inner == '{' || inner == '[' ? enter(scan, inner, err) : skip_scalar(scan, err)))
                return false;
        }
    } else if (!skip_scalar(scan, err)) {
        return false;
    }
    if (out != NULL)
        *out = (tl_slice){scan->bytes.data + start, scan->at - start};
    return true;
}

bool tl_json_scan__finish(tl_json_scan *scan, tl_error *err)
{
    return tl_json_scan__peek(scan) == '\0' || fail_expecting(scan, "the end", err);
}

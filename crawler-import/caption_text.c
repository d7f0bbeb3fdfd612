/*
 * Owns the cleaning of captions. White space is what Unicode calls so (the set of Python's str.split), and every control
 * character with it: a caption reaches terminals and lines of tables, where ESC, TAB and their like are commands. Without those,
 * a caption cleaned here is the caption that " ".join(text.split()) gives elsewhere.
 */
#include "crawler-import/caption_text.h"

enum { MAX_NAME_SIZE = 65536 };

static unsigned byte_at(tl_slice text, size_t at)
{
    return (unsigned char)text.data[at];
}

/* Bytes of the white-space or control (C0, DEL, C1) character at text[at], 0 when there is none. */
static size_t white_space_size(tl_slice text, size_t at)
{
    unsigned first = byte_at(text, at);
    if (first <= ' ' || first == 0x7f)
        return 1;
    size_t left = text.size - at;
    if (first == 0xc2 && left >= 2)
        return byte_at(text, at + 1) >= 0x80 && byte_at(text, at + 1) <= 0xa0 ? 2 : 0;
    if (first < 0xe1 || first > 0xe3 || left < 3)
        return 0;
    unsigned point = (first & 0x0f) << 12 | (byte_at(text, at + 1) & 0x3f) << 6 | (byte_at(text, at + 2) & 0x3f);
    bool is_space = point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
                    point == 0x202f || point == 0x205f || point == 0x3000;
    return is_space ? 3 : 0;
}

/* Bytes of an override of the writing direction (U+202A to U+202E, U+2066 to U+2069), which makes a text read as another. */
static size_t override_size(tl_slice text, size_t at)
{
    if (text.size - at < 3 || byte_at(text, at) != 0xe2)
        return 0;
    unsigned middle = byte_at(text, at + 1);
    unsigned last = byte_at(text, at + 2);
    return (middle == 0x80 && last >= 0xaa && last <= 0xae) || (middle == 0x81 && last >= 0xa6 && last <= 0xa9) ? 3 : 0;
}

bool tl_caption_append_clean(tl_slice text, tl_string *out, tl_error *err)
{
    bool is_first = true;
    bool has_space = false;
    size_t at = 0;
    while (at < text.size) {
        size_t space = white_space_size(text, at);
        size_t left_out = space != 0 ? space : override_size(text, at);
        if (left_out != 0) {
            has_space = has_space || space != 0;
            at += left_out;
            continue;
        }
        size_t end = at + 1;
        while (end < text.size && white_space_size(text, end) == 0 && override_size(text, end) == 0)
            end++;
        if ((!is_first && has_space && !tl_string_append(out, " ", 1, err)) ||
            !tl_string_append(out, text.data + at, end - at, err))
            return false;
        is_first = has_space = false;
        at = end;
    }
    return true;
}

static bool is_translation(tl_slice line)
{
    static const char mark[] = ".utf8=";
    size_t at = 0;
    while (at < line.size && ((line.data[at] >= 'a' && line.data[at] <= 'z') || (line.data[at] >= 'A' && line.data[at] <= 'Z') ||
                              line.data[at] == '_' || line.data[at] == '@'))
        at++;
    return at != 0 && line.size - at >= sizeof mark - 1 && memcmp(line.data + at, mark, sizeof mark - 1) == 0;
}

static bool is_blank(tl_slice line)
{
    for (size_t at = 0, space; at < line.size; at += space)
        if ((space = white_space_size(line, at)) == 0 && (space = override_size(line, at)) == 0)
            return false;
    return true;
}

tl_slice tl_caption_first_line(tl_slice text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t end = at;
        while (end < text.size && text.data[end] != '\n' && text.data[end] != '\r')
            end++;
        tl_slice line = {text.data + at, end - at};
        if (!is_blank(line) && !is_translation(line))
            return line;
        at = end + 1;
    }
    return (tl_slice){NULL, 0};
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_separator(char byte)
{
    return byte == ' ' || byte == '_' || byte == '-' || byte == '.';
}

/* Cuts counters off the end: "fox 01", "fox-2", "fox (3)", "fox12". */
static size_t size_without_counters(const char *name, size_t size)
{
    for (;;) {
        size_t before = size;
        while (size != 0 && is_separator(name[size - 1]))
            size--;
        size_t digits = size;
        bool in_brackets = digits != 0 && name[digits - 1] == ')';
        digits -= in_brackets ? 1 : 0;
        size_t first = digits;
        while (first != 0 && is_digit(name[first - 1]))
            first--;
        if (first == digits)
            return size;
        if (!in_brackets)
            size = first;
        else if (first != 0 && name[first - 1] == '(')
            size = first - 1;
        if (size == before)
            return size;
    }
}

bool tl_caption_append_from_name(const char *path, tl_string *out, tl_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t size = size_without_counters(name, dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
    tl_string words;
    tl_string_init(&words, MAX_NAME_SIZE);
    bool ok = size <= MAX_NAME_SIZE ? tl_string_append(&words, name, size, err) : true;
    for (size_t i = 0; i < words.size; i++)
        if (words.data[i] == '_' || words.data[i] == '-')
            words.data[i] = ' ';
    ok = ok && tl_caption_append_clean(tl_string_slice(&words), out, err);
    tl_string_clear(&words);
    return ok;
}

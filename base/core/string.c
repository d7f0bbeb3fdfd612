/* Growable text with a ceiling, path joining and the UTF-8 check that every text from outside passes. */
#include "base/core/string.h"

#include "base/core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

static char empty_text[1] = "";

void tl_string_init(tl_string *string, size_t max_size)
{
    *string = (tl_string){.data = empty_text, .max_size = max_size};
}

void tl_string_clear(tl_string *string)
{
    if (string->capacity != 0)
        tl_memory_free(string->data);
    tl_string_init(string, string->max_size);
}

void tl_string_reset(tl_string *string)
{
    string->size = 0;
    if (string->capacity != 0)
        string->data[0] = '\0';
}

static bool make_room(tl_string *string, size_t added, tl_error *err)
{
    if (added > string->max_size - string->size || added >= SIZE_MAX - string->size)
        return tl_fail(err, TL_ERROR_INVALID, "text of more than %zu bytes", string->max_size);
    void *block = string->capacity != 0 ? string->data : NULL;
    if (!tl_memory_reserve(&block, &string->capacity, string->size + added + 1, 1, err))
        return false;
    string->data = block;
    return true;
}

bool tl_string_append(tl_string *string, const char *bytes, size_t size, tl_error *err)
{
    if (!make_room(string, size, err))
        return false;
    if (size != 0)
        memcpy(string->data + string->size, bytes, size);
    string->size += size;
    string->data[string->size] = '\0';
    return true;
}

bool tl_string_append_room(tl_string *string, size_t size, tl_error *err)
{
    if (!make_room(string, size, err))
        return false;
    string->size += size;
    string->data[string->size] = '\0';
    return true;
}

bool tl_string_append_text(tl_string *string, const char *text, tl_error *err)
{
    return tl_string_append(string, text, strlen(text), err);
}

bool tl_string_append_format(tl_string *string, tl_error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return tl_fail(err, TL_ERROR_INVALID, "text cannot be formatted");
    if (!make_room(string, (size_t)length, err))
        return false;
    va_start(arguments, format);
    vsnprintf(string->data + string->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    string->size += (size_t)length;
    return true;
}

bool tl_string_append_base64(tl_string *string, const char *bytes, size_t size, tl_error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t count = size - i < 3 ? size - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < count ? (unsigned char)bytes[i + k] : 0U);
        const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], count > 1 ? digits[bits >> 6 & 63] : '=',
                              count > 2 ? digits[bits & 63] : '='};
        if (!tl_string_append(string, four, sizeof four, err))
            return false;
    }
    return true;
}

tl_slice tl_string_slice(const tl_string *string)
{
    return (tl_slice){string->data, string->size};
}

char *tl_path_join(const char *directory, const char *name, tl_error *err)
{
    size_t directory_size = strlen(directory);
    size_t name_size = strlen(name);
    bool needs_slash = directory_size != 0 && directory[directory_size - 1] != '/';
    char *path = tl_memory_allocate(directory_size + name_size + 2, 1, err);
    if (path == NULL)
        return NULL;
    memcpy(path, directory, directory_size);
    if (needs_slash)
        path[directory_size++] = '/';
    memcpy(path + directory_size, name, name_size);
    return path;
}

/* Length of the well-formed character at text[0..size), or 0. Ranges of the second byte as in table 3-7 of the Unicode Standard.
 */
static size_t character_length(const unsigned char *text, size_t size)
{
    unsigned char lead = text[0];
    if (lead >= 0x01 && lead <= 0x7F)
        return 1;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t length;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        low = lead == 0xE0 ? 0xA0 : low;
        high = lead == 0xED ? 0x9F : high;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        low = lead == 0xF0 ? 0x90 : low;
        high = lead == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (size < length || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

bool tl_text_is_utf8(tl_slice text, size_t *bad_offset)
{
    size_t offset = 0;
    while (offset < text.size) {
        size_t length = character_length((const unsigned char *)text.data + offset, text.size - offset);
        if (length == 0) {
            if (bad_offset != NULL)
                *bad_offset = offset;
            return false;
        }
        offset += length;
    }
    return true;
}

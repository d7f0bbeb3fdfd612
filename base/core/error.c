/*
 * Error text is composed in the caller's struct. Messages quote names and bytes from outside, so that one can always be printed
 * on a terminal: cutting respects UTF-8, and bytes that are no UTF-8 or would move the cursor become question marks.
 */
#include "base/core/error.h"

#include "base/core/string.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drops a trailing character that truncation cut in two. */
static void trim_partial_character(char *text)
{
    size_t size = strlen(text);
    size_t start = size;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t expected = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (size - (start - 1) < expected)
        text[start - 1] = '\0';
}

static void make_printable(char *text)
{
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
    size_t bad = 0;
    for (char *at = text; !tl_text_is_utf8(tl_slice_of(at), &bad); at += bad + 1)
        at[bad] = '?';
}

TL_PRINTF(3, 0)
static void set_message(tl_error *err, tl_error_kind kind, const char *format, va_list arguments)
{
    err->kind = kind;
    int written = vsnprintf(err->message, sizeof err->message, format, arguments);
    if (written < 0)
        err->message[0] = '\0';
    else if ((size_t)written >= sizeof err->message)
        trim_partial_character(err->message);
    make_printable(err->message);
}

bool tl_fail(tl_error *err, tl_error_kind kind, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        set_message(err, kind, format, arguments);
        va_end(arguments);
    }
    return false;
}

static tl_error_kind kind_of_errno(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return TL_ERROR_NOT_FOUND;
    case ENOMEM:
        return TL_ERROR_NO_MEMORY;
    default:
        return TL_ERROR_IO;
    }
}

bool tl_fail_errno(tl_error *err, int error_number, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        set_message(err, kind_of_errno(error_number), format, arguments);
        va_end(arguments);
        char reason[128];
        /* strerror_r of POSIX; its failure leaves a number, which still says something. */
        if (strerror_r(error_number, reason, sizeof reason) != 0)
            snprintf(reason, sizeof reason, "error %d", error_number);
        reason[0] = (char)(reason[0] >= 'A' && reason[0] <= 'Z' ? reason[0] + ('a' - 'A') : reason[0]);
        /* The reason is the fact: a long path gives way to it. */
        size_t used = strlen(err->message);
        size_t room = sizeof err->message - strlen(": ") - strlen(reason) - 1;
        if (used > room) {
            err->message[room] = '\0';
            trim_partial_character(err->message);
            used = strlen(err->message);
        }
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return false;
}

bool tl_fail_as(tl_error *err, const tl_error *kept)
{
    if (err != NULL)
        *err = *kept;
    return false;
}

bool tl_fail_within(tl_error *err, const char *format, ...)
{
    if (err != NULL) {
        char inner[TL_ERROR_MESSAGE_SIZE];
        memcpy(inner, err->message, sizeof inner);
        va_list arguments;
        va_start(arguments, format);
        set_message(err, err->kind, format, arguments);
        va_end(arguments);
        size_t used = strlen(err->message);
        int written = snprintf(err->message + used, sizeof err->message - used, ": %s", inner);
        if (written > 0 && (size_t)written >= sizeof err->message - used)
            trim_partial_character(err->message);
    }
    return false;
}

const char *tl_error_kind_name(tl_error_kind kind)
{
    static const char *const names[] = {
        [TL_ERROR_NONE] = "none",       [TL_ERROR_INVALID] = "invalid",         [TL_ERROR_NOT_FOUND] = "not found",
        [TL_ERROR_CORRUPT] = "corrupt", [TL_ERROR_UNSUPPORTED] = "unsupported", [TL_ERROR_NO_MEMORY] = "no memory",
        [TL_ERROR_IO] = "io",           [TL_ERROR_CANCELLED] = "cancelled",
    };
    return names[kind];
}

void tl_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "twinlens: bug: %s:%d: %s\n", file, line, condition);
    abort();
}

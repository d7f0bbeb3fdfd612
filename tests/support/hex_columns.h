/* Texts of golden files: in hex, since they hold what lines and tabs would break on. */
#ifndef TL_TESTS_SUPPORT_HEX_COLUMNS_H
#define TL_TESTS_SUPPORT_HEX_COLUMNS_H

#include <stddef.h>

static inline int hex_digit(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* Reads hex up to the next tab or line end into text and returns what follows it. */
static inline char *read_hex(char *at, char *text, size_t *size)
{
    *size = 0;
    for (; *at != '\t' && *at != '\n'; at += 2)
        text[(*size)++] = (char)(hex_digit(at[0]) * 16 + hex_digit(at[1]));
    return at + 1;
}

#endif

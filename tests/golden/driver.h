/* What the programs share that scripts drive. */
#ifndef TL_TESTS_GOLDEN_DRIVER_H
#define TL_TESTS_GOLDEN_DRIVER_H

#include "base/core/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool parse_count(const char *text, size_t *out, tl_error *err)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return tl_fail(err, TL_ERROR_INVALID, "expected a number, found '%s'", text);
    *out = value;
    return true;
}

/* For main to return. */
static inline int run_driver(bool (*run)(int count, char **arguments, tl_error *err), int count, char **arguments)
{
    tl_error err = {0};
    if (run(count, arguments, &err))
        return 0;
    fprintf(stderr, "%s: %s\n", arguments[0], err.message);
    return 1;
}

#endif

/*
 * Errors: every function that can fail returns bool and takes a caller-owned `tl_error *err` last.
 *
 * true:  outputs are valid, err is untouched. false: err holds a kind and one finished sentence; outputs must not be read.
 * err may be NULL when the caller only needs to know that it failed. Nothing here allocates or exits.
 * A message says what was expected and what was found, names the object, is lower case and has no full stop:
 *     import 'cats.tsv': line 17: expected 2 columns, found 1
 * The lowest level writes the fact with tl_fail; each level that knows more prepends its context with tl_fail_within.
 */
#ifndef TL_BASE_CORE_ERROR_H
#define TL_BASE_CORE_ERROR_H

#include "base/core/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_ERROR_MESSAGE_SIZE 512

/* Kinds are what a caller can act on; everything else is in the message. */
typedef enum tl_error_kind {
    TL_ERROR_NONE,
    TL_ERROR_INVALID,     /* an argument or option is wrong */
    TL_ERROR_NOT_FOUND,   /* the thing named does not exist */
    TL_ERROR_CORRUPT,     /* bytes from outside break their format */
    TL_ERROR_UNSUPPORTED, /* a valid thing of a kind we do not read */
    TL_ERROR_NO_MEMORY,
    TL_ERROR_IO,       /* the operating system refused: disk full, no permission, ... */
    TL_ERROR_CANCELLED /* the user asked to stop */
} tl_error_kind;

typedef struct tl_error {
    tl_error_kind kind;
    char message[TL_ERROR_MESSAGE_SIZE]; /* printable UTF-8 on one line, cut at a character boundary when too long */
} tl_error;

/* Writes kind and message and returns false, so that `return tl_fail(err, ...)` reads as a sentence. */
bool tl_fail(tl_error *err, tl_error_kind kind, const char *format, ...) TL_PRINTF(3, 4);
/* As tl_fail, with ": <text of errno value>" appended and the kind chosen by it (ENOENT: not found, ENOMEM: no memory). */
bool tl_fail_errno(tl_error *err, int error_number, const char *format, ...) TL_PRINTF(3, 4);
/* As the error says that was kept until now. */
bool tl_fail_as(tl_error *err, const tl_error *kept);
/* Prepends "context: " to the message that is there and returns false. */
bool tl_fail_within(tl_error *err, const char *format, ...) TL_PRINTF(2, 3);

/* "invalid", "not found", ...: a static string. */
const char *tl_error_kind_name(tl_error_kind kind);

#ifdef __cplusplus
}
#endif

#endif

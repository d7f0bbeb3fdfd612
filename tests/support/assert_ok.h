/* Calls that must succeed, or must fail in one way; the error they take last is called err. */
#ifndef TL_TESTS_SUPPORT_ASSERT_OK_H
#define TL_TESTS_SUPPORT_ASSERT_OK_H

#include "base/core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_ok(call)                                                                 \
    do {                                                                                \
        tl_error assert_ok_error = {0};                                                 \
        tl_error *err = &assert_ok_error;                                               \
        if (!(call))                                                                    \
            fail_msg("%s: %s: %s", #call, tl_error_kind_name(err->kind), err->message); \
    } while (0)

/* The call fails with that kind and its message holds the text. */
#define assert_error(call, expected_kind, text)                                                              \
    do {                                                                                                     \
        tl_error assert_error_error = {0};                                                                   \
        tl_error *err = &assert_error_error;                                                                 \
        if (call)                                                                                            \
            fail_msg("%s: expected an error, found none", #call);                                            \
        if (err->kind != (expected_kind) || strstr(err->message, (text)) == NULL)                            \
            fail_msg("%s: expected %s '%s', found %s: %s", #call, tl_error_kind_name(expected_kind), (text), \
                     tl_error_kind_name(err->kind), err->message);                                           \
    } while (0)

#endif

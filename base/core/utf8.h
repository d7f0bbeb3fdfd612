/* Bytes of any kind as well-formed UTF-8 (RFC 3629). Whether they are is tl_text_is_utf8's to say. */
#ifndef TL_BASE_CORE_UTF8_H
#define TL_BASE_CORE_UTF8_H

#include "base/core/string.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Text without a byte order mark at its start. */
tl_slice tl_utf8_without_mark(tl_slice text);
/* Appends the bytes; each that is part of no character becomes U+FFFD. */
bool tl_utf8_append(tl_string *string, tl_slice bytes, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

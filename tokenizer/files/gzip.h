/* Inflates small gzip files; the only file over zlib. */
#ifndef TL_TOKENIZER_FILES_GZIP_H
#define TL_TOKENIZER_FILES_GZIP_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/* Appends what one gzip member (RFC 1952) holds, at most up to out's ceiling; bytes after it are an error. */
bool tl_gzip__inflate(tl_slice bytes, tl_string *out, tl_error *err) TL_MUST_USE;

#endif

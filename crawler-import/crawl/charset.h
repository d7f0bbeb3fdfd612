/* Pages in whatever encoding become UTF-8. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_CHARSET_H
#define TL_CRAWLER_IMPORT_CRAWL_CHARSET_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

/*
 * Appends bytes as UTF-8. The encoding is, in this order: that of a byte order mark; UTF-16 where zero bytes show it; UTF-8 where
 * the bytes are such and not only ASCII; the first of content_type (the header, or NULL) and <meta> (or an XML declaration) in
 * which all bytes have a meaning; the first of these that we know, else windows-1252. What has no meaning becomes U+FFFD,
 * control characters except line breaks and tabs become spaces. Fails only without memory, or where out has no room.
 */
bool tl_charset_append_utf8(tl_slice bytes, const char *content_type, tl_string *out, tl_error *err) TL_MUST_USE;
/* iconv's name for a label of the web ("Shift_JIS", "latin1", "x-sjis"), any case; NULL for one that we do not know. */
const char *tl_charset_of_label(tl_slice label);

#endif

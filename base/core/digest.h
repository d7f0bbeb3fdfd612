/* SHA-256, SHA-1 and MD5 over libcrypto: what the outside world states about files. Our own content hashes are base/core/hash.h.
 */
#ifndef TL_BASE_CORE_DIGEST_H
#define TL_BASE_CORE_DIGEST_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_DIGEST_TEXT_SIZE 65 /* up to 64 lower-case hex digits and a NUL */

typedef enum tl_digest_kind {
    TL_DIGEST_SHA256,
    TL_DIGEST_SHA1, /* names of Git objects; no proof against a forger */
    TL_DIGEST_MD5   /* of pictures in lists of URLs; no proof against a forger */
} tl_digest_kind;

typedef struct tl_digest tl_digest;

bool tl_digest_create(tl_digest_kind kind, tl_digest **out, tl_error *err) TL_MUST_USE;
bool tl_digest_add(tl_digest *digest, const void *bytes, size_t size, tl_error *err) TL_MUST_USE;
/* The digest of all that was added, as hex text; once. */
bool tl_digest_text(tl_digest *digest, char text[TL_DIGEST_TEXT_SIZE], tl_error *err) TL_MUST_USE;
void tl_digest_destroy(tl_digest *digest);
/* The digest of bytes that are all there. */
bool tl_digest_of(tl_digest_kind kind, const void *bytes, size_t size, char text[TL_DIGEST_TEXT_SIZE], tl_error *err) TL_MUST_USE;
/* True for as many lower-case hex digits as the kind has. */
bool tl_digest_is_text(tl_digest_kind kind, const char *text);

#ifdef __cplusplus
}
#endif

#endif

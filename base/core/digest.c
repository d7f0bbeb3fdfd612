/* The one file that includes openssl/evp.h. */
#include "base/core/digest.h"

#include "base/core/memory.h"

#include <openssl/evp.h>
#include <string.h>

struct tl_digest {
    EVP_MD_CTX *state;
};

typedef struct digest_algorithm {
    const EVP_MD *(*get)(void);
    const char *name;
    size_t text_size;
} digest_algorithm;

static const digest_algorithm algorithms[] = {
    [TL_DIGEST_SHA256] = {EVP_sha256, "sha-256", 64},
    [TL_DIGEST_SHA1] = {EVP_sha1, "sha-1", 40},
    [TL_DIGEST_MD5] = {EVP_md5, "md5", 32},
};

bool tl_digest_create(tl_digest_kind kind, tl_digest **out, tl_error *err)
{
    tl_digest *digest = tl_memory_allocate(1, sizeof *digest, err);
    if (digest == NULL)
        return false;
    digest->state = EVP_MD_CTX_new();
    if (digest->state == NULL) {
        tl_digest_destroy(digest);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a digest");
    }
    if (EVP_DigestInit_ex(digest->state, algorithms[kind].get(), NULL) != 1) {
        tl_digest_destroy(digest);
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected libcrypto to offer it, found that it does not",
                       algorithms[kind].name);
    }
    *out = digest;
    return true;
}

bool tl_digest_add(tl_digest *digest, const void *bytes, size_t size, tl_error *err)
{
    return EVP_DigestUpdate(digest->state, bytes, size) == 1 || tl_fail(err, TL_ERROR_NO_MEMORY, "cannot compute a digest");
}

bool tl_digest_text(tl_digest *digest, char text[TL_DIGEST_TEXT_SIZE], tl_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(digest->state, bytes, &size) != 1 || 2 * (size_t)size >= TL_DIGEST_TEXT_SIZE)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "cannot compute a digest");
    for (unsigned int i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
    return true;
}

void tl_digest_destroy(tl_digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->state);
    tl_memory_free(digest);
}

bool tl_digest_of(tl_digest_kind kind, const void *bytes, size_t size, char text[TL_DIGEST_TEXT_SIZE], tl_error *err)
{
    tl_digest *digest = NULL;
    bool ok =
        tl_digest_create(kind, &digest, err) && tl_digest_add(digest, bytes, size, err) && tl_digest_text(digest, text, err);
    tl_digest_destroy(digest);
    return ok;
}

bool tl_digest_is_text(tl_digest_kind kind, const char *text)
{
    size_t size = algorithms[kind].text_size;
    return text != NULL && strlen(text) == size && strspn(text, "0123456789abcdef") == size;
}

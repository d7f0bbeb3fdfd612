/* Owns what a key may look like, and the readable form of names that are not text. */
#include "crawler-import/sample_key.h"

#include "base/core/hash.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    USTAR_NAME_SIZE = 100,
    USTAR_PREFIX_SIZE = 155,
    EXTENSION_ROOM = 6, /* ".json", ".webp" and one to spare */
    KEPT_START = 70     /* bytes of a long key that stay readable */
};

/* Appends bytes, with each byte that is no part of a character, or a control character, replaced. */
static bool append_replacing(tl_slice bytes, char replacement, bool dots_too, tl_string *out, tl_error *err)
{
    while (bytes.size != 0) {
        size_t good = bytes.size;
        size_t bad_offset;
        if (!tl_text_is_utf8(bytes, &bad_offset))
            good = bad_offset;
        size_t start = out->size;
        if (!tl_string_append(out, bytes.data, good, err))
            return false;
        for (size_t i = start; i < out->size; i++)
            if ((unsigned char)out->data[i] < 0x20 || out->data[i] == 0x7f || (dots_too && out->data[i] == '.'))
                out->data[i] = replacement;
        bytes = (tl_slice){bytes.data + good, bytes.size - good};
        if (bytes.size != 0) {
            if (!tl_string_append(out, &replacement, 1, err))
                return false;
            bytes = (tl_slice){bytes.data + 1, bytes.size - 1};
        }
    }
    return true;
}

bool tl_text_append_readable(tl_slice bytes, tl_string *out, tl_error *err)
{
    return append_replacing(bytes, '?', false, out, err);
}

bool tl_sample_key_append(tl_slice raw, tl_string *key, tl_error *err)
{
    while (raw.size != 0 && (raw.data[0] == '/' || (raw.size >= 2 && raw.data[0] == '.' && raw.data[1] == '/')))
        raw = (tl_slice){raw.data + 1, raw.size - 1};
    size_t start = key->size;
    if (raw.size == 0 ? !tl_string_append(key, "_", 1, err) : !append_replacing(raw, '_', true, key, err))
        return false;
    size_t kept = start;
    for (size_t i = start; i < key->size; i++)
        if (key->data[i] != '/' || key->data[kept - 1] != '/') /* the first byte is no slash, so kept > start here */
            key->data[kept++] = key->data[i];
    key->size = kept;
    key->data[kept] = '\0';
    return true;
}

bool tl_sample_key_append_path(const char *path, tl_string *key, tl_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t size = dot != NULL && dot != name ? (size_t)(dot - path) : strlen(path);
    return tl_sample_key_append((tl_slice){path, size}, key, err);
}

static bool fits_ustar(const tl_string *key)
{
    if (key->size + EXTENSION_ROOM <= USTAR_NAME_SIZE)
        return true;
    const char *slash = strrchr(key->data, '/');
    if (slash == NULL)
        return false;
    size_t folder = (size_t)(slash - key->data);
    return folder <= USTAR_PREFIX_SIZE && key->size - folder - 1 + EXTENSION_ROOM <= USTAR_NAME_SIZE;
}

bool tl_sample_key_fit(tl_string *key, tl_error *err)
{
    if (fits_ustar(key))
        return true;
    uint64_t hash = tl_hash64(key->data, key->size);
    size_t kept = KEPT_START;
    while ((key->data[kept] & 0xc0) == 0x80)
        kept--;
    key->size = kept;
    key->data[kept] = '\0';
    return tl_string_append_format(key, err, "_%016" PRIx64, hash);
}

size_t tl_sample_stem_without_turn(const char *path, size_t stem)
{
    static const char *const turns[] = {"_mirror_flip", "_mirror", "_flip"};
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        size_t size = strlen(turns[i]);
        if (stem > size && path[stem - size - 1] != '/' && memcmp(path + stem - size, turns[i], size) == 0)
            return stem - size;
    }
    return stem;
}

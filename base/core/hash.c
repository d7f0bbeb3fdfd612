/* The one file that includes xxhash.h. */
#include "base/core/hash.h"

#include "base/core/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

struct tl_hasher {
    XXH3_state_t *state;
};

static void write_text(XXH128_hash_t hash, char text[TL_HASH_TEXT_SIZE])
{
    snprintf(text, TL_HASH_TEXT_SIZE, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

uint64_t tl_hash64(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

void tl_hash_text(const void *bytes, size_t size, char text[TL_HASH_TEXT_SIZE])
{
    write_text(XXH3_128bits(bytes, size), text);
}

bool tl_hasher_create(tl_hasher **out, tl_error *err)
{
    tl_hasher *hasher = tl_memory_allocate(1, sizeof *hasher, err);
    if (hasher == NULL)
        return false;
    hasher->state = XXH3_createState();
    if (hasher->state == NULL) {
        tl_memory_free(hasher);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a hash state");
    }
    XXH3_128bits_reset(hasher->state);
    *out = hasher;
    return true;
}

void tl_hasher_add(tl_hasher *hasher, const void *bytes, size_t size)
{
    XXH3_128bits_update(hasher->state, bytes, size);
}

void tl_hasher_text(const tl_hasher *hasher, char text[TL_HASH_TEXT_SIZE])
{
    write_text(XXH3_128bits_digest(hasher->state), text);
}

void tl_hasher_destroy(tl_hasher *hasher)
{
    if (hasher == NULL)
        return;
    XXH3_freeState(hasher->state);
    tl_memory_free(hasher);
}

/*
 * The compiled table over arbitrary bytes: the size and hash of the header are set right, so that everything else is reached;
 * what opens must encode and decode inside itself.
 */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "tokenizer/splitting/compiled.h"
#include "tokenizer/splitting/splitting.h"

enum { SIZE_AT = 16 };

static void use(const tl_compiled *table)
{
    static const char *const texts[] = {"ABC a red fox abc aab", "", " <x> Fox</s>[SEP]  fox",
                                        "\xEF\xBC\xA1 \xEF\xAC\x81re e\xCC\x81 \xC3\xA9 \xE9\x9B\xAA \xF0\x9F\xA6\x8A <sep>\n\n"};
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        tl_piece_ids ids = {0};
        tl_string back;
        tl_error err = {0};
        tl_string_init(&back, 1 << 24);
        bool ok = tl_pipeline__encode(table, tl_slice_of(texts[t]), &ids, &err);
        TL_ASSERT(ok || err.message[0] != '\0');
        for (size_t i = 0; ok && i < ids.count; i++)
            TL_ASSERT(tl_compiled__has_piece(table, ids.ids[i]));
        if (ok)
            ok = tl_pipeline__decode(table, ids.ids, ids.count, &back, &err);
        tl_memory_free(ids.ids);
        tl_string_clear(&back);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_compiled table;
    tl_error err = {0};
    /* A copy is aligned as a mapping is, and its end is watched. */
    char *bytes = tl_memory_allocate(size, 1, &err);
    TL_ASSERT(bytes != NULL);
    if (size != 0)
        memcpy(bytes, data, size);
    if (size >= TL_COMPILED_HEADER_SIZE) {
        uint64_t number = size;
        memcpy(bytes + SIZE_AT, &number, sizeof number);
        number = tl_hash64(bytes, TL_COMPILED_HEADER_SIZE - sizeof number);
        memcpy(bytes + TL_COMPILED_HEADER_SIZE - sizeof number, &number, sizeof number);
    }
    if (tl_compiled__view((tl_slice){bytes, size}, &table, &err))
        use(&table);
    else
        TL_ASSERT(err.kind != TL_ERROR_NONE && err.message[0] != '\0');
    tl_memory_free(bytes);
    return 0;
}

/*
 * The tokenizer over arbitrary bytes. First byte even: the rest is a model file; what opens must encode and decode without harm.
 * Odd: the rest is a text for the vocabulary of the fixtures; UTF-8 encodes, decodes to UTF-8, and that encodes again.
 */
#include "base/core/memory.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>

enum { CONTEXT = 16 };

static const tl_tokenizer_options options = {.context_length = CONTEXT};

/* Encodes and decodes again; false when the vocabulary or the text is refused. */
static bool round_trip(const tl_tokenizer *tokenizer, tl_slice text, tl_string *back)
{
    int32_t *ids, row[CONTEXT];
    uint32_t length;
    size_t count;
    tl_error err = {0};
    if (!tl_tokenizer_encode_whole(tokenizer, text, &ids, &count, &err)) {
        TL_ASSERT(err.message[0] != '\0');
        TL_ASSERT(!tl_tokenizer_encode(tokenizer, &text, 1, row, &length, NULL));
        return false;
    }
    for (size_t i = 0; i < count; i++)
        TL_ASSERT(tl_tokenizer_piece(tokenizer, ids[i]) != NULL);
    TL_ASSERT(tl_tokenizer_encode(tokenizer, &text, 1, row, &length, &err));
    TL_ASSERT(length <= CONTEXT && length <= count + 2);
    bool ok = tl_tokenizer_decode(tokenizer, ids, count, back, &err);
    TL_ASSERT(!ok || tl_text_is_utf8(tl_string_slice(back), &count));
    tl_memory_free(ids);
    return ok;
}

static void try_model(const uint8_t *data, size_t size)
{
    static const char *const texts[] = {
        "ABC a red fox abc", "\xEF\xBC\xA1 \xEF\xAC\x81re e\xCC\x81 \xC3\xA9 \xE9\x9B\xAA \xF0\x9F\xA6\x8A", "fofoxfo <sep>", ""};
    tl_tokenizer *tokenizer = NULL;
    tl_error err = {0};
    FILE *file = fopen("fuzzed.model", "wb");
    TL_ASSERT(file != NULL && fwrite(data, 1, size, file) == size);
    TL_ASSERT(fclose(file) == 0);
    if (!tl_tokenizer_open("fuzzed.model", &options, &tokenizer, &err)) {
        TL_ASSERT(err.kind != TL_ERROR_NONE && err.message[0] != '\0');
        return;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tl_string back;
        tl_string_init(&back, 1 << 20);
        (void)round_trip(tokenizer, tl_slice_of(texts[i]), &back);
        tl_string_clear(&back);
    }
    tl_tokenizer_close(tokenizer);
}

static void try_text(const uint8_t *data, size_t size)
{
    static tl_tokenizer *tokenizer;
    tl_error err = {0};
    if (tokenizer == NULL)
        TL_ASSERT(tl_tokenizer_open(TL_SOURCE_DIR "/tests/golden/fixtures/tokenizer/captions.model", &options, &tokenizer, &err));
    tl_string once, twice;
    tl_string_init(&once, 1 << 24);
    tl_string_init(&twice, 1 << 24);
    const tl_slice text = {(const char *)data, size};
    size_t bad;
    bool ok = round_trip(tokenizer, text, &once);
    TL_ASSERT(ok == tl_text_is_utf8(text, &bad));
    if (ok)
        TL_ASSERT(round_trip(tokenizer, tl_string_slice(&once), &twice));
    tl_string_clear(&once);
    tl_string_clear(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        try_model(data + 1, size - 1);
    else
        try_text(data + 1, size - 1);
    return 0;
}

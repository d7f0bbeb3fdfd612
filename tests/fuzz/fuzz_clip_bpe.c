/*
 * A model folder with CLIP's tokenizer over arbitrary bytes. The first byte chooses what the rest is: vocab.json (beside the
 * fixture's merges), merges.txt (beside the fixture's pieces), tokenizer.json, the inflated list of merges,
 * open_clip_config.json, tokenizer_config.json, or a text for the fixture's folders. What opens must encode and decode without
 * harm.
 */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tokenizer/tokenizer.h"

#include <stdint.h>
#include <stdio.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/clip_tokenizer/"

enum { CONTEXT = 12, MAX_FIXTURE = 1 << 20 };
enum { PIECES, MERGES, JSON, LIST, OPEN_CLIP_CONFIG, TOKENIZER_CONFIG, TEXT, CHOICES };

static const char plain_config[] = "{\"model_cfg\": {\"text_cfg\": {}}}";

static void use(const tl_tokenizer *tokenizer, tl_slice text)
{
    int32_t *ids, row[CONTEXT];
    uint32_t length;
    size_t count, bad;
    tl_error err = {0};
    tl_string back;
    tl_tokenizer_info info;
    tl_tokenizer_info_read(tokenizer, &info);
    tl_string_init(&back, 1 << 26);
    if (tl_tokenizer_encode_whole(tokenizer, text, &ids, &count, &err)) {
        for (size_t i = 0; i < count; i++)
            TL_ASSERT(ids[i] >= 0 && (size_t)ids[i] < info.vocabulary_size && tl_tokenizer_piece(tokenizer, ids[i]) != NULL);
        TL_ASSERT(tl_tokenizer_encode(tokenizer, &text, 1, row, &length, &err));
        TL_ASSERT(length <= CONTEXT);
        if (tl_tokenizer_decode(tokenizer, ids, count, &back, &err))
            TL_ASSERT(tl_text_is_utf8(tl_string_slice(&back), &bad));
        tl_memory_free(ids);
    } else {
        TL_ASSERT(err.message[0] != '\0');
    }
    tl_string_clear(&back);
}

static void write_file(const char *name, tl_slice bytes)
{
    char path[64];
    snprintf(path, sizeof path, "folder/%s", name);
    FILE *file = fopen(path, "wb");
    TL_ASSERT(file != NULL && (bytes.size == 0 || fwrite(bytes.data, 1, bytes.size, file) == bytes.size));
    TL_ASSERT(fclose(file) == 0);
}

static void copy_fixture(const char *from, const char *name)
{
    char path[512];
    tl_string bytes;
    tl_string_init(&bytes, MAX_FIXTURE);
    snprintf(path, sizeof path, "%s%s", FIXTURES, from);
    TL_ASSERT(tl_file_read(path, &bytes, NULL));
    write_file(name, tl_string_slice(&bytes));
    tl_string_clear(&bytes);
}

static void try_folder(unsigned choice, tl_slice bytes)
{
    static const char *const names[] = {
        "vocab.json",           "merges.txt", "tokenizer.json", "bpe_simple_vocab_16e6.txt.gz", "open_clip_config.json",
        "tokenizer_config.json"};
    static const char *const texts[] = {"a red fox's 12 caf\xC3\xA9", "<end_of_text> <|endoftext|> \xE9\x9B\xAA",
                                        "foxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfoxfox"};
    tl_tokenizer *tokenizer = NULL;
    tl_error err = {0};
    TL_ASSERT(tl_directory_remove("folder", NULL) && tl_directory_create("folder", NULL));
    if (choice != TOKENIZER_CONFIG)
        write_file("open_clip_config.json", tl_slice_of(plain_config));
    if (choice == PIECES || choice == OPEN_CLIP_CONFIG || choice == TOKENIZER_CONFIG)
        copy_fixture("pair/merges.txt", "merges.txt");
    if (choice == MERGES || choice == OPEN_CLIP_CONFIG || choice == TOKENIZER_CONFIG)
        copy_fixture("pair/vocab.json", "vocab.json");
    write_file(names[choice], bytes);
    if (!tl_tokenizer_open_folder("folder", CONTEXT, &tokenizer, &err)) {
        TL_ASSERT(err.kind != TL_ERROR_NONE && err.message[0] != '\0');
        return;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        use(tokenizer, tl_slice_of(texts[i]));
    tl_tokenizer_close(tokenizer);
}

static void try_text(tl_slice text)
{
    static tl_tokenizer *tokenizers[2];
    static const char *const folders[2] = {FIXTURES "pair", FIXTURES "clip"};
    for (size_t i = 0; i < 2; i++) {
        if (tokenizers[i] == NULL)
            TL_ASSERT(tl_tokenizer_open_folder(folders[i], CONTEXT, &tokenizers[i], NULL));
        use(tokenizers[i], text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const tl_slice rest = {(const char *)data + 1, size - 1};
    if (data[0] % CHOICES == TEXT)
        try_text(rest);
    else
        try_folder(data[0] % CHOICES, rest);
    return 0;
}

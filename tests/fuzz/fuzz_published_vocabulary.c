/*
 * Published vocabularies over arbitrary bytes. The first byte chooses: a SentencePiece file as one of its readers, a
 * tokenizer.json, a list of words; what is accepted must encode and decode without harm. Or a text for one of the fixtures.
 */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tokenizer/files/table_builder_internal.h"
#include "tokenizer/splitting/splitting.h"

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/vocabularies/"

enum { CHOICES = 12, FIRST_FIXTURE = 5, FIXTURE_COUNT = 4 };

static bool read_bytes(unsigned choice, tl_slice bytes, tl_table_builder *builder, tl_error *err)
{
    switch (choice) {
    case 0:
        return tl_sentencepiece_file__read(bytes, TL_READER_SENTENCEPIECE, builder, err);
    case 1:
        return tl_sentencepiece_file__read(bytes, TL_READER_FAIRSEQ, builder, err);
    case 2:
        return tl_sentencepiece_file__read(bytes, TL_READER_T5, builder, err);
    case 9:
        return tl_sentencepiece_file__read(bytes, TL_READER_T5_BARE, builder, err);
    case 10:
        return tl_sentencepiece_file__read(bytes, TL_READER_GEMMA, builder, err);
    case 11:
        return tl_sentencepiece_file__read(bytes, TL_READER_SIGLIP2, builder, err);
    case 3:
        return tl_pipeline_json__read(bytes, builder, err);
    default:
        return tl_word_list__read(bytes, &(tl_word_list_options){0}, builder, err);
    }
}

static bool compile(unsigned choice, tl_slice bytes, tl_compiled *out)
{
    tl_table_builder builder;
    tl_error err = {0};
    TL_ASSERT(tl_table_builder__init(&builder, &err));
    bool ok = read_bytes(choice, bytes, &builder, &err) &&
              tl_table_builder__finish(&builder, NULL, &(tl_compiled_source){0}, out, &err);
    TL_ASSERT(ok || (err.kind != TL_ERROR_NONE && err.message[0] != '\0'));
    tl_table_builder__clear(&builder);
    return ok;
}

static void round_trip(const tl_compiled *table, tl_slice text)
{
    tl_piece_ids ids = {0};
    tl_string back;
    tl_error err = {0};
    tl_string_init(&back, 1 << 24);
    bool ok = tl_pipeline__encode(table, text, &ids, &err);
    TL_ASSERT(ok || err.message[0] != '\0');
    for (size_t i = 0; ok && i < ids.count; i++)
        TL_ASSERT(tl_compiled__has_piece(table, ids.ids[i]));
    if (ok)
        ok = tl_pipeline__decode(table, ids.ids, ids.count, &back, &err);
    tl_memory_free(ids.ids);
    tl_string_clear(&back);
}

static void try_file(unsigned choice, tl_slice bytes)
{
    static const char *const texts[] = {"ABC a red fox abc aab", "", " <x> Fox</s>[SEP]  fox",
                                        "\xEF\xBC\xA1 \xEF\xAC\x81re e\xCC\x81 \xC3\xA9 \xE9\x9B\xAA \xF0\x9F\xA6\x8A <sep>\n\n"};
    tl_compiled table = {0};
    if (!compile(choice, bytes, &table))
        return;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        round_trip(&table, tl_slice_of(texts[i]));
    tl_compiled__close(&table);
}

static void try_text(unsigned fixture, tl_slice text)
{
    static const struct {
        unsigned choice;
        const char *path;
    } files[] = {
        {0, FIXTURES "pieces.model"}, {0, FIXTURES "merges.model"}, {3, FIXTURES "gemma.json"}, {3, FIXTURES "bert.json"}};
    static tl_compiled tables[sizeof files / sizeof *files];
    size_t bad;
    if (!tl_text_is_utf8(text, &bad)) /* the door lets no other in */
        return;
    if (tables[fixture].settings == NULL) {
        tl_string bytes;
        tl_string_init(&bytes, 1 << 20);
        TL_ASSERT(tl_file_read(files[fixture].path, &bytes, NULL));
        TL_ASSERT(compile(files[fixture].choice, tl_string_slice(&bytes), &tables[fixture]));
        tl_string_clear(&bytes);
    }
    round_trip(&tables[fixture], text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned choice = data[0] % CHOICES;
    tl_slice rest = {(const char *)data + 1, size - 1};
    if (choice < FIRST_FIXTURE || choice >= FIRST_FIXTURE + FIXTURE_COUNT)
        try_file(choice, rest);
    else
        try_text(choice - FIRST_FIXTURE, rest);
    return 0;
}

/* Damaged and hostile model files: each is a clear error or opens and works; none ends the process. */
#include "base/core/random.h"
#include "base/io/file.h"
#include "tokenizer/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/tokenizer/"

enum { MAX_SIZE = 8 << 20 };

/* A plain write: the sync of tl_file_replace would take minutes over thousands of files. */
static void write_file(const char *path, tl_slice bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

static void use(const tl_tokenizer *tokenizer)
{
    static const char *const texts[] = {"a red fox", "\xEF\xBC\xA1 \xEF\xAC\x81re \xF0\x9F\xA6\x8A \xEF\xB7\xBA",
                                        "fo<sep>fox in the SNOW, 12.5%",
                                        "e\xCC\x81\xCC\xA3 \xE9\x9B\xAA\xE3\x81\xAE\xE4\xB8\xAD \xED\x95\x9C"};
    tl_tokenizer_info info;
    tl_tokenizer_info_read(tokenizer, &info);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int32_t ids[24];
        uint32_t length;
        tl_error err = {0};
        tl_string text;
        const tl_slice one = tl_slice_of(texts[i]);
        tl_string_init(&text, 1 << 20);
        if (tl_tokenizer_encode(tokenizer, &one, 1, ids, &length, &err)) {
            assert_in_range(length, 0, 24);
            for (size_t k = 0; k < length; k++)
                assert_non_null(tl_tokenizer_piece(tokenizer, ids[k]));
            if (!tl_tokenizer_decode(tokenizer, ids, length, &text, &err))
                assert_int_not_equal(err.message[0], '\0');
        } else {
            assert_int_not_equal(err.message[0], '\0');
        }
        tl_string_clear(&text);
    }
}

/* Opens the bytes and uses what opens; true when they opened. */
static bool try_bytes(tl_slice bytes)
{
    tl_tokenizer *tokenizer = NULL;
    tl_error err = {0};
    write_file("tried.model", bytes);
    bool opened = tl_tokenizer_open("tried.model", &(tl_tokenizer_options){.context_length = 24}, &tokenizer, &err);
    if (opened) {
        use(tokenizer);
    } else {
        assert_int_not_equal(err.kind, TL_ERROR_NONE);
        if (strstr(err.message, "vocabulary 'tried.model': ") != err.message)
            fail_msg("%s", err.message);
    }
    tl_tokenizer_close(tokenizer);
    return opened;
}

static const char *const fixtures[] = {FIXTURES "captions.model", FIXTURES "bare.model", FIXTURES "merges.model"};

static void cut_files_end_well(void **state)
{
    (void)state;
    for (size_t f = 0; f < 3; f++) {
        tl_string model;
        tl_error err = {0};
        tl_string_init(&model, MAX_SIZE);
        assert_true(tl_file_read(fixtures[f], &model, &err));
        for (size_t size = 0; size < model.size; size += 97)
            assert_false(try_bytes((tl_slice){model.data, size}));
        tl_string_clear(&model);
    }
}

static void flipped_bits_end_well(void **state)
{
    (void)state;
    for (size_t f = 0; f < 3; f++) {
        tl_string model;
        tl_error err = {0};
        tl_random random = tl_random_stream(7, f);
        size_t refused = 0;
        tl_string_init(&model, MAX_SIZE);
        assert_true(tl_file_read(fixtures[f], &model, &err));
        for (size_t i = 0; i < 500; i++) {
            /* Half of them near the front and the end, where pieces and options are. */
            size_t range = i % 2 == 0 || model.size < 20000 ? model.size : 10000;
            size_t at = (size_t)tl_random_below(&random, range);
            char flip = (char)(1 << tl_random_below(&random, 8));
            model.data[at] = (char)(model.data[at] ^ flip);
            refused += !try_bytes(tl_string_slice(&model));
            model.data[at] = (char)(model.data[at] ^ flip);
        }
        assert_true(refused > 0);
        assert_true(try_bytes(tl_string_slice(&model)));
        tl_string_clear(&model);
    }
}

/* Appends one field of wire type 2. */
static void put_bytes(tl_string *out, unsigned number, tl_slice bytes)
{
    assert_true(tl_string_append(out, (char[]){(char)(number << 3 | 2)}, 1, NULL));
    size_t left = bytes.size;
    do {
        unsigned low = left & 0x7F;
        left >>= 7;
        assert_true(tl_string_append(out, (char[]){(char)(low | (left != 0 ? 0x80U : 0U))}, 1, NULL));
    } while (left != 0);
    assert_true(tl_string_append(out, bytes.data, bytes.size, NULL));
}

static void put_piece(tl_string *out, const char *text, size_t size, float score, int type)
{
    tl_string piece;
    tl_string_init(&piece, 1 << 20);
    put_bytes(&piece, 1, (tl_slice){text, size});
    char score_bytes[5] = {0x15};
    memcpy(score_bytes + 1, &score, 4);
    assert_true(tl_string_append(&piece, score_bytes, 5, NULL));
    assert_true(tl_string_append(&piece, (char[]){0x18, (char)type}, 2, NULL));
    put_bytes(out, 1, tl_string_slice(&piece));
    tl_string_clear(&piece);
}

static void start_model(tl_string *out)
{
    tl_string_reset(out);
    put_bytes(out, 3, tl_slice_of(""));
    put_piece(out, "<unk>", 5, 0, 2);
    put_piece(out, "a", 1, -1, 1);
    put_piece(out, "\xE2\x96\x81", 3, -2, 1);
}

static void check_refused(const tl_string *model, tl_error_kind kind, const char *part)
{
    tl_tokenizer *tokenizer = NULL;
    tl_error err = {0};
    write_file("crafted.model", tl_string_slice(model));
    assert_false(tl_tokenizer_open("crafted.model", &(tl_tokenizer_options){.context_length = 8}, &tokenizer, &err));
    if (err.kind != kind || strstr(err.message, part) == NULL)
        fail_msg("expected '%s' in: %s", part, err.message);
}

static void hostile_pieces_are_refused(void **state)
{
    (void)state;
    static char text[8192];
    tl_string model;
    tl_string_init(&model, MAX_SIZE);
    memset(text, 'x', sizeof text);

    start_model(&model);
    assert_true(try_bytes(tl_string_slice(&model)));
    put_piece(&model, "b", 1, (float)(0.0F / (float)(model.size == 0)), 1);
    check_refused(&model, TL_ERROR_CORRUPT, "piece 3: expected a score");
    start_model(&model);
    put_piece(&model, "b\0c", 3, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "piece 3: expected UTF-8");
    start_model(&model);
    put_piece(&model, "b\xFF", 2, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "piece 3: expected UTF-8");
    start_model(&model);
    put_piece(&model, "", 0, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "found 0");
    start_model(&model);
    put_piece(&model, text, 4097, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "found 4097");
    start_model(&model);
    put_piece(&model, "b", 1, 0, 7);
    check_refused(&model, TL_ERROR_CORRUPT, "found 7");
    start_model(&model);
    put_piece(&model, "a", 1, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "already defined");
    start_model(&model);
    put_piece(&model, "<0x41>", 6, 0, 6);
    check_refused(&model, TL_ERROR_CORRUPT, "byte");
    tl_string_reset(&model);
    put_piece(&model, "a", 1, 0, 1);
    check_refused(&model, TL_ERROR_CORRUPT, "found no normalizer");
    put_bytes(&model, 3, tl_slice_of(""));
    check_refused(&model, TL_ERROR_CORRUPT, "unk is not defined");
    tl_string_clear(&model);
}

/* The library keeps 64 user-defined symbols that match at one place, and reads past them when more do. */
static void nested_symbols_are_counted(void **state)
{
    (void)state;
    static char text[128];
    tl_string model;
    tl_string_init(&model, MAX_SIZE);
    memset(text, 'x', sizeof text);
    for (size_t count = 63; count < 67; count++) {
        start_model(&model);
        put_piece(&model, "y", 1, 0, 4);
        for (size_t size = count; size > 0; size--)
            put_piece(&model, text, size, 0, 4);
        if (count > 64)
            check_refused(&model, TL_ERROR_UNSUPPORTED, "user-defined symbols");
        else
            assert_true(try_bytes(tl_string_slice(&model)));
    }
    tl_string_clear(&model);
}

static void put_unit(char *trie, size_t index, uint32_t unit)
{
    for (size_t i = 0; i < 4; i++)
        trie[4 * index + i] = (char)(unit >> (8 * i) & 0xFF);
}

/* A model whose rules are the given trie and replacements. */
static void build_rules(tl_string *model, uint32_t claimed_size, tl_slice trie, tl_slice replacements)
{
    tl_string rules, normalizer;
    tl_string_init(&rules, MAX_SIZE);
    tl_string_init(&normalizer, MAX_SIZE);
    char size[4];
    put_unit(size, 0, claimed_size);
    assert_true(tl_string_append(&rules, size, 4, NULL));
    assert_true(tl_string_append(&rules, trie.data, trie.size, NULL));
    assert_true(tl_string_append(&rules, replacements.data, replacements.size, NULL));
    put_bytes(&normalizer, 2, tl_string_slice(&rules));
    start_model(model);
    put_bytes(model, 3, tl_string_slice(&normalizer));
    tl_string_clear(&rules);
    tl_string_clear(&normalizer);
}

enum { HAS_LEAF = 1 << 8, LEAF_VALUE = 0 };
static const uint32_t LEAF = 1U << 31;

static uint32_t unit_of(uint32_t label, uint32_t offset, uint32_t flags)
{
    return label | offset << 10 | flags;
}

static void hostile_rules_are_refused(void **state)
{
    (void)state;
    enum { UNITS = 1024 };
    static char trie[4 * UNITS], long_text[200];
    const tl_slice whole = {trie, sizeof trie};
    const tl_slice text = {"b\0c\0", 4};
    tl_string model;
    tl_string_init(&model, MAX_SIZE);
    memset(long_text, 'x', sizeof long_text);

    for (size_t i = 0; i < UNITS; i++)
        put_unit(trie, i, LEAF); /* a label that no byte has */
    /* The root's children are in block 1 (256..511); "a" is a rule with its leaf in block 2. */
    put_unit(trie, 0, unit_of(0, 256, 0));
    put_unit(trie, 256 ^ 'a', unit_of('a', (256 ^ 'a') ^ 512, HAS_LEAF));
    put_unit(trie, 512, LEAF | LEAF_VALUE);
    build_rules(&model, sizeof trie, whole, text);
    assert_true(try_bytes(tl_string_slice(&model)));

    build_rules(&model, sizeof trie + 8, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "normalization rules: expected a trie");
    build_rules(&model, UINT32_MAX, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "expected a trie");
    build_rules(&model, 4 * UNITS - 2, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "expected a trie");
    build_rules(&model, 0, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "expected a trie");
    /* Replacements: none to point at, no end, too long, not text. */
    build_rules(&model, sizeof trie, whole, (tl_slice){"", 0});
    check_refused(&model, TL_ERROR_CORRUPT, "expected a replacement inside 0 bytes");
    build_rules(&model, sizeof trie, whole, (tl_slice){"bcd", 3});
    check_refused(&model, TL_ERROR_CORRUPT, "found no end");
    build_rules(&model, sizeof trie, whole, (tl_slice){long_text, sizeof long_text});
    check_refused(&model, TL_ERROR_CORRUPT, "at most 128 bytes");
    build_rules(&model, sizeof trie, whole, (tl_slice){"\xE2\x96\0", 3});
    check_refused(&model, TL_ERROR_CORRUPT, "UTF-8");
    put_unit(trie, 512, LEAF | 5);
    build_rules(&model, sizeof trie, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "found it at 5");
    put_unit(trie, 512, LEAF | LEAF_VALUE);
    /* Children outside, of the root and of a unit below it. */
    put_unit(trie, 0, unit_of(0, UNITS, 0));
    build_rules(&model, sizeof trie, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "children of unit 0");
    put_unit(trie, 0, unit_of(0, 256, 0));
    put_unit(trie, 256 ^ 'c', unit_of('c', 1U << 20, 0));
    build_rules(&model, sizeof trie, whole, text);
    check_refused(&model, TL_ERROR_CORRUPT, "expected the children");
    put_unit(trie, 256 ^ 'c', LEAF);
    /* A circle: "aaa..." would match without end, and the library keeps 32 matches. */
    put_unit(trie, 256 ^ 'a', unit_of('a', (256 ^ 'a') ^ 256, HAS_LEAF));
    put_unit(trie, 256, LEAF | LEAF_VALUE);
    build_rules(&model, sizeof trie, whole, text);
    check_refused(&model, TL_ERROR_UNSUPPORTED, "at most 32 bytes");
    tl_string_clear(&model);
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"\x00\x01", 2, "no valid tag"},
        {"\x0b", 1, "wire type"},
        {"\x0a\x7f", 2, "the end of its message"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "the end of its message"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11, "too long"},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, "no valid tag"},
        {"\x0d\x01\x02", 3, "expected 4 bytes"},
        {"\x09\x01\x02", 3, "expected 8 bytes"},
        {"\x08\x01", 2, "no pieces"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tl_string model;
        tl_string_init(&model, 100);
        assert_true(tl_string_append(&model, cases[i].bytes, cases[i].size, NULL));
        check_refused(&model, TL_ERROR_CORRUPT, cases[i].part);
        tl_string_clear(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_files_end_well),         cmocka_unit_test(flipped_bits_end_well),
        cmocka_unit_test(hostile_pieces_are_refused), cmocka_unit_test(nested_symbols_are_counted),
        cmocka_unit_test(hostile_rules_are_refused),  cmocka_unit_test(malformed_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Model folders of open_clip and transformers: ids and cleaned texts of their own classes, and what is refused. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/support/assert_ok.h"
#include "tests/support/hex_columns.h"
#include "tokenizer/cleanup/cleanup.h"
#include "tokenizer/tokenizer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/clip_tokenizer/"

enum { CONTEXT = 24, MAX_TEXT = 1 << 16 };

static tl_string read_text_file(const char *path)
{
    tl_string bytes;
    tl_string_init(&bytes, 1 << 24);
    assert_ok(tl_file_read(path, &bytes, err));
    return bytes;
}

static void compare_rows(const char *folder, const char *rows)
{
    static char text[MAX_TEXT];
    tl_tokenizer *tokenizer = NULL;
    size_t count = 0;
    assert_ok(tl_tokenizer_open_folder(folder, CONTEXT, &tokenizer, err));
    tl_string lines = read_text_file(rows);
    for (char *at = lines.data; *at != '\0'; count++) {
        int32_t row[CONTEXT];
        uint32_t length;
        tl_slice one = {text, 0};
        at = read_hex(at, text, &one.size);
        assert_ok(tl_tokenizer_encode(tokenizer, &one, 1, row, &length, err));
        for (size_t i = 0; i < CONTEXT; i++) {
            long expected = strtol(at, &at, 10);
            if (expected != row[i])
                fail_msg("%s: text %zu, id %zu: expected %ld, found %d", rows, count, i, expected, (int)row[i]);
        }
        assert_int_equal(*at, '\n');
        at++;
    }
    assert_true(count > 30);
    tl_string_clear(&lines);
    tl_tokenizer_close(tokenizer);
}

static void ids_are_open_clips(void **state)
{
    (void)state;
    compare_rows(FIXTURES "pair", FIXTURES "open_clip.tsv");
    compare_rows(FIXTURES "json", FIXTURES "open_clip.tsv");
    compare_rows(FIXTURES "list", FIXTURES "open_clip.tsv");
}

/* A copy of SigLIP's folder, since a compiled table is left beside its vocabulary. */
static void copy_siglip(const char *folder, const char *open_clip_config)
{
    static const char *const names[] = {"spiece.model", "tokenizer_config.json"};
    char path[256];
    tl_error err = {0};
    assert_true(tl_directory_remove(folder, &err));
    assert_true(tl_directory_create(folder, &err));
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%ssiglip/%s", FIXTURES, names[i]);
        tl_string bytes = read_text_file(path);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_true(tl_file_replace(path, tl_string_slice(&bytes), &err));
        tl_string_clear(&bytes);
    }
    snprintf(path, sizeof path, "%s/open_clip_config.json", folder);
    if (open_clip_config != NULL)
        assert_true(tl_file_replace(path, tl_slice_of(open_clip_config), &err));
}

static void write_padded(const char *from, const char *path, size_t padding)
{
    tl_string bytes = read_text_file(from);
    for (size_t i = 0; i < padding; i++)
        assert_true(tl_string_append(&bytes, " ", 1, NULL));
    assert_true(tl_file_replace(path, tl_string_slice(&bytes), NULL));
    tl_string_clear(&bytes);
}

static void set_times(const char *path, int64_t modified_ns)
{
    const struct timespec times[2] = {{0, UTIME_OMIT}, {modified_ns / 1000000000, modified_ns % 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool opens(const char *folder)
{
    tl_tokenizer *tokenizer = NULL;
    bool ok = tl_tokenizer_open_folder(folder, CONTEXT, &tokenizer, NULL);
    tl_tokenizer_close(tokenizer);
    return ok;
}

/* A large vocabulary (here: one with many spaces behind it) leaves a table, which serves as long as both files are what they
 * were. */
static void a_kept_table_gives_the_same_ids(void **state)
{
    (void)state;
    enum { PADDING = 70000, RULES_PLACE = 40 + 5 * 8 };
    static const char table[] = "kept/vocab.json.compiled";
    tl_file_status pieces, merges;
    tl_string bytes;
    tl_error err = {0};
    uint64_t place;
    const int32_t beyond = INT32_MAX;
    tl_string_init(&bytes, 1 << 24);
    assert_true(tl_directory_remove("kept", &err) && tl_directory_create("kept", &err));
    write_padded(FIXTURES "pair/vocab.json", "kept/vocab.json", PADDING);
    write_padded(FIXTURES "pair/merges.txt", "kept/merges.txt", 0);
    write_padded(FIXTURES "pair/open_clip_config.json", "kept/open_clip_config.json", 0);
    compare_rows("kept", FIXTURES "open_clip.tsv");
    assert_int_equal(access(table, R_OK), 0);
    compare_rows("kept", FIXTURES "open_clip.tsv");
    assert_true(tl_file_status_read("kept/vocab.json", &pieces, &err) && tl_file_status_read("kept/merges.txt", &merges, &err));

    /* Other files of the same sizes and times are not read; of one other time they are. */
    for (size_t i = 0; i < (size_t)merges.size; i++)
        assert_true(tl_string_append(&bytes, "?", 1, &err));
    assert_true(tl_file_replace("kept/merges.txt", tl_string_slice(&bytes), &err));
    set_times("kept/merges.txt", merges.modified_ns);
    compare_rows("kept", FIXTURES "open_clip.tsv");
    set_times("kept/merges.txt", merges.modified_ns + 1);
    assert_false(opens("kept"));
    write_padded(FIXTURES "pair/merges.txt", "kept/merges.txt", 0);
    set_times("kept/merges.txt", merges.modified_ns + 2); /* the same bytes: the table serves */
    compare_rows("kept", FIXTURES "open_clip.tsv");

    /* A table whose bytes are pieces that there are not is made anew. */
    tl_string_reset(&bytes);
    assert_true(tl_file_read(table, &bytes, &err));
    memcpy(&place, bytes.data + RULES_PLACE, sizeof place);
    assert_true(place < bytes.size - sizeof beyond);
    memcpy(bytes.data + place, &beyond, sizeof beyond);
    assert_true(tl_file_replace(table, tl_string_slice(&bytes), &err));
    compare_rows("kept", FIXTURES "open_clip.tsv");
    tl_string_reset(&bytes);
    assert_true(tl_file_read(table, &bytes, &err));
    assert_memory_not_equal(bytes.data + place, &beyond, sizeof beyond);
    tl_string_clear(&bytes);

    /* A small one is read each time: nothing is left in its folder. */
    assert_int_equal(access(FIXTURES "pair/vocab.json.compiled", F_OK), -1);
}

static void ids_are_those_of_transformers(void **state)
{
    (void)state;
    compare_rows(FIXTURES "clip", FIXTURES "clip.tsv");
    copy_siglip("siglip", NULL);
    compare_rows("siglip", FIXTURES "siglip.tsv");
}

static void ids_are_open_clips_over_transformers(void **state)
{
    (void)state;
    copy_siglip("wrapped", "{\"model_cfg\": {\"text_cfg\": {\"hf_tokenizer_name\": \"any\", "
                           "\"tokenizer_kwargs\": {\"clean\": \"canonicalize\"}}}}");
    compare_rows("wrapped", FIXTURES "canonicalize.tsv");
}

static void texts_are_cleaned_as_open_clip_does(void **state)
{
    static const tl_cleanup cleanups[] = {TL_CLEANUP_OPEN_CLIP_LOWER, TL_CLEANUP_OPEN_CLIP_WHITESPACE,
                                          TL_CLEANUP_OPEN_CLIP_CANONICALIZE};
    static char text[MAX_TEXT], expected[MAX_TEXT];
    tl_error err = {0};
    tl_string lines = read_text_file(FIXTURES "cleaned.tsv"), out;
    size_t size, wanted, count = 0;
    (void)state;
    tl_string_init(&out, MAX_TEXT);
    for (char *at = lines.data; *at != '\0'; count++) {
        at = read_hex(at, text, &size);
        for (size_t i = 0; i < 3; i++) {
            at = read_hex(at, expected, &wanted);
            tl_string_reset(&out);
            assert_true(tl_cleanup__apply(cleanups[i], (tl_slice){text, size}, &out, &err));
            if (!tl_slice_equal(tl_string_slice(&out), (tl_slice){expected, wanted}))
                fail_msg("text %zu, clean-up %zu: expected '%.*s', found '%s'", count, i, (int)wanted, expected, out.data);
        }
    }
    assert_true(count > 30);
    tl_string_clear(&out);
    tl_string_clear(&lines);
}

/* A folder of this test's scratch with the given files; each pair is a name and its content. */
static void write_folder(const char *folder, const char *const files[], size_t count)
{
    char path[256];
    assert_true(tl_directory_remove(folder, NULL));
    assert_true(tl_directory_create(folder, NULL));
    for (size_t i = 0; i < count; i += 2) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_true(tl_file_replace(path, tl_slice_of(files[i + 1]), NULL));
    }
}

static void refuse_folder(const char *const files[], size_t count, tl_error_kind kind, const char *words)
{
    tl_error err = {0};
    tl_tokenizer *tokenizer = NULL;
    write_folder("refused", files, count);
    assert_false(tl_tokenizer_open_folder("refused", CONTEXT, &tokenizer, &err));
    if (strstr(err.message, words) == NULL || err.kind != kind)
        fail_msg("expected '%s' in: %s (%s)", words, err.message, tl_error_kind_name(err.kind));
}

#define REFUSE(files, kind, words) refuse_folder(files, sizeof(files) / sizeof *(files), kind, words)

static void hostile_files_are_refused_by_name_and_line(void **state)
{
    (void)state;
    tl_string pieces = read_text_file(FIXTURES "pair/vocab.json");
    const char *config = "{\"model_cfg\": {\"text_cfg\": {}}}";

    REFUSE(((const char *const[]){"open_clip_config.json", config}), TL_ERROR_NOT_FOUND, "expected vocab.json with merges.txt");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", pieces.data, "merges.txt", "#version\na b c\n"}),
           TL_ERROR_CORRUPT, "refused/merges.txt': line 2: expected two pieces");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", pieces.data, "merges.txt", "zzzz q\n"}),
           TL_ERROR_CORRUPT, "merges.txt': line 1: expected a merge of pieces of the vocabulary into one, found no piece 'zzzz'");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", pieces.data, "merges.txt", "i n\ni n\n"}),
           TL_ERROR_CORRUPT, "line 2: expected each merge once, found 'i n' as number 1 and again");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"a\": 0,\n\"a\": 1}", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "vocab.json': line 2: expected each piece once, found 'a' with id 0 and again with id 1");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"a\": 0, \"b\": 0}", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "expected each id once, found 0 for 'a' and for 'b'");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"a\": 1}", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "found no piece with id 0");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"!\": 0}", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "for byte 0x00, found none");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"a\": 99999999}", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "vocab.json': line 1: expected a number of 0 to 2097151, found 99999999");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "vocab.json", "{\"a\": 0} x", "merges.txt", ""}),
           TL_ERROR_CORRUPT, "expected the end, found 'x'");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "tokenizer.json", "{\"model\": {\"type\": \"WordPiece\"}}"}),
           TL_ERROR_UNSUPPORTED, "expected a model of the type BPE");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "tokenizer.json", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}),
           TL_ERROR_CORRUPT, "expected an object");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "tokenizer.json",
                                  "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}),
           TL_ERROR_CORRUPT, "within each other, found more");
    REFUSE(((const char *const[]){"open_clip_config.json", config, "bpe_simple_vocab_16e6.txt.gz", "no gzip"}), TL_ERROR_CORRUPT,
           "expected gzip data");
    REFUSE(((const char *const[]){"open_clip_config.json",
                                  "{\"model_cfg\": {\"text_cfg\": {\"tokenizer_kwargs\": {\"reduction_mask\": "
                                  "\"random\"}}}}"}),
           TL_ERROR_UNSUPPORTED, "expected clean or strip_sep_token, found 'reduction_mask'");
    REFUSE(((const char *const[]){"open_clip_config.json",
                                  "{\"model_cfg\": {\"text_cfg\": {\"tokenizer_kwargs\": {\"clean\": \"odd\"}}}}"}),
           TL_ERROR_UNSUPPORTED, "expected lower, whitespace or canonicalize, found 'odd'");
    REFUSE(((const char *const[]){"open_clip_config.json", "{}"}), TL_ERROR_CORRUPT, "expected model_cfg with text_cfg");
    REFUSE(((const char *const[]){"tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizerFast\"}"}),
           TL_ERROR_UNSUPPORTED, "found 'LlamaTokenizer'");
    REFUSE(((const char *const[]){"tokenizer_config.json", "{\"tokenizer_class\": \"SiglipTokenizer\"}"}), TL_ERROR_NOT_FOUND,
           "expected spiece.model for a SiglipTokenizer");
    REFUSE(((const char *const[]){"config.json", "{\"model_type\": \"twinlens\"}"}), TL_ERROR_NOT_FOUND, "tokenizer.model");
    REFUSE(((const char *const[]){"README.md", "x"}), TL_ERROR_NOT_FOUND, "expected the files of a tokenizer, found none");
    tl_string_clear(&pieces);
}

/* open_clip_model.safetensors decides in a folder of both dialects. */
static void a_folder_of_both_dialects_is_open_clips_by_its_weights(void **state)
{
    tl_string pieces = read_text_file(FIXTURES "pair/vocab.json"), merges = read_text_file(FIXTURES "pair/merges.txt");
    const char *files[] = {"open_clip_config.json",
                           "{\"model_cfg\": {\"text_cfg\": {}}}",
                           "vocab.json",
                           pieces.data,
                           "merges.txt",
                           merges.data,
                           "config.json",
                           "{\"model_type\": \"clip\"}",
                           "open_clip_model.safetensors",
                           ""};
    tl_slice text = tl_slice_of("a fox");
    (void)state;
    for (size_t weights = 0; weights < 2; weights++) {
        tl_tokenizer *tokenizer;
        tl_tokenizer_info info;
        int32_t row[CONTEXT];
        uint32_t length;
        tl_error error = {0};
        write_folder("both", files, weights == 0 ? 8 : 10);
        assert_ok(tl_tokenizer_open_folder("both", CONTEXT, &tokenizer, err));
        tl_tokenizer_info_read(tokenizer, &info);
        assert_true(tl_tokenizer_encode(tokenizer, &text, 1, row, &length, &error));
        /* open_clip pads by 0, CLIPTokenizer by the end of text. */
        assert_int_equal(row[CONTEXT - 1], weights == 0 ? info.eos_id : 0);
        assert_int_equal(row[length - 1], info.eos_id);
        tl_tokenizer_close(tokenizer);
    }
    tl_string_clear(&merges);
    tl_string_clear(&pieces);
}

static void a_tokenizer_model_alone_is_ours(void **state)
{
    tl_string model = read_text_file(TL_SOURCE_DIR "/tests/golden/fixtures/tokenizer/captions.model");
    tl_tokenizer *tokenizer;
    tl_error error = {0};
    (void)state;
    assert_true(tl_directory_remove("own", &error) && tl_directory_create("own", &error));
    assert_true(tl_file_replace("own/tokenizer.model", tl_string_slice(&model), &error));
    assert_ok(tl_tokenizer_open_folder("own", CONTEXT, &tokenizer, err));
    tl_tokenizer_close(tokenizer);
    /* Another file that names a class decides; config.json is above it. */
    assert_true(tl_file_replace("own/tokenizer_config.json", tl_slice_of("{\"tokenizer_class\": \"BertTokenizer\"}"), &error));
    assert_false(tl_tokenizer_open_folder("own", CONTEXT, &tokenizer, &error));
    assert_non_null(strstr(error.message, "expected vocab.txt"));
    assert_true(tl_file_replace("own/config.json", tl_slice_of("{\"model_type\": \"twinlens\"}"), &error));
    assert_true(tl_tokenizer_open_folder("own", CONTEXT, &tokenizer, &error));
    tl_tokenizer_close(tokenizer);
    tl_string_clear(&model);
}

static void ids_become_text_again(void **state)
{
    tl_tokenizer *tokenizer;
    tl_error err = {0};
    tl_string text;
    int32_t *ids, broken[2];
    size_t count;
    (void)state;
    tl_string_init(&text, MAX_TEXT);
    assert_true(tl_tokenizer_open_folder(FIXTURES "pair", CONTEXT, &tokenizer, &err));
    assert_true(tl_tokenizer_encode_whole(tokenizer, tl_slice_of("A Red fox's caf\xC3\xA9"), &ids, &count, &err));
    assert_true(tl_tokenizer_decode(tokenizer, ids, count, &text, &err));
    assert_string_equal(text.data, "a red fox 's caf\xC3\xA9");
    for (size_t i = 0; i < count; i++)
        assert_non_null(tl_tokenizer_piece(tokenizer, ids[i]));
    assert_null(tl_tokenizer_piece(tokenizer, 1 << 20));
    /* The pieces of two bytes that are no UTF-8: 0xFF and then 0x00. */
    tl_string_reset(&text);
    broken[0] = 187;
    broken[1] = 188;
    assert_true(tl_tokenizer_decode(tokenizer, broken, 2, &text, &err));
    assert_string_equal(text.data, "\xEF\xBF\xBD\xEF\xBF\xBD");
    tl_memory_free(ids);
    tl_string_clear(&text);
    tl_tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_open_clips),
        cmocka_unit_test(ids_are_those_of_transformers),
        cmocka_unit_test(ids_are_open_clips_over_transformers),
        cmocka_unit_test(texts_are_cleaned_as_open_clip_does),
        cmocka_unit_test(a_kept_table_gives_the_same_ids),
        cmocka_unit_test(hostile_files_are_refused_by_name_and_line),
        cmocka_unit_test(a_folder_of_both_dialects_is_open_clips_by_its_weights),
        cmocka_unit_test(a_tokenizer_model_alone_is_ours),
        cmocka_unit_test(ids_become_text_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

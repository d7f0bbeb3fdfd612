/* Training: the same sentences give the same bytes, nothing is dropped in silence, small and hopeless corpora end well. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/support/assert_ok.h"
#include "tokenizer/tokenizer.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STAMPS "/usr/share/tuxpaint/stamps"

typedef struct sentence_list {
    const tl_slice *texts;
    size_t count, next, fail_at;
} sentence_list;

static bool next_sentence(void *context, tl_slice *text, bool *done, tl_error *err)
{
    sentence_list *self = context;
    if (self->fail_at != 0 && self->next == self->fail_at)
        return tl_fail(err, TL_ERROR_IO, "the source broke");
    *done = self->next == self->count;
    if (!*done)
        *text = self->texts[self->next++];
    return true;
}

static bool train(const tl_slice *texts, size_t count, size_t wanted, const char *path, size_t *reached, tl_error *err)
{
    sentence_list list = {.texts = texts, .count = count};
    tl_text_source source = {&list, next_sentence};
    return tl_tokenizer_train(&source, &(tl_tokenizer_training){.vocabulary_size = wanted}, path, reached, err);
}

static tl_tokenizer *open_model(const char *path)
{
    tl_tokenizer *tokenizer = NULL;
    assert_ok(tl_tokenizer_open(path, &(tl_tokenizer_options){.context_length = 32}, &tokenizer, err));
    return tokenizer;
}

/* The id of a piece, or -1. */
static int32_t find_piece(const tl_tokenizer *tokenizer, const char *piece)
{
    tl_tokenizer_info info;
    tl_tokenizer_info_read(tokenizer, &info);
    for (int32_t id = 0; id < (int32_t)info.vocabulary_size; id++)
        if (strcmp(tl_tokenizer_piece(tokenizer, id), piece) == 0)
            return id;
    return -1;
}

/* nftw has no context argument. */
static tl_string stamp_paths;

static int collect_path(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)place;
    size_t size = strlen(path);
    if (type == FTW_F && size > 4 && strcmp(path + size - 4, ".txt") == 0)
        return tl_string_append_format(&stamp_paths, NULL, "%s\n", path) ? 0 : 1;
    return 0;
}

typedef struct captions {
    tl_slice *texts;
    size_t count, capacity;
    tl_string files[1024];
    size_t file_count;
} captions;

static int compare_slices(const void *left, const void *right)
{
    const tl_slice *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Every line of every third stamp's sidecar: English first, then LANG.utf8=caption. */
static bool load_captions(captions *out)
{
    tl_error err = {0};
    tl_string_init(&stamp_paths, 1 << 20);
    if (nftw(STAMPS, collect_path, 16, FTW_PHYS) != 0 || stamp_paths.size == 0)
        return false;
    for (char *path = stamp_paths.data; *path != '\0';) {
        char *end = strchr(path, '\n');
        *end = '\0';
        tl_string *file = &out->files[out->file_count];
        tl_string_init(file, 1 << 20);
        assert_true(out->file_count < 1024 && tl_file_read(path, file, &err));
        out->file_count++;
        for (char *line = file->data; *line != '\0';) {
            size_t size = strcspn(line, "\n"), bad;
            char *equals = memchr(line, '=', size);
            char *text = equals != NULL ? equals + 1 : line;
            tl_slice caption = {text, size - (size_t)(text - line)};
            if (tl_text_is_utf8(caption, &bad) && out->file_count % 3 == 0) {
                assert_true(tl_memory_reserve(&out->texts, &out->capacity, out->count + 1, sizeof caption, &err));
                out->texts[out->count++] = caption;
            }
            line += size + (line[size] == '\n');
        }
        path = end + 1;
    }
    /* The order of a folder's entries is the file system's. */
    qsort(out->texts, out->count, sizeof *out->texts, compare_slices);
    return true;
}

static void clear_captions(captions *self)
{
    for (size_t i = 0; i < self->file_count; i++)
        tl_string_clear(&self->files[i]);
    tl_memory_free(self->texts);
    tl_string_clear(&stamp_paths);
}

static void check_round_trip(const tl_tokenizer *tokenizer, tl_slice text)
{
    tl_error err = {0};
    tl_string once, twice;
    tl_string *texts[2] = {&once, &twice};
    tl_slice from = text;
    for (size_t pass = 0; pass < 2; pass++) {
        int32_t *ids;
        size_t count;
        tl_string_init(texts[pass], 1 << 16);
        assert_true(tl_tokenizer_encode_whole(tokenizer, from, &ids, &count, &err));
        assert_true(tl_tokenizer_decode(tokenizer, ids, count, texts[pass], &err));
        tl_memory_free(ids);
        from = tl_string_slice(texts[pass]);
    }
    /* What comes back is the normalised text, and normalising that changes nothing. */
    assert_string_equal(once.data, twice.data);
    bool is_plain = text.size > 0;
    for (size_t i = 0; i < text.size; i++)
        is_plain = is_plain &&
                   ((text.data[i] >= 'a' && text.data[i] <= 'z') || (text.data[i] == ' ' && i > 0 && text.data[i - 1] != ' '));
    if (is_plain && text.data[text.size - 1] != ' ')
        assert_true(tl_slice_equal(text, tl_string_slice(&once)));
    tl_string_clear(&once);
    tl_string_clear(&twice);
}

static void real_captions_train_twice_to_the_same_bytes(void **state)
{
    (void)state;
    static captions all;
    tl_string models[2];
    const char *const paths[2] = {"stamps-1.model", "stamps-2.model"};
    tl_error error = {0};
    if (!load_captions(&all)) {
        print_message("skipped: no captions under " STAMPS " (package tuxpaint-stamps-default)\n");
        clear_captions(&all);
        skip();
    }
    assert_true(all.count > 5000);
    for (size_t i = 0; i < 2; i++) {
        size_t reached;
        tl_string_init(&models[i], 64 << 20);
        assert_ok(train(all.texts, all.count, 4096, paths[i], &reached, err));
        assert_int_equal(reached, 4096);
        assert_true(tl_file_read(paths[i], &models[i], &error));
    }
    assert_true(tl_slice_equal(tl_string_slice(&models[0]), tl_string_slice(&models[1])));
    tl_tokenizer *tokenizer = open_model(paths[0]);
    for (size_t i = 0; i < all.count; i += 3)
        check_round_trip(tokenizer, all.texts[i]);
    check_round_trip(tokenizer, tl_slice_of("a plain sentence of small letters"));
    tl_tokenizer_close(tokenizer);
    tl_string_clear(&models[0]);
    tl_string_clear(&models[1]);
    clear_captions(&all);
}

static void a_small_corpus_gives_a_small_vocabulary(void **state)
{
    (void)state;
    const tl_slice texts[3] = {tl_slice_of("a red fox"), tl_slice_of("the red boat"), tl_slice_of("a red kite")};
    size_t reached = 0;
    tl_tokenizer_info info;
    assert_ok(train(texts, 3, 8192, "small.model", &reached, err));
    assert_in_range(reached, 262, 320);
    tl_tokenizer *tokenizer = open_model("small.model");
    tl_tokenizer_info_read(tokenizer, &info);
    assert_int_equal(info.vocabulary_size, reached);
    assert_int_equal(info.pad_id, 0);
    assert_int_equal(info.unknown_id, 1);
    assert_int_equal(info.bos_id, 2);
    assert_int_equal(info.eos_id, 3);
    check_round_trip(tokenizer, tl_slice_of("never seen: \xF0\x9F\xA6\x8A zebra"));
    tl_tokenizer_close(tokenizer);
}

static void long_sentences_and_marker_signs_are_not_dropped(void **state)
{
    (void)state;
    enum { SIZE = 50000 };
    tl_error error = {0};
    size_t reached;
    char *text = tl_memory_allocate(SIZE, 1, &error);
    assert_non_null(text);
    /* The library drops sentences above 4192 bytes: the word at the end must be learnt all the same. */
    memset(text, ' ', SIZE);
    for (size_t i = 0; i + 8 < SIZE - 2000; i += 8)
        memcpy(text + i, "filling", 7);
    for (size_t i = SIZE - 1800; i + 9 < SIZE; i += 9)
        memcpy(text + i, "zoetrope", 8);
    const tl_slice long_texts[2] = {{text, SIZE}, tl_slice_of("a red fox")};
    assert_ok(train(long_texts, 2, 400, "long.model", &reached, err));
    tl_tokenizer *tokenizer = open_model("long.model");
    assert_int_not_equal(find_piece(tokenizer, "\xE2\x96\x81zoetrope"), -1);
    tl_tokenizer_close(tokenizer);

    /* And those with its own sign for unknown characters, which it would skip. */
    const tl_slice marked_texts[3] = {tl_slice_of("quokka \xE2\x96\x85 quokka"), tl_slice_of("quokka quokka\xE2\x96\x85"),
                                      tl_slice_of("a red fox")};
    assert_ok(train(marked_texts, 3, 400, "marked.model", &reached, err));
    tokenizer = open_model("marked.model");
    assert_int_not_equal(find_piece(tokenizer, "\xE2\x96\x81quokka"), -1);
    assert_int_equal(find_piece(tokenizer, "\xE2\x96\x81zebra"), -1);
    tl_tokenizer_close(tokenizer);

    /* No space to cut at, and characters of several bytes. */
    for (size_t i = 0; i + 3 <= SIZE; i += 3)
        memcpy(text + i, "\xE7\x8B\x90", 3);
    const tl_slice solid = {text, SIZE / 3 * 3};
    assert_ok(train(&solid, 1, 400, "solid.model", &reached, err));
    tl_memory_free(text);
}

static void check_refused(const tl_slice *texts, size_t count, size_t wanted, const char *part)
{
    size_t reached;
    tl_error err = {0};
    assert_false(train(texts, count, wanted, "refused.model", &reached, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected '%s' in: %s", part, err.message);
    tl_file_status status;
    assert_true(tl_file_status_read("refused.model", &status, &err));
    assert_int_equal(status.kind, TL_FILE_MISSING);
}

static void hopeless_corpora_are_refused(void **state)
{
    (void)state;
    const tl_slice fine = tl_slice_of("a red fox");
    const tl_slice blank[4] = {tl_slice_of(""), tl_slice_of(" \t "), tl_slice_of("\xE2\x96\x81\xE2\x80\x8B\xE3\x80\x80"),
                               tl_slice_of("\x01\x7F\xE2\x96\x85")};
    const tl_slice broken[2] = {fine, tl_slice_of("ab\xFF")};
    check_refused(NULL, 0, 1000, "found none");
    check_refused(blank, 4, 1000, "found none");
    check_refused(broken, 2, 1000, "sentence 1: expected UTF-8 without NUL, found byte 0xff at 2");
    check_refused(&fine, 1, 0, "found 0");
    check_refused(&fine, 1, 260, "found 260");
    check_refused(&fine, 1, 2000000, "found 2000000");
    check_refused(&fine, 1, 262, "room for the alphabet");
}

static void what_the_normaliser_keeps_can_be_trained_on(void **state)
{
    (void)state;
    static const char *const singles[] = {"!", "<s>", "<unk>", "\xCC\x81", "\xEF\xBC\x91", "\xF0\x9F\xA6\x8A", "\xE2\x84\xA2",
                                          "a"};
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        const tl_slice text = tl_slice_of(singles[i]);
        size_t reached;
        tl_error err = {0};
        if (!train(&text, 1, 600, "single.model", &reached, &err))
            fail_msg("'%s': %s", singles[i], err.message);
    }
}

static void an_error_of_the_source_and_of_the_disk_comes_through(void **state)
{
    (void)state;
    const tl_slice texts[2] = {tl_slice_of("a red fox"), tl_slice_of("a blue boat")};
    sentence_list list = {.texts = texts, .count = 2, .fail_at = 1};
    tl_text_source source = {&list, next_sentence};
    size_t reached;
    tl_error err = {0};
    assert_false(tl_tokenizer_train(&source, &(tl_tokenizer_training){.vocabulary_size = 400}, "broken.model", &reached, &err));
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_non_null(strstr(err.message, "the source broke"));
    assert_false(train(texts, 2, 400, "no-such-folder/x.model", &reached, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_captions_train_twice_to_the_same_bytes),
        cmocka_unit_test(a_small_corpus_gives_a_small_vocabulary),
        cmocka_unit_test(long_sentences_and_marker_signs_are_not_dropped),
        cmocka_unit_test(hopeless_corpora_are_refused),
        cmocka_unit_test(what_the_normaliser_keeps_can_be_trained_on),
        cmocka_unit_test(an_error_of_the_source_and_of_the_disk_comes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

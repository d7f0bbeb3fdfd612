/* Out of memory at every allocation of ours: an error, nothing leaked, nothing half made. */
#include "tests/support/failing_memory.c"

#include "tokenizer/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MODEL TL_SOURCE_DIR "/tests/golden/fixtures/tokenizer/captions.model"

static bool use(tl_error *err)
{
    bool ok = false;
    tl_tokenizer *tokenizer = NULL;
    int32_t row[8], *whole = NULL;
    uint32_t length;
    size_t count;
    tl_string text;
    const tl_slice one = tl_slice_of("a red fox in the snow");
    tl_string_init(&text, 1000);
    if (!tl_tokenizer_open(MODEL, &(tl_tokenizer_options){.context_length = 8}, &tokenizer, err) ||
        !tl_tokenizer_encode(tokenizer, &one, 1, row, &length, err) ||
        !tl_tokenizer_encode_whole(tokenizer, one, &whole, &count, err))
        goto done;
    ok = tl_tokenizer_decode(tokenizer, whole, count, &text, err);
done:
    tl_memory_free(whole);
    tl_string_clear(&text);
    tl_tokenizer_close(tokenizer);
    return ok;
}

static bool next_sentence(void *context, tl_slice *text, bool *done, tl_error *err)
{
    size_t *left = context;
    (void)err;
    *done = *left == 0;
    *text = tl_slice_of(*left % 2 != 0 ? "a red fox" : "the blue boat");
    if (*done)
        *text = tl_slice_of("");
    else
        --*left;
    return true;
}

static bool train(tl_error *err)
{
    size_t left = 10, reached;
    tl_text_source source = {&left, next_sentence};
    return tl_tokenizer_train(&source, &(tl_tokenizer_training){.vocabulary_size = 400}, "memory.model", &reached, err);
}

static void opening_and_use_survive_it(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "open and use", .least_failures = 5};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, use(&sweep.err));
}

static void training_survives_it(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "train", .least_failures = 12};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, train(&sweep.err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_and_use_survive_it),
        cmocka_unit_test(training_survives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

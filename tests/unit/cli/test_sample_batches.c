/*
 * Batches of a made-up set: the same for the same seed and step whatever was asked before, pixels the same chunk by chunk, an
 * epoch that shows each dataset as often as its weight says, equal captions under equal keys.
 */
#include "base/core/hash.h"
#include "cli/app/sample_batches_internal.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 8, COUNT = 40, FIRST_SET = 30, FLOATS = 3 * SIDE * SIDE };

typedef struct made_set {
    tl_training_set set;
    tl_training_pair pairs[COUNT];
    tl_slice captions[COUNT][3];
    char texts[COUNT][3][48];
    size_t starts[3];
    uint8_t frames[TL_FRAMES_PER_BLOCK * FLOATS];
    uint8_t *blocks[1];
    tl_tokenizer *tokenizer;
} made_set;

static made_set made;

typedef struct text_cursor {
    size_t at;
} text_cursor;

static bool next_text(void *context, tl_slice *text, bool *done, tl_error *err)
{
    text_cursor *cursor = context;
    (void)err;
    *done = cursor->at == COUNT * 3;
    if (!*done)
        *text = tl_slice_of(made.texts[cursor->at / 3][cursor->at % 3]);
    cursor->at++;
    return true;
}

static int make_set(void **state)
{
    (void)state;
    tl_error err;
    static const char *const things[] = {"fox", "boat", "tower", "lamp", "river"};
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < 3; k++) { /* caption 0 of every fifth pair is the same */
            snprintf(made.texts[i][k], sizeof made.texts[i][k], "a %s near the %s number %zu", things[i % 5], things[k],
                     k == 0 ? 0 : i);
            made.captions[i][k] = tl_slice_of(made.texts[i][k]);
        }
        made.pairs[i] = (tl_training_pair){made.captions[i], 3, made.texts[i][1]};
        for (size_t at = 0; at < FLOATS; at++)
            made.frames[i * FLOATS + at] = (uint8_t)(i * 5 + at);
    }
    made.starts[1] = FIRST_SET;
    made.starts[2] = COUNT;
    made.blocks[0] = made.frames;
    made.set = (tl_training_set){.recipe = tl_image_recipe_default(SIDE),
                                 .pairs = made.pairs,
                                 .count = COUNT,
                                 .frame_blocks = made.blocks,
                                 .starts = made.starts,
                                 .dataset_count = 2};
    text_cursor cursor = {0};
    tl_text_source source = {&cursor, next_text};
    tl_tokenizer_training training = {300};
    tl_tokenizer_options options = {.context_length = 24};
    size_t reached;
    return tl_tokenizer_train(&source, &training, "tokenizer.model", &reached, &err) &&
                   tl_tokenizer_open("tokenizer.model", &options, &made.tokenizer, &err)
               ? 0
               : -1;
}

static int drop_set(void **state)
{
    (void)state;
    tl_tokenizer_close(made.tokenizer);
    return 0;
}

static tl_sample_batches *make_batches(const tl_sample_options *options)
{
    tl_sample_batches *batches;
    assert_ok(tl_sample_batches_create(&made.set, made.tokenizer, options, NULL, &batches, err));
    return batches;
}

static tl_training_batch batch_at(tl_sample_batches *batches, uint64_t step)
{
    tl_training_batch batch;
    assert_ok(tl_sample_batches_make(batches, step, &batch, err));
    return batch;
}

static void a_batch_depends_on_seed_and_step_only(void **state)
{
    (void)state;
    const tl_sample_options options = {
        .augment = {.min_area = 0.5f, .flip = 0.5f, .jitter = 0.4f, .grayscale = 0.2f, .blur = 0.3f},
        .seed = 4,
        .batch = 12,
        .chunk = 5,
        .captions_per_picture = 2,
        .mix = 0.4};
    tl_sample_options at_once = options;
    at_once.chunk = 0;
    tl_sample_batches *one = make_batches(&options), *other = make_batches(&at_once);
    batch_at(one, 9);
    batch_at(one, 0);
    tl_training_batch a = batch_at(one, 7), b = batch_at(other, 7);
    assert_int_equal(a.pairs, 12);
    assert_memory_equal(a.ids, b.ids, 24 * 24 * sizeof *a.ids);
    assert_memory_equal(a.caption_keys, b.caption_keys, 24 * sizeof *a.caption_keys);
    const float *whole, *part;
    assert_true(b.source->make(b.source->context, 0, 12, &whole, NULL));
    for (size_t first = 0; first < 12; first += 5) {
        size_t count = 12 - first < 5 ? 12 - first : 5;
        assert_true(a.source->make(a.source->context, first, count, &part, NULL));
        assert_memory_equal(part, whole + first * FLOATS, count * FLOATS * sizeof *part);
    }
    tl_training_batch next = batch_at(one, 8);
    assert_memory_not_equal(next.ids, b.ids, 24 * 24 * sizeof *b.ids);
    tl_sample_batches_destroy(other);
    tl_sample_options reseeded = options;
    reseeded.seed = 5;
    other = make_batches(&reseeded);
    a = batch_at(one, 7);
    b = batch_at(other, 7);
    assert_memory_not_equal(a.ids, b.ids, 24 * 24 * sizeof *b.ids);
    tl_sample_batches_destroy(other);
    tl_sample_batches_destroy(one);
}

static void an_epoch_shows_each_as_its_weight_says(void **state)
{
    (void)state;
    static const double weights[2] = {0.5, 2.0};
    const tl_sample_options options = {.seed = 4, .batch = 5, .weights = weights};
    assert_int_equal(tl_sample_batches_epoch_size(&made.set, NULL), COUNT);
    assert_int_equal(tl_sample_batches_epoch_size(&made.set, weights), 15 + 20);
    tl_sample_batches *batches = make_batches(&options);
    bool is_same_half = true;
    size_t first_epoch[COUNT] = {0};
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        size_t shown[COUNT] = {0}, halves = 0;
        for (uint64_t step = 0; step < 7; step++) {
            batch_at(batches, epoch * 7 + step);
            for (size_t i = 0; i < 5; i++)
                shown[tl_sample_batches_pair(batches, i)]++;
        }
        for (size_t i = 0; i < FIRST_SET; i++) {
            assert_true(shown[i] <= 1);
            halves += shown[i];
            is_same_half &= epoch == 0 || shown[i] == first_epoch[i];
        }
        assert_int_equal(halves, 15);
        for (size_t i = FIRST_SET; i < COUNT; i++)
            assert_int_equal(shown[i], 2);
        memcpy(first_epoch, shown, sizeof shown);
    }
    assert_false(is_same_half);
    tl_sample_batches_destroy(batches);
}

/* Neither by itself, nor blended with what is shown, nor as a pair that a batch could have. */
static void a_weight_of_zero_shows_nothing(void **state)
{
    (void)state;
    static const double weights[2] = {0.0, 1.5};
    const tl_sample_options options = {.seed = 4, .batch = COUNT, .weights = weights, .mix = 1.0};
    assert_int_equal(tl_sample_batches_pair_count(&made.set, NULL), COUNT);
    assert_int_equal(tl_sample_batches_pair_count(&made.set, weights), COUNT - FIRST_SET);
    tl_sample_batches *batches = make_batches(&options);
    for (uint64_t step = 0; step < 3; step++) {
        tl_training_batch batch = batch_at(batches, step);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true((uint32_t)batch.picture_keys[i] >= FIRST_SET);
            assert_in_range(batch.picture_keys[i] >> 32, FIRST_SET, COUNT - 1);
        }
    }
    tl_sample_batches_destroy(batches);
}

static void equal_captions_have_equal_keys(void **state)
{
    (void)state;
    static const char *const templates[] = {"a photo of {}", "{}"};
    /* Sentences of five words are labels here: templates differ, keys do not. */
    const tl_sample_options options = {.seed = 4, .batch = COUNT, .captions_per_picture = 3, .labels = {templates, 2, 10}};
    tl_sample_batches *batches = make_batches(&options);
    tl_training_batch batch = batch_at(batches, 0);
    size_t equal = 0;
    for (size_t i = 0; i < COUNT * 3; i++)
        for (size_t j = 0; j < i; j++)
            equal += batch.caption_keys[i] == batch.caption_keys[j];
    assert_int_equal(equal, 5 * (8 * 7 / 2)); /* five things, eight pictures each, one caption in common */
    tl_sample_batches_destroy(batches);
}

/* Whether a key is among those of captions that fit picture i of a batch. */
static bool is_known(const tl_training_batch *batch, size_t i, uint64_t key)
{
    for (size_t k = batch->known_starts[i]; k < batch->known_starts[i + 1]; k++)
        if (batch->known_keys[k] == key)
            return true;
    return false;
}

/* All that a picture may be shown with is known of it: every caption, every name of a label; of a blend what both may. */
static void all_that_is_said_of_a_picture_fits_it(void **state)
{
    (void)state;
    static const char *const templates[] = {"a photo of {}"};
    static const char cat[] = "tabby, cat, feline";
    const tl_slice kept = made.captions[3][1];
    made.captions[3][1] = tl_slice_of(cat);
    for (int is_mixed = 0; is_mixed < 2; is_mixed++) {
        const tl_sample_options options = {.seed = 4, .batch = COUNT, .mix = is_mixed, .labels = {templates, 1, 0}};
        tl_sample_batches *batches = make_batches(&options);
        tl_training_batch batch = batch_at(batches, 0);
        size_t names = 0;
        for (size_t i = 0; i < COUNT; i++) {
            const size_t pair = tl_sample_batches_pair(batches, i), count = batch.known_starts[i + 1] - batch.known_starts[i];
            for (size_t k = 0; k < 3; k++) {
                const tl_slice caption = made.captions[pair][k];
                assert_true((pair == 3 && k == 1) || is_known(&batch, i, tl_hash64(caption.data, caption.size)));
            }
            names += is_known(&batch, i, tl_hash64("tabby", 5)) && is_known(&batch, i, tl_hash64("cat", 3)) &&
                     is_known(&batch, i, tl_hash64("feline", 6));
            assert_true(is_mixed ? count >= 6 : count == (pair == 3 ? 5 : 3));
            assert_true(is_mixed || is_known(&batch, i, batch.caption_keys[i]));
        }
        assert_true(is_mixed ? names >= 1 : names == 1);
        tl_sample_batches_destroy(batches);
    }
    made.captions[3][1] = kept;
}

/* A batch of two epochs shows each picture twice; what is blended is another picture. */
static void equal_pictures_have_equal_keys(void **state)
{
    (void)state;
    for (int is_mixed = 0; is_mixed < 2; is_mixed++) {
        const tl_sample_options options = {.seed = 4, .batch = 2 * COUNT, .mix = is_mixed != 0 ? 1.0 : 0.0};
        tl_sample_batches *batches = make_batches(&options);
        tl_training_batch batch = batch_at(batches, 0);
        size_t equal = 0;
        for (size_t i = 0; i < 2 * COUNT; i++)
            for (size_t j = 0; j < i; j++) {
                const bool is_same = batch.picture_keys[i] == batch.picture_keys[j];
                assert_true(!is_same || tl_sample_batches_pair(batches, i) == tl_sample_batches_pair(batches, j));
                equal += is_same;
            }
        if (is_mixed == 0)
            assert_int_equal(equal, COUNT);
        else
            assert_true(equal < COUNT / 4);
        tl_sample_batches_destroy(batches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_depends_on_seed_and_step_only), cmocka_unit_test(an_epoch_shows_each_as_its_weight_says),
        cmocka_unit_test(a_weight_of_zero_shows_nothing),        cmocka_unit_test(equal_captions_have_equal_keys),
        cmocka_unit_test(all_that_is_said_of_a_picture_fits_it), cmocka_unit_test(equal_pictures_have_equal_keys),
    };
    return cmocka_run_group_tests(tests, make_set, drop_set);
}

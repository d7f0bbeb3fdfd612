/*
 * bf16 and int8 beside f32 where activations have outlier channels, as those of published CLIPs do: what a few large numbers cost
 * the others. Cosines are taken after the mean embedding is subtracted, since what all embeddings share would hide any error.
 */
#include "tests/support/training_fixture.h"

#include "base/core/random.h"
#include "encoders/encoders.h"

enum {
    WIDTH = 128,
    LAYERS = 3,
    SIDE = 32,
    CONTEXT = 16,
    VOCABULARY = 200,
    DIM = 64,
    ITEMS = 32,
    OUTLIER = 37,
    OTHER_OUTLIER = 90
};
static const float times = 50.0F;
static const char *const towers[] = {"visual.transformer", "transformer"};

static tl_trainer *make_model(void)
{
    const tl_model_config config = {
        .embedding_dim = DIM,
        .vision = {.activation = TL_QUICK_GELU,
                   .layer_norm_epsilon = 1e-5F,
                   .image_size = SIDE,
                   .patch_size = 8,
                   .width = WIDTH,
                   .layers = LAYERS,
                   .heads = 2,
                   .mlp_width = 4 * WIDTH,
                   .pooling = TL_POOL_CLASS_TOKEN},
        .text = {.activation = TL_QUICK_GELU,
                 .layer_norm_epsilon = 1e-5F,
                 .context_length = CONTEXT,
                 .vocabulary_size = VOCABULARY,
                 .width = WIDTH,
                 .layers = LAYERS,
                 .heads = 2,
                 .mlp_width = 4 * WIDTH,
                 .pooling = TL_POOL_EOS,
                 .eos_id = 3},
    };
    const tl_training_options options = {.seed = 5, .steps = 1, .max_batch = 1};
    const tl_image_recipe recipe = tl_image_recipe_default(SIDE);
    tl_trainer *trainer = NULL;
    assert_ok(tl_trainer_create(&config, &recipe, &options, NULL, &trainer, err));
    return trainer;
}

static float *parameter(tl_trainer *trainer, const char *prefix, size_t block, const char *suffix, size_t *count)
{
    char name[128];
    if (block == SIZE_MAX)
        snprintf(name, sizeof name, "%s%s", prefix, suffix);
    else
        snprintf(name, sizeof name, "%s.resblocks.%zu.%s", prefix, block, suffix);
    float *values = tl_trainer_parameter(trainer, name, count);
    if (values == NULL)
        fail_msg("no parameter '%s'", name);
    return values;
}

/* Entry `channel` of every row times the factor. */
static void scale_channel(float *rows, size_t count, size_t channel, float factor)
{
    for (size_t i = channel; i < count; i += WIDTH)
        rows[i] *= factor;
}

/* Both norms of every block: `outlier` to the outlier channels of gain and bias, `others` to all others, `columns` to the weights
 * that read the outlier channels. */
static void scale_norms(tl_trainer *trainer, float outlier, float others, float columns)
{
    static const char *const pairs[2][3] = {{"ln_1.weight", "ln_1.bias", "attn.in_proj_weight"},
                                            {"ln_2.weight", "ln_2.bias", "mlp.c_fc.weight"}};
    for (size_t tower = 0; tower < 2; tower++)
        for (size_t block = 0; block < LAYERS; block++)
            for (size_t pair = 0; pair < 2; pair++) {
                size_t count;
                for (size_t part = 0; part < 2; part++) {
                    float *vector = parameter(trainer, towers[tower], block, pairs[pair][part], &count);
                    for (size_t i = 0; i < WIDTH; i++)
                        vector[i] *= i == OUTLIER || i == OTHER_OUTLIER ? outlier : others;
                }
                float *weight = parameter(trainer, towers[tower], block, pairs[pair][2], &count);
                scale_channel(weight, count, OUTLIER, columns);
                scale_channel(weight, count, OTHER_OUTLIER, columns);
            }
}

/* The gains of two channels are large, the weights that read them small: f32 makes the same of them as before. */
static void plant_in_the_gains(tl_trainer *trainer)
{
    scale_norms(trainer, times, 1.0F, 1.0F / times);
}

/* Two channels of the residual stream are large for every token. */
static void raise_the_stream(tl_trainer *trainer)
{
    static const char *const names[] = {"visual.ln_pre.bias", "positional_embedding"};
    size_t count;
    float *tokens = parameter(trainer, "token_embedding.weight", SIZE_MAX, "", &count);
    for (size_t i = 0; i < count; i++)
        tokens[i] *= times; /* from the 0.02 of fresh ones to the 1 that a stream of pictures has */
    for (size_t tower = 0; tower < 2; tower++) {
        float *values = parameter(trainer, names[tower], SIZE_MAX, "", &count);
        for (size_t at = 0; at < count; at += WIDTH) {
            values[at + OUTLIER] += times;
            values[at + OTHER_OUTLIER] -= times;
        }
    }
}

/* What the norms divide by where two channels are so large and the others 1. */
static float deviation(void)
{
    return times * sqrtf(2.0F / WIDTH);
}

/* Gains of the others are large, as training leaves them: these are 1 after a norm, and the outliers 8. No weight makes up for
 * it. */
static void plant_in_the_stream(tl_trainer *trainer)
{
    raise_the_stream(trainer);
    scale_norms(trainer, 1.0F, deviation(), 1.0F);
}

/* All gains are large: the outliers are 50 after a norm as well. Their columns are so small that they count for 8. */
static void plant_through_the_norms(tl_trainer *trainer)
{
    raise_the_stream(trainer);
    scale_norms(trainer, deviation(), deviation(), 1.0F / deviation());
}

/* Pictures of a few soft waves. */
static void make_pixels(float *pixels)
{
    for (size_t item = 0; item < ITEMS; item++)
        for (size_t channel = 0; channel < 3; channel++) {
            tl_random random = tl_random_stream(item, channel);
            float across = tl_random_uniform(&random) * 0.8F, down = tl_random_uniform(&random) * 0.8F,
                  phase = tl_random_uniform(&random) * 6.0F, level = tl_random_normal(&random);
            for (size_t y = 0; y < SIDE; y++)
                for (size_t x = 0; x < SIDE; x++)
                    *pixels++ = level + sinf(across * (float)x + down * (float)y + phase);
        }
}

static void embed(tl_precision precision, float *out)
{
    tl_error error;
    tl_model *model;
    tl_model_session *session;
    float *pixels = tl_memory_allocate(ITEMS, 3 * SIDE * SIDE * sizeof *pixels, &error);
    int32_t ids[ITEMS * CONTEXT] = {0};
    uint32_t lengths[ITEMS];
    assert_non_null(pixels);
    make_pixels(pixels);
    for (size_t item = 0; item < ITEMS; item++) {
        tl_random random = tl_random_stream(item, 9);
        lengths[item] = 5 + (uint32_t)tl_random_below(&random, CONTEXT - 5);
        for (size_t t = 0; t + 1 < lengths[item]; t++)
            ids[item * CONTEXT + t] = 4 + (int32_t)tl_random_below(&random, VOCABULARY - 4);
        ids[item * CONTEXT + lengths[item] - 1] = 3;
    }
    assert_ok(tl_model_open("model", &model, err));
    for (int tower = 0; tower < TL_TOWER_COUNT; tower++)
        assert_ok(tl_model_pack(model, (tl_tower)tower, precision, NULL, err));
    assert_ok(tl_model_session_create(model, ITEMS, NULL, &session, err));
    assert_ok(tl_model_session_encode_pixels(session, pixels, ITEMS, out, err));
    assert_ok(tl_model_session_encode_tokens(session, ids, lengths, ITEMS, out + ITEMS * DIM, err));
    tl_model_session_destroy(session);
    tl_model_close(model);
    tl_memory_free(pixels);
}

static double mean_cosine(const float *found, const float *expected)
{
    double mean[DIM] = {0}, sum = 0.0;
    for (size_t i = 0; i < ITEMS * DIM; i++)
        mean[i % DIM] += (double)expected[i] / ITEMS;
    for (size_t item = 0; item < ITEMS; item++) {
        double product = 0.0, a = 0.0, b = 0.0;
        for (size_t d = 0; d < DIM; d++) {
            double x = (double)found[item * DIM + d] - mean[d], y = (double)expected[item * DIM + d] - mean[d];
            product += x * y;
            a += x * x;
            b += y * y;
        }
        sum += product / sqrt(a * b);
    }
    return sum / ITEMS;
}

static void hold_to_the_goals(const char *kind, void (*plant)(tl_trainer *))
{
    static float expected[2 * ITEMS * DIM], found[2 * ITEMS * DIM];
    static const struct {
        tl_precision precision;
        double goal;
    } rows[] = {{TL_PRECISION_BF16, 0.999}, {TL_PRECISION_INT8, 0.99}};
    tl_trainer *trainer = make_model();
    if (plant != NULL)
        plant(trainer);
    assert_ok(tl_trainer_export(trainer, "model", err));
    tl_trainer_destroy(trainer);
    embed(TL_PRECISION_F32, expected);
    bool is_good = true;
    for (size_t i = 0; i < 2; i++) {
        embed(rows[i].precision, found);
        for (size_t tower = 0; tower < 2; tower++) {
            double cosine = mean_cosine(found + tower * ITEMS * DIM, expected + tower * ITEMS * DIM);
            is_good = is_good && cosine >= rows[i].goal;
            print_message("%s, %s, %s: cosine %.6f\n", kind, i == 0 ? "bf16" : "int8", tower == 0 ? "pictures" : "texts", cosine);
        }
    }
    assert_true(is_good);
}

static void plain_channels(void **state)
{
    (void)state;
    hold_to_the_goals("no outliers", NULL);
}

static void outliers_by_gain(void **state)
{
    (void)state;
    hold_to_the_goals("outliers by gain", plant_in_the_gains);
}

static void outliers_of_the_stream(void **state)
{
    (void)state;
    hold_to_the_goals("outliers of the stream", plant_in_the_stream);
}

static void outliers_through_the_norms(void **state)
{
    (void)state;
    hold_to_the_goals("outliers through the norms", plant_through_the_norms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_channels),
        cmocka_unit_test(outliers_by_gain),
        cmocka_unit_test(outliers_of_the_stream),
        cmocka_unit_test(outliers_through_the_norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

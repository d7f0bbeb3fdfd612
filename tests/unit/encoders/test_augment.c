/* Random views: exact where nothing is random, within interpolation's bounds where something is. */
#include "tests/unit/image/image_fixtures.h"

#include "encoders/views/augment.h"

#include <math.h>

static uint8_t *noise_frame(uint32_t size)
{
    uint8_t *pixels = malloc((size_t)size * size * 3);
    tl_random random = tl_random_stream(9, size);
    assert_non_null(pixels);
    for (size_t i = 0; i < (size_t)size * size * 3; i++)
        pixels[i] = (uint8_t)tl_random_below(&random, 256);
    return pixels;
}

static float *planes(uint32_t size)
{
    float *out = calloc((size_t)size * size * 3, sizeof *out);
    assert_non_null(out);
    return out;
}

static void no_options_is_normalize(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 7, 64, 224, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t size = sizes[i];
        tl_image_recipe recipe = tl_image_recipe_default(size);
        tl_augment_options options = {0};
        tl_random random = tl_random_stream(1, 1);
        uint8_t *pixels = noise_frame(size);
        float *expected = planes(size), *found = planes(size);
        tl_image_recipe_normalize(&recipe, pixels, expected);
        assert_true(tl_augment_apply(&options, &recipe, pixels, &random, found, NULL));
        assert_memory_equal(found, expected, (size_t)size * size * 3 * sizeof(float));
        free(pixels);
        free(expected);
        free(found);
    }
}

static void flip_mirrors_columns(void **state)
{
    (void)state;
    enum { SIZE = 33 };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    tl_augment_options options = {.flip = 1};
    tl_random random = tl_random_stream(1, 1);
    uint8_t *pixels = noise_frame(SIZE);
    float *straight = planes(SIZE), *flipped = planes(SIZE);
    tl_image_recipe_normalize(&recipe, pixels, straight);
    assert_true(tl_augment_apply(&options, &recipe, pixels, &random, flipped, NULL));
    for (size_t row = 0; row < 3 * SIZE; row++)
        for (size_t x = 0; x < SIZE; x++)
            assert_true(flipped[row * SIZE + x] == straight[row * SIZE + SIZE - 1 - x]);
    free(pixels);
    free(straight);
    free(flipped);
}

/*
 * A frame whose red level is its column and green level its row: a crop shows as two straight lines, from whose ends its place
 * and size can be read.
 */
typedef struct seen_crop {
    double left, top, width, height;
    bool is_flipped;
} seen_crop;

enum { RAMP_SIZE = 64 };

static seen_crop look_at(const tl_image_recipe *recipe, const float *out)
{
    const size_t middle = RAMP_SIZE / 2;
    double levels[2][2]; /* of two inner columns / rows, where no edge is repeated */
    const size_t first = 16, second = 48;
    for (int channel = 0; channel < 2; channel++)
        for (int i = 0; i < 2; i++) {
            size_t at = i == 0 ? first : second;
            size_t index = channel == 0 ? middle * RAMP_SIZE + at : RAMP_SIZE * RAMP_SIZE + at * RAMP_SIZE + middle;
            levels[channel][i] = ((double)out[index] * (double)recipe->std[channel] + (double)recipe->mean[channel]) * 255;
        }
    double step_x = (levels[0][1] - levels[0][0]) / (double)(second - first);
    double step_y = (levels[1][1] - levels[1][0]) / (double)(second - first);
    seen_crop crop = {.width = fabs(step_x) * RAMP_SIZE, .height = step_y * RAMP_SIZE, .is_flipped = step_x < 0};
    crop.left = levels[0][0] + 0.5 - (crop.is_flipped ? RAMP_SIZE - 1 - first + 0.5 : first + 0.5) * fabs(step_x);
    crop.top = levels[1][0] + 0.5 - (first + 0.5) * step_y;
    return crop;
}

static void crops_follow_their_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    tl_image_recipe recipe = tl_image_recipe_default(RAMP_SIZE);
    tl_augment_options options = {.min_area = 0.25f, .aspect = 4.0f / 3, .flip = 0.5f};
    uint8_t *pixels = calloc(RAMP_SIZE * RAMP_SIZE, 3);
    float *out = planes(RAMP_SIZE);
    assert_non_null(pixels);
    for (size_t y = 0; y < RAMP_SIZE; y++)
        for (size_t x = 0; x < RAMP_SIZE; x++) {
            pixels[(y * RAMP_SIZE + x) * 3] = (uint8_t)x;
            pixels[(y * RAMP_SIZE + x) * 3 + 1] = (uint8_t)y;
        }
    int flips = 0, wide = 0, at_left = 0, at_right = 0;
    double area = 0, least_area = 1;
    for (int i = 0; i < DRAWS; i++) {
        tl_random random = tl_random_stream(2, (uint64_t)i);
        assert_true(tl_augment_apply(&options, &recipe, pixels, &random, out, NULL));
        seen_crop crop = look_at(&recipe, out);
        /* Whole pixels, inside the frame. */
        assert_true(fabs(crop.width - nearbyint(crop.width)) < 0.02 && fabs(crop.height - nearbyint(crop.height)) < 0.02);
        assert_true(fabs(crop.left - nearbyint(crop.left)) < 0.02 && fabs(crop.top - nearbyint(crop.top)) < 0.02);
        assert_true(crop.left > -0.1 && crop.top > -0.1);
        assert_true(crop.left + crop.width < RAMP_SIZE + 0.1 && crop.top + crop.height < RAMP_SIZE + 0.1);
        double share = crop.width * crop.height / (RAMP_SIZE * RAMP_SIZE);
        assert_true(share > 0.25 * 0.97 && share < 1.01);
        assert_true(crop.width / crop.height < 4.0 / 3 * 1.04 && crop.height / crop.width < 4.0 / 3 * 1.04);
        area += share;
        least_area = share < least_area ? share : least_area;
        flips += crop.is_flipped;
        wide += crop.width > crop.height;
        at_left += crop.left < 0.5 && crop.width < 50;
        at_right += crop.left + crop.width > RAMP_SIZE - 0.5 && crop.width < 50;
    }
    assert_in_range(flips, DRAWS * 46 / 100, DRAWS * 54 / 100);
    assert_in_range(wide, DRAWS * 43 / 100, DRAWS * 55 / 100);
    /* Uniform would be 0.625; large areas of odd proportions are drawn again, as in torchvision. */
    assert_true(area / DRAWS > 0.56 && area / DRAWS < 0.64);
    assert_true(least_area < 0.28);
    assert_true(at_left > 20 && at_right > 20);
    free(pixels);
    free(out);
}

/* A slow reading of the definition: both coordinates, four pixels, in double. */
static void one_pass_is_bilinear(void **state)
{
    (void)state;
    enum { SIZE = 40 };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    tl_augment_options options = {.min_area = 0.1f, .aspect = 2, .flip = 0};
    uint8_t *pixels = noise_frame(SIZE);
    float *out = planes(SIZE);
    for (uint64_t draw = 0; draw < 50; draw++) {
        tl_random random = tl_random_stream(4, draw);
        assert_true(tl_augment_apply(&options, &recipe, pixels, &random, out, NULL));
        double best = 1e9;
        /* Some crop of whole pixels explains the view. Try them all on a few pixels, then in full. */
        for (int left = 0; left < SIZE; left++)
            for (int top = 0; top < SIZE; top++)
                for (int width = 8; left + width <= SIZE; width++)
                    for (int height = 6; top + height <= SIZE; height++) {
                        double worst = 0;
                        for (int probe = 0; probe < SIZE * SIZE && worst < 1e-4; probe += 37) {
                            int x = probe % SIZE, y = probe / SIZE;
                            double at_x = (x + 0.5) * width / SIZE - 0.5, at_y = (y + 0.5) * height / SIZE - 0.5;
                            at_x = at_x < 0 ? 0 : at_x;
                            at_y = at_y < 0 ? 0 : at_y;
                            int x0 = (int)at_x, y0 = (int)at_y, x1 = x0 + 1 < width ? x0 + 1 : x0,
                                y1 = y0 + 1 < height ? y0 + 1 : y0;
                            double u = at_x - x0, v = at_y - y0;
                            const uint8_t *frame = pixels + ((size_t)top * SIZE + (size_t)left) * 3;
                            double level = (1 - v) * ((1 - u) * frame[(y0 * SIZE + x0) * 3] + u * frame[(y0 * SIZE + x1) * 3]) +
                                           v * ((1 - u) * frame[(y1 * SIZE + x0) * 3] + u * frame[(y1 * SIZE + x1) * 3]);
                            double expected = (level / 255 - (double)recipe.mean[0]) / (double)recipe.std[0];
                            double difference = fabs(expected - (double)out[probe]);
                            worst = difference > worst ? difference : worst;
                        }
                        best = worst < best ? worst : best;
                    }
        assert_true(best < 1e-4);
    }
    free(pixels);
    free(out);
}

static void same_state_same_view(void **state)
{
    (void)state;
    enum { SIZE = 20 };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    tl_augment_options options = {.min_area = 0.3f, .aspect = 1.5f, .flip = 0.5f};
    uint8_t *pixels = noise_frame(SIZE);
    float *a = planes(SIZE), *b = planes(SIZE);
    tl_random first = tl_random_stream(7, 3), second = tl_random_stream(7, 3);
    assert_true(tl_augment_apply(&options, &recipe, pixels, &first, a, NULL));
    assert_true(tl_augment_apply(&options, &recipe, pixels, &second, b, NULL));
    assert_memory_equal(a, b, SIZE * SIZE * 3 * sizeof(float));
    assert_true(tl_augment_apply(&options, &recipe, pixels, &second, b, NULL));
    assert_memory_not_equal(a, b, SIZE * SIZE * 3 * sizeof(float));
    free(pixels);
    free(a);
    free(b);
}

/* Grey means equal levels; jitter keeps levels within 0 to 1 and, drawn to its ends, changes them; none draws nothing. */
static void colours_change_within_bounds(void **state)
{
    (void)state;
    enum { SIZE = 16, AREA = SIZE * SIZE };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    uint8_t *pixels = noise_frame(SIZE);
    float *plain = planes(SIZE), *found = planes(SIZE);
    const tl_augment_options none = {0}, grey = {.grayscale = 1}, jittered = {.jitter = 0.5f};
    tl_random random = tl_random_stream(3, 1), before = random;
    assert_true(tl_augment_apply(&none, &recipe, pixels, &random, plain, NULL));
    assert_true(random.counter == before.counter);
    assert_true(tl_augment_apply(&grey, &recipe, pixels, &random, found, NULL));
    for (size_t i = 0; i < AREA; i++) {
        double level[3], expected = 0;
        static const double luma[3] = {0.2989, 0.587, 0.114};
        for (size_t c = 0; c < 3; c++) {
            level[c] = (double)(found[c * AREA + i] * recipe.std[c] + recipe.mean[c]);
            expected += luma[c] * (double)pixels[i * 3 + c] / 255.0;
        }
        for (size_t c = 0; c < 3; c++)
            assert_true(fabs(level[c] - expected) < 1e-5);
    }
    double changed = 0;
    for (uint64_t view = 0; view < 8; view++) {
        random = tl_random_stream(3, view);
        assert_true(tl_augment_apply(&jittered, &recipe, pixels, &random, found, NULL));
        for (size_t i = 0; i < 3 * AREA; i++) {
            double level = (double)(found[i] * recipe.std[i / AREA] + recipe.mean[i / AREA]);
            assert_true(level > -1e-5 && level < 1 + 1e-5);
            changed += fabs((double)(found[i] - plain[i]));
        }
    }
    assert_true(changed / (8 * 3 * AREA) > 0.1);
    free(pixels);
    free(plain);
    free(found);
}

/* A single bright pixel becomes a Gaussian: the same both ways, centred, of the sum it had, and as wide as the drawn sigma. */
static void blur_is_a_gaussian(void **state)
{
    (void)state;
    enum { SIZE = 96, AREA = SIZE * SIZE, AT = 40 };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    uint8_t *pixels = calloc(AREA, 3);
    float *found = planes(SIZE);
    for (size_t c = 0; c < 3; c++)
        pixels[(AT * SIZE + AT) * 3 + c] = 255;
    const tl_augment_options blurred = {.blur = 1};
    double widest = 0;
    for (uint64_t view = 0; view < 32; view++) {
        tl_random random = tl_random_stream(5, view);
        assert_true(tl_augment_apply(&blurred, &recipe, pixels, &random, found, NULL));
        random = tl_random_stream(5, view);
        tl_random_uniform(&random); /* whether */
        const double sigma = (double)tl_random_uniform(&random) * SIZE / 48;
        double sum = 0, variance = 0, total = 0;
        for (int i = -12; i <= 12; i++)
            total += exp(-0.5 * i * i / (sigma * sigma)) * (abs(i) <= ceil(3 * sigma));
        for (size_t i = 0; i < AREA; i++) {
            const double y = (double)(i / SIZE) - AT, x = (double)(i % SIZE) - AT;
            const bool is_near = fabs(x) <= ceil(3 * sigma) && fabs(y) <= ceil(3 * sigma);
            const double level = (double)(found[i] * recipe.std[0] + recipe.mean[0]);
            const double expected = is_near ? exp(-0.5 * (x * x + y * y) / (sigma * sigma)) / (total * total) : 0;
            assert_true(fabs(level - expected) < 1e-5);
            sum += level;
            variance += is_near ? level * x * x : 0;
        }
        assert_true(fabs(sum - 1) < 2e-3);
        widest = fmax(widest, variance);
    }
    assert_true(widest > 2 && widest < 4.5); /* sigma up to 2 */
    free(pixels);
    free(found);
}

/* The probability is kept, and 0 draws nothing. */
static void blur_comes_as_often_as_asked(void **state)
{
    (void)state;
    enum { SIZE = 48, VIEWS = 400 };
    tl_image_recipe recipe = tl_image_recipe_default(SIZE);
    uint8_t *pixels = noise_frame(SIZE);
    float *plain = planes(SIZE), *found = planes(SIZE);
    const tl_augment_options none = {0}, sometimes = {.blur = 0.25f};
    tl_random random = tl_random_stream(4, 0), before = random;
    assert_true(tl_augment_apply(&none, &recipe, pixels, &random, plain, NULL));
    assert_true(random.counter == before.counter);
    int blurred = 0;
    for (uint64_t view = 0; view < VIEWS; view++) {
        random = tl_random_stream(4, view);
        assert_true(tl_augment_apply(&sometimes, &recipe, pixels, &random, found, NULL));
        blurred += memcmp(plain, found, SIZE * SIZE * 3 * sizeof *plain) != 0;
    }
    assert_true(blurred > VIEWS / 4 - 40 && blurred < VIEWS / 4 + 40);
    free(pixels);
    free(plain);
    free(found);
}

static void bad_options_are_errors(void **state)
{
    (void)state;
    static const tl_augment_options bad[] = {{.min_area = -1}, {.min_area = 1.5f}, {.aspect = 0.5f},  {.flip = 2},
                                             {.flip = -0.1f},  {.jitter = 1.5f},   {.grayscale = -1}, {.blur = 2}};
    tl_image_recipe recipe = tl_image_recipe_default(4);
    uint8_t pixels[48] = {0};
    float out[48];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tl_random random = tl_random_stream(1, 1);
        tl_error err = {0};
        assert_false(tl_augment_apply(&bad[i], &recipe, pixels, &random, out, &err));
        assert_int_equal(err.kind, TL_ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options_is_normalize),
        cmocka_unit_test(flip_mirrors_columns),
        cmocka_unit_test(crops_follow_their_distribution),
        cmocka_unit_test(one_pass_is_bilinear),
        cmocka_unit_test(same_state_same_view),
        cmocka_unit_test(colours_change_within_bounds),
        cmocka_unit_test(blur_is_a_gaussian),
        cmocka_unit_test(blur_comes_as_often_as_asked),
        cmocka_unit_test(bad_options_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Recipes against open_clip's image_transform_v2, and their JSON form. */
#include "tests/unit/image/image_fixtures.h"

#include "encoders/preprocess/recipe.h"

#include <math.h>

static tl_image_recipe recipe_of(const char *mode, const char *filter, uint32_t size)
{
    tl_image_recipe recipe = tl_image_recipe_default(size);
    recipe.mode = strcmp(mode, "shortest") == 0  ? TL_RESIZE_SHORTEST
                  : strcmp(mode, "longest") == 0 ? TL_RESIZE_LONGEST
                                                 : TL_RESIZE_SQUASH;
    recipe.filter = strcmp(filter, "bicubic") == 0 ? TL_RESIZE_BICUBIC : TL_RESIZE_BILINEAR;
    memcpy(recipe.fill, (const uint8_t[3]){255, 10, 77}, 3);
    return recipe;
}

static void compare_floats(const tl_image_recipe *recipe, const tl_image *image, const char *name)
{
    tl_string bytes = read_fixture(name);
    size_t count = (size_t)recipe->size * recipe->size * 3;
    assert_int_equal(bytes.size, count * sizeof(float));
    float *expected = malloc(bytes.size), *found = malloc(bytes.size);
    assert_true(expected != NULL && found != NULL);
    memcpy(expected, bytes.data, bytes.size);
    assert_true(tl_image_recipe_apply(recipe, image, found, NULL));
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(found[i] - expected[i]) < 1e-6f))
            fail_msg("%s: value %zu: expected %g, found %g", name, i, (double)expected[i], (double)found[i]);
    free(expected);
    free(found);
    tl_string_clear(&bytes);
}

static void frame_as_open_clip(const char *line)
{
    char mode[32], filter[32], source[64], out[64], floats[64];
    unsigned size, width, height;
    int fields = sscanf(line, "%31s %31s %u %u %u %63s %63s %63s", mode, filter, &size, &width, &height, source, out, floats);
    assert_true(fields >= 7);
    tl_image_recipe recipe = recipe_of(mode, filter, size);
    tl_image image = read_raw(source, width, height), expected = read_raw(out, size, size), frame;
    tl_error err = {0};
    if (!tl_image_recipe_frame(&recipe, &image, &frame, &err))
        fail_msg("%s: %s", line, err.message);
    assert_int_equal(frame.width, size);
    assert_int_equal(frame.height, size);
    size_t differing;
    int largest = largest_difference(frame.pixels, expected.pixels, (size_t)size * size * 3, &differing);
    if (largest != 0)
        fail_msg("%s: %zu values differ from open_clip's, by up to %d", line, differing, largest);
    if (fields == 8)
        compare_floats(&recipe, &image, floats);
    tl_image_clear(&frame);
    tl_image_clear(&expected);
    tl_image_clear(&image);
}

static void frames_equal_open_clip(void **state)
{
    (void)state;
    assert_true(each_case("recipe", frame_as_open_clip) >= 30);
}

/* A picture as narrow as they come costs no more than its own pixels. */
static void narrow_pictures_are_framed(void **state)
{
    (void)state;
    for (int mode = 0; mode < 3; mode++) {
        tl_image_recipe recipe = tl_image_recipe_default(16);
        recipe.mode = (tl_resize_mode)mode;
        tl_image image, frame;
        assert_true(tl_image_create(1, 100000, &image, NULL));
        memset(image.pixels, 90, 300000);
        assert_true(tl_image_recipe_frame(&recipe, &image, &frame, NULL));
        assert_int_equal(frame.pixels[(8 * 16 + 7) * 3], 90);
        tl_image_clear(&frame);
        tl_image_clear(&image);
    }
}

static bool read_text(const char *text, tl_image_recipe *out, tl_error *err)
{
    tl_json *json;
    assert_true(tl_json_parse(tl_slice_of(text), "test", &json, NULL));
    bool ok = tl_image_recipe_read(json, out, err);
    tl_json_free(json);
    return ok;
}

static void json_round_trips(void **state)
{
    (void)state;
    for (int mode = 0; mode < 3; mode++)
        for (int filter = 0; filter < 2; filter++) {
            tl_image_recipe recipe = tl_image_recipe_default(64 + (uint32_t)mode), again;
            recipe.mode = (tl_resize_mode)mode;
            recipe.filter = (tl_resize_filter)filter;
            if (filter == 1)
                memcpy(recipe.fill, (const uint8_t[3]){1, 2, 255}, 3);
            tl_json *json;
            tl_string text;
            tl_string_init(&text, 4096);
            assert_true(tl_image_recipe_write(&recipe, &json, NULL));
            assert_true(tl_json_write(json, TL_JSON_COMPACT, &text, NULL));
            assert_true(read_text(text.data, &again, NULL));
            assert_int_equal(again.size, recipe.size);
            assert_int_equal(again.mode, recipe.mode);
            assert_int_equal(again.filter, recipe.filter);
            assert_memory_equal(again.mean, recipe.mean, sizeof recipe.mean);
            assert_memory_equal(again.std, recipe.std, sizeof recipe.std);
            assert_memory_equal(again.fill, recipe.fill, sizeof recipe.fill);
            tl_string_clear(&text);
            tl_json_free(json);
        }
}

static void open_clip_words_are_read(void **state)
{
    (void)state;
    tl_image_recipe recipe;
    tl_error err = {0};
    assert_true(read_text("{\"size\": [224, 224], \"mode\": \"RGB\", \"mean\": [0.5, 0.25, 0.125], \"std\": [0.5, 0.5, 1],"
                          "\"interpolation\": \"bilinear\", \"resize_mode\": \"squash\", \"fill_color\": 7}",
                          &recipe, &err));
    assert_int_equal(recipe.size, 224);
    assert_int_equal(recipe.mode, TL_RESIZE_SQUASH);
    assert_int_equal(recipe.filter, TL_RESIZE_BILINEAR);
    assert_true(recipe.mean[1] == 0.25f && recipe.std[2] == 1.0f);
    assert_int_equal(recipe.fill[2], 7);
    /* What is left out is what open_clip takes. */
    assert_true(read_text("{\"size\": 32}", &recipe, &err));
    assert_int_equal(recipe.mode, TL_RESIZE_SHORTEST);
    assert_int_equal(recipe.filter, TL_RESIZE_BICUBIC);
    assert_int_equal(recipe.fill[0], 0);
    assert_true(recipe.mean[0] == 0.48145466f);
}

static void unknown_words_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{\"size\": 32, \"interpolation\": \"nearest\"}", "nearest"},
        {"{\"size\": 32, \"resize_mode\": \"stretch\"}", "stretch"},
        {"{\"size\": 32, \"mode\": \"L\"}", "'L'"},
        {"{\"size\": 32, \"crop_pct\": 0.9}", "crop_pct"},
        {"{\"size\": [32, 64]}", "square"},
        {"{\"size\": 0}", "size"},
        {"{\"size\": \"32\"}", "size"},
        {"{}", "size"},
        {"[]", "object"},
        {"{\"size\": 32, \"std\": [0, 1, 1]}", "std"},
        {"{\"size\": 32, \"mean\": [0, 1]}", "mean"},
        {"{\"size\": 32, \"fill_color\": 256}", "fill_color"},
        {"{\"size\": 32, \"fill_color\": 1.5}", "fill_color"},
        {"{\"size\": 32, \"mode\": 3}", "mode"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_image_recipe recipe;
        tl_error err = {0};
        if (read_text(cases[i].text, &recipe, &err))
            fail_msg("%s was read", cases[i].text);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].text, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_equal_open_clip),   cmocka_unit_test(narrow_pictures_are_framed),
        cmocka_unit_test(json_round_trips),         cmocka_unit_test(open_clip_words_are_read),
        cmocka_unit_test(unknown_words_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every allocation of reading, applying and writing a recipe fails in turn, by all resampling instructions: an error of its kind,
 * no leak (the sanitizer sees to that). */
#include "tests/support/failing_memory.c"

#include "base/image/resize.h"
#include "encoders/preprocess/recipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Wider than a vector, both passes, border on two sides. */
static bool use_transformers(tl_error *err)
{
    const char *text = "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": 31, \"crop_size\": 40, \"resample\": 1}";
    tl_json *json = NULL;
    tl_image_recipe recipe;
    tl_image picture = {0}, frame = {0};
    bool ok = tl_json_parse(tl_slice_of(text), "recipe", &json, err) &&
              tl_image_recipe_read_transformers(json, 40, &recipe, err) && tl_image_create(70, 90, &picture, err) &&
              tl_image_recipe_frame(&recipe, &picture, &frame, err);
    tl_image_clear(&frame);
    tl_image_clear(&picture);
    tl_json_free(json);
    return ok;
}

/* A tall picture: columns first. */
static bool use_open_clip(tl_error *err)
{
    tl_image_recipe recipe;
    tl_image picture = {0}, frame = {0};
    bool ok = tl_image_recipe_read_open_clip(NULL, 32, &recipe, err) && tl_image_create(40, 300, &picture, err) &&
              tl_image_recipe_frame(&recipe, &picture, &frame, err);
    tl_image_clear(&frame);
    tl_image_clear(&picture);
    return ok;
}

static bool use_native(tl_error *err)
{
    tl_image_recipe recipe = tl_image_recipe_default(32), again;
    tl_json *json = NULL;
    tl_string text;
    tl_string_init(&text, 10000);
    recipe.fill[1] = 7;
    recipe.crop = TL_CROP_DOWN;
    recipe.resize_size = 40;
    recipe.rescale_factor = 1;
    bool ok = tl_image_recipe_write(&recipe, &json, err) && tl_json_write(json, TL_JSON_COMPACT, &text, err);
    tl_json_free(json);
    json = NULL;
    ok = ok && tl_json_parse(tl_string_slice(&text), "again", &json, err) && tl_image_recipe_read(json, &again, err);
    tl_json_free(json);
    tl_string_clear(&text);
    return ok;
}

static void fail_in_turn(const char *name, bool (*use)(tl_error *err), size_t least_failures)
{
    failing_memory_sweep sweep = {.job = name, .least_failures = least_failures};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, use(&sweep.err));
}

static void every_allocation_fails_in_turn(void **state)
{
    (void)state;
    static const char *const kernels[] = {"baseline", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        if (!tl_resize_select(kernels[i], NULL))
            continue;
        fail_in_turn("transformers", use_transformers, 8);
        fail_in_turn("open_clip", use_open_clip, 8);
    }
    fail_in_turn("native", use_native, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_in_turn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

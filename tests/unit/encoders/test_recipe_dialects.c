/* Recipes of published models: against transformers' slow image processors and open_clip's transforms, and what is refused. */
#include "tests/unit/image/image_fixtures.h"

#include "encoders/preprocess/recipe.h"

#include <math.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/preprocess/"

typedef bool recipe_reader(const tl_json *json, uint32_t tower_size, tl_image_recipe *out, tl_error *err);

typedef struct golden_files {
    tl_string index, shapes, frames, floats;
    tl_json *recipes;
} golden_files;

static recipe_reader *reader_of(const char *dialect)
{
    return strcmp(dialect, "open_clip") == 0 ? tl_image_recipe_read_open_clip : tl_image_recipe_read_transformers;
}

static void compare_case(const golden_files *files, const char *line)
{
    char dialect[32], name[64];
    unsigned size, width, height;
    size_t source, frame_offset, floats;
    assert_int_equal(
        sscanf(line, "%31s %63s %u %u %u %zu %zu %zu", dialect, name, &size, &width, &height, &source, &frame_offset, &floats),
        8);
    tl_image_recipe recipe;
    tl_error err = {0};
    if (!reader_of(dialect)(tl_json_member(files->recipes, name), 0, &recipe, &err))
        fail_msg("%s: %s", line, err.message);
    assert_int_equal(recipe.size, size);
    size_t area = (size_t)size * size;
    assert_true(source + (size_t)width * height * 3 <= files->shapes.size && frame_offset + area * 3 <= files->frames.size &&
                floats + (size_t)size * 3 * sizeof(float) <= files->floats.size);
    tl_image image, frame;
    assert_true(tl_image_create(width, height, &image, NULL));
    memcpy(image.pixels, files->shapes.data + source, (size_t)width * height * 3);
    if (!tl_image_recipe_frame(&recipe, &image, &frame, &err))
        fail_msg("%s: %s", line, err.message);
    size_t differing;
    int largest = largest_difference(frame.pixels, (const uint8_t *)files->frames.data + frame_offset, area * 3, &differing);
    if (largest != 0)
        fail_msg("%s: %zu values differ from the reference's, by up to %d", line, differing, largest);
    float *planes = malloc(area * 3 * sizeof *planes);
    assert_non_null(planes);
    assert_true(tl_image_recipe_apply(&recipe, &image, planes, NULL));
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t x = 0; x < size; x++) {
            float expected, found = planes[channel * area + x];
            memcpy(&expected, files->floats.data + floats + (channel * size + x) * sizeof expected, sizeof expected);
            if (!(fabsf(found - expected) <= 1e-6f * fmaxf(1.0f, fabsf(expected))))
                fail_msg("%s: channel %zu, column %zu: expected %.9g, found %.9g", line, channel, x, (double)expected,
                         (double)found);
        }
    free(planes);
    tl_image_clear(&frame);
    tl_image_clear(&image);
}

static void published_recipes_equal_their_frameworks(void **state)
{
    (void)state;
    golden_files files = {.index = read_path(FIXTURES "index.txt"),
                          .shapes = read_path(FIXTURES "shapes.rgb"),
                          .frames = read_path(FIXTURES "frames.rgb"),
                          .floats = read_path(FIXTURES "floats.f32")};
    assert_true(tl_json_read_file(FIXTURES "recipes.json", 65536, &files.recipes, NULL));
    size_t count = 0;
    for (char *line = files.index.data; line != NULL && *line != '\0'; count++) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        compare_case(&files, line);
        line = end;
    }
    assert_true(count >= 100);
    tl_json_free(files.recipes);
    tl_string_clear(&files.index);
    tl_string_clear(&files.shapes);
    tl_string_clear(&files.frames);
    tl_string_clear(&files.floats);
}

static bool read_as(recipe_reader *reader, const char *text, uint32_t tower_size, tl_image_recipe *out, tl_error *err)
{
    tl_json *json;
    assert_true(tl_json_parse(tl_slice_of(text), "test", &json, NULL));
    bool ok = reader(json, tower_size, out, err);
    tl_json_free(json);
    return ok;
}

static void assert_same_recipe(const tl_image_recipe *a, const tl_image_recipe *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->filter, b->filter);
    assert_int_equal(a->crop, b->crop);
    assert_int_equal(a->resize_size, b->resize_size);
    assert_true(a->rescale_factor == b->rescale_factor);
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->std, b->std, sizeof a->std);
    assert_memory_equal(a->fill, b->fill, sizeof a->fill);
}

static void open_clip_defaults_fill_what_is_absent(void **state)
{
    (void)state;
    tl_image_recipe recipe, again;
    assert_true(tl_image_recipe_read_open_clip(NULL, 336, &recipe, NULL));
    assert_int_equal(recipe.size, 336);
    assert_int_equal(recipe.mode, TL_RESIZE_SHORTEST);
    assert_int_equal(recipe.filter, TL_RESIZE_BICUBIC);
    assert_int_equal(recipe.crop, TL_CROP_HALF_TO_EVEN);
    assert_int_equal(recipe.fill[1], 0);
    assert_true(recipe.mean[0] == 0.48145466f && recipe.std[2] == 0.27577711f && recipe.rescale_factor == 0);
    assert_true(read_as(tl_image_recipe_read_open_clip, "{\"mean\": null, \"resize_mode\": null, \"of_tomorrow\": {}}", 336,
                        &again, NULL));
    assert_same_recipe(&recipe, &again);
    /* The tower has the last word about the size, as in open_clip. */
    assert_true(read_as(tl_image_recipe_read_open_clip, "{\"size\": [224, 196]}", 336, &again, NULL));
    assert_same_recipe(&recipe, &again);
    assert_true(read_as(tl_image_recipe_read_open_clip, "{}", 0, &again, NULL));
    assert_int_equal(again.size, 224);
}

static void transformers_defaults_are_of_the_class(void **state)
{
    (void)state;
    tl_image_recipe recipe, again;
    assert_true(
        read_as(tl_image_recipe_read_transformers, "{\"image_processor_type\": \"CLIPImageProcessor\"}", 224, &recipe, NULL));
    assert_int_equal(recipe.mode, TL_RESIZE_SHORTEST);
    assert_int_equal(recipe.crop, TL_CROP_DOWN);
    assert_int_equal(recipe.resize_size, 0);
    assert_true(recipe.mean[0] == 0.48145466f);
    /* transformers 5 keeps the same within processor_config.json. */
    assert_true(
        read_as(tl_image_recipe_read_transformers,
                "{\"image_processor\": {\"image_processor_type\": \"CLIPImageProcessorFast\"}, \"processor_class\": \"CLIP\"}",
                224, &again, NULL));
    assert_same_recipe(&recipe, &again);
    assert_true(
        read_as(tl_image_recipe_read_transformers, "{\"image_processor_type\": \"SiglipImageProcessor\"}", 0, &recipe, NULL));
    assert_int_equal(recipe.mode, TL_RESIZE_SQUASH);
    assert_int_equal(recipe.size, 224);
    assert_true(recipe.mean[0] == 0.5f && recipe.std[2] == 0.5f);
    /* Without a class everything that decides pixels has to be there. */
    assert_true(read_as(
        tl_image_recipe_read_transformers,
        "{\"size\": {\"shortest_edge\": 256}, \"crop_size\": 224, \"resample\": 2, \"image_mean\": 0.5, \"image_std\": 0.25}", 0,
        &recipe, NULL));
    assert_int_equal(recipe.size, 224);
    assert_int_equal(recipe.resize_size, 256);
    assert_int_equal(recipe.filter, TL_RESIZE_BILINEAR);
}

static void what_cannot_be_done_is_refused(void **state)
{
    (void)state;
#define CLIP "{\"image_processor_type\": \"CLIPImageProcessor\", "
#define SIGLIP "{\"image_processor_type\": \"SiglipImageProcessor\", "
    static const struct {
        recipe_reader *reader;
        const char *text, *part;
    } cases[] = {
        {tl_image_recipe_read_transformers, "[]", "object"},
        {tl_image_recipe_read_transformers, "{}", "size"},
        {tl_image_recipe_read_transformers, "{\"size\": 224, \"resample\": 3, \"image_mean\": 0.5}", "image_std"},
        {tl_image_recipe_read_transformers, "{\"image_processor_type\": \"Siglip2ImageProcessor\"}", "NaFlex"},
        {tl_image_recipe_read_transformers, "{\"image_processor_type\": \"Siglip2ImageProcessorFast\"}", "NaFlex"},
        {tl_image_recipe_read_transformers, "{\"image_processor_type\": \"CLIPPER\"}", "CLIPPER"},
        {tl_image_recipe_read_transformers, "{\"image_processor_type\": 3}", "image_processor_type"},
        {tl_image_recipe_read_transformers, "{\"feature_extractor_type\": \"EfficientNetFeatureExtractor\"}", "EfficientNet"},
        {tl_image_recipe_read_transformers, CLIP "\"do_pad\": true}", "do_pad"},
        {tl_image_recipe_read_transformers, CLIP "\"use_square_size\": true}", "use_square_size"},
        {tl_image_recipe_read_transformers, CLIP "\"do_center_crop\": false}", "varies"},
        {tl_image_recipe_read_transformers, SIGLIP "\"do_resize\": false}", "varies"},
        {tl_image_recipe_read_transformers, SIGLIP "\"size\": 224}", "varies"},
        {tl_image_recipe_read_transformers, SIGLIP "\"do_center_crop\": true}", "crop_size"},
        {tl_image_recipe_read_transformers, SIGLIP "\"do_center_crop\": 1}", "do_center_crop"},
        {tl_image_recipe_read_transformers, CLIP "\"resample\": 0}", "nearest"},
        {tl_image_recipe_read_transformers, CLIP "\"resample\": 6}", "resample"},
        {tl_image_recipe_read_transformers, CLIP "\"resample\": \"bicubic\"}", "resample"},
        {tl_image_recipe_read_transformers, CLIP "\"crop_size\": {\"height\": 224, \"width\": 196}}", "196 x 224"},
        {tl_image_recipe_read_transformers, CLIP "\"crop_size\": {\"shortest_edge\": 224}}", "crop_size"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": {\"shortest_edge\": 224, \"longest_edge\": 300}}", "longest_edge"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": {\"max_height\": 9, \"max_width\": 9}}", "varies"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": {\"shortest_edge\": 0}}", "shortest_edge"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": {\"shortest_edge\": 4097}}", "shortest_edge"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": {}}", "height"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": -5}", "size"},
        {tl_image_recipe_read_transformers, CLIP "\"image_std\": [0, 1, 1]}", "image_std"},
        {tl_image_recipe_read_transformers, CLIP "\"image_mean\": [1, 1, 1, 1]}", "image_mean"},
        {tl_image_recipe_read_transformers, CLIP "\"rescale_factor\": 0}", "rescale_factor"},
        {tl_image_recipe_read_transformers, CLIP "\"size\": 336, \"crop_size\": 336}", "224"},
        {tl_image_recipe_read_open_clip, "7", "object"},
        {tl_image_recipe_read_open_clip, "{\"mode\": \"L\"}", "'L'"},
        {tl_image_recipe_read_open_clip, "{\"interpolation\": \"lanczos\"}", "lanczos"},
        {tl_image_recipe_read_open_clip, "{\"resize_mode\": \"stretch\"}", "stretch"},
        {tl_image_recipe_read_open_clip, "{\"std\": 0}", "std"},
        {tl_image_recipe_read_open_clip, "{\"fill_color\": [0, 0, 256]}", "fill_color"},
        {tl_image_recipe_read_open_clip, "{\"mean\": []}", "mean"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_image_recipe recipe;
        tl_error err = {0};
        if (read_as(cases[i].reader, cases[i].text, 224, &recipe, &err))
            fail_msg("%s was read", cases[i].text);
        if (strstr(err.message, cases[i].part) == NULL)
            fail_msg("%s: %s", cases[i].text, err.message);
    }
    tl_image_recipe recipe;
    tl_error err = {0};
    assert_false(read_as(tl_image_recipe_read_open_clip, "{\"size\": [224, 196]}", 0, &recipe, &err));
    assert_non_null(strstr(err.message, "square"));
    assert_false(tl_image_recipe_read_open_clip(NULL, 1u << 20, &recipe, &err));
}

/* The native form says everything, so that a copy of a model under our own words keeps its pixels. */
static void native_form_holds_every_dialect(void **state)
{
    (void)state;
    tl_json *recipes;
    assert_true(tl_json_read_file(FIXTURES "recipes.json", 65536, &recipes, NULL));
    static const char *const names[] = {"transformers_clip",       "transformers_clip_inner", "transformers_clip_padded",
                                        "transformers_clip_whole", "transformers_vit_box",    "transformers_deit_hamming",
                                        "transformers_levels",     "transformers_scaled",     "open_clip_longest",
                                        "open_clip_mobile",        "transformers_clip_old"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tl_image_recipe recipe, again;
        tl_json *json;
        recipe_reader *reader = reader_of(strncmp(names[i], "open_clip", 9) == 0 ? "open_clip" : "transformers");
        assert_true(reader(tl_json_member(recipes, names[i]), 0, &recipe, NULL));
        assert_true(tl_image_recipe_write(&recipe, &json, NULL));
        tl_string text;
        tl_string_init(&text, 65536);
        assert_true(tl_json_write(json, TL_JSON_INDENTED, &text, NULL));
        tl_json_free(json);
        assert_true(tl_json_parse(tl_string_slice(&text), "again", &json, NULL));
        assert_true(tl_image_recipe_read(json, &again, NULL));
        tl_string_clear(&text);
        assert_same_recipe(&recipe, &again);
        tl_json_free(json);
    }
    tl_json_free(recipes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_recipes_equal_their_frameworks), cmocka_unit_test(open_clip_defaults_fill_what_is_absent),
        cmocka_unit_test(transformers_defaults_are_of_the_class),   cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test(native_form_holds_every_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * encoders/preprocess over arbitrary JSON in three dialects, by the first byte: what is accepted frames a picture, and its native
 * form reads back as the same recipe.
 */
#include "encoders/preprocess/recipe.h"

enum { LARGEST_FRAMED = 64, WIDTH = 5, HEIGHT = 3 };

static void frame_one(const tl_image_recipe *recipe)
{
    tl_error err;
    uint8_t pixels[WIDTH * HEIGHT * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37);
    tl_image frame, picture = {WIDTH, HEIGHT, pixels};
    TL_ASSERT(tl_image_recipe_frame(recipe, &picture, &frame, &err));
    TL_ASSERT(frame.width == recipe->size && frame.height == recipe->size);
    tl_image_clear(&frame);
    float values[3][256];
    tl_image_recipe_values(recipe, values);
    for (int level = 0; level < 256; level++)
        TL_ASSERT(values[0][level] - values[0][level] == 0); /* finite */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_json *json = NULL;
    tl_image_recipe recipe, again;
    if (size == 0 || !tl_json_parse((tl_slice){(const char *)data + 1, size - 1}, "input", &json, &err))
        return 0;
    uint32_t tower_size = (data[0] & 4) != 0 ? 224 : 0;
    bool ok = data[0] % 4 == 0   ? tl_image_recipe_read(json, &recipe, &err)
              : data[0] % 4 == 1 ? tl_image_recipe_read_open_clip(json, tower_size, &recipe, &err)
                                 : tl_image_recipe_read_transformers(json, tower_size, &recipe, &err);
    tl_json_free(json);
    if (!ok) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return 0;
    }
    if (recipe.size <= LARGEST_FRAMED && recipe.resize_size <= LARGEST_FRAMED)
        frame_one(&recipe);

    tl_string text;
    tl_string_init(&text, 65536);
    TL_ASSERT(tl_image_recipe_write(&recipe, &json, &err) && tl_json_write(json, TL_JSON_COMPACT, &text, &err));
    tl_json_free(json);
    TL_ASSERT(tl_json_parse(tl_string_slice(&text), "again", &json, &err) && tl_image_recipe_read(json, &again, &err));
    tl_json_free(json);
    tl_string_clear(&text);
    TL_ASSERT(again.size == recipe.size && again.resize_size == recipe.resize_size && again.crop == recipe.crop);
    TL_ASSERT(again.mode == recipe.mode && again.filter == recipe.filter && again.rescale_factor == recipe.rescale_factor);
    for (int i = 0; i < 3; i++)
        TL_ASSERT(again.mean[i] == recipe.mean[i] && again.std[i] == recipe.std[i] && again.fill[i] == recipe.fill[i]);
    return 0;
}

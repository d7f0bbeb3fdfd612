/*
 * Driver of the preprocessing comparison: arguments DIALECT:RECIPE.json, paths of pictures on standard input. Writes for each
 * recipe its size (uint32) and what each level becomes (float [3, 256]); then for each picture 1 and for each recipe its frame
 * (RGB8 [S, S, 3]), or 0 where the picture cannot be decoded. A recipe that is refused ends the run with its error.
 */
#include "base/image/decode.h"
#include "base/io/file.h"
#include "encoders/preprocess/recipe.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RECIPES = 64, MAX_PATH_BYTES = 4096, MAX_RECIPE_BYTES = 65536 };

static bool read_recipe(const char *argument, tl_image_recipe *out, tl_error *err)
{
    tl_json *json = NULL;
    const char *path = strchr(argument, ':');
    if (path == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "expected DIALECT:RECIPE, found '%s'", argument);
    if (!tl_json_read_file(path + 1, MAX_RECIPE_BYTES, &json, err))
        return false;
    bool ok = strncmp(argument, "open_clip:", 10) == 0 ? tl_image_recipe_read_open_clip(json, 0, out, err)
                                                       : tl_image_recipe_read_transformers(json, 0, out, err);
    tl_json_free(json);
    return ok;
}

static bool decode(const char *path, tl_image *out, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 28);
    bool ok = tl_file_read(path, &bytes, err) && tl_image_decode(tl_string_slice(&bytes), NULL, out, err);
    tl_string_clear(&bytes);
    return ok;
}

static bool write_frames(const tl_image_recipe *recipes, int recipe_count, const char *path, tl_error *err)
{
    tl_image picture, frame;
    uint32_t is_decoded = decode(path, &picture, err);
    fwrite(&is_decoded, sizeof is_decoded, 1, stdout);
    if (!is_decoded)
        return false;
    bool ok = true;
    for (int i = 0; i < recipe_count && ok; i++) {
        ok = tl_image_recipe_frame(&recipes[i], &picture, &frame, err);
        if (ok) {
            fwrite(frame.pixels, 3, (size_t)frame.width * frame.height, stdout);
            tl_image_clear(&frame);
        }
    }
    tl_image_clear(&picture);
    return ok;
}

int main(int argument_count, char **arguments)
{
    static tl_image_recipe recipes[MAX_RECIPES];
    int recipe_count = argument_count - 1;
    char path[MAX_PATH_BYTES];
    tl_error err = {0};
    if (recipe_count > MAX_RECIPES)
        return 2;
    for (int i = 0; i < recipe_count; i++) {
        float values[3][256];
        if (!read_recipe(arguments[i + 1], &recipes[i], &err)) {
            fprintf(stderr, "%s: %s\n", arguments[i + 1], err.message);
            return 1;
        }
        tl_image_recipe_values(&recipes[i], values);
        fwrite(&recipes[i].size, sizeof recipes[i].size, 1, stdout);
        fwrite(values, sizeof values, 1, stdout);
    }
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        if (!write_frames(recipes, recipe_count, path, &err))
            fprintf(stderr, "%s: %s\n", path, err.message);
    }
    return 0;
}

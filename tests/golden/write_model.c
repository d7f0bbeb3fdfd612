/* write_model FIXTURES OUT: a trainer with the fixture's weights exports a model to OUT/model and a checkpoint to OUT/run. */
#include "encoders/training.h"
#include "encoders/weights/safetensors.h"

#include <stdio.h>
#include <string.h>

static bool load_weights(tl_trainer *trainer, const char *path, tl_error *err)
{
    tl_safetensors *file = NULL;
    if (!tl_safetensors_open(path, &file, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < tl_safetensors_count(file); i++) {
        const tl_tensor_view *view = tl_safetensors_item(file, i);
        size_t count = 0;
        float *parameter = tl_trainer_parameter(trainer, view->name, &count);
        ok = (parameter != NULL && count == view->count) || tl_fail(err, TL_ERROR_CORRUPT, "unexpected tensor '%s'", view->name);
        if (ok)
            memcpy(parameter, tl_tensor_view_floats(view), count * sizeof(float));
    }
    tl_safetensors_close(file);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    char path[4][4096];
    tl_json *json = NULL;
    tl_trainer *trainer = NULL;
    tl_model_config config;
    tl_training_options options = {.steps = 1, .max_batch = 1};
    if (argc != 3)
        return 2;
    snprintf(path[0], sizeof path[0], "%s/model/config.json", argv[1]);
    snprintf(path[1], sizeof path[1], "%s/model/model.safetensors", argv[1]);
    snprintf(path[2], sizeof path[2], "%s/model", argv[2]);
    snprintf(path[3], sizeof path[3], "%s/run", argv[2]);
    bool ok = tl_json_read_file(path[0], 65536, &json, &err) && tl_model_config_read(json, &config, &err);
    if (ok) {
        tl_image_recipe recipe = tl_image_recipe_default(config.vision.image_size);
        ok = tl_trainer_create(&config, &recipe, &options, NULL, &trainer, &err) && load_weights(trainer, path[1], &err) &&
             tl_trainer_export(trainer, path[2], &err) && tl_trainer_save(trainer, path[3], &err);
    }
    tl_trainer_destroy(trainer);
    tl_json_free(json);
    if (!ok)
        fprintf(stderr, "write_model: %s\n", err.message);
    return ok ? 0 : 1;
}

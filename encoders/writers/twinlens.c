/* Folders in our own words, which every model that opens here has. */
#include "base/core/memory.h"
#include "encoders/fingerprint.h"
#include "encoders/writers/writer.h"

bool tl_writer__json(const char *directory, const char *name, tl_json *json, tl_error *err)
{
    char *path = json != NULL ? tl_path_join(directory, name, err) : NULL;
    bool ok = path != NULL && tl_json_write_file(json, path, err);
    tl_memory_free(path);
    tl_json_free(json);
    return ok;
}

static bool check(const tl_model_info *info, tl_error *err)
{
    return tl_model_config_check(&info->config, err);
}

static bool write_config(const tl_model_info *info, tl_dtype dtype, const char *tokenizer_name, const char *directory,
                         tl_error *err)
{
    tl_json *config = NULL, *recipe = NULL;
    (void)tokenizer_name;
    (void)dtype;
    return tl_model_config_write(&info->config, &config, err) && tl_writer__json(directory, TL_MODEL_CONFIG_FILE, config, err) &&
           tl_image_recipe_write(&info->recipe, &recipe, err) && tl_writer__json(directory, TL_MODEL_RECIPE_FILE, recipe, err);
}

const tl_model_writer tl_writer_twinlens = {.weights_file = TL_MODEL_WEIGHTS_FILE, .check = check, .write_config = write_config};

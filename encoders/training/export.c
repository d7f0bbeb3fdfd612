/* Writes the present weights, or their moving average, as a model folder that tl_model_open and open_clip read. */
#include "base/core/memory.h"
#include "encoders/fingerprint.h"
#include "encoders/training/trainer_internal.h"

#include <math.h>

bool tl_trainer__write_tensors(const tl_trainer *trainer, const char *path, const float *const *blocks,
                               const char *const *prefixes, size_t block_count, char *hash_text, uint64_t *size, tl_error *err)
{
    bool ok = false;
    enum { NAME_SIZE = TL_PARAMETER_NAME_SIZE + 32 };
    size_t rows = trainer->table.count;
    tl_file_writer *writer = NULL;
    tl_hasher *hasher = NULL;
    char *names = tl_memory_allocate(block_count * rows, NAME_SIZE, err);
    tl_tensor_source *tensors = names != NULL ? tl_memory_allocate(block_count * rows, sizeof *tensors, err) : NULL;
    if (tensors == NULL || !tl_hasher_create(&hasher, err))
        goto done;
    for (size_t i = 0; i < block_count * rows; i++) {
        const tl_parameter *parameter = &trainer->table.items[i % rows];
        char *name = names + i * NAME_SIZE;
        snprintf(name, NAME_SIZE, "%s%s", prefixes[i / rows], parameter->name);
        tensors[i] = (tl_tensor_source){
            .name = name, .rank = parameter->rank, .shape = parameter->shape, .values = blocks[i / rows] + parameter->offset};
    }
    if (!tl_file_writer_open(path, &writer, err) ||
        !tl_safetensors_write(writer, tensors, block_count * rows, hasher, size, err) || !tl_file_writer_commit(writer, err))
        goto done;
    if (hash_text != NULL)
        tl_hasher_text(hasher, hash_text);
    ok = true;
done:
    tl_file_writer_close(writer);
    tl_hasher_destroy(hasher);
    tl_memory_free(tensors);
    tl_memory_free(names);
    return ok;
}

static bool check_finite(const tl_trainer *trainer, tl_error *err)
{
    for (size_t row = 0; row < trainer->table.count; row++)
        for (size_t i = 0; i < trainer->table.items[row].count; i++)
            if (!isfinite(trainer->values[row][i]))
                return tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected finite values, found %g at %zu",
                               trainer->table.items[row].name, (double)trainer->values[row][i], i);
    return true;
}

bool tl_trainer_export(const tl_trainer *trainer, const char *model_directory, tl_error *err)
{
    bool ok = false;
    tl_json *config = NULL;
    tl_json *recipe = NULL;
    static const char *const names[] = {TL_MODEL_CONFIG_FILE, TL_MODEL_RECIPE_FILE};
    tl_weight_files *weights = NULL;
    tl_model_files files;
    char fingerprint[TL_HASH_TEXT_SIZE];
    const float *const block = trainer->average != NULL ? trainer->average : trainer->parameters;
    const char *const prefix = "";
    char *config_path = tl_path_join(model_directory, TL_MODEL_CONFIG_FILE, err);
    char *recipe_path = config_path != NULL ? tl_path_join(model_directory, TL_MODEL_RECIPE_FILE, err) : NULL;
    char *weights_path = recipe_path != NULL ? tl_path_join(model_directory, TL_MODEL_WEIGHTS_FILE, err) : NULL;
    if (weights_path == NULL || !check_finite(trainer, err) || !tl_directory_create(model_directory, err) ||
        !tl_model_config_write(&trainer->config, &config, err) || !tl_json_write_file(config, config_path, err) ||
        !tl_image_recipe_write(&trainer->recipe, &recipe, err) || !tl_json_write_file(recipe, recipe_path, err) ||
        !tl_trainer__write_tensors(trainer, weights_path, &block, &prefix, 1, NULL, NULL, err))
        goto done;
    /* Computing keeps the fingerprint beside the files. */
    ok = tl_model_files_read(model_directory, names, 2, &files, err) &&
         tl_weight_files_open(model_directory, TL_MODEL_WEIGHTS_FILE, &weights, err) &&
         tl_fingerprint_compute(model_directory, &files, weights, NULL, fingerprint, err);
done:
    tl_weight_files_close(weights);
    tl_json_free(recipe);
    tl_json_free(config);
    tl_memory_free(weights_path);
    tl_memory_free(recipe_path);
    tl_memory_free(config_path);
    return ok || tl_fail_within(err, "model '%s'", model_directory);
}

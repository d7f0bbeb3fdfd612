#include "cli/app/train_folder_internal.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "base/io/mapping.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG_BYTES = 1 << 20 };
static const size_t max_vocabulary_bytes = (size_t)256 << 20;

static bool kind_of(const char *directory, const char *name, tl_file_kind *out, tl_error *err)
{
    tl_file_status status;
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    tl_memory_free(path);
    if (ok)
        *out = status.kind;
    return ok;
}

bool tl_train_folder_claim(const char *model_directory, tl_error *err)
{
    static const char *const taken[] = {"train.json", "config.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        tl_file_kind kind;
        if (!kind_of(model_directory, taken[i], &kind, err))
            return false;
        if (kind != TL_FILE_MISSING && i == 0)
            return tl_fail(err, TL_ERROR_INVALID,
                           "'%s' holds a training run already: continue it by --resume or choose another folder",
                           model_directory);
        if (kind != TL_FILE_MISSING)
            return tl_fail(err, TL_ERROR_INVALID, "'%s' holds a %s already: choose another folder", model_directory, taken[i]);
    }
    return tl_directory_create(model_directory, err);
}

bool tl_train_folder_copy_file(const char *from, const char *to, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, max_vocabulary_bytes);
    bool ok = tl_file_read(from, &bytes, err) && tl_file_replace(to, tl_string_slice(&bytes), err);
    tl_string_clear(&bytes);
    return ok;
}

bool tl_train_folder_copy_weights(const char *from, const char *to, tl_error *err)
{
    tl_mapping mapping;
    if (!tl_mapping_open(from, &mapping, err))
        return false;
    bool ok = tl_file_replace(to, mapping.bytes, err);
    tl_mapping_close(&mapping);
    return ok;
}

/* Copies a file of one folder to another where it is there. */
static bool copy_if_there(const char *from, const char *to, const char *name, tl_error *err)
{
    tl_file_kind kind;
    if (!kind_of(from, name, &kind, err))
        return false;
    if (kind != TL_FILE_REGULAR)
        return true;
    char *source = tl_path_join(from, name, err);
    char *target = source != NULL ? tl_path_join(to, name, err) : NULL;
    bool ok = target != NULL && tl_train_folder_copy_file(source, target, err);
    tl_memory_free(target);
    tl_memory_free(source);
    return ok;
}

static const char *const vocabulary_files[] = {
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json", "tokenizer.model",
    "spiece.model",          "sentencepiece.bpe.model", "vocab.json",        "merges.txt",     "vocab.txt"};

static bool copy_files(const char *from, const char *to, tl_error *err)
{
    if (!tl_directory_create(to, err))
        return false;
    for (size_t i = 0; i < sizeof vocabulary_files / sizeof vocabulary_files[0]; i++)
        if (!copy_if_there(from, to, vocabulary_files[i], err))
            return false;
    return true;
}

/* The vocabulary files of a folder of another framework, and the configurations that say how they are read. Where both frameworks
 * have left theirs, the one whose weights are read decides. */
static bool copy_dialect(const char *from, const char *to, tl_error *err)
{
    tl_file_kind open_clip_weights;
    return kind_of(from, "open_clip_model.safetensors", &open_clip_weights, err) && copy_files(from, to, err) &&
           copy_if_there(from, to, "open_clip_config.json", err) &&
           (open_clip_weights != TL_FILE_MISSING || copy_if_there(from, to, "config.json", err));
}

bool tl_train_folder_copy_vocabulary(const char *from, const char *to, tl_error *err)
{
    tl_file_kind published;
    char *folder = tl_path_join(from, "tokenizer", err);
    bool ok = folder != NULL && kind_of(from, "tokenizer", &published, err) &&
              copy_files(published == TL_FILE_DIRECTORY ? folder : from, to, err);
    tl_memory_free(folder);
    return ok;
}

bool tl_train_folder_copy_tokenizer(const char *from, const char *to, tl_error *err)
{
    bool ok = false;
    tl_file_kind published, config_kind;
    tl_json *config = NULL;
    char *from_folder = tl_path_join(from, "tokenizer", err);
    char *to_folder = from_folder != NULL ? tl_path_join(to, "tokenizer", err) : NULL;
    char *config_path = to_folder != NULL ? tl_path_join(from, "config.json", err) : NULL;
    if (config_path == NULL || !tl_directory_create(to, err) || !kind_of(from, "tokenizer", &published, err) ||
        !kind_of(from, "config.json", &config_kind, err) ||
        (config_kind == TL_FILE_REGULAR && !tl_json_read_file(config_path, MAX_CONFIG_BYTES, &config, err)))
        goto done;
    if (published == TL_FILE_DIRECTORY)
        ok = copy_dialect(from_folder, to_folder, err);
    else if (config != NULL && strcmp(tl_json_text_or(config, "model_type", ""), "twinlens") == 0)
        ok = copy_if_there(from, to, "tokenizer.model", err);
    else
        ok = copy_dialect(from, to_folder, err);
done:
    tl_json_free(config);
    tl_memory_free(config_path);
    tl_memory_free(to_folder);
    tl_memory_free(from_folder);
    return ok;
}

bool tl_train_folder_write_config(const char *model_directory, const tl_model_config *config, const tl_image_recipe *recipe,
                                  tl_error *err)
{
    tl_json *of_model = NULL, *of_recipe = NULL;
    char *config_path = tl_path_join(model_directory, "config.json", err);
    char *recipe_path = config_path != NULL ? tl_path_join(model_directory, "preprocessor_config.json", err) : NULL;
    bool ok = recipe_path != NULL && tl_model_config_write(config, &of_model, err) &&
              tl_json_write_file(of_model, config_path, err) && tl_image_recipe_write(recipe, &of_recipe, err) &&
              tl_json_write_file(of_recipe, recipe_path, err);
    tl_json_free(of_recipe);
    tl_json_free(of_model);
    tl_memory_free(recipe_path);
    tl_memory_free(config_path);
    return ok;
}

bool tl_train_folder_read_config(const char *model_directory, tl_model_config *config, tl_image_recipe *recipe, tl_error *err)
{
    tl_json *of_model = NULL, *of_recipe = NULL;
    char *config_path = tl_path_join(model_directory, "config.json", err);
    char *recipe_path = config_path != NULL ? tl_path_join(model_directory, "preprocessor_config.json", err) : NULL;
    bool ok = recipe_path != NULL && tl_json_read_file(config_path, MAX_CONFIG_BYTES, &of_model, err) &&
              tl_model_config_read(of_model, config, err) && tl_json_read_file(recipe_path, MAX_CONFIG_BYTES, &of_recipe, err) &&
              tl_image_recipe_read(of_recipe, recipe, err);
    tl_json_free(of_recipe);
    tl_json_free(of_model);
    tl_memory_free(recipe_path);
    tl_memory_free(config_path);
    return ok;
}

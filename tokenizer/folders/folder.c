/*
 * Opens the tokenizer of a model folder as the framework that wrote the folder would.
 *
 * Three dialects. Ours: config.json says "twinlens", tokenizer.model lies beside it, or, where training started from somebody's
 * model, a folder `tokenizer` with that model's files, which is read by its own dialect. open_clip: there is an
 * open_clip_config.json. transformers: everything else. A folder of both has open_clip_model.safetensors when open_clip's is
 * meant.
 */
#include "tokenizer/folders/folder_internal.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>

enum { MAX_CONFIG_SIZE = 4 << 20, MAX_PATH_SIZE = 4096 };

/* Without an allocation, so that exhausted memory never looks like a missing file. */
bool tl_folder__has_file(const char *directory, const char *name)
{
    char path[MAX_PATH_SIZE];
    tl_file_status status;
    int size = snprintf(path, sizeof path, "%s/%s", directory, name);
    return size > 0 && (size_t)size < sizeof path && tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_REGULAR;
}

static bool has_folder(const char *directory, const char *name)
{
    char path[MAX_PATH_SIZE];
    tl_file_status status;
    int size = snprintf(path, sizeof path, "%s/%s", directory, name);
    return size > 0 && (size_t)size < sizeof path && tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_DIRECTORY;
}

/* Reads a configuration; NULL in *out where there is no such file. */
bool tl_folder__read_config(const char *directory, const char *name, tl_json **out, tl_error *err)
{
    *out = NULL;
    if (!tl_folder__has_file(directory, name))
        return true;
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_json_read_file(path, MAX_CONFIG_SIZE, out, err);
    tl_memory_free(path);
    return ok;
}

/* CLIP's vocabulary, from whichever of its files are there. */
bool tl_folder__read_clip(const char *directory, tl_clip_dialect dialect, const char *unknown, tl_clip **out,
                          char fingerprint[33], tl_error *err)
{
    static const char list_name[] = "bpe_simple_vocab_16e6.txt.gz";
    bool ok = false;
    bool has_pair = tl_folder__has_file(directory, "vocab.json") && tl_folder__has_file(directory, "merges.txt");
    bool has_json = tl_folder__has_file(directory, "tokenizer.json");
    if (!has_pair && !has_json && !tl_folder__has_file(directory, list_name))
        return tl_fail(err, TL_ERROR_NOT_FOUND,
                       "model '%s': expected vocab.json with merges.txt, tokenizer.json or %s for CLIP's tokenizer, found none",
                       directory, list_name);
    char *first = tl_path_join(directory, has_pair ? "vocab.json" : has_json ? "tokenizer.json" : list_name, err);
    char *second = first != NULL ? tl_path_join(directory, "merges.txt", err) : NULL;
    if (second != NULL) {
        const tl_clip_source files = {.paths = {first, second},
                                      .path_count = has_pair ? 2 : 1,
                                      .unknown = unknown,
                                      .read = has_pair   ? tl_clip_files__read_pair
                                              : has_json ? tl_clip_files__read_json
                                                         : tl_clip_files__read_list};
        ok = tl_clip__open(dialect, &files, out, fingerprint, err);
    }
    tl_memory_free(second);
    tl_memory_free(first);
    return ok;
}

/* Whether config.json says that the model was trained here, or there is a tokenizer.model and nothing that says otherwise. */
static bool is_own(const char *directory, bool *out, tl_error *err)
{
    tl_json *config;
    if (!tl_folder__read_config(directory, "config.json", &config, err))
        return false;
    *out = config != NULL
               ? strcmp(tl_json_text_or(config, "model_type", ""), "twinlens") == 0
               : tl_folder__has_file(directory, "tokenizer.model") && !tl_folder__has_file(directory, "open_clip_config.json") &&
                     !tl_folder__has_file(directory, "tokenizer_config.json");
    tl_json_free(config);
    return true;
}

/* A folder of somebody else's framework. */
static bool open_dialect(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    bool has_open_clip = tl_folder__has_file(directory, "open_clip_config.json");
    bool is_open_clip = has_open_clip && (tl_folder__has_file(directory, "open_clip_model.safetensors") ||
                                          !tl_folder__has_file(directory, "config.json"));
    return (is_open_clip ? tl_folder__open_open_clip : tl_folder__open_transformers)(directory, context_length, out, err);
}

bool tl_tokenizer_open_folder(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    bool own;
    if (!is_own(directory, &own, err))
        return false;
    if (own) {
        const tl_tokenizer_options options = {.context_length = context_length};
        const bool is_published = has_folder(directory, "tokenizer");
        char *path = tl_path_join(directory, is_published ? "tokenizer" : "tokenizer.model", err);
        bool ok = path != NULL &&
                  (is_published ? open_dialect(path, context_length, out, err) : tl_tokenizer_open(path, &options, out, err));
        tl_memory_free(path);
        return ok;
    }
    return open_dialect(directory, context_length, out, err);
}

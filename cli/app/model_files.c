/*
 * Which files of a repository make a model, by its listing alone.
 *
 * open_clip:    open_clip_config.json, open_clip_model.safetensors
 * transformers: config.json, model.safetensors or its shards, preprocessor_config.json (our own models look like this too)
 *
 * open_clip is tried first: where a repository has both, its model.safetensors may be the picture tower alone (timm). To either
 * come the vocabulary's files. Pickled weights (.bin, .pt, ...) are programs and are never downloaded.
 */
#include "cli/app/model_hub_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct dialect {
    const char *name;
    const char *config;
    const char *weights; /* without .safetensors */
} dialect;

static const dialect dialects[] = {
    {"open_clip", "open_clip_config.json", "open_clip_model"},
    {"transformers", "config.json", "model"},
};

static const char *const vocabulary_files[] = {
    "tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "vocab.txt",
};
/* Of no use without one of those above. */
static const char *const vocabulary_companions[] = {
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
};
static const char *const pickled_endings[] = {".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".onnx", ".npz"};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static bool add_if_listed(const tl_model_file_list *listing, const char *name, tl_model_file_list *out, tl_error *err)
{
    const tl_model_file *file = tl_model_file_list_find(listing, name);
    return file == NULL || tl_model_file_list_find(out, name) != NULL || tl_model_file_list_add(out, file, err);
}

/* "WEIGHTS-00002-of-00005.safetensors": its number and how many there are. */
static bool read_shard_name(const char *name, const char *weights, unsigned long *number, unsigned long *count)
{
    size_t size = strlen(weights);
    if (strncmp(name, weights, size) != 0 || name[size] != '-' || strspn(name + size + 1, "0123456789") != 5 ||
        strncmp(name + size + 6, "-of-", 4) != 0 || strspn(name + size + 10, "0123456789") != 5 ||
        strcmp(name + size + 15, ".safetensors") != 0)
        return false;
    *number = strtoul(name + size + 1, NULL, 10);
    *count = strtoul(name + size + 10, NULL, 10);
    return true;
}

/* *found: there are weights; then they are all in out. */
static bool add_weights(const char *weights, const tl_model_file_list *listing, tl_model_file_list *out, bool *found,
                        tl_error *err)
{
    char name[TL_MODEL_NAME_SIZE];
    snprintf(name, sizeof name, "%s.safetensors", weights);
    *found = tl_model_file_list_find(listing, name) != NULL;
    if (*found)
        return add_if_listed(listing, name, out, err);
    snprintf(name, sizeof name, "%s.safetensors.index.json", weights);
    *found = tl_model_file_list_find(listing, name) != NULL;
    if (!*found)
        return true;
    if (!add_if_listed(listing, name, out, err))
        return false;
    unsigned long expected = 0;
    size_t shards = 0;
    for (size_t i = 0; i < listing->count; i++) {
        unsigned long number, count;
        if (!read_shard_name(listing->items[i].name, weights, &number, &count))
            continue;
        if (expected != 0 && count != expected)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected one set of weights, found one of %lu files and one of %lu",
                           expected, count);
        expected = count;
        shards++;
        if (!tl_model_file_list_add(out, &listing->items[i], err))
            return false;
    }
    if (shards == 0 || shards != expected)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected %lu files of weights beside it, found %zu", name, expected, shards);
    return true;
}

bool tl_model_files__has_vocabulary(const tl_model_file_list *files)
{
    for (size_t i = 0; i < COUNT_OF(vocabulary_files); i++)
        if (tl_model_file_list_find(files, vocabulary_files[i]) != NULL)
            return true;
    return false;
}

static bool add_vocabulary(const tl_model_file_list *listing, tl_model_file_list *out, tl_error *err)
{
    for (size_t i = 0; i < COUNT_OF(vocabulary_files); i++)
        if (!add_if_listed(listing, vocabulary_files[i], out, err))
            return false;
    for (size_t i = 0; i < COUNT_OF(vocabulary_companions); i++)
        if (!add_if_listed(listing, vocabulary_companions[i], out, err))
            return false;
    return true;
}

bool tl_model_files__add_vocabulary(const tl_model_file_list *listing, const char *repository, const char *commit,
                                    tl_model_file_list *out, tl_error *err)
{
    if (!tl_model_files__has_vocabulary(listing))
        return tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a vocabulary (tokenizer.json, vocab.json, ...), found none",
                       repository);
    size_t before = out->count;
    if (!add_vocabulary(listing, out, err))
        return false;
    for (size_t i = before; i < out->count; i++) {
        snprintf(out->items[i].repository, sizeof out->items[i].repository, "%s", repository);
        snprintf(out->items[i].revision, sizeof out->items[i].revision, "%s", commit);
    }
    return true;
}

static bool is_pickled(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < COUNT_OF(pickled_endings); i++) {
        size_t ending = strlen(pickled_endings[i]);
        if (size > ending && strcmp(name + size - ending, pickled_endings[i]) == 0)
            return true;
    }
    return false;
}

static bool refuse(const char *repository, const tl_model_file_list *listing, tl_error *err)
{
    for (size_t i = 0; i < listing->count; i++)
        if (is_pickled(listing->items[i].name))
            return tl_fail(
                err, TL_ERROR_UNSUPPORTED,
                "'%s': expected safetensors, found only '%.60s'; https://huggingface.co/spaces/safetensors/convert adds "
                "them, or in Python: from transformers import AutoModel, AutoProcessor; "
                "AutoModel.from_pretrained('%s').save_pretrained('DIR'); "
                "AutoProcessor.from_pretrained('%s').save_pretrained('DIR')",
                repository, listing->items[i].name, repository, repository);
    return tl_fail(
        err, TL_ERROR_NOT_FOUND,
        "'%s': expected open_clip_config.json with open_clip_model.safetensors, or config.json with model.safetensors, "
        "found neither among %zu files",
        repository, listing->count);
}

bool tl_model_files__choose(const char *repository, const tl_model_file_list *listing, tl_model_file_list *out,
                            const char **chosen, tl_error *err)
{
    for (size_t i = 0; i < COUNT_OF(dialects); i++) {
        bool found = false;
        if (tl_model_file_list_find(listing, dialects[i].config) == NULL)
            continue;
        tl_model_file_list_clear(out);
        if (!add_weights(dialects[i].weights, listing, out, &found, err))
            return tl_fail_within(err, "'%s'", repository);
        if (!found)
            continue;
        *chosen = dialects[i].name;
        return add_if_listed(listing, dialects[i].config, out, err) &&
               add_if_listed(listing, "preprocessor_config.json", out, err) && add_vocabulary(listing, out, err);
    }
    return refuse(repository, listing, err);
}

const char *tl_model_files__config_name(const char *chosen)
{
    for (size_t i = 0; i < COUNT_OF(dialects); i++)
        if (strcmp(dialects[i].name, chosen) == 0)
            return dialects[i].config;
    return dialects[0].config;
}

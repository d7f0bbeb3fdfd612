#include "cli/app/model_bundle.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"

#include <stdio.h>
#include <string.h>

static void name_from_path(const char *directory, char *name, size_t size)
{
    size_t end = strlen(directory);
    while (end > 1 && directory[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && directory[start - 1] != '/')
        start--;
    snprintf(name, size, "%.*s", (int)(end - start), directory + start);
    /* A name is for people and for JSON: cut between characters, without what is no text. */
    size_t bad;
    while (!tl_text_is_utf8(tl_slice_of(name), &bad)) {
        bool is_cut = strlen(name) + 1 == size && bad + 4 > strlen(name);
        name[bad] = is_cut ? '\0' : '?';
    }
}

/* Published models, and ours that started from one (tokenizer/), may have rows for more pieces than there are; else there is
 * exactly one a piece. */
static bool fits(const char *directory, const tl_model_info *model, const tl_tokenizer_info *tokenizer)
{
    const size_t rows = model->config.text.vocabulary_size;
    char path[4096];
    tl_file_status status = {.kind = TL_FILE_MISSING};
    int size = snprintf(path, sizeof path, "%s/tokenizer", directory);
    if (strcmp(model->family, "twinlens") == 0 && size > 0 && (size_t)size < sizeof path &&
        tl_file_status_read(path, &status, NULL) && status.kind != TL_FILE_DIRECTORY)
        return tokenizer->vocabulary_size == rows;
    return tokenizer->vocabulary_size <= rows;
}

static bool open_tokenizer(const char *directory, tl_model_bundle *bundle, tl_error *err)
{
    const tl_text_config *text = &bundle->info->config.text;
    tl_tokenizer_info info;
    bool ok = tl_tokenizer_open_folder(directory, text->context_length, &bundle->tokenizer, err);
    if (ok) {
        tl_tokenizer_info_read(bundle->tokenizer, &info);
        if (!fits(directory, bundle->info, &info))
            ok =
                tl_fail(err, TL_ERROR_INVALID, "model '%s': expected a tokenizer of %u pieces as in its configuration, found %zu",
                        directory, text->vocabulary_size, info.vocabulary_size);
    }
    if (ok) {
        char both[2 * TL_HASH_TEXT_SIZE];
        int size = snprintf(both, sizeof both, "%s%s", bundle->info->fingerprint, info.fingerprint);
        tl_hash_text(both, (size_t)size, bundle->fingerprint);
    }
    return ok;
}

bool tl_model_bundle_open(const char *directory, tl_model_bundle *out, tl_error *err)
{
    *out = (tl_model_bundle){0};
    if (!tl_model_open(directory, &out->model, err))
        return false;
    out->info = tl_model_info_read(out->model);
    name_from_path(directory, out->name, sizeof out->name);
    if (open_tokenizer(directory, out, err))
        return true;
    tl_model_bundle_close(out);
    return false;
}

bool tl_model_bundle_open_chosen(const tl_runtime *runtime, const char *given, tl_model_bundle *out, tl_error *err)
{
    char *directory = tl_runtime_model_path(runtime, given, err);
    bool ok = directory != NULL && tl_model_bundle_open(directory, out, err);
    tl_memory_free(directory);
    return ok;
}

void tl_model_bundle_close(tl_model_bundle *bundle)
{
    tl_tokenizer_close(bundle->tokenizer);
    tl_model_close(bundle->model);
    *bundle = (tl_model_bundle){0};
}

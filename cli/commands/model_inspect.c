/* 'twinlens model inspect': a model as it opens, and where it came from. */
#include "base/core/memory.h"
#include "cli/app/model_bundle.h"
#include "cli/app/model_origin.h"
#include "cli/commands/model_internal.h"

#include <stdio.h>
#include <string.h>

static void print_tensor(void *context, const char *name, uint32_t rank, const size_t *shape)
{
    (void)context;
    printf("  %s [", name);
    for (uint32_t i = 0; i < rank; i++)
        printf("%s%zu", i != 0 ? ", " : "", shape[i]);
    printf("]\n");
}

typedef struct tensor_list {
    tl_json *json; /* {"name": [shape], ...} */
    bool ok;
    tl_error *err;
} tensor_list;

static void add_tensor(void *context, const char *name, uint32_t rank, const size_t *shape)
{
    tensor_list *list = context;
    tl_json *sizes = tl_json_array_create(list->err);
    list->ok = list->ok && sizes != NULL;
    for (uint32_t i = 0; list->ok && i < rank; i++)
        list->ok = tl_json_append_integer(sizes, (int64_t)shape[i], list->err);
    if (list->ok)
        list->ok = tl_json_set(list->json, name, sizes, list->err);
    else
        tl_json_free(sizes);
}

static bool set_tensors(tl_json *json, const tl_model *model, tl_error *err)
{
    tensor_list list = {tl_json_object_create(err), true, err};
    if (list.json == NULL)
        return false;
    tl_model_each_tensor(model, add_tensor, &list);
    if (list.ok)
        return tl_json_set(json, "tensors", list.json, err);
    tl_json_free(list.json);
    return false;
}

static const char *dtype_name(tl_dtype dtype)
{
    switch (dtype) {
    case TL_F16:
        return "f16";
    case TL_BF16:
        return "bf16";
    case TL_F32:
        break;
    }
    return "f32";
}

static bool set_origin(tl_json *json, const tl_model_origin *origin, tl_error *err)
{
    tl_json *from = tl_json_object_create(err);
    bool ok = from != NULL && tl_json_set_text(from, "repository", origin->repository, err) &&
              tl_json_set_text(from, "revision", origin->revision, err) &&
              tl_json_set_text(from, "requested", origin->requested, err) &&
              tl_json_set_text(from, "endpoint", origin->endpoint, err) &&
              tl_json_set_text(from, "dialect", origin->dialect, err) &&
              (origin->license[0] == '\0' || tl_json_set_text(from, "license", origin->license, err)) &&
              tl_json_set_integer(from, "size", (int64_t)tl_model_file_list_size(&origin->files), err);
    if (ok)
        return tl_json_set(json, "origin", from, err);
    tl_json_free(from);
    return false;
}

/* origin NULL: not downloaded by us. */
static bool print_json(const tl_model_bundle *bundle, const char *directory, const tl_model_origin *origin, bool with_tensors,
                       tl_error *err)
{
    const tl_model_info *info = bundle->info;
    tl_json *json = tl_json_object_create(err);
    tl_json *config = NULL;
    tl_json *recipe = NULL;
    bool ok = json != NULL && tl_json_set_text(json, "name", bundle->name, err) &&
              tl_json_set_text(json, "family", info->family, err) &&
              tl_json_set_text(json, "fingerprint", bundle->fingerprint, err) &&
              tl_json_set_integer(json, "parameters", (int64_t)info->parameter_count, err) &&
              tl_json_set_text(json, "dtype", dtype_name(info->dtype), err) &&
              tl_json_set_number(json, "logit_scale", info->logit_scale, err) &&
              (!info->config.has_logit_bias || tl_json_set_number(json, "logit_bias", info->logit_bias, err)) &&
              (info->warning[0] == '\0' || tl_json_set_text(json, "warning", info->warning, err)) &&
              tl_model_config_write(&info->config, &config, err) && tl_json_set(json, "config", config, err) &&
              tl_image_recipe_write(&info->recipe, &recipe, err) && tl_json_set(json, "preprocess", recipe, err) &&
              tl_json_set_path(json, "folder", directory, err) && (origin == NULL || set_origin(json, origin, err)) &&
              (!with_tensors || set_tensors(json, bundle->model, err));
    return tl_output_json(ok, json, err);
}

static bool print_recipe(const tl_image_recipe *recipe, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, 1 << 16);
    tl_json *json = NULL;
    bool ok = tl_image_recipe_write(recipe, &json, err) && tl_json_write(json, TL_JSON_COMPACT, &text, err);
    if (ok)
        printf("pictures: %s\n", text.data);
    tl_json_free(json);
    tl_string_clear(&text);
    return ok;
}

static void print_origin(const tl_model_origin *origin)
{
    printf("from %s at %s, revision %.12s (%s), %s files, %.1f MB\n", origin->repository, origin->endpoint, origin->revision,
           origin->requested, origin->dialect, (double)tl_model_file_list_size(&origin->files) / 1e6);
    printf("licence: ");
    tl_output_text(stdout, origin->license[0] != '\0' ? origin->license : "not stated");
    printf("\n");
}

static bool print_text(const tl_model_bundle *bundle, const char *directory, const tl_model_origin *origin, tl_error *err)
{
    const tl_model_info *info = bundle->info;
    const tl_vision_config *vision = &info->config.vision;
    const tl_text_config *text = &info->config.text;
    printf("%s: family %s, %llu parameters (%s), embedding %u, logit scale %.2f", bundle->name, info->family,
           (unsigned long long)info->parameter_count, dtype_name(info->dtype), info->config.embedding_dim,
           (double)info->logit_scale);
    if (info->config.has_logit_bias)
        printf(", bias %.2f", (double)info->logit_bias);
    printf("\n");
    printf("image tower: %u px, patch %u, width %u, %u layers, %u heads\n", vision->image_size, vision->patch_size, vision->width,
           vision->layers, vision->heads);
    for (uint32_t i = 0; i < vision->stem_stage_count; i++)
        printf("%s%u px by %u, width %u, %u blocks", i == 0 ? "its stem: stages of " : "; ", vision->stem_stages[i].patch_size,
               vision->stem_stages[i].patch_size, vision->stem_stages[i].width, vision->stem_stages[i].layers);
    if (vision->stem_stage_count != 0)
        printf("; convolutions of %u by %u\n", vision->stem_kernel, vision->stem_kernel);
    printf("text tower: context %u, vocabulary %u, width %u, %u layers, %u heads\n", text->context_length, text->vocabulary_size,
           text->width, text->layers, text->heads);
    if (!print_recipe(&info->recipe, err))
        return false;
    if (origin != NULL)
        print_origin(origin);
    printf("folder ");
    tl_output_text(stdout, directory);
    printf("\nfingerprint %s\n", bundle->fingerprint);
    return true;
}

bool tl_model_command__inspect(tl_command_call *call, const char *given, bool with_tensors, bool as_json, tl_error *err)
{
    bool ok = false;
    tl_model_bundle bundle = {0};
    tl_model_origin origin = {0};
    tl_error reason = {TL_ERROR_NONE, ""};
    char *directory = tl_runtime_model_path(call->runtime, given, err);
    if (directory == NULL || !tl_command_open_model(call, directory, NULL, &bundle, err))
        goto done;
    bool has_origin = tl_model_origin_read(directory, &origin, &reason);
    if (!has_origin && reason.kind != TL_ERROR_NOT_FOUND)
        fprintf(stderr, "twinlens: warning: %s\n", reason.message);
    ok = as_json ? print_json(&bundle, directory, has_origin ? &origin : NULL, with_tensors, err)
                 : print_text(&bundle, directory, has_origin ? &origin : NULL, err);
    if (ok && with_tensors && !as_json)
        tl_model_each_tensor(bundle.model, print_tensor, NULL);
done:
    tl_model_origin_clear(&origin);
    tl_model_bundle_close(&bundle);
    tl_memory_free(directory);
    return ok;
}

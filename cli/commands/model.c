#include "base/core/memory.h"
#include "cli/app/model_bundle.h"
#include "cli/commands/command.h"

#include <stdio.h>
#include <string.h>

typedef struct model_options {
    bool tensors, json;
} model_options;

#define AT(field) offsetof(model_options, field)
static const tl_option options[] = {
    {.name = "tensors", .type = TL_OPTION_FLAG, .help = "inspect: list every tensor with its shape", .offset = AT(tensors)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "inspect: print as JSON", .offset = AT(json)},
};

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

static bool print_json(const tl_model_bundle *bundle, bool with_tensors, tl_error *err)
{
    const tl_model_info *info = bundle->info;
    tl_json *json = tl_json_object_create(err);
    tl_json *config = NULL;
    tl_json *recipe = NULL;
    bool ok =
        json != NULL && tl_json_set_text(json, "name", bundle->name, err) &&
        tl_json_set_text(json, "family", info->family, err) && tl_json_set_text(json, "fingerprint", bundle->fingerprint, err) &&
        tl_json_set_integer(json, "parameters", (int64_t)info->parameter_count, err) &&
        tl_json_set_number(json, "logit_scale", info->logit_scale, err) && tl_model_config_write(&info->config, &config, err) &&
        tl_json_set(json, "config", config, err) && tl_image_recipe_write(&info->recipe, &recipe, err) &&
        tl_json_set(json, "preprocess", recipe, err) && (!with_tensors || set_tensors(json, bundle->model, err));
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    return tl_output_json(json, err);
}

static void print_text(const tl_model_bundle *bundle)
{
    const tl_model_info *info = bundle->info;
    const tl_vision_config *vision = &info->config.vision;
    const tl_text_config *text = &info->config.text;
    printf("%s: family %s, %llu parameters, embedding %u, logit scale %.2f\n", bundle->name, info->family,
           (unsigned long long)info->parameter_count, info->config.embedding_dim, (double)info->logit_scale);
    printf("image tower: %u px, patch %u, width %u, %u layers, %u heads\n", vision->image_size, vision->patch_size, vision->width,
           vision->layers, vision->heads);
    printf("text tower: context %u, vocabulary %u, width %u, %u layers, %u heads\n", text->context_length, text->vocabulary_size,
           text->width, text->layers, text->heads);
    printf("fingerprint %s\n", bundle->fingerprint);
}

static bool inspect(const model_options *values, const char *directory, tl_error *err)
{
    tl_model_bundle bundle;
    if (!tl_model_bundle_open(directory, &bundle, err))
        return false;
    bool ok = true;
    if (values->json)
        ok = print_json(&bundle, values->tensors, err);
    else
        print_text(&bundle);
    if (values->tensors && !values->json)
        tl_model_each_tensor(bundle.model, print_tensor, NULL);
    tl_model_bundle_close(&bundle);
    return ok;
}

static bool use(const tl_command_call *call, const char *directory, tl_error *err)
{
    /* Opened first, so that nothing broken becomes the default. */
    tl_model_bundle bundle;
    if (!tl_model_bundle_open(directory, &bundle, err))
        return false;
    bool ok = tl_runtime_use_model(call->runtime, directory, err);
    if (ok)
        printf("%s is the default model now\n", bundle.name);
    tl_model_bundle_close(&bundle);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const char *verb = call->arguments->items[0];
    const char *given = call->arguments->count == 2 ? call->arguments->items[1] : NULL;
    if (strcmp(verb, "use") == 0 && given != NULL)
        return use(call, given, err);
    if (strcmp(verb, "inspect") != 0)
        return tl_command_misuse(call, err, "expected inspect [MODEL] or use MODEL, found '%s'", verb);
    char *directory = tl_runtime_model_path(call->runtime, given, err);
    bool ok = directory != NULL && inspect(call->options, directory, err);
    tl_memory_free(directory);
    return ok;
}

extern const tl_command tl_command_model;
const tl_command tl_command_model = {
    .name = "model",
    .summary = "look at a model, or choose the default one",
    .usage = "inspect [MODEL] | use MODEL",
    .details = "",
    .example = "  twinlens model inspect stamps.model\n  twinlens model use stamps.model",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(model_options),
    .minimum_arguments = 1,
    .maximum_arguments = 2,
    .run = run,
};

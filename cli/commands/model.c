/* The command and its short verbs; inspect and list have files of their own. */
#include "base/core/memory.h"
#include "cli/app/model_bundle.h"
#include "cli/app/model_mix.h"
#include "cli/app/model_pull.h"
#include "cli/commands/model_internal.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct model_options {
    bool tensors, json, offline;
    int64_t retries;
    double retry_wait;
    const char *activation, *output, *to, *dtype;
    double weight;
} model_options;

#define AT(field) offsetof(model_options, field)
static const tl_option options[] = {
    {.name = "json", .type = TL_OPTION_FLAG, .help = "list, inspect: print as JSON", .offset = AT(json)},
    {.name = "tensors", .type = TL_OPTION_FLAG, .help = "inspect: list every tensor with its shape", .offset = AT(tensors)},
    {.name = "offline", .type = TL_OPTION_FLAG, .help = "pull: never touch the network", .offset = AT(offline)},
    {.name = "activation",
     .type = TL_OPTION_TEXT,
     .value = "GELU",
     .help = "use: the model was trained with gelu, quick_gelu or gelu_tanh; auto: as its name and configuration say",
     .offset = AT(activation)},
    {.name = "output",
     .letter = 'o',
     .type = TL_OPTION_TEXT,
     .value = "MODEL",
     .help = "mix, convert: folder for the new model",
     .offset = AT(output)},
    {.name = "weight",
     .type = TL_OPTION_NUMBER,
     .value = "W",
     .help = "mix: share of the second model",
     .offset = AT(weight),
     .minimum = 0,
     .maximum = 1,
     .fallback = 0.5},
    {.name = "to",
     .type = TL_OPTION_TEXT,
     .choices = "twinlens|open_clip|transformers",
     .help = "convert: whose folder it becomes; default: as it is",
     .offset = AT(to)},
    {.name = "dtype",
     .type = TL_OPTION_TEXT,
     .choices = "f32|f16|bf16",
     .help = "convert: type of the numbers; default: the narrowest that loses nothing",
     .offset = AT(dtype)},
    {.name = "retries",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "pull: tries in a row without a new byte",
     .offset = AT(retries),
     .minimum = 0,
     .maximum = 1000,
     .fallback = 6},
    {.name = "retry-wait",
     .type = TL_OPTION_NUMBER,
     .value = "SECONDS",
     .help = "pull: before the first of them, then twice as long each time, up to a minute",
     .offset = AT(retry_wait),
     .minimum = 0,
     .maximum = 60,
     .fallback = 1},
};

static bool use(const tl_command_call *call, const char *given, tl_error *err)
{
    char *directory = tl_runtime_model_path(call->runtime, given, err);
    if (directory == NULL)
        return false;
    /* Opened first, so that nothing broken becomes the default. */
    const model_options *values = call->options;
    tl_model_bundle bundle = {0};
    bool ok = (values->activation == NULL || tl_model_choose_activation(directory, values->activation, err)) &&
              tl_model_bundle_open(directory, &bundle, err) && tl_runtime_use_model(call->runtime, directory, err);
    if (ok)
        tl_command_warn_of_model(&bundle);
    if (ok)
        printf("%s is the default model now\n", bundle.name);
    tl_model_bundle_close(&bundle);
    tl_memory_free(directory);
    return ok;
}

static bool remove_model(tl_command_call *call, const char *given, tl_error *err)
{
    tl_model_reference reference;
    bool was_default = false;
    if (!tl_model_reference_read(given, &reference, err) || strchr(given, '@') != NULL)
        return tl_command_misuse(call, err, "remove: expected the name of an installed model, found '%.120s'", given);
    if (!tl_model_store_remove(call->runtime, &reference, &was_default, err))
        return false;
    printf("%s is removed%s\n", reference.repository, was_default ? "; no model is chosen now" : "");
    return true;
}

static void print_pulled(const tl_model_pull_result *result)
{
    const tl_model_origin *origin = &result->origin;
    const char *word = result->is_unchecked   ? "is installed (offline: not compared with the hub)"
                       : result->was_complete ? "is installed already and up to date"
                       : result->was_updated  ? "is updated"
                                              : "is installed";
    printf("%s %s: revision %.12s, %zu files, %.1f MB, licence ", origin->repository[0] != '\0' ? origin->repository : "model",
           word, origin->revision, origin->files.count, (double)tl_model_file_list_size(&origin->files) / 1e6);
    tl_output_text(stdout, origin->license[0] != '\0' ? origin->license : "not stated");
    printf("\n");
}

/* The first model that is pulled is what a person means from then on. */
static bool make_default_if_none(const tl_command_call *call, const char *directory, const char *name, tl_error *err)
{
    char *chosen = NULL;
    bool ok = tl_runtime_default_model(call->runtime, &chosen, err);
    if (ok && chosen == NULL) {
        ok = tl_runtime_use_model(call->runtime, directory, err);
        if (ok)
            printf("%s is the default model now\n", name);
    }
    tl_memory_free(chosen);
    return ok;
}

static bool pull(tl_command_call *call, const char *given, tl_error *err)
{
    const model_options *values = call->options;
    tl_model_reference reference;
    if (!tl_model_reference_read(given, &reference, err)) {
        call->exit = TL_EXIT_USAGE;
        return false;
    }
    tl_model_pull_options job = {
        .is_offline = values->offline || tl_runtime_hub(call->runtime).is_offline,
        .retries = (unsigned)values->retries,
        .retry_seconds = values->retry_wait,
        .now = (int64_t)time(NULL),
    };
    tl_model_pull_result result;
    tl_progress progress;
    tl_progress_line line;
    tl_progress_line_start(&line, "MB", &progress);
    bool ok = tl_model_pull(call->runtime, &reference, &job, &progress, &result, err);
    tl_progress_line_end(&line);
    if (!ok) {
        if (err->kind == TL_ERROR_CANCELLED)
            tl_fail(err, TL_ERROR_CANCELLED, "'%s': stopped; the same command goes on from here", reference.repository);
        return false;
    }
    if (result.warning[0] != '\0')
        fprintf(stderr, "twinlens: warning: model %s: %s\n", reference.repository, result.warning);
    print_pulled(&result);
    ok = make_default_if_none(call, result.path, reference.repository, err);
    tl_model_pull_result_clear(&result);
    return ok;
}

/* mix A B, convert MODEL: a new folder out of one or two. */
static bool make_folder(tl_command_call *call, const char *first, const char *second, tl_error *err)
{
    const model_options *values = call->options;
    char warning[TL_CONVERT_WARNING_SIZE] = "";
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o MODEL, found none");
    char *from = tl_runtime_model_path(call->runtime, first, err);
    char *with = from != NULL && second != NULL ? tl_runtime_model_path(call->runtime, second, err) : NULL;
    bool ok = from != NULL && (second == NULL || with != NULL);
    if (ok && second != NULL)
        ok = tl_model_mix(from, with, values->weight, values->output, err);
    else if (ok)
        ok = tl_model_convert(from, &(tl_model_convert_options){.to = values->to, .dtype = values->dtype}, values->output,
                              warning, err);
    if (ok && warning[0] != '\0')
        fprintf(stderr, "twinlens: warning: %s: %s\n", values->output, warning);
    if (ok)
        printf("%s is written\n", values->output);
    tl_memory_free(with);
    tl_memory_free(from);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const model_options *values = call->options;
    const char *verb = call->arguments->items[0];
    if (strcmp(verb, "mix") == 0 && call->arguments->count == 3)
        return make_folder(call, call->arguments->items[1], call->arguments->items[2], err);
    if (strcmp(verb, "convert") == 0 && call->arguments->count == 2)
        return make_folder(call, call->arguments->items[1], NULL, err);
    const char *given = call->arguments->count == 2 ? call->arguments->items[1] : NULL;
    if (strcmp(verb, "inspect") == 0)
        return tl_model_command__inspect(call, given, values->tensors, values->json, err);
    if (strcmp(verb, "list") == 0 && given == NULL)
        return tl_model_command__list(call, values->json, err);
    if (strcmp(verb, "pull") == 0 && given != NULL)
        return pull(call, given, err);
    if (strcmp(verb, "use") == 0 && given != NULL)
        return use(call, given, err);
    if (strcmp(verb, "remove") == 0 && given != NULL)
        return remove_model(call, given, err);
    return tl_command_misuse(
        call, err, "expected pull NAME, list, inspect [MODEL], use MODEL, remove NAME, mix A B or convert MODEL, found '%s'",
        verb);
}

extern const tl_command tl_command_model;
const tl_command tl_command_model = {
    .name = "model",
    .summary = "download, list, look at, choose or remove models",
    .usage = "pull NAME | list | inspect [MODEL] | use MODEL | remove NAME | mix A B -o MODEL | convert MODEL -o MODEL",
    .details =
        "NAME is a well-known model as 'twinlens model list' shows it, or ORG/REPO of the hub; for pull also NAME@REVISION (a\n"
        "branch, tag or commit). MODEL is a folder or the name of an installed model; so is every --model of the other "
        "commands.\n"
        "\n"
        "pull downloads safetensors weights, configuration and vocabulary, checks sizes and digests against what the hub "
        "states,\n"
        "opens the model once and only then puts it in place. Stopped or broken off, the same command goes on where it was.\n"
        "The first model that is pulled becomes the default one.\n"
        "\n"
        "mix interpolates the weights of two models of the same sizes (a fine-tuned one and what it started from); convert "
        "writes\n"
        "a model with smaller numbers (--dtype), in our words, or in those that open_clip or transformers loads (--to).\n"
        "\n"
        "environment: HF_ENDPOINT (another hub or a mirror), HF_TOKEN (for private and gated models; sent to that host alone),\n"
        "TWINLENS_OFFLINE=1 (as --offline), https_proxy, http_proxy, no_proxy, XDG_DATA_HOME (models lie in twinlens/models "
        "there)",
    .example = "  twinlens model pull clip-vit-b-32\n  twinlens model pull timm/ViT-B-16-SigLIP2-256@main\n"
               "  twinlens model list\n  twinlens model use siglip2-b-16-256\n  twinlens model inspect stamps.model",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(model_options),
    .minimum_arguments = 1,
    .maximum_arguments = 3,
    .run = run,
};

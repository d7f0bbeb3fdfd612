#include "base/core/memory.h"
#include "cli/app/classifier.h"
#include "cli/app/picture_stream.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 };

typedef struct classify_options {
    const char *labels, *labels_file, *model;
    const char *precision;
    int64_t threads;
    tl_text_list templates;
    int64_t k;
    bool json;
} classify_options;

#define AT(field) offsetof(classify_options, field)
static const tl_option options[] = {
    {.name = "labels", .type = TL_OPTION_TEXT, .value = "a,b,c", .help = "the classes", .offset = AT(labels)},
    {.name = "labels-file",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "the classes, one a line",
     .offset = AT(labels_file)},
    {.name = "template",
     .type = TL_OPTION_LIST,
     .value = "TEXT",
     .help = "a prompt with {} for the label; may be given again [a photo of a {}] [{}]",
     .offset = AT(templates)},
    {.name = "count",
     .letter = 'k',
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "classes to print for each picture",
     .offset = AT(k),
     .minimum = 1,
     .maximum = 1e6,
     .fallback = 3},
    TL_PRECISION_OPTION(AT(precision)),
    TL_THREADS_OPTION(AT(threads)),
    {.name = "model", .type = TL_OPTION_TEXT, .value = "MODEL", .help = "the model folder", .offset = AT(model)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a picture", .offset = AT(json)},
};

typedef struct ranked_label {
    const char *name;
    double probability;
} ranked_label;

typedef struct print_state {
    const classify_options *values;
    const tl_labels *labels;
    const float *classes;
    const tl_model_info *model;
    double *probabilities;
    ranked_label *ranked;
    size_t shown;
    bool header_printed;
} print_state;

static int compare_probabilities(const void *a, const void *b)
{
    double first = ((const ranked_label *)a)->probability;
    double second = ((const ranked_label *)b)->probability;
    return (first < second) - (first > second);
}

/* RFC 4180: quoted when it holds a comma, a quote or a line break. */
static void print_csv_field(const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static bool print_json(const print_state *state, const char *path, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    tl_json *labels = json != NULL ? tl_json_array_create(err) : NULL;
    bool ok = labels != NULL;
    ok = ok && tl_json_set_path(json, "path", path, err);
    for (size_t i = 0; ok && i < state->shown; i++) {
        tl_json *label = tl_json_object_create(err);
        ok = label != NULL && tl_json_set_text(label, "label", state->ranked[i].name, err) &&
             tl_json_set_number(label, "probability", state->ranked[i].probability, err);
        if (ok)
            ok = tl_json_append(labels, label, err);
        else
            tl_json_free(label);
    }
    if (ok)
        ok = tl_json_set(json, "labels", labels, err);
    else
        tl_json_free(labels);
    return tl_output_json(ok, json, err);
}

static void print_header(print_state *state)
{
    if (state->header_printed)
        return;
    state->header_printed = true;
    printf("path");
    for (size_t i = 0; i < state->shown; i++)
        printf(",label_%zu,probability_%zu", i + 1, i + 1);
    putchar('\n');
}

static bool print_picture(void *context, const char *path, const float *vector, tl_error *err)
{
    print_state *state = context;
    size_t count = state->labels->count;
    tl_classifier_probabilities(state->model, vector, state->classes, count, state->probabilities);
    for (size_t i = 0; i < count; i++)
        state->ranked[i] = (ranked_label){state->labels->names[i], state->probabilities[i]};
    qsort(state->ranked, count, sizeof *state->ranked, compare_probabilities);
    if (state->values->json)
        return print_json(state, path, err);
    print_header(state);
    print_csv_field(path);
    for (size_t i = 0; i < state->shown; i++) {
        putchar(',');
        print_csv_field(state->ranked[i].name);
        printf(",%.4f", state->ranked[i].probability);
    }
    putchar('\n');
    return true;
}

static bool classify(tl_command_call *call, const tl_model_bundle *bundle, const tl_labels *labels, tl_error *err)
{
    const classify_options *values = call->options;
    print_state state = {.values = values,
                         .labels = labels,
                         .model = bundle->info,
                         .shown = (size_t)values->k < labels->count ? (size_t)values->k : labels->count};
    tl_embedder *embedder = NULL;
    float *classes = NULL;
    tl_reasons skipped = {0};
    tl_progress progress;
    tl_progress_line line;
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    state.probabilities = pool != NULL ? tl_memory_allocate(labels->count, sizeof *state.probabilities, err) : NULL;
    state.ranked = state.probabilities != NULL ? tl_memory_allocate(labels->count, sizeof *state.ranked, err) : NULL;
    bool ok = state.ranked != NULL && tl_embedder_create(bundle, BATCH, pool, &embedder, err) &&
              tl_classifier_embed(embedder, labels, values->templates.items, values->templates.count, &classes, err);
    if (ok) {
        state.classes = classes;
        tl_progress_line_start(&line, "pictures", &progress);
        tl_picture_stream stream = {call->arguments->items, call->arguments->count, embedder, &progress};
        ok = tl_picture_stream_run(&stream, print_picture, &state, &skipped, err);
        tl_progress_line_end(&line);
        tl_command_report_skipped(call, &skipped);
    }
    tl_memory_free(classes);
    tl_embedder_destroy(embedder);
    tl_memory_free(state.ranked);
    tl_memory_free(state.probabilities);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const classify_options *values = call->options;
    if ((values->labels == NULL) == (values->labels_file == NULL))
        return tl_command_misuse(call, err, "expected --labels a,b,c or --labels-file FILE, found %s",
                                 values->labels != NULL ? "both" : "neither");
    if (!tl_command_check_templates(call, &values->templates, err))
        return false;
    tl_labels labels = {0};
    tl_model_bundle bundle = {0};
    bool ok = values->labels != NULL ? tl_labels_split(values->labels, &labels, err)
                                     : tl_labels_read(values->labels_file, &labels, err);
    if (!ok && values->labels != NULL)
        call->exit = TL_EXIT_USAGE;
    ok = ok && tl_command_open_model(call, values->model, values->precision, &bundle, err) &&
         classify(call, &bundle, &labels, err);
    tl_model_bundle_close(&bundle);
    tl_labels_clear(&labels);
    return ok;
}

extern const tl_command tl_command_classify;
const tl_command tl_command_classify = {
    .name = "classify",
    .summary = "sort pictures into classes that you name",
    .usage = "PICTURE... --labels a,b,c",
    .details =
        "Zero-shot: each class is the mean of its prompts' embeddings. Probabilities are the softmax over the classes of\n"
        "cosine times the model's logit scale; of a SigLIP each class's own, which need not add up to 1. PICTURE may be a\n"
        "folder or a dataset too: one CSV row (or JSON object) a picture.",
    .example =
        "  twinlens classify fox.jpg --labels fox,dog,cat\n"
        "  twinlens classify ~/Pictures --labels-file classes.txt --template 'a drawing of a {}' --template '{}' > classes.csv",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(classify_options),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

#include "cli/app/evaluate_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

typedef struct evaluate_options {
    const char *model, *split, *labels_file;
    const char *precision;
    int64_t threads;
    tl_text_list templates;
    bool per_class, json;
} evaluate_options;

#define AT(field) offsetof(evaluate_options, field)
static const tl_option options[] = {
    TL_PRECISION_OPTION(AT(precision)),
    TL_THREADS_OPTION(AT(threads)),
    {.name = "model", .type = TL_OPTION_TEXT, .value = "MODEL", .help = "the model folder", .offset = AT(model)},
    {.name = "split",
     .type = TL_OPTION_TEXT,
     .value = "NAME",
     .help = "retrieval: query with this split, against all; zero-shot: only this split",
     .offset = AT(split)},
    {.name = "labels-file",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "zero-shot: names of the classes, one a line",
     .offset = AT(labels_file)},
    {.name = "template",
     .type = TL_OPTION_LIST,
     .value = "TEXT",
     .help = "zero-shot: a prompt with {} for the label; may be given again",
     .offset = AT(templates)},
    {.name = "per-class", .type = TL_OPTION_FLAG, .help = "zero-shot: a line for each class as well", .offset = AT(per_class)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the scores as JSON", .offset = AT(json)},
};

static bool set_score(tl_json *json, const char *name, const tl_score *score, tl_error *err)
{
    char interval_name[80];
    char chance_name[80];
    snprintf(interval_name, sizeof interval_name, "%s_interval", name);
    snprintf(chance_name, sizeof chance_name, "%s_chance", name);
    tl_json *interval = tl_json_array_create(err);
    if (interval == NULL)
        return false;
    if (!tl_json_append_number(interval, score->low, err) || !tl_json_append_number(interval, score->high, err)) {
        tl_json_free(interval);
        return false;
    }
    return tl_json_set_number(json, name, score->value, err) && tl_json_set(json, interval_name, interval, err) &&
           tl_json_set_number(json, chance_name, score->chance, err);
}

static bool set_direction(tl_json *json, const char *direction, const tl_retrieval_direction *scores, tl_error *err)
{
    const struct {
        const char *name;
        const tl_score *score;
    } recalls[] = {
        {"recall_at_1", &scores->recall_at_1}, {"recall_at_5", &scores->recall_at_5}, {"recall_at_10", &scores->recall_at_10}};
    char name[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s_%s", direction, recalls[i].name);
        if (!set_score(json, name, recalls[i].score, err))
            return false;
    }
    snprintf(name, sizeof name, "%s_median_rank", direction);
    return tl_json_set_number(json, name, scores->median_rank, err);
}

static bool print_retrieval_json(const tl_retrieval_report *report, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "queries", (int64_t)report->text_to_image.query_count, err) &&
              tl_json_set_integer(json, "candidates", (int64_t)report->text_to_image.candidate_count, err) &&
              set_direction(json, "text_to_image", &report->text_to_image, err) &&
              set_direction(json, "image_to_text", &report->image_to_text, err) &&
              tl_json_set(json, "skipped", tl_reasons_to_json(&report->skipped, err), err);
    return tl_output_json(ok, json, err);
}

static void print_score(const char *name, const tl_score *score)
{
    printf("  %-12s %6.4f  (95 %%: %.4f to %.4f; chance %.4f)\n", name, score->value, score->low, score->high, score->chance);
}

static void print_direction(const char *title, const tl_retrieval_direction *scores)
{
    printf("%s, %zu queries against %zu\n", title, scores->query_count, scores->candidate_count);
    print_score("recall@1", &scores->recall_at_1);
    print_score("recall@5", &scores->recall_at_5);
    print_score("recall@10", &scores->recall_at_10);
    printf("  %-12s %g\n", "median rank", scores->median_rank);
}

static bool evaluate_retrieval(tl_command_call *call, const tl_evaluate_job *job, tl_progress_line *line, tl_error *err)
{
    const evaluate_options *values = call->options;
    tl_retrieval_report report;
    bool done = tl_evaluate_retrieval_job_run(job, &report, err);
    tl_progress_line_end(line);
    if (!done)
        return false;
    tl_command_report_skipped(call, &report.skipped);
    if (values->json)
        return print_retrieval_json(&report, err);
    print_direction("text to image", &report.text_to_image);
    print_direction("image to text", &report.image_to_text);
    return true;
}

static bool print_zero_shot_json(const tl_zero_shot_report *report, bool per_class, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "items", (int64_t)report->result.item_count, err) &&
              tl_json_set_integer(json, "classes", (int64_t)report->result.class_count, err) &&
              set_score(json, "top_1", &report->result.top_1, err) && set_score(json, "top_5", &report->result.top_5, err) &&
              tl_json_set(json, "skipped", tl_reasons_to_json(&report->skipped, err), err);
    tl_json *classes = ok && per_class ? tl_json_object_create(err) : NULL;
    ok = ok && (!per_class || classes != NULL);
    for (size_t i = 0; ok && per_class && i < report->result.class_count; i++)
        ok = tl_json_set_number(classes, report->names[i],
                                (double)report->per_class[2 * i] / (double)report->per_class[2 * i + 1], err);
    if (ok && per_class)
        ok = tl_json_set(json, "top_1_per_class", classes, err);
    else
        tl_json_free(classes);
    return tl_output_json(ok, json, err);
}

static bool evaluate_zero_shot(tl_command_call *call, const tl_evaluate_job *job, tl_progress_line *line, tl_error *err)
{
    const evaluate_options *values = call->options;
    tl_zero_shot_report report;
    bool done = tl_evaluate_zero_shot_job_run(job, &report, err);
    tl_progress_line_end(line);
    if (!done)
        return false;
    tl_command_report_skipped(call, &report.skipped);
    bool ok = true;
    if (values->json) {
        ok = print_zero_shot_json(&report, values->per_class, err);
    } else {
        printf("zero-shot, %zu pictures in %zu classes\n", report.result.item_count, report.result.class_count);
        print_score("top-1", &report.result.top_1);
        print_score("top-5", &report.result.top_5);
        for (size_t i = 0; values->per_class && i < report.result.class_count; i++)
            printf("  %llu of %llu\t%s\n", (unsigned long long)report.per_class[2 * i],
                   (unsigned long long)report.per_class[2 * i + 1], report.names[i]);
    }
    tl_zero_shot_report_clear(&report);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const evaluate_options *values = call->options;
    const char *task = call->arguments->items[0];
    bool retrieval = strcmp(task, "retrieval") == 0;
    if (!retrieval && strcmp(task, "zero-shot") != 0)
        return tl_command_misuse(call, err, "expected retrieval or zero-shot, found '%s'", task);
    if (retrieval && (values->labels_file != NULL || values->templates.count != 0 || values->per_class))
        return tl_command_misuse(call, err, "expected --labels-file, --template and --per-class with zero-shot only");
    if (!tl_command_check_templates(call, &values->templates, err))
        return false;
    tl_model_bundle bundle = {0};
    tl_progress progress;
    tl_progress_line line;
    tl_thread_pool *pool = NULL;
    bool ok = tl_command_open_model(call, values->model, values->precision, &bundle, err) &&
              (pool = tl_runtime_pool(call->runtime, err)) != NULL;
    if (ok) {
        tl_progress_line_start(&line, "pictures", &progress);
        tl_evaluate_job job = {.dataset = call->arguments->items[1],
                               .bundle = &bundle,
                               .pool = pool,
                               .progress = &progress,
                               .split = values->split,
                               .labels_file = values->labels_file,
                               .templates = values->templates.items,
                               .template_count = values->templates.count};
        ok = retrieval ? evaluate_retrieval(call, &job, &line, err) : evaluate_zero_shot(call, &job, &line, err);
    }
    tl_model_bundle_close(&bundle);
    return ok;
}

extern const tl_command tl_command_evaluate;
const tl_command tl_command_evaluate = {
    .name = "evaluate",
    .summary = "score a model on a dataset",
    .usage = "retrieval|zero-shot DATASET --model MODEL",
    .details =
        "Each score with its 95 % interval and what chance would give. Retrieval: a hit is right when its caption equals the "
        "query's.\n"
        "DATASET may be an unpacked folder of samples too (KEY.jpg, KEY.txt, KEY.json; KEY.cls or \"label\" for zero-shot).",
    .example = "  twinlens evaluate retrieval stamps.dataset --split held-out --model stamps.model\n"
               "  twinlens evaluate zero-shot val.tar --labels-file classes.txt --model stamps.model",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(evaluate_options),
    .minimum_arguments = 2,
    .maximum_arguments = 2,
    .run = run,
};

/* The options are those of the list of settings (cli/app/train_settings_list.inc) and the few that are about this call. */
#include "base/core/memory.h"
#include "cli/app/train_job.h"
#include "cli/app/train_page.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>

typedef struct train_options {
    const char *output, *config;
    bool resume, report, json;
    double checkpoint_seconds;
    int64_t threads;
#define TEXT(field, name, choices, value, fallback, help) const char *field;
#define INTEGER(field, name, value, minimum, maximum, fallback, help) int64_t field;
#define NUMBER(field, name, value, minimum, maximum, fallback, help) double field;
#define LIST(field, name, value, help) tl_text_list field;
#include "cli/app/train_settings_list.inc"
    bool given[TL_TRAIN_SETTING_COUNT];
} train_options;

_Static_assert(sizeof(train_options) <= TL_COMMAND_OPTIONS_MAX, "the options fit the command's struct");

#define AT(field) offsetof(train_options, field)
#define MARK(field) (AT(given) + TL_TRAIN_SETTING_##field)
/* A fallback that the bounds refuse is said by its help. */
#define SHOWN(minimum, fallback) ((fallback) >= (minimum) ? (double)(fallback) : 0.0)
static const tl_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = TL_OPTION_TEXT,
     .value = "MODEL",
     .help = "folder for the model",
     .offset = AT(output)},
    {.name = "resume",
     .type = TL_OPTION_FLAG,
     .help = "go on from MODEL's last checkpoint, with its settings",
     .offset = AT(resume)},
    {.name = "report",
     .type = TL_OPTION_FLAG,
     .help = "train nothing: write MODEL/report.html of what has been done so far",
     .offset = AT(report)},
    {.name = "config",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "settings from a train.json; options given here come before it",
     .offset = AT(config)},
    {.name = "checkpoint-seconds",
     .type = TL_OPTION_NUMBER,
     .value = "S",
     .help = "time between checkpoints",
     .offset = AT(checkpoint_seconds),
     .minimum = 0.001,
     .maximum = 1e6,
     .fallback = 60},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the report as JSON", .offset = AT(json)},
    TL_THREADS_OPTION(AT(threads)),
#define TEXT(field, option, texts, shown, otherwise, what) \
    {.name = option,                                       \
     .type = TL_OPTION_TEXT,                               \
     .choices = texts,                                     \
     .value = shown,                                       \
     .help = what,                                         \
     .offset = AT(field),                                  \
     .fallback_text = otherwise,                           \
     .mark = MARK(field)},
#define INTEGER(field, option, shown, least, most, otherwise, what) \
    INTEGER_OR_NUMBER(TL_OPTION_INTEGER, field, option, shown, least, most, otherwise, what)
#define NUMBER(field, option, shown, least, most, otherwise, what) \
    INTEGER_OR_NUMBER(TL_OPTION_NUMBER, field, option, shown, least, most, otherwise, what)
#define INTEGER_OR_NUMBER(kind, field, option, shown, least, most, otherwise, what) \
    {.name = option,                                                                \
     .type = kind,                                                                  \
     .value = shown,                                                                \
     .help = what,                                                                  \
     .offset = AT(field),                                                           \
     .minimum = least,                                                              \
     .maximum = most,                                                               \
     .fallback = SHOWN(least, otherwise),                                           \
     .mark = MARK(field)},
#define LIST(field, option, shown, what) \
    {.name = option, .type = TL_OPTION_LIST, .value = shown, .help = what, .offset = AT(field), .mark = MARK(field)},
#define GROUP(text) TL_OPTION_GROUP(text),
#include "cli/app/train_settings_list.inc"
};

static bool take_list(const tl_text_list *list, tl_train_texts *out, tl_error *err)
{
    if (list->count > TL_TRAIN_MOST_TEXTS)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d templates, found %zu", TL_TRAIN_MOST_TEXTS, list->count);
    for (size_t i = 0; i < list->count; i++)
        out->items[i] = list->items[i];
    out->count = list->count;
    return true;
}

/* Defaults, then the file's, then what was given. json keeps the file's texts. */
static bool gather_settings(const train_options *values, tl_train_settings *out, tl_json **json, tl_error *err)
{
    enum { MAX_CONFIG_BYTES = 1 << 20 };
    tl_train_settings_default(out);
    if (values->config != NULL && (!tl_json_read_file(values->config, MAX_CONFIG_BYTES, json, err) ||
                                   !(tl_train_settings_read(*json, out, err) || tl_fail_within(err, "'%s'", values->config))))
        return false;
    tl_train_settings given;
#define TEXT(field, name, choices, value, fallback, help) given.field = values->field;
#define INTEGER(field, name, value, minimum, maximum, fallback, help) given.field = values->field;
#define NUMBER(field, name, value, minimum, maximum, fallback, help) given.field = values->field;
#define LIST(field, name, value, help)                 \
    if (!take_list(&values->field, &given.field, err)) \
        return false;
#include "cli/app/train_settings_list.inc"
    /* A length that is given is the only one. */
    if (values->given[TL_TRAIN_SETTING_epochs] || values->given[TL_TRAIN_SETTING_steps] ||
        values->given[TL_TRAIN_SETTING_minutes])
        out->epochs = out->minutes = 0, out->steps = 0, out->replans = NULL;
    for (size_t i = 0; i < TL_TRAIN_SETTING_COUNT; i++)
        if (values->given[i])
            tl_train_settings_copy(&given, i, out);
    return true;
}

/* --init may be the name of an installed model, as --model elsewhere. *owned: what the settings point to, or NULL. */
static bool find_init(const tl_command_call *call, tl_train_settings *settings, char **owned, tl_error *err)
{
    if (settings->init == NULL)
        return true;
    settings->init = *owned = tl_runtime_model_path(call->runtime, settings->init, err);
    return *owned != NULL;
}

/* A run that was done already has no last step to speak of: null. */
static double of_last_step(const tl_train_report *report, double value)
{
    return report->last.step != 0 ? value : NAN;
}

static bool print_json(const tl_train_report *report, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "pairs", (int64_t)report->pairs, err) &&
              tl_json_set_integer(json, "held_out", (int64_t)report->held_out, err) &&
              tl_json_set_integer(json, "steps", (int64_t)report->steps, err) &&
              tl_json_set_integer(json, "batch", (int64_t)report->batch, err) &&
              tl_json_set_integer(json, "chunk", (int64_t)report->chunk, err) &&
              tl_json_set_number(json, "seconds", report->seconds, err) &&
              tl_json_set_number(json, "pairs_per_second", report->pairs_per_second, err) &&
              tl_json_set_number(json, "gflops", report->gflops, err) &&
              tl_json_set_number(json, "loss", of_last_step(report, report->last.loss), err) &&
              tl_json_set_number(json, "accuracy", of_last_step(report, report->last.accuracy), err) &&
              tl_json_set_number(json, "mutual_information_nats", of_last_step(report, report->last.mutual_information), err) &&
              tl_json_set_number(json, "logit_scale", of_last_step(report, report->last.logit_scale), err);
    ok = ok && (!report->has_best || (tl_json_set_number(json, "best_score", report->best_score, err) &&
                                      tl_json_set_integer(json, "best_step", (int64_t)report->best_step, err)));
    ok = ok && (report->stopped_at == 0 || tl_json_set_integer(json, "stopped_at", (int64_t)report->stopped_at, err)) &&
         tl_json_set(json, "skipped", tl_reasons_to_json(&report->skipped, err), err);
    return tl_output_json(ok, json, err);
}

static void print_report(const char *output, const tl_train_report *report)
{
    if (report->last.step == 0) {
        printf("%s: all %llu steps were done already\n", output,
               (unsigned long long)(report->stopped_at != 0 ? report->stopped_at : report->steps));
    } else {
        printf("%s: %llu pairs (%llu held out), %llu steps of %llu, %.0f s, %.1f pairs/s, %.1f GFLOP/s\n", output,
               (unsigned long long)report->pairs, (unsigned long long)report->held_out, (unsigned long long)report->steps,
               (unsigned long long)report->batch, report->seconds, report->pairs_per_second, report->gflops);
        printf("loss %.3f, accuracy in batch %.3f", report->last.loss, report->last.accuracy);
        if (!isnan(report->last.mutual_information))
            printf(", mutual information at least %.2f nats", report->last.mutual_information);
        printf(", logit scale %.1f\n", report->last.logit_scale);
    }
    if (report->has_best)
        printf("best on validation: %.4f after step %llu, in %s/best\n", report->best_score,
               (unsigned long long)report->best_step, output);
    if (report->stopped_at != 0)
        printf("stopped after step %llu: no better one for long enough\n", (unsigned long long)report->stopped_at);
}

static bool write_report(tl_command_call *call, tl_error *err)
{
    const train_options *values = call->options;
    if (call->arguments->count != 0 || values->resume)
        return tl_command_misuse(call, err, "expected --report without DATASET and --resume, since it trains nothing");
    if (!tl_train_page_write(values->output, err))
        return false;
    printf("%s/report.html is written\n", values->output);
    return true;
}

static bool check_call(tl_command_call *call, tl_error *err)
{
    const train_options *values = call->options;
    const int lengths =
        values->given[TL_TRAIN_SETTING_epochs] + values->given[TL_TRAIN_SETTING_steps] + values->given[TL_TRAIN_SETTING_minutes];
    if (lengths > 1)
        return tl_command_misuse(call, err, "expected one of --epochs, --steps and --minutes, found %d", lengths);
    if (call->arguments->count == 0 && !values->resume)
        return tl_command_misuse(call, err, "expected DATASET..., found none");
    return true;
}

static bool train(tl_command_call *call, tl_ranks *ranks, tl_train_report *report, tl_error *err)
{
    const train_options *values = call->options;
    tl_progress progress;
    tl_progress_line line;
    tl_json *config = NULL;
    char *init = NULL;
    tl_train_job job = {
        .datasets = call->arguments->items,
        .dataset_count = call->arguments->count,
        .model_directory = values->output,
        .resume = values->resume,
        .given = values->given,
        .checkpoint_seconds = values->checkpoint_seconds,
        .pool = tl_runtime_pool(call->runtime, err),
        .ranks = ranks,
        .progress = &progress,
    };
    bool ok =
        job.pool != NULL && gather_settings(values, &job.settings, &config, err) && find_init(call, &job.settings, &init, err);
    if (ok) {
        tl_progress_line_start(&line, "steps", &progress);
        if (call->is_silent)
            progress.begin = NULL, progress.report = NULL;
        ok = tl_train_job_run(&job, report, err);
        tl_progress_line_end(&line);
    }
    tl_memory_free(init);
    tl_json_free(config);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const train_options *values = call->options;
    tl_ranks *ranks;
    tl_train_report report;
    if (!tl_runtime_ranks(call->runtime, &ranks, err))
        return false;
    call->is_silent = tl_ranks_number(ranks) != 0;
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o MODEL, found none");
    if (values->report)
        return write_report(call, err);
    if (!check_call(call, err) || !train(call, ranks, &report, err))
        return false;
    if (call->is_silent)
        return true;
    tl_command_report_skipped(call, &report.skipped);
    if (values->json)
        return print_json(&report, err);
    print_report(values->output, &report);
    return true;
}

extern const tl_command tl_command_train;
const tl_command tl_command_train = {
    .name = "train",
    .summary = "train both towers on captioned pictures",
    .usage = "DATASET... -o MODEL [--resume]",
    .details =
        "Trains a SentencePiece vocabulary on the captions, then an image and a text tower jointly; or goes on training any\n"
        "model (--init), both towers or one (--freeze). Samples whose split is not \"train\" are left out. Ctrl-C saves;\n"
        "--resume goes on and ends with the same bits as an unbroken run. Every setting is kept in MODEL/train.json, which\n"
        "--config reads; MODEL/training.jsonl holds a line a step, MODEL/report.html its curves. docs/TRAINING.md has recipes.\n"
        "Built with Open MPI, 'mpirun -n N twinlens train ...' shares each batch among N processes.",
    .example = "  twinlens train stamps.dataset -o stamps.model --minutes 4\n"
               "  twinlens train stamps.dataset -o stamps.model --resume\n"
               "  twinlens train shop.dataset -o shop.model --init ViT-B-32 --freeze text --learning-rate 1e-5 --epochs 3",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(train_options),
    .minimum_arguments = 0,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

#include "cli/app/train_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>

typedef struct train_options {
    const char *output;
    bool resume, json;
    const char *size, *tokenizer;
    int64_t image_size, patch_size, vocabulary, context, batch, steps, seed, threads;
    double epochs, minutes, learning_rate, weight_decay, crop, flip, checkpoint_seconds;
} train_options;

#define AT(field) offsetof(train_options, field)
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
    {.name = "size",
     .type = TL_OPTION_TEXT,
     .choices = "tiny|small|medium",
     .help = "towers: 128, 192 or 256 wide",
     .offset = AT(size),
     .fallback_text = "small"},
    {.name = "image-size",
     .type = TL_OPTION_INTEGER,
     .value = "PIXELS",
     .help = "side of the pictures",
     .offset = AT(image_size),
     .minimum = 8,
     .maximum = 1024,
     .fallback = 64},
    {.name = "patch-size",
     .type = TL_OPTION_INTEGER,
     .value = "PIXELS",
     .help = "side of a patch",
     .offset = AT(patch_size),
     .minimum = 2,
     .maximum = 128,
     .fallback = 8},
    {.name = "tokenizer",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "use this tokenizer.model; else one is trained on the captions",
     .offset = AT(tokenizer)},
    {.name = "vocabulary",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "pieces of a trained tokenizer",
     .offset = AT(vocabulary),
     .minimum = 300,
     .maximum = 1000000,
     .fallback = 4096},
    {.name = "context",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "tokens a caption is cut to",
     .offset = AT(context),
     .minimum = 3,
     .maximum = 512,
     .fallback = 32},
    {.name = "batch",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "pairs a step",
     .offset = AT(batch),
     .minimum = 2,
     .maximum = 65536,
     .fallback = 128},
    {.name = "epochs",
     .type = TL_OPTION_NUMBER,
     .value = "N",
     .help = "length of the run (this, --steps or --minutes) [20]",
     .offset = AT(epochs),
     .minimum = 0.001,
     .maximum = 1e6},
    {.name = "steps",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "length of the run",
     .offset = AT(steps),
     .minimum = 1,
     .maximum = 1e12},
    {.name = "minutes",
     .type = TL_OPTION_NUMBER,
     .value = "N",
     .help = "length of the run, as steps that fit this time here",
     .offset = AT(minutes),
     .minimum = 0.001,
     .maximum = 1e6},
    {.name = "learning-rate",
     .type = TL_OPTION_NUMBER,
     .value = "X",
     .help = "peak of the schedule",
     .offset = AT(learning_rate),
     .minimum = 1e-8,
     .maximum = 1,
     .fallback = 1e-3},
    {.name = "weight-decay",
     .type = TL_OPTION_NUMBER,
     .value = "X",
     .help = "AdamW's, decoupled",
     .offset = AT(weight_decay),
     .minimum = 0,
     .maximum = 10,
     .fallback = 0.1},
    {.name = "crop",
     .type = TL_OPTION_NUMBER,
     .value = "SHARE",
     .help = "random crops keep at least this share of the picture",
     .offset = AT(crop),
     .minimum = 0.05,
     .maximum = 1,
     .fallback = 0.6},
    {.name = "flip",
     .type = TL_OPTION_NUMBER,
     .value = "P",
     .help = "probability of a left-right flip",
     .offset = AT(flip),
     .minimum = 0,
     .maximum = 1,
     .fallback = 0.5},
    {.name = "seed",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "the same seed gives the same bits",
     .offset = AT(seed),
     .minimum = 0,
     .maximum = 9e15},
    {.name = "checkpoint-seconds",
     .type = TL_OPTION_NUMBER,
     .value = "S",
     .help = "time between checkpoints",
     .offset = AT(checkpoint_seconds),
     .minimum = 0.001,
     .maximum = 1e6,
     .fallback = 60},
    TL_THREADS_OPTION(AT(threads)),
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the report as JSON", .offset = AT(json)},
};

/* A run that was done already has no last step to speak of: null. */
static double of_last_step(const tl_train_report *report, double value)
{
    return report->first_step < report->steps ? value : NAN;
}

static bool print_json(const tl_train_report *report, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "pairs", (int64_t)report->pairs, err) &&
              tl_json_set_integer(json, "held_out", (int64_t)report->held_out, err) &&
              tl_json_set_integer(json, "steps", (int64_t)report->steps, err) &&
              tl_json_set_integer(json, "batch", (int64_t)report->batch, err) &&
              tl_json_set_number(json, "seconds", report->seconds, err) &&
              tl_json_set_number(json, "pairs_per_second", report->pairs_per_second, err) &&
              tl_json_set_number(json, "gflops", report->gflops, err) &&
              tl_json_set_number(json, "loss", of_last_step(report, report->last.loss), err) &&
              tl_json_set_number(json, "accuracy", of_last_step(report, report->last.accuracy), err) &&
              tl_json_set_number(json, "mutual_information_nats", of_last_step(report, report->last.mutual_information), err) &&
              tl_json_set_number(json, "logit_scale", of_last_step(report, report->last.logit_scale), err) &&
              tl_json_set(json, "skipped", tl_reasons_to_json(&report->skipped, err), err);
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    return tl_output_json(json, err);
}

static bool run(tl_command_call *call, tl_error *err)
{
    const train_options *values = call->options;
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o MODEL, found none");
    int lengths = (values->epochs > 0) + (values->steps > 0) + (values->minutes > 0);
    if (lengths > 1)
        return tl_command_misuse(call, err, "expected one of --epochs, --steps and --minutes, found %d", lengths);
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    if (pool == NULL)
        return false;
    tl_progress progress;
    tl_progress_line line;
    tl_progress_line_start(&line, "steps", &progress);
    tl_train_job job = {
        .datasets = call->arguments->items,
        .dataset_count = call->arguments->count,
        .model_directory = values->output,
        .settings = {.size = values->size,
                     .tokenizer = values->tokenizer,
                     .image_size = values->image_size,
                     .patch_size = values->patch_size,
                     .vocabulary_size = values->vocabulary,
                     .context_length = values->context,
                     .batch = values->batch,
                     .steps = values->steps,
                     .epochs = lengths == 0 ? 20 : values->epochs,
                     .minutes = values->minutes,
                     .learning_rate = values->learning_rate,
                     .weight_decay = values->weight_decay,
                     .min_crop_area = values->crop,
                     .flip = values->flip,
                     .seed = values->seed},
        .resume = values->resume,
        .checkpoint_seconds = values->checkpoint_seconds,
        .pool = pool,
        .progress = &progress,
    };
    tl_train_report report;
    bool ok = tl_train_job_run(&job, &report, err);
    tl_progress_line_end(&line);
    if (!ok)
        return false;
    tl_command_report_skipped(call, &report.skipped);
    if (values->json)
        return print_json(&report, err);
    if (report.first_step == report.steps) {
        printf("%s: all %llu steps were done already\n", values->output, (unsigned long long)report.steps);
        return true;
    }
    printf("%s: %llu pairs (%llu held out), %llu steps of %llu, %.0f s, %.1f pairs/s, %.1f GFLOP/s\n", values->output,
           (unsigned long long)report.pairs, (unsigned long long)report.held_out, (unsigned long long)report.steps,
           (unsigned long long)report.batch, report.seconds, report.pairs_per_second, report.gflops);
    printf("loss %.3f, accuracy in batch %.3f, mutual information at least %.2f nats, logit scale %.1f\n", report.last.loss,
           report.last.accuracy, report.last.mutual_information, report.last.logit_scale);
    return true;
}

extern const tl_command tl_command_train;
const tl_command tl_command_train = {
    .name = "train",
    .summary = "train both towers on captioned pictures",
    .usage = "DATASET... -o MODEL [--resume]",
    .details = "Trains a SentencePiece vocabulary on the captions, then an image and a text tower jointly with the symmetric "
               "contrastive\n"
               "loss (InfoNCE over the batch). Samples whose split is not \"train\" are left out. Ctrl-C saves; --resume goes on "
               "and ends\n"
               "with the same bits as an unbroken run.",
    .example =
        "  twinlens train stamps.dataset -o stamps.model --minutes 4\n  twinlens train stamps.dataset -o stamps.model --resume",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(train_options),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

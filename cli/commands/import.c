#include "cli/app/import_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

typedef struct import_options {
    const char *output;
    const char *caption_from;
    const char *image_column, *caption_column;
    double hold_out;
    int64_t shard_size;
    bool only_headers, list_skipped, json;
} import_options;

#define AT(field) offsetof(import_options, field)
static const tl_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = TL_OPTION_TEXT,
     .value = "DATASET",
     .help = "folder for the shards and the ledger",
     .offset = AT(output)},
    {.name = "caption-from",
     .type = TL_OPTION_TEXT,
     .choices = "sidecar|name",
     .help = "folders: NAME.txt beside NAME.png, or the file name",
     .offset = AT(caption_from),
     .fallback_text = "sidecar"},
    {.name = "image-column",
     .type = TL_OPTION_TEXT,
     .value = "NAME",
     .help = "tables: the column with the picture's path",
     .offset = AT(image_column)},
    {.name = "caption-column",
     .type = TL_OPTION_TEXT,
     .value = "NAME",
     .help = "tables: the column with the caption",
     .offset = AT(caption_column)},
    {.name = "hold-out",
     .type = TL_OPTION_NUMBER,
     .value = "SHARE",
     .help = "mark this share as split held-out, by a hash of the key",
     .offset = AT(hold_out),
     .minimum = 0,
     .maximum = 0.9},
    {.name = "shard-size",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "samples a shard",
     .offset = AT(shard_size),
     .minimum = 1,
     .maximum = 1e9,
     .fallback = 10000},
    {.name = "only-headers",
     .type = TL_OPTION_FLAG,
     .help = "do not decode pictures to find broken ones",
     .offset = AT(only_headers)},
    {.name = "list-skipped",
     .type = TL_OPTION_FLAG,
     .help = "print what DATASET's ledger lists as skipped, import nothing",
     .offset = AT(list_skipped)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the report as JSON", .offset = AT(json)},
};

static bool print_skipped(void *context, const char *origin, const char *reason)
{
    const import_options *values = context;
    if (!values->json)
        return printf("%s\t%s\n", origin, reason) > 0;
    tl_json *line = tl_json_object_create(NULL);
    return line != NULL && tl_json_set_text(line, "origin", origin, NULL) && tl_json_set_text(line, "reason", reason, NULL) &&
           tl_output_json(line, NULL);
}

static bool print_json(const tl_import_result *result, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "imported", (int64_t)result->imported, err) &&
              tl_json_set_integer(json, "shards", (int64_t)result->shards, err) &&
              tl_json_set_integer(json, "bytes", (int64_t)result->bytes, err) &&
              tl_json_set_integer(json, "skipped", (int64_t)result->skipped.total, err) &&
              tl_json_set(json, "reasons", tl_reasons_to_json(&result->skipped, err), err);
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    return tl_output_json(json, err);
}

static bool run(tl_command_call *call, tl_error *err)
{
    const import_options *values = call->options;
    if (values->list_skipped) {
        if (call->arguments->count != 1)
            return tl_command_misuse(call, err, "--list-skipped: expected one DATASET, found %zu arguments",
                                     call->arguments->count);
        return tl_import_job_list_skipped(call->arguments->items[0], print_skipped, (void *)call->options, err);
    }
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o DATASET, found none");
    tl_progress progress;
    tl_progress_line line;
    tl_progress_line_start(&line, "samples", &progress);
    tl_import_job job = {.sources = call->arguments->items,
                         .source_count = call->arguments->count,
                         .dataset = values->output,
                         .caption_from_name = strcmp(values->caption_from, "name") == 0,
                         .image_column = values->image_column,
                         .caption_column = values->caption_column,
                         .hold_out = values->hold_out,
                         .samples_per_shard = (size_t)values->shard_size,
                         .only_headers = values->only_headers,
                         .progress = &progress};
    tl_import_result result;
    bool ok = tl_import_job_run(&job, &result, err);
    tl_progress_line_end(&line);
    if (!ok)
        return false;
    tl_command_report_skipped(call, &result.skipped);
    if (result.skipped.total != 0)
        fprintf(stderr, "'twinlens import --list-skipped %s' lists them\n", values->output);
    if (values->json)
        return print_json(&result, err);
    printf("%s: %llu samples in %llu shards (%.1f MB), %llu skipped\n", values->output, (unsigned long long)result.imported,
           (unsigned long long)result.shards, (double)result.bytes * 1e-6, (unsigned long long)result.skipped.total);
    return true;
}

extern const tl_command tl_command_import;
const tl_command tl_command_import = {
    .name = "import",
    .summary = "bring captioned pictures into a dataset",
    .usage = "SOURCE... -o DATASET",
    .details =
        "SOURCE is a folder of pictures, a captions table (CSV or TSV with a header), or WebDataset shards (.tar, .tar.gz).\n"
        "DATASET becomes a folder of WebDataset shards and a ledger. Stopped or killed, the same command\n"
        "keeps the finished shards and goes on with the next.",
    .example = "  twinlens import ~/stamps -o stamps.dataset --hold-out 0.1\n  twinlens import captions.tsv --image-column file "
               "-o mine.dataset",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(import_options),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

#include "base/core/memory.h"
#include "cli/commands/import_internal.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

static bool print_skipped(void *context, const char *origin, const char *reason)
{
    const tl_import_values *values = context;
    if (!values->json) {
        tl_output_text(stdout, origin);
        putchar('\t');
        tl_output_text(stdout, reason);
        return putchar('\n') != EOF;
    }
    tl_json *line = tl_json_object_create(NULL);
    bool ok = line != NULL && tl_json_set_path(line, "origin", origin, NULL) && tl_json_set_path(line, "reason", reason, NULL);
    return tl_output_json(ok, line, NULL);
}

void tl_import_print_result(const char *dataset, const tl_import_result *result)
{
    printf("%s: %llu samples in %llu shards (%.1f MB), %llu skipped\n", dataset, (unsigned long long)result->imported,
           (unsigned long long)result->shards, (double)result->bytes * 1e-6, (unsigned long long)result->skipped.total);
}

bool tl_import_describe_result(tl_json *json, const tl_import_result *result, tl_error *err)
{
    return tl_json_set_integer(json, "imported", (int64_t)result->imported, err) &&
           tl_json_set_integer(json, "shards", (int64_t)result->shards, err) &&
           tl_json_set_integer(json, "bytes", (int64_t)result->bytes, err);
}

static bool print_json(const tl_import_result *result, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_import_describe_result(json, result, err) &&
              tl_json_set_integer(json, "skipped", (int64_t)result->skipped.total, err) &&
              tl_json_set(json, "reasons", tl_reasons_to_json(&result->skipped, err), err);
    return tl_output_json(ok, json, err);
}

static tl_list_import list_job(const tl_command_call *call, const tl_progress *progress)
{
    const tl_import_values *values = call->options;
    tl_list_import list = values->list;
    list.sources = call->arguments->items;
    list.source_count = call->arguments->count;
    list.dataset = values->output;
    list.host_rate = list.host_rate == 0 ? -1 : list.host_rate; /* asked for no limit */
    list.progress = progress;
    return list;
}

static tl_import_job local_job(const tl_command_call *call, const tl_progress *progress)
{
    const tl_import_values *values = call->options;
    return (tl_import_job){.sources = call->arguments->items,
                           .source_count = call->arguments->count,
                           .dataset = values->output,
                           .caption_from_name = strcmp(values->caption_from, "name") == 0,
                           .image_column = values->image_column,
                           .caption_column = values->list.caption_column,
                           .image_folder = values->image_folder,
                           .hold_out = values->list.hold_out,
                           .samples_per_shard = (size_t)values->list.samples_per_shard,
                           .only_headers = values->list.only_headers,
                           .progress = progress};
}

/* Opens the model and names the index that pictures go into as well. */
static bool open_index(tl_command_call *call, tl_list_import *list, tl_model_bundle *bundle, char **index_path, tl_error *err)
{
    const tl_import_values *values = call->options;
    if (!values->to_index)
        return values->index == NULL && values->model == NULL
                   ? true
                   : tl_command_misuse(call, err, "expected --to-index beside --index or --model, found none");
    if (!tl_command_open_model(call, values->model, values->precision, bundle, err) ||
        (list->pool = tl_runtime_pool(call->runtime, err)) == NULL ||
        (*index_path = tl_runtime_index_path(call->runtime, values->index, err)) == NULL)
        return false;
    list->bundle = bundle;
    list->index_path = *index_path;
    return true;
}

static bool import_list(tl_command_call *call, tl_list_import *list, tl_import_result *result, tl_error *err)
{
    tl_model_bundle bundle = {0};
    char *index_path = NULL;
    bool ok = open_index(call, list, &bundle, &index_path, err) && tl_list_import_run(list, result, err);
    tl_model_bundle_close(&bundle);
    tl_memory_free(index_path);
    return ok;
}

/* Imports what the sources are: pictures that lie here, or lists of URLs. */
static bool import(tl_command_call *call, tl_import_result *result, tl_error *err)
{
    tl_progress progress;
    tl_progress_line line;
    tl_list_import list = list_job(call, &progress);
    const tl_import_job local = local_job(call, &progress);
    bool is_list = false;
    if (!tl_list_import_recognise(&list, &local, &is_list, err))
        return false;
    const tl_option *unheard = is_list ? NULL : tl_import_option_of_lists(call->options);
    if (unheard != NULL)
        return tl_command_misuse(call, err, "--%s: expected a list of URLs to import, found pictures that lie here ('%s')",
                                 unheard->name, call->arguments->items[0]);
    tl_progress_line_start(&line, is_list ? "rows" : "samples", &progress);
    bool ok = is_list ? import_list(call, &list, result, err) : tl_import_job_run(&local, result, err);
    tl_progress_line_end(&line);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const tl_import_values *values = call->options;
    if (values->list_skipped || values->report) {
        if (call->arguments->count != 1)
            return tl_command_misuse(call, err, "--%s: expected one DATASET, found %zu arguments",
                                     values->report ? "report" : "list-skipped", call->arguments->count);
        return values->report ? tl_import_print_report(call->arguments->items[0], values->json, err)
                              : tl_import_job_list_skipped(call->arguments->items[0], print_skipped, (void *)call->options, err);
    }
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o DATASET, found none");
    tl_import_result result;
    if (!import(call, &result, err))
        return false;
    tl_command_report_skipped(call, &result.skipped);
    if (result.skipped.total != 0)
        fprintf(stderr, "'twinlens import --list-skipped %s' lists them\n", values->output);
    tl_command_report_skipped(call, &result.not_indexed);
    if (values->json)
        return print_json(&result, err);
    tl_import_print_result(values->output, &result);
    return true;
}

extern const tl_command tl_command_import;
const tl_command tl_command_import = {
    .name = "import",
    .summary = "bring captioned pictures into a dataset",
    .usage = "SOURCE... -o DATASET",
    .details =
        "SOURCE is a folder of pictures, a captions table (CSV, TSV, JSON, JSONL, Parquet,\n"
        "COCO captions, a Karpathy split), WebDataset shards (.tar, .tar.gz),\n"
        "or a list of URLs (TXT, CSV, TSV, JSON, JSONL, also .gz and .zst; Parquet; COCO and Karpathy JSON), whose\n"
        "pictures are downloaded.\n"
        "DATASET becomes a folder of WebDataset shards and a ledger. Stopped or killed, the same command\n"
        "keeps the finished shards and goes on with the next; of a list, nothing is fetched twice. What is below 'lists\n"
        "of URLs' is of them alone: pictures that lie here are stored as they are, and 'twinlens index DATASET' makes them\n"
        "searchable.",
    .example = "  twinlens import ~/stamps -o stamps.dataset --hold-out 0.1\n  twinlens import captions.tsv --image-column file "
               "-o mine.dataset\n  twinlens import cc3m.tsv --format cc3m --resize shortest --size 256 --only-if-bigger -o "
               "cc3m.dataset\n  twinlens import cc3m.tsv --format cc3m --resize shortest --size 256 --only-if-bigger -o "
               "cc3m.dataset --retry-failed\n  twinlens import --report cc3m.dataset",
    .options = tl_import_options_table,
    .option_count = TL_IMPORT_OPTION_COUNT,
    .options_size = sizeof(tl_import_values),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

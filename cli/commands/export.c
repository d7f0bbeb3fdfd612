#include "base/core/memory.h"
#include "cli/app/export_job.h"
#include "cli/commands/command.h"

#include <stdio.h>
#include <string.h>

typedef struct export_options {
    const char *index, *model, *target, *to, *out;
} export_options;

#define AT(field) offsetof(export_options, field)
static const tl_option options[] = {
    {.name = "to",
     .type = TL_OPTION_TEXT,
     .choices = "npy|parquet|jsonl",
     .help = "npy: a folder as clip-retrieval has it; the others: one file",
     .offset = AT(to),
     .fallback_text = "npy"},
    {.name = "output", .letter = 'o', .type = TL_OPTION_TEXT, .value = "PATH", .help = "where it goes", .offset = AT(out)},
    {.name = "target",
     .type = TL_OPTION_TEXT,
     .choices = "image|caption",
     .help = "whose vectors",
     .offset = AT(target),
     .fallback_text = "image"},
    {.name = "index", .type = TL_OPTION_TEXT, .value = "FILE", .help = "the index file", .offset = AT(index)},
    {.name = "model",
     .type = TL_OPTION_TEXT,
     .value = "MODEL",
     .help = "vectors of this model; else of the one with the most",
     .offset = AT(model)},
};

static bool run(tl_command_call *call, tl_error *err)
{
    const export_options *values = call->options;
    if (values->out == NULL)
        return tl_command_misuse(call, err, "-o: expected where the vectors go, found nothing");
    tl_model_bundle bundle = {0};
    uint64_t rows = 0;
    char *index_path = tl_runtime_index_path(call->runtime, values->index, err);
    bool ok = index_path != NULL && (values->model == NULL || tl_command_open_model(call, values->model, NULL, &bundle, err));
    tl_export_job job = {.index_path = index_path,
                         .model = values->model != NULL ? bundle.fingerprint : NULL,
                         .captions = strcmp(values->target, "caption") == 0,
                         .format = strcmp(values->to, "npy") == 0       ? TL_EXPORT_NPY
                                   : strcmp(values->to, "parquet") == 0 ? TL_EXPORT_PARQUET
                                                                        : TL_EXPORT_JSONL,
                         .out = values->out};
    ok = ok && tl_export_job_run(&job, &rows, err);
    if (ok)
        printf("%s: %llu vectors\n", values->out, (unsigned long long)rows);
    tl_model_bundle_close(&bundle);
    tl_memory_free(index_path);
    return ok;
}

extern const tl_command tl_command_export;
const tl_command tl_command_export = {
    .name = "export",
    .summary = "write an index's vectors for other programs",
    .usage = "-o PATH [--to npy|parquet|jsonl]",
    .details =
        "Rows of vectors and of what they belong to come in the same order. 'twinlens index --import-npy' is the way back.",
    .example = "  twinlens export -o vectors\n  twinlens export --to parquet -o vectors.parquet --target caption",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(export_options),
    .maximum_arguments = 0,
    .run = run,
};

#include "base/core/memory.h"
#include "cli/app/dedup_job.h"
#include "cli/app/model_bundle.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

typedef struct dedup_options {
    const char *index, *model, *by;
    double threshold;
    int64_t bits, threads;
    bool json;
} dedup_options;

#define AT(field) offsetof(dedup_options, field)
static const tl_option options[] = {
    {.name = "by",
     .type = TL_OPTION_TEXT,
     .choices = "embedding|hash",
     .help = "the index's vectors, or a hash of the files as they look now",
     .offset = AT(by),
     .fallback_text = "embedding"},
    {.name = "threshold",
     .type = TL_OPTION_NUMBER,
     .value = "X",
     .help = "by embedding: cosine of a duplicate to the first of its group",
     .offset = AT(threshold),
     .minimum = -1,
     .maximum = 1,
     .fallback = 0.99},
    {.name = "bits",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "by hash: of its 192 bits at most so many differ; 4 levels of mean colour count as one",
     .offset = AT(bits),
     .minimum = 0,
     .maximum = 192,
     .fallback = 8},
    {.name = "index", .type = TL_OPTION_TEXT, .value = "FILE", .help = "the index file", .offset = AT(index)},
    {.name = "model",
     .type = TL_OPTION_TEXT,
     .value = "MODEL",
     .help = "by embedding: vectors of this model; else of the one with the most",
     .offset = AT(model)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a line", .offset = AT(json)},
    TL_THREADS_OPTION(AT(threads)),
};

static bool print_json(const tl_dedup_member *member, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "group", (int64_t)member->group, err) &&
              tl_json_set_bool(json, "first", member->is_first, err) && tl_json_set_number(json, "score", member->score, err) &&
              tl_json_set_path(json, "root", member->item->root, err) &&
              tl_json_set_path(json, "path", member->item->path, err) &&
              tl_json_set_integer(json, "width", member->item->width, err) &&
              tl_json_set_integer(json, "height", member->item->height, err) &&
              tl_json_set_integer(json, "size", (int64_t)member->item->size, err);
    return tl_output_json(ok, json, err);
}

static bool print_member(void *context, const tl_dedup_member *member, tl_error *err)
{
    const bool *as_json = context;
    const tl_item *item = member->item;
    if (*as_json)
        return print_json(member, err);
    printf("%llu\t%.4f\t%ux%u\t%llu\t", (unsigned long long)member->group, member->score, item->width, item->height,
           (unsigned long long)item->size);
    tl_output_text(stdout, item->root);
    putchar('/');
    tl_output_text(stdout, item->path);
    putchar('\n');
    return true;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const dedup_options *values = call->options;
    bool as_json = values->json;
    tl_model_bundle bundle = {0};
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    char *index_path = pool != NULL ? tl_runtime_index_path(call->runtime, values->index, err) : NULL;
    bool ok = index_path != NULL && (values->model == NULL || tl_command_open_model(call, values->model, NULL, &bundle, err));
    tl_progress progress;
    tl_progress_line line;
    tl_dedup_report report;
    if (ok) {
        const tl_dedup_job job = {.index_path = index_path,
                                  .model = values->model != NULL ? bundle.fingerprint : NULL,
                                  .by_hash = strcmp(values->by, "hash") == 0,
                                  .least_cosine = values->threshold,
                                  .most_bits = (uint32_t)values->bits,
                                  .pool = pool,
                                  .progress = &progress};
        tl_progress_line_start(&line, "pictures", &progress);
        ok = tl_dedup_job_run(&job, print_member, &as_json, &report, err);
        tl_progress_line_end(&line);
    }
    if (ok) {
        fprintf(stderr, "%llu pictures, %llu groups, %llu more than one of each\n", (unsigned long long)report.pictures,
                (unsigned long long)report.groups, (unsigned long long)report.surplus);
        tl_command_report_skipped(call, &report.skipped);
    }
    tl_model_bundle_close(&bundle);
    tl_memory_free(index_path);
    return ok;
}

extern const tl_command tl_command_dedup;
const tl_command tl_command_dedup = {
    .name = "dedup",
    .summary = "list pictures that are nearly the same; deletes nothing",
    .usage = "[--by embedding|hash]",
    .details =
        "Prints group, likeness to the group's first, size in pixels and bytes, and path, separated by tabs. A group's first is\n"
        "the one that was indexed first; all others are within the threshold of it. By embedding finds what shows the same, by\n"
        "hash what looks the same: copies of another size, format or quality, for which no model is needed. For photos 16 to 32 "
        "bits\n"
        "find more and are still sure; of products on white, 4 to 8.",
    .example = "  twinlens dedup --threshold 0.98\n  twinlens dedup --by hash --bits 4 --json",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(dedup_options),
    .maximum_arguments = 0,
    .run = run,
};

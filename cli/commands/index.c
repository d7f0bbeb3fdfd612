#include "base/core/memory.h"
#include "cli/app/export_job.h"
#include "cli/app/index_admin.h"
#include "cli/app/index_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>

typedef struct index_options {
    const char *index, *model;
    const char *precision;
    int64_t threads;
    const char *forget, *backup, *npy, *keys, *root;
    tl_text_list moved;
    bool names, check, stats, json, build, compact;
} index_options;

#define AT(field) offsetof(index_options, field)
static const tl_option options[] = {
    {.name = "index", .type = TL_OPTION_TEXT, .value = "FILE", .help = "the index file, made when missing", .offset = AT(index)},
    TL_PRECISION_OPTION(AT(precision)),
    TL_THREADS_OPTION(AT(threads)),
    {.name = "model", .type = TL_OPTION_TEXT, .value = "MODEL", .help = "the model folder", .offset = AT(model)},
    {.name = "caption-from-name",
     .type = TL_OPTION_FLAG,
     .help = "folders: file names are captions where there is no other",
     .offset = AT(names)},
    {.name = "moved",
     .type = TL_OPTION_PAIR,
     .value = "OLD NEW",
     .help = "the library at OLD is now at NEW: keep its vectors",
     .offset = AT(moved)},
    {.name = "forget",
     .type = TL_OPTION_TEXT,
     .value = "FOLDER",
     .help = "drop all pictures of this folder from the index",
     .offset = AT(forget)},
    {.name = "import-npy",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "take vectors of the model from a NumPy array",
     .offset = AT(npy)},
    {.name = "keys",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "paths of the array's rows, one a line",
     .offset = AT(keys)},
    {.name = "root",
     .type = TL_OPTION_TEXT,
     .value = "FOLDER",
     .help = "what those are relative to, or a name [" TL_IMPORTED_ROOT "]",
     .offset = AT(root)},
    {.name = "backup",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "copy the index, also while it is in use",
     .offset = AT(backup)},
    {.name = "build",
     .type = TL_OPTION_FLAG,
     .help = "divide the vectors into lists for fast search; done by itself from 50,000 on",
     .offset = AT(build)},
    {.name = "compact", .type = TL_OPTION_FLAG, .help = "divide anew and give free space back", .offset = AT(compact)},
    {.name = "stats", .type = TL_OPTION_FLAG, .help = "print what the index holds", .offset = AT(stats)},
    {.name = "check", .type = TL_OPTION_FLAG, .help = "verify the whole file: structure, checksums, owners", .offset = AT(check)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the report as JSON", .offset = AT(json)},
};

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_stats_text(const tl_index_summary *summary)
{
    const tl_index_stats *stats = &summary->stats;
    printf("%llu picture%s, %llu caption%s, %llu folder%s, %.1f MB\n", (unsigned long long)stats->items, plural(stats->items),
           (unsigned long long)stats->captions, plural(stats->captions), (unsigned long long)stats->roots, plural(stats->roots),
           (double)stats->file_bytes * 1e-6);
    for (size_t i = 0; i < summary->set_count; i++)
        printf("%llu %s vectors of model %s (%.8s), %u dimensions, %s, %u lists\n", (unsigned long long)summary->sets[i].count,
               summary->sets[i].kind == TL_VECTOR_IMAGE ? "image" : "caption", summary->sets[i].model_name,
               summary->sets[i].model, summary->sets[i].dim, summary->sets[i].storage == TL_VECTOR_STORE_F32 ? "f32" : "f16",
               summary->sets[i].lists);
}

static tl_json *set_json(const tl_vector_set *set, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_text(json, "model", set->model_name, err) &&
        tl_json_set_text(json, "fingerprint", set->model, err) &&
        tl_json_set_text(json, "kind", set->kind == TL_VECTOR_IMAGE ? "image" : "caption", err) &&
        tl_json_set_integer(json, "dimension", set->dim, err) && tl_json_set_integer(json, "count", (int64_t)set->count, err) &&
        tl_json_set_text(json, "storage", set->storage == TL_VECTOR_STORE_F32 ? "f32" : "f16", err) &&
        tl_json_set_integer(json, "lists", set->lists, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static bool print_stats_json(const tl_index_summary *summary, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    tl_json *sets = json != NULL ? tl_json_array_create(err) : NULL;
    bool ok = sets != NULL;
    for (size_t i = 0; ok && i < summary->set_count; i++)
        ok = tl_json_append(sets, set_json(&summary->sets[i], err), err);
    if (ok)
        ok = tl_json_set(json, "vector_sets", sets, err) &&
             tl_json_set_integer(json, "items", (int64_t)summary->stats.items, err) &&
             tl_json_set_integer(json, "captions", (int64_t)summary->stats.captions, err) &&
             tl_json_set_integer(json, "roots", (int64_t)summary->stats.roots, err) &&
             tl_json_set_integer(json, "file_bytes", (int64_t)summary->stats.file_bytes, err);
    else
        tl_json_free(sets);
    return tl_output_json(ok, json, err);
}

static bool print_stats(const char *index_path, bool as_json, tl_error *err)
{
    tl_index_summary summary;
    if (!tl_index_summarize(index_path, &summary, err))
        return false;
    bool ok = true;
    if (as_json)
        ok = print_stats_json(&summary, err);
    else
        print_stats_text(&summary);
    tl_memory_free(summary.sets);
    return ok;
}

static bool print_report_json(const tl_index_report *report, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "added", (int64_t)report->added, err) &&
              tl_json_set_integer(json, "updated", (int64_t)report->updated, err) &&
              tl_json_set_integer(json, "moved", (int64_t)report->moved, err) &&
              tl_json_set_integer(json, "unchanged", (int64_t)report->unchanged, err) &&
              tl_json_set_integer(json, "removed", (int64_t)report->removed, err) &&
              tl_json_set_integer(json, "embedded", (int64_t)report->embedded, err) &&
              tl_json_set(json, "skipped", tl_reasons_to_json(&report->skipped, err), err);
    return tl_output_json(ok, json, err);
}

static bool index_paths(tl_command_call *call, const char *index_path, tl_error *err)
{
    const index_options *values = call->options;
    tl_model_bundle bundle = {0};
    tl_index_report report = {0};
    tl_progress progress;
    tl_progress_line line;
    tl_thread_pool *pool = NULL;
    bool ok = tl_command_open_model(call, values->model, values->precision, &bundle, err) &&
              (pool = tl_runtime_pool(call->runtime, err)) != NULL;
    for (size_t i = 0; ok && i < call->arguments->count; i++) {
        tl_progress_line_start(&line, "pictures", &progress);
        tl_index_job job = {.index_path = index_path,
                            .bundle = &bundle,
                            .pool = pool,
                            .progress = &progress,
                            .caption_from_names = values->names};
        ok = tl_index_job_run(&job, call->arguments->items[i], &report, err);
        tl_progress_line_end(&line);
    }
    tl_model_bundle_close(&bundle);
    if (!ok)
        return false;
    tl_command_report_skipped(call, &report.skipped);
    if (values->json)
        return print_report_json(&report, err);
    printf("%s: %llu added, %llu updated, %llu moved, %llu unchanged, %llu removed, %llu skipped\n", index_path,
           (unsigned long long)report.added, (unsigned long long)report.updated, (unsigned long long)report.moved,
           (unsigned long long)report.unchanged, (unsigned long long)report.removed, (unsigned long long)report.skipped.total);
    return true;
}

static bool import_vectors(tl_command_call *call, const char *index_path, tl_error *err)
{
    const index_options *values = call->options;
    tl_model_bundle bundle = {0};
    uint64_t rows = 0;
    if (!tl_command_open_model(call, values->model, NULL, &bundle, err))
        return false;
    tl_vector_import_job job = {
        .index_path = index_path, .npy = values->npy, .keys = values->keys, .root = values->root, .bundle = &bundle};
    bool ok = tl_vector_import_job_run(&job, &rows, err);
    tl_model_bundle_close(&bundle);
    if (ok && !values->json)
        printf("%s: %llu vectors taken\n", index_path, (unsigned long long)rows);
    return ok;
}

static bool forget(const char *index_path, const index_options *values, tl_error *err)
{
    uint64_t removed;
    if (!tl_index_forget_root(index_path, values->forget, &removed, err))
        return false;
    tl_index_report report = {.removed = removed};
    if (values->json)
        return print_report_json(&report, err);
    printf("%s: %llu removed\n", index_path, (unsigned long long)removed);
    return true;
}

static bool divide(tl_command_call *call, const char *index_path, tl_error *err)
{
    const index_options *values = call->options;
    bool is_asked = values->build || values->compact;
    size_t divided;
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    if (pool == NULL || !tl_index_divide_sets(index_path, is_asked, values->compact, pool, &divided, err))
        return false;
    if (is_asked && !values->json)
        printf("%s: %zu set%s of vectors divided into lists\n", index_path, divided, divided == 1 ? "" : "s");
    return true;
}

static bool check(const char *index_path, bool as_json, tl_error *err)
{
    if (!tl_index_verify(index_path, err))
        return false;
    if (!as_json) {
        printf("%s: sound\n", index_path);
        return true;
    }
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_path(json, "index", index_path, err) && tl_json_set_bool(json, "sound", true, err);
    return tl_output_json(ok, json, err);
}

static bool run(tl_command_call *call, tl_error *err)
{
    const index_options *values = call->options;
    if (call->arguments->count == 0 && values->moved.count == 0 && values->forget == NULL && !values->check && !values->stats &&
        !values->build && !values->compact && values->backup == NULL && values->npy == NULL)
        return tl_command_misuse(call, err,
                                 "expected PATH..., --moved, --forget, --import-npy, --build, --compact, --backup, "
                                 "--stats or --check, found nothing");
    if ((values->npy == NULL) != (values->keys == NULL))
        return tl_command_misuse(call, err, "expected --import-npy and --keys together, found one of them");
    if (values->moved.count > 2)
        return tl_command_misuse(call, err, "--moved: expected one OLD and one NEW, found %zu texts", values->moved.count);
    char *index_path = tl_runtime_index_path(call->runtime, values->index, err);
    bool ok = index_path != NULL;
    if (ok && values->moved.count == 2)
        ok = tl_index_move_root(index_path, values->moved.items[0], values->moved.items[1], err);
    if (ok && call->arguments->count != 0)
        ok = index_paths(call, index_path, err);
    if (ok && values->npy != NULL)
        ok = import_vectors(call, index_path, err);
    if (ok && values->forget != NULL)
        ok = forget(index_path, values, err);
    if (ok && (values->build || values->compact || call->arguments->count != 0 || values->npy != NULL))
        ok = divide(call, index_path, err);
    if (ok && values->backup != NULL)
        ok = tl_index_back_up(index_path, values->backup, err);
    if (ok && values->check)
        ok = check(index_path, values->json, err);
    if (ok && values->stats)
        ok = print_stats(index_path, values->json, err);
    tl_memory_free(index_path);
    return ok;
}

extern const tl_command tl_command_index;
const tl_command tl_command_index = {
    .name = "index",
    .summary = "make pictures searchable",
    .usage = "PATH... [--model MODEL] [--index FILE]",
    .details =
        "PATH is a folder of pictures, a dataset, one of its shards, or a captions table of pictures that lie here. Adds, "
        "updates\n"
        "and removes only what changed; a moved file keeps its vector. One bad picture never stops a run. Ctrl-C keeps what is\n"
        "done; the same command goes on. Without --index the file is TWINLENS_INDEX, else twinlens/index.db in XDG_DATA_HOME\n"
        "(~/.local/share).",
    .example = "  twinlens index ~/Pictures\n  twinlens index stamps.dataset --model stamps.model --index stamps.db",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(index_options),
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

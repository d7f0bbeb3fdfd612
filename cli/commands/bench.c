#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/bench_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <string.h>

enum { MAX_CAPTION_FILE = 64 << 20, MOST_CAPTIONS = 4096 };

typedef struct bench_options {
    const char *model, *only, *precision, *captions;
    int64_t threads, batch;
    double seconds;
    bool json;
} bench_options;

#define AT(field) offsetof(bench_options, field)
static const tl_option options[] = {
    {.name = "only",
     .type = TL_OPTION_TEXT,
     .choices = "machine|decoding|images|texts",
     .help = "one part of the table",
     .offset = AT(only)},
    {.name = "precision",
     .type = TL_OPTION_TEXT,
     .choices = "f32|bf16|int8",
     .help = "one of them; default: each",
     .offset = AT(precision)},
    {.name = "threads",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "threads to compute with; 0 (default): one, then one a processor",
     .offset = AT(threads),
     .minimum = 0,
     .maximum = TL_RUNTIME_MOST_THREADS},
    {.name = "batch",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "items at once; 0 (default): 1, then 32",
     .offset = AT(batch),
     .minimum = 0,
     .maximum = 1024},
    {.name = "captions",
     .type = TL_OPTION_TEXT,
     .value = "FILE",
     .help = "texts to encode, one a line; default: some of ours",
     .offset = AT(captions)},
    {.name = "seconds",
     .type = TL_OPTION_NUMBER,
     .value = "S",
     .help = "to spend on a figure, at least",
     .offset = AT(seconds),
     .minimum = 0.01,
     .maximum = 600,
     .fallback = 0.5},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a line", .offset = AT(json)},
};

static const char *const precision_names[] = {
    [TL_PRECISION_F32] = "f32", [TL_PRECISION_BF16] = "bf16", [TL_PRECISION_INT8] = "int8"};

static const char *const units[] = {[TL_BENCH_PRODUCTS] = "products, GFLOP/s",
                                    [TL_BENCH_READING] = "reading memory, GB/s",
                                    [TL_BENCH_DECODING] = "decoding, pictures/s",
                                    [TL_BENCH_IMAGES] = "images/s",
                                    [TL_BENCH_TEXTS] = "texts/s"};

typedef struct print_state {
    const char *processor, *model;
    bool json, has_head;
} print_state;

static bool has_precision(const tl_bench_row *row)
{
    return row->what != TL_BENCH_READING && row->what != TL_BENCH_DECODING;
}

static bool print_json(const print_state *state, const tl_bench_row *row, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_text(json, "what", units[row->what], err) &&
              tl_json_set_text(json, "kernels", tl_bench_kernels(), err) && tl_json_set_path(json, "model", state->model, err) &&
              (!has_precision(row) || tl_json_set_text(json, "precision", precision_names[row->precision], err)) &&
              tl_json_set_integer(json, "threads", (int64_t)row->threads, err) &&
              (row->batch == 0 || tl_json_set_integer(json, "batch", (int64_t)row->batch, err)) &&
              tl_json_set_number(json, "value", row->value, err) &&
              (row->share <= 0.0 || tl_json_set_number(json, "share_of_products", row->share, err)) &&
              (row->tokens <= 0.0 || tl_json_set_number(json, "tokens", row->tokens, err));
    return tl_output_json(ok, json, err) && tl_output_flush(err);
}

static void print_head(print_state *state)
{
    printf("processor: %s\nkernels:   %s\nmodel:     %s\n\n", state->processor, tl_bench_kernels(),
           state->model != NULL ? state->model : "none");
    printf("%-22s %-9s %7s %6s %10s  %6s\n", "", "precision", "threads", "batch", "a second", "share");
    state->has_head = true;
}

static bool print_row(void *context, const tl_bench_row *row, tl_error *err)
{
    print_state *state = context;
    if (state->json)
        return print_json(state, row, err);
    if (!state->has_head)
        print_head(state);
    printf("%-22s %-9s %7zu ", units[row->what], has_precision(row) ? precision_names[row->precision] : "", row->threads);
    if (row->batch != 0)
        printf("%6zu ", row->batch);
    else
        printf("%6s ", "");
    printf("%10.1f", row->value);
    if (row->share > 0.0)
        printf("  %6.2f", row->share);
    if (row->tokens > 0.0)
        printf("  of %.1f tokens", row->tokens);
    putchar('\n');
    return tl_output_flush(err);
}

/* Points into text, whose line ends it leaves. */
static bool read_captions(const char *path, tl_string *text, tl_slice **captions, size_t *count, tl_error *err)
{
    size_t bad;
    if (!tl_file_read(path, text, err))
        return false;
    if (!tl_text_is_utf8(tl_string_slice(text), &bad))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected valid utf-8, found a broken character at byte %zu", path, bad + 1);
    if ((*captions = tl_memory_allocate(MOST_CAPTIONS, sizeof **captions, err)) == NULL)
        return false;
    for (size_t at = 0; at < text->size && *count < MOST_CAPTIONS;) {
        size_t size = strcspn(text->data + at, "\r\n");
        if (size != 0)
            (*captions)[(*count)++] = (tl_slice){text->data + at, size};
        at += size + 1;
    }
    return *count != 0 || tl_fail(err, TL_ERROR_INVALID, "'%s': expected lines of text, found none", path);
}

static void choose(const bench_options *values, bool has_model, tl_bench_job *job)
{
    const char *only = values->only;
    job->parts[TL_BENCH_PRODUCTS] = job->parts[TL_BENCH_READING] = only == NULL || strcmp(only, "machine") == 0;
    job->parts[TL_BENCH_DECODING] = only == NULL || strcmp(only, "decoding") == 0;
    job->parts[TL_BENCH_IMAGES] = has_model && (only == NULL || strcmp(only, "images") == 0);
    job->parts[TL_BENCH_TEXTS] = has_model && (only == NULL || strcmp(only, "texts") == 0);
    for (int precision = TL_PRECISION_F32; precision <= TL_PRECISION_INT8; precision++)
        job->precisions[precision] = values->precision == NULL || strcmp(values->precision, precision_names[precision]) == 0;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const bench_options *values = call->options;
    const char *given = call->arguments->count != 0 ? call->arguments->items[0] : NULL;
    tl_bench_job job = {.threads = (size_t)values->threads, .batch = (size_t)values->batch, .seconds = values->seconds};
    print_state state = {.json = values->json};
    tl_slice *captions = NULL;
    char *model = NULL;
    tl_string processor, text;
    tl_progress progress;
    tl_progress_line line;
    tl_string_init(&processor, 1 << 12);
    tl_string_init(&text, MAX_CAPTION_FILE);
    bool ok = tl_bench_processor(&processor, err) &&
              (values->captions == NULL || read_captions(values->captions, &text, &captions, &job.caption_count, err));
    job.captions = captions;
    /* Without a model given or chosen the machine is measured alone. */
    if (ok && (model = tl_runtime_model_path(call->runtime, given, given != NULL ? err : NULL)) == NULL)
        ok = given == NULL;
    if (ok) {
        job.model = state.model = model;
        state.processor = processor.data;
        choose(values, model != NULL, &job);
        tl_progress_line_start(&line, "figures", &progress);
        job.progress = &progress;
        ok = tl_bench_job_run(&job, print_row, &state, err);
        tl_progress_line_end(&line);
    }
    tl_memory_free(model);
    tl_memory_free(captions);
    tl_string_clear(&text);
    tl_string_clear(&processor);
    return ok;
}

extern const tl_command tl_command_bench;
const tl_command tl_command_bench = {
    .name = "bench",
    .summary = "measure how fast this machine is with a model",
    .usage = "[MODEL]",
    .details =
        "Large products and reading memory by themselves, decoding photos of 640 x 480 pixels, and both towers of the model by\n"
        "precision, threads and batch; each figure is the best of several runs. share: of the products' speed, were all of the\n"
        "tower's products computed.",
    .example = "  twinlens bench\n  twinlens bench clip-vit-b-32 --only images --precision int8 --batch 32",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(bench_options),
    .maximum_arguments = 1,
    .run = run,
};

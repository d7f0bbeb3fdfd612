#include "base/core/memory.h"
#include "cli/app/picture_stream.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 32, MAX_LINE_BYTES = 1 << 20 };

typedef struct embed_options {
    const char *model;
    const char *precision;
    int64_t threads;
    bool images, json;
} embed_options;

#define AT(field) offsetof(embed_options, field)
static const tl_option options[] = {
    {.name = "images",
     .type = TL_OPTION_FLAG,
     .help = "arguments are pictures, folders or datasets, not texts",
     .offset = AT(images)},
    TL_PRECISION_OPTION(AT(precision)),
    TL_THREADS_OPTION(AT(threads)),
    {.name = "model", .type = TL_OPTION_TEXT, .value = "MODEL", .help = "the model folder", .offset = AT(model)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a line", .offset = AT(json)},
};

typedef struct print_state {
    const char *label; /* JSON name of what was embedded */
    size_t dim;
    bool json;
} print_state;

static bool print_vector(void *context, const char *name, const float *vector, tl_error *err)
{
    const print_state *state = context;
    if (!state->json) {
        tl_output_text(stdout, name);
        for (size_t i = 0; i < state->dim; i++)
            printf("\t%.9g", (double)vector[i]);
        putchar('\n');
        return true;
    }
    tl_json *json = tl_json_object_create(err);
    tl_json *numbers = json != NULL ? tl_json_array_create(err) : NULL;
    bool ok = numbers != NULL;
    for (size_t i = 0; ok && i < state->dim; i++)
        ok = tl_json_append_number(numbers, (double)vector[i], err);
    ok = ok && tl_json_set_path(json, state->label, name, err);
    if (ok)
        ok = tl_json_set(json, "embedding", numbers, err);
    else
        tl_json_free(numbers);
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    return tl_output_json(json, err);
}

static bool embed_text(tl_embedder *embedder, const char *text, size_t number, float *vector, print_state *state, tl_error *err)
{
    tl_slice slice = tl_slice_of(text);
    size_t bad_offset;
    if (!tl_text_is_utf8(slice, &bad_offset))
        return tl_fail(err, TL_ERROR_INVALID, "text %zu: expected valid utf-8, found a broken character at byte %zu", number,
                       bad_offset + 1);
    return tl_embedder_texts(embedder, &slice, 1, vector, err) && print_vector(state, text, vector, err);
}

static bool embed_lines(tl_embedder *embedder, float *vector, print_state *state, tl_error *err)
{
    char *line = tl_memory_allocate(MAX_LINE_BYTES, 1, err);
    bool ok = line != NULL;
    for (size_t number = 1; ok && fgets(line, MAX_LINE_BYTES, stdin) != NULL; number++) {
        size_t size = strlen(line);
        if (size == MAX_LINE_BYTES - 1 && line[size - 1] != '\n')
            ok = tl_fail(err, TL_ERROR_INVALID, "line %zu: expected at most %d bytes, found more", number, MAX_LINE_BYTES - 2);
        line[strcspn(line, "\r\n")] = '\0';
        ok = ok && embed_text(embedder, line, number, vector, state, err);
    }
    if (ok && ferror(stdin))
        ok = tl_fail_errno(err, errno, "cannot read standard input");
    tl_memory_free(line);
    return ok;
}

static bool embed(tl_command_call *call, const tl_model_bundle *bundle, tl_error *err)
{
    const embed_options *values = call->options;
    print_state state = {values->images ? "path" : "text", bundle->info->config.embedding_dim, values->json};
    tl_embedder *embedder = NULL;
    tl_reasons skipped = {0};
    tl_progress progress;
    tl_progress_line line;
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    float *vector = pool != NULL ? tl_memory_allocate(state.dim, sizeof *vector, err) : NULL;
    bool ok = vector != NULL && tl_embedder_create(bundle, values->images ? BATCH : 1, pool, &embedder, err);
    if (ok && values->images) {
        tl_progress_line_start(&line, "pictures", &progress);
        tl_picture_stream stream = {call->arguments->items, call->arguments->count, embedder, BATCH, &progress};
        ok = tl_picture_stream_run(&stream, print_vector, &state, &skipped, err);
        tl_progress_line_end(&line);
        tl_command_report_skipped(call, &skipped);
    } else if (ok && call->arguments->count == 0) {
        ok = embed_lines(embedder, vector, &state, err);
    } else {
        for (size_t i = 0; ok && i < call->arguments->count; i++)
            ok = embed_text(embedder, call->arguments->items[i], i + 1, vector, &state, err);
    }
    tl_embedder_destroy(embedder);
    tl_memory_free(vector);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const embed_options *values = call->options;
    if (values->images && call->arguments->count == 0)
        return tl_command_misuse(call, err, "--images: expected PICTURE..., found nothing");
    tl_model_bundle bundle = {0};
    bool ok = tl_command_open_model(call, values->model, &bundle, err) &&
              tl_command_set_precision(call, values->precision, &bundle, err) && embed(call, &bundle, err);
    tl_model_bundle_close(&bundle);
    return ok;
}

extern const tl_command tl_command_embed;
const tl_command tl_command_embed = {
    .name = "embed",
    .summary = "print the vectors of texts or pictures",
    .usage = "[TEXT...] | --images PICTURE...",
    .details = "Unit vectors, tab-separated after the text or path. Without arguments, texts are the lines of standard input.",
    .example = "  twinlens embed \"a red fox\" --json\n  twinlens embed --images ~/Pictures > vectors.tsv",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(embed_options),
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

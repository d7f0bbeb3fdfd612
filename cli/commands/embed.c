#include "base/core/arena.h"
#include "base/core/memory.h"
#include "cli/app/picture_stream.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
    return tl_output_json(ok, json, err);
}

/* Texts that wait for a batch. Its borders follow from the input alone: the same input gives the same bits. */
typedef struct text_batch {
    tl_embedder *embedder;
    print_state *print;
    tl_arena *arena; /* of the texts */
    const char *texts[BATCH];
    size_t count, size; /* size: texts at once */
    size_t number;      /* of all texts so far */
    float *vectors;     /* [BATCH, D] */
} text_batch;

static bool embed_batch(text_batch *batch, tl_error *err)
{
    tl_slice slices[BATCH];
    for (size_t i = 0; i < batch->count; i++)
        slices[i] = tl_slice_of(batch->texts[i]);
    bool ok = batch->count == 0 || tl_embedder_texts(batch->embedder, slices, batch->count, batch->vectors, err);
    for (size_t i = 0; ok && i < batch->count; i++)
        ok = print_vector(batch->print, batch->texts[i], batch->vectors + i * batch->print->dim, err);
    batch->count = 0;
    tl_arena_reset(batch->arena);
    return ok;
}

static bool add_text(text_batch *batch, const char *text, tl_error *err)
{
    size_t bad_offset;
    batch->number++;
    if (!tl_text_is_utf8(tl_slice_of(text), &bad_offset)) {
        /* What came before it is told first. */
        return embed_batch(batch, err) &&
               tl_fail(err, TL_ERROR_INVALID, "text %zu: expected valid utf-8, found a broken character at byte %zu",
                       batch->number, bad_offset + 1);
    }
    const char *copy = tl_arena_copy_text(batch->arena, text, strlen(text), err);
    if (copy == NULL)
        return false;
    batch->texts[batch->count++] = copy;
    return batch->count < batch->size || embed_batch(batch, err);
}

/* Reads a line, which may end in CRLF, without its end; *done where there is none any more. */
static bool read_line(char line[MAX_LINE_BYTES], size_t number, bool *done, tl_error *err)
{
    size_t size = 0;
    int byte;
    while ((byte = getc(stdin)) != EOF && byte != '\n') {
        if (byte == '\0')
            return tl_fail(err, TL_ERROR_INVALID, "line %zu: expected text, found a byte of 0 at %zu", number, size + 1);
        if (size == MAX_LINE_BYTES - 1)
            return tl_fail(err, TL_ERROR_INVALID, "line %zu: expected at most %d bytes, found more", number, MAX_LINE_BYTES - 1);
        line[size++] = (char)byte;
    }
    *done = byte == EOF && size == 0;
    line[size != 0 && line[size - 1] == '\r' ? size - 1 : size] = '\0';
    return true;
}

static bool add_lines(text_batch *batch, tl_error *err)
{
    char *line = tl_memory_allocate(MAX_LINE_BYTES, 1, err);
    bool ok = line != NULL, done = false;
    /* Who types waits for an answer to each line. */
    batch->size = isatty(STDIN_FILENO) ? 1 : BATCH;
    for (size_t number = 1; ok && !done; number++)
        ok = read_line(line, number, &done, err) &&
             (done || (add_text(batch, line, err) && (batch->size != 1 || tl_output_flush(err))));
    if (ok && ferror(stdin))
        ok = tl_fail_errno(err, errno, "cannot read standard input");
    tl_memory_free(line);
    return ok;
}

static bool embed_texts(const tl_text_list *arguments, tl_embedder *embedder, print_state *print, tl_error *err)
{
    text_batch batch = {.embedder = embedder, .print = print, .size = BATCH};
    batch.vectors = tl_memory_allocate(BATCH, print->dim * sizeof *batch.vectors, err);
    bool ok = batch.vectors != NULL && tl_arena_create(1 << 16, &batch.arena, err);
    if (ok && arguments->count == 0)
        ok = add_lines(&batch, err);
    for (size_t i = 0; ok && i < arguments->count; i++)
        ok = add_text(&batch, arguments->items[i], err);
    ok = ok && embed_batch(&batch, err);
    tl_arena_destroy(batch.arena);
    tl_memory_free(batch.vectors);
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
    bool ok = pool != NULL && tl_embedder_create(bundle, BATCH, pool, &embedder, err);
    if (ok && values->images) {
        tl_progress_line_start(&line, "pictures", &progress);
        tl_picture_stream stream = {call->arguments->items, call->arguments->count, embedder, &progress};
        ok = tl_picture_stream_run(&stream, print_vector, &state, &skipped, err);
        tl_progress_line_end(&line);
        tl_command_report_skipped(call, &skipped);
    } else if (ok) {
        ok = embed_texts(call->arguments, embedder, &state, err);
    }
    tl_embedder_destroy(embedder);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const embed_options *values = call->options;
    if (values->images && call->arguments->count == 0)
        return tl_command_misuse(call, err, "--images: expected PICTURE..., found nothing");
    tl_model_bundle bundle = {0};
    bool ok = tl_command_open_model(call, values->model, values->precision, &bundle, err) && embed(call, &bundle, err);
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

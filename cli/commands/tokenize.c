#include "base/core/memory.h"
#include "cli/app/tokenize_job.h"
#include "cli/commands/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tokenize_options {
    const char *model;
    bool decode, json;
} tokenize_options;

#define AT(field) offsetof(tokenize_options, field)
static const tl_option options[] = {
    {.name = "decode", .type = TL_OPTION_FLAG, .help = "arguments are ids; print their text", .offset = AT(decode)},
    {.name = "model",
     .type = TL_OPTION_TEXT,
     .value = "MODEL",
     .help = "a model folder or a tokenizer.model file",
     .offset = AT(model)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a text", .offset = AT(json)},
};

static bool print_json(const tl_tokenizer *tokenizer, const char *text, const int32_t *ids, size_t count, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    tl_json *numbers = json != NULL ? tl_json_array_create(err) : NULL;
    tl_json *pieces = numbers != NULL ? tl_json_array_create(err) : NULL;
    bool ok = pieces != NULL && tl_json_set_text(json, "text", text, err);
    for (size_t i = 0; ok && i < count; i++) {
        const char *piece = tl_tokenizer_piece(tokenizer, ids[i]);
        ok = tl_json_append_integer(numbers, ids[i], err) && tl_json_append_text(pieces, piece != NULL ? piece : "", err);
    }
    if (!ok) {
        tl_json_free(numbers);
        tl_json_free(pieces);
    } else {
        ok = tl_json_set(json, "ids", numbers, err);
        ok = tl_json_set(json, "pieces", pieces, err) && ok;
    }
    return tl_output_json(ok, json, err);
}

static bool print_text(const tl_tokenizer *tokenizer, const char *text, bool json, tl_error *err)
{
    int32_t *ids = NULL;
    size_t count;
    if (!tl_tokenizer_encode_whole(tokenizer, tl_slice_of(text), &ids, &count, err))
        return false;
    bool ok = true;
    if (json) {
        ok = print_json(tokenizer, text, ids, count, err);
    } else {
        for (size_t i = 0; i < count; i++)
            printf("%s%d:%s", i != 0 ? " " : "", ids[i], tl_tokenizer_piece(tokenizer, ids[i]));
        putchar('\n');
    }
    tl_memory_free(ids);
    return ok;
}

static bool print_decoded(tl_command_call *call, const tl_tokenizer *tokenizer, bool json, tl_error *err)
{
    const tl_text_list *arguments = call->arguments;
    tl_string text;
    tl_string_init(&text, (size_t)1 << 24);
    int32_t *ids = tl_memory_allocate(arguments->count, sizeof *ids, err);
    bool ok = ids != NULL;
    for (size_t i = 0; ok && i < arguments->count; i++) {
        char *end;
        errno = 0;
        long id = strtol(arguments->items[i], &end, 10);
        if (end == arguments->items[i] || *end != '\0' || errno != 0 || id < 0 || id > INT32_MAX)
            ok = tl_command_misuse(call, err, "--decode: expected an id, found '%s'", arguments->items[i]);
        ids[i] = (int32_t)id;
    }
    ok = ok && tl_tokenizer_decode(tokenizer, ids, arguments->count, &text, err);
    if (ok && json) {
        tl_json *line = tl_json_object_create(err);
        ok = tl_output_json(line != NULL && tl_json_set_text(line, "text", text.data, err), line, err);
    } else if (ok) {
        puts(text.data);
    }
    tl_memory_free(ids);
    tl_string_clear(&text);
    return ok;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const tokenize_options *values = call->options;
    tl_tokenizer *tokenizer = NULL;
    char *model_path = tl_runtime_model_path(call->runtime, values->model, err);
    bool ok = model_path != NULL && tl_tokenize_open(model_path, &tokenizer, err);
    if (ok && values->decode)
        ok = print_decoded(call, tokenizer, values->json, err);
    for (size_t i = 0; ok && !values->decode && i < call->arguments->count; i++)
        ok = print_text(tokenizer, call->arguments->items[i], values->json, err);
    tl_tokenizer_close(tokenizer);
    tl_memory_free(model_path);
    return ok;
}

extern const tl_command tl_command_tokenize;
const tl_command tl_command_tokenize = {
    .name = "tokenize",
    .summary = "show how a text is cut into pieces",
    .usage = "TEXT...",
    .details = "Prints id:piece pairs, a line a text.",
    .example =
        "  twinlens tokenize \"a red fox\" --model stamps.model\n  twinlens tokenize --decode 12 345 67 --model stamps.model",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(tokenize_options),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

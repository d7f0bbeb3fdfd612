#include "base/core/memory.h"
#include "cli/app/search_job.h"
#include "cli/commands/command.h"

#include <stdio.h>
#include <string.h>

typedef struct search_options {
    tl_text_list like, unlike;
    const char *weights;
    const char *index, *model, *target, *directory, *where;
    const char *precision;
    int64_t threads;
    int64_t k, probes;
    bool json, exact, hybrid;
} search_options;

#define AT(field) offsetof(search_options, field)
static const tl_option options[] = {
    {.name = "like",
     .alias = "image",
     .type = TL_OPTION_LIST,
     .value = "FILE",
     .help = "search by a picture (or SHARD.tar#key), again for several, beside TEXT for both",
     .offset = AT(like)},
    {.name = "not",
     .type = TL_OPTION_LIST,
     .value = "FILE|TEXT",
     .help = "away from a picture, or from words",
     .offset = AT(unlike)},
    {.name = "weights",
     .type = TL_OPTION_TEXT,
     .value = "W,W,...",
     .help = "how much TEXT, each --like and each --not count, in this order; default: 1",
     .offset = AT(weights)},
    {.name = "count",
     .letter = 'k',
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "how many to print",
     .offset = AT(k),
     .minimum = 1,
     .maximum = 1e9,
     .fallback = 10},
    {.name = "target",
     .type = TL_OPTION_TEXT,
     .choices = "image|caption",
     .help = "what to find",
     .offset = AT(target),
     .fallback_text = "image"},
    {.name = "hybrid",
     .type = TL_OPTION_FLAG,
     .help = "rank by the words of captions (bm25) too; scores are then sums of 1 / (60 + place)",
     .offset = AT(hybrid)},
    {.name = "in", .type = TL_OPTION_TEXT, .value = "DIR", .help = "only pictures in this folder", .offset = AT(directory)},
    {.name = "where",
     .type = TL_OPTION_TEXT,
     .value = "SQL",
     .help = "only pictures that fulfil it: \"taken > '2024' AND path LIKE '%beach%'\"",
     .offset = AT(where)},
    {.name = "exact", .type = TL_OPTION_FLAG, .help = "compare with every vector of a divided set", .offset = AT(exact)},
    {.name = "probes",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "lists of a divided set to look into; 0: as suits it",
     .offset = AT(probes),
     .minimum = 0,
     .maximum = 1e6},
    {.name = "index", .type = TL_OPTION_TEXT, .value = "FILE", .help = "the index file", .offset = AT(index)},
    TL_PRECISION_OPTION(AT(precision)),
    TL_THREADS_OPTION(AT(threads)),
    {.name = "model", .type = TL_OPTION_TEXT, .value = "MODEL", .help = "the model folder", .offset = AT(model)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "one JSON object a line", .offset = AT(json)},
};

typedef struct print_state {
    uint64_t rank;
    bool json;
    bool with_split; /* stays false until an item has a split: then every line has the column */
} print_state;

static bool print_json(const print_state *state, const tl_search_result *result, tl_error *err)
{
    const tl_item *item = result->item;
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "rank", (int64_t)state->rank, err) &&
              tl_json_set_number(json, "score", result->score, err) && tl_json_set_path(json, "path", item->path, err) &&
              tl_json_set_path(json, "root", item->root, err) && tl_json_set_path(json, "caption", result->caption, err) &&
              tl_json_set_path(json, "split", item->split, err) && tl_json_set_path(json, "url", item->url, err) &&
              tl_json_set_path(json, "taken", item->taken, err) && tl_json_set_path(json, "camera", item->camera, err) &&
              tl_json_set_integer(json, "width", item->width, err) && tl_json_set_integer(json, "height", item->height, err);
    if (ok && item->has_place)
        ok = tl_json_set_number(json, "latitude", item->latitude, err) &&
             tl_json_set_number(json, "longitude", item->longitude, err);
    return tl_output_json(ok, json, err);
}

static bool print_result(void *context, const tl_search_result *result, tl_error *err)
{
    print_state *state = context;
    const tl_item *item = result->item;
    state->rank++;
    if (state->json)
        return print_json(state, result, err);
    printf("%.4f\t", (double)result->score);
    tl_output_text(stdout, item->root);
    putchar('/');
    tl_output_text(stdout, item->path);
    if (item->split != NULL || state->with_split) {
        state->with_split = true;
        putchar('\t');
        tl_output_text(stdout, item->split != NULL ? item->split : "");
    }
    putchar('\t');
    tl_output_text(stdout, result->caption != NULL ? result->caption : "");
    putchar('\n');
    return true;
}

static bool check_call(tl_command_call *call, const char **text, tl_error *err)
{
    const search_options *values = call->options;
    *text = call->arguments->count != 0 ? call->arguments->items[0] : NULL;
    if (*text == NULL && values->like.count == 0)
        return tl_command_misuse(call, err, "expected \"TEXT\" or --like FILE, found neither");
    if (*text == NULL && values->hybrid)
        return tl_command_misuse(call, err, "expected \"TEXT\" whose words --hybrid looks for, found none");
    if (*text != NULL && (*text)[strspn(*text, " \t\r\n")] == '\0')
        return tl_command_misuse(call, err, "query: expected words, found an empty text");
    return true;
}

static bool run(tl_command_call *call, tl_error *err)
{
    const search_options *values = call->options;
    const char *text;
    if (!check_call(call, &text, err))
        return false;
    tl_model_bundle bundle = {0};
    tl_thread_pool *pool = tl_runtime_pool(call->runtime, err);
    char *index_path = pool != NULL ? tl_runtime_index_path(call->runtime, values->index, err) : NULL;
    bool ok = index_path != NULL && tl_command_open_model(call, values->model, values->precision, &bundle, err);
    if (ok) {
        tl_search_job job = {.index_path = index_path,
                             .bundle = &bundle,
                             .pool = pool,
                             .text = text,
                             .hybrid = values->hybrid,
                             .like = values->like.items,
                             .like_count = values->like.count,
                             .unlike = values->unlike.items,
                             .unlike_count = values->unlike.count,
                             .weights = values->weights,
                             .captions = strcmp(values->target, "caption") == 0,
                             .k = (size_t)values->k,
                             .exact = values->exact,
                             .probes = (uint32_t)values->probes,
                             .directory = values->directory,
                             .where = values->where};
        print_state state = {.json = values->json};
        ok = tl_search_job_run(&job, print_result, &state, err);
    }
    tl_model_bundle_close(&bundle);
    tl_memory_free(index_path);
    return ok;
}

extern const tl_command tl_command_search;
const tl_command tl_command_search = {
    .name = "search",
    .summary = "find pictures by a sentence or a picture",
    .usage = "\"TEXT\" [--like FILE] [--not FILE|TEXT]",
    .details = "Prints score (cosine), path, split where the dataset has one, and caption, separated by tabs, best first.\n"
               "--where is a condition over root, path, size, modified_ns, hash, width, height, taken, camera, latitude,\n"
               "longitude, url, split and caption, with plain functions of SQLite.",
    .example = "  twinlens search \"a red fox in snow\" -k 5\n  twinlens search --like fox.jpg\n  twinlens search --like fox.jpg "
               "--target caption\n  twinlens search \"at night\" --like a.jpg --not b.jpg --weights 1,0.5,0.3",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(search_options),
    .maximum_arguments = 1,
    .run = run,
};

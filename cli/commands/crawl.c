#include "cli/app/crawl_job.h"
#include "cli/commands/command.h"
#include "cli/progress.h"

#include <stdio.h>

typedef struct crawl_options {
    const char *output;
    tl_text_list sites, allow, deny;
    int64_t depth, pages, patience;
    int64_t minimum_words, maximum_words;
    double delay, width;
    const char *contact, *user_agent;
    int64_t minimum_side;
    double maximum_aspect, hold_out;
    bool only_list, no_sitemaps, retry_failed, allow_private, nearby, json;
} crawl_options;

#define AT(field) offsetof(crawl_options, field)
static const tl_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = TL_OPTION_TEXT,
     .value = "DATASET",
     .help = "folder for what is found and known",
     .offset = AT(output)},
    TL_HOLD_OUT_OPTION(AT(hold_out)),
    {.name = "only-list",
     .type = TL_OPTION_FLAG,
     .help = "write the list of pictures, do not fetch them",
     .offset = AT(only_list)},
    {.name = "retry-failed",
     .type = TL_OPTION_FLAG,
     .help = "ask again for pages that could not be had",
     .offset = AT(retry_failed)},
    {.name = "json", .type = TL_OPTION_FLAG, .help = "print the report as JSON", .offset = AT(json)},
    TL_OPTION_GROUP("which pages"),
    {.name = "site",
     .type = TL_OPTION_LIST,
     .value = "HOST",
     .help = "follow links to this host too ('*.example.org'; again for more)",
     .offset = AT(sites)},
    {.name = "allow",
     .type = TL_OPTION_LIST,
     .value = "GLOB",
     .help = "only pages whose URL matches one of these",
     .offset = AT(allow)},
    {.name = "deny",
     .type = TL_OPTION_LIST,
     .value = "GLOB",
     .help = "no page whose URL matches one of these",
     .offset = AT(deny)},
    {.name = "depth",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "links from a start page at most; 0: start pages only",
     .offset = AT(depth),
     .minimum = 0,
     .maximum = 1e6,
     .fallback = 20},
    {.name = "pages",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "pages at most, in all runs",
     .offset = AT(pages),
     .minimum = 1,
     .maximum = 1e12,
     .fallback = 10000},
    {.name = "patience",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "leave a kind of page after N in a row without anything new",
     .offset = AT(patience),
     .minimum = 1,
     .maximum = 1e9,
     .fallback = 50},
    {.name = "no-sitemaps", .type = TL_OPTION_FLAG, .help = "do not ask for sitemaps", .offset = AT(no_sitemaps)},
    TL_OPTION_GROUP("which pictures and captions"),
    {.name = "nearby",
     .type = TL_OPTION_FLAG,
     .help = "take the text beside pictures that nobody described",
     .offset = AT(nearby)},
    {.name = "width",
     .type = TL_OPTION_NUMBER,
     .value = "PIXELS",
     .help = "of a picture's sizes, the narrowest that is this wide",
     .offset = AT(width),
     .minimum = 1,
     .maximum = 100000,
     .fallback = 1024},
    {.name = "min-words",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "least words of a caption",
     .offset = AT(minimum_words),
     .minimum = 1,
     .maximum = 1000,
     .fallback = 3},
    {.name = "max-words",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "most words of a caption",
     .offset = AT(maximum_words),
     .minimum = 1,
     .maximum = 10000,
     .fallback = 256},
    {.name = "min-side",
     .type = TL_OPTION_INTEGER,
     .value = "N",
     .help = "least pixels of a picture's shorter side",
     .offset = AT(minimum_side),
     .minimum = 0,
     .maximum = 1e6,
     .fallback = 200},
    {.name = "max-aspect",
     .type = TL_OPTION_NUMBER,
     .value = "RATIO",
     .help = "most that a picture's longer side may be of the shorter",
     .offset = AT(maximum_aspect),
     .minimum = 1,
     .maximum = 1e6,
     .fallback = 2.5},
    TL_OPTION_GROUP("how servers are asked"),
    {.name = "delay",
     .type = TL_OPTION_NUMBER,
     .value = "SECONDS",
     .help = "between two requests to a host; a greater Crawl-delay wins",
     .offset = AT(delay),
     .minimum = 0,
     .maximum = 86400,
     .fallback = 1},
    {.name = "contact",
     .type = TL_OPTION_TEXT,
     .value = "WHO",
     .help = "a URL or mail address that servers are told",
     .offset = AT(contact)},
    {.name = "user-agent",
     .type = TL_OPTION_TEXT,
     .value = "TEXT",
     .help = "instead of twinlens/VERSION",
     .offset = AT(user_agent)},
    {.name = "allow-private", .type = TL_OPTION_FLAG, .help = "also addresses of private networks", .offset = AT(allow_private)},
};

static bool print_json(const tl_crawl_result *result, tl_error *err)
{
    static const char *const whats[] = {"page", "link", "caption"};
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "pages", (int64_t)result->pages, err) &&
              tl_json_set_integer(json, "read", (int64_t)result->good_pages, err) &&
              tl_json_set_integer(json, "waiting", (int64_t)result->waiting, err) &&
              tl_json_set_integer(json, "pictures", (int64_t)result->pictures, err) &&
              tl_json_set_integer(json, "captions", (int64_t)result->captions, err);
    for (size_t i = 0; ok && i < sizeof whats / sizeof whats[0]; i++) {
        tl_json *reasons = tl_json_object_create(err);
        ok = reasons != NULL;
        for (size_t j = 0; ok && j < result->reason_count; j++)
            if (strcmp(result->reasons[j].what, whats[i]) == 0)
                ok = tl_json_set_integer(reasons, result->reasons[j].reason, (int64_t)result->reasons[j].count, err);
        ok = tl_json_set(json, whats[i], reasons, ok ? err : NULL) && ok;
    }
    if (ok && result->has_dataset)
        ok = tl_json_set_integer(json, "imported", (int64_t)result->dataset.imported, err) &&
             tl_json_set_integer(json, "shards", (int64_t)result->dataset.shards, err) &&
             tl_json_set_integer(json, "bytes", (int64_t)result->dataset.bytes, err) &&
             tl_json_set(json, "skipped", tl_reasons_to_json(&result->dataset.skipped, err), err);
    if (!ok) {
        tl_json_free(json);
        return false;
    }
    return tl_output_json(json, err);
}

static bool run(tl_command_call *call, tl_error *err)
{
    const crawl_options *values = call->options;
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o DATASET, found none");
    tl_progress progress;
    tl_progress_line line;
    tl_progress_line_start(&line, "pages", &progress);
    tl_crawl_job job = {.seeds = call->arguments->items,
                        .seed_count = call->arguments->count,
                        .dataset = values->output,
                        .sites = values->sites.items,
                        .site_count = values->sites.count,
                        .allow = values->allow.items,
                        .allow_count = values->allow.count,
                        .deny = values->deny.items,
                        .deny_count = values->deny.count,
                        .maximum_pages = (uint64_t)values->pages,
                        .maximum_depth = (unsigned)values->depth,
                        .patience = (uint64_t)values->patience,
                        .ignore_sitemaps = values->no_sitemaps,
                        .retry_failed = values->retry_failed,
                        .delay_seconds = values->delay,
                        .allow_private = values->allow_private,
                        .contact = values->contact,
                        .user_agent = values->user_agent,
                        .takes_nearby = values->nearby,
                        .wanted_width = values->width,
                        .minimum_words = (unsigned)values->minimum_words,
                        .maximum_words = (unsigned)values->maximum_words,
                        .only_list = values->only_list,
                        .minimum_side = (uint32_t)values->minimum_side,
                        .maximum_aspect = values->maximum_aspect,
                        .hold_out = values->hold_out,
                        .progress = &progress};
    tl_crawl_result result;
    bool ok = tl_crawl_job_run(&job, &result, err);
    tl_progress_line_end(&line);
    if (!ok)
        return false;
    for (size_t i = 0; i < result.reason_count; i++)
        fprintf(stderr, "%ss left out: %llu %s\n", result.reasons[i].what, (unsigned long long)result.reasons[i].count,
                result.reasons[i].reason);
    if (result.has_dataset)
        tl_command_report_skipped(call, &result.dataset.skipped);
    if (values->json)
        return print_json(&result, err);
    printf("%s/pairs.jsonl: %llu pictures with %llu captions from %llu pages", values->output,
           (unsigned long long)result.pictures, (unsigned long long)result.captions, (unsigned long long)result.good_pages);
    if (result.waiting != 0)
        printf(" (%llu more are known: give a greater --pages)", (unsigned long long)result.waiting);
    printf("\n");
    if (result.has_dataset)
        printf("%s: %llu samples in %llu shards (%.1f MB), %llu skipped\n", values->output,
               (unsigned long long)result.dataset.imported, (unsigned long long)result.dataset.shards,
               (double)result.dataset.bytes * 1e-6, (unsigned long long)result.dataset.skipped.total);
    return true;
}

extern const tl_command tl_command_crawl;
const tl_command tl_command_crawl = {
    .name = "crawl",
    .summary = "find captioned pictures on a website",
    .usage = "URL... -o DATASET",
    .details =
        "Walks the pages of a site from URL, takes the pictures on them with what people wrote about them (figcaption, alt,\n"
        "title) into the list DATASET/pairs.jsonl, and fetches those pictures into DATASET. Asks for one thing at a time,\n"
        "keeps to robots.txt and to what pages say to robots. Stopped or killed, the same command goes on.\n"
        "Other sizes and formats: --only-list, then 'twinlens import DATASET/pairs.jsonl'.",
    .example = "  twinlens crawl https://example.org/gallery/ --pages 500 --contact me@example.org -o found",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_size = sizeof(crawl_options),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

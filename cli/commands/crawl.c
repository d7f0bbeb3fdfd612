#include "cli/app/crawl_job.h"
#include "cli/commands/command.h"
#include "cli/commands/import_internal.h"
#include "cli/progress.h"

#include <limits.h>
#include <stdio.h>

typedef struct crawl_values {
    const char *output;
    tl_text_list sites, allow, deny;
    int64_t depth, pages, patience;
    int64_t minimum_words, maximum_words;
    double delay, width;
    const char *contact, *user_agent;
    int64_t minimum_side;
    double maximum_aspect, hold_out;
    bool only_list, no_sitemaps, retry_failed, allow_private, nearby, json;
} crawl_values;

#define AT(field) offsetof(crawl_values, field)
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
    bool ok = json != NULL && tl_json_set_integer(json, "pages", (int64_t)result->crawl.pages, err) &&
              tl_json_set_integer(json, "read", (int64_t)result->crawl.good_pages, err) &&
              tl_json_set_integer(json, "waiting", (int64_t)result->crawl.waiting, err) &&
              tl_json_set_integer(json, "pictures", (int64_t)result->crawl.pictures, err) &&
              tl_json_set_integer(json, "captions", (int64_t)result->crawl.captions, err);
    for (size_t i = 0; ok && i < sizeof whats / sizeof whats[0]; i++) {
        tl_json *reasons = tl_json_object_create(err);
        ok = reasons != NULL;
        for (size_t j = 0; ok && j < result->crawl.reason_count; j++)
            if (strcmp(result->crawl.reasons[j].what, whats[i]) == 0)
                ok = tl_json_set_integer(reasons, result->crawl.reasons[j].reason, (int64_t)result->crawl.reasons[j].count, err);
        ok = tl_json_set(json, whats[i], reasons, ok ? err : NULL) && ok;
    }
    if (ok && result->has_dataset)
        ok = tl_import_describe_result(json, &result->dataset, err) &&
             tl_json_set(json, "skipped", tl_reasons_to_json(&result->dataset.skipped, err), err);
    return tl_output_json(ok, json, err);
}

static tl_crawl_options crawl_options_of(const tl_command_call *call, const tl_progress *progress)
{
    const crawl_values *values = call->options;
    return (tl_crawl_options){.seeds = call->arguments->items,
                              .seed_count = call->arguments->count,
                              .sites = values->sites.items,
                              .site_count = values->sites.count,
                              .allow = values->allow.items,
                              .allow_count = values->allow.count,
                              .deny = values->deny.items,
                              .deny_count = values->deny.count,
                              .maximum_pages = (uint64_t)values->pages,
                              .maximum_depth = values->depth != 0 ? (unsigned)values->depth : UINT_MAX,
                              .patience = (uint64_t)values->patience,
                              .ignore_sitemaps = values->no_sitemaps,
                              .retry_failed = values->retry_failed,
                              .delay_seconds = values->delay > 0 ? values->delay : -1,
                              .allow_private = values->allow_private,
                              .contact = values->contact,
                              .user_agent = values->user_agent,
                              .takes_nearby = values->nearby,
                              .wanted_width = values->width,
                              .minimum_words = (unsigned)values->minimum_words,
                              .maximum_words = (unsigned)values->maximum_words,
                              .progress = progress};
}

static void print_result(const char *dataset, const tl_crawl_result *result)
{
    const tl_crawl_report *crawl = &result->crawl;
    printf("%s/pairs.jsonl: %llu pictures with %llu captions from %llu pages", dataset, (unsigned long long)crawl->pictures,
           (unsigned long long)crawl->captions, (unsigned long long)crawl->good_pages);
    if (crawl->waiting != 0)
        printf(" (%llu more are known: give a greater --pages)", (unsigned long long)crawl->waiting);
    printf("\n");
    if (result->has_dataset)
        tl_import_print_result(dataset, &result->dataset);
}

static bool run(tl_command_call *call, tl_error *err)
{
    const crawl_values *values = call->options;
    if (values->output == NULL)
        return tl_command_misuse(call, err, "expected -o DATASET, found none");
    tl_progress progress;
    tl_progress_line line;
    tl_progress_line_start(&line, "pages", &progress);
    const tl_crawl_job job = {.dataset = values->output,
                              .crawl = crawl_options_of(call, &progress),
                              .only_list = values->only_list,
                              .minimum_side = (uint32_t)values->minimum_side,
                              .maximum_aspect = values->maximum_aspect,
                              .hold_out = values->hold_out};
    tl_crawl_result result;
    bool ok = tl_crawl_job_run(&job, &result, err);
    tl_progress_line_end(&line);
    if (!ok)
        return false;
    for (size_t i = 0; i < result.crawl.reason_count; i++)
        fprintf(stderr, "%ss left out: %llu %s\n", result.crawl.reasons[i].what,
                (unsigned long long)result.crawl.reasons[i].count, result.crawl.reasons[i].reason);
    if (result.has_dataset)
        tl_command_report_skipped(call, &result.dataset.skipped);
    if (values->json)
        return print_json(&result, err);
    print_result(values->output, &result);
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
    .options_size = sizeof(crawl_values),
    .minimum_arguments = 1,
    .maximum_arguments = SIZE_MAX,
    .run = run,
};

/*
 * Owns the loop of a crawl: one request at a time for each host, the answer settled in one transaction. robots.txt, delays,
 * redirects, retries and private addresses are the fetcher's; what a page says is page.c's; what is known is the frontier's.
 */
#include "crawler-import/crawl/crawl.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "crawler-import/crawl/caption_cleaning.h"
#include "crawler-import/crawl/crawl_report.h"
#include "crawler-import/crawl/frontier.h"
#include "crawler-import/crawl/page_rules.h"
#include "crawler-import/crawl/sitemap.h"
#include "crawler-import/fetch/fetcher.h"

#include <limits.h>
#include <stdio.h>
#include <strings.h>

enum { MAX_HOSTS_AT_ONCE = 64, POLL_MS = 200, MAX_SITEMAP_DEPTH = 3, FOLDER_PATIENCE = 4, MAX_CAPTION = 65536 };
static const uint64_t most_page_bytes = (uint64_t)4 << 20;

static const uint64_t default_pages = 10000;
static const unsigned default_depth = 20;
static const uint64_t default_patience = 50;
static const double default_delay = 1;

typedef struct crawl {
    tl_crawl_options options; /* with defaults filled in */
    tl_frontier *frontier;
    tl_fetcher *fetcher;
    tl_page_reader *reader;
    tl_string caption;
    char (*seeds)[TL_LINK_SIZE];               /* canonical */
    tl_frontier_page asked[MAX_HOSTS_AT_ONCE]; /* under way, one for a host; a slot's number is its request's id */
    bool is_asked[MAX_HOSTS_AT_ONCE];
    size_t asked_count;
    uint64_t settled; /* pages, over all runs */
} crawl;

static tl_slice authority_of(const char *url)
{
    tl_slice origin = tl_link_split(url).origin;
    size_t scheme = strncmp(url, "https:", 6) == 0 ? 8 : 7;
    return (tl_slice){origin.data + scheme, origin.size - scheme};
}

static bool is_followed_site(const crawl *self, const char *url)
{
    char host[TL_LINK_SIZE];
    tl_slice authority = authority_of(url);
    for (size_t i = 0; i < self->options.seed_count; i++)
        if (tl_link_same_site(authority, authority_of(self->seeds[i])))
            return true;
    snprintf(host, sizeof host, "%.*s", (int)authority.size, authority.data);
    return tl_page_url_matches(host, self->options.sites, self->options.site_count);
}

/* Why a link is not followed; NULL: it is, unless its kind has been barren. */
static const char *reason_against(const crawl *self, const char *url)
{
    const tl_crawl_options *options = &self->options;
    if (!is_followed_site(self, url))
        return "other site";
    if (options->allow_count != 0 && !tl_page_url_matches(url, options->allow, options->allow_count))
        return "not allowed";
    if (tl_page_url_matches(url, options->deny, options->deny_count))
        return "denied";
    return tl_page_url_reason(url);
}

static bool is_barren(crawl *self, tl_page_shapes shapes, bool *is, tl_error *err)
{
    uint64_t pages = 0;
    uint64_t folder = 0;
    if (!tl_frontier_barren(self->frontier, shapes.page, &pages, err) ||
        !tl_frontier_barren(self->frontier, shapes.folder, &folder, err))
        return false;
    *is = pages >= self->options.patience || folder >= FOLDER_PATIENCE * self->options.patience;
    return true;
}

/* Follows one link; *is_new: it waits now and did not before. */
static bool follow(crawl *self, const char *link, unsigned depth, bool *is_new, char url[TL_LINK_SIZE], tl_error *err)
{
    bool barren = false;
    *is_new = false;
    snprintf(url, TL_LINK_SIZE, "%s", link);
    tl_page_url_simplify(url);
    const char *reason = reason_against(self, url);
    if (reason == NULL && !is_barren(self, tl_page_url_shapes(url), &barren, err))
        return false;
    if (barren)
        reason = "barren kind of page";
    if (reason != NULL)
        return tl_frontier_count(self->frontier, "link", reason, err);
    return tl_frontier_add(self->frontier, TL_FRONTIER_PAGE, url, depth, is_new, err);
}

/* Follows a page's links; *has_yielded when one leads to a page of another kind that was not known. */
static bool follow_links(crawl *self, const tl_frontier_page *asked, const tl_page *page, bool *has_yielded,
                         bool *folder_has_yielded, tl_error *err)
{
    char url[TL_LINK_SIZE];
    tl_page_shapes shapes = tl_page_url_shapes(asked->url);
    for (size_t i = 0; i < page->link_count; i++) {
        bool is_new;
        if (!follow(self, page->links[i], asked->depth + 1, &is_new, url, err))
            return false;
        if (!is_new)
            continue;
        tl_page_shapes other = tl_page_url_shapes(url);
        *has_yielded = *has_yielded || other.page != shapes.page;
        *folder_has_yielded = *folder_has_yielded || other.folder != shapes.folder;
    }
    return true;
}

/* Keeps the captions of a page's pictures; *has_yielded when a pair is new. */
static bool take_pairs(crawl *self, const tl_page *page, int64_t page_id, bool *has_yielded, tl_error *err)
{
    tl_caption_limits limits = {self->options.minimum_words, self->options.maximum_words};
    for (size_t i = 0; i < page->text_count; i++) {
        const tl_page_text *text = &page->texts[i];
        const char *picture = page->pictures[text->picture];
        const char *reason;
        bool is_new = false;
        if (!tl_caption_clean(text->text, picture, &limits, &self->caption, &reason, err))
            return false;
        if (reason != NULL ? !tl_frontier_count(self->frontier, "caption", reason, err)
                           : !tl_frontier_add_pair(self->frontier, picture, text->kind, tl_string_slice(&self->caption), page_id,
                                                   &is_new, err))
            return false;
        *has_yielded = *has_yielded || is_new;
    }
    for (size_t i = 0; i < page->picture_count; i++)
        if (!tl_frontier_count_shown(self->frontier, page->pictures[i], err))
            return false;
    return true;
}

static bool is_html(const char *content_type)
{
    return content_type[0] == '\0' || strncasecmp(content_type, "text/html", 9) == 0 ||
           strncasecmp(content_type, "application/xhtml", 17) == 0;
}

/* Everything that a page which arrived whole changes. *reason: why it counts for nothing. */
static bool take_page(crawl *self, const tl_frontier_page *asked, const tl_fetch_result *result, const char **reason,
                      tl_error *err)
{
    tl_page page;
    bool is_copy = false;
    bool has_yielded = false;
    bool folder_has_yielded = false;
    if (!is_html(result->content_type)) {
        *reason = "not html";
        return true;
    }
    if (!tl_page_read(self->reader, result->body, asked->url, result->content_type, &page, err))
        return false;
    if (page.content_hash != 0 && !tl_frontier_add_content(self->frontier, page.content_hash, &is_copy, err))
        return false;
    if (is_copy)
        *reason = "copy of another page";
    unsigned refusals = page.refusals | result->refusals;
    bool has_pairs = !is_copy && (refusals & ~TL_REFUSAL_NOFOLLOW) == 0;
    bool has_links = !is_copy && (refusals & TL_REFUSAL_NOFOLLOW) == 0 && asked->depth < self->options.maximum_depth;
    if (!is_copy && !has_pairs)
        *reason = "refused by the page";
    if (has_pairs && !take_pairs(self, &page, asked->id, &has_yielded, err))
        return false;
    folder_has_yielded = has_yielded;
    if (has_links && !follow_links(self, asked, &page, &has_yielded, &folder_has_yielded, err))
        return false;
    tl_page_shapes shapes = tl_page_url_shapes(asked->url);
    return tl_frontier_note(self->frontier, shapes.page, has_yielded, err) &&
           tl_frontier_note(self->frontier, shapes.folder, folder_has_yielded, err);
}

typedef struct sitemap_visit {
    crawl *self;
    const tl_frontier_page *asked;
} sitemap_visit;

static bool visit_sitemap(void *context, tl_slice reference, bool is_sitemap, tl_error *err)
{
    const sitemap_visit *visit = context;
    char url[TL_LINK_SIZE];
    char simple[TL_LINK_SIZE];
    bool is_new;
    if (!tl_link_resolve(visit->asked->url, reference, url))
        return true;
    if (!is_sitemap)
        return follow(visit->self, url, 1, &is_new, simple, err);
    return visit->asked->depth + 1 >= MAX_SITEMAP_DEPTH || !is_followed_site(visit->self, url) ||
           tl_frontier_add(visit->self->frontier, TL_FRONTIER_SITEMAP, url, visit->asked->depth + 1, NULL, err);
}

/* What robots.txt names, else /sitemap.xml: once for each host, when its first answer is there. */
static bool ask_for_sitemaps(crawl *self, const tl_frontier_page *asked, tl_error *err)
{
    char url[TL_LINK_SIZE];
    bool is_first = false;
    if (self->options.ignore_sitemaps || self->options.maximum_depth == 0)
        return true;
    if (!tl_frontier_take_sitemaps(self->frontier, asked->host_id, &is_first, err) || !is_first)
        return !is_first;
    const tl_robots *robots = tl_fetcher_robots(self->fetcher, asked->url);
    size_t count = robots != NULL ? tl_robots_sitemap_count(robots) : 0;
    for (size_t i = 0; i < count; i++)
        if (tl_link_resolve(asked->url, tl_slice_of(tl_robots_sitemap(robots, i)), url) && is_followed_site(self, url) &&
            !tl_frontier_add(self->frontier, TL_FRONTIER_SITEMAP, url, 0, NULL, err))
            return false;
    if (count != 0 || !tl_link_resolve(asked->url, tl_slice_of("/sitemap.xml"), url))
        return true;
    return tl_frontier_add(self->frontier, TL_FRONTIER_SITEMAP, url, 0, NULL, err);
}

/* Where a redirect leads is asked for in its turn, as any link would be. */
static bool take_redirect(crawl *self, const tl_frontier_page *asked, const char *target, const char **reason, tl_error *err)
{
    char url[TL_LINK_SIZE];
    char simple[TL_LINK_SIZE];
    bool is_new = false;
    tl_page_shapes shapes = tl_page_url_shapes(asked->url);
    if (!tl_link_resolve(NULL, tl_slice_of(target), url))
        return true;
    if (reason_against(self, url) != NULL)
        *reason = "redirect to elsewhere";
    else if (asked->kind == TL_FRONTIER_SITEMAP)
        return tl_frontier_add(self->frontier, TL_FRONTIER_SITEMAP, url, asked->depth, NULL, err);
    else if (!follow(self, url, asked->depth, &is_new, simple, err))
        return false;
    is_new = is_new && tl_page_url_shapes(simple).page != shapes.page;
    return tl_frontier_note(self->frontier, shapes.page, is_new, err);
}

static bool take_answer(crawl *self, const tl_frontier_page *asked, const tl_fetch_result *result, const char **reason,
                        tl_error *err)
{
    *reason = result->reason;
    if (result->reason != NULL)
        return strcmp(result->reason, "redirect") != 0 || take_redirect(self, asked, result->url, reason, err);
    if (asked->kind == TL_FRONTIER_PAGE)
        return take_page(self, asked, result, reason, err);
    sitemap_visit visit = {self, asked};
    return tl_sitemap_read(result->body, visit_sitemap, &visit, err);
}

static bool settle(crawl *self, const tl_frontier_page *asked, const tl_fetch_result *result, tl_error *err)
{
    const char *reason = NULL;
    return tl_frontier_begin(self->frontier, err) && take_answer(self, asked, result, &reason, err) &&
           tl_frontier_settle(self->frontier, asked->id, reason, result->is_worth_retrying_later, err) &&
           ask_for_sitemaps(self, asked, err) && tl_frontier_commit(self->frontier, err);
}

static bool is_host_asked(const crawl *self, int64_t host_id)
{
    for (size_t i = 0; i < MAX_HOSTS_AT_ONCE; i++)
        if (self->is_asked[i] && self->asked[i].host_id == host_id)
            return true;
    return false;
}

/* The next page of a host that is not of a kind which has turned out barren since it was found; those are settled. */
static bool next_fertile(crawl *self, int64_t host_id, tl_frontier_page *page, bool *found, tl_error *err)
{
    for (;;) {
        bool barren = false;
        if (!tl_frontier_next(self->frontier, host_id, page, found, err))
            return false;
        if (!*found || page->kind == TL_FRONTIER_SITEMAP || page->depth == 0)
            return true;
        if (!is_barren(self, tl_page_url_shapes(page->url), &barren, err))
            return false;
        if (!barren)
            return true;
        if (!tl_frontier_begin(self->frontier, err) || !tl_frontier_count(self->frontier, "link", "barren kind of page", err) ||
            !tl_frontier_forget(self->frontier, page->id, err) || !tl_frontier_commit(self->frontier, err))
            return false;
    }
}

/* Asks for the next page of every host that has one and is not being asked. */
static bool ask(crawl *self, tl_error *err)
{
    int64_t host_id = 0;
    for (size_t slot = 0; slot < MAX_HOSTS_AT_ONCE; slot++) {
        bool found = true;
        if (self->is_asked[slot])
            continue;
        if (self->settled + self->asked_count >= self->options.maximum_pages || !tl_fetcher_has_room(self->fetcher))
            return true;
        do {
            if (!tl_frontier_next_host(self->frontier, host_id + 1, &host_id, &found, err))
                return false;
        } while (found && is_host_asked(self, host_id));
        if (!found)
            return true;
        if (!next_fertile(self, host_id, &self->asked[slot], &found, err))
            return false;
        if (!found)
            continue;
        tl_fetch_request request = {.id = slot,
                                    .url = self->asked[slot].url,
                                    .hand_out_redirects = true,
                                    .kind = self->asked[slot].kind == TL_FRONTIER_PAGE ? TL_FETCH_PAGE : TL_FETCH_ANYTHING,
                                    .most_bytes =
                                        self->asked[slot].kind == TL_FRONTIER_PAGE ? most_page_bytes : TL_SITEMAP_MAX_SIZE};
        if (!tl_fetcher_submit(self->fetcher, &request, err))
            return false;
        self->is_asked[slot] = true;
        self->asked_count++;
    }
    return true;
}

static bool walk(crawl *self, tl_error *err)
{
    for (;;) {
        tl_fetch_result result;
        bool has_result = false;
        if (!tl_progress_continue(self->options.progress, err) || !ask(self, err))
            return false;
        if (self->asked_count == 0)
            return true;
        if (!tl_fetcher_poll(self->fetcher, POLL_MS, &result, &has_result, err))
            return false;
        if (!has_result)
            continue;
        const tl_frontier_page *asked = &self->asked[result.id];
        bool ok = settle(self, asked, &result, err);
        self->is_asked[result.id] = false;
        self->asked_count--;
        self->settled += asked->kind == TL_FRONTIER_PAGE;
        tl_fetch_result_clear(&result);
        if (!ok)
            return false;
        tl_progress_report(self->options.progress, self->settled, 0, NULL);
    }
}

static bool add_seeds(crawl *self, const tl_crawl_options *options, tl_error *err)
{
    if (options->seed_count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a URL to start from, found none");
    self->seeds = tl_memory_allocate(options->seed_count, sizeof *self->seeds, err);
    if (self->seeds == NULL)
        return false;
    for (size_t i = 0; i < options->seed_count; i++) {
        char url[TL_LINK_SIZE];
        snprintf(url, sizeof url, "%s%s", strstr(options->seeds[i], "://") != NULL ? "" : "https://", options->seeds[i]);
        if (!tl_link_resolve(NULL, tl_slice_of(url), self->seeds[i]))
            return tl_fail(err, TL_ERROR_INVALID, "expected an http or https URL, found '%s'", options->seeds[i]);
        tl_page_url_simplify(self->seeds[i]);
    }
    if (!tl_frontier_begin(self->frontier, err))
        return false;
    for (size_t i = 0; i < options->seed_count; i++)
        if (!tl_frontier_add(self->frontier, TL_FRONTIER_PAGE, self->seeds[i], 0, NULL, err))
            return false;
    return (!options->retry_failed || tl_frontier_retry(self->frontier, err)) && tl_frontier_commit(self->frontier, err);
}

static void fill_defaults(tl_crawl_options *options)
{
    if (options->maximum_pages == 0)
        options->maximum_pages = default_pages;
    if (options->maximum_depth == 0)
        options->maximum_depth = default_depth;
    else if (options->maximum_depth == UINT_MAX)
        options->maximum_depth = 0;
    if (options->patience == 0)
        options->patience = default_patience;
    if (options->delay_seconds == 0)
        options->delay_seconds = default_delay;
}

static bool open_crawl(crawl *self, const char *folder, const tl_crawl_options *options, tl_error *err)
{
    self->options = *options;
    fill_defaults(&self->options);
    tl_string_init(&self->caption, MAX_CAPTION);
    const tl_page_options page = {
        .takes_nearby = options->takes_nearby, .wanted_width = options->wanted_width, .minimum_side = options->minimum_side};
    const tl_fetch_options fetch = {.contact = options->contact,
                                    .user_agent = options->user_agent,
                                    .most_in_flight = MAX_HOSTS_AT_ONCE,
                                    .total_seconds = options->page_seconds,
                                    .host_connections = 1,
                                    .host_rate = -1,
                                    .host_delay_seconds = self->options.delay_seconds > 0 ? self->options.delay_seconds : 0,
                                    .use_robots = true,
                                    .ignore_refusals = true, /* take_page honours them: noindex alone forbids no links */
                                    .allow_private = options->allow_private};
    return tl_directory_create(folder, err) && tl_frontier_open(folder, &self->frontier, err) &&
           tl_page_reader_create(&page, &self->reader, err) && tl_fetcher_create(&fetch, &self->fetcher, err) &&
           add_seeds(self, options, err);
}

static void close_crawl(crawl *self)
{
    tl_fetcher_destroy(self->fetcher);
    tl_page_reader_destroy(self->reader);
    tl_frontier_close(self->frontier);
    tl_string_clear(&self->caption);
    tl_memory_free(self->seeds);
    tl_memory_free(self);
}

bool tl_crawl_run(const char *folder, const tl_crawl_options *options, tl_crawl_report *report, tl_error *err)
{
    tl_frontier_totals totals;
    crawl *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        return false;
    bool ok = open_crawl(self, folder, options, err) && tl_frontier_total(self->frontier, &totals, err);
    if (ok) {
        tl_error reason = {0};
        self->settled = totals.pages;
        tl_progress_begin(self->options.progress, "pages");
        bool is_done = walk(self, &reason);
        bool is_stopped = !is_done && reason.kind == TL_ERROR_CANCELLED;
        ok = ((!is_done && !is_stopped) || tl_crawl_report_make(self->frontier, &self->options, folder, report, err)) &&
             (is_done || tl_fail_as(err, &reason));
    }
    close_crawl(self);
    return ok;
}

/* The door: options, submitting, and the loop that drives names, transfers, timers and hosts. */
#include "crawler-import/fetch/fetcher.h"

#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/core/version.h"
#include "crawler-import/fetch/fetcher_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { SPARE_DESCRIPTORS = 128 };

static const double longest_absence = 0.02; /* while results are taken from the heap, sockets are looked at this often */

#define DEFAULT(field, value)  \
    if (!(options->field > 0)) \
    options->field = (value)

static void fill_in(tl_fetch_options *options)
{
    DEFAULT(most_in_flight, 2048);
    /* Rows of hosts that say nothing wait until the first of them is given up, 10 s later: a tenth of 12,000 a second fits. */
    DEFAULT(most_waiting, options->most_in_flight < UINT32_MAX / 8 ? 8 * options->most_in_flight : UINT32_MAX);
    DEFAULT(most_bytes, 20 << 20);
    DEFAULT(most_memory, 96 << 20);
    DEFAULT(connect_seconds, 10);
    DEFAULT(stall_seconds, 10);
    DEFAULT(total_seconds, 60);
    DEFAULT(attempts, 3);
    DEFAULT(backoff_seconds, 1);
    DEFAULT(most_backoff_seconds, 60);
    DEFAULT(most_redirects, 5);
    DEFAULT(host_connections, 4);
    DEFAULT(honoured, TL_REFUSAL_NOAI | TL_REFUSAL_NOIMAGEAI | TL_REFUSAL_NOINDEX | TL_REFUSAL_NOIMAGEINDEX);
    if (options->host_rate == 0)
        options->host_rate = 20;
    if (options->host_down_seconds == 0)
        options->host_down_seconds = 60;
}

static bool make_names(tl_fetcher *fetcher, const tl_fetch_options *options, tl_error *err)
{
    const char *token = options->robot_token != NULL ? options->robot_token : "twinlens";
    tl_string agent;
    tl_string_init(&agent, 1024);
    bool ok = options->user_agent != NULL
                  ? tl_string_append_text(&agent, options->user_agent, err)
                  : tl_string_append_format(
                        &agent, err, "twinlens/" TL_VERSION " (%s%sto refuse: robots.txt for %s, or X-Robots-Tag: noai)",
                        options->contact != NULL ? options->contact : "", options->contact != NULL ? "; " : "", token);
    for (size_t i = 0; ok && i < agent.size; i++)
        if ((unsigned char)agent.data[i] < ' ' || (unsigned char)agent.data[i] > '~')
            ok = tl_fail(err, TL_ERROR_INVALID, "user agent: expected printable ascii, found another byte at %zu", i);
    ok = ok && (fetcher->user_agent = tl_memory_copy_text(agent.data, agent.size, err)) != NULL;
    ok = ok && (fetcher->robot_token = tl_memory_copy_text(token, strlen(token), err)) != NULL;
    tl_string_clear(&agent);
    return ok;
}

/* Descriptors that sockets may take: each running transfer has one, the others are idle connections. */
static size_t most_sockets(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS : SPARE_DESCRIPTORS;
}

static bool open_parts(tl_fetcher *fetcher, const tl_fetch_options *options, tl_error *err)
{
    tl_resolver_options names = {
        .servers = options->dns_servers,
        .timeout_seconds = options->dns_timeout_seconds,
        .tries = options->dns_tries,
        .most_in_flight = options->dns_in_flight,
        .most_names = options->dns_cache_names,
        .family = options->dns_family,
    };
    tl_transfers_options transfers = {
        .handlers = tl_fetch__handlers,
        .user_agent = fetcher->user_agent,
        .proxy = options->proxy,
        .ca_file = options->ca_file,
        .accept_bad_certificates = options->accept_bad_certificates,
        .allow_private = options->allow_private,
        .most_connections = fetcher->most_open,
    };
    return tl_event_loop_create(&fetcher->loop, err) && tl_resolver_create(fetcher->loop, &names, &fetcher->resolver, err) &&
           tl_transfers_create(fetcher->loop, &transfers, &fetcher->transfers, err) &&
           tl_body_pool_create(fetcher->loop, fetcher->options.most_memory, &fetcher->bodies, err) &&
           tl_fetch__hosts_create(fetcher, err);
}

bool tl_fetcher_create(const tl_fetch_options *options, tl_fetcher **out, tl_error *err)
{
    tl_fetcher *fetcher = tl_memory_allocate(1, sizeof *fetcher, err);
    if (fetcher == NULL)
        return false;
    fetcher->options = *options;
    fill_in(&fetcher->options);
    size_t sockets = most_sockets();
    if (fetcher->options.most_in_flight > sockets / 2)
        fetcher->options.most_in_flight = (uint32_t)(sockets / 2);
    fetcher->most_open = 3 * (size_t)fetcher->options.most_in_flight;
    fetcher->most_open = fetcher->most_open < sockets ? fetcher->most_open : sockets;
    fetcher->now = fetcher->ran_at = tl_clock_seconds();
    if (!make_names(fetcher, options, err) || !open_parts(fetcher, options, err)) {
        tl_fetcher_destroy(fetcher);
        return false;
    }
    *out = fetcher;
    return true;
}

static void destroy_jobs(tl_fetch_queue *queue)
{
    tl_fetch_job *next;
    for (tl_fetch_job *job = queue->first; job != NULL; job = next) {
        next = job->after;
        tl_fetch__job_destroy(job);
    }
}

void tl_fetcher_destroy(tl_fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    destroy_jobs(&fetcher->resolving);
    destroy_jobs(&fetcher->runnable);
    destroy_jobs(&fetcher->running);
    destroy_jobs(&fetcher->waiting);
    destroy_jobs(&fetcher->settled);
    destroy_jobs(&fetcher->spare);
    tl_fetch__hosts_destroy(fetcher);
    tl_timers_clear(&fetcher->timers);
    tl_body_pool_leave(fetcher->bodies);
    tl_transfers_destroy(fetcher->transfers);
    tl_resolver_destroy(fetcher->resolver);
    tl_event_loop_destroy(fetcher->loop);
    tl_memory_free(fetcher->user_agent);
    tl_memory_free(fetcher->robot_token);
    tl_memory_free(fetcher);
}

bool tl_fetcher_has_room(const tl_fetcher *fetcher)
{
    size_t started = fetcher->running.count + fetcher->settled.count;
    size_t waiting = fetcher->pending > started ? fetcher->pending - started : 0;
    return waiting < fetcher->options.most_waiting && fetcher->settled.count < fetcher->options.most_in_flight;
}

bool tl_fetcher_submit(tl_fetcher *fetcher, const tl_fetch_request *request, tl_error *err)
{
    tl_error why;
    if (fetcher->pending == 0)
        fetcher->now = tl_clock_seconds(); /* nobody has looked for a while */
    tl_fetch_job *job = tl_fetch__job_take(fetcher, err);
    if (job == NULL)
        return false;
    job->id = request->id;
    job->kind = request->kind;
    job->most_bytes = request->most_bytes != 0 ? request->most_bytes : fetcher->options.most_bytes;
    job->ignores_robots = request->ignore_robots;
    job->hands_out_redirects = request->hand_out_redirects;
    bool is_url = tl_url_parse(&job->url, request->url, NULL, &why);
    if (!is_url && why.kind == TL_ERROR_NO_MEMORY) {
        tl_fetch__job_give_back(job);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "%s", why.message);
    }
    fetcher->pending++;
    fetcher->counts.submitted++;
    if (is_url)
        tl_fetch__job_enqueue(job);
    else
        tl_fetch__job_settle(job, why.kind == TL_ERROR_UNSUPPORTED ? "not http" : "bad url", false);
    return true;
}

/* Milliseconds until something of ours is due, at most `most`. */
static int milliseconds_to_wait(const tl_fetcher *fetcher, int most)
{
    double now = fetcher->now;
    double seconds = tl_timers_next(&fetcher->timers) - now;
    int wait = most;
    if (seconds * 1000 < wait)
        wait = seconds > 0 ? (int)ceil(seconds * 1000) : 0;
    int of_transfers = tl_transfers_next_ms(fetcher->transfers, now);
    if (of_transfers >= 0 && of_transfers < wait)
        wait = of_transfers;
    return !tl_resolver_is_idle(fetcher->resolver) && wait > 50 ? 50 : wait;
}

/* Sockets first and deadlines after them: what arrived while nobody looked is no stall. */
static bool run_once(tl_fetcher *fetcher, int most_ms, tl_error *err)
{
    tl_resolver_tick(fetcher->resolver, fetcher->now);
    tl_fetch__start_runnable(fetcher);
    if (!tl_event_loop_wait(fetcher->loop, milliseconds_to_wait(fetcher, most_ms), err))
        return false;
    fetcher->now = fetcher->ran_at = tl_clock_seconds();
    tl_transfers_tick(fetcher->transfers, fetcher->now);
    tl_resolver_tick(fetcher->resolver, fetcher->now);
    tl_timers_fire(&fetcher->timers, fetcher->now);
    tl_fetch__resume_paused(fetcher);
    tl_fetch__start_runnable(fetcher);
    if (!fetcher->has_failed)
        return true;
    if (err != NULL)
        *err = fetcher->failure;
    return false;
}

static bool hand_out(tl_fetcher *fetcher, tl_fetch_result *result, tl_error *err)
{
    tl_fetch_job *job = fetcher->settled.first;
    bool is_good = job->reason == NULL;
    if (job->body == NULL && (job->body = tl_body_take(fetcher->bodies, err)) == NULL)
        return false;
    tl_body *body = job->body;
    if (!tl_string_append(&body->url, job->url.text.data, job->url.text.size, err))
        return false;
    memcpy(body->content_type, job->content_type, sizeof body->content_type);
    *result = (tl_fetch_result){
        .id = job->id,
        .reason = job->reason,
        .is_worth_retrying_later = job->may_try_again,
        .status = job->status,
        .body = {is_good ? body->bytes : NULL, is_good ? body->size : 0},
        .url = body->url.data,
        .content_type = body->content_type,
        .refusals = job->refusals,
        .redirects = job->redirects,
        .attempts = job->attempts,
        .seconds = fetcher->now - job->submitted_at,
        .retry_after = is_good || job->retry_after < 0 ? 0 : job->retry_after,
        .owner = body,
    };
    job->body = NULL;
    tl_fetch__queue_remove(&fetcher->settled, job);
    tl_fetch__job_give_back(job);
    fetcher->pending--;
    return true;
}

bool tl_fetcher_poll(tl_fetcher *fetcher, int timeout_ms, tl_fetch_result *result, bool *has_result, tl_error *err)
{
    *has_result = false;
    double now = tl_clock_seconds(), until = now + (double)timeout_ms / 1000;
    fetcher->now = now;
    if (fetcher->settled.first != NULL && now - fetcher->ran_at > longest_absence && !run_once(fetcher, 0, err))
        return false;
    while (fetcher->settled.first == NULL && fetcher->pending != 0) {
        double left = until - fetcher->now;
        if (!run_once(fetcher, left > 0 ? (int)ceil(left * 1000) : 0, err))
            return false;
        if (fetcher->settled.first == NULL && (left <= 0 || atomic_exchange(&fetcher->is_woken, false)))
            return true;
    }
    if (fetcher->settled.first == NULL)
        return true;
    if (fetcher->has_failed) { /* what has settled may have settled for that */
        if (err != NULL)
            *err = fetcher->failure;
        return false;
    }
    *has_result = hand_out(fetcher, result, err);
    return *has_result;
}

void tl_fetcher_wake(tl_fetcher *fetcher)
{
    atomic_store(&fetcher->is_woken, true);
    tl_event_loop_wake(fetcher->loop);
}

size_t tl_fetcher_pending(const tl_fetcher *fetcher)
{
    return fetcher->pending;
}

void tl_fetcher_count(const tl_fetcher *fetcher, tl_fetch_counts *out)
{
    tl_resolver_counts names;
    tl_resolver_count(fetcher->resolver, &names);
    *out = fetcher->counts;
    out->names_asked = names.asked;
    out->names_cached = names.cached;
    out->names_failed = names.not_found + names.failed;
    out->connections = tl_transfers_connections(fetcher->transfers);
    out->in_flight = (uint32_t)fetcher->running.count;
    size_t started = fetcher->running.count + fetcher->settled.count;
    out->waiting = (uint32_t)(fetcher->pending > started ? fetcher->pending - started : 0);
    tl_body_pool_memory(fetcher->bodies, &out->memory, &out->highest_memory);
}

const tl_robots *tl_fetcher_robots(tl_fetcher *fetcher, const char *url)
{
    tl_url parsed;
    tl_url_init(&parsed);
    tl_fetch_host *host = tl_url_parse(&parsed, url, NULL, NULL) ? tl_fetch__host_find(fetcher, &parsed, false, NULL) : NULL;
    tl_url_clear(&parsed);
    return host != NULL && host->robots_state == TL_FETCH_ROBOTS_KNOWN ? host->robots : NULL;
}

void tl_fetch_result_clear(tl_fetch_result *result)
{
    tl_body_give(result->owner);
    result->owner = NULL;
}

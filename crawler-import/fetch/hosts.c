/*
 * Hosts by name, port and scheme: a queue each, how many requests run, when the next one may start, whether anybody is there, and
 * what its robots.txt says. A host that has nothing to do stands in a list of idle ones, whose oldest are forgotten.
 */
#include "base/core/clock.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/fetch/fetcher_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BUCKETS = 1 << 16, MOST_IDLE = 20000, FAILURES_UNTIL_DOWN = 4 };

static const double most_crawl_delay = 30;
static const double robots_seconds = 24 * 3600.0;      /* RFC 9309, 2.4 */
static const double robots_failed_seconds = 10 * 60.0; /* then it is asked for again */

static void idle_add(tl_fetch_hosts *hosts, tl_fetch_host *host)
{
    host->is_idle = true;
    host->before = hosts->idle_last;
    host->after = NULL;
    *(hosts->idle_last != NULL ? &hosts->idle_last->after : &hosts->idle_first) = host;
    hosts->idle_last = host;
    hosts->idle_count++;
}

static void idle_remove(tl_fetch_hosts *hosts, tl_fetch_host *host)
{
    host->is_idle = false;
    *(host->before != NULL ? &host->before->after : &hosts->idle_first) = host->after;
    *(host->after != NULL ? &host->after->before : &hosts->idle_last) = host->before;
    hosts->idle_count--;
}

static void destroy_host(tl_fetcher *fetcher, tl_fetch_host *host)
{
    tl_timers_unset(&fetcher->timers, &host->timer);
    tl_robots_destroy(host->robots);
    tl_memory_free(host);
}

static bool is_same(const tl_fetch_host *host, const tl_url *url, uint64_t hash)
{
    return host->hash == hash && host->port == url->port && host->is_secure == url->is_secure &&
           strcmp(host->name, url->host.data) == 0;
}

static void forget_oldest(tl_fetcher *fetcher)
{
    tl_fetch_hosts *hosts = &fetcher->hosts;
    tl_fetch_host *oldest = hosts->idle_first;
    idle_remove(hosts, oldest);
    tl_fetch_host **at = &hosts->buckets[oldest->hash & (hosts->bucket_count - 1)];
    while (*at != oldest)
        at = &(*at)->chain;
    *at = oldest->chain;
    hosts->count--;
    destroy_host(fetcher, oldest);
}

static void turn_has_come(void *context);

tl_fetch_host *tl_fetch__host_find(tl_fetcher *fetcher, const tl_url *url, bool is_made, tl_error *err)
{
    tl_fetch_hosts *hosts = &fetcher->hosts;
    uint64_t hash = tl_hash64(url->host.data, url->host.size) + url->port;
    tl_fetch_host **bucket = &hosts->buckets[hash & (hosts->bucket_count - 1)];
    for (tl_fetch_host *host = *bucket; host != NULL; host = host->chain)
        if (is_same(host, url, hash))
            return host;
    if (!is_made)
        return NULL;
    if (hosts->idle_count > MOST_IDLE)
        forget_oldest(fetcher);
    size_t size = url->host.size + 1;
    if (!tl_timers_reserve(&fetcher->timers, fetcher->jobs + hosts->count + 1, err))
        return NULL;
    tl_fetch_host *host = tl_memory_allocate(1, sizeof *host + size, err);
    if (host == NULL)
        return NULL;
    memcpy(host->name, url->host.data, size);
    host->fetcher = fetcher;
    host->hash = hash;
    host->port = url->port;
    host->is_secure = url->is_secure;
    host->timer.fire = turn_has_come;
    host->timer.context = host;
    host->chain = *bucket;
    *bucket = host;
    hosts->count++;
    idle_add(hosts, host);
    return host;
}

static double delay_of(const tl_fetch_host *host)
{
    double delay = host->fetcher->options.host_delay_seconds;
    double asked = host->fetcher->options.use_robots ? tl_robots_crawl_delay(host->robots) : -1;
    asked = asked < most_crawl_delay ? asked : most_crawl_delay;
    return asked > delay ? asked : delay;
}

static bool is_down(const tl_fetch_host *host)
{
    return host->down_until > host->fetcher->now;
}

static void fail_queue(tl_fetch_host *host, const char *reason, bool may_pass)
{
    while (host->queue.first != NULL) {
        tl_fetch_job *job = host->queue.first;
        tl_fetch__queue_remove(&host->queue, job);
        tl_fetch__job_settle(job, reason, may_pass);
    }
}

/* A job of its own that takes a turn like any other, but stands in nobody's queue. */
static void ask_robots(tl_fetch_host *host)
{
    tl_fetcher *fetcher = host->fetcher;
    tl_error err;
    char text[600];
    tl_fetch_job *job = tl_fetch__job_take(fetcher, &err);
    if (job == NULL) {
        tl_fetch__fail(fetcher, &err);
        return;
    }
    host->robots_state = TL_FETCH_ROBOTS_ASKED;
    job->robots_of = host;
    job->ignores_robots = true;
    job->kind = TL_FETCH_ANYTHING;
    job->most_bytes = 512 * 1024;
    snprintf(text, sizeof text, "%s://%s:%u/robots.txt", host->is_secure ? "https" : "http", host->name, host->port);
    if (!tl_url_parse(&job->url, text, NULL, &err)) {
        tl_fetch__job_settle(job, "bad url", false);
        return;
    }
    job->host = host;
    host->running++;
    tl_fetch__job_begin(job);
}

/* True: the rules are known, or there is no need of them. */
static bool has_rules(tl_fetch_host *host, const tl_fetch_job *job)
{
    tl_fetcher *fetcher = host->fetcher;
    if (!fetcher->options.use_robots || job->ignores_robots)
        return true;
    bool is_known = host->robots_state == TL_FETCH_ROBOTS_KNOWN || host->robots_state == TL_FETCH_ROBOTS_FAILED;
    if (is_known && host->robots_until <= fetcher->now)
        host->robots_state = TL_FETCH_ROBOTS_UNKNOWN;
    if (host->robots_state == TL_FETCH_ROBOTS_UNKNOWN)
        ask_robots(host);
    return host->robots_state == TL_FETCH_ROBOTS_KNOWN || host->robots_state == TL_FETCH_ROBOTS_FAILED;
}

static void give_turn(tl_fetch_host *host)
{
    tl_fetcher *fetcher = host->fetcher;
    tl_fetch_job *job = host->queue.first;
    tl_fetch__queue_remove(&host->queue, job);
    bool is_ruled = fetcher->options.use_robots && !job->ignores_robots;
    if (is_ruled && host->robots_state == TL_FETCH_ROBOTS_FAILED) {
        tl_fetch__job_settle(job, host->robots_reason, strcmp(host->robots_reason, "name not found") != 0);
        return;
    }
    if (is_ruled && !tl_robots_allows(host->robots, job->url.text.data + job->url.path_at)) {
        tl_fetch__job_settle(job, "refused by robots.txt", false);
        return;
    }
    double rate = fetcher->options.host_rate;
    if (rate > 0)
        host->next_turn = fmax(host->next_turn, fetcher->now) + 1 / rate;
    host->running++;
    tl_fetch__job_begin(job);
}

/* Starts what may start. What it starts may settle at once and come back here: then the loop that runs already goes on. */
static void pump(tl_fetch_host *host)
{
    tl_fetcher *fetcher = host->fetcher;
    if (host->is_pumping)
        return;
    host->is_pumping = true;
    while (host->queue.first != NULL && !fetcher->has_failed) {
        if (is_down(host)) {
            fail_queue(host, host->down_reason, true);
            break;
        }
        if (!has_rules(host, host->queue.first))
            break;
        uint32_t most = delay_of(host) > 0 ? 1 : fetcher->options.host_connections;
        if (host->running >= most)
            break;
        if (host->next_turn > fetcher->now) {
            tl_timers_set(&fetcher->timers, &host->timer, host->next_turn);
            break;
        }
        give_turn(host);
    }
    host->is_pumping = false;
    bool is_at_work =
        host->queue.first != NULL || host->running != 0 || host->robots_state == TL_FETCH_ROBOTS_ASKED || host->timer.place != 0;
    if (!is_at_work && !host->is_idle && host->next_turn > fetcher->now)
        tl_timers_set(&fetcher->timers, &host->timer,
                      host->next_turn); /* a host that is forgotten would have no turn to wait for */
    else if (!is_at_work && !host->is_idle)
        idle_add(&fetcher->hosts, host);
}

static void turn_has_come(void *context)
{
    pump(context);
}

void tl_fetch__host_add_job(tl_fetch_host *host, tl_fetch_job *job)
{
    if (host->is_idle)
        idle_remove(&host->fetcher->hosts, host);
    job->stage = TL_FETCH_STAGE_QUEUED;
    if (job->robots_of != NULL) /* once more, or redirected: what waits there may wait for these very rules */
        tl_fetch__queue_add_first(&host->queue, job);
    else
        tl_fetch__queue_add(&host->queue, job);
    pump(host);
}

void tl_fetch__host_turn_ended(tl_fetch_host *host, bool is_nobody, const char *reason)
{
    tl_fetcher *fetcher = host->fetcher;
    host->running--;
    double delay = delay_of(host);
    if (delay > 0)
        host->next_turn = fmax(host->next_turn, tl_clock_seconds() + delay); /* `now` is of before the wait for this answer */
    if (!is_nobody) {
        host->failures = 0;
        host->down_seconds = fetcher->options.host_down_seconds;
    } else if (++host->failures >= FAILURES_UNTIL_DOWN && fetcher->options.host_down_seconds > 0 && !is_down(host)) {
        host->down_seconds = host->down_until == 0 ? fetcher->options.host_down_seconds : fmin(2 * host->down_seconds, 3600);
        host->down_until = fetcher->now + host->down_seconds;
        host->down_reason = reason;
        host->failures = FAILURES_UNTIL_DOWN - 1; /* one more failure after that time is enough */
    }
    pump(host);
}

void tl_fetch__host_wait(tl_fetch_host *host, double seconds)
{
    host->next_turn = fmax(host->next_turn, host->fetcher->now + seconds);
}

/* RFC 9309, 2.3.1: 4xx and redirects that lead nowhere are no rules, 5xx and no server are a refusal of everything. */
static bool is_no_file(const tl_fetch_job *job)
{
    static const char *const reasons[] = {"empty", "too many redirects", "bad redirect", "not http"};
    if (job->status >= 400 && job->status < 500)
        return job->status != 429;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (job->reason != NULL && strcmp(job->reason, reasons[i]) == 0)
            return true;
    return false;
}

void tl_fetch__host_take_robots(tl_fetch_job *job)
{
    tl_fetch_host *host = job->robots_of;
    tl_fetcher *fetcher = host->fetcher;
    tl_error err;
    tl_robots_destroy(host->robots);
    host->robots = NULL;
    host->robots_until = fetcher->now + robots_seconds;
    host->robots_state = TL_FETCH_ROBOTS_KNOWN;
    bool has_file = job->reason == NULL && job->body != NULL;
    bool is_none = has_file || is_no_file(job);
    if (has_file && !tl_robots_parse((tl_slice){job->body->bytes, job->body->size}, fetcher->robot_token, &host->robots, &err)) {
        tl_fetch__fail(fetcher, &err);
    } else if (!is_none) {
        host->robots_state = TL_FETCH_ROBOTS_FAILED;
        host->robots_until = fetcher->now + robots_failed_seconds;
        host->robots_reason = job->status == 0 && job->reason != NULL ? job->reason : "robots.txt unreachable";
    }
    pump(host);
}

bool tl_fetch__hosts_create(tl_fetcher *fetcher, tl_error *err)
{
    fetcher->hosts.buckets = tl_memory_allocate(BUCKETS, sizeof(tl_fetch_host *), err);
    fetcher->hosts.bucket_count = BUCKETS;
    return fetcher->hosts.buckets != NULL;
}

void tl_fetch__hosts_destroy(tl_fetcher *fetcher)
{
    for (size_t i = 0; fetcher->hosts.buckets != NULL && i < BUCKETS; i++) {
        tl_fetch_host *next;
        for (tl_fetch_host *host = fetcher->hosts.buckets[i]; host != NULL; host = next) {
            next = host->chain;
            for (tl_fetch_job *job = host->queue.first, *after; job != NULL; job = after) {
                after = job->after;
                tl_fetch__job_destroy(job);
            }
            destroy_host(fetcher, host);
        }
    }
    tl_memory_free(fetcher->hosts.buckets);
}

/* The way of a job between its hops: addresses, redirects, attempts and the end. */
#include "base/core/memory.h"
#include "base/core/random.h"
#include "crawler-import/fetch/fetcher_internal.h"

#include <math.h>
#include <string.h>

enum { MAX_LOCATION_BYTES = 1 << 14 };

void tl_fetch__queue_add(tl_fetch_queue *queue, tl_fetch_job *job)
{
    job->before = queue->last;
    job->after = NULL;
    *(queue->last != NULL ? &queue->last->after : &queue->first) = job;
    queue->last = job;
    queue->count++;
}

void tl_fetch__queue_add_first(tl_fetch_queue *queue, tl_fetch_job *job)
{
    job->before = NULL;
    job->after = queue->first;
    *(queue->first != NULL ? &queue->first->before : &queue->last) = job;
    queue->first = job;
    queue->count++;
}

void tl_fetch__queue_remove(tl_fetch_queue *queue, tl_fetch_job *job)
{
    *(job->before != NULL ? &job->before->after : &queue->first) = job->after;
    *(job->after != NULL ? &job->after->before : &queue->last) = job->before;
    queue->count--;
}

void tl_fetch__fail(tl_fetcher *fetcher, const tl_error *err)
{
    if (!fetcher->has_failed)
        fetcher->failure = *err;
    fetcher->has_failed = true;
}

static void timer_has_come(void *context)
{
    tl_fetch_job *job = context;
    if (job->stage == TL_FETCH_STAGE_WAITING) {
        tl_fetch__queue_remove(&job->fetcher->waiting, job);
        tl_fetch__job_enqueue(job);
    } else {
        tl_fetch__hop_timer(job);
    }
}

tl_fetch_job *tl_fetch__job_take(tl_fetcher *fetcher, tl_error *err)
{
    tl_fetch_job *job = fetcher->spare.first;
    if (job != NULL) {
        tl_fetch__queue_remove(&fetcher->spare, job);
    } else {
        if (!tl_timers_reserve(&fetcher->timers, fetcher->jobs + fetcher->hosts.count + 1, err))
            return NULL;
        job = tl_memory_allocate(1, sizeof *job, err);
        if (job == NULL)
            return NULL;
        fetcher->jobs++;
        job->fetcher = fetcher;
        job->timer = (tl_timer){.fire = timer_has_come, .context = job};
        tl_url_init(&job->url);
        tl_string_init(&job->location, MAX_LOCATION_BYTES);
    }
    job->stage = TL_FETCH_STAGE_SETTLED;
    job->robots_of = job->host = NULL;
    job->body = NULL;
    job->transfer = NULL;
    job->redirects = job->attempts = 0;
    job->status = 0;
    job->refusals = 0;
    job->retry_after = -1;
    job->content_type[0] = '\0';
    job->is_redirected = job->is_nobody = job->is_slow = job->is_paused = job->hands_out_redirects = false;
    job->submitted_at = fetcher->now;
    return job;
}

void tl_fetch__job_give_back(tl_fetch_job *job)
{
    tl_body_give(job->body);
    job->body = NULL;
    tl_fetch__queue_add(&job->fetcher->spare, job);
}

void tl_fetch__job_destroy(tl_fetch_job *job)
{
    if (job->stage == TL_FETCH_STAGE_RUNNING)
        tl_transfers_cancel(job->fetcher->transfers, job->transfer);
    tl_timers_unset(&job->fetcher->timers, &job->timer);
    tl_body_give(job->body);
    tl_url_clear(&job->url);
    tl_string_clear(&job->location);
    tl_memory_free(job);
}

void tl_fetch__job_settle(tl_fetch_job *job, const char *reason, bool may_pass)
{
    tl_fetcher *fetcher = job->fetcher;
    job->reason = reason;
    job->may_try_again = reason != NULL && may_pass;
    job->stage = TL_FETCH_STAGE_SETTLED;
    if (job->robots_of != NULL) {
        tl_fetch__host_take_robots(job);
        tl_fetch__job_give_back(job);
        return;
    }
    fetcher->counts.succeeded += reason == NULL;
    fetcher->counts.failed += reason != NULL;
    tl_fetch__queue_add(&fetcher->settled, job);
}

void tl_fetch__job_enqueue(tl_fetch_job *job)
{
    tl_error err;
    tl_fetch_host *host = tl_fetch__host_find(job->fetcher, &job->url, true, &err);
    if (host == NULL) {
        tl_fetch__fail(job->fetcher, &err);
        tl_fetch__job_settle(job, "connection failed", true);
        return;
    }
    tl_fetch__host_add_job(host, job);
}

static void become_runnable(tl_fetch_job *job)
{
    job->stage = TL_FETCH_STAGE_RUNNABLE;
    tl_fetch__queue_add(&job->fetcher->runnable, job);
}

static void take_resolution(tl_fetch_job *job, tl_resolution resolution)
{
    if (resolution == TL_RESOLUTION_FOUND)
        become_runnable(job);
    else if (resolution == TL_RESOLUTION_NOT_FOUND)
        tl_fetch__job_hop_ended(job, "name not found", false);
    else
        tl_fetch__job_hop_ended(job, "name lookup failed", true);
}

static void name_has_settled(void *context, tl_resolution resolution, const tl_address *addresses, size_t count)
{
    tl_fetch_job *job = context;
    memcpy(job->addresses, addresses, count * sizeof *addresses);
    job->address_count = count;
    tl_fetch__queue_remove(&job->fetcher->resolving, job);
    take_resolution(job, resolution);
}

void tl_fetch__job_begin(tl_fetch_job *job)
{
    tl_fetcher *fetcher = job->fetcher;
    job->attempts += !job->is_redirected;
    fetcher->counts.retries += !job->is_redirected && job->attempts > 1;
    job->is_redirected = job->is_nobody = false;
    job->host = tl_fetch__host_find(fetcher, &job->url, false, NULL);
    job->retry_after = -1;
    job->stage = TL_FETCH_STAGE_RESOLVING;
    job->address_count = 0;
    if (fetcher->options.proxy != NULL) { /* the proxy resolves */
        become_runnable(job);
        return;
    }
    tl_error err;
    tl_resolution resolution;
    job->wait.settled = name_has_settled;
    job->wait.context = job;
    if (!tl_resolver_lookup(fetcher->resolver, job->url.host.data, fetcher->now, &job->wait, &resolution, job->addresses,
                            &job->address_count, &err)) {
        tl_fetch__fail(fetcher, &err);
        tl_fetch__job_hop_ended(job, "name lookup failed", false);
    } else if (resolution == TL_RESOLUTION_PENDING) {
        tl_fetch__queue_add(&fetcher->resolving, job);
    } else {
        take_resolution(job, resolution);
    }
}

void tl_fetch__start_runnable(tl_fetcher *fetcher)
{
    while (fetcher->runnable.first != NULL && fetcher->running.count < fetcher->most_open &&
           fetcher->running.count - fetcher->slow < fetcher->options.most_in_flight && !fetcher->has_failed) {
        tl_fetch_job *job = fetcher->runnable.first;
        tl_fetch__queue_remove(&fetcher->runnable, job);
        tl_error err;
        if (!tl_fetch__hop_start(job, &err)) {
            tl_fetch__fail(fetcher, &err);
            tl_fetch__job_hop_ended(job, "connection failed", false);
        }
    }
}

static bool is_redirect(const tl_fetch_job *job)
{
    bool is_status = job->status == 301 || job->status == 302 || job->status == 303 || job->status == 307 || job->status == 308;
    return is_status && job->location.size != 0;
}

static void follow(tl_fetch_job *job)
{
    tl_fetcher *fetcher = job->fetcher;
    tl_error err;
    if (job->redirects >= fetcher->options.most_redirects) {
        tl_fetch__job_settle(job, "too many redirects", false);
        return;
    }
    job->redirects++;
    fetcher->counts.redirects++;
    if (!tl_url_parse(&job->url, job->location.data, job->url.text.data, &err)) {
        if (err.kind == TL_ERROR_NO_MEMORY)
            tl_fetch__fail(fetcher, &err);
        tl_fetch__job_settle(job, err.kind == TL_ERROR_UNSUPPORTED ? "not http" : "bad redirect", false);
        return;
    }
    if (job->hands_out_redirects) {
        tl_fetch__job_settle(job, "redirect", false);
        return;
    }
    job->is_redirected = true;
    tl_fetch__job_enqueue(job);
}

double tl_fetch__seconds_to_wait(const tl_fetch_options *options, uint64_t id, uint32_t attempts, double retry_after)
{
    tl_random random = tl_random_stream(options->seed, id);
    random.counter += attempts;
    double seconds = fmin(ldexp(options->backoff_seconds, (int)attempts - 1), options->most_backoff_seconds);
    seconds *= 0.5 + 0.5 * (double)tl_random_uniform(&random);
    return fmax(seconds, retry_after);
}

static void try_again(tl_fetch_job *job, const char *reason)
{
    tl_fetcher *fetcher = job->fetcher;
    if (job->retry_after > fetcher->options.most_backoff_seconds) {
        tl_fetch__job_settle(job, "server asked to wait", true);
    } else if (job->attempts >= fetcher->options.attempts) {
        tl_fetch__job_settle(job, reason, true);
    } else {
        job->stage = TL_FETCH_STAGE_WAITING;
        tl_fetch__queue_add(&fetcher->waiting, job);
        tl_timers_set(&fetcher->timers, &job->timer,
                      fetcher->now + tl_fetch__seconds_to_wait(&fetcher->options, job->id, job->attempts, job->retry_after));
    }
}

void tl_fetch__job_hop_ended(tl_fetch_job *job, const char *reason, bool may_try_again)
{
    tl_fetch_host *host = job->host;
    job->host = NULL;
    if (may_try_again && job->retry_after > 0)
        tl_fetch__host_wait(host, fmin(job->retry_after, job->fetcher->options.most_backoff_seconds));
    bool is_nobody = job->is_nobody;
    if (reason == NULL && is_redirect(job))
        follow(job);
    else if (reason != NULL && may_try_again)
        try_again(job, reason);
    else
        tl_fetch__job_settle(job, reason, may_try_again);
    tl_fetch__host_turn_ended(host, is_nobody, reason);
}

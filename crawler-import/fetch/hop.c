/*
 * One request and its answer: headers that matter, the body as far as it is wanted, deadlines, and what the end is called.
 *
 * A transfer that has said nothing for two seconds is slow: it no longer counts against most_in_flight (up to three times as many
 * may be open), so that dead and stalled servers do not take the places of live ones.
 */
#include "crawler-import/fetch/fetcher_internal.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MAX_HEADER_BYTES = 1 << 16, MAX_DISCARDED_BYTES = 1 << 16, SNIFFED_BYTES = 64 };

static const double slow_seconds = 2;

static double next_check(const tl_fetch_job *job)
{
    const tl_fetch_options *options = &job->fetcher->options;
    double due = job->started_at + options->total_seconds;
    if (job->is_connected)
        due = fmin(due, job->heard_at + options->stall_seconds);
    return job->is_slow ? due : fmin(due, job->heard_at + slow_seconds);
}

static void forget_answer(tl_fetch_job *job)
{
    job->refusals = 0;
    job->retry_after = -1;
    job->content_type[0] = '\0';
    tl_string_reset(&job->location);
}

bool tl_fetch__hop_start(tl_fetch_job *job, tl_error *err)
{
    static const char *const accepts[] = {
        [TL_FETCH_ANYTHING] = "*/*",
        [TL_FETCH_PICTURE] = "image/jpeg,image/png,image/webp,image/*;q=0.8,*/*;q=0.5",
        [TL_FETCH_PAGE] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5",
    };
    tl_fetcher *fetcher = job->fetcher;
    forget_answer(job);
    job->reason = NULL;
    job->may_try_again = false;
    job->status = 0;
    job->header_bytes = job->discarded_bytes = 0;
    job->is_connected = job->is_paused = job->is_slow = job->is_sniffed = job->is_enough = false;
    job->started_at = job->heard_at = fetcher->now;
    if (job->body != NULL)
        job->body->size = 0;
    tl_transfer_start start = {
        .url = &job->url,
        .accept = accepts[job->kind],
        .is_compressible = job->kind != TL_FETCH_PICTURE,
        .addresses = job->addresses,
        .address_count = job->address_count,
        .is_last = job->host->queue.count == 0,
        .connect_seconds = fetcher->options.connect_seconds,
        .most_bytes = job->robots_of == NULL ? job->most_bytes : 0,
        .context = job,
    };
    if (!tl_transfers_start(fetcher->transfers, &start, &job->transfer, err))
        return false;
    job->stage = TL_FETCH_STAGE_RUNNING;
    tl_fetch__queue_add(&fetcher->running, job);
    fetcher->counts.attempts++;
    tl_timers_set(&fetcher->timers, &job->timer, next_check(job));
    return true;
}

/* Out of everything that a running job stands in. */
static void stop_running(tl_fetch_job *job)
{
    tl_fetcher *fetcher = job->fetcher;
    tl_fetch__queue_remove(&fetcher->running, job);
    tl_timers_unset(&fetcher->timers, &job->timer);
    fetcher->slow -= job->is_slow;
    fetcher->paused -= job->is_paused;
    job->is_slow = job->is_paused = false;
    job->transfer = NULL;
    if (fetcher->overdrawn == job)
        fetcher->overdrawn = NULL;
    if (job->body != NULL && (job->reason != NULL || job->status != 200)) {
        tl_body_give(job->body);
        job->body = NULL;
    }
}

static void give_up(tl_fetch_job *job, const char *reason)
{
    tl_transfers_cancel(job->fetcher->transfers, job->transfer);
    job->reason = reason;
    job->is_nobody = true;
    stop_running(job);
    tl_fetch__job_hop_ended(job, reason, true);
}

void tl_fetch__hop_timer(tl_fetch_job *job)
{
    tl_fetcher *fetcher = job->fetcher;
    double now = fetcher->now;
    if (job->is_paused) { /* it is we who do not listen */
        job->started_at += now - job->heard_at;
        job->heard_at = now;
    }
    if (now >= job->started_at + fetcher->options.total_seconds) {
        give_up(job, "took too long");
        return;
    }
    if (job->is_connected && now >= job->heard_at + fetcher->options.stall_seconds) {
        give_up(job, "stalled");
        return;
    }
    if (!job->is_slow && now >= job->heard_at + slow_seconds) {
        job->is_slow = true;
        fetcher->slow++;
    }
    tl_timers_set(&fetcher->timers, &job->timer, next_check(job));
}

static tl_transfer_verdict stop(tl_fetch_job *job, const char *reason)
{
    job->reason = reason;
    return TL_TRANSFER_STOP;
}

static void connected(void *context)
{
    tl_fetch_job *job = context;
    job->is_connected = true;
    job->heard_at = job->fetcher->now;
    double due = next_check(job); /* now the silence counts */
    if (due < job->timer.due)
        tl_timers_set(&job->fetcher->timers, &job->timer, due);
}

static bool is_named(tl_slice name, const char *word, size_t size)
{
    return name.size == size && strncasecmp(name.data, word, size) == 0;
}

#define IS_NAMED(name, word) is_named(name, word, sizeof(word) - 1)

static tl_transfer_verdict take_header(void *context, tl_slice name, tl_slice value)
{
    tl_fetch_job *job = context;
    job->heard_at = job->fetcher->now;
    job->header_bytes += name.size + value.size + 4;
    if (job->header_bytes > MAX_HEADER_BYTES)
        return stop(job, "too many headers");
    if (name.size > 5 && memcmp(name.data, "HTTP/", 5) == 0) { /* a status line: what came before was of a 1xx */
        forget_answer(job);
    } else if (IS_NAMED(name, "Content-Type")) {
        size_t size = value.size < sizeof job->content_type ? value.size : sizeof job->content_type - 1;
        memcpy(job->content_type, value.data, size);
        job->content_type[size] = '\0';
    } else if (IS_NAMED(name, "Location")) {
        tl_string_reset(&job->location);
        if (!tl_string_append(&job->location, value.data, value.size, NULL))
            return stop(job, "bad redirect");
    } else if (IS_NAMED(name, "Retry-After")) {
        job->retry_after = tl_answer_retry_after(value, (int64_t)time(NULL));
    } else if (IS_NAMED(name, "X-Robots-Tag")) {
        job->refusals |= tl_answer_refusals(value, job->fetcher->robot_token);
    }
    return TL_TRANSFER_GO_ON;
}

static bool is_refused(const tl_fetch_job *job)
{
    const tl_fetch_options *options = &job->fetcher->options;
    return job->robots_of == NULL && !options->ignore_refusals && (job->refusals & options->honoured) != 0;
}

/* What the first bytes say against the body; NULL: nothing. */
static const char *judge_look(const tl_fetch_job *job)
{
    tl_answer_look look = tl_answer_sniff((tl_slice){job->body->bytes, job->body->size});
    if (job->kind == TL_FETCH_PICTURE && look != TL_LOOK_PICTURE && look != TL_LOOK_UNKNOWN)
        return "not a picture";
    if (job->kind == TL_FETCH_PAGE && look != TL_LOOK_MARKUP && look != TL_LOOK_TEXT)
        return "not a page";
    return NULL;
}

/* The body of a redirect or an error is of no use, but a short one is read, so that the connection can be used again. */
static tl_transfer_verdict discard(tl_fetch_job *job, size_t size)
{
    job->discarded_bytes += size;
    job->is_enough = job->discarded_bytes > MAX_DISCARDED_BYTES;
    return job->is_enough ? TL_TRANSFER_STOP : TL_TRANSFER_GO_ON;
}

static tl_transfer_verdict pause_for_memory(tl_fetch_job *job)
{
    job->fetcher->paused += !job->is_paused;
    job->is_paused = true;
    return TL_TRANSFER_PAUSE;
}

static tl_transfer_verdict take_bytes(void *context, int status, tl_slice bytes)
{
    tl_fetch_job *job = context;
    tl_fetcher *fetcher = job->fetcher;
    tl_error err;
    job->heard_at = fetcher->now;
    job->status = status;
    if (status != 200)
        return discard(job, bytes.size);
    if (is_refused(job))
        return stop(job, "refused by x-robots-tag");
    bool is_full = false;
    if (job->body == NULL && (job->body = tl_body_take(fetcher->bodies, &err)) == NULL) {
        tl_fetch__fail(fetcher, &err);
        return stop(job, "too large");
    }
    if (bytes.size > job->most_bytes - job->body->size) {
        job->is_enough = job->robots_of != NULL; /* the first half megabyte holds, as RFC 9309 has it */
        return job->is_enough ? TL_TRANSFER_STOP : stop(job, "too large");
    }
    if (!tl_body_grow(job->body, bytes.size, fetcher->overdrawn == job, &is_full, &err)) {
        tl_fetch__fail(fetcher, &err);
        return stop(job, "too large");
    }
    if (is_full)
        return pause_for_memory(job);
    fetcher->paused -= job->is_paused;
    job->is_paused = false;
    memcpy(job->body->bytes + job->body->size, bytes.data, bytes.size);
    job->body->size += bytes.size;
    if (!job->is_sniffed && job->body->size >= SNIFFED_BYTES) {
        job->is_sniffed = true;
        const char *reason = judge_look(job);
        if (reason != NULL)
            return stop(job, reason);
    }
    return TL_TRANSFER_GO_ON;
}

void tl_fetch__resume_paused(tl_fetcher *fetcher)
{
    if (fetcher->paused == 0)
        return;
    bool is_full = tl_body_pool_is_full(fetcher->bodies);
    tl_fetch_job *next;
    for (tl_fetch_job *job = fetcher->running.first; job != NULL && fetcher->paused != 0; job = next) {
        next = job->after;
        if (!job->is_paused)
            continue;
        if (is_full && fetcher->overdrawn != NULL && fetcher->overdrawn != job)
            break;
        if (is_full)
            fetcher->overdrawn = job;
        job->started_at += fetcher->now - job->heard_at;
        job->heard_at = fetcher->now;
        tl_transfers_resume(fetcher->transfers, job->transfer); /* may pause again, but ends nothing: that is told by the tick */
        is_full = tl_body_pool_is_full(fetcher->bodies);
    }
}

static const char *reason_of_status(int status, bool *may_try_again)
{
    *may_try_again = status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
    switch (status) {
    case 401:
        return "status 401";
    case 403:
        return "status 403";
    case 404:
        return "status 404";
    case 410:
        return "status 410";
    case 429:
        return "status 429";
    default:
        return status >= 400 && status < 500 ? "status 4xx" : status >= 500 && status < 600 ? "status 5xx" : "status other";
    }
}

/* How an answer that came to its end is to be taken; NULL: a body, or a redirect. */
static const char *judge_answer(tl_fetch_job *job, bool *may_try_again)
{
    if (job->status >= 300 && job->status < 400 && job->location.size != 0 && job->status != 304 && job->status != 300)
        return NULL;
    if (job->status != 200)
        return reason_of_status(job->status, may_try_again);
    if (is_refused(job))
        return "refused by x-robots-tag";
    if (job->body == NULL || job->body->size == 0)
        return "empty";
    return job->is_sniffed ? NULL : judge_look(job);
}

static const struct {
    const char *reason;
    bool may_try_again, is_nobody;
} ends[] = {
    [TL_TRANSFER_ADDRESS_REFUSED] = {"address refused", false, false},
    [TL_TRANSFER_CONNECTION_REFUSED] = {"connection refused", true, true},
    [TL_TRANSFER_CONNECTION_FAILED] = {"connection failed", true, true},
    [TL_TRANSFER_CONNECTION_TIMED_OUT] = {"connection timed out", true, true},
    [TL_TRANSFER_TLS_FAILED] = {"tls failed", false, false},
    [TL_TRANSFER_RESET] = {"reset", true, false},
    [TL_TRANSFER_CUT_SHORT] = {"cut short", true, false},
    [TL_TRANSFER_TOO_LARGE] = {"too large", false, false},
    [TL_TRANSFER_BAD_ENCODING] = {"bad encoding", false, false},
    [TL_TRANSFER_BAD_ANSWER] = {"bad answer", false, false},
};

static void ended(void *context, tl_transfer_end end, int status, uint64_t received)
{
    tl_fetch_job *job = context;
    bool may_try_again = false;
    job->fetcher->counts.received_bytes += received;
    job->status = status;
    if (end == TL_TRANSFER_WHOLE || (end == TL_TRANSFER_STOPPED && job->is_enough)) {
        job->reason = judge_answer(job, &may_try_again);
    } else if (end != TL_TRANSFER_STOPPED) {
        job->reason = ends[end].reason;
        may_try_again = ends[end].may_try_again;
        job->is_nobody = ends[end].is_nobody;
    }
    stop_running(job);
    tl_fetch__job_hop_ended(job, job->reason, may_try_again);
}

const tl_transfer_handlers tl_fetch__handlers = {connected, take_header, take_bytes, ended};

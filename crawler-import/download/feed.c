/*
 * Owns the way of a list's rows to the fetcher, on the main thread. Every row that is handed out has a place: shard place /
 * rows_per_shard, index the rest. Rows of shards that are finished, or another part's, are passed over; those with a record in
 * their shard's spool have settled in an earlier run. A shard closes when a row of the next one comes, and is handed on when all
 * its rows have settled.
 *
 * Back-pressure: the fetcher takes no more than it has room for, the workers' queue holds the main thread back when it is full,
 * and so does the number of open shards, so that one slow host does not let spools pile up.
 */
#include "base/core/clock.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/download/row_copy.h"
#include "crawler-import/download/run_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_OPEN_SHARDS = 32, POLL_MS = 100 };

typedef struct feeding {
    tl_download *run;
    tl_list *list;
    tl_finished_place *finished; /* ascending */
    size_t finished_count, finished_capacity;
    tl_key_set known; /* URLs of earlier lists, when incremental */
    tl_open_shard *first, *last, *current;
    size_t open_count;
    uint64_t place;        /* of the next row */
    uint64_t next_row;     /* its number in the list, at least */
    tl_download_job asked; /* head of the ring of jobs that the fetcher has */
    double began, last_report;
} feeding;

static bool note_finished(void *context, const tl_finished_place *place, tl_error *err)
{
    feeding *feed = context;
    if (!tl_memory_reserve(&feed->finished, &feed->finished_capacity, feed->finished_count + 1, sizeof *feed->finished, err))
        return false;
    feed->finished[feed->finished_count++] = *place;
    return true;
}

static bool note_known(void *context, uint64_t hash, tl_error *err)
{
    feeding *feed = context;
    return tl_key_set_add(&feed->known, hash, 0, err);
}

static int by_number(const void *a, const void *b)
{
    const tl_finished_place *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static const tl_finished_place *find_finished(const feeding *feed, uint64_t number)
{
    const tl_finished_place wanted = {.number = number};
    return feed->finished_count != 0 ? bsearch(&wanted, feed->finished, feed->finished_count, sizeof wanted, by_number) : NULL;
}

static void report_progress(feeding *feed, bool is_last)
{
    const tl_run_counts *counts = &feed->run->counts;
    double now = tl_clock_seconds();
    if (now - feed->last_report < 0.1 && !is_last)
        return;
    char note[120];
    uint64_t settled = atomic_load(&counts->settled);
    double good = settled != 0 ? 100.0 * (double)atomic_load(&counts->stored) / (double)settled : 100.0;
    tl_fetch_counts fetched;
    tl_fetcher_count(feed->run->fetcher, &fetched);
    static const double mega = 1e6;
    double share = tl_list_progress(feed->list);
    /* Rows read by now, less those on their way, are what the share of the list stands for. */
    double rows = share > 0 ? (double)feed->place / share : 0;
    uint64_t before = feed->place > settled ? feed->place - settled - tl_fetcher_pending(feed->run->fetcher) : 0;
    before = before < feed->place ? before : 0;
    feed->last_report = now;
    double received = (double)fetched.received_bytes / mega;
    snprintf(note, sizeof note, "%.1f %% good, %.1f MB, %.1f MB/s", good, received,
             now > feed->began ? received / (now - feed->began) : 0);
    tl_progress_report(feed->run->options->progress, before + settled, (uint64_t)rows, note);
}

/* Gives shards whose rows have all settled to the writing thread, and lets go of those that it has written. */
static void hand_shards_on(feeding *feed)
{
    tl_download *run = feed->run;
    tl_open_shard **link = &feed->first;
    tl_open_shard *before = NULL;
    bool in_order = run->options->rows.unique_pictures;
    bool all_handed_on = true;
    while (*link != NULL) {
        tl_open_shard *shard = *link;
        if (atomic_load(&shard->is_written)) {
            *link = shard->next;
            feed->last = feed->last == shard ? before : feed->last;
            feed->open_count--;
            tl_download__close_shard(shard);
            continue;
        }
        if (shard->is_closed && !shard->is_handed_on && (!in_order || all_handed_on) &&
            tl_spool_count(shard->spool) == shard->row_count) {
            shard->is_handed_on = true;
            tl_work_queue_put(run->writer, shard);
        }
        all_handed_on = all_handed_on && shard->is_handed_on;
        before = shard;
        link = &shard->next;
    }
}

static void take_out(tl_download_job *job)
{
    job->previous->next = job->next;
    job->next->previous = job->previous;
}

/* False when another thread has failed. */
static bool has_not_failed(tl_download *run, tl_error *err)
{
    if (!atomic_load(&run->has_failed))
        return true;
    pthread_mutex_lock(&run->failure_mutex);
    tl_fail_as(err, &run->failure);
    pthread_mutex_unlock(&run->failure_mutex);
    return false;
}

/* False when the download is to stop. */
static bool may_go_on(feeding *feed, tl_error *err)
{
    return has_not_failed(feed->run, err) && tl_progress_continue(feed->run->options->progress, err);
}

/* Drives the transfers until one settles or some time has passed; with nothing to wait for, waits for the other threads. */
static bool pump(feeding *feed, int timeout_ms, tl_error *err)
{
    tl_download *run = feed->run;
    tl_fetch_result result;
    bool has_result = false;
    if (!may_go_on(feed, err) || !tl_fetcher_poll(run->fetcher, timeout_ms, &result, &has_result, err))
        return false;
    if (has_result) {
        tl_download_job *job = (tl_download_job *)(uintptr_t)result.id;
        take_out(job);
        job->result = result;
        tl_work_queue_put(run->workers, job);
    } else if (tl_fetcher_pending(run->fetcher) == 0) {
        tl_work_queue_drain(run->workers);
        hand_shards_on(feed);
        if (feed->first != NULL && (feed->current == NULL || feed->open_count == MOST_OPEN_SHARDS))
            tl_work_queue_drain(run->writer);
    }
    hand_shards_on(feed);
    report_progress(feed, false);
    return true;
}

/* While rows are read of which none is fetched, transfers go on all the same. */
static bool look_after_transfers(void *context, tl_error *err)
{
    feeding *feed = context;
    const tl_fetcher *fetcher = feed->run->fetcher;
    size_t pending = tl_fetcher_pending(fetcher);
    if (pending == 0) {
        if (!may_go_on(feed, err))
            return false;
        hand_shards_on(feed);
        report_progress(feed, false);
    }
    for (size_t before = pending + 1; pending != 0 && pending < before; pending = tl_fetcher_pending(fetcher)) {
        before = pending;
        if (!pump(feed, 0, err))
            return false;
    }
    return true;
}

static void close_current(feeding *feed)
{
    if (feed->current != NULL)
        feed->current->is_closed = true;
    feed->current = NULL;
}

static bool is_ours(const tl_download *run, uint64_t list_shard)
{
    const tl_download_options *options = run->options;
    return options->part_count == 0 || list_shard % options->part_count == options->part;
}

/* Passes over finished shards that begin at the next place. */
static bool pass_over(feeding *feed, tl_error *err)
{
    const tl_download *run = feed->run;
    while (feed->place % run->rows_per_shard == 0) {
        const tl_finished_place *finished = find_finished(feed, run->list.first_shard + feed->place / run->rows_per_shard);
        if (finished == NULL || run->options->rows.unique_urls || (run->options->retry_failed && finished->worth_retry != 0))
            return true;
        close_current(feed);
        if (!tl_list_skip(feed->list, finished->next_row - feed->next_row, err))
            return false;
        feed->next_row = finished->next_row;
        feed->place += finished->row_count;
        if (finished->row_count == 0)
            return true;
    }
    return true;
}

/* Sets feed->current to the shard of a place that is its first, or to NULL when its rows are not wanted. */
static bool enter_shard(feeding *feed, tl_error *err)
{
    tl_download *run = feed->run;
    uint64_t list_shard = feed->place / run->rows_per_shard;
    const tl_finished_place *finished = find_finished(feed, run->list.first_shard + list_shard);
    bool is_reopened = finished != NULL && run->options->retry_failed && finished->worth_retry != 0;
    close_current(feed);
    if (!is_ours(run, list_shard) || (finished != NULL && !is_reopened))
        return true;
    while (feed->open_count == MOST_OPEN_SHARDS)
        if (!pump(feed, POLL_MS, err))
            return false;
    if (is_reopened) /* the ledger is the writing thread's until it rests */
        tl_work_queue_drain(run->writer);
    tl_open_shard *shard = NULL;
    if (!tl_download__open_shard(run, run->list.first_shard + list_shard, is_reopened, &shard, err))
        return false;
    *(feed->last != NULL ? &feed->last->next : &feed->first) = shard;
    feed->last = shard;
    feed->current = shard;
    feed->open_count++;
    return true;
}

static bool submit(feeding *feed, tl_download_job *job, tl_error *err)
{
    tl_download *run = feed->run;
    job->next = &feed->asked;
    job->previous = feed->asked.previous;
    feed->asked.previous->next = job;
    feed->asked.previous = job;
    while (!tl_fetcher_has_room(run->fetcher))
        if (!pump(feed, POLL_MS, err))
            return false;
    const tl_fetch_request request = {.id = (uint64_t)(uintptr_t)job, .url = job->row->url, .kind = TL_FETCH_PICTURE};
    return tl_fetcher_submit(run->fetcher, &request, err);
}

/* Why a row is not fetched, or NULL. */
static bool refuse(feeding *feed, const tl_list_row *row, uint64_t url_hash, uint32_t index, const char **reason,
                   const char **status, tl_error *err)
{
    *status = "";
    if (!tl_row_judge_row(&feed->run->judge, row, url_hash, reason, err))
        return false;
    const tl_failed_before *before = *reason == NULL ? tl_open_shard__failed_before(feed->current, index) : NULL;
    if (before != NULL && !before->is_tried_again) {
        *reason = before->reason;
        *status = before->status;
    }
    return true;
}

/* Sends a row of the current shard on its way, unless it has settled before. */
static bool send_on(feeding *feed, const tl_list_row *row, uint64_t url_hash, tl_error *err)
{
    tl_open_shard *shard = feed->current;
    uint32_t index = (uint32_t)(feed->place % feed->run->rows_per_shard);
    const char *reason = NULL;
    const char *status = NULL;
    shard->row_count = (size_t)index + 1;
    shard->next_row = row->number + 1;
    if (!refuse(feed, row, url_hash, index, &reason, &status, err))
        return false;
    if (tl_spool_has(shard->spool, index))
        return true;
    tl_download_job *job = tl_memory_allocate(1, sizeof *job, err);
    if (job == NULL)
        return false;
    *job = (tl_download_job){.shard = shard, .index = index, .url_hash = url_hash, .row = tl_row_copy(row, err)};
    if (job->row == NULL) {
        tl_download__free_job(job);
        return false;
    }
    if (reason == NULL)
        return submit(feed, job, err);
    snprintf(job->refused, sizeof job->refused, "%s", reason);
    snprintf(job->refused_status, sizeof job->refused_status, "%s", status);
    tl_work_queue_put(feed->run->workers, job);
    return true;
}

static bool take_row(feeding *feed, const tl_list_row *row, tl_error *err)
{
    uint32_t owner;
    uint64_t url_hash = row->url != NULL && row->url[0] != '\0' ? tl_hash64(row->url, strlen(row->url)) : 0;
    feed->next_row = row->number + 1;
    if (url_hash != 0 && tl_key_set_find(&feed->known, url_hash, &owner))
        return true; /* an earlier list of the dataset had it */
    if (feed->place % feed->run->rows_per_shard == 0 && !enter_shard(feed, err))
        return false;
    const char *reason = NULL;
    bool ok = feed->current != NULL                  ? send_on(feed, row, url_hash, err)
              : feed->run->options->rows.unique_urls ? tl_row_judge_row(&feed->run->judge, row, url_hash, &reason, err)
                                                     : true;
    feed->place++;
    return ok;
}

static bool read_list(feeding *feed, tl_error *err)
{
    enum { ROWS_BETWEEN_LOOKS = 64 };
    bool done = false;
    for (uint64_t rows = 0; !done; rows++) {
        tl_list_row row;
        if (rows % ROWS_BETWEEN_LOOKS == 0 && !look_after_transfers(feed, err))
            return false;
        if (!pass_over(feed, err) || !tl_list_next(feed->list, &row, &done, err) || (!done && !take_row(feed, &row, err)))
            return false;
    }
    close_current(feed);
    while (feed->first != NULL)
        if (!pump(feed, POLL_MS, err))
            return false;
    report_progress(feed, true);
    return true;
}

bool tl_download__feed(tl_download *run, tl_list *list, uint64_t *shard_count, tl_error *err)
{
    feeding feed = {.run = run, .list = list, .known = {.without_sources = true}, .began = tl_clock_seconds()};
    feed.asked.next = feed.asked.previous = &feed.asked;
    tl_list_set_watch(list, (tl_list_watch){look_after_transfers, &feed});
    bool ok =
        tl_download_ledger_each_shard(run->ledger, run->list.id, note_finished, &feed, err) &&
        (!run->options->incremental || tl_download_ledger_each_known_url(run->ledger, run->list.id, note_known, &feed, err)) &&
        read_list(&feed, err);
    if (!ok) {
        static const tl_error stopped = {.kind = TL_ERROR_CANCELLED, .message = "stopped"};
        tl_download__fail(run, err != NULL ? err : &stopped); /* the other threads stop as well */
    }
    tl_list_set_watch(list, (tl_list_watch){0});
    tl_work_queue_drain(run->workers);
    tl_work_queue_drain(run->writer);
    ok = ok && has_not_failed(run, err); /* the last shard too */
    while (feed.asked.next != &feed.asked) {
        tl_download_job *job = feed.asked.next;
        take_out(job);
        tl_download__free_job(job);
    }
    while (feed.first != NULL) {
        tl_open_shard *next = feed.first->next;
        tl_download__close_shard(feed.first);
        feed.first = next;
    }
    *shard_count = (feed.place + run->rows_per_shard - 1) / run->rows_per_shard;
    tl_key_set_clear(&feed.known);
    tl_memory_free(feed.finished);
    return ok;
}

/*
 * What the parts of the fetcher share. A job is one submitted URL until it settles (or a robots.txt that a host needs):
 *
 *     queued at its host -> resolving -> runnable -> running -> settled
 *              ^                                        |
 *              |--- redirected (another hop), or waiting before another attempt
 *
 * A job has its host's turn from leaving the queue until its hop ends.
 */
#ifndef TL_CRAWLER_IMPORT_FETCH_FETCHER_INTERNAL_H
#define TL_CRAWLER_IMPORT_FETCH_FETCHER_INTERNAL_H

#include "base/net/resolver.h"
#include "base/net/transfers.h"
#include "base/net/url.h"
#include "crawler-import/fetch/body_pool.h"
#include "crawler-import/fetch/fetcher.h"
#include "crawler-import/fetch/timers.h"

#include <stdatomic.h>

typedef struct tl_fetch_job tl_fetch_job;
typedef struct tl_fetch_host tl_fetch_host;

typedef struct tl_fetch_queue {
    tl_fetch_job *first, *last;
    size_t count;
} tl_fetch_queue;

typedef enum tl_fetch_stage {
    TL_FETCH_STAGE_QUEUED,    /* in host->queue */
    TL_FETCH_STAGE_RESOLVING, /* in fetcher->resolving */
    TL_FETCH_STAGE_RUNNABLE,  /* in fetcher->runnable */
    TL_FETCH_STAGE_RUNNING,   /* in fetcher->running */
    TL_FETCH_STAGE_WAITING,   /* for its next attempt, by timer; in fetcher->waiting */
    TL_FETCH_STAGE_SETTLED    /* in fetcher->settled */
} tl_fetch_stage;

struct tl_fetch_job {
    tl_fetcher *fetcher;
    tl_fetch_job *before, *after; /* in the queue of its stage */
    tl_fetch_stage stage;
    uint64_t id;
    tl_fetch_kind kind;
    uint64_t most_bytes;
    bool ignores_robots, hands_out_redirects;
    tl_fetch_host *robots_of; /* this job fetches its robots.txt; NULL: somebody's */

    tl_url url; /* of the hop at hand */
    tl_fetch_host *host;
    tl_resolver_wait wait;
    tl_address addresses[TL_RESOLVED_ADDRESSES];
    size_t address_count;
    tl_transfer *transfer;
    tl_timer timer;
    double submitted_at, started_at, heard_at;
    uint32_t redirects, attempts;

    /* The answer of the hop at hand. */
    const char *reason; /* why it is stopped, or has failed */
    bool may_try_again; /* the reason may pass */
    int status;
    unsigned refusals;
    double retry_after; /* below 0: none */
    size_t header_bytes;
    size_t discarded_bytes;
    tl_string location;
    char content_type[TL_CONTENT_TYPE_SIZE];
    tl_body *body;
    bool is_connected, is_paused, is_slow, is_sniffed;
    bool is_enough;     /* stopped, but not for a failure */
    bool is_nobody;     /* failed as if there were no server */
    bool is_redirected; /* the next hop is of the same attempt */
};

typedef enum tl_fetch_robots_state {
    TL_FETCH_ROBOTS_UNKNOWN,
    TL_FETCH_ROBOTS_ASKED,
    TL_FETCH_ROBOTS_KNOWN, /* rules, or NULL: none */
    TL_FETCH_ROBOTS_FAILED /* robots_reason says how */
} tl_fetch_robots_state;

struct tl_fetch_host {
    tl_fetcher *fetcher;
    tl_fetch_host *chain;          /* of the same bucket */
    tl_fetch_host *before, *after; /* in the list of idle ones */
    uint64_t hash;
    tl_fetch_queue queue;
    tl_timer timer; /* its next turn */
    uint32_t running;
    uint32_t failures; /* in a row, of the kind that means nobody is there */
    bool is_idle, is_pumping;
    double next_turn, down_until, down_seconds;
    const char *down_reason;
    tl_fetch_robots_state robots_state;
    tl_robots *robots;
    const char *robots_reason;
    double robots_until;
    uint16_t port;
    bool is_secure;
    char name[];
};

typedef struct tl_fetch_hosts {
    tl_fetch_host **buckets;
    size_t bucket_count, count;
    tl_fetch_host *idle_first, *idle_last;
    size_t idle_count;
} tl_fetch_hosts;

struct tl_fetcher {
    tl_fetch_options options; /* with defaults filled in; its texts are the copies below */
    char *user_agent, *robot_token;
    tl_event_loop *loop;
    tl_resolver *resolver;
    tl_transfers *transfers;
    tl_body_pool *bodies;
    tl_timers timers;
    tl_fetch_hosts hosts;
    tl_fetch_queue resolving, runnable, running, waiting, settled, spare;
    tl_fetch_job *overdrawn; /* may pass the memory's limit, so that somebody goes on */
    size_t jobs;             /* made */
    size_t pending;          /* submitted, not handed out */
    size_t most_open;        /* transfers, slow ones too */
    size_t slow;             /* running ones that keep us waiting */
    size_t paused;
    double now, ran_at;
    tl_fetch_counts counts;
    atomic_bool is_woken;
    bool has_failed; /* without memory; failure says it */
    tl_error failure;
};

void tl_fetch__queue_add(tl_fetch_queue *queue, tl_fetch_job *job);
void tl_fetch__queue_add_first(tl_fetch_queue *queue, tl_fetch_job *job);
void tl_fetch__queue_remove(tl_fetch_queue *queue, tl_fetch_job *job);

/* job.c: a job's way. */
tl_fetch_job *tl_fetch__job_take(tl_fetcher *fetcher, tl_error *err); /* NULL without memory */
void tl_fetch__job_give_back(tl_fetch_job *job);
void tl_fetch__job_destroy(tl_fetch_job *job); /* also a running one */
void tl_fetch__job_enqueue(tl_fetch_job *job); /* at the host of its URL */
/* It has its host's turn: finds addresses, then becomes runnable. */
void tl_fetch__job_begin(tl_fetch_job *job);
/* The hop has ended and stands in no queue: another hop, another attempt, or settled. */
void tl_fetch__job_hop_ended(tl_fetch_job *job, const char *reason, bool may_try_again);
/* Before attempt attempts + 1: half to whole of backoff * 2^(attempts - 1), by the seed, and never before the server is ready. */
double tl_fetch__seconds_to_wait(const tl_fetch_options *options, uint64_t id, uint32_t attempts, double retry_after);
void tl_fetch__job_settle(tl_fetch_job *job, const char *reason, bool may_pass);
void tl_fetch__start_runnable(tl_fetcher *fetcher);
/* The fetcher cannot go on: the next poll says so. */
void tl_fetch__fail(tl_fetcher *fetcher, const tl_error *err);

/* hop.c: one request and its answer. */
extern const tl_transfer_handlers tl_fetch__handlers;
bool tl_fetch__hop_start(tl_fetch_job *job, tl_error *err) TL_MUST_USE;
void tl_fetch__hop_timer(tl_fetch_job *job);
void tl_fetch__resume_paused(tl_fetcher *fetcher);

/* hosts.c: who may be asked when. */
bool tl_fetch__hosts_create(tl_fetcher *fetcher, tl_error *err);
void tl_fetch__hosts_destroy(tl_fetcher *fetcher);
tl_fetch_host *tl_fetch__host_find(tl_fetcher *fetcher, const tl_url *url, bool is_made, tl_error *err);
void tl_fetch__host_add_job(tl_fetch_host *host, tl_fetch_job *job);
/* A job's turn has ended; is_nobody: as if there were no server, with that reason. */
void tl_fetch__host_turn_ended(tl_fetch_host *host, bool is_nobody, const char *reason);
/* The host asked all of us to wait. */
void tl_fetch__host_wait(tl_fetch_host *host, double seconds);
/* A robots.txt job has settled. */
void tl_fetch__host_take_robots(tl_fetch_job *job);

#endif

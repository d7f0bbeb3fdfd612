/*
 * A pool of threads that wait for one job at a time. A job is a count of tasks; threads draw the next number from a shared
 * counter, so who runs what varies, but the borders of the work never do. The caller works too, as worker 0.
 *
 * Beside the job there may be offered tasks, drawn from a counter of their own: by a thread that has none of the job's tasks left
 * while others still have, by a helper that waits for a job, and by all when the caller wants them done.
 *
 * A job is its number (generation) and how many helpers are still busy with it. Both sides look out for a change for some
 * microseconds before they go to sleep under the mutex: a layer of a model is a handful of jobs of that length, and waking a
 * thread takes as long as one of them.
 */
#include "base/parallel/thread_pool.h"

#include "base/core/memory.h"
#include "base/parallel/processors_internal.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_THREADS = 1024, LOOKS = 1000 /* of 10 to 50 ns each */ };

typedef struct helper {
    tl_thread_pool *pool;
    pthread_t thread;
    size_t worker; /* 1..size-1 */
} helper;

struct tl_thread_pool {
    pthread_mutex_t mutex;
    pthread_cond_t job_posted;
    pthread_cond_t job_done;
    atomic_ulong generation;
    atomic_size_t busy_helpers;
    bool is_ending;
    void (*task)(void *context, size_t index, size_t worker);
    void *context;
    size_t task_count;
    atomic_size_t next_task;
    atomic_size_t working; /* threads that may still have tasks of the job */
    void (*offered)(void *context, size_t index, size_t worker);
    void *offered_context;
    size_t offered_count;
    atomic_size_t next_offered;
    size_t offered_running; /* helpers that are at one while no job is theirs */
    size_t helper_count;
    helper *helpers;
};

static bool has_offered(tl_thread_pool *pool)
{
    return atomic_load_explicit(&pool->next_offered, memory_order_relaxed) < pool->offered_count;
}

static bool draw_offered(tl_thread_pool *pool, size_t worker)
{
    if (!has_offered(pool))
        return false;
    size_t index = atomic_fetch_add_explicit(&pool->next_offered, 1, memory_order_relaxed);
    if (index >= pool->offered_count)
        return false;
    pool->offered(pool->offered_context, index, worker);
    return true;
}

static void draw_tasks(tl_thread_pool *pool, size_t worker)
{
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next_task, 1, memory_order_relaxed);
        if (index >= pool->task_count)
            break;
        pool->task(pool->context, index, worker);
    }
    atomic_fetch_sub_explicit(&pool->working, 1, memory_order_relaxed);
    while (atomic_load_explicit(&pool->working, memory_order_relaxed) != 0 && draw_offered(pool, worker))
        continue;
}

/* A job is posted: what belongs to it can be read. */
static bool is_posted(tl_thread_pool *pool, unsigned long seen)
{
    return atomic_load_explicit(&pool->generation, memory_order_acquire) != seen;
}

static bool are_helpers_done(tl_thread_pool *pool)
{
    return atomic_load_explicit(&pool->busy_helpers, memory_order_acquire) == 0;
}

static void *help(void *argument)
{
    helper *self = argument;
    tl_thread_pool *pool = self->pool;
    unsigned long seen = 0;
    for (;;) {
        for (int look = 0; look < LOOKS && !is_posted(pool, seen); look++)
            tl_pause();
        pthread_mutex_lock(&pool->mutex);
        while (!is_posted(pool, seen) && !pool->is_ending) {
            if (!has_offered(pool)) {
                pthread_cond_wait(&pool->job_posted, &pool->mutex);
                continue;
            }
            pool->offered_running++;
            pthread_mutex_unlock(&pool->mutex);
            draw_offered(pool, self->worker);
            pthread_mutex_lock(&pool->mutex);
            if (--pool->offered_running == 0)
                pthread_cond_signal(&pool->job_done);
        }
        const bool is_ending = pool->is_ending;
        pthread_mutex_unlock(&pool->mutex);
        if (is_ending)
            return NULL;
        seen = atomic_load_explicit(&pool->generation, memory_order_acquire);
        draw_tasks(pool, self->worker);
        if (atomic_fetch_sub_explicit(&pool->busy_helpers, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&pool->mutex); /* the caller may be about to sleep */
            pthread_cond_signal(&pool->job_done);
            pthread_mutex_unlock(&pool->mutex);
        }
    }
}

bool tl_thread_pool_create(size_t threads, tl_thread_pool **out, tl_error *err)
{
    size_t size = threads != 0 ? threads : tl_processors__count();
    if (size > MAX_THREADS) {
        if (threads != 0)
            return tl_fail(err, TL_ERROR_INVALID, "expected at most %d threads, found %zu", MAX_THREADS, threads);
        size = MAX_THREADS;
    }
    tl_thread_pool *pool = tl_memory_allocate(1, sizeof *pool, err);
    if (pool == NULL)
        return false;
    pool->helpers = tl_memory_allocate(size - 1, sizeof *pool->helpers, err);
    if (pool->helpers == NULL) {
        tl_memory_free(pool);
        return false;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->job_posted, NULL);
    pthread_cond_init(&pool->job_done, NULL);
    atomic_init(&pool->next_task, 0);
    atomic_init(&pool->working, 0);
    atomic_init(&pool->generation, 0);
    atomic_init(&pool->busy_helpers, 0);
    atomic_init(&pool->next_offered, 0);
    for (size_t i = 0; i + 1 < size; i++) {
        pool->helpers[i].pool = pool;
        pool->helpers[i].worker = i + 1;
        int failure = pthread_create(&pool->helpers[i].thread, NULL, help, &pool->helpers[i]);
        if (failure != 0) {
            tl_fail_errno(err, failure, "thread pool: could not start thread %zu of %zu", i + 2, size);
            tl_thread_pool_destroy(pool);
            return false;
        }
        pool->helper_count = i + 1;
    }
    *out = pool;
    return true;
}

void tl_thread_pool_destroy(tl_thread_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->job_posted);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->helper_count; i++)
        pthread_join(pool->helpers[i].thread, NULL);
    pthread_cond_destroy(&pool->job_done);
    pthread_cond_destroy(&pool->job_posted);
    pthread_mutex_destroy(&pool->mutex);
    tl_memory_free(pool->helpers);
    tl_memory_free(pool);
}

size_t tl_thread_pool_size(const tl_thread_pool *pool)
{
    return pool != NULL ? pool->helper_count + 1 : 1;
}

void tl_thread_pool_run(tl_thread_pool *pool, size_t task_count, void (*task)(void *context, size_t index, size_t worker),
                        void *context)
{
    if (pool == NULL || pool->helper_count == 0 || task_count <= 1) {
        for (size_t i = 0; i < task_count; i++)
            task(context, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    TL_ASSERT(are_helpers_done(pool));
    pool->task = task;
    pool->context = context;
    pool->task_count = task_count;
    atomic_store_explicit(&pool->next_task, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->working, pool->helper_count + 1, memory_order_relaxed);
    atomic_store_explicit(&pool->busy_helpers, pool->helper_count, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool->job_posted);
    pthread_mutex_unlock(&pool->mutex);

    draw_tasks(pool, 0);

    for (int look = 0; look < LOOKS && !are_helpers_done(pool); look++)
        tl_pause();
    if (are_helpers_done(pool))
        return;
    pthread_mutex_lock(&pool->mutex);
    while (!are_helpers_done(pool))
        pthread_cond_wait(&pool->job_done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

void tl_thread_pool_offer(tl_thread_pool *pool, size_t task_count, void (*task)(void *context, size_t index, size_t worker),
                          void *context)
{
    pthread_mutex_lock(&pool->mutex);
    TL_ASSERT(!has_offered(pool) && pool->offered_running == 0);
    pool->offered = task;
    pool->offered_context = context;
    pool->offered_count = task_count;
    atomic_store_explicit(&pool->next_offered, 0, memory_order_relaxed);
    pthread_cond_broadcast(&pool->job_posted);
    pthread_mutex_unlock(&pool->mutex);
}

static void draw_one_offered(void *context, size_t index, size_t worker)
{
    (void)index;
    draw_offered(context, worker);
}

void tl_thread_pool_finish_offered(tl_thread_pool *pool)
{
    size_t drawn = atomic_load_explicit(&pool->next_offered, memory_order_relaxed);
    if (drawn < pool->offered_count)
        tl_thread_pool_run(pool, pool->offered_count - drawn, draw_one_offered, pool);
    /* One that a helper drew without a job may still run. */
    pthread_mutex_lock(&pool->mutex);
    while (pool->offered_running != 0)
        pthread_cond_wait(&pool->job_done, &pool->mutex);
    pool->offered_count = 0;
    pthread_mutex_unlock(&pool->mutex);
}

/* Owns a ring of jobs under one mutex: putters wait for room, threads for jobs, drainers for the last one to be done. */
#include "base/parallel/work_queue.h"

#include "base/core/memory.h"
#include "base/parallel/processors_internal.h"

#include <pthread.h>

enum { MAX_THREADS = 1024 };

typedef struct work_thread {
    tl_work_queue *queue;
    size_t worker;
    pthread_t thread;
} work_thread;

struct tl_work_queue {
    pthread_mutex_t mutex;
    pthread_cond_t has_room, has_job, is_idle;
    void (*run)(void *context, void *job, size_t worker);
    void *context;
    void **ring;
    size_t room, first, count;
    size_t running;
    bool is_ending;
    work_thread *threads;
    size_t thread_count;
};

static void *work(void *argument)
{
    const work_thread *self = argument;
    tl_work_queue *queue = self->queue;
    pthread_mutex_lock(&queue->mutex);
    for (;;) {
        while (queue->count == 0 && !queue->is_ending)
            pthread_cond_wait(&queue->has_job, &queue->mutex);
        if (queue->count == 0)
            break;
        void *job = queue->ring[queue->first];
        queue->first = (queue->first + 1) % queue->room;
        queue->count--;
        queue->running++;
        pthread_cond_signal(&queue->has_room);
        pthread_mutex_unlock(&queue->mutex);
        queue->run(queue->context, job, self->worker);
        pthread_mutex_lock(&queue->mutex);
        if (--queue->running == 0 && queue->count == 0)
            pthread_cond_broadcast(&queue->is_idle);
    }
    pthread_mutex_unlock(&queue->mutex);
    return NULL;
}

bool tl_work_queue_create(size_t threads, size_t room, void (*run)(void *context, void *job, size_t worker), void *context,
                          tl_work_queue **out, tl_error *err)
{
    size_t count = threads != 0 ? threads : tl_processors__count();
    if (count > MAX_THREADS && threads != 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d threads, found %zu", (int)MAX_THREADS, threads);
    count = count < MAX_THREADS ? count : MAX_THREADS;
    tl_work_queue *queue = tl_memory_allocate(1, sizeof *queue, err);
    if (queue == NULL)
        return false;
    queue->room = room != 0 ? room : 1;
    queue->ring = tl_memory_allocate(queue->room, sizeof *queue->ring, err);
    queue->threads = queue->ring != NULL ? tl_memory_allocate(count, sizeof *queue->threads, err) : NULL;
    if (queue->threads == NULL) {
        tl_memory_free(queue->ring);
        tl_memory_free(queue);
        return false;
    }
    queue->run = run;
    queue->context = context;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->has_room, NULL);
    pthread_cond_init(&queue->has_job, NULL);
    pthread_cond_init(&queue->is_idle, NULL);
    for (; queue->thread_count < count; queue->thread_count++) {
        work_thread *started = &queue->threads[queue->thread_count];
        *started = (work_thread){.queue = queue, .worker = queue->thread_count};
        int failure = pthread_create(&started->thread, NULL, work, started);
        if (failure != 0) {
            tl_fail_errno(err, failure, "could not start thread %zu of %zu", queue->thread_count + 1, count);
            tl_work_queue_destroy(queue);
            return false;
        }
    }
    *out = queue;
    return true;
}

size_t tl_work_queue_threads(const tl_work_queue *queue)
{
    return queue->thread_count;
}

void tl_work_queue_put(tl_work_queue *queue, void *job)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->room)
        pthread_cond_wait(&queue->has_room, &queue->mutex);
    queue->ring[(queue->first + queue->count++) % queue->room] = job;
    pthread_cond_signal(&queue->has_job);
    pthread_mutex_unlock(&queue->mutex);
}

void tl_work_queue_drain(tl_work_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->count != 0 || queue->running != 0)
        pthread_cond_wait(&queue->is_idle, &queue->mutex);
    pthread_mutex_unlock(&queue->mutex);
}

void tl_work_queue_destroy(tl_work_queue *queue)
{
    if (queue == NULL)
        return;
    pthread_mutex_lock(&queue->mutex);
    queue->is_ending = true;
    pthread_cond_broadcast(&queue->has_job);
    pthread_mutex_unlock(&queue->mutex);
    for (size_t i = 0; i < queue->thread_count; i++)
        pthread_join(queue->threads[i].thread, NULL);
    pthread_cond_destroy(&queue->is_idle);
    pthread_cond_destroy(&queue->has_job);
    pthread_cond_destroy(&queue->has_room);
    pthread_mutex_destroy(&queue->mutex);
    tl_memory_free(queue->ring);
    tl_memory_free(queue->threads);
    tl_memory_free(queue);
}

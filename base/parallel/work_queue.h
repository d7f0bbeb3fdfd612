/*
 * Threads that take jobs off a bounded queue, for work that arrives one by one and not as a batch (thread_pool.h). Jobs are
 * pointers of the caller's, taken in the order in which they were put; worker (0 to threads - 1) names the thread, for per-thread
 * scratch.
 */
#ifndef TL_BASE_PARALLEL_WORK_QUEUE_H
#define TL_BASE_PARALLEL_WORK_QUEUE_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_work_queue tl_work_queue;

/* threads: 0 means as many as the processors this process may use. room: jobs that wait before _put does. */
bool tl_work_queue_create(size_t threads, size_t room, void (*run)(void *context, void *job, size_t worker), void *context,
                          tl_work_queue **out, tl_error *err) TL_MUST_USE;
size_t tl_work_queue_threads(const tl_work_queue *queue);
/* Waits while the queue is full: that is the back-pressure. */
void tl_work_queue_put(tl_work_queue *queue, void *job);
/* Returns when every job that was put has been run. */
void tl_work_queue_drain(tl_work_queue *queue);
/* Drains, then ends the threads. */
void tl_work_queue_destroy(tl_work_queue *queue);

#ifdef __cplusplus
}
#endif

#endif

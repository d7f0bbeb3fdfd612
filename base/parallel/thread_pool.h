/*
 * One pool per runtime, passed down. Work is split into numbered tasks whose borders do not depend on the number of threads,
 * so that results are the same bits for any thread count. OpenBLAS runs single-threaded under it.
 */
#ifndef TL_BASE_PARALLEL_THREAD_POOL_H
#define TL_BASE_PARALLEL_THREAD_POOL_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_thread_pool tl_thread_pool;

/* threads: total number including the caller's; 0: as many as the processors this process may use. */
bool tl_thread_pool_create(size_t threads, tl_thread_pool **out, tl_error *err) TL_MUST_USE;
void tl_thread_pool_destroy(tl_thread_pool *pool);
size_t tl_thread_pool_size(const tl_thread_pool *pool); /* NULL: 1 */

/*
 * Runs task(context, i, worker) for i = 0..task_count-1 and returns when all are done. worker (0..size-1) names the thread, for
 * per-thread scratch. A NULL pool runs all in order on the caller's thread. One caller at a time; a task must not call it again.
 */
void tl_thread_pool_run(tl_thread_pool *pool, size_t task_count, void (*task)(void *context, size_t index, size_t worker),
                        void *context);

/*
 * Offers tasks for whoever would be idle: while the caller does other things, and while a job's last tasks run. Those of the
 * offer before must be finished. context must live until tl_thread_pool_finish_offered, which runs what is left and returns when
 * all are done. Both by the caller of tl_thread_pool_run; not on a NULL pool.
 */
void tl_thread_pool_offer(tl_thread_pool *pool, size_t task_count, void (*task)(void *context, size_t index, size_t worker),
                          void *context);
void tl_thread_pool_finish_offered(tl_thread_pool *pool);

#ifdef __cplusplus
}
#endif

#endif

/* The queue runs every job once, holds putters back when it is full, and drains. */
#include "tests/support/failing_memory.c"

#include "base/parallel/work_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

enum { JOBS = 2000 };

typedef struct tally {
    atomic_int runs[JOBS];
    atomic_int started;
    bool is_slow;
    size_t threads;
} tally;

static void count_job(void *context, void *job, size_t worker)
{
    tally *counts = context;
    if (worker >= counts->threads)
        atomic_store(&counts->started, -JOBS * 10);
    atomic_int *run = job;
    atomic_fetch_add(&counts->started, 1);
    if (counts->is_slow)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    atomic_fetch_add(run, 1);
}

static void every_job_once(void **state)
{
    (void)state;
    static tally counts;
    for (size_t threads = 0; threads <= 4; threads++) {
        tl_work_queue *queue = NULL;
        counts.threads = threads != 0 ? threads : 1024;
        for (int i = 0; i < JOBS; i++)
            atomic_store(&counts.runs[i], 0);
        assert_true(tl_work_queue_create(threads, 7, count_job, &counts, &queue, NULL));
        for (int i = 0; i < JOBS / 2; i++)
            tl_work_queue_put(queue, &counts.runs[i]);
        tl_work_queue_drain(queue);
        for (int i = 0; i < JOBS; i++)
            assert_int_equal(atomic_load(&counts.runs[i]), i < JOBS / 2);
        for (int i = JOBS / 2; i < JOBS; i++)
            tl_work_queue_put(queue, &counts.runs[i]);
        tl_work_queue_destroy(queue); /* what was put is run first */
        for (int i = 0; i < JOBS; i++)
            assert_int_equal(atomic_load(&counts.runs[i]), 1);
    }
}

static void a_full_queue_holds_back(void **state)
{
    (void)state;
    static tally counts;
    tl_work_queue *queue = NULL;
    counts.is_slow = true;
    counts.threads = 2;
    assert_true(tl_work_queue_create(2, 3, count_job, &counts, &queue, NULL));
    for (int i = 0; i < 100; i++) {
        tl_work_queue_put(queue, &counts.runs[i]);
        /* Put less taken: at most what the queue holds, and what two threads hold in their hands. */
        assert_true(i + 1 - atomic_load(&counts.started) <= 3 + 2);
    }
    tl_work_queue_destroy(queue);
    assert_int_equal(atomic_load(&counts.started), 100);
}

static void too_many_threads_are_refused(void **state)
{
    (void)state;
    tl_work_queue *queue = NULL;
    tl_error err = {0};
    assert_false(tl_work_queue_create(100000, 3, count_job, NULL, &queue, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    failing_memory_sweep sweep = {.job = "work queue", .least_failures = 3};
    while (failing_memory_next(&sweep)) {
        bool ok = tl_work_queue_create(1, 3, count_job, NULL, &queue, &sweep.err);
        failing_memory_judge(&sweep, ok);
        if (ok)
            tl_work_queue_destroy(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_once),
        cmocka_unit_test(a_full_queue_holds_back),
        cmocka_unit_test(too_many_threads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The pool runs every task once, with a worker number that no other thread has at the time, for any number of threads and tasks.
 */
#include "tests/support/failing_memory.c"

#include "base/parallel/thread_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_TASKS = 1000, MOST_WORKERS = 8 };

typedef struct tally {
    atomic_int runs[MOST_TASKS];
    atomic_int inside[MOST_WORKERS];
    atomic_int clashes;
    size_t workers;
} tally;

static void count_task(void *context, size_t index, size_t worker)
{
    tally *counts = context;
    if (worker >= counts->workers || atomic_fetch_add(&counts->inside[worker], 1) != 0)
        atomic_fetch_add(&counts->clashes, 1);
    atomic_fetch_add(&counts->runs[index], 1);
    atomic_fetch_sub(&counts->inside[worker], 1);
}

static void test_every_task_once(void **state)
{
    (void)state;
    static tally counts;
    for (size_t threads = 0; threads <= 5; threads++) {
        tl_thread_pool *pool = NULL;
        if (threads != 0)
            assert_true(tl_thread_pool_create(threads, &pool, NULL));
        assert_int_equal(tl_thread_pool_size(pool), threads != 0 ? threads : 1);
        const size_t task_counts[] = {0, 1, 2, 3, 7, 100, MOST_TASKS};
        for (size_t i = 0; i < sizeof task_counts / sizeof task_counts[0]; i++) {
            memset(&counts, 0, sizeof counts);
            counts.workers = tl_thread_pool_size(pool);
            tl_thread_pool_run(pool, task_counts[i], count_task, &counts);
            assert_int_equal(atomic_load(&counts.clashes), 0);
            for (size_t task = 0; task < MOST_TASKS; task++)
                assert_int_equal(atomic_load(&counts.runs[task]), task < task_counts[i] ? 1 : 0);
        }
        tl_thread_pool_destroy(pool);
    }
}

static void test_many_short_jobs(void **state)
{
    (void)state;
    static tally counts;
    memset(&counts, 0, sizeof counts);
    tl_thread_pool *pool;
    assert_true(tl_thread_pool_create(3, &pool, NULL));
    counts.workers = 3;
    for (int i = 0; i < 2000; i++)
        tl_thread_pool_run(pool, 4, count_task, &counts);
    for (size_t task = 0; task < 4; task++)
        assert_int_equal(atomic_load(&counts.runs[task]), 2000);
    assert_int_equal(atomic_load(&counts.clashes), 0);
    tl_thread_pool_destroy(pool);
}

static void test_bounds(void **state)
{
    (void)state;
    tl_thread_pool *pool = NULL;
    tl_error err;
    assert_false(tl_thread_pool_create(100000, &pool, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_true(tl_thread_pool_create(0, &pool, &err));
    assert_true(tl_thread_pool_size(pool) >= 1);
    tl_thread_pool_destroy(pool);
    tl_thread_pool_destroy(NULL);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "thread pool", .least_failures = 2};
    while (failing_memory_next(&sweep)) {
        tl_thread_pool *pool;
        bool ok = tl_thread_pool_create(3, &pool, &sweep.err);
        failing_memory_judge(&sweep, ok);
        if (ok)
            tl_thread_pool_destroy(pool);
    }
}

static void expect_each_once(tally *counts, size_t tasks)
{
    assert_int_equal(atomic_load(&counts->clashes), 0);
    for (size_t task = 0; task < MOST_TASKS; task++)
        assert_int_equal(atomic_load(&counts->runs[task]), task < tasks ? 1 : 0);
}

/* Offered tasks run once each, whatever runs beside them, and all are done when they are asked for. */
static void test_offered_tasks(void **state)
{
    (void)state;
    static tally offered, jobs;
    for (size_t threads = 1; threads <= 5; threads++) {
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, NULL));
        for (size_t round = 0; round < 60; round++) {
            const size_t count = round * 7 % 61, job_count = round * 13 % 29;
            memset(&offered, 0, sizeof offered);
            offered.workers = threads;
            tl_thread_pool_offer(pool, count, count_task, &offered);
            for (size_t job = 0; job < round % 4; job++) {
                memset(&jobs, 0, sizeof jobs);
                jobs.workers = threads;
                tl_thread_pool_run(pool, job_count, count_task, &jobs);
                expect_each_once(&jobs, job_count);
            }
            tl_thread_pool_finish_offered(pool);
            expect_each_once(&offered, count);
            tl_thread_pool_finish_offered(pool); /* of none */
        }
        tl_thread_pool_offer(pool, MOST_TASKS, count_task, &offered); /* what nobody asks for may stay undone */
        tl_thread_pool_destroy(pool);
    }
}

/* A helper takes offered tasks while the caller is elsewhere. */
static void wait_for_first(void *context, size_t index, size_t worker)
{
    tally *offered = context;
    (void)index;
    (void)worker;
    while (atomic_load(&offered->runs[0]) == 0)
        continue;
}

static void test_offered_tasks_run_beside_a_job(void **state)
{
    (void)state;
    static tally offered;
    tl_thread_pool *pool;
    offered.workers = 2;
    assert_true(tl_thread_pool_create(2, &pool, NULL));
    tl_thread_pool_offer(pool, 1, count_task, &offered);
    wait_for_first(&offered, 0, 0); /* would not end if only the caller ran them */
    tl_thread_pool_finish_offered(pool);
    expect_each_once(&offered, 1);
    tl_thread_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_task_once),
                                       cmocka_unit_test(test_many_short_jobs),
                                       cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_offered_tasks),
                                       cmocka_unit_test(test_offered_tasks_run_beside_a_job),
                                       cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests_name("thread_pool", tests, NULL, NULL);
}

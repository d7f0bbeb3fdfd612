/* Several processes on one file: a reader beside a writer, and writers that are killed at any moment. */
#include "tests/unit/index/index_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { BATCH = 10, DIM = 64 };

static const char path[] = "process.twinlens";

static void sleep_us(long microseconds)
{
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

/* Commits whole batches of BATCH items with an image vector each, replacing and removing some older ones as it goes. */
static bool write_batch(tl_index_writer *writer, uint64_t batch, tl_error *err)
{
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    for (int i = 0; i < BATCH; i++) {
        char name[64];
        int64_t id;
        float vector[DIM];
        snprintf(name, sizeof name, "%llu/%d", (unsigned long long)batch, i);
        tl_random random = tl_random_stream(batch, (uint64_t)i);
        random_vector(&random, vector, DIM);
        tl_item item = {.root = "/r", .path = name, .hash = "h"};
        if (!tl_index_writer_put_item(writer, &item, &id, err) || !tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err))
            return false;
        if (batch >= 8) { /* the item of eight batches ago goes: eight whole batches stay */
            snprintf(name, sizeof name, "%llu/%d", (unsigned long long)batch - 8, i);
            item.path = name;
            if (!tl_index_writer_put_item(writer, &item, &id, err) || !tl_index_writer_remove_item(writer, id, err))
                return false;
        }
    }
    return tl_index_writer_commit(writer, err);
}

/* In a child: writes until it is killed, or `count` batches. */
static int write_batches(uint64_t first, uint64_t count)
{
    tl_error error = {0};
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    bool ok = tl_index_open(path, TL_INDEX_CREATE, &index, &error) && tl_index_writer_open(index, &writer, &error);
    for (uint64_t batch = first; ok && batch < first + count; batch++)
        ok = write_batch(writer, batch, &error);
    tl_index_writer_close(writer);
    tl_index_close(index);
    if (!ok)
        fprintf(stderr, "child: %s\n", error.message);
    return ok ? 0 : 1;
}

typedef struct batch_range {
    unsigned long long first, last;
    size_t count;
} batch_range;

static bool add_to_range(void *context, const tl_item *item, tl_error *err)
{
    batch_range *range = context;
    unsigned long long batch = 0;
    (void)err;
    assert_int_equal(sscanf(item->path, "%llu/", &batch), 1);
    if (range->count == 0 || batch < range->first)
        range->first = batch;
    if (range->count == 0 || batch > range->last)
        range->last = batch;
    range->count++;
    return true;
}

/* Only whole commits: batches first..last, at most eight of them, each complete. */
static batch_range check_whole_batches(tl_index *index)
{
    batch_range range = {0};
    assert_ok(tl_index_each_item(index, NULL, add_to_range, &range, err));
    if (range.count != 0) {
        assert_true(range.last - range.first < 8);
        assert_int_equal(range.count, (range.last - range.first + 1) * BATCH);
        assert_true(range.first == 0 || range.last - range.first == 7);
    }
    return range;
}

static void a_reader_searches_while_another_process_writes(void **state)
{
    (void)state;
    remove_index(path);
    assert_int_equal(write_batches(0, 1), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_batches(1, 60));
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    tl_index *index = open_index(path, TL_INDEX_READ);
    tl_index_searcher *searcher;
    assert_ok(tl_index_searcher_create(index, set.model, set.kind, &searcher, err));
    float query[DIM];
    for (size_t i = 0; i < DIM; i++)
        query[i] = (float)(i % 3) - 1.0f;
    int status = 0, searches = 0;
    size_t sizes_seen = 0, previous = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        tl_hit hits[200];
        size_t count;
        tl_search_options options = {.k = 200};
        assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &count, err));
        assert_int_equal(count % BATCH, 0); /* never a part of a commit */
        assert_true(count >= BATCH && count <= 8 * BATCH);
        sizes_seen += count != previous;
        previous = count;
        searches++;
        check_whole_batches(index);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(searches > 3);
    assert_true(sizes_seen >= 2);
    tl_index_searcher_destroy(searcher);
    assert_ok(tl_index_check(index, err));
    assert_int_equal(check_whole_batches(index).last, 60);
    tl_index_close(index);
}

static void killed_writers_leave_whole_commits(void **state)
{
    (void)state;
    tl_random random = tl_random_stream(11, 0);
    unsigned long long next = 0;
    size_t kills_after_progress = 0;
    remove_index(path);
    for (int kill_number = 0; kill_number < 30; kill_number++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(write_batches(next, UINT64_MAX / 2));
        sleep_us((long)tl_random_below(&random, 90000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not fail by itself before */

        /* Mode create: the first kills may come before there is a file with anything in it. */
        tl_index *index = open_index(path, kill_number % 2 == 0 ? TL_INDEX_CREATE : TL_INDEX_WRITE);
        assert_ok(tl_index_check(index, err));
        batch_range range = check_whole_batches(index);
        unsigned long long committed = range.count != 0 ? range.last + 1 : 0;
        assert_true(committed >= next); /* what was committed before is still there */
        kills_after_progress += committed > next;
        next = committed;
        tl_index_close(index);
    }
    assert_true(kills_after_progress > 5);
}

static void processes_may_create_the_same_file_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pid_t children[4];
        remove_index(path);
        for (size_t i = 0; i < 4; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                _exit(write_batches(1000 * (i + 1), 1));
        }
        for (size_t i = 0; i < 4; i++) {
            int status = 0;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        tl_index *index = open_index(path, TL_INDEX_READ);
        tl_index_stats stats;
        assert_ok(tl_index_stats_read(index, &stats, err));
        assert_int_equal(stats.items, 4 * BATCH);
        assert_ok(tl_index_check(index, err));
        tl_index_close(index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_searches_while_another_process_writes),
        cmocka_unit_test(killed_writers_leave_whole_commits),
        cmocka_unit_test(processes_may_create_the_same_file_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Where a file lies: a file system that is full for real (a tmpfs of a child's own), a file that may only be read in a folder
 * that may be written.
 */
#define _GNU_SOURCE /* unshare */
#include "tests/unit/index/index_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { DIM = 512, IN_COMMIT = 50, NO_RIGHT = 77, SIZE = 6 << 20, BALLAST = 2 << 20 };

static bool put_numbered(tl_index_writer *writer, size_t number, tl_error *err)
{
    char name[32];
    int64_t id;
    float vector[DIM];
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    tl_random random = tl_random_stream(71, number);
    snprintf(name, sizeof name, "%zu", number);
    random_vector(&random, vector, DIM);
    tl_item item = {.root = "/r", .path = name};
    return tl_index_writer_put_item(writer, &item, &id, err) && tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err);
}

/* Commits until it cannot; *committed: rows of commits that returned. */
static bool fill_up(tl_index *index, size_t *committed, tl_error *err)
{
    tl_index_writer *writer = NULL;
    bool ok = tl_index_writer_open(index, &writer, err);
    for (size_t i = 0; ok && i < 100000; i++) {
        ok = put_numbered(writer, i, err);
        if (ok && i % IN_COMMIT == IN_COMMIT - 1) {
            ok = tl_index_writer_commit(writer, err);
            *committed += ok ? IN_COMMIT : 0;
        }
    }
    tl_index_writer_close(writer);
    return ok;
}

/* Says which promise was broken; NULL: none. */
static const char *is_as_committed(const char *path, size_t committed, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_stats stats = {0};
    const char *fault = NULL;
    if (!tl_index_open(path, TL_INDEX_WRITE, &index, err))
        fault = "cannot be opened";
    else if (!tl_index_check(index, err))
        fault = "is not sound";
    else if (!tl_index_stats_read(index, &stats, err) || stats.items != committed)
        fault = "has other rows than were committed";
    tl_index_close(index);
    return fault;
}

static const char *live_on_a_small_disk(const char *path, const char *ballast, tl_error *err)
{
    tl_index *index = NULL;
    size_t committed = 0;
    static char bytes[BALLAST];
    int file = open(ballast, O_CREAT | O_WRONLY, 0600);
    if (file < 0 || write(file, bytes, sizeof bytes) != (ssize_t)sizeof bytes || close(file) != 0)
        return "cannot write the ballast";
    if (!tl_index_open(path, TL_INDEX_CREATE, &index, err))
        return "cannot be made";
    if (fill_up(index, &committed, err) || err->kind != TL_ERROR_IO || strstr(err->message, "full") == NULL)
        return "expected an error that says that the disk is full";
    tl_index_close(index);
    if (committed == 0)
        return "nothing was committed";
    unlink(ballast); /* somebody makes room */
    const char *fault = is_as_committed(path, committed, err);
    if (fault != NULL)
        return fault;
    /* A vacuum writes the file a second time, for which there is no room. */
    tl_error full = {0};
    if (!tl_index_open(path, TL_INDEX_WRITE, &index, err))
        return "cannot be opened again";
    size_t more = 0;
    if (fill_up(index, &more, &full))
        return "expected the disk to be full again";
    if (tl_index_vacuum(index, &full))
        return "expected no room for a vacuum";
    tl_index_close(index);
    return NULL;
}

/* In a child with file systems of its own. */
static int use_small_disk(const char *folder)
{
    char path[128], ballast[128], size[32];
    tl_error error = {0};
    snprintf(path, sizeof path, "%s/full.twinlens", folder);
    snprintf(ballast, sizeof ballast, "%s/ballast", folder);
    snprintf(size, sizeof size, "size=%d", SIZE);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, size) != 0)
        return NO_RIGHT;
    const char *fault = live_on_a_small_disk(path, ballast, &error);
    if (fault != NULL)
        fprintf(stderr, "child: %s: %s\n", fault, error.message);
    return fault != NULL;
}

static int run_child(int (*child_main)(const char *name), const char *name)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_main(name));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_full_file_system_keeps_what_was_committed(void **state)
{
    (void)state;
    char folder[] = "/tmp/twinlens-full-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    int code = run_child(use_small_disk, folder);
    assert_int_equal(rmdir(folder), 0);
    if (code == NO_RIGHT) {
        print_message("skipped: no right to mount a file system\n");
        skip();
    }
    assert_int_equal(code, 0);
}

/* In a child that is nobody. */
static int read_only_file(const char *path)
{
    tl_error error = {0};
    tl_index *index = NULL;
    tl_index_searcher *searcher = NULL;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    static float query[DIM] = {1};
    tl_hit hits[3];
    size_t count = 0;
    tl_search_options options = {.k = 3};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (tl_index_open(path, TL_INDEX_WRITE, &index, &error) || error.kind != TL_ERROR_IO || strstr(error.message, "read") == NULL)
        return 2;
    bool ok = tl_index_open(path, TL_INDEX_READ, &index, &error) && tl_index_check(index, &error) &&
              tl_index_searcher_create(index, set.model, set.kind, &searcher, &error) &&
              tl_index_searcher_search(searcher, query, &options, hits, &count, &error);
    if (!ok)
        fprintf(stderr, "child: %s\n", error.message);
    tl_index_searcher_destroy(searcher);
    tl_index_close(index);
    return ok && count == 3 ? 0 : 3;
}

static void a_read_only_file_can_be_searched(void **state)
{
    (void)state;
    char folder[] = "/tmp/twinlens-read-test-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    snprintf(path, sizeof path, "%s/read.twinlens", folder);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    for (size_t i = 0; i < 10; i++)
        assert_ok(put_numbered(writer, i, err));
    commit_and_close(writer);
    tl_index_close(index);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(run_child(read_only_file, path), 0);
    /* It stays what it was, and its owner can go on. */
    assert_int_equal(chmod(path, 0644), 0);
    tl_error error = {0};
    const char *fault = is_as_committed(path, 10, &error);
    if (fault != NULL)
        fail_msg("the file %s: %s", fault, error.message);
    remove_index(path);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_system_keeps_what_was_committed),
        cmocka_unit_test(a_read_only_file_can_be_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

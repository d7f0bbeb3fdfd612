/* base/io/file, file_lock and mapping: atomic replacement against refusals, full disks and kills; folders; things that are no
 * files. */
#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/io/file.h"
#include "base/io/file_lock.h"
#include "base/io/mapping.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char place[] = "place";

static int make_place(void **state)
{
    (void)state;
    return tl_directory_remove(place, NULL) && tl_directory_create(place, NULL) ? 0 : -1;
}

static int remove_place(void **state)
{
    (void)state;
    return tl_directory_remove(place, NULL) ? 0 : -1;
}

static void write_text(const char *path, const char *text)
{
    assert_true(tl_file_replace(path, tl_slice_of(text), NULL));
}

static void assert_text(const char *path, const char *text)
{
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    assert_true(tl_file_read(path, &bytes, NULL));
    assert_string_equal(bytes.data, text);
    tl_string_clear(&bytes);
}

static size_t entry_count(const char *path)
{
    tl_directory_listing listing;
    assert_true(tl_directory_open(path, &listing, NULL));
    size_t count = 0;
    for (const char *name; (name = tl_directory_next(&listing)) != NULL;)
        count += name[0] != '.';
    assert_true(tl_directory_close(&listing, true, NULL));
    return count;
}

static void status_tells_kinds_apart(void **state)
{
    (void)state;
    tl_file_status status;
    assert_true(tl_file_status_read("place/none", &status, NULL));
    assert_int_equal(status.kind, TL_FILE_MISSING);
    write_text("place/a", "12345");
    assert_true(tl_file_status_read("place/a", &status, NULL));
    assert_int_equal(status.kind, TL_FILE_REGULAR);
    assert_int_equal(status.size, 5);
    assert_true(status.modified_ns > (int64_t)1500000000 * 1000000000);
    assert_true(tl_file_status_read("place/a/b", &status, NULL));
    assert_int_equal(status.kind, TL_FILE_MISSING);
    assert_true(tl_file_status_read(place, &status, NULL));
    assert_int_equal(status.kind, TL_FILE_DIRECTORY);
    assert_int_equal(mkfifo("place/pipe", 0600), 0);
    assert_true(tl_file_status_read("place/pipe", &status, NULL));
    assert_int_equal(status.kind, TL_FILE_OTHER);
    assert_int_equal(symlink("a", "place/link"), 0);
    assert_true(tl_file_status_read("place/link", &status, NULL));
    assert_int_equal(status.kind, TL_FILE_REGULAR);
    assert_int_equal(symlink("loop", "place/loop"), 0);
    tl_error err;
    assert_false(tl_file_status_read("place/loop", &status, &err));
    assert_int_equal(err.kind, TL_ERROR_IO);
}

static void reading_is_bounded_and_names_the_file(void **state)
{
    (void)state;
    write_text("place/a", "0123456789");
    tl_string bytes;
    tl_error err;
    tl_string_init(&bytes, 9);
    assert_false(tl_file_read("place/a", &bytes, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_string_equal(err.message, "'place/a': expected at most 9 bytes, found 10");
    tl_string_clear(&bytes);
    tl_string_init(&bytes, 12);
    assert_true(tl_string_append_text(&bytes, ">>", NULL));
    assert_true(tl_file_read("place/a", &bytes, NULL)); /* appends, exactly full */
    assert_string_equal(bytes.data, ">>0123456789");
    tl_string_clear(&bytes);

    tl_string_init(&bytes, 100);
    assert_false(tl_file_read("place/none", &bytes, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    assert_string_equal(err.message, "cannot open 'place/none': no such file or directory");
    assert_false(tl_file_read(place, &bytes, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_false(tl_file_read("/dev/zero", &bytes, &err)); /* states no size and never ends */
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    tl_string_clear(&bytes);
}

static void replace_is_whole_or_nothing(void **state)
{
    (void)state;
    write_text("place/a", "old");
    tl_file_writer *writer = NULL;
    assert_true(tl_file_writer_open("place/a", &writer, NULL));
    assert_true(tl_file_writer_write(writer, "new ", 4, NULL));
    assert_true(tl_file_writer_write(writer, "text", 4, NULL));
    assert_text("place/a", "old");
    assert_true(tl_file_writer_commit(writer, NULL));
    assert_text("place/a", "new text");
    tl_file_writer_close(writer);

    assert_true(tl_file_writer_open("place/a", &writer, NULL));
    assert_true(tl_file_writer_write(writer, "never", 5, NULL));
    tl_file_writer_close(writer);
    tl_file_writer_close(NULL);
    assert_text("place/a", "new text");
    assert_int_equal(entry_count(place), 1);
    assert_true(tl_file_replace("place/empty", (tl_slice){NULL, 0}, NULL));
    assert_text("place/empty", "");
}

static void two_writers_of_one_path_do_not_mix(void **state)
{
    (void)state;
    tl_file_writer *first = NULL;
    tl_file_writer *second = NULL;
    assert_true(tl_file_writer_open("place/a", &first, NULL));
    assert_true(tl_file_writer_open("place/a", &second, NULL));
    assert_true(tl_file_writer_write(first, "aaaa", 4, NULL));
    assert_true(tl_file_writer_write(second, "bb", 2, NULL));
    assert_true(tl_file_writer_commit(first, NULL));
    assert_text("place/a", "aaaa");
    assert_true(tl_file_writer_commit(second, NULL));
    assert_text("place/a", "bb");
    tl_file_writer_close(first);
    tl_file_writer_close(second);
    assert_int_equal(entry_count(place), 1);
}

static void a_folder_is_no_file(void **state)
{
    (void)state;
    assert_true(tl_directory_create("place/folder", NULL));
    write_text("place/folder/inner", "kept");
    tl_error err;
    assert_false(tl_file_replace("place/folder", tl_slice_of("x"), &err));
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_non_null(strstr(err.message, "'place/folder'"));
    assert_false(tl_file_replace("place/none/a", tl_slice_of("x"), &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    assert_false(tl_file_replace("place/folder/inner/a", tl_slice_of("x"), &err));
    assert_false(tl_file_replace("", tl_slice_of("x"), &err));
    assert_text("place/folder/inner", "kept");
    assert_int_equal(entry_count(place), 1);
}

static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    write_text("place/a", "old");
    struct rlimit kept;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {4096, kept.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    static char bytes[10000];
    tl_error err = {TL_ERROR_NONE, ""};
    bool replaced = tl_file_replace("place/a", (tl_slice){bytes, sizeof bytes}, &err);
    tl_file_writer *writer = NULL;
    bool opened = tl_file_writer_open("place/a", &writer, NULL);
    bool wrote = opened && tl_file_writer_write(writer, bytes, sizeof bytes, NULL);
    bool committed = opened && tl_file_writer_commit(writer, NULL); /* a caller that forgot to look */
    tl_file_writer_close(writer);
    setrlimit(RLIMIT_FSIZE, &kept);
    signal(SIGXFSZ, handler);
    assert_false(replaced);
    assert_int_equal(err.kind, TL_ERROR_IO);
    assert_true(opened && !wrote && !committed);
    assert_text("place/a", "old");
    assert_int_equal(entry_count(place), 1);
}

/* As an ordinary user, since root may write anywhere; below /tmp, where that user may look. */
static void a_read_only_place_keeps_the_old_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/twinlens-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = tl_path_join(folder, "a", NULL);
    write_text(path, "old");
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        tl_error err = {TL_ERROR_NONE, ""};
        bool refused =
            !tl_file_replace(path, tl_slice_of("new"), &err) && err.kind == TL_ERROR_IO && strstr(err.message, path) != NULL;
        refused = refused && !tl_directory_create(path, &err) && err.kind == TL_ERROR_INVALID;
        refused = refused && tl_directory_create(folder, NULL); /* it is there: nothing to do */
        refused = refused && !tl_directory_remove(folder, &err) && strstr(err.message, "ermission denied") != NULL;
        _exit(refused ? 0 : 1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_text(path, "old");
    assert_int_equal(entry_count(folder), 1);
    assert_true(tl_directory_remove(folder, NULL));
    tl_memory_free(path);
}

static void a_kill_before_commit_keeps_the_old_file(void **state)
{
    (void)state;
    write_text("place/a", "old");
    pid_t child = fork();
    if (child == 0) {
        tl_file_writer *writer = NULL;
        if (tl_file_writer_open("place/a", &writer, NULL) && tl_file_writer_write(writer, "half", 4, NULL))
            raise(SIGKILL);
        _exit(1);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    assert_text("place/a", "old");
    write_text("place/a", "new");
    assert_text("place/a", "new");
}

/* Whenever the kill comes, the file is the whole of one version. */
static void a_kill_at_any_time_leaves_one_version(void **state)
{
    (void)state;
    enum { SIZE = 100000, ROUNDS = 25 };
    static char versions[2][SIZE];
    memset(versions[0], 'a', SIZE);
    memset(versions[1], 'b', SIZE);
    assert_true(tl_file_replace("place/a", (tl_slice){versions[0], SIZE}, NULL));
    tl_random random = tl_random_stream(5, 0);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0)
            for (int i = 0;; i++)
                if (!tl_file_replace("place/a", (tl_slice){versions[i % 2], SIZE - (i % 2)}, NULL))
                    _exit(1);
        struct timespec wait = {0, (long)tl_random_below(&random, 8000000)};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result)); /* not: a replacement failed */
        tl_string bytes;
        tl_string_init(&bytes, SIZE);
        assert_true(tl_file_read("place/a", &bytes, NULL));
        int version = bytes.data[0] == 'b';
        assert_int_equal(bytes.size, SIZE - version);
        assert_memory_equal(bytes.data, versions[version], bytes.size);
        tl_string_clear(&bytes);
    }
}

static void folders_are_made_and_removed_with_all_in_them(void **state)
{
    (void)state;
    tl_error err;
    assert_true(tl_directory_create("place/a/b/c", NULL));
    assert_true(tl_directory_create("place/a/b/c/", NULL));
    assert_true(tl_directory_create("place//a/./d", NULL));
    write_text("place/a/b/file", "x");
    assert_false(tl_directory_create("place/a/b/file/deeper", &err));
    assert_false(tl_directory_create("place/a/b/file", &err));
    assert_string_equal(err.message, "'place/a/b/file': expected a folder, found a file");
    assert_false(tl_directory_create("", &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);

    assert_true(tl_directory_create("place/outside", NULL));
    write_text("place/outside/kept", "kept");
    assert_int_equal(symlink("../../outside", "place/a/b/link"), 0);
    assert_int_equal(symlink("nowhere", "place/a/dangling"), 0);
    assert_int_equal(mkfifo("place/a/pipe", 0600), 0);
    assert_true(tl_directory_remove("place/a", NULL));
    assert_true(tl_directory_remove("place/a", NULL));
    assert_text("place/outside/kept", "kept");
    assert_int_equal(entry_count(place), 1);
}

static void listings_name_all_but_the_dots(void **state)
{
    (void)state;
    write_text("place/.hidden", "");
    write_text("place/b", "");
    assert_true(tl_directory_create("place/c", NULL));
    tl_directory_listing listing;
    assert_true(tl_directory_open(place, &listing, NULL));
    unsigned seen = 0;
    for (const char *name; (name = tl_directory_next(&listing)) != NULL;) {
        unsigned which = strcmp(name, ".hidden") == 0 ? 1 : strcmp(name, "b") == 0 ? 2 : strcmp(name, "c") == 0 ? 4 : 0;
        assert_true(which != 0 && (seen & which) == 0);
        seen |= which;
    }
    assert_true(tl_directory_close(&listing, true, NULL));
    assert_int_equal(seen, 7);
}

static void listings_tell_what_they_could_not_read(void **state)
{
    (void)state;
    tl_directory_listing listing;
    tl_error err = {0};
    assert_false(tl_directory_open("place/none", &listing, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
    assert_true(tl_directory_open_if_there("place/none", &listing, NULL));
    assert_null(tl_directory_next(&listing));
    assert_true(tl_directory_close(&listing, true, NULL));
    write_text("place/a", "");
    assert_false(tl_directory_open_if_there("place/a", &listing, &err));

    /* Reading breaks off, as on a failing disk: nothing is behind the descriptor any more. */
    assert_true(tl_directory_open(place, &listing, NULL));
    close(tl_directory_descriptor(&listing));
    assert_null(tl_directory_next(&listing));
    assert_false(tl_directory_close(&listing, true, &err));
    assert_string_equal(err.message, "cannot read folder 'place': bad file descriptor");
}

static void resolve_follows_links(void **state)
{
    (void)state;
    write_text("place/a", "x");
    assert_int_equal(symlink("a", "place/link"), 0);
    char *direct = tl_path_resolve("place/a", NULL);
    char *linked = tl_path_resolve("./place/../place/link", NULL);
    assert_non_null(direct);
    assert_int_equal(direct[0], '/');
    assert_string_equal(linked, direct);
    tl_memory_free(direct);
    tl_memory_free(linked);
    tl_error err;
    assert_null(tl_path_resolve("place/none", &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
}

static void mappings_show_regular_files_only(void **state)
{
    (void)state;
    tl_mapping mapping;
    write_text("place/a", "mapped");
    assert_true(tl_mapping_open("place/a", &mapping, NULL));
    assert_true(tl_slice_equal(mapping.bytes, tl_slice_of("mapped")));
    write_text("place/a", "other"); /* a replaced file stays as it was for those who have it mapped */
    assert_true(tl_slice_equal(mapping.bytes, tl_slice_of("mapped")));
    tl_mapping_close(&mapping);
    assert_int_equal(mapping.bytes.size, 0);
    tl_mapping_close(&mapping);

    write_text("place/empty", "");
    assert_true(tl_mapping_open("place/empty", &mapping, NULL));
    assert_int_equal(mapping.bytes.size, 0);
    tl_mapping_close(&mapping);
    tl_error err;
    assert_false(tl_mapping_open(place, &mapping, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_int_equal(mkfifo("place/pipe", 0600), 0);
    assert_false(tl_mapping_open("place/pipe", &mapping, &err)); /* and does not wait for a writer */
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_false(tl_mapping_open("place/none", &mapping, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
}

/* 0: another process gets the lock, 1: it is kept out, 2: an error. */
static int try_lock_elsewhere(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        int file;
        _exit(!tl_file_lock(path, &file, NULL) ? 2 : file < 0);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void a_lock_keeps_others_out(void **state)
{
    (void)state;
    int file;
    tl_error err;
    assert_int_equal(try_lock_elsewhere("place/lock"), 0); /* and ends with its process */
    assert_true(tl_file_lock("place/lock", &file, &err));
    assert_true(file >= 0);
    assert_int_equal(try_lock_elsewhere("place/lock"), 1);
    tl_file_unlock(file);
    assert_int_equal(try_lock_elsewhere("place/lock"), 0);
    assert_int_equal(symlink("lock", "place/link"), 0);
    assert_false(tl_file_lock("place/link", &file, &err));
    assert_non_null(strstr(err.message, "cannot open 'place/link'"));
}

int main(void)
{
    alarm(300); /* a test that waits for a pipe has failed */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(status_tells_kinds_apart, make_place, remove_place),
        cmocka_unit_test_setup_teardown(reading_is_bounded_and_names_the_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(replace_is_whole_or_nothing, make_place, remove_place),
        cmocka_unit_test_setup_teardown(two_writers_of_one_path_do_not_mix, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_folder_is_no_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_full_disk_keeps_the_old_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_read_only_place_keeps_the_old_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_kill_before_commit_keeps_the_old_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_kill_at_any_time_leaves_one_version, make_place, remove_place),
        cmocka_unit_test_setup_teardown(folders_are_made_and_removed_with_all_in_them, make_place, remove_place),
        cmocka_unit_test_setup_teardown(listings_name_all_but_the_dots, make_place, remove_place),
        cmocka_unit_test_setup_teardown(listings_tell_what_they_could_not_read, make_place, remove_place),
        cmocka_unit_test_setup_teardown(resolve_follows_links, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_lock_keeps_others_out, make_place, remove_place),
        cmocka_unit_test_setup_teardown(mappings_show_regular_files_only, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

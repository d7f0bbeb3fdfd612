/* cli/app/model_store: folders that come and go whole, two at once, killed replacements, and memory that runs out. */
#include "tests/support/failing_memory.c"

#include "base/io/file.h"
#include "cli/app/model_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char first[] = "1111111111111111111111111111111111111111";
static const char second[] = "2222222222222222222222222222222222222222";
#define STORE "home/twinlens/models"

typedef struct fixture {
    tl_runtime *runtime;
    tl_model_reference reference;
} fixture;

static int open_store(void **state)
{
    static fixture test;
    assert_true(tl_directory_remove("home", NULL));
    setenv("XDG_DATA_HOME", "home", 1);
    unsetenv("TWINLENS_MODEL");
    assert_true(tl_runtime_open(&test.runtime, NULL));
    assert_true(tl_model_reference_read("o/r", &test.reference, NULL));
    *state = &test;
    return 0;
}

static int close_store(void **state)
{
    tl_runtime_close(((fixture *)*state)->runtime);
    return 0;
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_true(tl_file_replace(path, tl_slice_of(text), NULL));
}

static void expect_text(const char *path, const char *text)
{
    tl_string found;
    tl_string_init(&found, 1000);
    assert_true(tl_file_read(path, &found, NULL));
    assert_string_equal(found.data, text);
    tl_string_clear(&found);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A whole download of commit, placed. */
static bool install(fixture *test, const char *commit, tl_error *err)
{
    bool ok = false;
    char *path = NULL;
    tl_model_lock lock;
    if (!tl_model_store_lock(test->runtime, &test->reference, &lock, err))
        return false;
    char *partial = tl_model_store_partial(test->runtime, &test->reference, commit, err);
    if (partial != NULL) {
        char name[1000];
        snprintf(name, sizeof name, "%s/config.json", partial);
        ok = tl_file_replace(name, tl_slice_of(commit), err) &&
             tl_model_store_place(test->runtime, &test->reference, partial, &path, err);
    }
    tl_model_store_unlock(&lock);
    tl_memory_free(partial);
    tl_memory_free(path);
    return ok;
}

static bool find(fixture *test)
{
    char *path = NULL;
    assert_true(tl_model_store_find(test->runtime, &test->reference, &path, NULL));
    bool found = path != NULL;
    tl_memory_free(path);
    return found;
}

static void models_come_change_and_go(void **state)
{
    fixture *test = *state;
    tl_stored_models models;
    bool was_default;
    assert_true(tl_model_store_list(test->runtime, &models, NULL));
    assert_int_equal(models.count, 0);
    assert_false(find(test));
    assert_true(install(test, first, NULL));
    assert_true(find(test));
    expect_text(STORE "/o--r/config.json", first);
    char *partial = tl_model_store_partial(test->runtime, &test->reference, "3333", NULL);
    assert_non_null(partial);
    tl_memory_free(partial);
    assert_true(install(test, second, NULL));
    expect_text(STORE "/o--r/config.json", second);
    assert_false(is_there(STORE "/.old/o--r"));
    assert_false(is_there(STORE "/.partial/o--r@3333"));
    assert_true(tl_runtime_use_model(test->runtime, STORE "/o--r", NULL));
    assert_true(tl_model_store_list(test->runtime, &models, NULL));
    assert_int_equal(models.count, 1);
    assert_string_equal(models.items[0].name, "o/r");
    assert_true(models.items[0].size == 40 && !models.items[0].has_origin && models.items[0].path != NULL);
    tl_stored_models_clear(&models);
    assert_true(tl_model_store_remove(test->runtime, &test->reference, &was_default, NULL));
    assert_true(was_default);
    assert_false(find(test));
    tl_error err;
    assert_false(tl_model_store_remove(test->runtime, &test->reference, &was_default, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
}

static void what_is_not_ours_is_not_listed(void **state)
{
    fixture *test = *state;
    tl_stored_models models;
    assert_true(tl_directory_create(STORE "/notes", NULL));
    assert_true(tl_directory_create(STORE "/o--r--x", NULL));
    assert_true(tl_directory_create(STORE "/a--b", NULL));
    assert_true(tl_directory_create(STORE "/.partial/c--d@1111", NULL));
    write_text(STORE, "e--f", "a file");
    write_text(STORE "/a--b", "origin.json", "{");
    assert_true(tl_model_store_list(test->runtime, &models, NULL));
    assert_int_equal(models.count, 2);
    assert_string_equal(models.items[0].name, "a/b");
    assert_string_equal(models.items[1].name, "c/d");
    assert_null(models.items[1].path);
    tl_stored_models_clear(&models);
}

static void a_link_out_of_the_store_is_removed_and_not_followed(void **state)
{
    fixture *test = *state;
    bool was_default;
    assert_true(tl_directory_create("outside", NULL));
    write_text("outside", "kept", "kept");
    assert_true(tl_directory_create(STORE, NULL));
    assert_int_equal(symlink("../../../outside", STORE "/o--r"), 0);
    assert_true(find(test));
    assert_true(tl_model_store_remove(test->runtime, &test->reference, &was_default, NULL));
    assert_false(is_there(STORE "/o--r"));
    expect_text("outside/kept", "kept");
}

static void a_killed_replacement_is_put_back(void **state)
{
    fixture *test = *state;
    assert_true(install(test, first, NULL));
    assert_int_equal(rename(STORE "/o--r", STORE "/.old/o--r"), 0);
    assert_true(find(test));
    expect_text(STORE "/o--r/config.json", first);
    /* By the listing, too. */
    tl_stored_models models;
    assert_int_equal(rename(STORE "/o--r", STORE "/.old/o--r"), 0);
    assert_true(tl_model_store_list(test->runtime, &models, NULL));
    assert_true(models.count == 1 && models.items[0].path != NULL);
    tl_stored_models_clear(&models);
    /* Killed after the second rename: the new one stays, and a removal is not undone by what is left of the old. */
    bool was_default;
    assert_true(tl_directory_create(STORE "/.old/o--r", NULL));
    assert_true(tl_directory_create(STORE "/.old/.o--r", NULL));
    assert_true(find(test));
    assert_true(tl_model_store_remove(test->runtime, &test->reference, &was_default, NULL));
    assert_false(find(test));
    assert_false(is_there(STORE "/.old/.o--r"));
}

static void two_processes_do_not_download_the_same(void **state)
{
    fixture *test = *state;
    tl_model_lock lock;
    assert_true(tl_model_store_lock(test->runtime, &test->reference, &lock, NULL));
    pid_t child = fork();
    if (child == 0) {
        tl_model_lock second_lock;
        tl_error err;
        bool is_refused = !tl_model_store_lock(test->runtime, &test->reference, &second_lock, &err) &&
                          strstr(err.message, "another twinlens") != NULL;
        _exit(is_refused ? 0 : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    tl_model_store_unlock(&lock);
}

/* At every moment of memory running out there is a whole model, the old one or the new one. */
static void memory_runs_out(void **state)
{
    fixture *test = *state;
    assert_true(install(test, first, NULL));
    failing_memory_sweep sweep = {.job = "replace", .least_failures = 11, .may_do_without = true};
    while (failing_memory_next(&sweep)) {
        tl_stored_models models = {0};
        failing_memory_judge(&sweep,
                             install(test, second, &sweep.err) && tl_model_store_list(test->runtime, &models, &sweep.err));
        tl_stored_models_clear(&models);
        assert_true(find(test));
    }
    expect_text(STORE "/o--r/config.json", second);
    for (size_t number = 1;; number++) {
        bool was_default;
        tl_error err = {TL_ERROR_NONE, ""};
        failing_memory_arm(number);
        bool ok = tl_model_store_remove(test->runtime, &test->reference, &was_default, &err);
        failing_memory_disarm();
        if (ok || err.kind == TL_ERROR_NOT_FOUND)
            break;
        assert_int_equal(err.kind, TL_ERROR_NO_MEMORY);
    }
    assert_false(find(test));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(models_come_change_and_go, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_not_listed, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_link_out_of_the_store_is_removed_and_not_followed, open_store, close_store),
        cmocka_unit_test_setup_teardown(a_killed_replacement_is_put_back, open_store, close_store),
        cmocka_unit_test_setup_teardown(two_processes_do_not_download_the_same, open_store, close_store),
        cmocka_unit_test_setup_teardown(memory_runs_out, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

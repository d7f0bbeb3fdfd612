/* cli/app/model_names: what is a name of a model, and that no name leads out of the store. */
#include "cli/app/model_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_are_read(void **state)
{
    (void)state;
    tl_model_reference read;
    assert_true(tl_model_reference_read("Org_1/A.b-c", &read, NULL));
    assert_string_equal(read.repository, "Org_1/A.b-c");
    assert_string_equal(read.folder, "Org_1--A.b-c");
    assert_string_equal(read.revision, "main");
    assert_null(read.known);
    assert_true(tl_model_reference_read("Org_1--A.b-c@refs/pr/3", &read, NULL));
    assert_string_equal(read.repository, "Org_1/A.b-c");
    assert_string_equal(read.revision, "refs/pr/3");
    assert_true(tl_model_reference_read("clip-vit-b-32@v1", &read, NULL));
    assert_string_equal(read.known->name, "clip-vit-b-32");
    assert_string_equal(read.repository, read.known->repository);
    assert_string_equal(read.revision, "v1");
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",        "/",    "a",      "a/",     "/a",     "a/b/c", "../b",   "a/..",       "a/.b",   ".a/b",       "a/b.",
        "a/-b",    "a-/b", "a/b--c", "a/b..c", "a b/c",  "a/b\n", "a/b@",   "a/b@..",     "a/b@/x", "a/b@-x",     "a/b@x\ny",
        "a/b@a@b", "--",   "a--",    "--b",    "..--..", "~/x",   "a\\b/c", "a/\xc3\xa9", "a/b%2f", "http://x/y", "@main",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tl_model_reference read;
        tl_error err = {TL_ERROR_NONE, ""};
        if (tl_model_reference_read(wrong[i], &read, &err))
            fail_msg("expected '%s' refused, found %s", wrong[i], read.folder);
        assert_int_equal(err.kind, TL_ERROR_INVALID);
    }
    char text[1000];
    memset(text, 'a', sizeof text);
    text[97] = '/';
    text[150] = '\0';
    tl_model_reference read;
    assert_false(tl_model_reference_read(text, &read, NULL));
    text[96] = '/';
    text[97] = 'a';
    assert_true(tl_model_reference_read(text, &read, NULL));
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(tl_model_reference_read(text, &read, NULL));
}

static void well_known_names_are_sound(void **state)
{
    (void)state;
    assert_true(tl_known_model_count > 20);
    assert_string_equal(tl_known_models[0].name, "clip-vit-b-32");
    for (size_t i = 0; i < tl_known_model_count; i++) {
        const tl_known_model *model = &tl_known_models[i];
        tl_model_reference read;
        assert_ptr_equal(tl_known_model_find(model->name), model);
        assert_ptr_equal(tl_known_model_of(model->repository), model); /* a repository once */
        assert_true(tl_model_reference_read(model->repository, &read, NULL));
        assert_true(tl_model_reference_read(model->name, &read, NULL));
        assert_true(strlen(model->name) <= 22); /* the column of 'model list' */
        /* Folder and repository are one another's. */
        tl_model_reference again;
        assert_true(tl_model_reference_read(read.folder, &again, NULL));
        assert_string_equal(again.repository, model->repository);
    }
    assert_null(tl_known_model_find("clip"));
    assert_null(tl_known_model_of("a/b"));
}

static void file_names_are_plain(void **state)
{
    (void)state;
    assert_true(tl_model_file_name_is_plain("model-00001-of-00002.safetensors"));
    static const char *const wrong[] = {"", ".", "..", ".x", "-x", "a/b", "/a", "a b", "a\n", "\xff", "a\\b", "a:b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(tl_model_file_name_is_plain(wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(well_known_names_are_sound),
        cmocka_unit_test(file_names_are_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Files of a run: weights are copied whatever their size, and a folder in which there is something already is not written over.
 */
#include "base/io/file.h"
#include "cli/app/train_folder_internal.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

/* More than is ever read into memory at once: the best model of a fine-tuned ViT-B/32 has 600 MB. */
static void weights_of_any_size_are_copied(void **state)
{
    (void)state;
    enum { LARGE = (256 << 20) + 1 };
    tl_file_status status;
    tl_string small;
    assert_ok(tl_file_replace("weights", tl_slice_of("0123"), err));
    assert_int_equal(truncate("weights", LARGE), 0);
    assert_ok(tl_train_folder_copy_weights("weights", "copy", err) && tl_file_status_read("copy", &status, err));
    assert_int_equal(status.size, LARGE);
    assert_int_equal(truncate("copy", 4), 0);
    tl_string_init(&small, 16);
    assert_ok(tl_file_read("copy", &small, err));
    assert_string_equal(small.data, "0123");
    tl_string_clear(&small);
    assert_ok(tl_file_replace("weights", tl_slice_of(""), err));
    assert_ok(tl_train_folder_copy_weights("weights", "copy", err) && tl_file_status_read("copy", &status, err));
    assert_int_equal(status.size, 0);
    tl_error error;
    assert_false(tl_train_folder_copy_weights("nowhere", "copy", &error));
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
    assert_true(unlink("weights") == 0 && unlink("copy") == 0);
}

static void what_is_there_stays(void **state)
{
    (void)state;
    tl_error error;
    assert_ok(tl_directory_remove("new", err) && tl_train_folder_claim("new", err) && tl_train_folder_claim("new", err));
    assert_ok(tl_file_replace("new/config.json", tl_slice_of("{}"), err));
    assert_false(tl_train_folder_claim("new", &error));
    assert_non_null(strstr(error.message, "holds a config.json already"));
    assert_ok(tl_file_replace("new/train.json", tl_slice_of("{}"), err));
    assert_false(tl_train_folder_claim("new", &error));
    assert_non_null(strstr(error.message, "--resume"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_any_size_are_copied),
        cmocka_unit_test(what_is_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The page of a run: all of its numbers are there, nothing in it comes from elsewhere, and what a run was told is text, not
 * markup. */
#include "tests/support/assert_ok.h"
#include "tests/support/failing_memory.c"

#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/train_page.h"

#include <stdio.h>

enum { STEPS = 5000 };

static void make_run(const char *settings, int steps)
{
    tl_string log;
    tl_string_init(&log, 1 << 24);
    for (int step = 1; step <= steps; step++)
        assert_ok(tl_string_append_format(
            &log, err, "{\"step\": %d, \"loss\": %g, \"mutual_information_nats\": %s, \"learning_rate\": 0.001}\n", step,
            5.0 - step * 4.0 / steps, step % 2 != 0 ? "null" : "0.5"));
    assert_ok(
        tl_string_append_text(&log, "{\"step\": 3, \"validation_text_to_image_recall_at_10\": 0.625}\n{\"step\": 4, \"los", err));
    assert_ok(tl_file_replace("training.jsonl", tl_string_slice(&log), err));
    assert_ok(tl_file_replace("train.json", tl_slice_of(settings), err));
    tl_string_clear(&log);
}

static void read_page(tl_string *page)
{
    tl_string_init(page, 1 << 24);
    assert_ok(tl_train_page_write(".", err));
    assert_ok(tl_file_read("report.html", page, err));
}

static size_t count_of(const tl_string *page, const char *text)
{
    size_t count = 0;
    for (const char *at = page->data; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

static void numbers_are_there(void **state)
{
    (void)state;
    tl_string page;
    make_run("{\"format\": 2, \"batch\": 128}", 4);
    read_page(&page);
    assert_int_equal(count_of(&page, "<figure>"), 4); /* what was not measured has no chart */
    assert_non_null(strstr(page.data, "loss: 1 at step 4"));
    assert_non_null(strstr(page.data, "validation_text_to_image_recall_at_10: 0.625 at step 3"));
    assert_non_null(strstr(page.data, "mutual_information_nats: 0.5 at step 4"));
    assert_non_null(strstr(page.data, "<th>batch</th><td>128</td>"));
    assert_null(strstr(page.data, "nan"));
    assert_null(strstr(page.data, ">inf<"));
    assert_null(strstr(page.data, ",inf "));
    /* The loss falls by equal steps: from the top of its chart to the bottom. */
    assert_non_null(strstr(page.data, "points=\"210.0,12.0 350.0,72.7 490.0,133.3 630.0,194.0 \""));
    tl_string_clear(&page);
}

static void long_runs_are_thinned(void **state)
{
    (void)state;
    tl_string page;
    make_run("{}", STEPS);
    read_page(&page);
    assert_true(page.size < 64 << 10);
    assert_non_null(strstr(page.data, "at step 5000"));
    tl_string_clear(&page);
}

static void nothing_comes_from_elsewhere(void **state)
{
    (void)state;
    tl_string page;
    make_run("{\"datasets\": [\"<script>alert(1)</script>\", \"a' onload='x\", \"https://x/&amp;\"], "
             "\"<img src=x>\": \"</table><style>@import 'x'\"}",
             2);
    read_page(&page);
    static const char *const wrong[] = {"<script", "<img", "<link", "href=", "url(", "onload='", "</table><"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *found = strstr(page.data, wrong[i]);
        if (found != NULL)
            fail_msg("expected no %s, found '%.60s'", wrong[i], found);
    }
    assert_non_null(strstr(page.data, "&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert_non_null(strstr(page.data, "&#60;img src=x&#62;"));
    assert_int_equal(count_of(&page, "</table>"), 1);
    assert_int_equal(count_of(&page, "<style"), 1);
    assert_non_null(strstr(page.data, "default-src 'none'"));
    tl_string_clear(&page);
}

static void a_folder_without_a_run_is_refused(void **state)
{
    (void)state;
    assert_error(tl_train_page_write("nowhere", err), TL_ERROR_NOT_FOUND, "nowhere");
}

static void write_examples(const char *text)
{
    assert_ok(tl_file_replace("examples.json", tl_slice_of(text), err));
}

/* Captions as text, pictures as data, right ones told from others; what is no picture is refused. */
static void examples_are_shown(void **state)
{
    (void)state;
    tl_string page;
    make_run("{\"format\": 2}", 3);
    write_examples(
        "[{\"caption\": \"a <b>fox</b>\", \"pictures\": [{\"caption\": \"a <b>fox</b>\", \"similarity\": 0.5, \"is_right\": true,"
        "\"jpeg\": \"/9j+\"}, {\"caption\": \"a dog\", \"similarity\": 0.25, \"is_right\": false, \"jpeg\": \"AAAA\"},"
        "{\"caption\": \"unread\", \"similarity\": 0.1}]}]");
    read_page(&page);
    assert_int_equal(count_of(&page, "<h3>a &#60;b&#62;fox&#60;/b&#62;</h3>"), 1);
    assert_int_equal(count_of(&page, "class=\"found right\"><img src=\"data:image/jpeg;base64,/9j+\""), 1);
    assert_int_equal(count_of(&page, "class=\"found\"><img src=\"data:image/jpeg;base64,AAAA\""), 1);
    assert_int_equal(count_of(&page, "a dog (0.250)"), 1);
    assert_int_equal(count_of(&page, "<img"), 2);
    tl_string_clear(&page);
    write_examples("[{\"caption\": \"x\", \"pictures\": [{\"jpeg\": \"\\\"><script>\"}]}]");
    assert_error(tl_train_page_write(".", err), TL_ERROR_CORRUPT, "base64");
    write_examples("[");
    assert_error(tl_train_page_write(".", err), TL_ERROR_CORRUPT, "examples.json");
    assert_true(remove("examples.json") == 0);
}

static void memory_runs_out(void **state)
{
    (void)state;
    make_run("{\"format\": 2, \"text\": \"<\"}", 3);
    failing_memory_sweep sweep = {.job = "page", .least_failures = 11};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, tl_train_page_write(".", &sweep.err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_there),
        cmocka_unit_test(long_runs_are_thinned),
        cmocka_unit_test(nothing_comes_from_elsewhere),
        cmocka_unit_test(a_folder_without_a_run_is_refused),
        cmocka_unit_test(examples_are_shown),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

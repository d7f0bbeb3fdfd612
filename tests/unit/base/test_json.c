/* base/io/json: errors that name place and member, lookups that never crash, numbers and order through a round trip. */
#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "tests/support/assert_ok.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static tl_json *parsed(const char *text)
{
    tl_json *json = NULL;
    assert_ok(tl_json_parse(tl_slice_of(text), "test", &json, err));
    return json;
}

static void errors_name_document_and_place(void **state)
{
    (void)state;
    tl_json *json = NULL;
    tl_error err;
    assert_false(tl_json_parse(tl_slice_of("{\n  \"a\": 1,\n  oops\n}"), "config.json", &json, &err));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "'config.json': line 3, column 6: not valid json"));
    static const char *const broken[] = {"",
                                         " ",
                                         "{",
                                         "[1,]",
                                         "{\"a\": 1, \"a\": 2}",
                                         "[1] 2",
                                         "\"\xFF\"",
                                         "\"\\ud800\"",
                                         "\"a\\u0000b\"",
                                         "{\"a\\u0000b\": 1}",
                                         "01",
                                         "1e999",
                                         "99999999999999999999",
                                         "NaN",
                                         "'a'"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        err.kind = TL_ERROR_NONE;
        if (tl_json_parse(tl_slice_of(broken[i]), "x", &json, &err))
            fail_msg("accepted: %s", broken[i]);
        assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *text = tl_memory_allocate(DEPTH, 1, NULL);
    memset(text, '[', DEPTH);
    tl_json *json = NULL;
    tl_error err;
    assert_false(tl_json_parse((tl_slice){text, DEPTH}, "deep", &json, &err));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    tl_memory_free(text);
}

static void lookups_in_absent_or_other_things_give_nothing(void **state)
{
    (void)state;
    tl_json *json = parsed("{\"text\": \"fox\", \"n\": 3, \"x\": 0.5, \"null\": null, \"yes\": true, \"list\": [1, \"two\"]}");
    assert_null(tl_json_member(json, "none"));
    assert_null(tl_json_member(json, "null"));
    assert_null(tl_json_member(NULL, "a"));
    assert_null(tl_json_member(tl_json_member(json, "list"), "a"));
    assert_null(tl_json_text(NULL));
    assert_null(tl_json_text(tl_json_member(json, "n")));
    assert_false(tl_json_is_object(NULL));
    assert_false(tl_json_is_object(tl_json_member(json, "list")));
    assert_int_equal(tl_json_object_size(json), 6);
    assert_int_equal(tl_json_array_size(json), 0);
    assert_int_equal(tl_json_array_size(tl_json_member(json, "list")), 2);
    assert_null(tl_json_array_item(tl_json_member(json, "list"), 2));
    assert_null(tl_json_array_item(json, 0));
    assert_string_equal(tl_json_text(tl_json_array_item(tl_json_member(json, "list"), 1)), "two");

    double number = 0.0;
    int64_t integer = 0;
    assert_true(tl_json_number(tl_json_member(json, "n"), &number) && number == 3.0);
    assert_false(tl_json_integer(tl_json_member(json, "x"), &integer));
    assert_false(tl_json_number(NULL, &number));

    assert_string_equal(tl_json_text_or(json, "text", "none"), "fox");
    assert_string_equal(tl_json_text_or(json, "n", "none"), "none");
    assert_int_equal(tl_json_integer_or(json, "n", 9), 3);
    assert_int_equal(tl_json_integer_or(json, "x", 9), 9);
    assert_true(tl_json_number_or(json, "n", 9.0) == 3.0);
    assert_true(tl_json_number_or(NULL, "n", 9.0) == 9.0);
    assert_true(tl_json_bool_or(json, "yes", false));
    assert_true(tl_json_bool_or(json, "n", true));
    tl_json_free(json);
    tl_json_free(NULL);
}

static void required_members_say_expected_and_found(void **state)
{
    (void)state;
    tl_json *json = parsed("{\"text\": \"fox\", \"n\": 3, \"x\": 0.5, \"list\": []}");
    tl_error err;
    const char *text = NULL;
    int64_t integer = 0;
    double number = 0.0;
    assert_true(tl_json_get_text(json, "text", &text, NULL));
    assert_string_equal(text, "fox");
    assert_true(tl_json_get_integer(json, "n", 3, 3, &integer, NULL));
    assert_int_equal(integer, 3);
    assert_true(tl_json_get_number(json, "x", &number, NULL) && number == 0.5);
    assert_true(tl_json_get_number(json, "n", &number, NULL) && number == 3.0);

    assert_false(tl_json_get_text(json, "list", &text, &err));
    assert_string_equal(err.message, "'list': expected a text, found an array");
    assert_false(tl_json_get_text(json, "none", &text, &err));
    assert_string_equal(err.message, "'none': expected a text, found nothing");
    assert_false(tl_json_get_integer(json, "x", 0, 9, &integer, &err));
    assert_string_equal(err.message, "'x': expected an integer, found a number");
    assert_false(tl_json_get_integer(json, "n", 4, 9, &integer, &err));
    assert_string_equal(err.message, "'n': expected 4 to 9, found 3");
    assert_false(tl_json_get_integer(json, "n", 0, 2, &integer, &err));
    assert_int_equal(integer, 3);
    assert_false(tl_json_get_number(json, "text", &number, &err));
    assert_string_equal(err.message, "'text': expected a number, found a text");
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    tl_json_free(json);
}

static bool append_name(void *context, const char *name, const tl_json *value)
{
    tl_string *names = context;
    (void)value;
    return tl_string_append_text(names, name, NULL) && strcmp(name, "stop") != 0;
}

static void members_keep_their_order(void **state)
{
    (void)state;
    tl_json *json = parsed("{\"zebra\": 1, \"ant\": 2, \"m\": 3}");
    tl_string names;
    tl_string_init(&names, 1000);
    assert_true(tl_json_each_member(json, append_name, &names));
    assert_string_equal(names.data, "zebraantm");
    tl_json_free(json);
    json = parsed("{\"b\": 1, \"stop\": 2, \"a\": 3}");
    tl_string_reset(&names);
    assert_false(tl_json_each_member(json, append_name, &names));
    assert_string_equal(names.data, "bstop");
    tl_json_free(json);
    tl_string_clear(&names);
}

static void building_gives_the_text_meant(void **state)
{
    (void)state;
    tl_json *json = tl_json_object_create(NULL);
    tl_json *list = tl_json_array_create(NULL);
    assert_true(tl_json_append_text(list, "fox \xF0\x9F\xA6\x8A \"q\"\n", NULL));
    assert_true(tl_json_append_number(list, 0.1, NULL));
    assert_true(tl_json_append(list, tl_json_object_create(NULL), NULL));
    assert_true(tl_json_set_text(json, "b", "", NULL));
    assert_true(tl_json_set(json, "list", list, NULL));
    assert_true(tl_json_set_integer(json, "n", INT64_MIN, NULL));
    assert_true(tl_json_set_bool(json, "yes", true, NULL));
    assert_true(tl_json_set_number(json, "nan", (double)NAN, NULL));
    assert_true(tl_json_set_number(json, "inf", -(double)INFINITY, NULL));
    assert_true(tl_json_set_bool(json, "b", false, NULL)); /* replaces, in the same place */

    static const char expected[] = "{\"b\":false,\"list\":[\"fox \xF0\x9F\xA6\x8A \\\"q\\\"\\n\",0.1,{}],"
                                   "\"n\":-9223372036854775808,\"yes\":true,\"nan\":null,\"inf\":null}";
    tl_string text;
    tl_string_init(&text, 4096);
    assert_true(tl_json_write(json, TL_JSON_COMPACT, &text, NULL));
    assert_string_equal(text.data, expected);
    tl_json *copy = tl_json_copy(json, NULL);
    tl_json_free(json);
    tl_string_reset(&text);
    assert_true(tl_json_write(copy, TL_JSON_COMPACT, &text, NULL));
    assert_string_equal(text.data, expected);
    tl_string_clear(&text);

    tl_string_init(&text, 20);
    tl_error err;
    assert_false(tl_json_write(copy, TL_JSON_COMPACT, &text, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID); /* the ceiling, not memory */
    tl_string_clear(&text);
    tl_json_free(copy);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    tl_json *json = tl_json_object_create(NULL);
    tl_error err;
    assert_false(tl_json_set_text(json, "a", "\xFF", &err));
    assert_false(tl_json_set_text(json, "\xFF", "a", &err));
    assert_false(tl_json_set(json, "a", NULL, &err));
    assert_int_equal(tl_json_object_size(json), 0);
    tl_json_free(json);
}

static void every_float_comes_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40000; i++) {
        uint32_t bits = i * 107377u;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        tl_json *list = tl_json_array_create(NULL);
        assert_true(tl_json_append_number(list, (double)value, NULL));
        tl_string text;
        tl_string_init(&text, 100);
        assert_true(tl_json_write(list, TL_JSON_COMPACT, &text, NULL));
        tl_json *again = parsed(text.data);
        double number = 0.0;
        assert_true(tl_json_number(tl_json_array_item(again, 0), &number));
        if ((float)number != value)
            fail_msg("%a became %s", (double)value, text.data);
        tl_json_free(again);
        tl_json_free(list);
        tl_string_clear(&text);
    }
}

static void files_are_read_and_written(void **state)
{
    (void)state;
    tl_json *json = parsed("{\"a\": [1]}");
    assert_true(tl_json_write_file(json, "out.json", NULL));
    tl_json_free(json);
    tl_string text;
    tl_string_init(&text, 1000);
    assert_true(tl_file_read("out.json", &text, NULL));
    assert_string_equal(text.data, "{\n  \"a\": [\n    1\n  ]\n}\n");
    tl_string_clear(&text);
    assert_true(tl_json_read_file("out.json", 1000, &json, NULL));
    tl_json_free(json);
    tl_error err;
    assert_false(tl_json_read_file("out.json", 5, &json, &err));
    assert_int_equal(err.kind, TL_ERROR_INVALID);
    assert_true(tl_file_replace("out.json", tl_slice_of("{"), NULL));
    assert_false(tl_json_read_file("out.json", 1000, &json, &err));
    assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    assert_non_null(strstr(err.message, "'out.json': line 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_document_and_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(lookups_in_absent_or_other_things_give_nothing),
        cmocka_unit_test(required_members_say_expected_and_found),
        cmocka_unit_test(members_keep_their_order),
        cmocka_unit_test(building_gives_the_text_meant),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(every_float_comes_back),
        cmocka_unit_test(files_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

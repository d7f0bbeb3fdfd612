/* Settings through train.json and back, and what is refused by name. */
#include "tests/support/assert_ok.h"

#include "base/io/file.h"
#include "cli/app/train_settings.h"
#include "cli/app/weight_list_internal.h"

static void every_setting_comes_back(void **state)
{
    (void)state;
    tl_train_settings settings;
    tl_train_record record;
    tl_train_settings_default(&settings);
    assert_string_equal(settings.size, "small");
    assert_true(settings.image_lr == -1.0 && settings.warmup == -1 && settings.validate == NULL);
    settings.loss = "sigmoid";
    settings.steps = 77;
    settings.batch = 16384;
    settings.learning_rate = 1.0 / 3.0;
    settings.average = 0.999;
    settings.validate = "some set";
    settings.templates = (tl_train_texts){.items = {"a {}", "{}"}, .count = 2};
    tl_train_settings_round(&settings);
    assert_ok(tl_directory_create("model", err));
    const char *const datasets[] = {"one", "two"};
    assert_ok(tl_train_record_write("model", &settings, datasets, 2, 0xfedcba9876543210, err));
    assert_ok(tl_train_record_read("model", &record, err));
    assert_true(record.set_fingerprint == 0xfedcba9876543210);
    assert_string_equal(record.settings.validate, "some set");
    assert_null(record.settings.init);
    assert_true(record.settings.learning_rate == settings.learning_rate && record.settings.average == settings.average);
    assert_true(record.settings.steps == 77 && record.settings.batch == 16384 && record.settings.warmup == -1);
    assert_int_equal(record.settings.templates.count, 2);
    assert_string_equal(record.settings.templates.items[1], "{}");
    assert_int_equal(tl_json_array_size(tl_json_member(record.json, "datasets")), 2);
    /* All members are there: those of the list, and none else is needed to read it. */
    assert_true(tl_json_object_size(record.json) >= TL_TRAIN_SETTING_COUNT - 6);
    tl_train_record_clear(&record);
}

static void a_file_overrides_what_it_names(void **state)
{
    (void)state;
    tl_json *json;
    tl_train_settings settings;
    tl_train_settings_default(&settings);
    assert_ok(tl_json_parse(tl_slice_of("{\"batch\": 64, \"schedule\": \"constant\", \"image_lr\": 0}"), "file", &json, err));
    assert_ok(tl_train_settings_read(json, &settings, err));
    assert_true(settings.batch == 64 && settings.image_lr == 0.0 && settings.vocabulary == 4096);
    assert_string_equal(settings.schedule, "constant");
    tl_json_free(json);
}

static void what_an_option_refuses_a_file_may_not_say(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"batch\": 1}", "batch"},
        {"{\"batch\": \"many\"}", "batch"},
        {"{\"loss\": \"triplet\"}", "contrastive|sigmoid"},
        {"{\"learning_rate\": 7}", "learning-rate"},
        {"{\"leaning_rate\": 0.1}", "leaning_rate"},
        {"{\"template\": [1]}", "template"},
        {"{\"template\": \"a {}\"}", "template"},
        {"[]", "object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_json *json;
        tl_train_settings settings;
        tl_train_settings_default(&settings);
        assert_ok(tl_json_parse(tl_slice_of(cases[i].text), "file", &json, err));
        assert_error(tl_train_settings_read(json, &settings, err), TL_ERROR_INVALID, cases[i].named);
        tl_json_free(json);
    }
}

static void weights_are_one_a_dataset(void **state)
{
    (void)state;
    double weights[3];
    assert_ok(tl_weight_list_read("1,0.5,2", 3, "each DATASET", weights, err));
    assert_true(weights[0] == 1.0 && weights[1] == 0.5 && weights[2] == 2.0);
    static const char *const bad[] = {"1,2", "1,2,3,4", "1,-2,3", "1,x,3", "", "1,2,nan"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_error(tl_weight_list_read(bad[i], 3, "each DATASET", weights, err), TL_ERROR_INVALID, "3 numbers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_comes_back),
        cmocka_unit_test(a_file_overrides_what_it_names),
        cmocka_unit_test(what_an_option_refuses_a_file_may_not_say),
        cmocka_unit_test(weights_are_one_a_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

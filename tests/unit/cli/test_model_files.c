/* Which files of a repository are fetched; what origin.json keeps; the hub's answers; and all of it while memory runs out. */
#include "tests/support/failing_memory.c"

#include "base/io/file.h"
#include "cli/app/model_hub_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* names: separated by spaces. */
static void list_of(const char *names, tl_model_file_list *out)
{
    *out = (tl_model_file_list){0};
    while (*names != '\0') {
        tl_model_file file = {.size = 1};
        size_t size = strcspn(names, " ");
        snprintf(file.name, sizeof file.name, "%.*s", (int)size, names);
        assert_true(tl_model_file_list_add(out, &file, NULL));
        names += size + (names[size] == ' ');
    }
}

/* expected: the chosen names in the order of choice, or part of the error after a '!'. */
static void expect_choice(const char *names, const char *dialect, const char *expected)
{
    tl_model_file_list listing, chosen = {0};
    const char *found = "";
    tl_error err = {TL_ERROR_NONE, ""};
    char text[2000] = "";
    list_of(names, &listing);
    if (!tl_model_files__choose("o/r", &listing, &chosen, &found, &err)) {
        if (expected[0] != '!' || strstr(err.message, expected + 1) == NULL)
            fail_msg("%s: %s", names, err.message);
    } else {
        for (size_t i = 0; i < chosen.count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i != 0 ? " " : "", chosen.items[i].name);
        assert_string_equal(text, expected);
        assert_string_equal(found, dialect);
    }
    tl_model_file_list_clear(&chosen);
    tl_model_file_list_clear(&listing);
}

static void choices(void **state)
{
    (void)state;
    /* An open_clip repository of timm: its model.safetensors is something else. */
    expect_choice("README.md config.json merges.txt model.safetensors open_clip_config.json open_clip_model.safetensors "
                  "open_clip_pytorch_model.bin special_tokens_map.json tokenizer.json tokenizer_config.json vocab.json",
                  "open_clip",
                  "open_clip_model.safetensors open_clip_config.json tokenizer.json vocab.json merges.txt tokenizer_config.json "
                  "special_tokens_map.json");
    /* Its open_clip weights are pickled, the others are not. */
    expect_choice("config.json model.safetensors open_clip_config.json open_clip_pytorch_model.bin preprocessor_config.json "
                  "spiece.model",
                  "transformers", "model.safetensors config.json preprocessor_config.json spiece.model");
    expect_choice("config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json "
                  "model.fp16.safetensors model-00001-of-00002.safetensors.bak flax_model.msgpack",
                  "transformers",
                  "model.safetensors.index.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors config.json");
    expect_choice("config.json model-00001-of-00002.safetensors model.safetensors.index.json", "",
                  "!'model.safetensors.index.json': expected 2 files of weights beside it, found 1");
    expect_choice("config.json model.safetensors.index.json", "", "!expected 0 files of weights beside it, found 0");
    expect_choice("config.json model-00001-of-00001.safetensors model-00001-of-00002.safetensors model.safetensors.index.json",
                  "", "!expected one set of weights");
    expect_choice("config.json pytorch_model.bin", "", "!expected safetensors, found only 'pytorch_model.bin'");
    expect_choice("open_clip_config.json weights.pt", "", "!found only 'weights.pt'");
    expect_choice("model.safetensors", "", "!found neither among 1 files");
    expect_choice("", "", "!found neither among 0 files");
}

static void make_origin(tl_model_origin *origin)
{
    *origin = (tl_model_origin){.repository = "o/r",
                                .requested = "main",
                                .endpoint = "https://hub",
                                .license = "mit",
                                .dialect = "open_clip",
                                .family = "f",
                                .parameter_count = 12345678901,
                                .downloaded = 1700000000};
    memset(origin->revision, 'a', 40);
    tl_model_file file = {.name = "config.json", .size = 7, .repository = "o/other"};
    memset(file.git_sha1, 'b', 40);
    memset(file.sha256, 'c', 64);
    memset(file.revision, 'd', 40);
    assert_true(tl_model_file_list_add(&origin->files, &file, NULL));
    assert_true(tl_model_file_list_add(&origin->files, &(tl_model_file){.name = "model.safetensors", .size = 5000000000}, NULL));
}

static void an_origin_comes_back_as_it_was(void **state)
{
    (void)state;
    tl_model_origin origin, read;
    make_origin(&origin);
    assert_true(tl_model_origin_write(&origin, ".", NULL));
    assert_true(tl_model_origin_read(".", &read, NULL));
    assert_memory_equal(&read, &origin, offsetof(tl_model_origin, files));
    assert_int_equal(read.files.count, 2);
    assert_memory_equal(read.files.items, origin.files.items, 2 * sizeof *origin.files.items);
    assert_true(tl_model_file_list_size(&read.files) == 5000000007);
    tl_model_origin_clear(&read);
    static const int64_t times[] = {0, 951782399, 951868800, 1709164800, 4107542400};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        origin.downloaded = times[i];
        assert_true(tl_model_origin_write(&origin, ".", NULL));
        assert_true(tl_model_origin_read(".", &read, NULL));
        assert_true(read.downloaded == times[i]);
        tl_model_origin_clear(&read);
    }
    tl_model_origin_clear(&origin);
    tl_error err;
    assert_false(tl_model_origin_read("nowhere", &read, &err));
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);
}

static void broken_origins_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{}",
        "[]",
        "{\"format\": 2}",
        "{\"format\": 1}",
        "{\"format\": 1, \"downloaded\": \"yesterday\"}",
        "{\"format\": 1, \"downloaded\": \"2026-01-31T12:00:00Z\", \"license\": \"\\u001b]0;x\"}",
        "{\"format\": 1, \"downloaded\": \"2026-01-31T12:00:00Z\", \"files\": [{}]}",
        "{\"format\": 1, \"downloaded\": \"2026-01-31T12:00:00Z\", \"files\": [{\"name\": \"../x\", \"size\": 1}]}",
        "{\"format\": 1, \"downloaded\": \"2026-01-31T12:00:00Z\", \"files\": [{\"name\": \"x\", \"size\": -1}]}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tl_model_origin read;
        tl_error err = {TL_ERROR_NONE, ""};
        assert_true(tl_file_replace("origin.json", tl_slice_of(wrong[i]), NULL));
        assert_false(tl_model_origin_read(".", &read, &err));
        assert_non_null(strstr(err.message, "origin.json"));
        assert_int_equal(read.files.count, 0);
    }
}

/* Everything that reads, on answers as the hub gives them. */
static bool read_all(tl_error *err)
{
    static const char about[] = "{\"sha\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\", \"tags\": [\"x\", \"license:mit\"]}";
    static const char files[] =
        "[{\"type\":\"file\",\"path\":\"config.json\",\"size\":3,\"oid\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"},"
        "{\"type\":\"file\",\"path\":\"model.safetensors\",\"size\":3,\"oid\":\"x\",\"lfs\":{\"size\":9,\"oid\":"
        "\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"}}]";
    bool ok = false;
    tl_json *json = NULL;
    tl_json *list = NULL;
    char commit[TL_DIGEST_TEXT_SIZE], license[TL_MODEL_NAME_SIZE];
    const char *dialect;
    tl_model_file_list listing = {0};
    tl_model_origin origin = {.downloaded = 1}, read = {0};
    if (!tl_json_parse(tl_slice_of(about), "about", &json, err) ||
        !tl_hub__read_description(json, commit, license, sizeof license, err) ||
        !tl_json_parse(tl_slice_of(files), "files", &list, err) || !tl_hub__read_listing(list, &listing, err) ||
        !tl_model_files__choose("o/r", &listing, &origin.files, &dialect, err) || !tl_model_origin_write(&origin, ".", err) ||
        !tl_model_origin_read(".", &read, err))
        goto done;
    ok = strcmp(license, "mit") == 0 && read.files.count == 2 && tl_model_file_list_size(&read.files) == 12;
done:
    tl_model_origin_clear(&read);
    tl_model_origin_clear(&origin);
    tl_model_file_list_clear(&listing);
    tl_json_free(list);
    tl_json_free(json);
    return ok;
}

static void memory_runs_out(void **state)
{
    (void)state;
    failing_memory_sweep sweep = {.job = "listing", .least_failures = 6};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, read_all(&sweep.err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices),
        cmocka_unit_test(an_origin_comes_back_as_it_was),
        cmocka_unit_test(broken_origins_are_refused),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

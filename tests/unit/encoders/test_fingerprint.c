/* The fingerprint over any list of files: its value for a native folder, what it covers, when it is believed, finite weights. */
#include "base/core/memory.h"
#include "encoders/fingerprint.h"
#include "tests/support/training_fixture.h"

#include <unistd.h>

static const char *const native_names[] = {TL_MODEL_CONFIG_FILE, TL_MODEL_RECIPE_FILE};

/* Also checks that it is kept, and found where nothing changed. */
static void compute(const char *directory, const char *const *names, size_t count, const char *weights_name, char text[33])
{
    tl_model_files configs;
    tl_weight_files *weights;
    char found[33];
    assert_ok(tl_model_files_read(directory, names, count, &configs, err));
    assert_ok(tl_weight_files_open(directory, weights_name, &weights, err));
    assert_false(tl_fingerprint_find(directory, &configs, weights, found));
    assert_ok(tl_fingerprint_compute(directory, &configs, weights, NULL, text, err));
    assert_true(tl_fingerprint_find(directory, &configs, weights, found));
    assert_string_equal(found, text);
    /* A list of other files is not what is kept. */
    tl_model_files fewer = configs;
    fewer.count--;
    assert_false(tl_fingerprint_find(directory, &fewer, weights, found));
    tl_weight_files_close(weights);
}

static void a_native_folder_keeps_the_value_of_its_first_version(void **state)
{
    (void)state;
    char text[33];
    copy_model_folder("native");
    unlink("native/fingerprint.json");
    compute("native", native_names, 2, TL_MODEL_WEIGHTS_FILE, text);
    /* Computed by the version that knew native folders only: indexes made with it name their vectors by such values. */
    assert_string_equal(text, "706c7e6b433da57a01731c90b8be3c46");
}

static void missing_files_are_named(void **state)
{
    (void)state;
    tl_error err;
    tl_model_files configs;
    static const char *const names[] = {"config.json", "no-such.json"};
    copy_model_folder("native");
    assert_false(tl_model_files_read("native", names, 2, &configs, &err));
    assert_string_equal(err.message, "model 'native': expected a file 'no-such.json', found none");
    assert_false(tl_model_files_read("no-such-folder", names, 2, &configs, &err));
    assert_string_equal(err.message, "'no-such-folder': expected a model folder, found nothing");
    assert_false(tl_model_files_read("native/config.json", names, 2, &configs, &err));
    assert_string_equal(err.message, "'native/config.json': expected a model folder, found a file");
}

/* ---- files of our making ---- */

typedef struct made_tensor {
    const char *name, *dtype;
    size_t item_size, count;
} made_tensor;

/* All values are 0, but for one of one tensor. */
static void write_weights(const char *path, const made_tensor *tensors, size_t tensor_count, size_t spoiled, size_t at,
                          uint64_t bits)
{
    tl_error error;
    tl_string bytes;
    tl_string_init(&bytes, 64 << 20);
    size_t offset = 0, place = 0;
    assert_ok(tl_string_append(&bytes, "\0\0\0\0\0\0\0\0{", 9, err));
    for (size_t i = 0; i < tensor_count; i++) {
        size_t size = tensors[i].count * tensors[i].item_size;
        assert_ok(tl_string_append_format(&bytes, err, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}",
                                          i != 0 ? "," : "", tensors[i].name, tensors[i].dtype, tensors[i].count, offset,
                                          offset + size));
        place = i == spoiled ? offset + at * tensors[i].item_size : place;
        offset += size;
    }
    assert_ok(tl_string_append(&bytes, "}", 1, err));
    for (size_t i = 0; i < 8; i++)
        bytes.data[i] = (char)((bytes.size - 8) >> (8 * i));
    char *zeros = tl_memory_allocate(offset, 1, &error);
    assert_non_null(zeros);
    if (spoiled < tensor_count)
        memcpy(zeros + place, &bits, tensors[spoiled].item_size);
    assert_ok(tl_string_append(&bytes, zeros, offset, err));
    assert_ok(tl_file_replace(path, tl_string_slice(&bytes), err));
    tl_memory_free(zeros);
    tl_string_clear(&bytes);
}

enum { LARGE = (1 << 20) + 77 };

static const made_tensor tensors[] = {
    {"ids", "I64", 8, 5},   {"bias", "F32", 4, 3},     {"none", "F32", 4, 0},     {"half", "F16", 2, LARGE},
    {"scale", "F16", 2, 1}, {"brain", "BF16", 2, 999}, {"full", "F32", 4, LARGE}, {"mask", "BOOL", 1, 3},
};

static void values_that_are_not_finite_are_named(void **state)
{
    (void)state;
    static const struct {
        size_t tensor, at;
        uint32_t bits;
        const char *named; /* NULL: all is well */
    } cases[] = {
        {SIZE_MAX, 0, 0, NULL},
        {0, 1, 0x7fc00000, NULL}, /* integers have no such thing */
        {1, 2, 0x7f7fffff, NULL}, /* the largest of each type */
        {3, 5, 0xfbff, NULL},
        {5, 5, 0xff7f, NULL},
        {1, 0, 0x7f800000, "tensor 'bias': expected finite values, found inf at 0"},
        {1, 2, 0xff800000, "tensor 'bias': expected finite values, found -inf at 2"},
        {3, 0, 0x7c00, "tensor 'half': expected finite values, found inf at 0"},
        {3, LARGE - 1, 0x7c01, "nan at 1048652"},
        {4, 0, 0xfe00, "tensor 'scale': expected finite values, found -nan at 0"},
        {5, 998, 0x7f80, "tensor 'brain': expected finite values, found inf at 998"},
        {6, 1 << 20, 0x7fc00000, "tensor 'full': expected finite values, found nan at 1048576"},
        {6, LARGE - 1, 0x7f800001, "nan at 1048652"},
    };
    tl_error error;
    char text[33];
    tl_thread_pool *pool;
    assert_ok(tl_thread_pool_create(3, &pool, err));
    copy_model_folder("spoiled");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tl_model_files configs;
        tl_weight_files *weights;
        write_weights("spoiled/model.safetensors", tensors, sizeof tensors / sizeof tensors[0], cases[i].tensor, cases[i].at,
                      cases[i].bits);
        assert_ok(tl_model_files_read("spoiled", native_names, 2, &configs, err));
        assert_ok(tl_weight_files_open("spoiled", TL_MODEL_WEIGHTS_FILE, &weights, err));
        bool ok = tl_fingerprint_compute("spoiled", &configs, weights, i % 2 != 0 ? pool : NULL, text, &error);
        if (ok != (cases[i].named == NULL))
            fail_msg("case %zu: %s", i, ok ? "accepted" : error.message);
        if (!ok &&
            (strstr(error.message, cases[i].named) == NULL || strstr(error.message, "'spoiled/model.safetensors'") == NULL))
            fail_msg("expected '%s' in: %s", cases[i].named, error.message);
        tl_weight_files_close(weights);
    }
    tl_thread_pool_destroy(pool);
}

/* ---- shards ---- */

static const char index_text[] = "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}";

static void write_shards(size_t spoiled, uint64_t bits)
{
    static const made_tensor a = {"a", "F32", 4, 4}, b = {"b", "BF16", 2, 4};
    assert_ok(tl_directory_remove("shards", err) && tl_directory_create("shards", err));
    assert_ok(tl_file_replace("shards/config.json", tl_slice_of("{}"), err));
    assert_ok(tl_file_replace("shards/model.safetensors.index.json", tl_slice_of(index_text), err));
    write_weights("shards/1.safetensors", &a, 1, spoiled == 1 ? 0 : SIZE_MAX, 0, bits);
    write_weights("shards/2.safetensors", &b, 1, spoiled == 2 ? 0 : SIZE_MAX, 3, bits);
}

static void every_shard_is_covered(void **state)
{
    (void)state;
    tl_error error;
    char first[33], next[33];
    static const char *const names[] = {"config.json"};
    write_shards(0, 0);
    compute("shards", names, 1, "model.safetensors.index.json", first);
    write_shards(0, 0);
    compute("shards", names, 1, "model.safetensors.index.json", next);
    assert_string_equal(first, next);
    for (size_t i = 1; i <= 2; i++) {
        write_shards(i, 1);
        compute("shards", names, 1, "model.safetensors.index.json", next);
        assert_string_not_equal(first, next);
    }
    write_shards(0, 0);
    assert_ok(tl_file_replace("shards/model.safetensors.index.json",
                              tl_slice_of("{\"weight_map\":{\"a\":\"1.safetensors\",\n"
                                          "\"b\":\"2.safetensors\"}}"),
                              err));
    compute("shards", names, 1, "model.safetensors.index.json", next);
    assert_string_not_equal(first, next);

    /* A NaN in a shard names that shard. */
    tl_model_files configs;
    tl_weight_files *weights;
    write_shards(2, 0x7fc0);
    assert_ok(tl_model_files_read("shards", names, 1, &configs, err));
    assert_ok(tl_weight_files_open("shards", "model.safetensors.index.json", &weights, err));
    assert_false(tl_fingerprint_compute("shards", &configs, weights, NULL, next, &error));
    assert_string_equal(error.message, "'shards/2.safetensors': tensor 'b': expected finite values, found nan at 3");
    tl_weight_files_close(weights);
}

static void what_changed_since_it_was_opened_is_not_kept(void **state)
{
    (void)state;
    char text[33];
    static const char *const names[] = {"config.json"};
    static const char *const changed[] = {"shards/config.json", "shards/model.safetensors.index.json", "shards/1.safetensors",
                                          "shards/2.safetensors"};
    for (size_t i = 0; i < 4; i++) {
        tl_model_files configs;
        tl_weight_files *weights;
        write_shards(0, 0);
        assert_ok(tl_model_files_read("shards", names, 1, &configs, err));
        assert_ok(tl_weight_files_open("shards", "model.safetensors.index.json", &weights, err));
        assert_ok(tl_file_replace(changed[i], tl_slice_of("{ }"), err));
        assert_ok(tl_fingerprint_compute("shards", &configs, weights, NULL, text, err));
        assert_int_equal(access("shards/fingerprint.json", F_OK), -1);
        tl_weight_files_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_native_folder_keeps_the_value_of_its_first_version),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(values_that_are_not_finite_are_named),
        cmocka_unit_test(every_shard_is_covered),
        cmocka_unit_test(what_changed_since_it_was_opened_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

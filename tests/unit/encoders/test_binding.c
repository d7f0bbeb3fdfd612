/* Joining a table with files: a vector in equal parts of which theirs leave out one that is zero, and files that lie about it;
 * making a tower with rotary tables when memory is scarce. */
#include "tests/support/failing_memory.c"

#include "encoders/towers/towers.h"
#include "encoders/weights/binding.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FILE_SIZE = 1024 };

static const tl_tensor_name name_rows[] = {
    {"block.*.bias", {"b.*.q", TL_TENSOR_ZEROS, "b.*.v"}, false},
    {"block.*.bias", {"b.*.qkv"}, false},
};
static const tl_tensor_map names = {name_rows, 2, NULL};

/* Binds a table of one vector [6] to the f32 tensors of this header, their values 1, 2, .... */
static bool bind(const char *header, size_t count, float values[6], tl_error *err)
{
    _Alignas(8) char bytes[FILE_SIZE];
    char padded[FILE_SIZE / 2];
    snprintf(padded, sizeof padded, "%s", header);
    while (strlen(padded) % 8 != 0)
        strcat(padded, " ");
    const size_t header_size = strlen(padded);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (char)(header_size >> (8 * i));
    memcpy(bytes + 8, padded, header_size);
    for (size_t i = 0; i < count; i++) {
        const float value = (float)(i + 1);
        memcpy(bytes + 8 + header_size + i * sizeof value, &value, sizeof value);
    }
    const tl_weight_bytes file = {"model.safetensors", {bytes, 8 + header_size + count * sizeof(float)}};
    const size_t shape[1] = {6};
    size_t number;
    tl_parameter_table table = {0};
    tl_weight_files *files = NULL;
    tl_binding binding = {0};
    bool ok = tl_parameter_table_add(&table, "block.3.bias", 1, shape, false, TL_INITIALIZE_CONSTANT, 0.0f, &number, err) &&
              tl_weight_files_parse(&file, 1, &files, err) && tl_binding_create(&table, files, &names, &binding, err);
    if (ok)
        memcpy(values, tl_weight_floats(&binding.values[0]), 6 * sizeof *values);
    tl_binding_clear(&binding);
    tl_weight_files_close(files);
    tl_parameter_table_clear(&table);
    return ok;
}

#define TENSOR(name, size, from, to) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" #size "],\"data_offsets\":[" #from "," #to "]}"

static void a_part_left_out_is_zero(void **state)
{
    (void)state;
    static const float expected[] = {1.0f, 2.0f, 0.0f, 0.0f, 3.0f, 4.0f}, whole[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
    float found[6];
    assert_ok(bind("{" TENSOR("b.3.q", 2, 0, 8) "," TENSOR("b.3.v", 2, 8, 16) "}", 4, found, err));
    assert_memory_equal(found, expected, sizeof expected);
    assert_ok(bind("{" TENSOR("b.3.qkv", 6, 0, 24) "}", 6, found, err));
    assert_memory_equal(found, whole, sizeof whole);
}

static void parts_of_other_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *named;
        size_t count;
    } files[] = {
        {"{" TENSOR("b.3.q", 1, 0, 4) "," TENSOR("b.3.v", 4, 4, 20) "}", "b.3.v", 5}, /* six with the zeros, but not equal */
        {"{" TENSOR("b.3.q", 1, 0, 4) "," TENSOR("b.3.v", 1, 4, 8) "}", "b.3.q", 2},
        {"{" TENSOR("b.3.q", 3, 0, 12) "," TENSOR("b.3.v", 3, 12, 24) "}", "b.3.q", 6},
        {"{" TENSOR("b.3.q", 2, 0, 8) "}", "b.3.v", 2},
        {"{" TENSOR("b.3.v", 2, 0, 8) "}", "b.3.q", 2},
        {"{" TENSOR("b.3.q", 2, 0, 8) "," TENSOR("b.3.k", 2, 8, 16) "," TENSOR("b.3.v", 2, 16, 24) "}", "b.3.k", 6},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        float found[6];
        tl_error err = {0};
        if (bind(files[i].header, files[i].count, found, &err))
            fail_msg("accepted: %s", files[i].header);
        if (strstr(err.message, files[i].named) == NULL)
            fail_msg("expected '%s' in: %s", files[i].named, err.message);
        assert_int_equal(err.kind, TL_ERROR_CORRUPT);
    }
}

/* A matrix [6, 4] of three parts [2, 4], each with as many numbers but of other dimensions. */
static void parts_of_other_rows_are_refused(void **state)
{
    (void)state;
    static const tl_tensor_name matrix_rows[] = {{"block.*.weight", {"b.*.q", "b.*.k", "b.*.v"}, false}};
    static const tl_tensor_map matrix_names = {matrix_rows, 1, NULL};
    static const struct {
        const char *shape;
        bool is_alike;
    } shapes[] = {{"2,4", true}, {"2,1,4", true}, {"2,4,1,1", true}, {"2,2,2", false},
                  {"8", false},  {"4,2", false},  {"1,2,4", false}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char header[FILE_SIZE / 2];
        _Alignas(8) char bytes[FILE_SIZE] = {0};
        size_t number, size = 0;
        for (size_t part = 0; part < 3; part++)
            size += (size_t)snprintf(header + size, sizeof header - size,
                                     "%c\"b.1.%c\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                                     part == 0 ? '{' : ',', "qkv"[part], shapes[i].shape, part * 32, part * 32 + 32);
        size += (size_t)snprintf(header + size, sizeof header - size, "}");
        while (size % 8 != 0)
            header[size++] = ' ';
        bytes[0] = (char)(size & 0xff);
        bytes[1] = (char)(size >> 8);
        memcpy(bytes + 8, header, size);
        const tl_weight_bytes file = {"model.safetensors", {bytes, 8 + size + 96}};
        const size_t shape[2] = {6, 4};
        tl_error err = {0};
        tl_parameter_table table = {0};
        tl_weight_files *files = NULL;
        tl_binding binding = {0};
        if (!tl_parameter_table_add(&table, "block.1.weight", 2, shape, false, TL_INITIALIZE_CONSTANT, 0.0f, &number, &err) ||
            !tl_weight_files_parse(&file, 1, &files, &err))
            fail_msg("%s", err.message);
        bool ok = tl_binding_create(&table, files, &matrix_names, &binding, &err);
        if (ok != shapes[i].is_alike)
            fail_msg("parts of [%s]: %s", shapes[i].shape, ok ? "accepted" : err.message);
        if (!ok && strstr(err.message, "expected shape [6, 4] for it and its like together, found [") == NULL)
            fail_msg("%s", err.message);
        tl_binding_clear(&binding);
        tl_weight_files_close(files);
        tl_parameter_table_clear(&table);
    }
}

static void every_failing_allocation_of_a_tower_is_an_error(void **state)
{
    (void)state;
    const tl_model_config config = {.embedding_dim = 7,
                                    .vision = {.image_size = 16,
                                               .patch_size = 8,
                                               .width = 16,
                                               .layers = 2,
                                               .heads = 2,
                                               .mlp_width = 8,
                                               .layer_norm_epsilon = 1e-6f,
                                               .projection = TL_PROJECTION_LINEAR,
                                               .rotary = {true, true, 10000.0f, 1.0f, 2},
                                               .with_gated_mlp = true,
                                               .with_inner_norms = true}};
    failing_memory_sweep sweep = {.job = "create", .least_failures = 4};
    while (failing_memory_next(&sweep)) {
        tl_parameter_table table = {0};
        tl_vision_tower *tower = NULL;
        bool ok = tl_vision_tower_create(&config, &table, &tower, &sweep.err);
        if (ok)
            tl_vision_tower_destroy(tower);
        tl_parameter_table_clear(&table);
        failing_memory_judge(&sweep, ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_left_out_is_zero),
        cmocka_unit_test(parts_of_other_sizes_are_refused),
        cmocka_unit_test(parts_of_other_rows_are_refused),
        cmocka_unit_test(every_failing_allocation_of_a_tower_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

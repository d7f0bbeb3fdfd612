/* The tensors of a model as one set: single files, shards and their index, folders that lie, tensors that lie unaligned. */
#include "tests/support/failing_memory.c"

#include "encoders/weights/weight_files.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARD_SIZE = 512 };

/* A safetensors file of this header, its data 0, 1, 2, ... */
static tl_weight_bytes shard(char bytes[SHARD_SIZE], const char *name, const char *header, size_t data_size)
{
    size_t header_size = strlen(header);
    assert_true(8 + header_size + data_size <= SHARD_SIZE);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (char)(header_size >> (8 * i));
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++)
        bytes[8 + header_size + i] = (char)i;
    return (tl_weight_bytes){name, {bytes, 8 + header_size + data_size}};
}

static tl_weight_bytes text_file(const char *name, const char *text)
{
    return (tl_weight_bytes){name, {text, strlen(text)}};
}

static const char index_name[] = "model.safetensors.index.json";
static const char first_name[] = "model-00001-of-00002.safetensors", second_name[] = "model-00002-of-00002.safetensors";
static const char first_header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                   "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[8,14]}}";
static const char second_header[] = "{\"c\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}";
static const char sound_index[] = "{\"metadata\":{\"total_size\":22},\"weight_map\":{"
                                  "\"c\":\"model-00002-of-00002.safetensors\",\"a\":\"model-00001-of-00002.safetensors\","
                                  "\"b\":\"model-00001-of-00002.safetensors\"}}";

typedef struct made_folder {
    char bytes[2][SHARD_SIZE];
    tl_weight_bytes files[3];
} made_folder;

static void make_folder(made_folder *out, const char *index)
{
    out->files[0] = text_file(index_name, index);
    out->files[1] = shard(out->bytes[0], first_name, first_header, 14);
    out->files[2] = shard(out->bytes[1], second_name, second_header, 8);
}

static void expect_refusal(const tl_weight_bytes *folder, size_t count, const char *named)
{
    tl_error err = {0};
    tl_weight_files *files;
    if (tl_weight_files_parse(folder, count, &files, &err)) {
        tl_weight_files_close(files);
        fail_msg("accepted a folder that should fail with: %s", named);
    }
    if (strstr(err.message, named) == NULL)
        fail_msg("expected '%s' in: %s", named, err.message);
}

static void check_sound_set(const tl_weight_files *files)
{
    assert_int_equal(tl_weight_files_count(files), 3);
    assert_string_equal(tl_weight_files_item(files, 0)->name, "c"); /* the file that the index names first */
    assert_string_equal(tl_weight_files_item(files, 1)->name, "a");
    assert_string_equal(tl_weight_files_item(files, 2)->name, "b");
    assert_null(tl_weight_files_item(files, 3));
    assert_ptr_equal(tl_weight_files_find(files, "a"), tl_weight_files_item(files, 1));
    assert_int_equal(tl_weight_files_find(files, "c")->type, TL_TENSOR_BF16);
    assert_null(tl_weight_files_find(files, "d"));
    assert_int_equal(tl_weight_files_file_count(files), 3);
    assert_string_equal(tl_weight_files_file_name(files, 0), index_name);
    assert_string_equal(tl_weight_files_file_name(files, 1), second_name);
    assert_string_equal(tl_weight_files_file_name(files, 2), first_name);
    assert_int_equal(tl_weight_files_file_view(files, 0).size, strlen(sound_index));
    assert_int_equal(tl_weight_files_file_view(files, 2).size, 8 + strlen(first_header) + 14);
    assert_int_equal(tl_weight_files_file_status(files, 2).size, 8 + strlen(first_header) + 14);
    assert_string_equal(tl_weight_files_file_of(files, tl_weight_files_find(files, "b")), first_name);
    assert_string_equal(tl_weight_files_file_of(files, tl_weight_files_find(files, "c")), second_name);
}

static void shards_are_one_set(void **state)
{
    (void)state;
    tl_weight_files *files;
    made_folder folder;
    make_folder(&folder, sound_index);
    assert_ok(tl_weight_files_parse(folder.files, 3, &files, err));
    check_sound_set(files);
    tl_weight_files_close(files);
    tl_weight_files_close(NULL);
}

static void write_folder(const made_folder *folder, const char *directory)
{
    tl_error error;
    char path[256];
    if (!tl_directory_remove(directory, &error) || !tl_directory_create(directory, &error))
        fail_msg("%s", error.message);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, folder->files[i].name);
        assert_ok(tl_file_replace(path, folder->files[i].bytes, err));
    }
}

static void a_folder_on_disk_is_the_same_set(void **state)
{
    (void)state;
    tl_error error;
    tl_weight_files *files;
    made_folder folder;
    make_folder(&folder, sound_index);
    write_folder(&folder, "sharded");
    assert_ok(tl_weight_files_open("sharded", index_name, &files, err));
    check_sound_set(files);
    assert_true(tl_weight_files_file_status(files, 1).modified_ns != 0);
    tl_weight_files_close(files);

    /* One of its files alone is a set as well. */
    assert_ok(tl_weight_files_open("sharded", first_name, &files, err));
    assert_int_equal(tl_weight_files_count(files), 2);
    assert_int_equal(tl_weight_files_file_count(files), 1);
    assert_string_equal(tl_weight_files_file_name(files, 0), first_name);
    assert_string_equal(tl_weight_files_file_of(files, tl_weight_files_find(files, "a")), first_name);
    tl_weight_files_close(files);

    unlink("sharded/model-00002-of-00002.safetensors");
    assert_false(tl_weight_files_open("sharded", index_name, &files, &error));
    assert_string_equal(error.message, "model 'sharded': expected a file 'model-00002-of-00002.safetensors', found none");
    assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
    assert_true(tl_directory_create("sharded/model-00002-of-00002.safetensors", &error));
    assert_false(tl_weight_files_open("sharded", index_name, &files, &error));
    assert_non_null(strstr(error.message, "expected a file, found a folder"));
    assert_false(tl_weight_files_open("sharded", "model.safetensors", &files, &error));
    assert_string_equal(error.message, "model 'sharded': expected a file 'model.safetensors', found none");
}

static void an_index_that_lies_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *index, *named;
    } cases[] = {
        {"", "not valid json"},
        {"[]", "'weight_map': expected an object"},
        {"{}", "'weight_map': expected an object"},
        {"{\"weight_map\":[]}", "'weight_map': expected an object"},
        {"{\"weight_map\":{}}", "'weight_map': expected an object"},
        {"{\"weight_map\":{\"a\":7}}", "tensor 'a': expected a text"},
        {"{\"weight_map\":{\"a\":{\"a\":\"a\"}}}", "tensor 'a': expected a text"},
        {"{\"weight_map\":{\"a\":\"\"}}", "found ''"},
        {"{\"weight_map\":{\"a\":\"model.bin\"}}", "found 'model.bin'"},
        {"{\"weight_map\":{\"a\":\"../model.safetensors\"}}", "found '../model.safetensors'"},
        {"{\"weight_map\":{\"a\":\"/model.safetensors\"}}", "found '/model.safetensors'"},
        {"{\"weight_map\":{\"a\":\"x/model.safetensors\"}}", "in the same folder"},
        {"{\"weight_map\":{\"a\":\"..\\\\model.safetensors\"}}", "in the same folder"},
        {"{\"weight_map\":{\"a\":\".safetensors\"}}", "in the same folder"},
        {"{\"weight_map\":{\"a\":\"x\\nmodel.safetensors\"}}", "in the same folder"},
        {"{\"weight_map\":{\"a\":\"model.safetensors.index.json\"}}", "in the same folder"}, /* itself */
        {"{\"weight_map\":{\"a\":\"model-00003-of-00002.safetensors\"}}", "expected a file 'model-00003-of-00002.safetensors'"},
        {"{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"a\":\"model-00001-of-00002.safetensors\"}}", "duplicate"},
        /* a tensor in another file than the map says, in none, and one of which it says nothing */
        {"{\"weight_map\":{\"c\":\"model-00001-of-00002.safetensors\",\"a\":\"model-00002-of-00002.safetensors\"}}",
         "tensor 'c': expected in 'model-00001-of-00002.safetensors', found in 'model-00002-of-00002.safetensors'"},
        {"{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"x\":\"model-00001-of-00002.safetensors\"}}",
         "tensor 'x': expected in 'model-00001-of-00002.safetensors', found in no file"},
        {"{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\"}}",
         "tensor 'b': expected none of this name in 'model-00001-of-00002.safetensors', found one"},
    };
    made_folder folder;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_folder(&folder, cases[i].index);
        expect_refusal(folder.files, 3, cases[i].named);
    }
    /* The same tensor in two files. */
    char other[SHARD_SIZE];
    make_folder(&folder, sound_index);
    folder.files[2] = shard(other, second_name,
                            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                            "\"c\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[8,16]}}",
                            16);
    expect_refusal(folder.files, 3,
                   "tensor 'a': expected in 'model-00001-of-00002.safetensors' only, found in "
                   "'model-00002-of-00002.safetensors' too");
    /* A damaged shard is named. */
    make_folder(&folder, sound_index);
    folder.files[2].bytes.size--;
    expect_refusal(folder.files, 3, "'model-00002-of-00002.safetensors': tensor 'c'");
}

static void an_index_of_too_many_files_is_refused(void **state)
{
    (void)state;
    tl_error err;
    tl_string index;
    tl_string_init(&index, 1 << 20);
    assert_true(tl_string_append_text(&index, "{\"weight_map\":{", &err));
    for (int i = 0; i < 600; i++)
        assert_true(tl_string_append_format(&index, &err, "%s\"t%d\":\"%d.safetensors\"", i != 0 ? "," : "", i, i));
    assert_true(tl_string_append_text(&index, "}}", &err));
    tl_weight_bytes file = {index_name, tl_string_slice(&index)};
    expect_refusal(&file, 1, "at most 512 files");
    tl_string_clear(&index);
}

static void unaligned_tensors_are_copied_once(void **state)
{
    (void)state;
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[8,10]},"
                                 "\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[10,10]},"
                                 "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[10,14]}}";
    _Alignas(8) char bytes[SHARD_SIZE + 8];
    static const char *const names[] = {"a", "h", "none", "b"};
    size_t in_place = 0;
    for (size_t shift = 0; shift < 8; shift++) {
        tl_error error;
        tl_weight_files *files;
        tl_weight_bytes file = shard(bytes + shift, "model.safetensors", header, 14);
        assert_ok(tl_weight_files_parse(&file, 1, &files, err));
        for (size_t i = 0; i < 4; i++) {
            const tl_tensor_view *view = tl_weight_files_find(files, names[i]);
            const char *values = tl_weight_files_values(files, view, &error);
            assert_non_null(values);
            assert_int_equal((uintptr_t)values % (view->type == TL_TENSOR_F32 ? 4 : 2), 0);
            assert_true(view->bytes.size == 0 || memcmp(values, view->bytes.data, view->bytes.size) == 0);
            assert_ptr_equal(values, tl_weight_files_values(files, view, &error));
            in_place += values == view->bytes.data;
        }
        tl_weight_files_close(files);
    }
    assert_int_equal(in_place, 2 + 4 + 2 + 2); /* of 8 places each: 2 suit four bytes, 4 suit two */
}

static void the_file_of_a_folder_is_chosen(void **state)
{
    (void)state;
    tl_error err;
    const char *name = NULL;
    static const char *const candidates[] = {"model.safetensors", "model.safetensors.index.json"};
    assert_true(tl_directory_remove("chosen", &err) && tl_directory_create("chosen", &err));
    assert_false(tl_weight_files_choose("chosen", candidates, 2, &name, &err));
    assert_string_equal(err.message, "model 'chosen': expected a file 'model.safetensors', found none");
    assert_int_equal(err.kind, TL_ERROR_NOT_FOUND);

    /* Formats that we do not read, each better known than the one before. A pickle is not even opened: none of these is one. */
    static const struct {
        const char *file, *named;
    } foreign[] = {
        {"tf_model.h5", "found 'tf_model.h5', weights of TensorFlow; get the model's safetensors file"},
        {"flax_model.msgpack", "found 'flax_model.msgpack', weights of Flax"},
        {"pytorch_model-00001-of-00002.bin", "found 'pytorch_model-00001-of-00002.bin', a pickle; get the model's"},
        {"ViT-B-32.pt", "v in torch.jit.load('ViT-B-32.pt', 'cpu').state_dict().items() if v.is_floating_point()}, "
                        "'model.safetensors')\""},
        {"open_clip_pytorch_model.bin", "v in torch.load('open_clip_pytorch_model.bin', 'cpu', weights_only=True).items()}, "
                                        "'model.safetensors')\""},
        {"$(x)pytorch_model.bin", "found '$(x)pytorch_model.bin', a pickle; get the model's"}, /* never into a shell */
    };
    char path[128];
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        snprintf(path, sizeof path, "chosen/%s", foreign[i].file);
        assert_true(tl_file_replace(path, tl_slice_of("no weights at all"), &err));
        assert_false(tl_weight_files_choose("chosen", candidates, 2, &name, &err));
        if (strstr(err.message, foreign[i].named) == NULL)
            fail_msg("expected '%s' in: %s", foreign[i].named, err.message);
        assert_int_equal(err.kind, TL_ERROR_UNSUPPORTED);
    }

    assert_true(tl_file_replace("chosen/model.safetensors.index.json", tl_slice_of("{}"), &err));
    assert_true(tl_weight_files_choose("chosen", candidates, 2, &name, &err));
    assert_ptr_equal(name, candidates[1]);
    assert_true(tl_file_replace("chosen/model.safetensors", tl_slice_of("{}"), &err));
    assert_true(tl_weight_files_choose("chosen", candidates, 2, &name, &err));
    assert_ptr_equal(name, candidates[0]);
    unlink("chosen/model.safetensors");
    assert_true(tl_directory_create("chosen/model.safetensors", &err));
    assert_false(tl_weight_files_choose("chosen", candidates, 2, &name, &err));
    assert_string_equal(err.message, "model 'chosen': 'model.safetensors': expected a file, found a folder or device");
}

static bool open_and_copy(tl_error *err)
{
    tl_weight_files *files;
    if (!tl_weight_files_open("scarce", index_name, &files, err))
        return false;
    bool ok = true;
    for (size_t i = 0; i < tl_weight_files_count(files); i++)
        ok = ok && tl_weight_files_values(files, tl_weight_files_item(files, i), err) != NULL;
    tl_weight_files_close(files);
    return ok;
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    made_folder folder;
    make_folder(&folder, sound_index);
    char padded[SHARD_SIZE], header[256];
    snprintf(header, sizeof header, "%s ", first_header);
    if ((8 + strlen(header)) % 4 == 0)
        strcat(header, " ");
    folder.files[1] = shard(padded, first_name, header, 14);
    write_folder(&folder, "scarce");
    failing_memory_sweep sweep = {.job = "open and copy", .least_failures = 15};
    while (failing_memory_next(&sweep))
        failing_memory_judge(&sweep, open_and_copy(&sweep.err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_one_set),
        cmocka_unit_test(a_folder_on_disk_is_the_same_set),
        cmocka_unit_test(an_index_that_lies_is_refused),
        cmocka_unit_test(an_index_of_too_many_files_is_refused),
        cmocka_unit_test(unaligned_tensors_are_copied_once),
        cmocka_unit_test(the_file_of_a_folder_is_chosen),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

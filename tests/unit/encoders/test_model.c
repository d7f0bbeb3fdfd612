/* The model folder: opening, its fingerprint, every way in which it can be wrong; sessions over it. */
#include "tests/support/training_fixture.h"

#include "encoders/encoders.h"

#include <sys/stat.h>
#include <unistd.h>

static void expect_refusal(const char *directory, tl_error_kind kind, const char *named)
{
    tl_error err = {0};
    tl_model *model = NULL;
    if (tl_model_open(directory, &model, &err))
        fail_msg("opened a model that should fail with '%s'", named);
    if (strstr(err.message, named) == NULL || strstr(err.message, directory) == NULL)
        fail_msg("expected '%s' and '%s' in: %s", directory, named, err.message);
    if (err.kind != kind)
        fail_msg("expected kind %s, found %s: %s", tl_error_kind_name(kind), tl_error_kind_name(err.kind), err.message);
}

static void count_tensor(void *context, const char *name, uint32_t rank, const size_t *shape)
{
    size_t *counts = context;
    counts[0]++;
    if (strcmp(name, "text_projection") == 0 && rank == 2 && shape[0] == 12 && shape[1] == 8)
        counts[1]++;
}

static void the_fixture_opens(void **state)
{
    (void)state;
    tl_model *model;
    copy_model_folder("model");
    assert_ok(tl_model_open("model", &model, err));
    const tl_model_info *info = tl_model_info_read(model);
    assert_string_equal(info->family, "twinlens");
    assert_int_equal(info->config.embedding_dim, 8);
    assert_int_equal(info->recipe.size, 8);
    assert_true(fabsf(info->logit_scale - 14.285714F) < 1e-4F);
    assert_int_equal(info->parameter_count, 8769);
    assert_int_equal(strlen(info->fingerprint), 32);
    size_t counts[2] = {0, 0};
    tl_model_each_tensor(model, count_tensor, counts);
    assert_int_equal(counts[0], 62);
    assert_int_equal(counts[1], 1);
    tl_model_close(model);
    tl_model_close(NULL);
}

static void read_fingerprint(char text[33])
{
    tl_model *model;
    assert_ok(tl_model_open("model", &model, err));
    memcpy(text, tl_model_info_read(model)->fingerprint, 33);
    tl_model_close(model);
}

static void write_text(const char *path, const char *text)
{
    assert_ok(tl_file_replace(path, tl_slice_of(text), err));
}

static void read_text(const char *path, tl_string *text)
{
    tl_string_init(text, 1 << 20);
    assert_ok(tl_file_read(path, text, err));
}

static void the_fingerprint_is_kept_and_follows_the_files(void **state)
{
    (void)state;
    char first[33];
    char next[33];
    copy_model_folder("model");
    read_fingerprint(first);
    read_fingerprint(next);
    assert_string_equal(first, next);

    /* Opening a seen model reads the kept text: a planted one comes back as long as sizes and times fit. */
    tl_string kept;
    read_text("model/fingerprint.json", &kept);
    char *at = strstr(kept.data, first);
    assert_non_null(at);
    memcpy(at, "0123456789abcdef0123456789abcdef", 32);
    write_text("model/fingerprint.json", kept.data);
    read_fingerprint(next);
    assert_string_equal(next, "0123456789abcdef0123456789abcdef");

    /* A touched file makes it stale; the same bytes give the first fingerprint again. */
    copy_model_folder("model");
    write_text("model/fingerprint.json", kept.data);
    read_fingerprint(next);
    assert_string_equal(next, first);
    tl_string_clear(&kept);

    /* Nonsense in its place is as good as none. */
    static const char *const nonsense[] = {"", "[]", "{\"format\":1}", "{\"format\":1,\"fingerprint\":\"zz\"}"};
    for (size_t i = 0; i < 4; i++) {
        write_text("model/fingerprint.json", nonsense[i]);
        read_fingerprint(next);
        assert_string_equal(next, first);
    }

    /* Another config, recipe or weight: another fingerprint. */
    static const char *const files[] = {"model/config.json", "model/preprocessor_config.json", "model/model.safetensors"};
    for (size_t i = 0; i < 3; i++) {
        tl_string bytes;
        copy_model_folder("model");
        read_text(files[i], &bytes);
        if (i == 2)
            bytes.data[bytes.size - 4] ^= 1;
        else
            assert_ok(tl_string_append_text(&bytes, "\n", err));
        assert_ok(tl_file_replace(files[i], tl_string_slice(&bytes), err));
        tl_string_clear(&bytes);
        read_fingerprint(next);
        assert_string_not_equal(next, first);
    }

    /* A folder that cannot be written still opens. (Root may write anywhere; then this shows nothing.) */
    copy_model_folder("model");
    assert_int_equal(chmod("model", 0555), 0);
    read_fingerprint(next);
    assert_string_equal(next, first);
    assert_int_equal(chmod("model", 0777), 0);
}

/* Weights with one float changed, or written anew under a changed table. */
typedef struct weight_change {
    const char *removed;
    const char *renamed, *new_name;
    const char *reshaped;
    const char *spoiled;
    float spoiled_value;
} weight_change;

static void write_changed_weights(const weight_change *change)
{
    tl_safetensors *file = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    tl_tensor_source tensors[64];
    size_t count = 0;
    size_t flat[1];
    float spoiled[4096];
    for (size_t i = 0; i < tl_safetensors_count(file); i++) {
        const tl_tensor_view *view = tl_safetensors_item(file, i);
        tl_tensor_source tensor = {
            .name = view->name, .rank = view->rank, .shape = view->shape, .values = tl_tensor_view_floats(view)};
        if (change->removed != NULL && strcmp(change->removed, view->name) == 0)
            continue;
        if (change->renamed != NULL && strcmp(change->renamed, view->name) == 0)
            tensor.name = change->new_name;
        if (change->reshaped != NULL && strcmp(change->reshaped, view->name) == 0) {
            flat[0] = view->count;
            tensor.rank = 1;
            tensor.shape = flat;
        }
        if (change->spoiled != NULL && strcmp(change->spoiled, view->name) == 0) {
            memcpy(spoiled, tensor.values, view->count * sizeof(float));
            spoiled[view->count / 2] = change->spoiled_value;
            tensor.values = spoiled;
        }
        tensors[count++] = tensor;
    }
    tl_file_writer *writer;
    assert_ok(tl_file_writer_open("model/model.safetensors", &writer, err));
    assert_ok(tl_safetensors_write(writer, tensors, count, NULL, NULL, err) && tl_file_writer_commit(writer, err));
    tl_file_writer_close(writer);
    tl_safetensors_close(file);
}

static void wrong_weights_are_named(void **state)
{
    (void)state;
    copy_model_folder("model");
    write_changed_weights(&(weight_change){.removed = "visual.ln_post.bias"});
    expect_refusal("model", TL_ERROR_CORRUPT, "expected a tensor 'visual.ln_post.bias', found none");
    write_changed_weights(&(weight_change){.renamed = "logit_scale", .new_name = "logit_bias"});
    expect_refusal("model", TL_ERROR_CORRUPT, "logit_scale");
    write_changed_weights(&(weight_change){.reshaped = "visual.proj"});
    expect_refusal("model", TL_ERROR_CORRUPT, "tensor 'visual.proj': expected shape [16, 8], found [128]");
    write_changed_weights(&(weight_change){.spoiled = "token_embedding.weight", .spoiled_value = NAN});
    expect_refusal("model", TL_ERROR_CORRUPT, "tensor 'token_embedding.weight': expected finite values, found ");
    write_changed_weights(&(weight_change){.spoiled = "logit_scale", .spoiled_value = INFINITY});
    expect_refusal("model", TL_ERROR_CORRUPT, "logit_scale");
}

static void surplus_tensors_are_named(void **state)
{
    (void)state;
    copy_model_folder("model");
    /* The config asks for one layer less than the weights bring. */
    tl_string text;
    read_text("model/config.json", &text);
    char *layers = strstr(text.data, "\"layers\": 2");
    assert_non_null(layers);
    layers[10] = '1';
    assert_ok(tl_file_replace("model/config.json", tl_string_slice(&text), err));
    tl_string_clear(&text);
    expect_refusal("model", TL_ERROR_CORRUPT, "tensor 'visual.transformer.resblocks.1.");
}

static void the_logit_scale_is_read_as_a_factor(void **state)
{
    (void)state;
    static const float logarithms[] = {4.7F, -2.0F, 1.0F};
    static const float factors[] = {109.947174F, 0.13533528F, 2.7182817F};
    for (size_t i = 0; i < 3; i++) {
        tl_model *model;
        copy_model_folder("model");
        write_changed_weights(&(weight_change){.spoiled = "logit_scale", .spoiled_value = logarithms[i]});
        assert_ok(tl_model_open("model", &model, err));
        assert_true(fabsf(tl_model_info_read(model)->logit_scale / factors[i] - 1.0F) < 1e-6F);
        tl_model_close(model);
    }
    copy_model_folder("model");
    write_changed_weights(&(weight_change){.spoiled = "logit_scale", .spoiled_value = 50.0F});
    expect_refusal("model", TL_ERROR_CORRUPT, "tensor 'logit_scale': expected a number of at most 20, found 50");
}

static void other_types_are_refused_clearly(void **state)
{
    (void)state;
    tl_string bytes;
    copy_model_folder("model");
    /* logit_scale [] F32 becomes I32, which is as long; header keeps its size. */
    read_text("model/model.safetensors", &bytes);
    char *header = bytes.data + 8;
    for (size_t i = 0; i + 28 <= bytes.size - 8; i++)
        if (memcmp(header + i, "\"logit_scale\":{\"dtype\":\"F32\"", 28) == 0)
            header[i + 24] = 'I';
    assert_ok(tl_file_replace("model/model.safetensors", tl_string_slice(&bytes), err));
    tl_string_clear(&bytes);
    expect_refusal("model", TL_ERROR_UNSUPPORTED, "tensor 'logit_scale': expected F32, F16 or BF16, found I32");
}

static void missing_and_damaged_files_are_named(void **state)
{
    (void)state;
    expect_refusal("no-such-model", TL_ERROR_NOT_FOUND, "folder");
    static const char *const files[] = {"config.json", "preprocessor_config.json", "model.safetensors"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "model/%s", files[i]);
        copy_model_folder("model");
        assert_int_equal(unlink(path), 0);
        expect_refusal("model", TL_ERROR_NOT_FOUND, files[i]);
        write_text(path, "{\"half\":");
        expect_refusal("model", TL_ERROR_CORRUPT, files[i]);
    }
    write_text("a-file", "");
    expect_refusal("a-file", TL_ERROR_INVALID, "folder");
    /* A recipe for pictures of another size. */
    tl_string text;
    copy_model_folder("model");
    read_text("model/preprocessor_config.json", &text);
    char *size = strstr(text.data, "\"size\": 8");
    assert_non_null(size);
    size[8] = '4';
    write_text("model/preprocessor_config.json", text.data);
    tl_string_clear(&text);
    expect_refusal("model", TL_ERROR_CORRUPT, "expected pictures of 8 pixels");
}

static void sessions_agree_whatever_the_batch_and_threads(void **state)
{
    (void)state;
    tl_model *model;
    tl_thread_pool *pool;
    fixture_batches batches;
    enum { N = FIXTURE_STEPS * FIXTURE_BATCH };
    static float expected[2][N * FIXTURE_DIM];
    static float found[N * FIXTURE_DIM];
    load_batches(&batches);
    copy_model_folder("model");
    assert_ok(tl_model_open("model", &model, err));
    assert_ok(tl_thread_pool_create(2, &pool, err));
    static const size_t sizes[] = {N, 1, 7, 64};
    for (size_t i = 0; i < 4; i++) {
        tl_model_session *session;
        assert_ok(tl_model_session_create(model, sizes[i], i % 2 != 0 ? pool : NULL, &session, err));
        for (size_t kind = 0; kind < 2; kind++) {
            float *out = i == 0 ? expected[kind] : found;
            assert_ok(kind == 0 ? tl_model_session_encode_pixels(session, batches.pixels, N, out, err)
                                : tl_model_session_encode_tokens(session, batches.ids, batches.lengths, N, out, err));
            assert_true(relative_distance(out, expected[kind], N * FIXTURE_DIM, 0, 0) < 1e-6);
            for (size_t row = 0; row < N; row++) {
                double sum = 0.0;
                for (size_t d = 0; d < FIXTURE_DIM; d++)
                    sum += (double)out[row * FIXTURE_DIM + d] * (double)out[row * FIXTURE_DIM + d];
                assert_true(fabs(sum - 1.0) < 1e-6);
            }
        }
        tl_model_session_destroy(session);
    }
    tl_thread_pool_destroy(pool);
    tl_model_close(model);
    tl_safetensors_close(batches.file);
}

static void packed_weights_give_nearly_the_same(void **state)
{
    (void)state;
    tl_thread_pool *pool;
    fixture_batches batches;
    enum { N = FIXTURE_STEPS * FIXTURE_BATCH };
    static float plain[2][N * FIXTURE_DIM], packed[N * FIXTURE_DIM], again[N * FIXTURE_DIM];
    static const double allowed[] = {[TL_PRECISION_F32] = 1e-6, [TL_PRECISION_BF16] = 0.02, [TL_PRECISION_INT8] = 0.05};
    static const double least[] = {[TL_PRECISION_F32] = 0.0, [TL_PRECISION_BF16] = 1e-5, [TL_PRECISION_INT8] = 1e-5};
    load_batches(&batches);
    assert_ok(tl_thread_pool_create(2, &pool, err));
    for (int precision = TL_PRECISION_F32; precision <= TL_PRECISION_INT8; precision++) {
        tl_model *model;
        tl_model_session *session, *threaded;
        copy_model_folder("model");
        assert_ok(tl_model_open("model", &model, err));
        assert_ok(tl_model_session_create(model, N, NULL, &session, err));
        assert_ok(tl_model_session_create(model, N, pool, &threaded, err));
        assert_ok(tl_model_session_encode_pixels(session, batches.pixels, N, plain[0], err));
        assert_ok(tl_model_session_encode_tokens(session, batches.ids, batches.lengths, N, plain[1], err));
        for (int tower = TL_TOWER_IMAGE; tower <= TL_TOWER_TEXT; tower++) {
            assert_ok(tl_model_pack(model, (tl_tower)tower, (tl_precision)precision, pool, err));
            assert_ok(tl_model_pack(model, (tl_tower)tower, (tl_precision)precision, pool, err)); /* done already */
        }
        for (size_t kind = 0; kind < 2; kind++) {
            for (size_t thread = 0; thread < 2; thread++) {
                tl_model_session *used = thread == 0 ? session : threaded;
                float *out = thread == 0 ? packed : again;
                assert_ok(kind == 0 ? tl_model_session_encode_pixels(used, batches.pixels, N, out, err)
                                    : tl_model_session_encode_tokens(used, batches.ids, batches.lengths, N, out, err));
            }
            assert_memory_equal(packed, again, sizeof packed);
            double distance = relative_distance(packed, plain[kind], N * FIXTURE_DIM, 0, 0);
            if (!(distance >= least[precision] && distance < allowed[precision]))
                fail_msg("precision %d, kind %zu: expected a distance of %g to %g, found %g", precision, kind, least[precision],
                         allowed[precision], distance);
        }
        tl_model_session_destroy(threaded);
        tl_model_session_destroy(session);
        tl_model_close(model);
    }
    tl_thread_pool_destroy(pool);
    tl_safetensors_close(batches.file);
}

static void a_vector_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    tl_error error;
    tl_model *model;
    tl_model_session *session;
    float pixels[3 * FIXTURE_PIXELS] = {0.5F};
    float out[3 * FIXTURE_DIM];
    copy_model_folder("model");
    assert_ok(tl_model_open("model", &model, err));
    assert_false(tl_model_session_create(model, 0, NULL, &session, &error));
    assert_ok(tl_model_session_create(model, 2, NULL, &session, err));
    assert_ok(tl_model_session_encode_pixels(session, pixels, 3, out, err));
    pixels[2 * FIXTURE_PIXELS + 5] = INFINITY;
    assert_false(tl_model_session_encode_pixels(session, pixels, 3, out, &error));
    assert_non_null(strstr(error.message, "item 2"));
    int32_t ids[2 * FIXTURE_CONTEXT] = {1, 39, 0, 0, 0, 0, 0, 0, 1, 39};
    uint32_t lengths[2] = {2, 9};
    assert_false(tl_model_session_encode_tokens(session, ids, lengths, 2, out, &error));
    assert_non_null(strstr(error.message, "text 1"));
    lengths[1] = 2;
    ids[1] = 40;
    assert_false(tl_model_session_encode_tokens(session, ids, lengths, 2, out, &error));
    tl_model_session_destroy(session);
    tl_model_session_destroy(NULL);
    tl_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixture_opens),
        cmocka_unit_test(the_fingerprint_is_kept_and_follows_the_files),
        cmocka_unit_test(wrong_weights_are_named),
        cmocka_unit_test(surplus_tensors_are_named),
        cmocka_unit_test(the_logit_scale_is_read_as_a_factor),
        cmocka_unit_test(other_types_are_refused_clearly),
        cmocka_unit_test(missing_and_damaged_files_are_named),
        cmocka_unit_test(sessions_agree_whatever_the_batch_and_threads),
        cmocka_unit_test(packed_weights_give_nearly_the_same),
        cmocka_unit_test(a_vector_that_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

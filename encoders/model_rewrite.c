/*
 * A model folder written once more in its own words, with weights of another number type: the files of its configuration as they
 * are, and one file of weights, tensor by tensor under the names that it has.
 */
#include "base/core/memory.h"
#include "encoders/families/activation.h"
#include "encoders/model_internal.h"
#include "encoders/weights/tensor_values.h"

#include <string.h>

enum { BUFFER_FLOATS = 1 << 16, MAX_CONFIG_BYTES = 4 << 20 };

static tl_dtype dtype_of(tl_tensor_type type)
{
    return type == TL_TENSOR_F16 ? TL_F16 : type == TL_TENSOR_BF16 ? TL_BF16 : TL_F32;
}

typedef struct rewrite {
    tl_weight_files *files;
    tl_dtype dtype;
    tl_file_writer *writer;
    float *values; /* BUFFER_FLOATS */
    uint16_t *narrow;
    tl_error *err;
} rewrite;

static bool write_tensor(const rewrite *work, const tl_tensor_view *view)
{
    if (view->type == TL_TENSOR_OTHER || dtype_of(view->type) == work->dtype)
        return tl_file_writer_write(work->writer, view->bytes.data, view->bytes.size, work->err);
    const tl_dtype own = dtype_of(view->type);
    const char *from = tl_weight_files_values(work->files, view, work->err);
    if (from == NULL)
        return false;
    for (size_t at = 0; at < view->count;) {
        const size_t count = view->count - at < BUFFER_FLOATS ? view->count - at : BUFFER_FLOATS;
        tl_widen(own, from + at * tl_dtype_size(own), count, work->values);
        if (!tl_tensor_values_write(work->writer, view->name, work->dtype, work->values, count, work->narrow, work->err))
            return false;
        at += count;
    }
    return true;
}

static bool write_weights(rewrite *work, const char *path)
{
    bool ok = false;
    const size_t count = tl_weight_files_count(work->files);
    tl_tensor_source *sources = tl_memory_allocate(count, sizeof *sources, work->err);
    if (sources == NULL || (work->values = tl_memory_allocate(BUFFER_FLOATS, sizeof *work->values, work->err)) == NULL ||
        (work->narrow = tl_memory_allocate(TL_NARROWED_AT_ONCE, sizeof *work->narrow, work->err)) == NULL)
        goto done;
    for (size_t i = 0; i < count; i++) {
        const tl_tensor_view *view = tl_weight_files_item(work->files, i);
        const bool stays = view->type == TL_TENSOR_OTHER;
        sources[i] = (tl_tensor_source){
            .name = view->name,
            .rank = view->rank,
            .shape = view->shape,
            .type_name = stays ? view->type_name : tl_dtype_tensor_name(work->dtype),
            .size = stays ? view->bytes.size : (uint64_t)view->count * tl_dtype_size(work->dtype),
        };
    }
    if (!tl_file_writer_open(path, &work->writer, work->err) ||
        !tl_safetensors_write_header(work->writer, sources, count, work->err))
        goto done;
    for (size_t i = 0; i < count; i++)
        if (!write_tensor(work, tl_weight_files_item(work->files, i)))
            goto done;
    ok = tl_file_writer_commit(work->writer, work->err);
done:
    tl_file_writer_close(work->writer);
    tl_memory_free(work->narrow);
    tl_memory_free(work->values);
    tl_memory_free(sources);
    return ok;
}

/* A file of the configuration; one that is not there was not needed. */
static bool copy(const char *from, const char *to, const char *name, tl_error *err)
{
    tl_string bytes;
    tl_file_status status;
    tl_string_init(&bytes, MAX_CONFIG_BYTES);
    char *source = tl_path_join(from, name, err);
    char *target = source != NULL ? tl_path_join(to, name, err) : NULL;
    bool ok = target != NULL && tl_file_status_read(source, &status, err) &&
              (status.kind == TL_FILE_MISSING ||
               (tl_file_read(source, &bytes, err) && tl_file_replace(target, tl_string_slice(&bytes), err)));
    tl_memory_free(target);
    tl_memory_free(source);
    tl_string_clear(&bytes);
    return ok;
}

bool tl_model_rewrite(const tl_model *model, tl_dtype dtype, const char *directory, tl_error *err)
{
    const tl_family *family = model->family;
    rewrite work = {.files = model->weights, .dtype = dtype, .err = err};
    char *path = tl_path_join(directory, family->weight_files[0], err);
    bool ok = path != NULL && tl_directory_create(directory, err) && write_weights(&work, path) &&
              copy(model->directory, directory, family->config_file, err) &&
              (family->recipe_file == NULL || copy(model->directory, directory, family->recipe_file, err)) &&
              copy(model->directory, directory, TL_MODEL_CHOICES_FILE, err);
    tl_memory_free(path);
    /* What the folder's name told is written down, since the new one has another. */
    return ok && (!model->is_activation_by_name ||
                  tl_model_choose_activation(directory, tl_activation_name(model->info.config.text.activation), err));
}

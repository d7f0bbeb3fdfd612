/*
 * A model written as a folder of another kind or number type, or mixed with a second one of the same sizes (Wortsman et al. 2022,
 * "WiSE-FT"). Values pass through a buffer of rows; only a tensor that must be turned is in memory whole. The vocabulary is the
 * caller's affair.
 */
#include "base/core/memory.h"
#include "encoders/model_internal.h"
#include "encoders/weights/tensor_values.h"
#include "encoders/writers/writer.h"

#include <stdio.h>
#include <string.h>

enum { BUFFER_FLOATS = 1 << 16 };

/* One tensor of the new file: rows of one of the model's. */
typedef struct output_tensor {
    char name[TL_TENSOR_NAME_SIZE];
    size_t row; /* of the table */
    size_t first, count, columns;
    uint32_t rank;
    size_t shape[TL_TENSOR_MAX_RANK];
    bool is_turned; /* the model's [rows, columns] become [columns, rows] */
} output_tensor;

typedef struct output {
    const tl_model *model, *other; /* other may be NULL */
    double weight;
    tl_dtype dtype;
    tl_file_writer *writer;
    output_tensor *tensors;
    size_t count;
    float *values, *others; /* BUFFER_FLOATS each */
    uint16_t *narrow;
    tl_error *err;
} output;

/* ---- numbers ---- */

/* values = (1 - weight) values + weight others, in double, so that 0 and 1 are one of the two to the bit. */
static void mix(double weight, const float *others, size_t count, float *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((1.0 - weight) * (double)values[i] + weight * (double)others[i]);
}

static bool write_values(const output *out, const char *name, const float *values, size_t count)
{
    return tl_tensor_values_write(out->writer, name, out->dtype, values, count, out->narrow, out->err);
}

/* ---- tensors ---- */

static void fill_rows(const tl_model *model, const output_tensor *tensor, size_t first, size_t count, float *to)
{
    for (size_t row = 0; row < count; row++)
        tl_weight_widen_row(&model->binding.values[tensor->row], first + row, tensor->columns, to + row * tensor->columns);
}

static bool read_whole(const output *out, const tl_model *model, size_t row, float *to)
{
    const tl_parameter *parameter = &out->model->table.items[row];
    bool found;
    return tl_model_read_tensor(model, parameter->name, parameter->rank, parameter->shape, to, &found, out->err) &&
           (found ||
            tl_fail(out->err, TL_ERROR_INVALID, "tensor '%s': expected one in both models, found none in one", parameter->name));
}

static void turn(const float *from, size_t rows, size_t columns, float *to)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            to[column * rows + row] = from[row * columns + column];
}

/* By way of memory: what is turned here or there (projections, all of them small). */
static bool write_whole(const output *out, const output_tensor *tensor)
{
    const size_t count = out->model->table.items[tensor->row].count;
    float *values = tl_memory_allocate(count, sizeof *values, out->err);
    float *others = values != NULL ? tl_memory_allocate(count, sizeof *others, out->err) : NULL;
    bool ok = others != NULL && read_whole(out, out->model, tensor->row, values) &&
              (out->other == NULL || read_whole(out, out->other, tensor->row, others));
    if (ok && out->other != NULL)
        mix(out->weight, others, count, values);
    if (ok && tensor->is_turned)
        turn(values, tensor->count, tensor->columns, others);
    const float *start = tensor->is_turned ? others : values + tensor->first * tensor->columns;
    ok = ok && write_values(out, tensor->name, start, tensor->count * tensor->columns);
    tl_memory_free(others);
    tl_memory_free(values);
    return ok;
}

static bool is_by_rows(const output *out, const output_tensor *tensor)
{
    return !tensor->is_turned && tensor->columns <= BUFFER_FLOATS && !out->model->binding.values[tensor->row].is_transposed &&
           (out->other == NULL || !out->other->binding.values[tensor->row].is_transposed);
}

static bool write_tensor(const output *out, const output_tensor *tensor)
{
    if (!is_by_rows(out, tensor))
        return write_whole(out, tensor);
    const size_t step = BUFFER_FLOATS / tensor->columns;
    for (size_t at = 0; at < tensor->count; at += step) {
        const size_t rows = tensor->count - at < step ? tensor->count - at : step, count = rows * tensor->columns;
        fill_rows(out->model, tensor, tensor->first + at, rows, out->values);
        if (out->other != NULL) {
            fill_rows(out->other, tensor, tensor->first + at, rows, out->others);
            mix(out->weight, out->others, count, out->values);
        }
        if (!write_values(out, tensor->name, out->values, count))
            return false;
    }
    return true;
}

/* ---- the plan ---- */

static void give_leading_ones(const tl_model_writer *writer, const char *ours, output_tensor *tensor)
{
    for (const tl_tensor_rank *rank = writer->ranks; rank != NULL && rank->ours != NULL; rank++)
        while (strcmp(rank->ours, ours) == 0 && tensor->rank < rank->rank) {
            memmove(tensor->shape + 1, tensor->shape, tensor->rank++ * sizeof *tensor->shape);
            tensor->shape[0] = 1;
        }
}

static void plan_row(const tl_model_writer *writer, output *out, size_t row)
{
    const tl_parameter *parameter = &out->model->table.items[row];
    char names[TL_WEIGHT_MAX_PARTS][TL_TENSOR_NAME_SIZE];
    bool is_turned = false;
    uint32_t parts = tl_tensor_map_names(writer->heads, parameter->name, names, &is_turned);
    if (parts == 0)
        parts = tl_tensor_map_names(writer->names, parameter->name, names, &is_turned);
    if (parts == 0) {
        snprintf(names[0], sizeof names[0], "%s", parameter->name);
        parts = 1;
    }
    const size_t rows = parameter->rank == 0 ? 1 : parameter->shape[0];
    for (uint32_t part = 0; part < parts; part++) {
        output_tensor *tensor = &out->tensors[out->count++];
        *tensor = (output_tensor){.row = row,
                                  .first = rows / parts * part,
                                  .count = rows / parts,
                                  .columns = parameter->count / rows,
                                  .rank = parameter->rank,
                                  .is_turned = is_turned};
        memcpy(tensor->name, names[part], sizeof tensor->name);
        memcpy(tensor->shape, parameter->shape, parameter->rank * sizeof *parameter->shape);
        if (parameter->rank != 0)
            tensor->shape[0] = tensor->count;
        if (is_turned) {
            tensor->shape[0] = tensor->columns;
            tensor->shape[1] = tensor->count;
        }
        give_leading_ones(writer, parameter->name, tensor);
    }
}

static bool write_file(output *out, const char *path)
{
    bool ok = false;
    tl_tensor_source *sources = tl_memory_allocate(out->count, sizeof *sources, out->err);
    if (sources == NULL)
        return false;
    for (size_t i = 0; i < out->count; i++) {
        const output_tensor *tensor = &out->tensors[i];
        const uint64_t size = (uint64_t)tensor->count * tensor->columns * tl_dtype_size(out->dtype);
        sources[i] = (tl_tensor_source){.name = tensor->name,
                                        .rank = tensor->rank,
                                        .shape = tensor->shape,
                                        .type_name = tl_dtype_tensor_name(out->dtype),
                                        .size = size};
    }
    if (!tl_file_writer_open(path, &out->writer, out->err) ||
        !tl_safetensors_write_header(out->writer, sources, out->count, out->err))
        goto done;
    for (size_t i = 0; i < out->count; i++)
        if (!write_tensor(out, &out->tensors[i]))
            goto done;
    ok = tl_file_writer_commit(out->writer, out->err);
done:
    tl_file_writer_close(out->writer);
    tl_memory_free(sources);
    return ok;
}

static bool write_weights(const tl_model_writer *writer, output *out, const char *directory)
{
    const size_t rows = out->model->table.count;
    char *path = tl_path_join(directory, writer->weights_file, out->err);
    bool ok = path != NULL &&
              (out->tensors = tl_memory_allocate(rows * TL_WEIGHT_MAX_PARTS, sizeof *out->tensors, out->err)) != NULL &&
              (out->values = tl_memory_allocate(BUFFER_FLOATS, sizeof *out->values, out->err)) != NULL &&
              (out->others = tl_memory_allocate(BUFFER_FLOATS, sizeof *out->others, out->err)) != NULL &&
              (out->narrow = tl_memory_allocate(TL_NARROWED_AT_ONCE, sizeof *out->narrow, out->err)) != NULL;
    if (ok) {
        for (size_t row = 0; row < rows; row++)
            plan_row(writer, out, row);
        ok = write_file(out, path);
    }
    tl_memory_free(out->narrow);
    tl_memory_free(out->others);
    tl_memory_free(out->values);
    tl_memory_free(out->tensors);
    tl_memory_free(path);
    return ok;
}

tl_dtype tl_model_exact_dtype(const tl_model *model)
{
    const size_t count = tl_weight_files_count(model->weights);
    tl_tensor_type type = TL_TENSOR_OTHER;
    for (size_t i = 0; i < count; i++) {
        const tl_tensor_type own = tl_weight_files_item(model->weights, i)->type;
        if (own != TL_TENSOR_OTHER && own != type)
            type = type == TL_TENSOR_OTHER ? own : TL_TENSOR_F32;
    }
    return type == TL_TENSOR_F16 ? TL_F16 : type == TL_TENSOR_BF16 ? TL_BF16 : TL_F32;
}

/* Of two models of the same tensors: what each computes otherwise with them, or NULL. */
static const char *find_other_arithmetic(const tl_model_config *a, const tl_model_config *b)
{
    const tl_vision_config *image = &a->vision, *other_image = &b->vision;
    const tl_text_config *text = &a->text, *other_text = &b->text;
    return image->activation != other_image->activation || text->activation != other_text->activation ? "activation"
           : image->heads != other_image->heads || text->heads != other_text->heads                   ? "number of heads"
           : image->pooling != other_image->pooling || text->pooling != other_text->pooling           ? "pooling"
           : image->norm_after_pooling != other_image->norm_after_pooling                             ? "place of the last norm"
           : text->without_causal_mask != other_text->without_causal_mask                             ? "mask"
                                                                                                      : NULL;
}

static bool check_alike(const tl_model *model, const tl_model *other, tl_error *err)
{
    const char *differs = find_other_arithmetic(&model->info.config, &other->info.config);
    if (other->table.count != model->table.count)
        return tl_fail(err, TL_ERROR_INVALID, "expected two models of the same tensors, found %zu and %zu", model->table.count,
                       other->table.count);
    for (size_t row = 0; row < model->table.count; row++) {
        const tl_parameter *a = &model->table.items[row], *b = &other->table.items[row];
        if (strcmp(a->name, b->name) != 0 || a->rank != b->rank || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) != 0)
            return tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected the same one in both models, found '%s' of %zu numbers",
                           a->name, b->name, b->count);
    }
    return differs == NULL || tl_fail(err, TL_ERROR_INVALID, "expected two models of the same %s, found another", differs);
}

bool tl_model_write(const tl_model *model, const tl_model *other, const tl_model_write_options *options, const char *directory,
                    tl_error *err)
{
    const bool is_siglip = model->info.config.vision.pooling == TL_POOL_ATTENTION;
    const tl_model_writer *writer = options->format == TL_MODEL_TWINLENS    ? &tl_writer_twinlens
                                    : options->format == TL_MODEL_OPEN_CLIP ? &tl_writer_open_clip
                                    : is_siglip                             ? &tl_writer_siglip
                                                                            : &tl_writer_clip;
    output out = {.model = model,
                  .other = other,
                  .weight = options->weight,
                  .dtype = options->has_dtype ? options->dtype
                           : other != NULL    ? TL_F32
                                              : tl_model_exact_dtype(model),
                  .err = err};
    if (!(options->weight >= 0.0 && options->weight <= 1.0))
        return tl_fail(err, TL_ERROR_INVALID, "weight: expected 0 to 1, found %g", options->weight);
    return (other == NULL || check_alike(model, other, err)) && writer->check(&model->info, err) &&
           tl_directory_create(directory, err) && write_weights(writer, &out, directory) &&
           writer->write_config(&model->info, out.dtype, options->tokenizer_name, directory, err);
}

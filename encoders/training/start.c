/* The weights a run starts from: those of a model that was opened, whatever family it is of, widened into the flat block. */
#include "base/core/memory.h"
#include "encoders/model_internal.h"
#include "encoders/training/trainer_internal.h"

#include <string.h>

/* out [rows, columns] of a weight that lies as [columns, rows]. */
static bool widen_transposed(const tl_weight *weight, size_t rows, size_t columns, float *out, tl_error *err)
{
    float *line = tl_memory_allocate(rows, sizeof *line, err);
    if (line == NULL)
        return false;
    const char *values = weight->parts[0];
    for (size_t column = 0; column < columns; column++) {
        tl_widen(weight->dtype, values + column * rows * tl_dtype_size(weight->dtype), rows, line);
        for (size_t row = 0; row < rows; row++)
            out[row * columns + column] = line[row];
    }
    tl_memory_free(line);
    return true;
}

static bool copy_row(const tl_weight *weight, const tl_parameter *parameter, float *out, tl_error *err)
{
    const size_t rows = parameter->rank == 0 ? 1 : parameter->shape[0], columns = parameter->count / rows;
    if (weight->is_transposed)
        return widen_transposed(weight, rows, columns, out, err);
    for (size_t row = 0; row < rows; row++)
        tl_weight_widen_row(weight, row, columns, out + row * columns);
    return true;
}

static bool is_optional(const char *name)
{
    return strcmp(name, "logit_bias") == 0;
}

static bool copy_rows(tl_trainer *trainer, const tl_model *model, tl_error *err)
{
    for (size_t row = 0; row < trainer->table.count; row++) {
        const tl_parameter *parameter = &trainer->table.items[row];
        size_t found = tl_parameter_table_find(&model->table, parameter->name);
        if (found == SIZE_MAX && is_optional(parameter->name))
            continue;
        if (found == SIZE_MAX || model->table.items[found].rank != parameter->rank ||
            memcmp(model->table.items[found].shape, parameter->shape, parameter->rank * sizeof *parameter->shape) != 0)
            return tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected the shape of this run, found %s", parameter->name,
                           found == SIZE_MAX ? "none" : "another");
        if (!copy_row(&model->binding.values[found], parameter, trainer->values[row], err))
            return false;
    }
    for (size_t row = 0; row < model->table.count; row++)
        if (tl_parameter_table_find(&trainer->table, model->table.items[row].name) == SIZE_MAX &&
            !is_optional(model->table.items[row].name))
            return tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected none of this name in a model of this run's sizes",
                           model->table.items[row].name);
    return true;
}

bool tl_trainer_start_from(tl_trainer *trainer, const char *model_directory, tl_error *err)
{
    tl_model *model;
    TL_ASSERT(trainer->steps_done == 0);
    if (!tl_model_open(model_directory, &model, err))
        return false;
    bool ok = copy_rows(trainer, model, err) || tl_fail_within(err, "'%s'", model_directory);
    tl_model_close(model);
    if (ok)
        tl_trainer__start_average(trainer);
    return ok;
}

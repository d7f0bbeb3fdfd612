/* A model's tensors as plain floats in our layout, whatever type and layout its files have. */
#include "base/core/memory.h"
#include "encoders/model_internal.h"

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

bool tl_model_read_tensor(const tl_model *model, const char *name, uint32_t rank, const size_t *shape, float *out, bool *found,
                          tl_error *err)
{
    size_t index = tl_parameter_table_find(&model->table, name);
    *found = index != SIZE_MAX;
    if (!*found)
        return true;
    const tl_parameter *parameter = &model->table.items[index];
    if (parameter->rank != rank || memcmp(parameter->shape, shape, rank * sizeof *shape) != 0)
        return tl_fail(err, TL_ERROR_INVALID, "tensor '%s': expected another shape, found the one of %zu numbers", name,
                       parameter->count);
    const tl_weight *weight = &model->binding.values[index];
    const size_t rows = rank == 0 ? 1 : shape[0], columns = parameter->count / rows;
    if (weight->is_transposed)
        return widen_transposed(weight, rows, columns, out, err);
    for (size_t row = 0; row < rows; row++)
        tl_weight_widen_row(weight, row, columns, out + row * columns);
    return true;
}

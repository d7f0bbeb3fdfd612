/*
 * The table of parameter names and shapes. Rows of the flat block start on cache lines; the gaps between them stay zero, so that
 * whole-block loops (norm, optimizer) need not know the rows.
 */
#include "encoders/weights/parameters.h"

#include "base/core/memory.h"
#include "base/core/random.h"

#include <stdio.h>
#include <string.h>

enum { ROW_ALIGNMENT = 16 }; /* floats: 64 bytes */

void tl_parameter_table_clear(tl_parameter_table *table)
{
    tl_memory_free(table->items);
    memset(table, 0, sizeof *table);
}

bool tl_parameter_table_add(tl_parameter_table *table, const char *name, uint32_t rank, const size_t *shape, bool decays,
                            tl_initialization initialization, float initial_value, size_t *index, tl_error *err)
{
    size_t name_size = strlen(name);
    if (name_size >= TL_PARAMETER_NAME_SIZE)
        return tl_fail(err, TL_ERROR_INVALID, "parameter '%s': expected a name of at most %d bytes, found %zu", name,
                       TL_PARAMETER_NAME_SIZE - 1, name_size);
    if (rank > TL_PARAMETER_MAX_RANK)
        return tl_fail(err, TL_ERROR_INVALID, "parameter '%s': expected rank at most %d, found %u", name, TL_PARAMETER_MAX_RANK,
                       rank);
    if (tl_parameter_table_find(table, name) != SIZE_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "parameter '%s': the table has it already", name);

    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        if (!tl_size_multiply(count, shape[i], &count))
            return tl_fail(err, TL_ERROR_INVALID, "parameter '%s': its size does not fit this machine", name);
    /* Bytes of the block, and of its rounding, must fit as well. */
    if (count > SIZE_MAX / sizeof(float) / 2 - table->flat_count)
        return tl_fail(err, TL_ERROR_INVALID, "parameter '%s': the parameters do not fit this machine", name);
    if (!tl_memory_reserve(&table->items, &table->capacity, table->count + 1, sizeof *table->items, err))
        return false;

    tl_parameter *row = &table->items[table->count];
    memset(row, 0, sizeof *row);
    memcpy(row->name, name, name_size + 1);
    row->rank = rank;
    for (uint32_t i = 0; i < rank; i++)
        row->shape[i] = shape[i];
    row->count = count;
    row->offset = table->flat_count;
    row->decays = decays;
    row->initialization = initialization;
    row->initial_value = initial_value;
    table->flat_count += (count + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
    *index = table->count++;
    return true;
}

bool tl_parameter_table_add_under(tl_parameter_table *table, const char *prefix, const char *suffix, uint32_t rank,
                                  const size_t *shape, bool decays, tl_initialization initialization, float initial_value,
                                  size_t *index, tl_error *err)
{
    char name[2 * TL_PARAMETER_NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    return tl_parameter_table_add(table, name, rank, shape, decays, initialization, initial_value, index, err);
}

void tl_parameter_table_mark_product(tl_parameter_table *table, size_t index)
{
    table->items[index].is_product = true;
}

void tl_parameter_table_mark_norm(tl_parameter_table *table, size_t index, tl_parameter_norm norm)
{
    table->items[index].follows_norm = true;
    table->items[index].norm = norm;
}

void tl_parameter_table_read_as_floats(tl_parameter_table *table, size_t index)
{
    table->items[index].is_read_as_floats = true;
}

size_t tl_parameter_table_find(const tl_parameter_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->items[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

void tl_parameter_table_point(const tl_parameter_table *table, float *block, float **pointers)
{
    for (size_t i = 0; i < table->count; i++)
        pointers[i] = block + table->items[i].offset;
}

void tl_parameter_table_point_weights(const tl_parameter_table *table, const float *block, tl_weight *weights)
{
    for (size_t i = 0; i < table->count; i++)
        weights[i] = tl_weight_of_floats(block + table->items[i].offset);
}

void tl_parameter_table_initialize(const tl_parameter_table *table, uint64_t seed, float *block)
{
    for (size_t i = 0; i < table->count; i++) {
        const tl_parameter *row = &table->items[i];
        float *values = block + row->offset;
        tl_random random = tl_random_stream(seed, i);
        for (size_t j = 0; j < row->count; j++)
            switch (row->initialization) {
            case TL_INITIALIZE_NORMAL:
                values[j] = row->initial_value * tl_random_normal(&random);
                break;
            case TL_INITIALIZE_UNIFORM:
                values[j] = row->initial_value * (2.0f * tl_random_uniform(&random) - 1.0f);
                break;
            case TL_INITIALIZE_CONSTANT:
                values[j] = row->initial_value;
                break;
            }
    }
}

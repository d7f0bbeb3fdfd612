/*
 * Two passes over the table: the first finds every row's tensors and counts the floats to copy, the second copies and points.
 * Shapes are compared without their ones: files write a class token as [1, 1, W] and a scale as [1].
 */
#include "encoders/weights/binding.h"

#include "base/core/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

typedef struct found_row {
    const tl_tensor_view *parts[TL_WEIGHT_MAX_PARTS]; /* NULL: zeros */
    const void *values[TL_WEIGHT_MAX_PARTS];
    size_t part_rows[TL_WEIGHT_MAX_PARTS];
    uint32_t part_count;
    bool is_transposed, is_copied;
} found_row;

typedef struct binder {
    const tl_parameter_table *table;
    tl_weight_files *files;
    const tl_tensor_map *map;
    found_row *rows;
    const tl_tensor_view **used;
    size_t used_count;
    tl_error *err;
} binder;

/* ---- names ---- */

/* True when name is pattern with digits for its '*'; *digits is where they are, empty when there is none. */
static bool matches(const char *pattern, const char *name, tl_slice *digits)
{
    const char *star = strchr(pattern, '*');
    *digits = (tl_slice){NULL, 0};
    if (star == NULL)
        return strcmp(pattern, name) == 0;
    size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, name, before) != 0)
        return false;
    size_t count = 0;
    while (isdigit((unsigned char)name[before + count]))
        count++;
    *digits = (tl_slice){name + before, count};
    return count != 0 && strcmp(star + 1, name + before + count) == 0;
}

static void fill_in(const char *pattern, tl_slice digits, char name[TL_TENSOR_NAME_SIZE])
{
    const char *star = strchr(pattern, '*');
    if (star == NULL)
        snprintf(name, TL_TENSOR_NAME_SIZE, "%s", pattern);
    else
        snprintf(name, TL_TENSOR_NAME_SIZE, "%.*s%.*s%s", (int)(star - pattern), pattern, (int)digits.size, digits.data,
                 star + 1);
}

static bool leaves_out(const tl_tensor_name *row)
{
    for (uint32_t part = 0; part < TL_WEIGHT_MAX_PARTS && row->theirs[part] != NULL; part++)
        if (strcmp(row->theirs[part], TL_TENSOR_ZEROS) == 0)
            return true;
    return false;
}

uint32_t tl_tensor_map_names(const tl_tensor_map *map, const char *ours, char names[TL_WEIGHT_MAX_PARTS][TL_TENSOR_NAME_SIZE],
                             bool *is_transposed)
{
    tl_slice digits;
    for (size_t i = 0; map != NULL && i < map->count; i++) {
        const tl_tensor_name *row = &map->rows[i];
        if (!matches(row->ours, ours, &digits) || leaves_out(row))
            continue;
        uint32_t count = 0;
        for (; count < TL_WEIGHT_MAX_PARTS && row->theirs[count] != NULL; count++)
            fill_in(row->theirs[count], digits, names[count]);
        *is_transposed = row->is_transposed;
        return count;
    }
    return 0;
}

/* ---- finding ---- */

static size_t drop_ones(uint32_t rank, const size_t *shape, size_t *out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < rank; i++)
        if (shape[i] != 1)
            out[count++] = shape[i];
    return count;
}

static void write_shape(char *text, size_t size, uint32_t rank, const size_t *shape)
{
    size_t at = (size_t)snprintf(text, size, "[");
    for (uint32_t i = 0; i < rank && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%zu", i != 0 ? ", " : "", shape[i]);
    if (at < size)
        snprintf(text + at, size - at, "]");
}

static bool refuse_shape(const binder *work, const tl_parameter *parameter, const tl_tensor_view *view, const char *what)
{
    char expected[160], found[160];
    write_shape(expected, sizeof expected, parameter->rank, parameter->shape);
    write_shape(found, sizeof found, view->rank, view->shape);
    return tl_fail(work->err, TL_ERROR_CORRUPT, "tensor '%.120s': expected shape %s%s, found %s", view->name, expected, what,
                   found);
}

/* One tensor that is the whole parameter, its shape ours or ours reversed. */
static bool fits(const tl_parameter *parameter, const tl_tensor_view *view, bool is_transposed)
{
    size_t ours[TL_PARAMETER_MAX_RANK], theirs[TL_TENSOR_MAX_RANK];
    size_t our_rank = drop_ones(parameter->rank, parameter->shape, ours), rank = drop_ones(view->rank, view->shape, theirs);
    if (rank != our_rank || (is_transposed && parameter->rank != 2))
        return false;
    for (size_t i = 0; i < rank; i++)
        if (theirs[i] != ours[is_transposed ? rank - 1 - i : i])
            return false;
    return true;
}

/* Whether all dimensions but the first are the same, ones aside. */
static bool is_row_alike(const tl_parameter *parameter, const tl_tensor_view *view)
{
    size_t ours[TL_PARAMETER_MAX_RANK], theirs[TL_TENSOR_MAX_RANK];
    const size_t our_rank = drop_ones(parameter->rank - 1, parameter->shape + 1, ours);
    const size_t rank = drop_ones(view->rank - 1, view->shape + 1, theirs);
    return rank == our_rank && (rank == 0 || memcmp(ours, theirs, rank * sizeof *ours) == 0);
}

/* Parts are stacked by their first dimension; the others are the parameter's. */
static bool stack_parts(const binder *work, const tl_parameter *parameter, found_row *row)
{
    size_t total = 0, row_size = parameter->count / parameter->shape[0];
    bool has_zeros = false;
    for (uint32_t part = 0; part < row->part_count; part++) {
        const tl_tensor_view *view = row->parts[part];
        if (view == NULL) {
            TL_ASSERT(row_size == 1 && part != 0);
            has_zeros = true;
            row->part_rows[part] = row->part_rows[0];
            total += row->part_rows[part];
            continue;
        }
        if (view->count == 0 || view->count % row_size != 0 || view->rank == 0 || view->shape[0] * row_size != view->count ||
            !is_row_alike(parameter, view))
            return refuse_shape(work, parameter, view, " for it and its like together");
        row->part_rows[part] = view->count / row_size;
        if (has_zeros && row->part_rows[part] != row->part_rows[0])
            return refuse_shape(work, parameter, view, " for it and its like together");
        total += row->part_rows[part];
    }
    if (total != parameter->shape[0])
        return refuse_shape(work, parameter, row->parts[0], " for it and its like together");
    return true;
}

static bool take(binder *work, const tl_parameter *parameter, const tl_tensor_name *name, tl_slice digits, found_row *row)
{
    char text[TL_TENSOR_NAME_SIZE];
    for (uint32_t part = 0; part < TL_WEIGHT_MAX_PARTS && name->theirs[part] != NULL; part++) {
        if (strcmp(name->theirs[part], TL_TENSOR_ZEROS) == 0) {
            row->part_count++;
            continue;
        }
        fill_in(name->theirs[part], digits, text);
        row->parts[part] = tl_weight_files_find(work->files, text);
        if (row->parts[part] == NULL)
            return tl_fail(work->err, TL_ERROR_CORRUPT, "expected a tensor '%s', found none", text);
        row->values[part] = tl_weight_files_values(work->files, row->parts[part], work->err);
        if (row->values[part] == NULL)
            return false;
        row->part_count++;
    }
    row->is_transposed = name->is_transposed;
    if (row->part_count > 1)
        return stack_parts(work, parameter, row);
    row->part_rows[0] = SIZE_MAX;
    return fits(parameter, row->parts[0], row->is_transposed) ||
           refuse_shape(work, parameter, row->parts[0], row->is_transposed ? " transposed" : "");
}

static bool find_row(binder *work, size_t number)
{
    const tl_parameter *parameter = &work->table->items[number];
    const tl_tensor_name itself = {.ours = parameter->name, .theirs = {parameter->name}};
    const tl_tensor_name *first = NULL;
    tl_slice first_digits = {NULL, 0}, digits;
    char text[TL_TENSOR_NAME_SIZE];
    for (size_t i = 0; work->map != NULL && i < work->map->count; i++) {
        const tl_tensor_name *name = &work->map->rows[i];
        if (!matches(name->ours, parameter->name, &digits))
            continue;
        fill_in(name->theirs[0], digits, text);
        if (tl_weight_files_find(work->files, text) != NULL)
            return take(work, parameter, name, digits, &work->rows[number]);
        if (first == NULL) {
            first = name;
            first_digits = digits;
        }
    }
    if (first == NULL || tl_weight_files_find(work->files, parameter->name) != NULL)
        return take(work, parameter, &itself, (tl_slice){NULL, 0}, &work->rows[number]);
    return take(work, parameter, first, first_digits, &work->rows[number]); /* says what is missing */
}

static bool is_ignored(const tl_tensor_map *map, const char *name)
{
    tl_slice digits;
    for (size_t i = 0; map != NULL && map->ignored != NULL && map->ignored[i] != NULL; i++)
        if (matches(map->ignored[i], name, &digits))
            return true;
    return false;
}

static bool is_used(const binder *work, const tl_tensor_view *view)
{
    for (size_t i = 0; i < work->used_count; i++)
        if (work->used[i] == view)
            return true;
    return false;
}

/* Counted first, since each tensor is used once: only a file with something else in it pays for the search. */
static bool refuse_surplus(const binder *work)
{
    size_t count = tl_weight_files_count(work->files), ignored = 0;
    for (size_t i = 0; i < count; i++)
        ignored += is_ignored(work->map, tl_weight_files_item(work->files, i)->name);
    if (work->used_count + ignored == count)
        return true;
    for (size_t i = 0; i < count; i++) {
        const tl_tensor_view *view = tl_weight_files_item(work->files, i);
        if (!is_ignored(work->map, view->name) && !is_used(work, view))
            return tl_fail(work->err, TL_ERROR_CORRUPT, "tensor '%.120s': expected none of this name for this config, found one",
                           view->name);
    }
    return tl_fail(work->err, TL_ERROR_CORRUPT, "expected each tensor to be one parameter, found one that is two");
}

/* ---- pointing ---- */

static bool dtype_of(const binder *work, const tl_tensor_view *view, tl_dtype *out)
{
    switch (view->type) {
    case TL_TENSOR_F32:
        *out = TL_F32;
        return true;
    case TL_TENSOR_F16:
        *out = TL_F16;
        return true;
    case TL_TENSOR_BF16:
        *out = TL_BF16;
        return true;
    case TL_TENSOR_OTHER:
        break;
    }
    return tl_fail(work->err, TL_ERROR_UNSUPPORTED, "tensor '%.120s': expected F32, F16 or BF16, found %s", view->name,
                   view->type_name);
}

/* What the towers read as floats is copied unless it is f32 in one piece; a matrix only when its parts differ in type. */
static bool decide(const binder *work, size_t number, tl_dtype *dtype)
{
    const tl_parameter *parameter = &work->table->items[number];
    found_row *row = &work->rows[number];
    bool is_whole = row->part_count == 1, is_uniform = true;
    for (uint32_t part = 0; part < row->part_count; part++) {
        tl_dtype own = TL_F32;
        if (row->parts[part] == NULL) { /* no memory to point to */
            is_uniform = false;
            continue;
        }
        if (!dtype_of(work, row->parts[part], &own))
            return false;
        *dtype = part == 0 ? own : *dtype;
        is_uniform = is_uniform && own == *dtype;
    }
    bool wants_floats = parameter->rank <= 1 || parameter->is_read_as_floats;
    row->is_copied = !is_uniform || (wants_floats && (!is_whole || *dtype != TL_F32 || row->is_transposed));
    if (wants_floats && row->is_transposed && parameter->rank > 1)
        return tl_fail(work->err, TL_ERROR_UNSUPPORTED, "tensor '%.120s': expected it row by row", row->parts[0]->name);
    return true;
}

static void copy_row(const found_row *row, float *to)
{
    for (uint32_t part = 0; part < row->part_count; part++) {
        const tl_tensor_view *view = row->parts[part];
        if (view == NULL) {
            memset(to, 0, row->part_rows[part] * sizeof *to);
            to += row->part_rows[part];
            continue;
        }
        tl_widen(view->type == TL_TENSOR_F16    ? TL_F16
                 : view->type == TL_TENSOR_BF16 ? TL_BF16
                                                : TL_F32,
                 row->values[part], view->count, to);
        to += view->count;
    }
}

static bool point_rows(binder *work, tl_binding *out)
{
    size_t floats = 0, largest = 0;
    for (size_t i = 0; i < work->table->count; i++) {
        tl_dtype dtype = TL_F32;
        if (!decide(work, i, &dtype))
            return false;
        size_t count = work->table->items[i].count;
        if (count > largest) {
            largest = count;
            out->dtype = dtype;
        }
        out->values[i].dtype = dtype;
        out->parameter_count += count;
        floats += work->rows[i].is_copied ? tl_whole_line_floats(count) : 0;
    }
    if (floats != 0 && (out->floats = tl_memory_allocate_aligned(floats, sizeof *out->floats, work->err)) == NULL)
        return false;
    float *at = out->floats;
    for (size_t i = 0; i < work->table->count; i++) {
        const found_row *row = &work->rows[i];
        if (row->is_copied) {
            copy_row(row, at);
            out->values[i] = tl_weight_of_floats(at);
            out->values[i].is_transposed = row->is_transposed && work->table->items[i].rank > 1;
            at += tl_whole_line_floats(work->table->items[i].count);
            continue;
        }
        out->values[i].part_count = row->part_count;
        out->values[i].is_transposed = row->is_transposed;
        for (uint32_t part = 0; part < row->part_count; part++) {
            out->values[i].parts[part] = row->values[part];
            out->values[i].part_rows[part] = row->part_rows[part];
        }
    }
    return true;
}

bool tl_binding_create(const tl_parameter_table *table, tl_weight_files *files, const tl_tensor_map *map, tl_binding *out,
                       tl_error *err)
{
    bool ok = false;
    binder work = {.table = table, .files = files, .map = map, .err = err};
    *out = (tl_binding){0};
    work.rows = tl_memory_allocate(table->count, sizeof *work.rows, err);
    work.used = tl_memory_allocate(table->count, sizeof(tl_tensor_view *) * TL_WEIGHT_MAX_PARTS, err);
    out->values = tl_memory_allocate(table->count, sizeof *out->values, err);
    if (work.rows == NULL || work.used == NULL || out->values == NULL)
        goto done;
    for (size_t i = 0; i < table->count; i++) {
        if (!find_row(&work, i))
            goto done;
        for (uint32_t part = 0; part < work.rows[i].part_count; part++)
            if (work.rows[i].parts[part] != NULL)
                work.used[work.used_count++] = work.rows[i].parts[part];
    }
    ok = refuse_surplus(&work) && point_rows(&work, out);
done:
    tl_memory_free(work.used);
    tl_memory_free(work.rows);
    if (!ok)
        tl_binding_clear(out);
    return ok;
}

void tl_binding_clear(tl_binding *binding)
{
    tl_memory_free(binding->values);
    tl_memory_free(binding->floats);
    *binding = (tl_binding){0};
}

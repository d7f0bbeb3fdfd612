/* One block holds the panels of all matrices, another their scales; a task packs one matrix. */
#include "encoders/weights/packed_weights.h"

#include "base/core/memory.h"

struct tl_packed_weights {
    char *panels;
    float *scales;
    size_t size;
};

typedef struct packing_job {
    const tl_parameter_table *table;
    tl_weight *values;
    const size_t *rows; /* numbers of the product rows */
} packing_job;

static size_t out_of(const tl_parameter *parameter)
{
    return parameter->shape[0];
}

static size_t in_of(const tl_parameter *parameter)
{
    return parameter->count / parameter->shape[0];
}

/* Where values[row].packed says, which is not yet filled. */
static void pack_row(void *context, size_t index, size_t worker)
{
    (void)worker;
    const packing_job *job = context;
    tl_weight *weight = &job->values[job->rows[index]];
    const tl_packed_weight *packed = &weight->packed;
    tl_pack_weight(packed->kind, weight, packed->out, packed->in, (void *)(uintptr_t)packed->panels,
                   (float *)(uintptr_t)packed->scales);
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

bool tl_packed_weights_create(tl_packed_kind kind, const tl_parameter_table *table, tl_weight *values, tl_thread_pool *pool,
                              tl_packed_weights **out, tl_error *err)
{
    bool ok = false;
    size_t bytes = 0, scales = 0, count = 0;
    size_t *rows = tl_memory_allocate(table->count, sizeof *rows, err);
    tl_packed_weights *packed = rows != NULL ? tl_memory_allocate(1, sizeof *packed, err) : NULL;
    if (packed == NULL)
        goto done;
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        if (!parameter->is_product || in_of(parameter) > tl_packed_most_in(kind)) /* that one stays as it is */
            continue;
        rows[count++] = row;
        bytes += whole_lines(tl_packed_panel_size(kind, out_of(parameter), in_of(parameter)));
        scales += tl_packed_scale_count(kind, out_of(parameter));
    }
    packed->size = bytes + scales * sizeof(float);
    packed->panels = tl_memory_allocate_aligned(bytes, 1, err);
    packed->scales = packed->panels != NULL ? tl_memory_allocate(scales, sizeof(float), err) : NULL;
    if (packed->scales == NULL)
        goto done;
    bytes = scales = 0;
    for (size_t i = 0; i < count; i++) {
        const tl_parameter *parameter = &table->items[rows[i]];
        const size_t out_rows = out_of(parameter), in = in_of(parameter), scale_count = tl_packed_scale_count(kind, out_rows);
        values[rows[i]].packed =
            (tl_packed_weight){kind, out_rows, in, packed->panels + bytes, scale_count != 0 ? packed->scales + scales : NULL};
        bytes += whole_lines(tl_packed_panel_size(kind, out_rows, in));
        scales += scale_count;
    }
    packing_job job = {table, values, rows};
    tl_thread_pool_run(pool, count, pack_row, &job);
    *out = packed;
    packed = NULL;
    ok = true;
done:
    tl_packed_weights_destroy(packed);
    tl_memory_free(rows);
    return ok;
}

void tl_packed_weights_destroy(tl_packed_weights *packed)
{
    if (packed == NULL)
        return;
    tl_memory_free(packed->panels);
    tl_memory_free(packed->scales);
    tl_memory_free(packed);
}

size_t tl_packed_weights_size(const tl_packed_weights *packed)
{
    return packed->size;
}

/* One list of tasks of a few panels each. A kernel of rank 4 meets pixels, whose gradient nobody asks for: it has no turned form.
 */
#include "encoders/training/rounded_weights.h"

#include "base/compute/packed.h"
#include "base/core/memory.h"

enum { PANELS_OF_A_TASK = 8 };

/* One form of one matrix. */
typedef struct form {
    tl_weight values; /* f32, transposed where this is the turned form */
    size_t out, in;
    char *panels;
    size_t first_task;
} form;

struct tl_rounded_weights {
    form *forms;
    size_t form_count, task_count;
    char *block;
};

static void add_form(tl_rounded_weights *rounded, const tl_weight *weight, bool is_turned, size_t out, size_t in)
{
    form *added = &rounded->forms[rounded->form_count++];
    *added = (form){.values = *weight, .out = out, .in = in, .first_task = rounded->task_count};
    added->values.is_transposed = is_turned;
    rounded->task_count += (tl_packed_panel_count(out) + PANELS_OF_A_TASK - 1) / PANELS_OF_A_TASK;
}

static tl_packed_weight packed_form(const form *of)
{
    return (tl_packed_weight){.kind = TL_PACKED_BF16, .out = of->out, .in = of->in, .panels = of->panels};
}

bool tl_rounded_weights_create(const tl_parameter_table *table, tl_weight *weights, tl_rounded_weights **out, tl_error *err)
{
    tl_rounded_weights *rounded = tl_memory_allocate(1, sizeof *rounded, err);
    if (rounded == NULL || (rounded->forms = tl_memory_allocate(2 * table->count, sizeof *rounded->forms, err)) == NULL) {
        tl_rounded_weights_destroy(rounded);
        return false;
    }
    size_t size = 0;
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        if (!parameter->is_product)
            continue;
        const size_t rows = parameter->shape[0], columns = parameter->count / rows;
        add_form(rounded, &weights[row], false, rows, columns);
        size += tl_whole_lines(tl_packed_panel_size(TL_PACKED_BF16, rows, columns));
        if (parameter->rank != 2)
            continue;
        add_form(rounded, &weights[row], true, columns, rows);
        size += tl_whole_lines(tl_packed_panel_size(TL_PACKED_BF16, columns, rows));
    }
    rounded->block = tl_memory_allocate_aligned(size, 1, err);
    if (rounded->block == NULL) {
        tl_rounded_weights_destroy(rounded);
        return false;
    }
    size_t at = 0, number = 0;
    for (size_t row = 0; row < table->count; row++) {
        if (!table->items[row].is_product)
            continue;
        for (size_t turned = 0; turned < (table->items[row].rank == 2 ? 2u : 1u); turned++) {
            form *placed = &rounded->forms[number++];
            placed->panels = rounded->block + at;
            at += tl_whole_lines(tl_packed_panel_size(TL_PACKED_BF16, placed->out, placed->in));
            *(turned ? &weights[row].turned : &weights[row].packed) = packed_form(placed);
        }
    }
    *out = rounded;
    return true;
}

void tl_rounded_weights_destroy(tl_rounded_weights *rounded)
{
    if (rounded == NULL)
        return;
    tl_memory_free(rounded->block);
    tl_memory_free(rounded->forms);
    tl_memory_free(rounded);
}

static void pack_panels(void *context, size_t index, size_t worker)
{
    (void)worker;
    const tl_rounded_weights *rounded = context;
    size_t number = rounded->form_count - 1;
    while (rounded->forms[number].first_task > index)
        number--;
    const form *packed = &rounded->forms[number];
    const size_t first = (index - packed->first_task) * PANELS_OF_A_TASK, left = tl_packed_panel_count(packed->out) - first;
    tl_pack_bf16(&packed->values, packed->out, packed->in, first, left < PANELS_OF_A_TASK ? left : PANELS_OF_A_TASK,
                 packed->panels);
}

void tl_rounded_weights_update(const tl_rounded_weights *rounded, tl_thread_pool *pool)
{
    if (rounded != NULL)
        tl_thread_pool_run(pool, rounded->task_count, pack_panels, (void *)(uintptr_t)rounded);
}

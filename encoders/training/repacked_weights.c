/* One list of tasks of a few panels each. A kernel of rank 4 meets pixels, whose gradient nobody asks for: it has no turned form.
 */
#include "encoders/training/repacked_weights.h"

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

struct tl_repacked_weights {
    tl_packed_kind kind;
    form *forms;
    size_t form_count, task_count;
    char *block;
};

static void add_form(tl_repacked_weights *repacked, const tl_weight *weight, bool is_turned, size_t out, size_t in)
{
    form *added = &repacked->forms[repacked->form_count++];
    *added = (form){.values = *weight, .out = out, .in = in, .first_task = repacked->task_count};
    added->values.is_transposed = is_turned;
    repacked->task_count += (tl_packed_panel_count(out) + PANELS_OF_A_TASK - 1) / PANELS_OF_A_TASK;
}

static tl_packed_weight packed_form(tl_packed_kind kind, const form *of)
{
    return (tl_packed_weight){.kind = kind, .out = of->out, .in = of->in, .panels = of->panels};
}

bool tl_repacked_weights_create(tl_packed_kind kind, const tl_parameter_table *table, tl_weight *weights,
                                tl_repacked_weights **out, tl_error *err)
{
    tl_repacked_weights *repacked = tl_memory_allocate(1, sizeof *repacked, err);
    if (repacked == NULL || (repacked->forms = tl_memory_allocate(2 * table->count, sizeof *repacked->forms, err)) == NULL) {
        tl_repacked_weights_destroy(repacked);
        return false;
    }
    repacked->kind = kind;
    size_t size = 0;
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        if (!parameter->is_product)
            continue;
        const size_t rows = parameter->shape[0], columns = parameter->count / rows;
        add_form(repacked, &weights[row], false, rows, columns);
        size += tl_whole_lines(tl_packed_panel_size(kind, rows, columns));
        if (parameter->rank != 2)
            continue;
        add_form(repacked, &weights[row], true, columns, rows);
        size += tl_whole_lines(tl_packed_panel_size(kind, columns, rows));
    }
    repacked->block = tl_memory_allocate_large(size, 1, err);
    if (repacked->block == NULL) {
        tl_repacked_weights_destroy(repacked);
        return false;
    }
    size_t at = 0, number = 0;
    for (size_t row = 0; row < table->count; row++) {
        if (!table->items[row].is_product)
            continue;
        for (size_t turned = 0; turned < (table->items[row].rank == 2 ? 2u : 1u); turned++) {
            form *placed = &repacked->forms[number++];
            placed->panels = repacked->block + at;
            at += tl_whole_lines(tl_packed_panel_size(kind, placed->out, placed->in));
            *(turned ? &weights[row].turned : &weights[row].packed) = packed_form(kind, placed);
        }
    }
    *out = repacked;
    return true;
}

void tl_repacked_weights_destroy(tl_repacked_weights *repacked)
{
    if (repacked == NULL)
        return;
    tl_memory_free(repacked->block);
    tl_memory_free(repacked->forms);
    tl_memory_free(repacked);
}

static void pack_panels(void *context, size_t index, size_t worker)
{
    (void)worker;
    const tl_repacked_weights *repacked = context;
    size_t number = repacked->form_count - 1;
    while (repacked->forms[number].first_task > index)
        number--;
    const form *packed = &repacked->forms[number];
    const size_t first = (index - packed->first_task) * PANELS_OF_A_TASK, left = tl_packed_panel_count(packed->out) - first;
    tl_pack_panels(repacked->kind, &packed->values, packed->out, packed->in, first,
                   left < PANELS_OF_A_TASK ? left : PANELS_OF_A_TASK, packed->panels);
}

void tl_repacked_weights_update(const tl_repacked_weights *repacked, tl_thread_pool *pool)
{
    if (repacked != NULL)
        tl_thread_pool_run(pool, repacked->task_count, pack_panels, (void *)(uintptr_t)repacked);
}

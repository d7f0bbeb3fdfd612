/* The weights a run starts from: those of a model that was opened, whatever family it is of, widened into the flat block. */
#include "encoders/encoders.h"
#include "encoders/training/trainer_internal.h"

#include <string.h>

static bool is_optional(const char *name)
{
    return strcmp(name, "logit_bias") == 0;
}

static bool copy_rows(tl_trainer *trainer, const tl_model *model, tl_error *err)
{
    for (size_t row = 0; row < trainer->table.count; row++) {
        const tl_parameter *parameter = &trainer->table.items[row];
        bool found;
        if (!tl_model_read_tensor(model, parameter->name, parameter->rank, parameter->shape, trainer->values[row], &found, err))
            return false;
        if (!found && !is_optional(parameter->name))
            return tl_fail(err, TL_ERROR_INVALID, "expected a tensor '%s', found none", parameter->name);
    }
    return true;
}

typedef struct stray {
    const tl_parameter_table *table;
    const char *name; /* the first tensor that the run has no place for */
} stray;

static void look_for_stray(void *context, const char *name, uint32_t rank, const size_t *shape)
{
    stray *looked = context;
    (void)rank;
    (void)shape;
    if (looked->name == NULL && !is_optional(name) && tl_parameter_table_find(looked->table, name) == SIZE_MAX)
        looked->name = name;
}

bool tl_trainer_start_from(tl_trainer *trainer, const char *model_directory, tl_error *err)
{
    tl_model *model;
    stray looked = {&trainer->table, NULL};
    TL_ASSERT(trainer->steps_done == 0);
    if (!tl_model_open(model_directory, &model, err))
        return false;
    tl_model_each_tensor(model, look_for_stray, &looked);
    bool ok = looked.name == NULL
                  ? copy_rows(trainer, model, err)
                  : tl_fail(err, TL_ERROR_INVALID, "expected no tensor '%s' in a model of this run's sizes", looked.name);
    tl_model_close(model);
    if (!ok)
        return tl_fail_within(err, "'%s'", model_directory);
    tl_trainer__start_average(trainer);
    return true;
}

/* Each piece is one task; sums of squares are kept a piece and added in the pieces' order afterwards. */
#include "encoders/training/adamw.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"

#include <math.h>

enum { PIECE_SIZE = 16384 }; /* floats: four streams of a piece fit into a second-level cache */

bool tl_optimizer_plan_init(tl_optimizer_plan *plan, const tl_parameter_table *table, tl_error *err)
{
    *plan = (tl_optimizer_plan){0};
    size_t count = 0;
    for (size_t row = 0; row < table->count; row++)
        count += (table->items[row].count + PIECE_SIZE - 1) / PIECE_SIZE;
    plan->pieces = tl_memory_allocate(count, sizeof *plan->pieces, err);
    plan->sums = plan->pieces != NULL ? tl_memory_allocate(count, sizeof *plan->sums, err) : NULL;
    if (plan->sums == NULL) {
        tl_optimizer_plan_clear(plan);
        return false;
    }
    for (size_t row = 0; row < table->count; row++) {
        const tl_parameter *parameter = &table->items[row];
        for (size_t at = 0; at < parameter->count; at += PIECE_SIZE) {
            size_t left = parameter->count - at;
            plan->pieces[plan->count++] =
                (tl_optimizer_piece){parameter->offset + at, left < PIECE_SIZE ? left : PIECE_SIZE, row, parameter->decays};
        }
    }
    return true;
}

void tl_optimizer_plan_clear(tl_optimizer_plan *plan)
{
    tl_memory_free(plan->pieces);
    tl_memory_free(plan->sums);
    *plan = (tl_optimizer_plan){0};
}

typedef struct optimizer_work {
    const tl_optimizer_plan *plan;
    const tl_adamw_rule *rule;
    const float *gradients;
    float *first_moments;
    float *second_moments;
    float *parameters;
} optimizer_work;

static void sum_piece(void *context, size_t index, size_t worker)
{
    (void)worker;
    const optimizer_work *work = context;
    const tl_optimizer_piece *piece = &work->plan->pieces[index];
    const float *gradients = work->gradients + piece->start;
    /* Products in double, so that no finite gradient overflows; four chains, so that additions need not wait for each other. */
    double sums[4] = {0.0, 0.0, 0.0, 0.0};
    size_t i = 0;
    for (; i + 4 <= piece->count; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            sums[lane] += (double)gradients[i + lane] * (double)gradients[i + lane];
    for (; i < piece->count; i++)
        sums[0] += (double)gradients[i] * (double)gradients[i];
    work->plan->sums[index] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

double tl_optimizer_norm(const tl_optimizer_plan *plan, const float *gradients, tl_thread_pool *pool)
{
    optimizer_work work = {.plan = plan, .gradients = gradients};
    tl_thread_pool_run(pool, plan->count, sum_piece, &work);
    double sum = 0.0;
    for (size_t i = 0; i < plan->count; i++)
        sum += plan->sums[i];
    return sqrt(sum);
}

static void adapt_piece(void *context, size_t index, size_t worker)
{
    (void)worker;
    const optimizer_work *work = context;
    const tl_optimizer_piece *piece = &work->plan->pieces[index];
    const tl_adamw_rule *rule = work->rule;
    const float rate = rule->row_rates != NULL ? rule->row_rates[piece->row] : (float)rule->rate;
    if (rate == 0.0f && rule->row_rates != NULL)
        return;
    tl_adamw_step step = {.learning_rate = rate,
                          .decay = piece->decays ? (float)rule->weight_decay : 0.0F,
                          .beta1 = (float)rule->beta1,
                          .beta2 = (float)rule->beta2,
                          .epsilon = (float)rule->epsilon,
                          .first_correction = (float)(1.0 - pow(rule->beta1, (double)rule->step)),
                          .second_correction = (float)(1.0 - pow(rule->beta2, (double)rule->step)),
                          .gradient_scale = (float)rule->gradient_factor};
    /* Without a pool: this is already one task of it. */
    tl_adamw(NULL, &step, work->gradients + piece->start, piece->count, work->parameters + piece->start,
             work->first_moments + piece->start, work->second_moments + piece->start);
}

void tl_optimizer_adamw(const tl_optimizer_plan *plan, const tl_adamw_rule *rule, const float *gradients, float *first_moments,
                        float *second_moments, float *parameters, tl_thread_pool *pool)
{
    optimizer_work work = {plan, rule, gradients, first_moments, second_moments, parameters};
    tl_thread_pool_run(pool, plan->count, adapt_piece, &work);
}

static void descend_piece(void *context, size_t index, size_t worker)
{
    (void)worker;
    const optimizer_work *work = context;
    const tl_optimizer_piece *piece = &work->plan->pieces[index];
    float step_size = (float)(work->rule->rate * work->rule->gradient_factor);
    tl_axpy(-step_size, work->gradients + piece->start, work->parameters + piece->start, piece->count);
}

void tl_optimizer_descend(const tl_optimizer_plan *plan, double rate, double gradient_factor, const float *gradients,
                          float *parameters, tl_thread_pool *pool)
{
    tl_adamw_rule rule = {.rate = rate, .gradient_factor = gradient_factor};
    optimizer_work work = {.plan = plan, .rule = &rule, .gradients = gradients, .parameters = parameters};
    tl_thread_pool_run(pool, plan->count, descend_piece, &work);
}

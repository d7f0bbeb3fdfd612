/*
 * Proof that the comparison with the reference sees a wrong loss. This program brings its own tl_objective_contrastive, which
 * wins over the archive's: in double, straight from the formula, and with three mistakes that training would forgive. Without a
 * mistake the gradients pass the comparison; with each of them they must not.
 */
#include "encoders/objectives/objective.h"

#include "tests/support/training_fixture.h"

static const double gradient_tolerance = 1e-4;

typedef enum mistake { NO_MISTAKE, HALF_A_DIRECTION, SUM_FOR_MEAN, SCALE_WITHOUT_GRADIENT } mistake;
static mistake present_mistake;

enum { MAX_PAIRS = FIXTURE_BATCH };

static void unit_rows(const float *rows, size_t batch, size_t dim, double units[MAX_PAIRS][FIXTURE_DIM],
                      double lengths[MAX_PAIRS])
{
    for (size_t i = 0; i < batch; i++) {
        double sum = 0.0;
        for (size_t d = 0; d < dim; d++)
            sum += (double)rows[i * dim + d] * (double)rows[i * dim + d];
        lengths[i] = sqrt(sum);
        for (size_t d = 0; d < dim; d++)
            units[i][d] = (double)rows[i * dim + d] / lengths[i];
    }
}

/* Gradient by rows that are normalised: (g - u (u . g)) / length. */
static void through_normalization(double gradients[MAX_PAIRS][FIXTURE_DIM], double units[MAX_PAIRS][FIXTURE_DIM],
                                  const double lengths[MAX_PAIRS], size_t batch, size_t dim, float *out)
{
    for (size_t i = 0; i < batch; i++) {
        double along = 0.0;
        for (size_t d = 0; d < dim; d++)
            along += units[i][d] * gradients[i][d];
        for (size_t d = 0; d < dim; d++)
            out[i * dim + d] = (float)((gradients[i][d] - units[i][d] * along) / lengths[i]);
    }
}

static bool run_mistaken(const tl_objective_input *input, tl_thread_pool *pool, tl_arena *arena, tl_objective_result *out,
                         const tl_objective_gradients *gradients, tl_error *err)
{
    (void)pool;
    (void)arena;
    (void)err;
    const size_t batch = input->pictures, dim = input->dim;
    assert_true(batch <= MAX_PAIRS && dim == FIXTURE_DIM);
    double I[MAX_PAIRS][FIXTURE_DIM], T[MAX_PAIRS][FIXTURE_DIM], image_lengths[MAX_PAIRS], text_lengths[MAX_PAIRS];
    double logits[MAX_PAIRS][MAX_PAIRS], by_logits[MAX_PAIRS][MAX_PAIRS] = {{0.0}};
    double by_images[MAX_PAIRS][FIXTURE_DIM] = {{0.0}}, by_texts[MAX_PAIRS][FIXTURE_DIM] = {{0.0}};
    double scale = exp((double)input->logit_scale);
    double share = present_mistake == SUM_FOR_MEAN ? 0.5 : 0.5 / (double)batch;
    unit_rows(input->images, batch, dim, I, image_lengths);
    unit_rows(input->texts, batch, dim, T, text_lengths);
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++) {
            logits[i][j] = 0.0;
            for (size_t d = 0; d < dim; d++)
                logits[i][j] += scale * I[i][d] * T[j][d];
        }
    *out = (tl_objective_result){0};
    for (int direction = 0; direction < 2; direction++) {
        double weight = share * (direction == 1 && present_mistake == HALF_A_DIRECTION ? 0.5 : 1.0);
        for (size_t i = 0; i < batch; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < batch; j++)
                sum += exp((direction == 0 ? logits[i][j] : logits[j][i]) - logits[i][i]);
            out->loss += log(sum) * 0.5 / (double)batch;
            for (size_t j = 0; j < batch; j++) {
                double probability = exp((direction == 0 ? logits[i][j] : logits[j][i]) - logits[i][i]) / sum;
                double gradient = weight * (probability - (i == j ? 1.0 : 0.0));
                by_logits[direction == 0 ? i : j][direction == 0 ? j : i] += gradient;
            }
        }
    }
    out->mutual_information = log((double)batch) - out->loss;
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++) {
            if (present_mistake != SCALE_WITHOUT_GRADIENT)
                *gradients->logit_scale += (float)(by_logits[i][j] * logits[i][j]);
            for (size_t d = 0; d < dim; d++) {
                by_images[i][d] += by_logits[i][j] * scale * T[j][d];
                by_texts[j][d] += by_logits[i][j] * scale * I[i][d];
            }
        }
    through_normalization(by_images, I, image_lengths, batch, dim, gradients->images);
    through_normalization(by_texts, T, text_lengths, batch, dim, gradients->texts);
    return true;
}

const tl_objective tl_objective_contrastive = {
    .name = "contrastive", .initial_logit_scale = 2.65926003693278f, .most_logit_scale = 4.60517018598809f, .run = run_mistaken};

static double distance_with(mistake made, char worst[128])
{
    fixture_batches batches;
    load_batches(&batches);
    present_mistake = made;
    tl_training_options options = {.steps = 10, .max_batch = FIXTURE_BATCH, .gradient_clip = -1.0};
    tl_trainer *trainer = make_trainer(&options, NULL);
    load_weights(trainer, TRAINING_FIXTURES "/model/model.safetensors");
    tl_training_batch batch = batch_of_step(&batches, 0);
    tl_step_metrics metrics;
    assert_ok(tl_trainer_gradients(trainer, &batch, &metrics, err));
    double distance = worst_gradient_distance(trainer, worst);
    tl_trainer_destroy(trainer);
    tl_safetensors_close(batches.file);
    return distance;
}

static void the_right_loss_passes(void **state)
{
    (void)state;
    char worst[128] = "";
    double distance = distance_with(NO_MISTAKE, worst);
    if (!(distance <= gradient_tolerance))
        fail_msg("gradient of '%s': relative distance %g", worst, distance);
}

static void each_mistake_fails(void **state)
{
    (void)state;
    static const mistake mistakes[] = {HALF_A_DIRECTION, SUM_FOR_MEAN, SCALE_WITHOUT_GRADIENT};
    for (size_t i = 0; i < 3; i++) {
        char worst[128] = "";
        double distance = distance_with(mistakes[i], worst);
        print_message("mistake %d: relative distance %.2e in %s\n", (int)mistakes[i], distance, worst);
        assert_true(distance > 100.0 * gradient_tolerance);
        if (mistakes[i] == SCALE_WITHOUT_GRADIENT)
            assert_string_equal(worst, "logit_scale");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_loss_passes),
        cmocka_unit_test(each_mistake_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Convolutions on every table of kernels this processor can run against the formula in double: odd numbers of channels, sides
 * and items, every type of weights, with and without scale, shift, residual (also in place) and rectifier, and more channels
 * than one block of weights holds. Tolerance: 1e-5 of the terms' sum of magnitudes. What a frame around the answer held stays.
 */
#include "base/compute/compute.h"
#include "base/compute/convolution.h"
#include "base/core/memory.h"
#include "base/core/random.h"
#include "tests/support/assert_ok.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct shape {
    size_t items, height, width, in, out, side, x_border, y_border;
} shape;

static const shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 0, 0},    {1, 1, 1, 1, 1, 3, 1, 0},    {2, 3, 5, 7, 17, 3, 1, 1},   {3, 7, 7, 65, 65, 3, 1, 0},
    {1, 4, 13, 27, 33, 1, 0, 1}, {2, 5, 4, 3, 129, 1, 1, 0},  {1, 3, 2, 130, 31, 3, 2, 2}, {1, 2, 3, 1200, 20, 1, 0, 0},
    {17, 2, 2, 16, 64, 3, 1, 1}, {1, 31, 29, 5, 96, 3, 1, 0}, {1, 6, 1, 64, 63, 3, 1, 0},  {1, 1, 9, 577, 1, 1, 0, 0},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0], UNTOUCHED = 77 };

static float *random_block(size_t count, uint64_t stream)
{
    float *block = tl_memory_allocate(count, sizeof *block, NULL);
    assert_non_null(block);
    tl_random random = tl_random_stream(11, stream);
    for (size_t i = 0; i < count; i++)
        block[i] = tl_random_normal(&random);
    return block;
}

/* What is done besides the sum. */
typedef struct finish {
    bool scales, shifts, adds, adds_in_place, rectifies;
} finish;

static double exact(const tl_convolution_call *call, const float *weights, size_t item, size_t y, size_t x, size_t out,
                    const float *residual, double *magnitude)
{
    const tl_raster *raster = &call->raster;
    const size_t line = raster->width + 2 * raster->border, inset = raster->border - call->side / 2;
    double sum = 0.0, scale = call->scale != NULL ? (double)call->scale[out] : 1.0;
    *magnitude = 0.0;
    for (size_t channel = 0; channel < call->in; channel++)
        for (size_t tap = 0; tap < call->side * call->side; tap++) {
            size_t row = (item * (raster->height + 2 * raster->border) + y + inset + tap / call->side) * line + x + inset +
                         tap % call->side;
            double term = (double)call->x[row * call->in + channel] *
                          (double)weights[(out * call->in + channel) * call->side * call->side + tap] * scale;
            sum += term;
            *magnitude += fabs(term);
        }
    double more = call->shift != NULL ? (double)call->shift[out] : 0.0;
    if (residual != NULL)
        more += (double)residual[((item * raster->height + y) * raster->width + x) * call->out + out];
    *magnitude += fabs(more);
    sum += more;
    return call->rectifies && sum < 0.0 ? 0.0 : sum;
}

static void expect_answer(const tl_convolution_call *call, const float *weights, const float *residual, size_t number)
{
    const size_t height = call->raster.height + 2 * call->y_border, width = call->raster.width + 2 * call->y_border;
    const float *found = call->y;
    for (size_t item = 0; item < call->raster.items; item++)
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                for (size_t out = 0; out < call->out; out++, found++) {
                    if (y < call->y_border || y >= height - call->y_border || x < call->y_border || x >= width - call->y_border) {
                        assert_true(*found == (float)UNTOUCHED);
                        continue;
                    }
                    double magnitude;
                    double expected =
                        exact(call, weights, item, y - call->y_border, x - call->y_border, out, residual, &magnitude);
                    if (!(fabs((double)*found - expected) <= 1e-5 * magnitude + 1e-7))
                        fail_msg("%s, shape %zu, item %zu at %zu, %zu, channel %zu: expected %.9g, found %.9g", tl_kernels_name(),
                                 number, item, y, x, out, expected, (double)*found);
                }
}

/* The weights in a narrower type, and what they are worth then. bf16 by its upper half; f16 by numbers that it holds exactly. */
static void narrow(tl_dtype dtype, float *values, uint16_t *halves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        if (dtype == TL_F16) {
            halves[i] = (uint16_t)(0x3000 + (i * 2654435761u >> 12) % 0x1000 + (i % 3 == 0 ? 0x8000 : 0)); /* 0.125 to 2 */
        } else {
            memcpy(&bits, &values[i], sizeof bits);
            halves[i] = (uint16_t)(bits >> 16);
        }
    }
    tl_widen(dtype, halves, count, values);
}

static void check_shape(size_t number, tl_dtype dtype, const finish *also)
{
    const shape *at = &shapes[number];
    const tl_raster raster = {at->items, at->height, at->width, at->x_border};
    const size_t y_border = also->adds_in_place ? 0 : at->y_border;
    const tl_raster y_raster = {at->items, at->height, at->width, y_border};
    const size_t weight_count = at->out * at->in * at->side * at->side, pixels = at->items * at->height * at->width;
    const size_t y_count = tl_raster_pixel_count(&y_raster) * at->out;
    float *x = random_block(tl_raster_pixel_count(&raster) * at->in, number), *weights = random_block(weight_count, 20 + number);
    float *scale = random_block(at->out, 40 + number), *shift = random_block(at->out, 60 + number);
    float *residual = random_block(pixels * at->out, 80 + number), *y = tl_memory_allocate(y_count, sizeof *y, NULL);
    uint16_t *halves = tl_memory_allocate(weight_count, sizeof *halves, NULL);
    tl_raster_clear_border(NULL, &raster, at->in, x);
    for (size_t i = 0; i < y_count; i++)
        y[i] = (float)UNTOUCHED;
    if (also->adds_in_place)
        memcpy(y, residual, y_count * sizeof *y);
    tl_weight weight = tl_weight_of_floats(weights);
    if (dtype != TL_F32) {
        narrow(dtype, weights, halves, weight_count);
        weight.parts[0] = halves;
        weight.dtype = dtype;
    }
    const tl_convolution_call call = {.side = at->side,
                                      .in = at->in,
                                      .out = at->out,
                                      .weight = &weight,
                                      .scale = also->scales ? scale : NULL,
                                      .shift = also->shifts ? shift : NULL,
                                      .raster = raster,
                                      .x = x,
                                      .y_border = y_border,
                                      .y = y,
                                      .residual = also->adds_in_place ? y
                                                  : also->adds        ? residual
                                                                      : NULL,
                                      .rectifies = also->rectifies};
    tl_convolution(NULL, &call);
    expect_answer(&call, weights, also->adds ? residual : NULL, number);
    void *blocks[] = {x, weights, scale, shift, residual, y, halves};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void test_table(void **state)
{
    static const finish finishes[] = {{0},
                                      {true, true, false, false, true},
                                      {true, true, true, false, true},
                                      {true, true, true, true, true},
                                      {false, false, true, true, false}};
    assert_ok(tl_kernels_select(*state, err));
    for (size_t number = 0; number < SHAPE_COUNT; number++)
        for (size_t i = 0; i < sizeof finishes / sizeof finishes[0]; i++)
            check_shape(number, (tl_dtype)((number + i) % 3), &finishes[i]);
}

static void test_border(void **state)
{
    (void)state;
    const tl_raster raster = {2, 3, 4, 2};
    enum { CHANNELS = 3 };
    float *rows = random_block(tl_raster_pixel_count(&raster) * CHANNELS, 5), *at = rows;
    tl_raster_clear_border(NULL, &raster, CHANNELS, rows);
    for (size_t item = 0; item < 2; item++)
        for (size_t y = 0; y < 7; y++)
            for (size_t x = 0; x < 8; x++)
                for (size_t c = 0; c < CHANNELS; c++, at++)
                    assert_true((*at == 0.0f) == (y < 2 || y >= 5 || x < 2 || x >= 6));
    tl_memory_free(rows);
}

/* Enough for many tasks: the same bits without a pool and with pools of 1, 2 and 3. */
static void test_threads_do_not_change_bits(void **state)
{
    (void)state;
    enum { SIDE = 40, IN = 70, OUT = 150, PIXELS = (SIDE + 2) * (SIDE + 2) };
    float *x = random_block((size_t)PIXELS * IN, 1), *weights = random_block((size_t)OUT * IN * 9, 2);
    float *y[2] = {random_block((size_t)SIDE * SIDE * OUT, 3), random_block((size_t)SIDE * SIDE * OUT, 4)};
    const tl_weight weight = tl_weight_of_floats(weights);
    tl_convolution_call call = {
        .side = 3, .in = IN, .out = OUT, .weight = &weight, .raster = {1, SIDE, SIDE, 1}, .x = x, .y = y[0], .rectifies = true};
    tl_raster_clear_border(NULL, &call.raster, IN, x);
    tl_convolution(NULL, &call);
    call.y = y[1];
    for (size_t threads = 1; threads <= 3; threads++) {
        tl_thread_pool *pool;
        assert_true(tl_thread_pool_create(threads, &pool, NULL));
        memset(y[1], 0, sizeof(float) * SIDE * SIDE * OUT);
        tl_convolution(pool, &call);
        assert_memory_equal(y[0], y[1], sizeof(float) * SIDE * SIDE * OUT);
        tl_thread_pool_destroy(pool);
    }
    float *blocks[] = {x, weights, y[0], y[1]};
    for (size_t i = 0; i < 4; i++)
        tl_memory_free(blocks[i]);
}

int main(void)
{
    enum { MOST = 8 };
    const char *names[MOST];
    size_t count = tl_kernels_available(names, MOST);
    struct CMUnitTest tests[MOST + 2];
    count = count < MOST ? count : MOST;
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){names[i], test_table, NULL, NULL, (void *)(uintptr_t)names[i]};
    tests[count] = (struct CMUnitTest)cmocka_unit_test(test_border);
    tests[count + 1] = (struct CMUnitTest)cmocka_unit_test(test_threads_do_not_change_bits);
    return _cmocka_run_group_tests("convolution", tests, count + 2, NULL, NULL);
}

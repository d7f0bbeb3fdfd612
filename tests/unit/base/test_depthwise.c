/*
 * Depthwise convolutions and their gradients on every table of kernels this processor can run against the formula in double:
 * every kernel, pictures smaller than it, wider than a strip, and odd numbers of channels, lines and columns; the gradient by the
 * input also onto its residual. Tolerance: 1e-5 of the terms' sum of magnitudes.
 */
#include "base/compute/compute.h"
#include "base/compute/depthwise.h"
#include "base/core/memory.h"
#include "base/core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const tl_depthwise_shape shapes[] = {
    {1, 1, 1, 3},   {1, 1, 17, 7},  {2, 3, 5, 5},   {5, 4, 16, 3},  {4, 9, 33, 5},  {9, 8, 48, 7},
    {3, 33, 16, 7}, {2, 65, 20, 3}, {31, 7, 64, 5}, {16, 16, 7, 7}, {32, 32, 8, 3}, {7, 40, 31, 5},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };

typedef struct depthwise_case {
    tl_depthwise_shape shape;
    size_t pixels, taps;
    float *x, *dy, *weights, *bias, *residual, *out, *bias_gradient;
} depthwise_case;

static float *random_block(size_t count, uint64_t stream)
{
    float *block = tl_memory_allocate(count, sizeof *block, NULL);
    assert_non_null(block);
    tl_random random = tl_random_stream(5, stream);
    for (size_t i = 0; i < count; i++)
        block[i] = tl_random_normal(&random);
    return block;
}

static void make_case(size_t number, depthwise_case *at)
{
    const tl_depthwise_shape *shape = &shapes[number];
    at->shape = *shape;
    at->pixels = shape->height * shape->width * shape->channels;
    at->taps = shape->kernel * shape->kernel * shape->channels;
    at->x = random_block(at->pixels, number);
    at->dy = random_block(at->pixels, 100 + number);
    at->weights = random_block(at->taps, 200 + number);
    at->bias = random_block(shape->channels, 300 + number);
    at->residual = random_block(at->pixels, 400 + number);
    at->out = tl_memory_allocate(at->pixels + at->taps, sizeof *at->out, NULL);
    at->bias_gradient = random_block(shape->channels, 300 + number);
    assert_non_null(at->out);
}

static void clear_case(depthwise_case *at)
{
    float *blocks[] = {at->x, at->dy, at->weights, at->bias, at->residual, at->out, at->bias_gradient};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void expect(const char *what, size_t number, size_t index, float found, double expected, double magnitude)
{
    if (!(fabs((double)found - expected) <= 1e-5 * magnitude + 1e-7))
        fail_msg("%s, %s, shape %zu, number %zu: expected %.9g, found %.9g", tl_kernels_name(), what, number, index, expected,
                 (double)found);
}

/* The pixel that tap (ky, kx) of output pixel (y, x) meets; false outside the picture. */
static bool met(const tl_depthwise_shape *shape, size_t y, size_t x, size_t ky, size_t kx, size_t *pixel)
{
    const size_t radius = shape->kernel / 2;
    if (y + ky < radius || y + ky - radius >= shape->height || x + kx < radius || x + kx - radius >= shape->width)
        return false;
    *pixel = (y + ky - radius) * shape->width + x + kx - radius;
    return true;
}

/* By the definition: each pair of an output and an input pixel that a tap joins, in whichever direction. */
static void sum_pairs(const depthwise_case *at, double *forward, double *by_input, double *by_weights)
{
    const tl_depthwise_shape *shape = &at->shape;
    for (size_t y = 0; y < shape->height; y++)
        for (size_t x = 0; x < shape->width; x++)
            for (size_t tap = 0; tap < shape->kernel * shape->kernel; tap++) {
                size_t in, out = y * shape->width + x;
                if (!met(shape, y, x, tap / shape->kernel, tap % shape->kernel, &in))
                    continue;
                for (size_t c = 0; c < shape->channels; c++) {
                    const double weight = (double)at->weights[tap * shape->channels + c];
                    const double value = (double)at->x[in * shape->channels + c], d = (double)at->dy[out * shape->channels + c];
                    forward[out * shape->channels + c] += value * weight;
                    by_input[in * shape->channels + c] += d * weight;
                    by_weights[tap * shape->channels + c] += d * value;
                }
            }
}

static void check_shape(size_t number)
{
    depthwise_case at;
    make_case(number, &at);
    double *expected = tl_memory_allocate(2 * at.pixels + at.taps, sizeof *expected, NULL);
    assert_non_null(expected);
    double *by_input = expected + at.pixels, *by_weights = by_input + at.pixels;
    const size_t channels = at.shape.channels, taps = at.shape.kernel * at.shape.kernel;
    sum_pairs(&at, expected, by_input, by_weights);

    tl_depthwise(&at.shape, at.x, at.weights, at.bias, at.out);
    for (size_t i = 0; i < at.pixels; i++)
        expect("forward", number, i, at.out[i], expected[i] + (double)at.bias[i % channels], (double)taps);

    tl_depthwise_backward_input(&at.shape, at.dy, at.weights, at.residual, at.out);
    for (size_t i = 0; i < at.pixels; i++)
        expect("by input", number, i, at.out[i], by_input[i] + (double)at.residual[i], (double)taps);
    tl_depthwise_backward_input(&at.shape, at.dy, at.weights, at.residual, at.residual);
    assert_memory_equal(at.residual, at.out, at.pixels * sizeof *at.out);

    memcpy(at.out, at.weights, at.taps * sizeof *at.out);
    tl_depthwise_backward_weights(&at.shape, at.dy, at.x, at.out, at.bias_gradient);
    for (size_t i = 0; i < at.taps; i++)
        expect("by weights", number, i, at.out[i], by_weights[i] + (double)at.weights[i],
               (double)(at.shape.height * at.shape.width + 1));
    for (size_t c = 0; c < channels; c++) {
        double sum = (double)at.bias[c];
        for (size_t pixel = 0; pixel < at.shape.height * at.shape.width; pixel++)
            sum += (double)at.dy[pixel * channels + c];
        expect("by bias", number, c, at.bias_gradient[c], sum, (double)(at.shape.height * at.shape.width + 1));
    }
    tl_memory_free(expected);
    clear_case(&at);
}

static void test_all_tables(void **state)
{
    (void)state;
    const char *names[8];
    const size_t count = tl_kernels_available(names, 8);
    assert_true(count >= 1 && count <= 8);
    for (size_t i = 0; i < count; i++) {
        assert_true(tl_kernels_select(names[i], NULL));
        for (size_t number = 0; number < SHAPE_COUNT; number++)
            check_shape(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

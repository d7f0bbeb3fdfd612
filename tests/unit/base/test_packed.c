/* Packed products of every kind on every level this processor has, against sums in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/compute/compute.h"
#include "base/compute/packed.h"
#include "base/core/memory.h"
#include "base/core/random.h"

#include <math.h>
#include <string.h>

enum { MOST_LEVELS = 16 };

static float *random_block(size_t count, uint64_t stream)
{
    float *block = tl_memory_allocate_aligned(count, sizeof(float), NULL);
    assert_non_null(block);
    tl_random random = tl_random_stream(7, stream);
    for (size_t i = 0; i < count; i++)
        block[i] = tl_random_normal(&random);
    return block;
}

typedef struct packed {
    tl_packed_weight weight;
    void *panels;
    float *scales;
} packed;

static packed pack(tl_packed_kind kind, const tl_weight *weight, size_t out, size_t in)
{
    packed made = {.panels = tl_memory_allocate_aligned(tl_packed_panel_size(kind, out, in), 1, NULL),
                   .scales = tl_memory_allocate_aligned(out, sizeof(float), NULL)};
    assert_non_null(made.panels);
    assert_non_null(made.scales);
    assert_int_equal(tl_packed_scale_count(kind, out), kind == TL_PACKED_INT8 ? out : 0);
    tl_pack_weight(kind, weight, NULL, out, in, made.panels, made.scales);
    made.weight = (tl_packed_weight){
        .kind = kind, .out = out, .in = in, .panels = made.panels, .scales = kind == TL_PACKED_INT8 ? made.scales : NULL};
    return made;
}

static void discard(packed *made)
{
    tl_memory_free(made->panels);
    tl_memory_free(made->scales);
}

static void multiply(tl_thread_pool *pool, const float *x, size_t rows, const tl_packed_weight *packed_weight, const float *bias,
                     const float *residual, void *scratch, float *y)
{
    const tl_weight weight = {.packed = *packed_weight};
    const tl_linear_call call = {.weight = &weight,
                                 .rows = rows,
                                 .in = packed_weight->in,
                                 .out = packed_weight->out,
                                 .x = x,
                                 .bias = bias,
                                 .residual = residual,
                                 .y = y};
    tl_packed_linear(pool, &call, scratch);
}

static float rounded_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float largest(const float *row, size_t count)
{
    float most = 0.0f;
    for (size_t i = 0; i < count; i++)
        most = fmaxf(most, fabsf(row[i]));
    return most;
}

/* What a row of a factor becomes in its kind. */
static void round_row(tl_packed_kind kind, const float *row, size_t count, float *out)
{
    const float most = largest(row, count);
    for (size_t i = 0; i < count; i++)
        switch (kind) {
        case TL_PACKED_F32:
            out[i] = row[i];
            break;
        case TL_PACKED_BF16:
            out[i] = rounded_to_bf16(row[i]);
            break;
        case TL_PACKED_INT8:
            out[i] = most > 0.0f ? rintf(row[i] * (127.0f / most)) * (most / 127.0f) : 0.0f;
            break;
        }
}

static void check_product(tl_packed_kind kind, size_t rows, size_t in, size_t out, tl_thread_pool *pool)
{
    float *x = random_block(rows * in, 1), *values = random_block(out * in, 2), *bias = random_block(out, 3);
    float *residual = random_block(rows * out, 4), *y = random_block(rows * out, 5), *again = random_block(rows * out, 6);
    void *scratch = tl_memory_allocate_aligned(tl_packed_scratch_size(kind, rows, in), 1, NULL);
    tl_weight weight = tl_weight_of_floats(values);
    packed made = pack(kind, &weight, out, in);
    assert_non_null(scratch);
    float *rounded_x = random_block(rows * in, 14), *rounded_values = random_block(out * in, 15);
    for (size_t r = 0; r < rows; r++)
        round_row(kind, x + r * in, in, rounded_x + r * in);
    for (size_t o = 0; o < out; o++)
        round_row(kind, values + o * in, in, rounded_values + o * in);
    multiply(NULL, x, rows, &made.weight, bias, residual, scratch, y);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double sum = (double)bias[o] + (double)residual[r * out + o];
            for (size_t i = 0; i < in; i++)
                sum += (double)rounded_x[r * in + i] * (double)rounded_values[o * in + i];
            /* An activation half-way between two int8 steps may go either way: a step is worth about 1/40 here. */
            double allowed = kind == TL_PACKED_INT8 ? 0.02 * sqrt((double)in) + 1e-5 : 2e-6 * (double)in + 1e-5;
            if (fabs((double)y[r * out + o] - sum) > allowed)
                fail_msg("%s, kind %d, %zu x %zu x %zu: [%zu, %zu]: expected %g, found %g", tl_kernels_name(), (int)kind, rows,
                         in, out, r, o, sum, (double)y[r * out + o]);
        }
    multiply(pool, x, rows, &made.weight, bias, residual, scratch, again);
    assert_memory_equal(y, again, rows * out * sizeof *y);
    /* The residual's place may take the answer; without bias and residual the product is alone. */
    memcpy(again, residual, rows * out * sizeof *again);
    multiply(pool, x, rows, &made.weight, bias, again, scratch, again);
    assert_memory_equal(y, again, rows * out * sizeof *y);
    multiply(NULL, x, rows, &made.weight, NULL, NULL, scratch, again);
    for (size_t i = 0; i < rows * out; i++)
        assert_true(fabsf(again[i] + bias[i % out] + residual[i] - y[i]) < 1e-3f);
    discard(&made);
    float *blocks[] = {x, values, bias, residual, y, again, scratch, rounded_x, rounded_values};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void every_kind_on_every_level(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 64, 32},     {2, 7, 31},    {3, 8, 33},    {13, 33, 64},
                                       {14, 16, 1},   {15, 5, 95},     {29, 130, 96}, {50, 48, 257}, {64, 3, 200},
                                       {5, 1537, 40}, {150, 1600, 70}, {33, 3100, 33}};
    const char *names[MOST_LEVELS];
    size_t count = tl_kernels_available(names, MOST_LEVELS);
    tl_thread_pool *pool;
    assert_true(tl_thread_pool_create(3, &pool, NULL));
    for (size_t level = 0; level < count; level++) {
        assert_true(tl_kernels_select(names[level], NULL));
        for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++)
            for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
                check_product((tl_packed_kind)kind, shapes[i][0], shapes[i][1], shapes[i][2], pool);
    }
    assert_true(tl_kernels_select(NULL, NULL));
    tl_thread_pool_destroy(pool);
}

static float value_of_bf16(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Norm, product, activation and rounding in one call, and a second product of what came out, against one after the other. */
static void check_fused(tl_packed_kind kind, tl_gelu_kind gelu, size_t rows, size_t in, size_t middle, size_t out)
{
    float *x = random_block(rows * in, 20), *gain = random_block(in, 21), *shift = random_block(in, 22),
          *bias = random_block(middle, 23);
    float *first = random_block(middle * in, 24), *second = random_block(out * middle, 25), *normal = random_block(rows * in, 26);
    float *steps = random_block(rows * middle, 27), *whole = random_block(rows * middle, 28), *y = random_block(rows * out, 29);
    float *expected = random_block(rows * out, 30);
    uint16_t *halves = (uint16_t *)(void *)random_block(rows * middle, 31);
    const size_t scratch_size = tl_linear_scratch_count(rows, in > middle ? in : middle);
    float *scratch = random_block(scratch_size, 32);
    tl_weight weights[2] = {tl_weight_of_floats(first), tl_weight_of_floats(second)};
    packed made[2] = {pack(kind, &weights[0], middle, in), pack(kind, &weights[1], out, middle)};
    weights[0].packed = made[0].weight;
    weights[1].packed = made[1].weight;
    assert_int_equal(tl_linear_dtype_between(&weights[0], &weights[1]), kind == TL_PACKED_F32 ? TL_F32 : TL_BF16);

    tl_layer_norm(x, gain, shift, rows, in, 1e-5f, normal, NULL, NULL);
    multiply(NULL, normal, rows, &weights[0].packed, bias, NULL, scratch, steps);
    tl_gelu(gelu, steps, steps, rows * middle);

    const tl_linear_norm norm = {.gain = gain, .bias = shift, .epsilon = 1e-5f, .rows = normal};
    tl_linear_call call = {.weight = &weights[0],
                           .rows = rows,
                           .in = in,
                           .out = middle,
                           .x = x,
                           .norm = &norm,
                           .bias = bias,
                           .has_gelu = true,
                           .gelu = gelu,
                           .y = whole};
    tl_linear_run(NULL, &call, scratch);
    for (size_t i = 0; i < rows * middle; i++)
        if (!(fabsf(whole[i] - steps[i]) <= 2e-6f * (1.0f + fabsf(steps[i]))))
            fail_msg("%s, kind %d, %zu x %zu x %zu: number %zu: expected %g, found %g", tl_kernels_name(), (int)kind, rows, in,
                     middle, i, (double)steps[i], (double)whole[i]);
    assert_int_equal(tl_linear_is_packed_between(&weights[0], &weights[1]), kind == TL_PACKED_F32);
    if (kind == TL_PACKED_F32) {
        tl_linear_call next = {.weight = &weights[1], .rows = rows, .in = middle, .out = out, .x = whole, .y = expected};
        tl_linear_run(NULL, &next, scratch);
        call.y = steps;
        call.is_y_packed = true;
        tl_linear_run(NULL, &call, scratch);
        next.x = steps;
        next.is_x_packed = true;
        next.y = y;
        tl_linear_run(NULL, &next, scratch);
        assert_memory_equal(y, expected, rows * out * sizeof *y);
    } else {
        call.y = halves;
        call.y_dtype = TL_BF16;
        tl_linear_run(NULL, &call, scratch);
        for (size_t i = 0; i < rows * middle; i++) {
            steps[i] = value_of_bf16(halves[i]);
            assert_true(steps[i] == rounded_to_bf16(whole[i]) || fabsf(whole[i]) < 1e-30f);
        }
        multiply(NULL, steps, rows, &weights[1].packed, NULL, NULL, scratch, expected);
        call = (tl_linear_call){
            .weight = &weights[1], .rows = rows, .in = middle, .out = out, .x = halves, .x_dtype = TL_BF16, .y = y};
        tl_linear_run(NULL, &call, scratch);
        assert_memory_equal(y, expected, rows * out * sizeof *y);
    }
    discard(&made[0]);
    discard(&made[1]);
    float *blocks[] = {x, gain, shift, bias, first, second, normal, steps, whole, y, expected, (float *)(void *)halves, scratch};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void what_stands_around_a_product_is_the_same_on_the_way(void **state)
{
    (void)state;
    static const size_t shapes[][4] = {{1, 5, 7, 3}, {13, 64, 96, 32}, {33, 100, 31, 65}, {64, 33, 128, 64}, {70, 768, 1600, 40}};
    const char *names[MOST_LEVELS];
    size_t count = tl_kernels_available(names, MOST_LEVELS);
    for (size_t level = 0; level < count; level++) {
        assert_true(tl_kernels_select(names[level], NULL));
        for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++)
            for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
                check_fused((tl_packed_kind)kind, (tl_gelu_kind)(i % 3), shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3]);
    }
    assert_true(tl_kernels_select(NULL, NULL));
}

/* What a weight looks like in memory makes no difference to its packing. */
static void any_layout_packs_alike(void **state)
{
    (void)state;
    enum { OUT = 45, IN = 27 };
    float *values = random_block(OUT * IN, 8), *turned = random_block(OUT * IN, 9);
    uint16_t halves[OUT * IN];
    for (size_t o = 0; o < OUT; o++)
        for (size_t i = 0; i < IN; i++) {
            uint32_t bits;
            values[o * IN + i] = rounded_to_bf16(values[o * IN + i]);
            turned[i * OUT + o] = values[o * IN + i];
            memcpy(&bits, &values[o * IN + i], sizeof bits);
            halves[o * IN + i] = (uint16_t)(bits >> 16);
        }
    const tl_weight layouts[] = {
        tl_weight_of_floats(values),
        {.parts = {turned}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = TL_F32, .is_transposed = true},
        {.parts = {halves}, .part_rows = {SIZE_MAX}, .part_count = 1, .dtype = TL_BF16},
        {.parts = {values, values + 11 * IN, values + 30 * IN}, .part_rows = {11, 19, 15}, .part_count = 3, .dtype = TL_F32},
    };
    for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++) {
        packed first = pack((tl_packed_kind)kind, &layouts[0], OUT, IN);
        for (size_t i = 1; i < sizeof layouts / sizeof layouts[0]; i++) {
            packed other = pack((tl_packed_kind)kind, &layouts[i], OUT, IN);
            assert_memory_equal(first.panels, other.panels, tl_packed_panel_size((tl_packed_kind)kind, OUT, IN));
            discard(&other);
        }
        discard(&first);
    }
    tl_memory_free(values);
    tl_memory_free(turned);
}

/* The fast way of training into panels, in pieces of them, gives what the careful one gives; NaN and what rounds to infinity too.
 */
static void weights_of_a_step_pack_alike(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{1, 1}, {32, 2}, {45, 27}, {70, 515}, {96, 256}, {257, 33}};
    const char *names[MOST_LEVELS];
    size_t levels = tl_kernels_available(names, MOST_LEVELS);
    for (size_t level = 0; level < levels; level++)
        for (size_t i = 0; i < 4 * sizeof shapes / sizeof shapes[0]; i++) {
            const tl_packed_kind kind = i / 2 % 2 != 0 ? TL_PACKED_F32 : TL_PACKED_BF16;
            const size_t out = shapes[i / 4][0], in = shapes[i / 4][1], size = tl_packed_panel_size(kind, out, in);
            assert_true(tl_kernels_select(names[level], NULL));
            float *values = random_block(out * in, 30 + i);
            values[out * in / 2] = NAN;
            values[out * in / 3] = 3.4e38f;
            tl_weight weight = tl_weight_of_floats(values);
            weight.is_transposed = i % 2 != 0;
            packed slow = pack(kind, &weight, out, in), fast = pack(kind, &weight, out, in);
            memset(fast.panels, 0xa5, size);
            for (size_t first = 0; first < (out + 31) / 32; first += 2)
                tl_pack_panels(kind, &weight, out, in, first, first + 2 <= (out + 31) / 32 ? 2 : 1, fast.panels);
            assert_memory_equal(slow.panels, fast.panels, size);
            discard(&slow);
            discard(&fast);
            tl_memory_free(values);
        }
    assert_true(tl_kernels_select(NULL, NULL));
}

static float as_packed(tl_packed_kind kind, float value)
{
    return kind == TL_PACKED_BF16 ? rounded_to_bf16(value) : value;
}

/* of_halves: bit 0 of a, bit 1 of b: already rounded. */
static void check_outer(tl_packed_kind kind, size_t m, size_t n, size_t k, unsigned of_halves)
{
    enum { GAP = 3 };
    const size_t a_row = m + GAP, b_row = n + 2 * GAP, c_row = n + GAP;
    float *a = random_block(k * a_row, 40), *b = random_block(k * b_row, 41), *c = random_block(m * c_row, 42);
    float *before = random_block(m * c_row, 42);
    uint16_t *a_halves = tl_memory_allocate(k * a_row, sizeof *a_halves, NULL),
             *b_halves = tl_memory_allocate(k * b_row, sizeof *b_halves, NULL);
    void *scratch = tl_memory_allocate_aligned(tl_outer_scratch_size(kind, m, n), 1, NULL);
    assert_true(scratch != NULL && a_halves != NULL && b_halves != NULL);
    tl_narrow(TL_BF16, a, k * a_row, a_halves);
    tl_narrow(TL_BF16, b, k * b_row, b_halves);
    memset(scratch, 0xff, tl_outer_scratch_size(kind, m, n)); /* NaN wherever something is read that was not written */
    const bool has_a = (of_halves & 1) != 0, has_b = (of_halves & 2) != 0;
    const tl_outer_call call = {.kind = kind,
                                .m = m,
                                .n = n,
                                .k = k,
                                .a = has_a ? (const void *)a_halves : a,
                                .b = has_b ? (const void *)b_halves : b,
                                .a_row = a_row,
                                .b_row = b_row,
                                .c = c,
                                .c_row = c_row,
                                .a_dtype = has_a ? TL_BF16 : TL_F32,
                                .b_dtype = has_b ? TL_BF16 : TL_F32};
    tl_outer(&call, scratch);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < c_row; j++) {
            double sum = (double)before[i * c_row + j];
            for (size_t p = 0; p < k && j < n; p++)
                sum += (double)as_packed(kind, a[p * a_row + i]) * (double)as_packed(kind, b[p * b_row + j]);
            if (!(fabs((double)c[i * c_row + j] - sum) <= (j < n ? 2e-6 * (double)k + 1e-5 : 0.0)))
                fail_msg("%s, %zu x %zu x %zu, %u: [%zu, %zu]: expected %g, found %g", tl_kernels_name(), m, n, k, of_halves, i,
                         j, sum, (double)c[i * c_row + j]);
        }
    void *blocks[] = {a, b, c, before, a_halves, b_halves, scratch};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

static void gradients_by_weights_add_up_on_every_level(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1}, {3, 33, 2}, {32, 64, 255}, {33, 200, 257}, {70, 31, 513}, {129, 257, 40}};
    const char *names[MOST_LEVELS];
    size_t levels = tl_kernels_available(names, MOST_LEVELS);
    for (size_t level = 0; level < levels; level++) {
        assert_true(tl_kernels_select(names[level], NULL));
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            check_outer(TL_PACKED_F32, shapes[i][0], shapes[i][1], shapes[i][2], 0);
            for (unsigned of_halves = 0; of_halves < 4; of_halves++)
                check_outer(TL_PACKED_BF16, shapes[i][0], shapes[i][1], shapes[i][2], of_halves);
        }
    }
    assert_true(tl_kernels_select(NULL, NULL));
}

/* dx = dy W of the turned form, whole and of some rows of the weight, against the product in f32 of rounded factors. */
static void the_way_back_through_rows_of_a_weight(void **state)
{
    (void)state;
    enum { ROWS = 37, OUT = 96, IN = 70, FIRST = 32, COUNT = 64 };
    const char *names[MOST_LEVELS];
    size_t levels = tl_kernels_available(names, MOST_LEVELS);
    float *values = random_block(OUT * IN, 50), *dy = random_block(ROWS * OUT, 51), *dx = random_block(ROWS * IN, 52);
    float *plain = random_block(ROWS * IN, 53);
    for (size_t i = 0; i < OUT * IN; i++)
        values[i] = rounded_to_bf16(values[i]);
    for (size_t i = 0; i < ROWS * OUT; i++)
        dy[i] = rounded_to_bf16(dy[i]);
    uint16_t halves[ROWS * OUT];
    tl_narrow(TL_BF16, dy, ROWS * OUT, halves);
    tl_weight weight = tl_weight_of_floats(values), turned = weight;
    turned.is_transposed = true;
    for (size_t level = 0; level < levels; level++) {
        assert_true(tl_kernels_select(names[level], NULL));
        void *scratch = tl_memory_allocate_aligned(tl_linear_scratch_count(ROWS, OUT), sizeof(float), NULL);
        assert_non_null(scratch);
        packed made = pack(TL_PACKED_BF16, &turned, IN, OUT);
        weight.turned = made.weight;
        const tl_weight some = tl_weight_rows(&weight, FIRST, COUNT, IN);
        assert_non_null(some.turned.panels);
        tl_linear_run_backward(NULL, &weight, TL_F32, dy, ROWS, OUT, IN, dx, scratch);
        tl_linear_backward_input(NULL, dy, ROWS, OUT, values, IN, plain);
        for (size_t i = 0; i < ROWS * IN; i++)
            assert_true(fabsf(dx[i] - plain[i]) < 1e-4f);
        memset(dx, 0, ROWS * IN * sizeof *dx);
        tl_linear_run_backward(NULL, &weight, TL_BF16, halves, ROWS, OUT, IN, dx, scratch);
        for (size_t i = 0; i < ROWS * IN; i++)
            assert_true(fabsf(dx[i] - plain[i]) < 1e-4f);
        tl_linear_run_backward(NULL, &some, TL_F32, dy, ROWS, COUNT, IN, dx, scratch);
        tl_linear_backward_input(NULL, dy, ROWS, COUNT, values + FIRST * IN, IN, plain);
        for (size_t i = 0; i < ROWS * IN; i++)
            assert_true(fabsf(dx[i] - plain[i]) < 1e-4f);
        discard(&made);
        tl_memory_free(scratch);
    }
    assert_true(tl_kernels_select(NULL, NULL));
    float *blocks[] = {values, dy, dx, plain};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tl_memory_free(blocks[i]);
}

/* One value of x, then one of the weight, is not finite; the first and last of a vector, of a piece and of the row. */
static void what_is_not_finite_stays_so(void **state)
{
    (void)state;
    enum { IN = 1063, OUT = 34 };
    static const size_t places[] = {0, 15, 16, 1023, 1024, 1055, 1062};
    static const float strange[] = {NAN, INFINITY, -INFINITY};
    const char *names[MOST_LEVELS];
    size_t levels = tl_kernels_available(names, MOST_LEVELS);
    float *x = random_block(IN, 10), *values = random_block(OUT * IN, 11), y[OUT];
    void *scratch = tl_memory_allocate_aligned(tl_packed_scratch_size(TL_PACKED_F32, 1, IN), 1, NULL);
    const tl_weight weight = tl_weight_of_floats(values);
    assert_non_null(scratch);
    for (size_t level = 0; level < levels; level++) {
        assert_true(tl_kernels_select(names[level], NULL));
        for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++) {
            packed made = pack((tl_packed_kind)kind, &weight, OUT, IN);
            for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
                const float kept = x[places[i]];
                x[places[i]] = strange[i % 3];
                multiply(NULL, x, 1, &made.weight, NULL, NULL, scratch, y);
                x[places[i]] = kept;
                for (size_t o = 0; o < OUT; o++)
                    if (isfinite(y[o]))
                        fail_msg("%s, kind %d: expected no finite value, found %g", names[level], kind, (double)y[o]);
            }
            discard(&made);
            const float kept = values[33 * IN + 1024];
            values[33 * IN + 1024] = strange[kind];
            made = pack((tl_packed_kind)kind, &weight, OUT, IN);
            values[33 * IN + 1024] = kept;
            multiply(NULL, x, 1, &made.weight, NULL, NULL, scratch, y);
            assert_true(isfinite(y[32]) && !isfinite(y[33]));
            discard(&made);
        }
    }
    assert_true(tl_kernels_select(NULL, NULL));
    tl_memory_free(scratch);
    tl_memory_free(x);
    tl_memory_free(values);
}

/* 127 divided by the largest of such a row is infinite. */
static void tiny_rows_are_zeros_of_int8(void **state)
{
    (void)state;
    enum { IN = 9, OUT = 3 };
    const float x[IN] = {1e-40f, -1e-39f, 1e-37f}, values[OUT * IN] = {1.0f, [IN] = 1e-40f, [IN + 5] = -1e-38f, [2 * IN] = -1.0f};
    const float ones[IN] = {1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1.0f};
    float y[OUT];
    char scratch[1024];
    void *aligned = (void *)(((uintptr_t)scratch + 63) / 64 * 64);
    const tl_weight weight = tl_weight_of_floats(values);
    packed made = pack(TL_PACKED_INT8, &weight, OUT, IN);
    multiply(NULL, x, 1, &made.weight, NULL, NULL, aligned, y);
    for (size_t i = 0; i < OUT; i++)
        assert_true(fabsf(y[i]) < 1e-30f);
    multiply(NULL, ones, 1, &made.weight, NULL, NULL, aligned, y);
    assert_true(fabsf(y[0] - 1.0f) < 1e-6f && fabsf(y[1]) < 1e-30f && fabsf(y[2] + 1.0f) < 1e-6f);
    discard(&made);
}

/* All steps at their ends, of one sign or the other. */
static void the_longest_row_of_int8_fits(void **state)
{
    (void)state;
    const size_t in = tl_packed_most_in(TL_PACKED_INT8);
    const char *names[MOST_LEVELS];
    size_t levels = tl_kernels_available(names, MOST_LEVELS);
    float *x = random_block(in, 12), *values = random_block(in, 13), y[1];
    void *scratch = tl_memory_allocate_aligned(tl_packed_scratch_size(TL_PACKED_INT8, 1, in), 1, NULL);
    const tl_weight weight = tl_weight_of_floats(values);
    assert_non_null(scratch);
    for (size_t i = 0; i < 4 * levels; i++) {
        const float a = i % 2 == 0 ? 1.0f : -1.0f, b = i % 4 < 2 ? 1.0f : -1.0f;
        assert_true(tl_kernels_select(names[i / 4], NULL));
        for (size_t at = 0; at < in; at++) {
            x[at] = a;
            values[at] = b;
        }
        packed made = pack(TL_PACKED_INT8, &weight, 1, in);
        multiply(NULL, x, 1, &made.weight, NULL, NULL, scratch, y);
        assert_true(fabsf(y[0] / (a * b * (float)in) - 1.0f) < 1e-5f);
        discard(&made);
    }
    assert_true(tl_kernels_select(NULL, NULL));
    tl_memory_free(scratch);
    tl_memory_free(x);
    tl_memory_free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_on_every_level),
        cmocka_unit_test(any_layout_packs_alike),
        cmocka_unit_test(weights_of_a_step_pack_alike),
        cmocka_unit_test(gradients_by_weights_add_up_on_every_level),
        cmocka_unit_test(the_way_back_through_rows_of_a_weight),
        cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(tiny_rows_are_zeros_of_int8),
        cmocka_unit_test(the_longest_row_of_int8_fits),
        cmocka_unit_test(what_stands_around_a_product_is_the_same_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

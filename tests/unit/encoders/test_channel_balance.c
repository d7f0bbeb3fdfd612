/* Balanced channels: the same product, less of an input's extremes. */
#include "base/core/random.h"
#include "encoders/weights/channel_balance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { OUT = 21, IN = 33, ROWS = 50, CONSTANT = 4, WIDE = 17, LARGE_COLUMN = 30 };

typedef struct fixture {
    float rows[ROWS * IN]; /* normalised: what the ranges are of */
    float weight[OUT * IN], turned[IN * OUT];
    float gain[IN], shift[IN], bias[OUT];
    tl_channel_range ranges[IN];
    float new_gain[IN], new_shift[IN], new_bias[OUT], factors[IN];
    tl_weight values;
    tl_normed_product product;
} fixture;

/* Channel CONSTANT is large and nearly the same in every row, WIDE is large by its gain and changes, LARGE_COLUMN is an ordinary
 * channel with large weights. */
static void make(fixture *self, bool is_transposed)
{
    tl_random random = tl_random_stream(1, 0);
    *self = (fixture){0};
    for (size_t i = 0; i < ROWS * IN; i++)
        self->rows[i] = i % IN == CONSTANT ? 20.0F + 0.1F * tl_random_normal(&random) : tl_random_normal(&random);
    for (size_t i = 0; i < OUT * IN; i++) {
        self->weight[i] = tl_random_normal(&random) * (i % IN == LARGE_COLUMN ? 8.0F : 1.0F);
        self->turned[i % IN * OUT + i / IN] = self->weight[i];
    }
    for (size_t i = 0; i < IN; i++) {
        self->gain[i] = (i % 2 == 0 ? 1.0F : -1.0F) * (i == WIDE ? 40.0F : 1.0F);
        self->shift[i] = 0.1F * tl_random_normal(&random);
        self->ranges[i] = (tl_channel_range){self->rows[i], self->rows[i], 0.0F};
        for (size_t row = 0; row < ROWS; row++) {
            const float value = self->rows[row * IN + i];
            self->ranges[i].least = fminf(self->ranges[i].least, value);
            self->ranges[i].most = fmaxf(self->ranges[i].most, value);
            self->ranges[i].mean += value / ROWS;
        }
    }
    for (size_t i = 0; i < OUT; i++)
        self->bias[i] = tl_random_normal(&random);
    self->values = tl_weight_of_floats(is_transposed ? self->turned : self->weight);
    self->values.is_transposed = is_transposed;
    self->product = (tl_normed_product){&self->values, OUT, IN, self->gain, self->shift, self->bias, self->ranges};
}

static void balance(fixture *self, bool divides)
{
    float scratch[5 * (IN > OUT ? IN : OUT)];
    assert_true(tl_balance_scratch_count(OUT, IN) <= sizeof scratch / sizeof *scratch);
    tl_balance_channels(&self->product, divides, self->new_gain, self->new_shift, self->new_bias, self->factors, scratch);
}

/* The largest difference between the product as it was and as it is now. */
static double difference(const fixture *self)
{
    double most = 0.0;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t o = 0; o < OUT; o++) {
            double before = (double)self->bias[o], after = (double)self->new_bias[o];
            for (size_t i = 0; i < IN; i++) {
                const double x = (double)self->rows[row * IN + i], weight = (double)self->weight[o * IN + i];
                before += weight * ((double)self->gain[i] * x + (double)self->shift[i]);
                after += weight * (double)self->factors[i] * ((double)self->new_gain[i] * x + (double)self->new_shift[i]);
            }
            most = fmax(most, fabs(after - before));
        }
    return most;
}

static double largest_input(const fixture *self)
{
    double most = 0.0;
    for (size_t i = 0; i < ROWS * IN; i++)
        most = fmax(most, fabs((double)self->new_gain[i % IN] * (double)self->rows[i] + (double)self->new_shift[i % IN]));
    return most;
}

static void the_product_stays_and_the_input_shrinks(void **state)
{
    (void)state;
    for (int is_transposed = 0; is_transposed < 2; is_transposed++) {
        static fixture self;
        make(&self, is_transposed != 0);
        balance(&self, true);
        assert_true(difference(&self) < 1e-4);
        assert_true(largest_input(&self) < 30.0); /* of some 100 */
        for (size_t i = 0; i < IN; i++) {
            if (i == WIDE)
                assert_true(self.factors[i] == 4.0F || self.factors[i] == 8.0F);
            else
                assert_true(self.factors[i] == 1.0F);
            if (i != WIDE && i != CONSTANT) {
                assert_true(self.new_gain[i] == self.gain[i]);
                assert_true(self.new_shift[i] == self.shift[i]);
            }
        }
        assert_true(fabsf(self.new_shift[CONSTANT]) > 15.0F); /* what takes the constant away */
    }
}

static void without_division_only_constants_move(void **state)
{
    (void)state;
    static fixture self;
    make(&self, false);
    balance(&self, false);
    assert_true(difference(&self) < 1e-4);
    assert_memory_equal(self.new_gain, self.gain, sizeof self.gain);
    for (size_t i = 0; i < IN; i++) {
        assert_true(self.factors[i] == 1.0F);
        assert_true((self.new_shift[i] != self.shift[i]) == (i == CONSTANT));
    }
}

static void expect_unchanged(const fixture *self)
{
    assert_memory_equal(self->new_gain, self->gain, sizeof self->gain);
    assert_memory_equal(self->new_shift, self->shift, sizeof self->shift);
    assert_memory_equal(self->new_bias, self->bias, sizeof self->bias);
    for (size_t i = 0; i < IN; i++)
        assert_true(self->factors[i] == 1.0F);
}

static void what_is_not_known_or_not_finite_changes_nothing(void **state)
{
    (void)state;
    static fixture self;
    make(&self, false);
    self.product.ranges = NULL;
    balance(&self, true);
    expect_unchanged(&self);

    make(&self, false);
    self.gain[CONSTANT] = self.gain[WIDE] = 0.01F; /* like the others at most */
    balance(&self, true);
    expect_unchanged(&self);

    static const float odd[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++) {
        make(&self, false);
        self.gain[WIDE] = 1.0F;
        self.ranges[CONSTANT] = (tl_channel_range){odd[i], odd[i], odd[i]};
        balance(&self, true);
        expect_unchanged(&self);
        for (size_t channel = 0; channel < IN; channel++)
            self.ranges[channel] = self.ranges[CONSTANT];
        balance(&self, true);
        expect_unchanged(&self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_product_stays_and_the_input_shrinks),
        cmocka_unit_test(without_division_only_constants_move),
        cmocka_unit_test(what_is_not_known_or_not_finite_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

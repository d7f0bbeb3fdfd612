/* An outlier is a channel whose largest number is some times that of the median channel. Shares of a norm's output and of its
 * product are divided evenly: by the root of what the channel is more than others, less what its column is more than others. */
#include "encoders/weights/channel_balance.h"

#include "base/compute/compute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float outlier_ratio = 2.0f; /* to the median channel's largest */
static const float most_doublings = 10.0f;

size_t tl_balance_scratch_count(size_t out, size_t in)
{
    return 4 * in + (out > in ? out : in);
}

/* columns [in]: the largest of each column. line: [out] or [in]. */
static void largest_of_columns(const tl_normed_product *product, float *columns, float *line)
{
    const tl_weight *weight = product->weight;
    const size_t out = product->out, in = product->in;
    memset(columns, 0, in * sizeof *columns);
    if (weight->is_transposed)
        for (size_t i = 0; i < in; i++) {
            tl_widen(weight->dtype, (const char *)weight->parts[0] + i * out * tl_dtype_size(weight->dtype), out, line);
            for (size_t o = 0; o < out; o++)
                columns[i] = fmaxf(columns[i], fabsf(line[o]));
        }
    else
        for (size_t o = 0; o < out; o++) {
            tl_weight_widen_row(weight, o, in, line);
            for (size_t i = 0; i < in; i++)
                columns[i] = fmaxf(columns[i], fabsf(line[i]));
        }
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median(const float *values, size_t count, float *sorted)
{
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_floats);
    return sorted[count / 2];
}

/* How far a channel's output reaches from `centre`. */
static float reach(const tl_normed_product *product, size_t channel, float centre)
{
    const tl_channel_range *range = &product->ranges[channel];
    const float gain = product->gain[channel], shift = product->shift[channel] - centre;
    return fmaxf(fabsf(gain * range->least + shift), fabsf(gain * range->most + shift));
}

static float divisor(float reach_ratio, float column_ratio)
{
    const float doublings = rintf(0.5f * log2f(reach_ratio / column_ratio));
    return doublings > 0.0f ? exp2f(fminf(doublings, most_doublings)) : 1.0f; /* of a NaN: 1 */
}

void tl_balance_channels(const tl_normed_product *product, bool divides, float *gain, float *shift, float *bias, float *factors,
                         float *scratch)
{
    const size_t out = product->out, in = product->in;
    float *largest = scratch, *columns = largest + in, *moves = columns + in, *sorted = moves + in, *line = sorted + in;
    bool is_moved = false, is_measured = false;
    float median_column = 0.0f;
    memcpy(gain, product->gain, in * sizeof *gain);
    memcpy(shift, product->shift, in * sizeof *shift);
    memcpy(bias, product->bias, out * sizeof *bias);
    for (size_t i = 0; i < in; i++)
        factors[i] = 1.0f;
    if (product->ranges == NULL)
        return;
    for (size_t i = 0; i < in; i++) {
        largest[i] = reach(product, i, 0.0f);
        moves[i] = 0.0f;
    }
    const float usual = median(largest, in, sorted);
    for (size_t i = 0; i < in; i++) {
        if (!(largest[i] > outlier_ratio * usual && isfinite(largest[i]) && usual > 0.0f))
            continue;
        const float mean = gain[i] * product->ranges[i].mean + shift[i], around = reach(product, i, mean);
        float remains = largest[i];
        if (around < 0.5f * largest[i]) {
            moves[i] = mean;
            shift[i] -= mean;
            remains = around;
            is_moved = true;
        }
        if (!divides)
            continue;
        if (!is_measured) {
            largest_of_columns(product, columns, line);
            median_column = median(columns, in, sorted);
            is_measured = true;
        }
        factors[i] = divisor(remains / usual, columns[i] / median_column);
        gain[i] /= factors[i];
        shift[i] /= factors[i];
    }
    if (is_moved)
        tl_linear(NULL, moves, 1, in, product->weight, product->bias, NULL, out, bias);
}

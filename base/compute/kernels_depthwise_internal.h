/*
 * Depthwise convolutions. A vector of channels goes through a strip of the picture line by line: the lines that the kernel covers
 * lie in a ring on the stack, where the zeros around the picture are written out and a pixel's neighbours are next to it, so that
 * the sums need no test for borders and no cache line that only its distance puts in another's place. Included by the kernel
 * files.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_DEPTHWISE_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_DEPTHWISE_INTERNAL_H

#include "base/compute/kernels_internal.h"
#include "base/compute/kernels_rows_internal.h"

enum {
    DEPTHWISE_MOST = 7,                                   /* side of a kernel */
    DEPTHWISE_PIXELS = TL_VECTOR_FLOATS == 16 ? 8 : 4,    /* whose sums are in registers at a time */
    DEPTHWISE_STRIP = 32,                                 /* pixels of a line */
    DEPTHWISE_LINE = DEPTHWISE_STRIP + DEPTHWISE_MOST - 1 /* and what the kernel sees beside them */
};

/* What the sums of so many pixels see of a line: they are made DEPTHWISE_PIXELS at a time. */
KERNEL_INLINE size_t line_size(size_t kernel, size_t columns)
{
    return (columns + DEPTHWISE_PIXELS - 1) / DEPTHWISE_PIXELS * DEPTHWISE_PIXELS + kernel - 1;
}

/* `count` pixels of line `row` of the picture (one that is not there is zero) from `column` - radius on, n channels from number
 * `channel` on. */
KERNEL_INLINE void take_line(const tl_depthwise_shape *shape, const float *x, ptrdiff_t row, size_t column, size_t count,
                             size_t channel, size_t n, vector *line)
{
    const size_t radius = shape->kernel / 2, channels = shape->channels;
    const bool is_there = row >= 0 && row < (ptrdiff_t)shape->height;
    const float *from = x + (is_there ? (size_t)row : 0) * shape->width * channels + channel;
    for (size_t i = 0; i < count; i++) {
        const size_t at = column + i; /* counted from -radius */
        const bool is_inside = is_there && at >= radius && at - radius < shape->width;
        line[i] = is_inside ? load_some(from + (at - radius) * channels, n) : splat(0.0f);
    }
}

/* kernel is a constant where it is inlined, as below. */
KERNEL_INLINE void convolve_strip(const size_t kernel, const tl_depthwise_work *work, size_t column, size_t channel, size_t n)
{
    const tl_depthwise_shape *shape = &work->shape;
    const size_t channels = shape->channels, radius = kernel / 2, left = shape->width - column,
                 columns = left < DEPTHWISE_STRIP ? left : DEPTHWISE_STRIP, seen = line_size(kernel, columns);
    vector ring[DEPTHWISE_MOST][DEPTHWISE_LINE], taps[DEPTHWISE_MOST * DEPTHWISE_MOST];
    for (size_t tap = 0; tap < kernel * kernel; tap++)
        taps[tap] = load_some(work->weights + (work->is_reversed ? kernel * kernel - 1 - tap : tap) * channels + channel, n);
    const vector bias = work->bias != NULL ? load_some(work->bias + channel, n) : splat(0.0f);
    for (size_t line = 0; line + 1 < kernel; line++)
        take_line(shape, work->x, (ptrdiff_t)line - (ptrdiff_t)radius, column, seen, channel, n, ring[line]);
    for (size_t row = 0; row < shape->height; row++) {
        const size_t start = (row * shape->width + column) * channels + channel;
        take_line(shape, work->x, (ptrdiff_t)(row + radius), column, seen, channel, n, ring[(row + kernel - 1) % kernel]);
        for (size_t first = 0; first < columns; first += DEPTHWISE_PIXELS) {
            const size_t count = columns - first < DEPTHWISE_PIXELS ? columns - first : DEPTHWISE_PIXELS;
            vector sums[DEPTHWISE_PIXELS];
            for (size_t i = 0; i < DEPTHWISE_PIXELS; i++)
                sums[i] = bias;
            for (size_t line = 0; line < kernel; line++) {
                const vector *x = ring[(row + line) % kernel] + first;
                for (size_t tap = 0; tap < kernel; tap++)
                    for (size_t i = 0; i < DEPTHWISE_PIXELS; i++)
                        sums[i] += x[tap + i] * taps[line * kernel + tap];
            }
            for (size_t i = 0; i < count; i++) {
                const size_t at = start + (first + i) * channels;
                store_some(work->y + at, work->residual != NULL ? sums[i] + load_some(work->residual + at, n) : sums[i], n);
            }
        }
    }
}

KERNEL_INLINE void convolve(const size_t kernel, const tl_depthwise_work *work)
{
    for (size_t channel = 0; channel < work->shape.channels; channel += LANES) {
        const size_t n = step_size(channel, work->shape.channels);
        for (size_t column = 0; column < work->shape.width; column += DEPTHWISE_STRIP)
            convolve_strip(kernel, work, column, channel, n);
    }
}

static void depthwise_3(const tl_depthwise_work *work)
{
    convolve(3, work);
}

static void depthwise_5(const tl_depthwise_work *work)
{
    convolve(5, work);
}

static void depthwise_7(const tl_depthwise_work *work)
{
    convolve(7, work);
}

static void depthwise(const tl_depthwise_work *work)
{
    if (work->shape.kernel == 3)
        depthwise_3(work);
    else if (work->shape.kernel == 5)
        depthwise_5(work);
    else
        depthwise_7(work);
}

/* ---- the gradient by the weights ---- */

typedef struct tl_depthwise_gradient {
    const tl_depthwise_shape *shape;
    const float *dy, *x;
    float *weights;
} depthwise_gradient;

/* Of `lines` lines of the kernel from number `top` on, whose sums stay in registers; both are constants where it is inlined. */
KERNEL_INLINE void sum_taps(const size_t kernel, const size_t top, const size_t lines, const depthwise_gradient *work,
                            size_t column, size_t channel, size_t n)
{
    const tl_depthwise_shape *shape = work->shape;
    const size_t channels = shape->channels, radius = kernel / 2, left = shape->width - column,
                 columns = left < DEPTHWISE_STRIP ? left : DEPTHWISE_STRIP, seen = line_size(kernel, columns);
    vector ring[DEPTHWISE_MOST][DEPTHWISE_LINE], sums[DEPTHWISE_MOST * DEPTHWISE_MOST];
    for (size_t i = 0; i < lines * kernel; i++)
        sums[i] = splat(0.0f);
    for (size_t line = 0; line + 1 < lines; line++)
        take_line(shape, work->x, (ptrdiff_t)(line + top) - (ptrdiff_t)radius, column, seen, channel, n, ring[line]);
    for (size_t row = 0; row < shape->height; row++) {
        const float *dy = work->dy + (row * shape->width + column) * channels + channel;
        const vector *window[DEPTHWISE_MOST];
        take_line(shape, work->x, (ptrdiff_t)(row + top + lines - 1) - (ptrdiff_t)radius, column, seen, channel, n,
                  ring[(row + lines - 1) % lines]);
        for (size_t line = 0; line < lines; line++)
            window[line] = ring[(row + line) % lines];
        for (size_t i = 0; i < columns; i++, dy += channels) {
            const vector gradient = load_some(dy, n);
            for (size_t line = 0; line < lines; line++)
                for (size_t tap = 0; tap < kernel; tap++)
                    sums[line * kernel + tap] += gradient * window[line][i + tap];
        }
    }
    for (size_t i = 0; i < lines * kernel; i++) {
        float *to = work->weights + (top * kernel + i) * channels + channel;
        store_some(to, load_some(to, n) + sums[i], n);
    }
}

/* As many lines at a time as there are registers for their sums. */
KERNEL_INLINE void sum_strip(const size_t kernel, const depthwise_gradient *work, size_t column, size_t channel, size_t n)
{
    enum { IS_WIDE = TL_VECTOR_FLOATS == 16 };
    if (kernel == 3) {
        sum_taps(3, 0, 3, work, column, channel, n);
    } else if (kernel == 5 && IS_WIDE) {
        sum_taps(5, 0, 5, work, column, channel, n);
    } else if (kernel == 5) {
        sum_taps(5, 0, 2, work, column, channel, n);
        sum_taps(5, 2, 2, work, column, channel, n);
        sum_taps(5, 4, 1, work, column, channel, n);
    } else if (IS_WIDE) {
        sum_taps(7, 0, 4, work, column, channel, n);
        sum_taps(7, 4, 3, work, column, channel, n);
    } else {
        for (size_t line = 0; line < 7; line++)
            sum_taps(7, line, 1, work, column, channel, n);
    }
}

KERNEL_INLINE void sum_all(const size_t kernel, const depthwise_gradient *work)
{
    for (size_t channel = 0; channel < work->shape->channels; channel += LANES) {
        const size_t n = step_size(channel, work->shape->channels);
        for (size_t column = 0; column < work->shape->width; column += DEPTHWISE_STRIP)
            sum_strip(kernel, work, column, channel, n);
    }
}

static void depthwise_weights_3(const depthwise_gradient *work)
{
    sum_all(3, work);
}

static void depthwise_weights_5(const depthwise_gradient *work)
{
    sum_all(5, work);
}

static void depthwise_weights_7(const depthwise_gradient *work)
{
    sum_all(7, work);
}

static void depthwise_weights(const tl_depthwise_shape *shape, const float *dy, const float *x, float *weights_gradient,
                              float *bias_gradient)
{
    const depthwise_gradient work = {shape, dy, x, weights_gradient};
    column_sums(dy, shape->height * shape->width, shape->channels, bias_gradient);
    if (shape->kernel == 3)
        depthwise_weights_3(&work);
    else if (shape->kernel == 5)
        depthwise_weights_5(&work);
    else
        depthwise_weights_7(&work);
}

#endif

/*
 * The table of kernels: the loops whose speed depends on the instruction set. Each table is the same source
 * (kernels_body_internal.h) compiled with other flags; select.c picks one, once. Within base/compute only.
 */
#ifndef TL_BASE_COMPUTE_KERNELS_INTERNAL_H
#define TL_BASE_COMPUTE_KERNELS_INTERNAL_H

#include "base/compute/compute.h"
#include "base/compute/depthwise.h"

/* Rows of scores are padded to this many floats, the widest vector of any table. */
#define TL_ROW_PADDING 16

/* Output channels of a packed panel of weights, and the most output pixels of a tile. */
#define TL_PANEL_COLUMNS 64
#define TL_MOST_TAP_ROWS 6

/* Weights of row_count <= 16 output channels, rows [channels, taps] row_step apart, to columns of a panel [taps, channels,
 * TL_PANEL_COLUMNS]; those of a row are multiplied by its scale (NULL: 1). */
typedef struct tl_packing {
    const float *rows;
    size_t row_step, row_count, taps, channels;
    const float *scale;
    float *panel;
} tl_packing;

/* A panel as a factor: y row (+)= sum over taps t and channels c of x row[tap_offsets[t] + c] * panel[t, c], and what goes with
 * it. */
typedef struct tl_tap_product {
    size_t taps, channels;
    const size_t *tap_offsets;
    const float *panel;
    size_t columns; /* of the panel, and of y */
    const float *shift;
    bool accumulates; /* y has a sum already; otherwise it starts from shift (NULL: 0) and the residual */
    bool rectifies;
} tl_tap_product;

typedef struct tl_tap_rows {
    size_t count; /* 1 to tap_rows of the table */
    const float *x[TL_MOST_TAP_ROWS];
    float *y[TL_MOST_TAP_ROWS];
    const float *residual[TL_MOST_TAP_ROWS]; /* all or none are NULL */
} tl_tap_rows;

/* y = x * weights (their taps in reverse where is_reversed) + bias (NULL: 0) + residual (NULL: 0), which may be y. */
typedef struct tl_depthwise_work {
    tl_depthwise_shape shape;
    const float *x, *weights, *bias;
    bool is_reversed;
    const float *residual;
    float *y;
} tl_depthwise_work;

typedef struct tl_kernels {
    const char *name;
    /* y = gelu(x); y may be x */
    void (*gelu)(tl_gelu_kind kind, const float *x, float *y, size_t count);
    /* out = dy * gelu'(x), y = gelu(x) (NULL: not wanted); out may be x or dy */
    void (*gelu_backward)(tl_gelu_kind kind, const float *x, const float *dy, float *y, float *out, size_t count);
    /* Of bf16: y = gelu(x); y may be x */
    void (*gelu_halves)(tl_gelu_kind kind, const uint16_t *x, uint16_t *y, size_t count);
    /* y = gelu(x); then dy = dy * gelu'(x), and x the same in bf16 */
    void (*gelu_halves_backward)(tl_gelu_kind kind, uint16_t *x, float *dy, uint16_t *y, size_t count);
    /* y [rows, dim] = silu(gate) * value of the rows (gate, value) of x; y may be x */
    void (*swiglu)(const float *x, size_t rows, size_t dim, float *y);
    void (*exponential)(const float *x, float *y, size_t count);
    void (*error_function)(const float *x, float *y, size_t count);
    /* y += a * x */
    void (*axpy)(float a, const float *x, float *y, size_t count);
    /* out [dim] += sum over rows of x [rows, dim] */
    void (*column_sums)(const float *x, size_t rows, size_t dim, float *out);
    /* y row = bias (NULL: 0) + residual row (NULL: 0) */
    void (*fill_rows)(const float *bias, const float *residual, size_t rows, size_t dim, float *y);
    void (*layer_norm)(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon, float *y,
                       float *mean, float *inverse_deviation);
    void (*layer_norm_halves)(const float *x, const float *gain, const float *bias, size_t rows, size_t dim, float epsilon,
                              uint16_t *y, float *mean, float *inverse_deviation);
    void (*layer_norm_backward)(const float *dy, const float *x, const float *gain, const float *mean,
                                const float *inverse_deviation, const float *residual, size_t rows, size_t dim, float *dx,
                                float *gain_gradient, float *bias_gradient);
    /* row = exp(scale * row), divided by its sum; row[count..padded] becomes 0. */
    void (*softmax)(float *row, size_t count, size_t padded, float scale);
    /* d = scale * p * (d - sum(p * d)); the padding of d becomes 0 */
    void (*softmax_backward)(const float *p, float *d, size_t count, size_t padded, float scale);
    float (*dot)(const float *a, const float *b, size_t count);
    double (*sum_squares)(const float *x, size_t count);
    void (*dot_rows)(const float *rows, size_t count, size_t dim, const float *query, float *scores);
    /* y [rows, y_row apart] (+)= x [rows, in] weights [outs, in]^T, weights of the type in memory; pays up to few_rows_most rows
     */
    size_t few_rows_most;
    void (*few_rows)(tl_dtype dtype, const float *x, size_t rows, size_t in, const void *weights, size_t outs, float *y,
                     size_t y_row, bool accumulate);
    /* out = the same values in f32 */
    void (*widen_f16)(const uint16_t *values, float *out, size_t count);
    void (*widen_bf16)(const uint16_t *values, float *out, size_t count);
    /* and back, to nearest with ties to even */
    void (*narrow_bf16)(const float *values, uint16_t *out, size_t count);
    /* y = x * factor */
    void (*scale)(const float *x, float factor, float *y, size_t count);
    /* x = x * cosines + (the other of its pair) * sines, in each of the pieces [pieces, dim] */
    void (*rotate_pairs)(float *x, size_t pieces, size_t dim, const float *cosines, const float *sines);
    void (*adamw)(const tl_adamw_step *step, const float *gradient, size_t count, float *value, float *first, float *second);
    /*
     * c [m, n] (+)= a b with b [k, n] row-major and element (i, p) of a at a[i * a_row + p * a_column]: small products in cache,
     * no packing.
     */
    void (*small_matmul)(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column, const float *b,
                         size_t b_row, float *c, size_t c_row, bool accumulate);
    size_t tap_rows; /* output pixels of a full tile */
    void (*pack_taps)(const tl_packing *packing);
    void (*multiply_taps)(const tl_tap_product *product, const tl_tap_rows *rows);
    void (*depthwise)(const tl_depthwise_work *work);
    void (*depthwise_weights)(const tl_depthwise_shape *shape, const float *dy, const float *x, float *weights_gradient,
                              float *bias_gradient);
    /* to [columns, to_row] = from^T, from [rows, from_row] */
    void (*transpose)(const float *from, size_t from_row, size_t rows, size_t columns, float *to, size_t to_row);
} tl_kernels;

extern const tl_kernels tl_kernels_baseline;
#if defined(__x86_64__)
extern const tl_kernels tl_kernels_avx2;
extern const tl_kernels tl_kernels_avx512;
#endif

/* The table in use; chosen at the first call when tl_kernels_select was not. */
const tl_kernels *tl_kernels_active(void);

#endif

/*
 * Owns antialiased resampling, pixel for pixel as Pillow's ImagingResample (8 bits a channel).
 *
 * Two passes, as a rule rows then columns, 8 bits between them. A target pixel is a weighted sum of the source pixels under the
 * filter, whose support grows with the scale when shrinking. Weights are integers of 22 fractional bits; the sum is exact, so
 * that the passes of every instruction set (resize_baseline.c, resize_avx2.c, resize_avx512.c) give the same bytes.
 */
#include "base/image/resize.h"

#include "base/core/memory.h"
#include "base/image/resize_internal.h"

#include <math.h>
#include <string.h>

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double box_weight(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double sinc(double x)
{
    return x == 0.0 ? 1.0 : sin(x * M_PI) / (x * M_PI);
}

static double hamming(double x)
{
    x = fabs(x);
    return x == 0.0 ? 1.0 : x >= 1.0 ? 0.0 : sinc(x) * (0.54 + 0.46 * cos(x * M_PI));
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

/* How far a filter reaches, and its weight at a distance, both in target pixels. */
typedef struct filter_kind {
    double support;
    double (*weigh)(double x);
} filter_kind;

static const filter_kind filter_kinds[] = {[TL_RESIZE_BICUBIC] = {2.0, bicubic},
                                           [TL_RESIZE_BILINEAR] = {1.0, bilinear},
                                           [TL_RESIZE_BOX] = {0.5, box_weight},
                                           [TL_RESIZE_HAMMING] = {1.0, hamming},
                                           [TL_RESIZE_LANCZOS] = {3.0, lanczos}};

static void clear_table(tl_resize_table *table)
{
    tl_memory_free(table->spans);
    tl_memory_free(table->weights);
    *table = (tl_resize_table){0};
}

/*
 * Weights of target pixels [first, first + count) when [start, end) of a side of source_size pixels becomes target_size.
 * The order of the floating point operations is Pillow's; they decide the last bit.
 */
static bool make_table(tl_resize_table *table, uint32_t source_size, float start, float end, uint32_t target_size, uint32_t first,
                       uint32_t count, tl_resize_filter filter, tl_error *err)
{
    const filter_kind *kind = &filter_kinds[filter];
    double scale = (double)(end - start) / target_size;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double support = kind->support * filter_scale;
    double per_pixel = 1.0 / filter_scale;
    size_t weight_count;
    *table = (tl_resize_table){.row_size = (size_t)ceil(support) * 2 + 1};
    double *weights = NULL;
    bool ok = false;
    if (!tl_size_multiply(count, table->row_size, &weight_count)) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "the filter does not fit memory");
        goto done;
    }
    if ((weights = tl_memory_allocate(table->row_size, sizeof *weights, err)) == NULL ||
        (table->spans = tl_memory_allocate(count, sizeof *table->spans, err)) == NULL ||
        (table->weights = tl_memory_allocate(weight_count, sizeof *table->weights, err)) == NULL)
        goto done;
    for (uint32_t i = 0; i < count; i++) {
        double center = start + (first + i + 0.5) * scale;
        double low_edge = center - support + 0.5, high_edge = center + support + 0.5;
        uint32_t from = low_edge < 0 ? 0 : (uint32_t)low_edge;
        uint32_t to = high_edge > source_size ? source_size : (uint32_t)high_edge;
        uint32_t taps = to - from;
        double sum = 0.0;
        for (uint32_t x = 0; x < taps; x++) {
            weights[x] = kind->weigh(((double)x + from - center + 0.5) * per_pixel);
            sum += weights[x];
        }
        for (uint32_t x = 0; x < taps; x++) {
            double share = sum != 0.0 ? weights[x] / sum : weights[x];
            table->weights[i * table->row_size + x] = (int32_t)((share < 0 ? -0.5 : 0.5) + share * (1 << TL_RESIZE_WEIGHT_BITS));
        }
        table->spans[i] = (tl_resize_span){from, taps};
    }
    ok = true;
done:
    tl_memory_free(weights);
    if (!ok)
        clear_table(table);
    return ok;
}

static bool is_box_sound(const tl_image *source, const tl_resize_box *box)
{
    return box->left >= 0 && box->top >= 0 && box->left < box->right && box->top < box->bottom &&
           (double)box->right <= source->width && (double)box->bottom <= source->height;
}

static bool is_window_sound(const tl_resize_window *window, uint32_t width, uint32_t height)
{
    return window->width != 0 && window->height != 0 && window->left <= width && window->width <= width - window->left &&
           window->top <= height && window->height <= height - window->top;
}

/* Pillow's rule (13.0): a picture that loses far more height than width gives up the height first. The order shows where bicubic
 * clips. */
static bool is_columns_pass_first(const tl_image *source, uint32_t width, uint32_t height)
{
    int64_t lost_height = (int64_t)source->height - height, lost_width = (int64_t)source->width - width;
    return lost_height > 0 && lost_height > lost_width * 2;
}

static void copy_window(const tl_image *source, const tl_resize_window *window, tl_image *target)
{
    size_t row_size = (size_t)window->width * 3;
    for (uint32_t y = 0; y < window->height; y++)
        memcpy(target->pixels + y * row_size, source->pixels + ((size_t)(window->top + y) * source->width + window->left) * 3,
               row_size);
}

/* The passes that there are tables for, into out; between two of them only what the second one reads is made. */
static bool run_passes(const tl_image *source, const tl_resize_window *window, const tl_resize_table *across,
                       const tl_resize_table *down, bool columns_first, tl_image *out, tl_error *err)
{
    const tl_resize_kernels *kernels = tl_resize__kernels();
    if (across->spans == NULL && down->spans == NULL) {
        copy_window(source, window, out);
        return true;
    }
    if (down->spans == NULL)
        return kernels->resample_rows(source, window->top, 0, across, out, err);
    if (across->spans == NULL)
        return kernels->resample_columns(source, 0, window->left, down, out, err);
    tl_image between = {0};
    bool ok;
    if (columns_first) {
        const tl_resize_span *last = &across->spans[window->width - 1];
        const uint32_t left = across->spans[0].first, right = last->first + last->count;
        ok = tl_image_create(right - left, window->height, &between, err) &&
             kernels->resample_columns(source, 0, left, down, &between, err) &&
             kernels->resample_rows(&between, 0, left, across, out, err);
    } else {
        const tl_resize_span *last = &down->spans[window->height - 1];
        const uint32_t top = down->spans[0].first, bottom = last->first + last->count;
        ok = tl_image_create(window->width, bottom - top, &between, err) &&
             kernels->resample_rows(source, top, 0, across, &between, err) &&
             kernels->resample_columns(&between, top, 0, down, out, err);
    }
    tl_image_clear(&between);
    return ok;
}

bool tl_image_resize_window(const tl_image *source, const tl_resize_box *box, uint32_t width, uint32_t height,
                            const tl_resize_window *window, tl_resize_filter filter, tl_image *out, tl_error *err)
{
    tl_resize_box whole = {0, 0, (float)source->width, (float)source->height};
    if (box == NULL || (box->left == 0 && box->top == 0 && box->right == 0 && box->bottom == 0))
        box = &whole;
    else if (!is_box_sound(source, box))
        return tl_fail(err, TL_ERROR_INVALID, "expected a box within %u x %u pixels, found (%g, %g) to (%g, %g)", source->width,
                       source->height, (double)box->left, (double)box->top, (double)box->right, (double)box->bottom);
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "expected a target of at least 1 x 1 pixels, found %u x %u", width, height);
    if (!is_window_sound(window, width, height))
        return tl_fail(err, TL_ERROR_INVALID, "expected a window within %u x %u pixels, found %u x %u at (%u, %u)", width, height,
                       window->width, window->height, window->left, window->top);
    /* A pass that changes nothing is left out, as the rounding of Pillow's weights would otherwise show. */
    bool rows_change = width != source->width || box->left != 0 || box->right != (float)source->width;
    bool columns_change = height != source->height || box->top != 0 || box->bottom != (float)source->height;
    tl_resize_table across = {0}, down = {0};
    tl_image image = {0};
    bool ok = tl_image_create(window->width, window->height, &image, err) &&
              (!rows_change ||
               make_table(&across, source->width, box->left, box->right, width, window->left, window->width, filter, err)) &&
              (!columns_change ||
               make_table(&down, source->height, box->top, box->bottom, height, window->top, window->height, filter, err)) &&
              run_passes(source, window, &across, &down, is_columns_pass_first(source, width, height), &image, err);
    clear_table(&across);
    clear_table(&down);
    if (ok)
        *out = image;
    else
        tl_image_clear(&image);
    return ok;
}

bool tl_image_resize(const tl_image *source, const tl_resize_box *box, uint32_t width, uint32_t height, tl_resize_filter filter,
                     tl_image *out, tl_error *err)
{
    const tl_resize_window all = {.width = width, .height = height};
    return tl_image_resize_window(source, box, width, height, &all, filter, out, err);
}

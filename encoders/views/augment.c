/*
 * Owns random views: random resized crop, left-right flip, changes of colour and blur, straight from RGB8 [S, S, 3] to normalised
 * planes [3, S, S].
 *
 * The crop is drawn as in torchvision's RandomResizedCrop (area uniform, proportions log-uniform, ten tries, then the whole
 * picture). A crop is never larger than S x S, so antialiased bilinear resampling is plain interpolation between two pixels
 * each way. Levels are normalised by table on the way in, which commutes with interpolation; each source row is stretched
 * once into a ring of two rows, from which the output rows are mixed. Sides up to STACK_SIDE need no allocation.
 */
#include "encoders/views/augment.h"

#include "base/core/memory.h"

#include <math.h>
#include <string.h>

enum { STACK_SIDE = 256, TRIES = 10, BLUR_SHARE = 48 };

typedef struct crop_box {
    uint32_t left, top, width, height; /* pixels of the frame */
} crop_box;

/* Where an output pixel lies between two source pixels. */
typedef struct tap {
    uint32_t near; /* index of the first one (columns: times 3) */
    uint32_t far;
    float far_share; /* weight of the second one */
} tap;

typedef struct augment_scratch {
    tap columns[STACK_SIDE];
    float rows[2 * 3 * STACK_SIDE]; /* [2, 3, S] */
} augment_scratch;

static bool are_options_sound(const tl_augment_options *options, float min_area, float aspect, tl_error *err)
{
    if (!(min_area > 0 && min_area <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "augmentation: expected min_area above 0 and up to 1, found %g", (double)min_area);
    if (!(aspect >= 1 && aspect <= 100))
        return tl_fail(err, TL_ERROR_INVALID, "augmentation: expected an aspect of 1 to 100, found %g", (double)aspect);
    if (!(options->flip >= 0 && options->flip <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "augmentation: expected a flip probability of 0 to 1, found %g",
                       (double)options->flip);
    if (!(options->jitter >= 0 && options->jitter <= 1) || !(options->grayscale >= 0 && options->grayscale <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "augmentation: expected jitter and grayscale of 0 to 1, found %g and %g",
                       (double)options->jitter, (double)options->grayscale);
    if (!(options->blur >= 0 && options->blur <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "augmentation: expected a blur probability of 0 to 1, found %g",
                       (double)options->blur);
    return true;
}

static crop_box draw_crop(float min_area, float aspect, uint32_t size, tl_random *random)
{
    const crop_box whole = {0, 0, size, size};
    if (min_area >= 1 && aspect <= 1)
        return whole;
    float log_aspect = logf(aspect);
    for (int i = 0; i < TRIES; i++) {
        float area = (float)size * (float)size * (min_area + (1 - min_area) * tl_random_uniform(random));
        float proportions = expf(log_aspect * (2 * tl_random_uniform(random) - 1));
        float width = rintf(sqrtf(area * proportions)), height = rintf(sqrtf(area / proportions));
        if (width < 1 || height < 1 || width > (float)size || height > (float)size)
            continue;
        crop_box box = {.width = (uint32_t)width, .height = (uint32_t)height};
        box.top = (uint32_t)tl_random_below(random, size - box.height + 1);
        box.left = (uint32_t)tl_random_below(random, size - box.width + 1);
        return box;
    }
    return whole;
}

/* Output pixel i of `size` over source pixels [first, first + count), pixel centres at halves, edges repeated. */
static tap tap_at(uint32_t i, uint32_t size, uint32_t first, uint32_t count)
{
    float position = ((float)i + 0.5f) * (float)count / (float)size - 0.5f;
    if (position < 0)
        position = 0;
    uint32_t near = (uint32_t)position;
    if (near > count - 1)
        near = count - 1;
    uint32_t far = near + 1 < count ? near + 1 : near;
    return (tap){first + near, first + far, position - (float)near};
}

/* One source row [S, 3] -> planes [3, size], normalised. */
static void stretch_row(const uint8_t *row, const tap *columns, uint32_t size, float values[3][256], float *out)
{
    for (uint32_t x = 0; x < size; x++) {
        const uint8_t *near = row + columns[x].near, *far = row + columns[x].far;
        float share = columns[x].far_share;
        float red = values[0][near[0]], green = values[1][near[1]], blue = values[2][near[2]];
        out[x] = red + (values[0][far[0]] - red) * share;
        out[x + size] = green + (values[1][far[1]] - green) * share;
        out[x + 2 * (size_t)size] = blue + (values[2][far[2]] - blue) * share;
    }
}

static void mix_rows(const float *restrict near, const float *restrict far, float share, size_t count, float *restrict out)
{
    size_t at = 0;
    for (; at + 8 <= count; at += 8)
        for (size_t j = 0; j < 8; j++)
            out[at + j] = near[at + j] + (far[at + j] - near[at + j]) * share;
    for (; at < count; at++)
        out[at] = near[at] + (far[at] - near[at]) * share;
}

/* ---- colours ---- */

/* Luma of ITU-R BT.601, as torchvision's rgb_to_grayscale. */
static const float luma[3] = {0.2989f, 0.587f, 0.114f};

static float draw_factor(float jitter, tl_random *random)
{
    return 1 + jitter * (2 * tl_random_uniform(random) - 1);
}

/* A level of 0 to 1 in each channel: v = level * gain + shift, and back. */
typedef struct level_scale {
    float gain[3], shift[3];
} level_scale;

static level_scale scale_of(float values[3][256])
{
    level_scale scale;
    for (size_t c = 0; c < 3; c++) {
        scale.shift[c] = values[c][0];
        scale.gain[c] = values[c][255] - values[c][0];
    }
    return scale;
}

static float clamp_level(float level)
{
    return level < 0 ? 0 : level > 1 ? 1 : level;
}

/*
 * Brightness, then contrast about the mean grey, then saturation about each pixel's grey, levels kept within 0..1 after each
 * (torchvision's ColorJitter in a fixed order); then grey.
 */
static void change_colours(float brightness, float contrast, float saturation, const level_scale *scale, size_t area, float *out)
{
    double mean = 0;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++) {
            float *at = &out[c * area + i];
            *at = clamp_level((*at - scale->shift[c]) / scale->gain[c] * brightness);
            mean += (double)(luma[c] * *at);
        }
    const float middle = (float)(mean / (double)area);
    for (size_t i = 0; i < area; i++) {
        float level[3], grey = 0;
        for (size_t c = 0; c < 3; c++) {
            level[c] = clamp_level(middle + (out[c * area + i] - middle) * contrast);
            grey += luma[c] * level[c];
        }
        for (size_t c = 0; c < 3; c++)
            out[c * area + i] = clamp_level(grey + (level[c] - grey) * saturation) * scale->gain[c] + scale->shift[c];
    }
}

/* Draws nothing where nothing is asked for. */
static void apply_colours(const tl_augment_options *options, float values[3][256], size_t area, tl_random *random, float *out)
{
    float factors[3] = {1, 1, 1};
    for (size_t i = 0; options->jitter > 0 && i < 3; i++)
        factors[i] = draw_factor(options->jitter, random);
    const bool is_grey = options->grayscale > 0 && tl_random_uniform(random) < options->grayscale;
    if (is_grey)
        factors[2] = 0;
    if (options->jitter > 0 || is_grey) {
        const level_scale scale = scale_of(values);
        change_colours(factors[0], factors[1], factors[2], &scale, area, out);
    }
}

/* ---- blur ---- */

/* Half a Gaussian's weights, [radius + 1], the whole summing to 1. */
static void fill_gaussian(float sigma, size_t radius, float *weights)
{
    float total = 0;
    for (size_t i = 0; i <= radius; i++) {
        weights[i] = expf(-0.5f * (float)(i * i) / (sigma * sigma));
        total += weights[i] * (i == 0 ? 1.0f : 2.0f);
    }
    for (size_t i = 0; i <= radius; i++)
        weights[i] /= total;
}

/* [rows, size] -> its transpose with each row blurred, so that doing it twice blurs both ways. padded: [size + 2 radius]. */
static void blur_rows(const float *from, size_t size, const float *weights, size_t radius, float *padded, float *to)
{
    for (size_t y = 0; y < size; y++) {
        const float *row = from + y * size;
        for (size_t i = 0; i < radius; i++) {
            padded[i] = row[0];
            padded[radius + size + i] = row[size - 1];
        }
        memcpy(padded + radius, row, size * sizeof *row);
        for (size_t x = 0; x < size; x++) {
            float sum = weights[0] * padded[radius + x];
            for (size_t i = 1; i <= radius; i++)
                sum += weights[i] * (padded[radius + x - i] + padded[radius + x + i]);
            to[x * size + y] = sum;
        }
    }
}

static bool apply_blur(float probability, size_t size, tl_random *random, float *out, tl_error *err)
{
    if (probability == 0 || tl_random_uniform(random) >= probability)
        return true;
    const float sigma = (float)size / BLUR_SHARE * tl_random_uniform(random);
    const size_t radius = (size_t)ceilf(3 * sigma), area = size * size;
    if (radius == 0)
        return true;
    float *turned = tl_memory_allocate(area + (size + 2 * radius) + (radius + 1), sizeof *turned, err);
    if (turned == NULL)
        return false;
    float *padded = turned + area, *weights = padded + size + 2 * radius;
    fill_gaussian(sigma, radius, weights);
    for (size_t channel = 0; channel < 3; channel++) {
        blur_rows(out + channel * area, size, weights, radius, padded, turned);
        blur_rows(turned, size, weights, radius, padded, out + channel * area);
    }
    tl_memory_free(turned);
    return true;
}

bool tl_augment_apply(const tl_augment_options *options, const tl_image_recipe *recipe, const uint8_t *pixels, tl_random *random,
                      float *out, tl_error *err)
{
    float min_area = options->min_area == 0 ? 1 : options->min_area, aspect = options->aspect == 0 ? 1 : options->aspect;
    if (!are_options_sound(options, min_area, aspect, err))
        return false;
    uint32_t size = recipe->size;
    size_t area = (size_t)size * size;
    crop_box box = draw_crop(min_area, aspect, size, random);
    bool is_flipped = options->flip > 0 && tl_random_uniform(random) < options->flip;
    augment_scratch scratch;
    tap *columns = scratch.columns;
    float *rows = scratch.rows;
    void *allocated = NULL;
    if (size > STACK_SIDE) {
        allocated = tl_memory_allocate(size, sizeof(tap) + 6 * sizeof(float), err);
        if (allocated == NULL)
            return false;
        columns = allocated;
        rows = (float *)(columns + size);
    }
    float values[3][256];
    tl_image_recipe_values(recipe, values);
    for (uint32_t x = 0; x < size; x++) {
        tap place = tap_at(is_flipped ? size - 1 - x : x, size, box.left, box.width);
        columns[x] = (tap){place.near * 3, place.far * 3, place.far_share};
    }
    uint32_t held[2] = {UINT32_MAX, UINT32_MAX}; /* which source rows the ring's halves hold: row y in half y % 2 */
    for (uint32_t y = 0; y < size; y++) {
        tap place = tap_at(y, size, box.top, box.height);
        const uint32_t needed[2] = {place.near, place.far};
        for (int i = 0; i < 2; i++)
            if (held[needed[i] % 2] != needed[i]) {
                stretch_row(pixels + (size_t)needed[i] * size * 3, columns, size, values,
                            rows + needed[i] % 2 * 3 * (size_t)size);
                held[needed[i] % 2] = needed[i];
            }
        const float *near = rows + place.near % 2 * 3 * (size_t)size, *far = rows + place.far % 2 * 3 * (size_t)size;
        for (size_t channel = 0; channel < 3; channel++)
            mix_rows(near + channel * size, far + channel * size, place.far_share, size, out + channel * area + (size_t)y * size);
    }
    tl_memory_free(allocated);
    apply_colours(options, values, area, random, out);
    return apply_blur(options->blur, size, random, out, err);
}

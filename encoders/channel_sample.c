/*
 * The rows that enter a block and those between its halves are what its two norms read; an observer sees both. The rows marked as
 * following a norm come block by block in the parameter table, first half before second.
 */
#include "encoders/channel_sample.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/core/random.h"

#include <math.h>
#include <string.h>

enum { WANTED_ROWS = 256, LEAST_ITEMS = 4, MOST_ITEMS = 16, WAVES = 6, LEAST_TOKENS = 6, MORE_TOKENS = 12 };

typedef struct tl_watched_norm {
    tl_channel_range *ranges; /* [width]; mean: the sum as yet */
    size_t row_count;
} watched_norm;

typedef struct watch {
    watched_norm *norms; /* [norm_count] */
    size_t norm_count, width;
    float epsilon;
    float *ones, *zeros, *normal; /* [width] */
} watch;

static void watch_rows(void *context, const char *stage, size_t index, const float *rows, size_t row_count, size_t width)
{
    const watch *self = context;
    const char *what = strchr(stage, '.') + 1;
    size_t number = SIZE_MAX;
    if (strcmp(what, "embedding") == 0)
        number = 0;
    else if (strcmp(what, "middle") == 0)
        number = 2 * index + 1;
    else if (strcmp(what, "block") == 0)
        number = 2 * index + 2; /* the first of the next block */
    if (number >= self->norm_count)
        return;
    TL_ASSERT(width == self->width);
    watched_norm *norm = &self->norms[number];
    for (size_t row = 0; row < row_count; row++) {
        tl_layer_norm(rows + row * width, self->ones, self->zeros, 1, width, self->epsilon, self->normal, NULL, NULL);
        for (size_t i = 0; i < width; i++) {
            tl_channel_range *range = &norm->ranges[i];
            const float value = self->normal[i];
            range->mean += value;
            range->least = norm->row_count == 0 ? value : fminf(range->least, value);
            range->most = norm->row_count == 0 ? value : fmaxf(range->most, value);
        }
        norm->row_count++;
    }
}

/* Waves of several lengths, the long ones strong, as pictures have them; the last one is white. */
static void make_picture(size_t item, bool is_white, size_t side, float *pixels)
{
    for (size_t channel = 0; channel < 3; channel++, pixels += side * side) {
        tl_random random = tl_random_stream(item, channel), shared = tl_random_stream(item, 3);
        const float level = is_white ? 2.0f : 0.7f * tl_random_normal(&shared) + 0.3f * tl_random_normal(&random);
        for (size_t i = 0; i < side * side; i++)
            pixels[i] = level;
        for (size_t wave = 0; !is_white && wave < WAVES; wave++) {
            const float turns = (float)(1u << wave), height = 0.8f / sqrtf(turns),
                        phase = 6.2831853f * tl_random_uniform(&shared);
            const float across = turns * 6.2831853f * (2.0f * tl_random_uniform(&shared) - 1.0f) / (float)side;
            const float down = turns * 6.2831853f * (2.0f * tl_random_uniform(&shared) - 1.0f) / (float)side;
            for (size_t y = 0; y < side; y++)
                for (size_t x = 0; x < side; x++)
                    pixels[y * side + x] += height * sinf(across * (float)x + down * (float)y + phase);
        }
    }
}

/* Any tokens between what in CLIP begins a text and what ends one. */
static void make_text(const tl_model_config *config, size_t item, int32_t *ids, uint32_t *length)
{
    const size_t context = config->text.context_length, vocabulary = config->text.vocabulary_size;
    const int32_t pad = config->text.pad_id, eos = config->text.eos_id;
    tl_random random = tl_random_stream(item, 0);
    size_t count = LEAST_TOKENS + tl_random_below(&random, MORE_TOKENS);
    count = count < context ? count : context;
    for (size_t t = 0; t < context; t++)
        ids[t] = t < count ? (int32_t)tl_random_below(&random, vocabulary) : pad >= 0 && (size_t)pad < vocabulary ? pad : 0;
    if (eos >= 0 && (size_t)eos < vocabulary) {
        ids[count - 1] = eos;
        if (item % 2 == 0 && eos > 0)
            ids[0] = eos - 1;
    }
    *length = (uint32_t)count;
}

static bool encode_pictures(const tl_model *model, const tl_stage_observer *observer, tl_error *err)
{
    const tl_model_config *config = &model->info.config;
    const size_t side = config->vision.image_size, pixel_count = 3 * side * side;
    const size_t patches = (side / config->vision.patch_size) * (side / config->vision.patch_size);
    size_t items = (WANTED_ROWS + patches - 1) / patches;
    items = items < LEAST_ITEMS ? LEAST_ITEMS : items > MOST_ITEMS ? MOST_ITEMS : items;
    tl_arena *arena = NULL;
    float *pixels = tl_memory_allocate(items, pixel_count * sizeof *pixels, err);
    float *out = pixels != NULL ? tl_memory_allocate(items, config->embedding_dim * sizeof *out, err) : NULL;
    bool ok = out != NULL && tl_arena_create(tl_vision_tower_scratch_size(model->vision, items, false), &arena, err);
    for (size_t item = 0; ok && item < items; item++)
        make_picture(item, item + 1 == items, side, pixels + item * pixel_count);
    ok =
        ok && tl_vision_tower_forward(model->vision, model->binding.values, pixels, items, NULL, arena, observer, out, NULL, err);
    tl_arena_destroy(arena);
    tl_memory_free(out);
    tl_memory_free(pixels);
    return ok;
}

static bool encode_texts(const tl_model *model, const tl_stage_observer *observer, tl_error *err)
{
    const tl_model_config *config = &model->info.config;
    const size_t context = config->text.context_length;
    uint32_t lengths[MOST_ITEMS];
    tl_arena *arena = NULL;
    int32_t *ids = tl_memory_allocate(MOST_ITEMS, context * sizeof *ids, err);
    float *out = ids != NULL ? tl_memory_allocate(MOST_ITEMS, config->embedding_dim * sizeof *out, err) : NULL;
    bool ok = out != NULL && tl_arena_create(tl_text_tower_scratch_size(model->text, MOST_ITEMS, false), &arena, err);
    for (size_t item = 0; ok && item < MOST_ITEMS; item++)
        make_text(config, item, ids + item * context, &lengths[item]);
    ok = ok && tl_text_tower_forward(model->text, model->binding.values, ids, lengths, MOST_ITEMS, NULL, arena, observer, out,
                                     NULL, err);
    tl_arena_destroy(arena);
    tl_memory_free(out);
    tl_memory_free(ids);
    return ok;
}

bool tl_channel_sample_take(const tl_model *model, tl_tower tower, tl_channel_sample *out, tl_error *err)
{
    const size_t first = tower == TL_TOWER_IMAGE ? 0 : model->rows_end[tower - 1], count = model->rows_end[tower] - first;
    const tl_parameter *rows = model->table.items + first;
    watch self = {.epsilon = tower == TL_TOWER_IMAGE ? model->info.config.vision.layer_norm_epsilon
                                                     : model->info.config.text.layer_norm_epsilon};
    *out = (tl_channel_sample){0};
    for (size_t row = 0; row < count; row++)
        if (rows[row].follows_norm) {
            self.norm_count++;
            self.width = rows[row].count / rows[row].shape[0];
        }
    if (self.norm_count == 0)
        return true;
    float *vectors = tl_memory_allocate(3, self.width * sizeof *vectors, err);
    bool ok = vectors != NULL && (out->of_rows = tl_memory_allocate(count, sizeof *out->of_rows, err)) != NULL &&
              (out->norms = tl_memory_allocate(self.norm_count, sizeof *out->norms, err)) != NULL &&
              (out->ranges = tl_memory_allocate(self.norm_count, self.width * sizeof *out->ranges, err)) != NULL;
    if (ok) {
        size_t number = 0;
        self.norms = out->norms;
        self.ones = vectors;
        self.zeros = vectors + self.width;
        self.normal = vectors + 2 * self.width;
        for (size_t i = 0; i < self.width; i++)
            self.ones[i] = 1.0f;
        for (size_t row = 0; row < count; row++)
            if (rows[row].follows_norm) {
                self.norms[number].ranges = out->ranges + number * self.width;
                out->of_rows[row] = self.norms[number++].ranges;
            }
        const tl_stage_observer observer = {&self, watch_rows};
        ok = tower == TL_TOWER_IMAGE ? encode_pictures(model, &observer, err) : encode_texts(model, &observer, err);
    }
    for (size_t number = 0; ok && number < self.norm_count; number++)
        for (size_t i = 0; i < self.width; i++)
            self.norms[number].ranges[i].mean /= (float)self.norms[number].row_count;
    tl_memory_free(vectors);
    if (!ok)
        tl_channel_sample_clear(out);
    return ok;
}

void tl_channel_sample_clear(tl_channel_sample *sample)
{
    tl_memory_free(sample->ranges);
    tl_memory_free(sample->norms);
    tl_memory_free(sample->of_rows);
    *sample = (tl_channel_sample){0};
}

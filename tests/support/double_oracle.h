/*
 * Both towers and the loss once more, in double, plainly: no packing, no pooled last block, no shared code with the product.
 * Gradients of the product are held against central differences of this. Included by test programs, after
 * tests/support/tiny_towers.h.
 */
#ifndef TL_TESTS_SUPPORT_DOUBLE_ORACLE_H
#define TL_TESTS_SUPPORT_DOUBLE_ORACLE_H

#include "tests/support/tiny_towers.h"

#include <stdio.h>

enum { ORACLE_MOST_WIDTH = 18, ORACLE_MOST_MLP = 64, ORACLE_MOST_DIM = 16 };

/* Parameters in double, in the table's flat layout. */
typedef struct tower_oracle {
    const tiny_model *model;
    double *values;
    const uint32_t *patch_numbers; /* [TINY_BATCH, patch_count] of the patches that a picture has; NULL: all */
    size_t patch_count;
} tower_oracle;

static inline void oracle_create(tower_oracle *oracle, const tiny_model *model)
{
    *oracle = (tower_oracle){.model = model};
    oracle->values = tl_memory_allocate(model->table.flat_count, sizeof(double), NULL);
    for (size_t i = 0; i < model->table.flat_count; i++)
        oracle->values[i] = (double)model->values_block[i];
}

static inline const double *oracle_find(const tower_oracle *oracle, const char *prefix, const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    size_t row = tl_parameter_table_find(&oracle->model->table, name);
    TL_ASSERT(row != SIZE_MAX);
    return oracle->values + oracle->model->table.items[row].offset;
}

static inline double oracle_gelu(tl_activation activation, double x)
{
    if (activation == TL_QUICK_GELU)
        return x / (1.0 + exp(-1.702 * x));
    if (activation == TL_GELU_TANH)
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
}

static inline void oracle_norm(const double *x, const double *gain, const double *bias, size_t width, double epsilon, double *y)
{
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < width; i++)
        mean += x[i] / (double)width;
    for (size_t i = 0; i < width; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)width;
    for (size_t i = 0; i < width; i++)
        y[i] = (x[i] - mean) / sqrt(variance + epsilon) * gain[i] + bias[i];
}

/* y = weight [out, in] x + bias */
static inline void oracle_linear(const double *x, const double *weight, const double *bias, size_t in, size_t out, double *y)
{
    for (size_t o = 0; o < out; o++) {
        y[o] = bias[o];
        for (size_t i = 0; i < in; i++)
            y[o] += weight[o * in + i] * x[i];
    }
}

typedef struct oracle_shape {
    size_t tokens, width, heads, mlp;
    bool is_causal;
} oracle_shape;

static inline void oracle_block(const tower_oracle *oracle, const char *prefix, const oracle_shape *shape,
                                double x[][ORACLE_MOST_WIDTH])
{
    const double epsilon = (double)oracle->model->config->vision.layer_norm_epsilon;
    const size_t width = shape->width, dim = width / shape->heads;
    double normal[ORACLE_MOST_WIDTH], qkv[TINY_MOST_TOKENS][3 * ORACLE_MOST_WIDTH], wide[ORACLE_MOST_MLP],
        added[ORACLE_MOST_WIDTH];
    double attended[TINY_MOST_TOKENS][ORACLE_MOST_WIDTH];
    for (size_t t = 0; t < shape->tokens; t++) {
        oracle_norm(x[t], oracle_find(oracle, prefix, "ln_1.weight"), oracle_find(oracle, prefix, "ln_1.bias"), width, epsilon,
                    normal);
        oracle_linear(normal, oracle_find(oracle, prefix, "attn.in_proj_weight"),
                      oracle_find(oracle, prefix, "attn.in_proj_bias"), width, 3 * width, qkv[t]);
    }
    for (size_t h = 0; h < shape->heads; h++)
        for (size_t t = 0; t < shape->tokens; t++) {
            double weights[TINY_MOST_TOKENS], sum = 0.0;
            size_t seen = shape->is_causal ? t + 1 : shape->tokens;
            for (size_t s = 0; s < seen; s++) {
                double score = 0.0;
                for (size_t d = 0; d < dim; d++)
                    score += qkv[t][h * dim + d] * qkv[s][width + h * dim + d];
                weights[s] = exp(score / sqrt((double)dim));
                sum += weights[s];
            }
            for (size_t d = 0; d < dim; d++) {
                attended[t][h * dim + d] = 0.0;
                for (size_t s = 0; s < seen; s++)
                    attended[t][h * dim + d] += weights[s] / sum * qkv[s][2 * width + h * dim + d];
            }
        }
    for (size_t t = 0; t < shape->tokens; t++) {
        oracle_linear(attended[t], oracle_find(oracle, prefix, "attn.out_proj.weight"),
                      oracle_find(oracle, prefix, "attn.out_proj.bias"), width, width, added);
        for (size_t i = 0; i < width; i++)
            x[t][i] += added[i];
        oracle_norm(x[t], oracle_find(oracle, prefix, "ln_2.weight"), oracle_find(oracle, prefix, "ln_2.bias"), width, epsilon,
                    normal);
        oracle_linear(normal, oracle_find(oracle, prefix, "mlp.c_fc.weight"), oracle_find(oracle, prefix, "mlp.c_fc.bias"), width,
                      shape->mlp, wide);
        for (size_t i = 0; i < shape->mlp; i++)
            wide[i] = oracle_gelu(oracle->model->config->vision.activation, wide[i]);
        oracle_linear(wide, oracle_find(oracle, prefix, "mlp.c_proj.weight"), oracle_find(oracle, prefix, "mlp.c_proj.bias"),
                      shape->mlp, width, added);
        for (size_t i = 0; i < width; i++)
            x[t][i] += added[i];
    }
}

static inline void oracle_blocks(const tower_oracle *oracle, const char *prefix, uint32_t layers, const oracle_shape *shape,
                                 double x[][ORACLE_MOST_WIDTH])
{
    for (uint32_t i = 0; i < layers; i++) {
        char block[64];
        snprintf(block, sizeof block, "%stransformer.resblocks.%u.", prefix, i);
        oracle_block(oracle, block, shape, x);
    }
}

static inline void oracle_project(const double *pooled, const double *projection, size_t width, size_t dim, double *out)
{
    for (size_t d = 0; d < dim; d++) {
        out[d] = 0.0;
        for (size_t i = 0; i < width; i++)
            out[d] += pooled[i] * projection[i * dim + d];
    }
}

/* Attention pooling: x [tokens] normed rows -> pooled. */
static inline void oracle_attention_pool(const tower_oracle *oracle, double x[][ORACLE_MOST_WIDTH], size_t tokens, double *pooled)
{
    const tl_vision_config *vision = &oracle->model->config->vision;
    const size_t width = vision->width, dim = width / vision->pool_heads;
    const size_t mlp = vision->pool_mlp_width != 0 ? vision->pool_mlp_width : vision->mlp_width;
    const char *prefix = "visual.attn_pool.";
    const double *weight = oracle_find(oracle, prefix, "attn.in_proj_weight"),
                 *bias = oracle_find(oracle, prefix, "attn.in_proj_bias");
    double query[ORACLE_MOST_WIDTH], keys[TINY_MOST_TOKENS][ORACLE_MOST_WIDTH], values[TINY_MOST_TOKENS][ORACLE_MOST_WIDTH];
    double attended[ORACLE_MOST_WIDTH] = {0.0}, middle[ORACLE_MOST_WIDTH], normal[ORACLE_MOST_WIDTH], wide[ORACLE_MOST_MLP];
    oracle_linear(oracle_find(oracle, prefix, "probe"), weight, bias, width, width, query);
    for (size_t t = 0; t < tokens; t++) {
        oracle_linear(x[t], weight + width * width, bias + width, width, width, keys[t]);
        oracle_linear(x[t], weight + 2 * width * width, bias + 2 * width, width, width, values[t]);
    }
    for (size_t h = 0; h < vision->pool_heads; h++) {
        double weights[TINY_MOST_TOKENS], sum = 0.0;
        for (size_t t = 0; t < tokens; t++) {
            double score = 0.0;
            for (size_t d = 0; d < dim; d++)
                score += query[h * dim + d] * keys[t][h * dim + d];
            weights[t] = exp(score / sqrt((double)dim));
            sum += weights[t];
        }
        for (size_t d = 0; d < dim; d++)
            for (size_t t = 0; t < tokens; t++)
                attended[h * dim + d] += weights[t] / sum * values[t][h * dim + d];
    }
    oracle_linear(attended, oracle_find(oracle, prefix, "attn.out_proj.weight"),
                  oracle_find(oracle, prefix, "attn.out_proj.bias"), width, width, middle);
    oracle_norm(middle, oracle_find(oracle, prefix, "ln.weight"), oracle_find(oracle, prefix, "ln.bias"), width,
                (double)vision->layer_norm_epsilon, normal);
    oracle_linear(normal, oracle_find(oracle, prefix, "mlp.c_fc.weight"), oracle_find(oracle, prefix, "mlp.c_fc.bias"), width,
                  mlp, wide);
    for (size_t i = 0; i < mlp; i++)
        wide[i] = oracle_gelu(vision->activation, wide[i]);
    oracle_linear(wide, oracle_find(oracle, prefix, "mlp.c_proj.weight"), oracle_find(oracle, prefix, "mlp.c_proj.bias"), mlp,
                  width, pooled);
    for (size_t i = 0; i < width; i++)
        pooled[i] += middle[i];
}

/* A pooled row [W] becomes an embedding [D]. */
static inline void oracle_embed(const tower_oracle *oracle, tl_projection projection, const double *pooled, const char *name,
                                const char *bias_name, size_t width, double *out)
{
    const size_t dim = oracle->model->config->embedding_dim;
    if (projection == TL_PROJECTION_NONE) {
        memcpy(out, pooled, width * sizeof *out);
        return;
    }
    oracle_project(pooled, oracle_find(oracle, "", name), width, dim, out);
    for (size_t d = 0; projection == TL_PROJECTION_LINEAR && d < dim; d++)
        out[d] += oracle_find(oracle, "", bias_name)[d];
}

enum { ORACLE_MOST_MAP = 12 * 12 * 10 };

/* Stages of a stem: the picture [3, S, S] becomes the last map [side, side, C], here as a list of pixels. */
static inline void oracle_stem(const tower_oracle *oracle, const float *pixels, double *map)
{
    const tl_vision_config *vision = &oracle->model->config->vision;
    const double epsilon = (double)vision->layer_norm_epsilon;
    static double before[ORACLE_MOST_MAP], depth[ORACLE_MOST_MAP];
    size_t side = vision->image_size, channels = 3;
    for (uint32_t s = 0; s < vision->stem_stage_count; s++) {
        const tl_stem_stage_config *stage = &vision->stem_stages[s];
        const size_t patch = stage->patch_size, width = stage->width, from = side;
        char prefix[64], block[96];
        snprintf(prefix, sizeof prefix, "visual.stem.%u.", s);
        const double *kernel = oracle_find(oracle, prefix, "patch.weight");
        side /= patch;
        if (s > 0)
            memcpy(before, map, from * from * channels * sizeof *map);
        for (size_t at = 0; at < side * side; at++) {
            double row[ORACLE_MOST_WIDTH];
            for (size_t w = 0; w < width; w++) {
                row[w] = oracle_find(oracle, prefix, "patch.bias")[w];
                for (size_t c = 0; c < channels; c++)
                    for (size_t tap = 0; tap < patch * patch; tap++) {
                        const size_t y = at / side * patch + tap / patch, x = at % side * patch + tap % patch;
                        row[w] +=
                            s == 0 ? kernel[(w * channels + c) * patch * patch + tap] * (double)pixels[(c * from + y) * from + x]
                                   : kernel[(w * patch * patch + tap) * channels + c] * before[(y * from + x) * channels + c];
                    }
            }
            oracle_norm(row, oracle_find(oracle, prefix, "ln_patch.weight"), oracle_find(oracle, prefix, "ln_patch.bias"), width,
                        epsilon, map + at * width);
        }
        channels = width;
        for (uint32_t layer = 0; layer < stage->layers; layer++) {
            snprintf(block, sizeof block, "%sblocks.%u.", prefix, layer);
            const double *taps = oracle_find(oracle, block, "depthwise.weight");
            const long side_taps = (long)vision->stem_kernel, radius = side_taps / 2;
            for (size_t at = 0; at < side * side; at++)
                for (size_t c = 0; c < width; c++) {
                    depth[at * width + c] = oracle_find(oracle, block, "depthwise.bias")[c];
                    for (long tap = 0; tap < side_taps * side_taps; tap++) {
                        const long y = (long)(at / side) + tap / side_taps - radius,
                                   x = (long)(at % side) + tap % side_taps - radius;
                        if (y >= 0 && y < (long)side && x >= 0 && x < (long)side)
                            depth[at * width + c] +=
                                taps[(size_t)tap * width + c] * map[((size_t)y * side + (size_t)x) * width + c];
                    }
                }
            for (size_t at = 0; at < side * side; at++) {
                double normal[ORACLE_MOST_WIDTH], wide[ORACLE_MOST_MLP], added[ORACLE_MOST_WIDTH];
                oracle_norm(depth + at * width, oracle_find(oracle, block, "ln_mlp.weight"),
                            oracle_find(oracle, block, "ln_mlp.bias"), width, epsilon, normal);
                oracle_linear(normal, oracle_find(oracle, block, "mlp.c_fc.weight"), oracle_find(oracle, block, "mlp.c_fc.bias"),
                              width, stage->mlp_width, wide);
                for (size_t i = 0; i < stage->mlp_width; i++)
                    wide[i] = oracle_gelu(vision->activation, wide[i]);
                oracle_linear(wide, oracle_find(oracle, block, "mlp.c_proj.weight"),
                              oracle_find(oracle, block, "mlp.c_proj.bias"), stage->mlp_width, width, added);
                for (size_t c = 0; c < width; c++)
                    map[at * width + c] += added[c];
            }
        }
    }
}

static inline void oracle_image(const tower_oracle *oracle, size_t item, double *out)
{
    const tl_vision_config *vision = &oracle->model->config->vision;
    const size_t side = vision->image_size / vision->patch_size, patch = vision->patch_size, width = vision->width,
                 S = vision->image_size, first = vision->without_class_token ? 0 : 1;
    const size_t patches = oracle->patch_numbers != NULL ? oracle->patch_count : side * side;
    const oracle_shape shape = {patches + first, width, vision->heads, vision->mlp_width, false};
    const double epsilon = (double)oracle->model->config->vision.layer_norm_epsilon;
    const float *pixels = oracle->model->pixels + item * 3 * S * S;
    const double *kernel = oracle_find(oracle, "visual.", "conv1.weight"),
                 *classes = first == 1 ? oracle_find(oracle, "visual.", "class_embedding") : NULL,
                 *bias = vision->with_patch_bias ? oracle_find(oracle, "visual.", "conv1.bias") : NULL;
    const double *positions = oracle_find(oracle, "visual.", "positional_embedding");
    double x[TINY_MOST_TOKENS][ORACLE_MOST_WIDTH], row[ORACLE_MOST_WIDTH], pooled[ORACLE_MOST_WIDTH] = {0.0};
    static double map[ORACLE_MOST_MAP];
    size_t map_side = S, channels = 3; /* of what the patches are of */
    for (uint32_t s = 0; s < vision->stem_stage_count; s++) {
        map_side /= vision->stem_stages[s].patch_size;
        channels = vision->stem_stages[s].width;
    }
    const size_t map_patch = map_side / side;
    if (vision->stem_stage_count != 0)
        oracle_stem(oracle, pixels, map);
    for (size_t t = 0; t < shape.tokens; t++) {
        const size_t number = t < first                       ? 0
                              : oracle->patch_numbers != NULL ? oracle->patch_numbers[item * patches + t - first]
                                                              : t - first;
        for (size_t w = 0; w < width; w++) {
            row[w] = positions[(t < first ? 0 : number + first) * width + w] + (t < first      ? classes[w]
                                                                                : bias != NULL ? bias[w]
                                                                                               : 0.0);
            for (size_t i = 0; t >= first && vision->stem_stage_count != 0 && i < map_patch * map_patch * channels; i++) {
                const size_t tap = i / channels, y = number / side * map_patch + tap / map_patch,
                             column = number % side * map_patch + tap % map_patch;
                row[w] +=
                    kernel[w * map_patch * map_patch * channels + i] * map[(y * map_side + column) * channels + i % channels];
            }
            for (size_t c = 0; t >= first && vision->stem_stage_count == 0 && c < 3; c++)
                for (size_t py = 0; py < patch; py++)
                    for (size_t px = 0; px < patch; px++) {
                        size_t y = number / side * patch + py, column = number % side * patch + px;
                        row[w] += kernel[((w * 3 + c) * patch + py) * patch + px] * (double)pixels[(c * S + y) * S + column];
                    }
        }
        if (vision->without_pre_norm)
            memcpy(x[t], row, width * sizeof *row);
        else
            oracle_norm(row, oracle_find(oracle, "visual.", "ln_pre.weight"), oracle_find(oracle, "visual.", "ln_pre.bias"),
                        width, epsilon, x[t]);
    }
    oracle_blocks(oracle, "visual.", vision->layers, &shape, x);
    const double *gain = oracle_find(oracle, "visual.", "ln_post.weight"),
                 *shift = oracle_find(oracle, "visual.", "ln_post.bias");
    const bool is_averaged = vision->pooling == TL_POOL_AVERAGE;
    for (size_t t = 0; t < shape.tokens && !vision->norm_after_pooling; t++) {
        oracle_norm(x[t], gain, shift, width, epsilon, row);
        memcpy(x[t], row, width * sizeof *row);
    }
    for (size_t t = is_averaged ? first : 0; t < (is_averaged ? shape.tokens : 1); t++)
        for (size_t w = 0; w < width; w++)
            pooled[w] += x[t][w] / (is_averaged ? (double)(shape.tokens - first) : 1.0);
    if (vision->norm_after_pooling) {
        oracle_norm(pooled, gain, shift, width, epsilon, row);
        memcpy(pooled, row, width * sizeof *row);
    }
    if (vision->pooling == TL_POOL_ATTENTION)
        oracle_attention_pool(oracle, x, shape.tokens, pooled);
    oracle_embed(oracle, vision->projection, pooled, "visual.proj", "visual.proj_bias", width, out);
}

static inline void oracle_text(const tower_oracle *oracle, size_t item, double *out)
{
    const tl_text_config *text = &oracle->model->config->text;
    const size_t width = text->width, tokens = text->context_length;
    const oracle_shape shape = {tokens, width, text->heads, text->mlp_width, !text->without_causal_mask};
    const int32_t *ids = oracle->model->ids + item * tokens;
    const double *embeddings = oracle_find(oracle, "", "token_embedding.weight"),
                 *positions = oracle_find(oracle, "", "positional_embedding");
    double x[TINY_MOST_TOKENS][ORACLE_MOST_WIDTH], pooled[ORACLE_MOST_WIDTH];
    size_t read = 0;
    for (size_t t = 0; t < tokens; t++)
        for (size_t w = 0; w < width; w++)
            x[t][w] = embeddings[(size_t)ids[t] * width + w] + positions[t * width + w];
    if (text->pooling == TL_POOL_LAST)
        read = tokens - 1;
    else if (text->pooling == TL_POOL_ARGMAX) {
        for (size_t t = 0; t < tokens; t++)
            read = ids[t] > ids[read] ? t : read;
    } else {
        while (ids[read] != text->eos_id)
            read++;
    }
    oracle_blocks(oracle, "", text->layers, &shape, x);
    oracle_norm(x[read], oracle_find(oracle, "", "ln_final.weight"), oracle_find(oracle, "", "ln_final.bias"), width,
                (double)oracle->model->config->vision.layer_norm_epsilon, pooled);
    oracle_embed(oracle, text->projection, pooled, "text_projection", "text_projection_bias", width, out);
}

/* row_share times the rows' cross entropy plus column_share times the columns': 0.5 and 0.5 is the loss. */
static inline double oracle_loss(const double *images, const double *texts, size_t batch, size_t dim, double logit_scale,
                                 double row_share, double column_share)
{
    double logits[TINY_BATCH][TINY_BATCH], loss = 0.0;
    TL_ASSERT(batch <= TINY_BATCH);
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++) {
            double dot = 0.0, a = 0.0, b = 0.0;
            for (size_t d = 0; d < dim; d++) {
                dot += images[i * dim + d] * texts[j * dim + d];
                a += images[i * dim + d] * images[i * dim + d];
                b += texts[j * dim + d] * texts[j * dim + d];
            }
            logits[i][j] = exp(logit_scale) * dot / sqrt(a * b);
        }
    for (size_t i = 0; i < batch; i++) {
        double row = 0.0, column = 0.0;
        for (size_t j = 0; j < batch; j++) {
            row += exp(logits[i][j]);
            column += exp(logits[j][i]);
        }
        loss += (row_share * (log(row) - logits[i][i]) + column_share * (log(column) - logits[i][i])) / (double)batch;
    }
    return loss;
}

/* The whole chain: both towers of all items, then the loss. Only the tower asked for is computed again; the other's rows are
 * kept. */
static inline double oracle_run(const tower_oracle *oracle, bool with_images, bool with_texts, double *images, double *texts)
{
    const size_t dim = oracle->model->config->embedding_dim;
    for (size_t i = 0; i < TINY_BATCH; i++) {
        if (with_images)
            oracle_image(oracle, i, images + i * dim);
        if (with_texts)
            oracle_text(oracle, i, texts + i * dim);
    }
    return oracle_loss(images, texts, TINY_BATCH, dim, (double)tiny_logit_scale, 0.5, 0.5);
}

#endif

/*
 * Parity with a reference framework, stage by stage. The golden file holds, for every stage, a few columns of each row and the
 * row's length (see make_fixtures.py for its layout); an observer keeps the same of ours while three pictures and three texts are
 * encoded, two at a time. A stage's error is the largest difference of an entry or of a length, divided by the root mean square
 * of the reference's row, so that it means the same at every width and depth.
 */
#include "parity.h"

#include "base/core/memory.h"
#include "encoders/encoders.h"
#include "encoders/weights/safetensors.h"
#include "tests/support/tiny_value.h"

#include <math.h>
#include <string.h>

enum { MOST_STAGES = 160, MOST_COLUMNS = 6, ENTRIES = MOST_COLUMNS + 1, PICTURE_WIDTH = 26, PICTURE_HEIGHT = 17, MOST_BATCH = 8 };

static const double stage_limit = 5e-5;
static const double cosine_limit = 0.99999;
static const double logit_limit = 1e-3;
static const double picture_limit = 1.01; /* levels */

typedef struct stage_record {
    char name[64]; /* "visual.block.3" */
    size_t width;
    float *rows; /* [row_count, ENTRIES] */
    size_t row_count;
    size_t capacity;
} stage_record;

typedef struct stage_recorder {
    stage_record stages[MOST_STAGES];
    size_t count;
    bool failed;
} stage_recorder;

typedef struct golden_texts {
    int32_t *ids;                 /* [B, T] */
    uint32_t lengths[MOST_BATCH]; /* [B] */
    size_t pooled[MOST_BATCH];    /* [B]: the row that is pooled */
    size_t batch;
    size_t context;
} golden_texts;

/* pixels [batch, 3, side, side] */
static void make_pixels(float *pixels, size_t batch, size_t side)
{
    static const float contrast[] = {0.25f, 1.0f, 1.75f};
    for (size_t plane = 0; plane < batch * 3; plane++)
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < side; x++) {
                size_t at = (plane * side + y) * side + x;
                float grain = contrast[plane / 3 % 3] * tiny_value(1, (uint32_t)at);
                float colour = 1.5f * tiny_value(2, (uint32_t)plane);
                pixels[at] = grain + colour + tiny_value(3, (uint32_t)(plane * 64 + (y * 8 / side) * 8 + x * 8 / side));
            }
}

static void make_picture(uint8_t *pixels)
{
    for (int y = 0; y < PICTURE_HEIGHT; y++)
        for (int x = 0; x < PICTURE_WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                size_t at = ((size_t)y * PICTURE_WIDTH + (size_t)x) * 3 + (size_t)c;
                int value = x * (9 - 3 * c) + y * (2 + 5 * c) + (int)(30.0f * tiny_value(4, (uint32_t)at));
                pixels[at] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
}

static size_t columns_of(size_t width)
{
    return width < MOST_COLUMNS ? width : MOST_COLUMNS;
}

static void sample_row(const float *row, size_t width, float *out)
{
    size_t columns = columns_of(width);
    double sum = 0.0;
    for (size_t i = 0; i < width; i++)
        sum += (double)row[i] * (double)row[i];
    for (size_t i = 0; i < columns; i++)
        out[i] = row[i * width / columns];
    out[columns] = (float)sqrt(sum);
}

static void visit_stage(void *context, const char *stage, size_t index, const float *rows, size_t row_count, size_t width)
{
    stage_recorder *recorder = context;
    char name[64];
    size_t length = strlen(stage);
    if (length > 7 && strcmp(stage + length - 7, ".middle") == 0) /* of which the reference tells nothing */
        return;
    if (length > 6 && strcmp(stage + length - 6, ".block") == 0)
        snprintf(name, sizeof name, "%s.%zu", stage, index);
    else
        snprintf(name, sizeof name, "%s", stage);
    stage_record *record = NULL;
    for (size_t i = 0; i < recorder->count && record == NULL; i++)
        if (strcmp(recorder->stages[i].name, name) == 0)
            record = &recorder->stages[i];
    if (record == NULL && recorder->count < MOST_STAGES) {
        record = &recorder->stages[recorder->count++];
        memcpy(record->name, name, sizeof name);
        record->width = width;
    }
    if (record == NULL || record->width != width ||
        !tl_memory_reserve(&record->rows, &record->capacity, record->row_count + row_count, ENTRIES * sizeof(float), NULL)) {
        recorder->failed = true;
        return;
    }
    for (size_t i = 0; i < row_count; i++)
        sample_row(rows + i * width, width, record->rows + (record->row_count + i) * ENTRIES);
    record->row_count += row_count;
}

static const stage_record *find_record(const stage_recorder *recorder, const char *name)
{
    for (size_t i = 0; i < recorder->count; i++)
        if (strcmp(recorder->stages[i].name, name) == 0)
            return &recorder->stages[i];
    return NULL;
}

/* Which of our rows is the reference's row `i` of a text stage: all rows, or those up to the pooled one, or only that. */
static bool find_text_row(const golden_texts *texts, size_t row_count, size_t i, size_t *found)
{
    size_t packed = 0;
    for (size_t b = 0; b < texts->batch; b++)
        packed += texts->pooled[b] + 1;
    size_t item = i / texts->context;
    size_t token = i % texts->context;
    if (row_count == texts->batch * texts->context) {
        *found = i;
        return true;
    }
    if (row_count == texts->batch) {
        *found = item;
        return token == texts->pooled[item];
    }
    if (row_count != packed)
        return false;
    size_t before = 0;
    for (size_t b = 0; b < item; b++)
        before += texts->pooled[b] + 1;
    *found = before + token;
    return token <= texts->pooled[item];
}

/* least: a row shorter than that is measured as if it were that long. */
static double row_error(const float *ours, const float *reference, size_t width, double least)
{
    size_t columns = columns_of(width);
    double length = fmax((double)reference[columns], least);
    double mean = length > 0.0 ? length / sqrt((double)width) : 1.0;
    double worst = fabs((double)ours[columns] - (double)reference[columns]) / (length > 0.0 ? length : 1.0);
    for (size_t i = 0; i < columns; i++) {
        double error = fabs((double)ours[i] - (double)reference[i]) / mean;
        if (!(error <= worst))
            worst = error;
    }
    return worst;
}

/*
 * A tenth of the root mean square of a stage's rows. A rectifier leaves rows of a few channels that are nearly zero, what is left
 * of a difference of large numbers; its rounding is that of the numbers.
 */
static double least_length(const float *reference, size_t rows, size_t entries)
{
    double sum = 0.0;
    for (size_t i = 0; i < rows; i++)
        sum += (double)reference[i * entries + entries - 1] * (double)reference[i * entries + entries - 1];
    return 0.1 * sqrt(sum / (double)(rows != 0 ? rows : 1));
}

/* Splits "visual.block.0@768/4". */
static bool parse_stage(const char *name, char *stage, size_t stage_size, size_t *width, size_t *stride)
{
    const char *at = strchr(name, '@');
    if (at == NULL || (size_t)(at - name) >= stage_size)
        return false;
    memcpy(stage, name, (size_t)(at - name));
    stage[at - name] = '\0';
    unsigned long parsed[2];
    if (sscanf(at, "@%lu/%lu", &parsed[0], &parsed[1]) != 2 || parsed[0] == 0 || parsed[1] == 0)
        return false;
    *width = parsed[0];
    *stride = parsed[1];
    return true;
}

typedef struct stage_figure {
    char name[64];
    bool is_compared; /* false: another form of this stage applies */
    double error;     /* infinity where rows are missing or of another shape */
    size_t rows;
} stage_figure;

static void compare_stage(const stage_recorder *recorder, const golden_texts *texts, const tl_safetensors *golden,
                          const tl_tensor_view *view, stage_figure *out)
{
    char other[128];
    char *pooled = NULL;
    size_t width = 0;
    size_t stride = 0;
    *out = (stage_figure){.error = INFINITY};
    if (!parse_stage(view->name, out->name, sizeof out->name, &width, &stride))
        return;
    const float *reference = tl_tensor_view_floats(view);
    size_t entries = columns_of(width) + 1;
    size_t rows = view->rank == 2 ? view->shape[0] : 0;
    bool is_block = strncmp(out->name, "visual.block.", 13) == 0;
    if (is_block)
        pooled = strstr(out->name + 13, ".pooled");
    if (pooled != NULL)
        *pooled = '\0';
    const stage_record *record = find_record(recorder, out->name);
    snprintf(other, sizeof other, "%s.pooled@%zu/1", out->name, width);
    bool has_other = is_block && tl_safetensors_find(golden, other) != NULL;
    if (record != NULL && has_other && (record->row_count == texts->batch) != (pooled != NULL))
        return;
    out->is_compared = true;
    bool is_text = strncmp(out->name, "text.", 5) == 0 && rows == texts->batch * texts->context;
    if (reference == NULL || view->rank != 2 || view->shape[1] != entries || record == NULL || record->width != width ||
        (!is_text && (record->row_count + stride - 1) / stride != rows))
        return;
    double worst = 0.0;
    const double least = least_length(reference, rows, entries);
    for (size_t i = 0; i < rows; i++) {
        size_t ours = i * stride;
        if (is_text && !find_text_row(texts, record->row_count, i, &ours))
            continue;
        double error = row_error(record->rows + ours * ENTRIES, reference + i * entries, width, least);
        if (!(error <= worst))
            worst = error;
        out->rows++;
    }
    if (out->rows > 0)
        out->error = worst;
}

static void report_stage(const stage_figure *figure, FILE *report, parity_result *out)
{
    if (!figure->is_compared)
        return;
    if (report != NULL)
        fprintf(report, "  %-24s %4zu rows, error %.2e\n", figure->name, figure->rows, figure->error);
    if (!(figure->error <= out->worst_stage))
        out->worst_stage = figure->error;
    if (!(figure->error <= stage_limit) && out->first_drift[0] == '\0')
        snprintf(out->first_drift, sizeof out->first_drift, "%s", figure->name);
}

/* A tower's stages in the order of computation. */
static void compare_tower(const char *tower, const stage_recorder *recorder, const golden_texts *texts,
                          const tl_safetensors *golden, FILE *report, parity_result *out)
{
    static const char *const last_names[] = {"pooled", "projected"};
    char name[64];
    stage_figure figure;
    for (size_t step = 0; step < MOST_STAGES + 3; step++) {
        if (step == 0)
            snprintf(name, sizeof name, "%s.embedding@", tower);
        else if (step <= MOST_STAGES)
            snprintf(name, sizeof name, "%s.block.%zu", tower, step - 1);
        else
            snprintf(name, sizeof name, "%s.%s@", tower, last_names[step - MOST_STAGES - 1]);
        size_t length = strlen(name);
        for (size_t i = 0; i < tl_safetensors_count(golden); i++) {
            const tl_tensor_view *view = tl_safetensors_item(golden, i);
            if (strncmp(view->name, name, length) != 0 ||
                (name[length - 1] != '@' && view->name[length] != '@' && view->name[length] != '.'))
                continue;
            compare_stage(recorder, texts, golden, view, &figure);
            report_stage(&figure, report, out);
        }
    }
}

static const float *expect_matrix(const tl_safetensors *golden, const char *name, size_t rows, size_t columns, tl_error *err)
{
    size_t shape[] = {rows, columns};
    return tl_safetensors_expect(golden, name, 2, shape, err);
}

static bool read_texts(const tl_safetensors *golden, golden_texts *out, tl_error *err)
{
    const tl_tensor_view *view = tl_safetensors_find(golden, "ids");
    if (view == NULL || view->rank != 2 || view->shape[0] == 0 || view->shape[0] > MOST_BATCH ||
        tl_tensor_view_floats(view) == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "golden file: expected ids [B, T]");
    out->batch = view->shape[0];
    out->context = view->shape[1];
    const float *lengths = tl_safetensors_expect(golden, "lengths", 1, &out->batch, err);
    const float *pooled = lengths == NULL ? NULL : tl_safetensors_expect(golden, "pooled_rows", 1, &out->batch, err);
    if (pooled == NULL)
        return false;
    out->ids = tl_memory_allocate(out->batch * out->context, sizeof *out->ids, err);
    if (out->ids == NULL)
        return false;
    for (size_t i = 0; i < out->batch * out->context; i++)
        out->ids[i] = (int32_t)tl_tensor_view_floats(view)[i];
    for (size_t b = 0; b < out->batch; b++) {
        out->lengths[b] = (uint32_t)lengths[b];
        out->pooled[b] = (size_t)pooled[b];
    }
    return true;
}

static double smallest_cosine(const float *ours, const float *reference, size_t batch, size_t dim)
{
    double smallest = 1.0;
    for (size_t b = 0; b < batch; b++) {
        double dot = 0.0;
        double length = 0.0;
        double reference_length = 0.0;
        for (size_t d = 0; d < dim; d++) {
            double x = (double)ours[b * dim + d];
            double y = (double)reference[b * dim + d];
            dot += x * y;
            length += x * x;
            reference_length += y * y;
        }
        double cosine = dot / sqrt(length * reference_length);
        if (!(cosine >= smallest))
            smallest = cosine;
    }
    return smallest;
}

static double largest_logit_difference(const tl_model_info *info, const float *images, const float *text_rows,
                                       const float *reference, size_t batch)
{
    size_t dim = info->config.embedding_dim;
    double largest = 0.0;
    for (size_t i = 0; i < batch; i++)
        for (size_t t = 0; t < batch; t++) {
            double dot = 0.0;
            for (size_t d = 0; d < dim; d++)
                dot += (double)images[i * dim + d] * (double)text_rows[t * dim + d];
            double logit = (double)info->logit_scale * dot + (double)info->logit_bias;
            double difference = fabs(logit - (double)reference[i * batch + t]);
            if (!(difference <= largest))
                largest = difference;
        }
    return largest;
}

/* The recipe on a small picture against the framework's own preprocessing, in levels. */
static bool compare_picture(const tl_model_info *info, const tl_safetensors *golden, double *worst, tl_error *err)
{
    size_t side = info->config.vision.image_size;
    size_t shape[] = {3, side, side};
    *worst = 0.0;
    if (tl_safetensors_find(golden, "picture_pixels") == NULL)
        return true;
    const float *reference = tl_safetensors_expect(golden, "picture_pixels", 3, shape, err);
    float *pixels = reference == NULL ? NULL : tl_memory_allocate(3 * side * side, sizeof *pixels, err);
    if (pixels == NULL)
        return false;
    uint8_t bytes[PICTURE_WIDTH * PICTURE_HEIGHT * 3];
    make_picture(bytes);
    tl_image picture = {.width = PICTURE_WIDTH, .height = PICTURE_HEIGHT, .pixels = bytes};
    bool ok = tl_image_recipe_apply(&info->recipe, &picture, pixels, err);
    for (size_t i = 0; ok && i < 3 * side * side; i++) {
        double difference = fabs((double)pixels[i] - (double)reference[i]) * (double)info->recipe.std[i / (side * side)] * 255.0;
        if (!(difference <= *worst))
            *worst = difference;
    }
    tl_memory_free(pixels);
    return ok;
}

bool parity_check(const char *model_path, const char *golden_path, FILE *report, parity_result *out, tl_error *err)
{
    tl_model *model = NULL;
    tl_model_session *session = NULL;
    tl_safetensors *golden = NULL;
    float *pixels = NULL;
    float *rows = NULL; /* [2, B, D] */
    golden_texts texts = {0};
    bool ok = false;
    *out = (parity_result){0};
    stage_recorder *recorder = tl_memory_allocate(1, sizeof *recorder, err);
    if (recorder == NULL || !tl_safetensors_open(golden_path, &golden, err) || !read_texts(golden, &texts, err) ||
        !tl_model_open(model_path, &model, err))
        goto done;
    const tl_model_info *info = tl_model_info_read(model);
    size_t dim = info->config.embedding_dim;
    size_t side = info->config.vision.image_size;
    if (texts.context != info->config.text.context_length) {
        ok = tl_fail(err, TL_ERROR_CORRUPT, "golden file: expected a context of %zu tokens, found %lu in the model",
                     texts.context, (unsigned long)info->config.text.context_length);
        goto done;
    }
    const float *image = expect_matrix(golden, "image", texts.batch, dim, err);
    const float *text = image == NULL ? NULL : expect_matrix(golden, "text", texts.batch, dim, err);
    const float *logits = text == NULL ? NULL : expect_matrix(golden, "logits", texts.batch, texts.batch, err);
    if (logits == NULL || (pixels = tl_memory_allocate(texts.batch * 3 * side * side, sizeof *pixels, err)) == NULL ||
        (rows = tl_memory_allocate(2 * texts.batch * dim, sizeof *rows, err)) == NULL ||
        !tl_model_session_create(model, 2, NULL, &session, err))
        goto done;
    make_pixels(pixels, texts.batch, side);
    tl_stage_observer observer = {.context = recorder, .visit = visit_stage};
    tl_model_session_observe(session, &observer);
    if (!tl_model_session_encode_pixels(session, pixels, texts.batch, rows, err) ||
        !tl_model_session_encode_tokens(session, texts.ids, texts.lengths, texts.batch, rows + texts.batch * dim, err) ||
        !compare_picture(info, golden, &out->worst_picture, err))
        goto done;
    if (recorder->failed) {
        ok = tl_fail(err, TL_ERROR_INVALID, "stages: expected at most %d, each of one width", MOST_STAGES);
        goto done;
    }
    if (out->worst_picture > picture_limit)
        snprintf(out->first_drift, sizeof out->first_drift, "picture");
    if (report != NULL)
        fprintf(report, "  %-24s error %.2f levels\n", "picture", out->worst_picture);
    compare_tower("visual", recorder, &texts, golden, report, out);
    compare_tower("text", recorder, &texts, golden, report, out);
    out->image_cosine = smallest_cosine(rows, image, texts.batch, dim);
    out->text_cosine = smallest_cosine(rows + texts.batch * dim, text, texts.batch, dim);
    out->logits = largest_logit_difference(info, rows, rows + texts.batch * dim, logits, texts.batch);
    if (out->first_drift[0] == '\0' && !(out->image_cosine >= cosine_limit))
        snprintf(out->first_drift, sizeof out->first_drift, "image embedding");
    if (out->first_drift[0] == '\0' && !(out->text_cosine >= cosine_limit))
        snprintf(out->first_drift, sizeof out->first_drift, "text embedding");
    if (out->first_drift[0] == '\0' && !(out->logits <= logit_limit))
        snprintf(out->first_drift, sizeof out->first_drift, "logits");
    out->passed = out->first_drift[0] == '\0';
    ok = true;
done:
    tl_model_session_destroy(session);
    tl_model_close(model);
    tl_safetensors_close(golden);
    for (size_t i = 0; recorder != NULL && i < recorder->count; i++)
        tl_memory_free(recorder->stages[i].rows);
    tl_memory_free(recorder);
    tl_memory_free(pixels);
    tl_memory_free(rows);
    tl_memory_free(texts.ids);
    return ok;
}

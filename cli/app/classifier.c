#include "cli/app/classifier.h"

#include "base/compute/compute.h"
#include "base/core/lines.h"
#include "base/core/memory.h"
#include "base/core/utf8.h"
#include "base/io/file.h"

#include <math.h>

enum { MAX_LABELS_FILE_BYTES = 64 << 20, MAX_PROMPT_BYTES = 1 << 16, PROMPTS_OF_A_BATCH = 64 };

static const char *const default_templates[] = {"a photo of a {}", "{}"};

static bool add_label(tl_labels *labels, const char *text, size_t size, tl_error *err)
{
    while (size != 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        size--;
    }
    while (size != 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r'))
        size--;
    if (size == 0)
        return tl_fail(err, TL_ERROR_INVALID, "label %zu: expected a text, found nothing", labels->count + 1);
    size_t bad_offset;
    if (!tl_text_is_utf8((tl_slice){text, size}, &bad_offset))
        return tl_fail(err, TL_ERROR_INVALID, "label %zu: expected valid utf-8, found a broken character at byte %zu",
                       labels->count + 1, bad_offset + 1);
    for (size_t i = 0; i < labels->count; i++)
        if (strlen(labels->names[i]) == size && memcmp(labels->names[i], text, size) == 0)
            return tl_fail(err, TL_ERROR_INVALID, "label '%s': expected once, found twice", labels->names[i]);
    if (!tl_memory_reserve(&labels->names, &labels->capacity, labels->count + 1, sizeof *labels->names, err))
        return false;
    char *copy = tl_memory_copy_text(text, size, err);
    if (copy == NULL)
        return false;
    labels->names[labels->count++] = copy;
    return true;
}

bool tl_labels_split(const char *list, tl_labels *out, tl_error *err)
{
    *out = (tl_labels){0};
    for (const char *at = list;;) {
        size_t size = strcspn(at, ",");
        if (!add_label(out, at, size, err)) {
            tl_labels_clear(out);
            return false;
        }
        if (at[size] == '\0')
            return true;
        at += size + 1;
    }
}

bool tl_labels_read(const char *path, tl_labels *out, tl_error *err)
{
    *out = (tl_labels){0};
    tl_string text;
    tl_string_init(&text, MAX_LABELS_FILE_BYTES);
    bool ok = tl_file_read(path, &text, err);
    tl_slice rest = ok ? tl_utf8_without_mark(tl_string_slice(&text)) : (tl_slice){"", 0};
    tl_slice line;
    for (size_t number = 1; ok && tl_lines_next(&rest, &line); number++)
        if (strspn(line.data, " \t\r") < line.size)
            ok = add_label(out, line.data, line.size, err) || tl_fail_within(err, "'%s': line %zu", path, number);
    if (ok && out->count == 0)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': expected one label a line, found none", path);
    tl_string_clear(&text);
    if (!ok)
        tl_labels_clear(out);
    return ok;
}

void tl_labels_clear(tl_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        tl_memory_free(labels->names[i]);
    tl_memory_free(labels->names);
    *labels = (tl_labels){0};
}

bool tl_template_is_valid(const char *text)
{
    return strstr(text, "{}") != NULL;
}

static bool append_prompt(const char *template, const char *label, tl_string *prompt, tl_error *err)
{
    const char *place = strstr(template, "{}");
    if (place == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "template '%s': expected {} where the label goes", template);
    return tl_string_append(prompt, template, (size_t)(place - template), err) && tl_string_append_text(prompt, label, err) &&
           tl_string_append_text(prompt, place + 2, err);
}

/* Prompts [first, first + count) of the labels by templates, label by label, each a text of its own in `bytes`. */
static bool fill_prompts(const tl_labels *labels, const char *const *templates, size_t template_count, size_t first, size_t count,
                         tl_string *bytes, tl_slice *prompts, tl_error *err)
{
    size_t ends[PROMPTS_OF_A_BATCH];
    tl_string_reset(bytes);
    for (size_t i = 0; i < count; i++) {
        size_t number = first + i;
        if (!append_prompt(templates[number % template_count], labels->names[number / template_count], bytes, err))
            return false;
        ends[i] = bytes->size;
    }
    for (size_t i = 0; i < count; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        prompts[i] = (tl_slice){bytes->data + start, ends[i] - start};
    }
    return true;
}

bool tl_classifier_embed(tl_embedder *embedder, const tl_labels *labels, const char *const *templates, size_t template_count,
                         float **classes, tl_error *err)
{
    const size_t dim = tl_embedder_dim(embedder);
    if (template_count == 0) {
        templates = default_templates;
        template_count = sizeof default_templates / sizeof default_templates[0];
    }
    const size_t total = labels->count * template_count;
    tl_slice prompts[PROMPTS_OF_A_BATCH];
    tl_string bytes;
    tl_string_init(&bytes, (size_t)MAX_PROMPT_BYTES * PROMPTS_OF_A_BATCH);
    float *rows = tl_memory_allocate(PROMPTS_OF_A_BATCH, dim * sizeof *rows, err);
    float *means = rows != NULL ? tl_memory_allocate(labels->count, dim * sizeof *means, err) : NULL;
    bool ok = means != NULL;
    for (size_t first = 0; ok && first < total; first += PROMPTS_OF_A_BATCH) {
        size_t count = total - first < PROMPTS_OF_A_BATCH ? total - first : PROMPTS_OF_A_BATCH;
        ok = fill_prompts(labels, templates, template_count, first, count, &bytes, prompts, err) &&
             tl_embedder_texts(embedder, prompts, count, rows, err);
        for (size_t i = 0; ok && i < count; i++)
            tl_axpy(1.0F, rows + i * dim, means + (first + i) / template_count * dim, dim);
    }
    if (ok)
        tl_normalize_rows(means, labels->count, dim, means, NULL);
    tl_memory_free(rows);
    tl_string_clear(&bytes);
    if (ok)
        *classes = means;
    else
        tl_memory_free(means);
    return ok;
}

void tl_classifier_probabilities(const tl_model_info *model, const float *picture, const float *classes, size_t count,
                                 double *probabilities)
{
    const size_t dim = model->config.embedding_dim;
    double largest = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        double cosine = 0;
        for (size_t d = 0; d < dim; d++)
            cosine += (double)picture[d] * (double)classes[i * dim + d];
        probabilities[i] = cosine * (double)model->logit_scale;
        largest = probabilities[i] > largest ? probabilities[i] : largest;
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (model->config.has_logit_bias)
            probabilities[i] = 1.0 / (1.0 + exp(-(probabilities[i] + (double)model->logit_bias)));
        else
            sum += probabilities[i] = exp(probabilities[i] - largest);
    }
    for (size_t i = 0; i < count && !model->config.has_logit_bias; i++)
        probabilities[i] /= sum;
}

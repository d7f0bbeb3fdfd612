/* Embeds the dataset once, then hands rows to encoders/evaluation, which does the ranking and the statistics. */
#include "cli/app/evaluate_job.h"

#include "base/core/memory.h"
#include "cli/app/classifier.h"
#include "cli/app/embedded_set_internal.h"

#include <stdlib.h>

enum { BATCH = 64, MAX_CLASSES = 1 << 20 };

typedef struct caption_place {
    const char *caption;
    size_t index;
} caption_place;

static int compare_captions(const void *a, const void *b)
{
    return strcmp(((const caption_place *)a)->caption, ((const caption_place *)b)->caption);
}

/* Numbers the distinct captions: groups[i] is the number of sample i's. */
static bool number_captions(const tl_embedded_set *set, uint32_t *groups, tl_error *err)
{
    caption_place *places = tl_memory_allocate(set->count, sizeof *places, err);
    if (places == NULL)
        return false;
    for (size_t i = 0; i < set->count; i++)
        places[i] = (caption_place){set->samples[i].caption, i};
    qsort(places, set->count, sizeof *places, compare_captions);
    uint32_t group = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (i != 0 && strcmp(places[i].caption, places[i - 1].caption) != 0)
            group++;
        groups[places[i].index] = group;
    }
    tl_memory_free(places);
    return true;
}

static bool embed_captions(const tl_evaluate_job *job, tl_embedder *embedder, const tl_embedded_set *set, float *rows,
                           tl_error *err)
{
    tl_slice texts[BATCH];
    tl_progress_begin(job->progress, "captions");
    for (size_t done = 0; done < set->count; done += BATCH) {
        size_t part = set->count - done < BATCH ? set->count - done : BATCH;
        for (size_t i = 0; i < part; i++)
            texts[i] = tl_slice_of(set->samples[done + i].caption);
        if (!tl_embedder_texts(embedder, texts, part, rows + done * set->dim, err) || !tl_progress_continue(job->progress, err))
            return false;
        tl_progress_report(job->progress, done + part, set->count, NULL);
    }
    return true;
}

/* Copies the rows and groups of the split's samples: the queries. */
static size_t pick_queries(const tl_embedded_set *set, const float *rows, const uint32_t *groups, float *query_rows,
                           uint32_t *query_groups)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!set->samples[i].in_split)
            continue;
        memcpy(query_rows + count * set->dim, rows + i * set->dim, set->dim * sizeof *rows);
        query_groups[count++] = groups[i];
    }
    return count;
}

static bool rank_both_ways(const tl_evaluate_job *job, tl_embedder *embedder, const tl_embedded_set *set,
                           tl_retrieval_report *report, tl_error *err)
{
    float *captions = tl_memory_allocate(set->count, set->dim * sizeof *captions, err);
    float *queries = captions != NULL ? tl_memory_allocate(set->count, set->dim * sizeof *queries, err) : NULL;
    uint32_t *groups = queries != NULL ? tl_memory_allocate(set->count, sizeof *groups, err) : NULL;
    uint32_t *query_groups = groups != NULL ? tl_memory_allocate(set->count, sizeof *query_groups, err) : NULL;
    bool ok = false;
    if (query_groups == NULL || !embed_captions(job, embedder, set, captions, err) || !number_captions(set, groups, err))
        goto done;
    size_t count = pick_queries(set, captions, groups, queries, query_groups);
    if (count == 0) {
        tl_fail(err, TL_ERROR_INVALID, "'%s': expected samples of split '%s', found none", job->dataset, job->split);
        goto done;
    }
    if (!tl_evaluate_retrieval(queries, query_groups, count, set->pictures, groups, set->count, set->dim, job->pool,
                               &report->text_to_image, err))
        goto done;
    pick_queries(set, set->pictures, groups, queries, query_groups);
    ok = tl_evaluate_retrieval(queries, query_groups, count, captions, groups, set->count, set->dim, job->pool,
                               &report->image_to_text, err);
done:
    tl_memory_free(captions);
    tl_memory_free(queries);
    tl_memory_free(groups);
    tl_memory_free(query_groups);
    return ok;
}

bool tl_evaluate_retrieval_job_run(const tl_evaluate_job *job, tl_retrieval_report *report, tl_error *err)
{
    *report = (tl_retrieval_report){0};
    tl_embedder *embedder = NULL;
    tl_embedded_set set = {0};
    bool ok = tl_embedder_create(job->bundle, BATCH, job->pool, &embedder, err) &&
              tl_embedded_set_load(job->dataset, embedder, job->split, false, true, job->progress, &set, err) &&
              rank_both_ways(job, embedder, &set, report, err);
    report->skipped = set.skipped;
    if (ok && job->embedded != NULL)
        *job->embedded = set;
    else
        tl_embedded_set_clear(&set);
    tl_embedder_destroy(embedder);
    return ok;
}

/* Classes named by the first sample's caption of each label; every label up to the largest needs a sample. */
static bool names_from_captions(const tl_evaluate_job *job, const tl_embedded_set *set, tl_labels *labels, tl_error *err)
{
    int64_t largest = -1;
    for (size_t i = 0; i < set->count; i++)
        largest = set->samples[i].label > largest ? set->samples[i].label : largest;
    if (largest < 0 || largest >= MAX_CLASSES)
        return tl_fail(err, TL_ERROR_INVALID,
                       "'%s': expected samples with a label (KEY.cls or \"label\" in KEY.json) below %d, found %lld",
                       job->dataset, MAX_CLASSES, (long long)largest);
    labels->count = labels->capacity = (size_t)largest + 1;
    labels->names = tl_memory_allocate(labels->count, sizeof *labels->names, err);
    if (labels->names == NULL) {
        labels->count = 0;
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        int64_t label = set->samples[i].label;
        if (label < 0 || labels->names[label] != NULL)
            continue;
        labels->names[label] = tl_memory_copy_text(set->samples[i].caption, strlen(set->samples[i].caption), err);
        if (labels->names[label] == NULL)
            return false;
    }
    for (size_t i = 0; i < labels->count; i++)
        if (labels->names[i] == NULL || labels->names[i][0] == '\0')
            return tl_fail(err, TL_ERROR_INVALID,
                           "'%s': expected a caption for class %zu, found none: name the classes by --labels-file", job->dataset,
                           i);
    return true;
}

static bool classify_set(const tl_evaluate_job *job, tl_embedder *embedder, const tl_embedded_set *set, tl_labels *labels,
                         tl_zero_shot_report *report, tl_error *err)
{
    float *classes = NULL;
    bool ok = false;
    uint32_t *numbers = tl_memory_allocate(set->count, sizeof *numbers, err);
    if (numbers == NULL)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        int64_t label = set->samples[i].label;
        if (label < 0 || (uint64_t)label >= labels->count) {
            tl_fail(err, TL_ERROR_INVALID, "'%s': expected a label of 0 to %zu, found %lld", set->samples[i].path,
                    labels->count - 1, (long long)label);
            goto done;
        }
        numbers[i] = (uint32_t)label;
    }
    report->per_class = tl_memory_allocate(labels->count, 2 * sizeof *report->per_class, err);
    ok = report->per_class != NULL && tl_classifier_embed(embedder, labels, job->templates, job->template_count, &classes, err) &&
         tl_evaluate_zero_shot(set->pictures, numbers, set->count, classes, labels->count, set->dim, job->pool, &report->result,
                               report->per_class, err);
done:
    tl_memory_free(classes);
    tl_memory_free(numbers);
    return ok;
}

bool tl_evaluate_zero_shot_job_run(const tl_evaluate_job *job, tl_zero_shot_report *report, tl_error *err)
{
    *report = (tl_zero_shot_report){0};
    tl_embedder *embedder = NULL;
    tl_embedded_set set = {0};
    tl_labels labels = {0};
    bool ok = (job->labels_file == NULL || tl_labels_read(job->labels_file, &labels, err)) &&
              tl_embedder_create(job->bundle, BATCH, job->pool, &embedder, err) &&
              tl_embedded_set_load(job->dataset, embedder, job->split, true, false, job->progress, &set, err) &&
              (job->labels_file != NULL || names_from_captions(job, &set, &labels, err)) &&
              classify_set(job, embedder, &set, &labels, report, err);
    report->skipped = set.skipped;
    tl_embedded_set_clear(&set);
    tl_embedder_destroy(embedder);
    if (ok)
        report->names = labels.names;
    else
        tl_labels_clear(&labels);
    if (!ok)
        tl_zero_shot_report_clear(report);
    return ok;
}

void tl_zero_shot_report_clear(tl_zero_shot_report *report)
{
    for (size_t i = 0; report->names != NULL && i < report->result.class_count; i++)
        tl_memory_free(report->names[i]);
    tl_memory_free(report->names);
    tl_memory_free(report->per_class);
    *report = (tl_zero_shot_report){0};
}

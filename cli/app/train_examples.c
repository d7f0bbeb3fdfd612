/* The queries are ranked among the validation set, and the few pictures that they find are read once more. */
#include "cli/app/train_examples_internal.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/image/encode.h"
#include "crawler-import/import.h"

#include <string.h>

enum { QUERIES = 6, FOUND = 5, BATCH = 64, JPEG_QUALITY = 85, MAX_PICTURE_TEXT = 4 << 20 };

typedef struct found_picture {
    size_t sample;
    float similarity;
    tl_string data; /* a JPEG in base64; empty: not read */
} found_picture;

typedef struct example {
    size_t query; /* number of the sample whose caption it is */
    size_t count;
    found_picture found[FOUND];
} example;

typedef struct example_list {
    example items[QUERIES];
    size_t count;
} example_list;

/* What is measured by labels need not have captions. */
static bool is_query(const tl_embedded_sample *sample)
{
    return sample->in_split && sample->caption[0] != '\0';
}

/* Queries lie evenly among the split's captioned samples. */
static void choose_queries(const tl_embedded_set *set, example_list *list)
{
    size_t queries = 0, seen = 0;
    for (size_t i = 0; i < set->count; i++)
        queries += is_query(&set->samples[i]);
    const size_t wanted = queries < QUERIES ? queries : QUERIES;
    for (size_t i = 0; i < set->count && list->count < wanted; i++)
        if (is_query(&set->samples[i]) && seen++ == list->count * queries / wanted)
            list->items[list->count++].query = i;
}

/* The largest scores first, of equals the first sample. */
static void take_best(float *scores, size_t count, example *out)
{
    out->count = count < FOUND ? count : FOUND;
    for (size_t k = 0; k < out->count; k++) {
        size_t best = 0;
        for (size_t i = 1; i < count; i++)
            best = scores[i] > scores[best] ? i : best;
        out->found[k].sample = best;
        out->found[k].similarity = scores[best];
        scores[best] = -2.0f; /* below any cosine */
    }
}

static bool find_pictures(tl_embedder *embedder, const tl_embedded_set *set, example_list *list, tl_error *err)
{
    tl_slice captions[QUERIES];
    float *scores = tl_memory_allocate(set->count, sizeof *scores, err);
    float *rows = scores != NULL ? tl_memory_allocate(QUERIES, set->dim * sizeof *rows, err) : NULL;
    choose_queries(set, list);
    for (size_t i = 0; i < list->count; i++)
        captions[i] = tl_slice_of(set->samples[list->items[i].query].caption);
    bool ok = rows != NULL && (list->count == 0 || tl_embedder_texts(embedder, captions, list->count, rows, err));
    for (size_t i = 0; ok && i < list->count; i++) {
        tl_dot_rows(set->pictures, set->count, set->dim, rows + i * set->dim, scores);
        take_best(scores, set->count, &list->items[i]);
    }
    tl_memory_free(rows);
    tl_memory_free(scores);
    return ok;
}

/* ---- pictures ---- */

/* A picture as the model sees it. One that cannot be read is left empty. */
static bool take_picture(const tl_image_recipe *recipe, tl_slice bytes, found_picture *out, tl_error *err)
{
    const tl_image_encode_options options = {.format = TL_IMAGE_JPEG, .quality = JPEG_QUALITY};
    tl_picture picture = {.bytes = bytes};
    tl_image frame;
    tl_string file;
    if (!tl_image_create(recipe->size, recipe->size, &frame, err))
        return false;
    tl_string_init(&file, MAX_PICTURE_TEXT);
    bool ok = !tl_picture_frame(recipe, &picture, frame.pixels) ||
              (tl_image_encode(&frame, &options, &file, err) && tl_string_append_base64(&out->data, file.data, file.size, err));
    tl_string_clear(&file);
    tl_image_clear(&frame);
    return ok;
}

static bool read_pictures(const char *dataset, bool needs_captions, const tl_image_recipe *recipe, const tl_embedded_set *set,
                          example_list *list, tl_error *err)
{
    const tl_source_options options = {.caption_from = needs_captions ? TL_CAPTION_FROM_SIDECAR : TL_CAPTION_NONE};
    tl_source *source;
    bool done = false, ok = true;
    if (!tl_source_open(dataset, &options, &source, err))
        return false;
    while (ok) {
        tl_sample sample;
        ok = tl_source_next(source, &sample, &done, err);
        if (!ok || done)
            break;
        for (size_t i = 0; sample.skip_reason == NULL && ok && i < list->count; i++)
            for (size_t k = 0; ok && k < list->items[i].count; k++) {
                found_picture *found = &list->items[i].found[k];
                if (found->data.size == 0 && strcmp(set->samples[found->sample].path, sample.path) == 0)
                    ok = take_picture(recipe, sample.image, found, err);
            }
    }
    tl_source_close(source);
    return ok;
}

/* ---- writing ---- */

static tl_json *describe_found(const tl_embedded_set *set, const example *query, const found_picture *found, tl_error *err)
{
    const char *caption = set->samples[found->sample].caption;
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_text(json, "caption", caption, err) &&
        tl_json_set_number(json, "similarity", (double)found->similarity, err) &&
        tl_json_set_bool(json, "is_right", strcmp(caption, set->samples[query->query].caption) == 0, err) &&
        (found->data.size == 0 || tl_json_set_text(json, "jpeg", found->data.data, err)))
        return json;
    tl_json_free(json);
    return NULL;
}

static tl_json *describe_example(const tl_embedded_set *set, const example *query, tl_error *err)
{
    tl_json *json = tl_json_object_create(err), *found = tl_json_array_create(err);
    bool ok = json != NULL && found != NULL && tl_json_set_text(json, "caption", set->samples[query->query].caption, err);
    for (size_t k = 0; ok && k < query->count; k++) {
        tl_json *picture = describe_found(set, query, &query->found[k], err);
        ok = picture != NULL && tl_json_append(found, picture, err);
    }
    if (!ok) {
        tl_json_free(found);
        tl_json_free(json);
        return NULL;
    }
    if (tl_json_set(json, "pictures", found, err))
        return json;
    tl_json_free(json);
    return NULL;
}

static bool write_examples(const char *model_directory, const tl_embedded_set *set, const example_list *list, tl_error *err)
{
    char *path = tl_path_join(model_directory, TL_TRAIN_EXAMPLES_FILE, err);
    tl_json *all = path != NULL ? tl_json_array_create(err) : NULL;
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < list->count; i++) {
        tl_json *json = describe_example(set, &list->items[i], err);
        ok = json != NULL && tl_json_append(all, json, err);
    }
    ok = ok && tl_json_write_file(all, path, err);
    tl_json_free(all);
    tl_memory_free(path);
    return ok;
}

bool tl_train_examples_write(const tl_train_settings *settings, const char *model_directory, tl_thread_pool *pool,
                             const tl_progress *progress, tl_embedded_set *set, tl_error *err)
{
    tl_model_bundle bundle = {0};
    tl_embedder *embedder = NULL;
    const bool needs_captions = settings->validate_labels == NULL;
    example_list *list = tl_memory_allocate(1, sizeof *list, err);
    for (size_t i = 0; list != NULL && i < QUERIES * FOUND; i++)
        tl_string_init(&list->items[i / FOUND].found[i % FOUND].data, MAX_PICTURE_TEXT);
    bool ok = list != NULL && tl_model_bundle_open(model_directory, &bundle, err) &&
              tl_embedder_create(&bundle, BATCH, pool, &embedder, err) &&
              (set->count != 0 || tl_embedded_set_load(settings->validate, embedder, settings->validate_split, false,
                                                       needs_captions, progress, set, err)) &&
              find_pictures(embedder, set, list, err) &&
              (list->count == 0 || read_pictures(settings->validate, needs_captions, &bundle.info->recipe, set, list, err)) &&
              write_examples(model_directory, set, list, err);
    for (size_t i = 0; list != NULL && i < QUERIES * FOUND; i++)
        tl_string_clear(&list->items[i / FOUND].found[i % FOUND].data);
    tl_embedder_destroy(embedder);
    tl_model_bundle_close(&bundle);
    tl_memory_free(list);
    return ok || tl_fail_within(err, "examples of '%s'", settings->validate);
}

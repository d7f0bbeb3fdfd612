#include "cli/app/embedded_set_internal.h"

#include "base/core/memory.h"
#include "cli/app/picture_queue_internal.h"
#include "crawler-import/import.h"

enum { FIRST_ARENA_SIZE = 1 << 18 };

static bool add_sample(tl_embedded_set *set, const tl_embedded_sample *sample, const float *row, tl_error *err)
{
    if (!tl_memory_reserve(&set->samples, &set->capacity, set->count + 1, sizeof *set->samples, err))
        return false;
    if (!tl_memory_reserve(&set->pictures, &set->vector_capacity, set->count + 1, set->dim * sizeof *set->pictures, err))
        return false;
    set->samples[set->count] = *sample;
    memcpy(set->pictures + set->count * set->dim, row, set->dim * sizeof *row);
    set->count++;
    return true;
}

static bool add_batch(void *context, const tl_embedded_batch *batch, tl_error *err)
{
    tl_embedded_set *set = context;
    for (size_t i = 0; i < batch->count; i++) {
        const tl_embedded_sample *sample = batch->notes[i];
        if (!batch->pictures[i].decoded)
            tl_picture_count_skipped(&batch->pictures[i], sample->path, &set->skipped);
        else if (!add_sample(set, sample, batch->rows + i * set->dim, err))
            return false;
    }
    return true;
}

/* The texts live as long as the set, the sample itself until its picture is embedded. */
static bool keep_sample(tl_embedded_set *set, tl_picture_queue *queue, const tl_sample *sample, bool in_split, tl_error *err)
{
    tl_slice caption = sample->caption_count != 0 ? sample->captions[0] : (tl_slice){"", 0};
    tl_embedded_sample *kept = tl_arena_allocate(tl_picture_queue__arena(queue), 1, sizeof *kept, err);
    if (kept == NULL)
        return false;
    *kept = (tl_embedded_sample){.in_split = in_split, .label = sample->label};
    return (kept->path = tl_arena_copy_text(set->arena, sample->path, strlen(sample->path), err)) != NULL &&
           (kept->caption = tl_arena_copy_text(set->arena, caption.data, caption.size, err)) != NULL &&
           tl_picture_queue__put(queue, sample->image, kept, err);
}

static bool read_source(tl_embedded_set *set, tl_picture_queue *queue, tl_source *source, const char *split, bool only_split,
                        bool needs_caption, const tl_progress *progress, tl_error *err)
{
    for (uint64_t seen = 1;; seen++) {
        tl_sample sample;
        bool done = false;
        if (!tl_source_next(source, &sample, &done, err) || !tl_progress_continue(progress, err))
            return false;
        if (done)
            return tl_picture_queue__drain(queue, err);
        bool in_split = split == NULL || (sample.split != NULL && strcmp(sample.split, split) == 0);
        if (sample.skip_reason != NULL)
            tl_reasons_add(&set->skipped, sample.skip_reason, sample.origin);
        else if (needs_caption && sample.caption_count == 0)
            tl_reasons_add(&set->skipped, "no caption", sample.origin);
        else if ((in_split || !only_split) && !keep_sample(set, queue, &sample, in_split, err))
            return false;
        double share = tl_source_progress(source);
        tl_progress_report(progress, seen, share > 0 ? (uint64_t)((double)seen / share + 0.5) : 0, NULL);
    }
}

bool tl_embedded_set_load(const char *dataset, tl_embedder *embedder, const char *split, bool only_split, bool needs_caption,
                          const tl_progress *progress, tl_embedded_set *out, tl_error *err)
{
    *out = (tl_embedded_set){.dim = tl_embedder_dim(embedder)};
    tl_picture_queue *queue = NULL;
    tl_source *source = NULL;
    tl_source_options options = {.caption_from = needs_caption ? TL_CAPTION_FROM_SIDECAR : TL_CAPTION_NONE};
    bool ok = tl_source_open(dataset, &options, &source, err) && tl_arena_create(FIRST_ARENA_SIZE, &out->arena, err) &&
              tl_picture_queue__create(embedder, add_batch, out, &queue, err) &&
              read_source(out, queue, source, split, only_split, needs_caption, progress, err);
    if (ok && out->count == 0)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': expected %spictures%s%s, found none", dataset,
                     needs_caption ? "captioned " : "", split != NULL ? " of split " : "", split != NULL ? split : "");
    tl_picture_queue__destroy(queue);
    tl_source_close(source);
    if (!ok)
        tl_embedded_set_clear(out);
    return ok;
}

void tl_embedded_set_clear(tl_embedded_set *set)
{
    tl_memory_free(set->samples);
    tl_memory_free(set->pictures);
    tl_arena_destroy(set->arena);
    *set = (tl_embedded_set){0};
}

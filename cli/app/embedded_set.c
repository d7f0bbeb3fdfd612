#include "cli/app/embedded_set.h"

#include "base/core/memory.h"
#include "crawler-import/import.h"

enum { FIRST_ARENA_SIZE = 1 << 18 };

/* Samples read and waiting for their batch; the picture bytes live in the group's own arena. */
typedef struct sample_group {
    tl_embedder *embedder;
    tl_arena *arena;
    tl_picture *pictures;
    tl_embedded_sample *samples;
    float *rows;
    size_t count, capacity;
} sample_group;

static bool add_sample(tl_embedded_set *set, const tl_embedded_sample *sample, const float *row, tl_error *err)
{
    void *samples = set->samples;
    void *pictures = set->pictures;
    if (!tl_memory_reserve(&samples, &set->capacity, set->count + 1, sizeof *set->samples, err))
        return false;
    set->samples = samples;
    if (!tl_memory_reserve(&pictures, &set->vector_capacity, set->count + 1, set->dim * sizeof *set->pictures, err))
        return false;
    set->pictures = pictures;
    set->samples[set->count] = *sample;
    memcpy(set->pictures + set->count * set->dim, row, set->dim * sizeof *row);
    set->count++;
    return true;
}

static bool embed_group(tl_embedded_set *set, sample_group *group, tl_error *err)
{
    if (group->count != 0 && !tl_embedder_pictures(group->embedder, group->pictures, group->count, group->rows, err))
        return false;
    for (size_t i = 0; i < group->count; i++) {
        const tl_picture *picture = &group->pictures[i];
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, group->samples[i].path, &set->skipped);
        } else if (!add_sample(set, &group->samples[i], group->rows + i * set->dim, err)) {
            return false;
        }
    }
    group->count = 0;
    tl_arena_reset(group->arena);
    return true;
}

static bool keep_sample(tl_embedded_set *set, sample_group *group, const tl_sample *sample, bool in_split, tl_error *err)
{
    tl_slice caption = sample->caption_count != 0 ? sample->captions[0] : (tl_slice){"", 0};
    char *bytes = tl_arena_copy_text(group->arena, sample->image.data, sample->image.size, err);
    tl_embedded_sample kept = {.in_split = in_split, .label = sample->label};
    kept.path = bytes != NULL ? tl_arena_copy_text(set->arena, sample->path, strlen(sample->path), err) : NULL;
    kept.caption = kept.path != NULL ? tl_arena_copy_text(set->arena, caption.data, caption.size, err) : NULL;
    if (kept.caption == NULL)
        return false;
    group->samples[group->count] = kept;
    group->pictures[group->count] = (tl_picture){.bytes = {bytes, sample->image.size}};
    group->count++;
    return group->count < group->capacity || embed_group(set, group, err);
}

static bool read_source(tl_embedded_set *set, sample_group *group, tl_source *source, const char *split, bool only_split,
                        bool needs_caption, const tl_progress *progress, tl_error *err)
{
    for (uint64_t seen = 1;; seen++) {
        tl_sample sample;
        bool done = false;
        if (!tl_source_next(source, &sample, &done, err) || !tl_progress_continue(progress, err))
            return false;
        if (done)
            return embed_group(set, group, err);
        bool in_split = split == NULL || (sample.split != NULL && strcmp(sample.split, split) == 0);
        if (sample.skip_reason != NULL)
            tl_reasons_add(&set->skipped, sample.skip_reason, sample.origin);
        else if (needs_caption && sample.caption_count == 0)
            tl_reasons_add(&set->skipped, "no caption", sample.origin);
        else if ((in_split || !only_split) && !keep_sample(set, group, &sample, in_split, err))
            return false;
        double share = tl_source_progress(source);
        tl_progress_report(progress, seen, share > 0 ? (uint64_t)((double)seen / share + 0.5) : 0, NULL);
    }
}

bool tl_embedded_set_load(const char *dataset, tl_embedder *embedder, size_t batch, const char *split, bool only_split,
                          bool needs_caption, const tl_progress *progress, tl_embedded_set *out, tl_error *err)
{
    *out = (tl_embedded_set){.dim = tl_embedder_dim(embedder)};
    sample_group group = {.embedder = embedder, .capacity = batch};
    tl_source *source = NULL;
    tl_source_options options = {.caption_from = needs_caption ? TL_CAPTION_FROM_SIDECAR : TL_CAPTION_NONE};
    bool ok = false;
    if (!tl_source_open(dataset, &options, &source, err) || !tl_arena_create(FIRST_ARENA_SIZE, &out->arena, err) ||
        !tl_arena_create(FIRST_ARENA_SIZE, &group.arena, err))
        goto done;
    group.pictures = tl_memory_allocate(batch, sizeof *group.pictures, err);
    group.samples = group.pictures != NULL ? tl_memory_allocate(batch, sizeof *group.samples, err) : NULL;
    group.rows = group.samples != NULL ? tl_memory_allocate(batch, out->dim * sizeof *group.rows, err) : NULL;
    ok = group.rows != NULL && read_source(out, &group, source, split, only_split, needs_caption, progress, err);
    if (ok && out->count == 0)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': expected %spictures%s%s, found none", dataset,
                     needs_caption ? "captioned " : "", split != NULL ? " of split " : "", split != NULL ? split : "");
done:
    tl_memory_free(group.rows);
    tl_memory_free(group.samples);
    tl_memory_free(group.pictures);
    tl_arena_destroy(group.arena);
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

/* Loading decodes a group of pictures at a time by the pool, in the order of the source, so that the set is the same on every
 * machine. */
#include "cli/app/training_set_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "cli/app/embedder.h"
#include "crawler-import/import.h"

enum { DECODE_GROUP = 256, FIRST_ARENA_SIZE = 1 << 20 };

static size_t frame_size(const tl_image_recipe *recipe)
{
    return (size_t)3 * recipe->size * recipe->size;
}

static uint8_t *frame_of(const tl_training_set *set, size_t index)
{
    return set->frame_blocks[index / TL_FRAMES_PER_BLOCK] + index % TL_FRAMES_PER_BLOCK * frame_size(&set->recipe);
}

const uint8_t *tl_training_set_frame(const tl_training_set *set, size_t index)
{
    return frame_of(set, index);
}

/* Pictures read but not yet decoded; bytes and texts live in the group's arena. */
typedef struct decode_group {
    const tl_image_recipe *recipe;
    tl_arena *arena;
    tl_picture pictures[DECODE_GROUP];
    const char *origins[DECODE_GROUP];
    tl_training_pair pairs[DECODE_GROUP];
    uint8_t *frames; /* [DECODE_GROUP, S, S, 3] */
    size_t count;
} decode_group;

static void decode_one(void *context, size_t index, size_t worker)
{
    (void)worker;
    decode_group *group = context;
    tl_picture_frame(group->recipe, &group->pictures[index], group->frames + index * frame_size(group->recipe));
}

static bool add_pair(tl_training_set *set, const tl_training_pair *pair, const uint8_t *frame, tl_error *err)
{
    if (set->count % TL_FRAMES_PER_BLOCK == 0) {
        if (!tl_memory_reserve(&set->frame_blocks, &set->block_capacity, set->block_count + 1, sizeof *set->frame_blocks, err))
            return false;
        uint8_t *block = tl_memory_allocate(TL_FRAMES_PER_BLOCK, frame_size(&set->recipe), err);
        if (block == NULL)
            return false;
        set->frame_blocks[set->block_count++] = block;
    }
    if (!tl_memory_reserve(&set->pairs, &set->capacity, set->count + 1, sizeof *set->pairs, err))
        return false;
    set->pairs[set->count] = *pair;
    memcpy(frame_of(set, set->count), frame, frame_size(&set->recipe));
    set->count++;
    set->caption_count += pair->caption_count;
    return true;
}

static void add_to_fingerprint(tl_training_set *set, const void *bytes, size_t size)
{
    uint64_t both[2] = {set->fingerprint, tl_hash64(bytes, size)};
    set->fingerprint = tl_hash64(both, sizeof both);
}

static bool decode_and_add(tl_training_set *set, decode_group *group, tl_thread_pool *pool, tl_error *err)
{
    tl_thread_pool_run(pool, group->count, decode_one, group);
    for (size_t i = 0; i < group->count; i++) {
        const tl_picture *picture = &group->pictures[i];
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, group->origins[i], &set->skipped);
            continue;
        }
        if (!add_pair(set, &group->pairs[i], group->frames + i * frame_size(group->recipe), err))
            return false;
        add_to_fingerprint(set, picture->bytes.data, picture->bytes.size);
        for (size_t j = 0; j < group->pairs[i].caption_count; j++)
            add_to_fingerprint(set, group->pairs[i].captions[j].data, group->pairs[i].captions[j].size);
    }
    group->count = 0;
    tl_arena_reset(group->arena);
    return true;
}

static bool keep_sample(tl_training_set *set, decode_group *group, const tl_sample *sample, tl_error *err)
{
    tl_slice *captions = tl_arena_allocate(set->arena, sample->caption_count, sizeof *captions, err);
    char *origin = tl_arena_copy_text(group->arena, sample->origin, strlen(sample->origin), err);
    char *bytes = tl_arena_copy_text(group->arena, sample->image.data, sample->image.size, err);
    const char *key = tl_arena_copy_text(set->arena, sample->key, strlen(sample->key), err);
    if (captions == NULL || origin == NULL || bytes == NULL || key == NULL)
        return false;
    for (size_t i = 0; i < sample->caption_count; i++) {
        const char *text = tl_arena_copy_text(set->arena, sample->captions[i].data, sample->captions[i].size, err);
        if (text == NULL)
            return false;
        captions[i] = (tl_slice){text, sample->captions[i].size};
    }
    group->pictures[group->count] = (tl_picture){.bytes = {bytes, sample->image.size}};
    group->origins[group->count] = origin;
    group->pairs[group->count] = (tl_training_pair){captions, sample->caption_count, key};
    group->count++;
    return true;
}

static bool load_dataset(tl_training_set *set, decode_group *group, const char *dataset, tl_thread_pool *pool,
                         const tl_progress *progress, tl_error *err)
{
    tl_source *source = NULL;
    tl_source_options options = {.caption_from = TL_CAPTION_FROM_SIDECAR};
    bool ok = tl_source_open(dataset, &options, &source, err);
    while (ok) {
        tl_sample sample;
        bool done = false;
        ok = tl_source_next(source, &sample, &done, err) && tl_progress_continue(progress, err);
        if (!ok || done)
            break;
        if (sample.skip_reason != NULL)
            tl_reasons_add(&set->skipped, sample.skip_reason, sample.origin);
        else if (sample.split != NULL && strcmp(sample.split, "train") != 0)
            set->held_out++;
        else if (sample.caption_count == 0)
            tl_reasons_add(&set->skipped, "no caption", sample.origin);
        else
            ok = keep_sample(set, group, &sample, err) && (group->count < DECODE_GROUP || decode_and_add(set, group, pool, err));
        tl_progress_report(progress, set->count + group->count, 0, NULL);
    }
    ok = ok && decode_and_add(set, group, pool, err);
    tl_source_close(source);
    return ok;
}

bool tl_training_set_load(const char *const *datasets, size_t dataset_count, const tl_image_recipe *recipe, tl_thread_pool *pool,
                          const tl_progress *progress, tl_training_set *out, tl_error *err)
{
    *out = (tl_training_set){.recipe = *recipe};
    tl_progress_begin(progress, "pictures read");
    bool ok = false;
    decode_group *group = tl_memory_allocate(1, sizeof *group, err);
    if (group == NULL)
        return false;
    group->recipe = recipe;
    group->frames = tl_memory_allocate(DECODE_GROUP, frame_size(recipe), err);
    if (group->frames == NULL || !tl_arena_create(FIRST_ARENA_SIZE, &group->arena, err) ||
        !tl_arena_create(FIRST_ARENA_SIZE, &out->arena, err))
        goto done;
    out->starts = tl_memory_allocate(dataset_count + 1, sizeof *out->starts, err);
    if (out->starts == NULL)
        goto done;
    out->dataset_count = dataset_count;
    for (size_t i = 0; i < dataset_count; i++) {
        if (!load_dataset(out, group, datasets[i], pool, progress, err))
            goto done;
        out->starts[i + 1] = out->count;
    }
    if (out->count == 0)
        tl_fail(err, TL_ERROR_INVALID,
                "'%s': expected captioned pictures to train on, found none (%llu held out, %llu skipped%s%s)", datasets[0],
                (unsigned long long)out->held_out, (unsigned long long)out->skipped.total,
                out->skipped.count != 0 ? ", first: " : "", out->skipped.count != 0 ? out->skipped.items[0].reason : "");
    ok = out->count != 0;
done:
    tl_arena_destroy(group->arena);
    tl_memory_free(group->frames);
    tl_memory_free(group);
    if (!ok)
        tl_training_set_clear(out);
    return ok;
}

void tl_training_set_clear(tl_training_set *set)
{
    for (size_t i = 0; i < set->block_count; i++)
        tl_memory_free(set->frame_blocks[i]);
    tl_memory_free(set->frame_blocks);
    tl_memory_free(set->pairs);
    tl_memory_free(set->starts);
    tl_arena_destroy(set->arena);
    *set = (tl_training_set){0};
}

static bool next_caption(void *context, tl_slice *text, bool *done, tl_error *err)
{
    tl_caption_cursor *cursor = context;
    if (!tl_progress_continue(cursor->progress, err))
        return false;
    while (cursor->pair < cursor->set->count && cursor->caption == cursor->set->pairs[cursor->pair].caption_count) {
        cursor->pair++;
        cursor->caption = 0;
    }
    *done = cursor->pair == cursor->set->count;
    if (!*done)
        *text = cursor->set->pairs[cursor->pair].captions[cursor->caption++];
    return true;
}

tl_text_source tl_training_set_captions(tl_caption_cursor *cursor)
{
    return (tl_text_source){cursor, next_caption};
}

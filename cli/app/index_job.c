/*
 * One pass over a source. Every sample is first held against what the index knows of the root; only what is new, changed or
 * without a vector of this model has its bytes read, decoded and embedded, a batch at a time. A commit follows every few batches,
 * so that a stop or a crash loses little and a second process sees the index grow.
 *
 * Moved files: a new path whose content equals that of a known item whose file is gone takes that item over, vectors and all.
 * Items the source no longer has are removed only after it was read to its end, and only where the source speaks for them: a
 * folder or dataset for all below it, a single shard for its own samples, a captions table for none.
 */
#include "cli/app/index_job.h"

#include "base/core/clock.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/embedder.h"
#include "cli/app/known_items.h"
#include "crawler-import/import.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_BATCH = 64, CAPTION_BATCH = 256 };
static const double commit_interval_seconds = 5.0;

/* Sorted ids of items or captions that have no vector in the set yet. */
typedef struct id_list {
    int64_t *ids;
    size_t count;
} id_list;

/* A sample whose picture waits for the batch to fill. Texts and bytes live in the batch's arena until it is stored. */
typedef struct pending_item {
    tl_item item;
    tl_known_item *known; /* NULL: new */
    const char *origin;
} pending_item;

typedef struct item_batch {
    pending_item *pending;
    tl_picture *pictures; /* of pending, same order */
    size_t count;
    tl_arena *arena;
} item_batch;

typedef struct job_state {
    const tl_index_job *job;
    tl_index_report *report;
    tl_index *index;
    tl_index_writer *writer;
    tl_source *source;
    tl_embedder *embedder;
    tl_known_items *known; /* one for each root that samples name: a table with absolute paths has two */
    size_t known_count, known_capacity;
    bool is_incomplete; /* part of the source could not be read: nothing may be taken for gone */
    tl_vector_set images, captions;
    id_list images_missing, captions_missing;
    item_batch batches[2]; /* one fills while the other is embedded */
    item_batch *filling;
    float *vectors;    /* [batch, D] */
    int64_t *item_ids; /* [batch] */
    size_t batch;
    tl_slice caption_texts[CAPTION_BATCH]; /* stored, waiting for their vectors; texts in the batches' arenas */
    int64_t caption_ids[CAPTION_BATCH];
    float *caption_vectors; /* [CAPTION_BATCH, D] */
    size_t caption_count;
    double last_commit;
    uint64_t seen;
} job_state;

static int compare_ids(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a;
    int64_t second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

static bool contains(const id_list *list, int64_t id)
{
    return list->count != 0 && bsearch(&id, list->ids, list->count, sizeof id, compare_ids) != NULL;
}

static bool load_missing(job_state *state, const tl_vector_set *set, id_list *list, tl_error *err)
{
    if (!tl_index_writer_missing(state->writer, set, &list->ids, &list->count, err))
        return false;
    if (list->count != 0)
        qsort(list->ids, list->count, sizeof *list->ids, compare_ids);
    return true;
}

/* What the index knows of a root, loaded when the first sample names it. */
static tl_known_items *known_of_root(job_state *state, const char *root, tl_error *err)
{
    for (size_t i = 0; i < state->known_count; i++)
        if (strcmp(state->known[i].root, root) == 0)
            return &state->known[i];
    void *known = state->known;
    if (!tl_memory_reserve(&known, &state->known_capacity, state->known_count + 1, sizeof *state->known, err))
        return NULL;
    state->known = known;
    if (!tl_known_items_load(&state->known[state->known_count], state->index, root, err))
        return NULL;
    return &state->known[state->known_count++];
}

/* Called by the source before it reads a picture: the bytes of an unchanged, embedded one are not needed. */
static bool wants_bytes(void *context, const tl_sample *sample)
{
    job_state *state = context;
    const tl_known_items *items = known_of_root(state, sample->root, NULL);
    const tl_known_item *known = items != NULL ? tl_known_items_find(items, sample->path) : NULL;
    return known == NULL || known->size != sample->size || known->modified_ns != sample->modified_ns ||
           contains(&state->images_missing, known->id);
}

static bool embed_waiting_captions(job_state *state, tl_error *err)
{
    size_t count = state->caption_count;
    state->caption_count = 0;
    return count == 0 ||
           (tl_embedder_texts(state->embedder, state->caption_texts, count, state->caption_vectors, err) &&
            tl_index_writer_put_vectors(state->writer, &state->captions, state->caption_ids, state->caption_vectors, count, err));
}

/* The item's captions, which are stored, wait for vectors; their texts must live until the batch is stored. */
static bool queue_captions(job_state *state, int64_t item_id, const tl_item *item, tl_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    if (item->caption_count == 0)
        return true;
    if (!tl_index_writer_caption_ids(state->writer, item_id, &ids, &count, err))
        return false;
    TL_ASSERT(count == item->caption_count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        if (state->caption_count == CAPTION_BATCH)
            ok = embed_waiting_captions(state, err);
        state->caption_texts[state->caption_count] = tl_slice_of(item->captions[i]);
        state->caption_ids[state->caption_count++] = ids[i];
    }
    tl_memory_free(ids);
    return ok;
}

static bool needs_captions(job_state *state, int64_t item_id, bool *needs, tl_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    *needs = false;
    if (state->captions_missing.count == 0)
        return true;
    if (!tl_index_writer_caption_ids(state->writer, item_id, &ids, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        *needs = *needs || contains(&state->captions_missing, ids[i]);
    tl_memory_free(ids);
    return true;
}

/* A picture that cannot be decoded: counted, and what is stored of an earlier one under its path goes at the end. */
static bool drop_broken(job_state *state, const pending_item *pending, const tl_picture *picture, tl_error *err)
{
    if (picture->error.kind == TL_ERROR_NO_MEMORY)
        return tl_fail(err, picture->error.kind, "'%s': %s", pending->origin, picture->error.message);
    tl_picture_count_skipped(picture, pending->origin, &state->report->skipped);
    if (pending->known != NULL)
        pending->known->seen = false;
    return true;
}

static bool store_item(job_state *state, pending_item *pending, const tl_picture *picture, int64_t *id, tl_error *err)
{
    const tl_exif *exif = &picture->exif;
    tl_item *item = &pending->item;
    item->width = picture->width;
    item->height = picture->height;
    item->taken = exif->taken[0] != '\0' ? exif->taken : NULL;
    item->camera = exif->camera[0] != '\0' ? exif->camera : NULL;
    item->has_place = exif->has_place;
    item->latitude = exif->latitude;
    item->longitude = exif->longitude;
    if (!tl_index_writer_put_item(state->writer, item, id, err) || !queue_captions(state, *id, item, err))
        return tl_fail_within(err, "'%s'", pending->origin);
    state->report->embedded++;
    if (pending->known == NULL)
        state->report->added++;
    else
        state->report->updated++;
    return true;
}

static bool commit(job_state *state, tl_error *err)
{
    state->last_commit = tl_clock_seconds();
    return tl_index_writer_commit(state->writer, err);
}

/* Embeds and stores a batch. Rows of one set go in together: switching sets for every item would rewrite blocks. */
static bool store_batch(job_state *state, item_batch *batch, tl_error *err)
{
    size_t dim = tl_embedder_dim(state->embedder);
    size_t stored = 0;
    if (batch->count != 0 && !tl_embedder_pictures(state->embedder, batch->pictures, batch->count, state->vectors, err))
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->pictures[i].decoded) {
            if (!drop_broken(state, &batch->pending[i], &batch->pictures[i], err))
                return false;
            continue;
        }
        if (!store_item(state, &batch->pending[i], &batch->pictures[i], &state->item_ids[stored], err))
            return false;
        memmove(state->vectors + stored * dim, state->vectors + i * dim, dim * sizeof *state->vectors);
        stored++;
    }
    if (stored != 0 && !tl_index_writer_put_vectors(state->writer, &state->images, state->item_ids, state->vectors, stored, err))
        return false;
    if (!embed_waiting_captions(state, err))
        return false;
    batch->count = 0;
    tl_arena_reset(batch->arena);
    return tl_clock_seconds() - state->last_commit < commit_interval_seconds || commit(state, err);
}

/* Turns to the other batch, which is stored first; this one is decoded meanwhile. */
static bool finish_filling(job_state *state, tl_error *err)
{
    item_batch *filled = state->filling;
    item_batch *other = filled == &state->batches[0] ? &state->batches[1] : &state->batches[0];
    state->filling = other;
    return tl_embedder_prepare(state->embedder, filled->pictures, filled->count, err) && store_batch(state, other, err);
}

/* Stores all that waits, in the order in which it came. */
static bool store_all(job_state *state, tl_error *err)
{
    return finish_filling(state, err) && finish_filling(state, err);
}

static const char *keep_text(job_state *state, const char *text, tl_error *err)
{
    return tl_arena_copy_text(state->filling->arena, text, strlen(text), err);
}

static const char *const *keep_captions(job_state *state, const tl_sample *sample, tl_error *err)
{
    const char **captions = tl_arena_allocate(state->filling->arena, sample->caption_count, sizeof *captions, err);
    for (size_t i = 0; captions != NULL && i < sample->caption_count; i++)
        if ((captions[i] = tl_arena_copy_text(state->filling->arena, sample->captions[i].data, sample->captions[i].size, err)) ==
            NULL)
            return NULL;
    return captions;
}

/* Copies what the batch needs of a sample: its slices die with the next call of the source. */
static bool keep_sample(job_state *state, const tl_sample *sample, const char *hash, tl_known_item *known, tl_error *err)
{
    pending_item *pending = &state->filling->pending[state->filling->count];
    tl_picture *picture = &state->filling->pictures[state->filling->count];
    *pending = (pending_item){.known = known};
    tl_item *item = &pending->item;
    *item = (tl_item){.size = sample->size, .modified_ns = sample->modified_ns, .caption_count = sample->caption_count};
    item->captions = keep_captions(state, sample, err);
    bool ok = item->captions != NULL && (pending->origin = keep_text(state, sample->origin, err)) != NULL &&
              (item->root = keep_text(state, sample->root, err)) != NULL &&
              (item->path = keep_text(state, sample->path, err)) != NULL && (item->hash = keep_text(state, hash, err)) != NULL &&
              (sample->url == NULL || (item->url = keep_text(state, sample->url, err)) != NULL) &&
              (sample->split == NULL || (item->split = keep_text(state, sample->split, err)) != NULL);
    char *bytes = ok ? tl_arena_copy_text(state->filling->arena, sample->image.data, sample->image.size, err) : NULL;
    if (bytes == NULL)
        return false;
    *picture = (tl_picture){.bytes = {bytes, sample->image.size}};
    state->filling->count++;
    return true;
}

/* Bytes of the shard's name in a path like "00000.tar#key"; 0: not a path into a shard. A file's own name may hold a '#' too. */
static size_t shard_name_size(const char *path)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz"};
    for (const char *number = strchr(path, '#'); number != NULL; number = strchr(number + 1, '#')) {
        size_t size = (size_t)(number - path);
        for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
            size_t ending = strlen(endings[i]);
            if (size > ending && memcmp(number - ending, endings[i], ending) == 0)
                return size;
        }
    }
    return 0;
}

static bool is_missing(const char *path)
{
    tl_file_status status;
    return tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_MISSING;
}

/* True unless the file (or the shard) that a known item came from is surely gone. */
static bool still_exists(const char *root, const char *path)
{
    char *whole = tl_path_join(root, path, NULL);
    if (whole == NULL)
        return true;
    bool exists = !is_missing(whole);
    size_t shard = shard_name_size(whole);
    if (!exists && shard != 0) {
        whole[shard] = '\0';
        exists = !is_missing(whole);
    }
    tl_memory_free(whole);
    return exists;
}

/* The picture is as it was but what is written about it is not: the row is stored again with the new words. */
static bool replace_words(job_state *state, const tl_sample *sample, const tl_known_item *known, const char *const *captions,
                          tl_error *err)
{
    tl_item item;
    void *block = NULL;
    int64_t id;
    /* Read by the index's own connection, which does not see this transaction: place and time are the sample's. */
    if (!tl_index_item_read(state->index, known->id, &item, &block, err))
        return false;
    item.root = sample->root;
    item.path = sample->path;
    item.modified_ns = sample->modified_ns;
    item.captions = captions;
    item.caption_count = sample->caption_count;
    item.split = sample->split;
    item.url = sample->url;
    bool ok = tl_index_writer_put_item(state->writer, &item, &id, err) && queue_captions(state, id, &item, err);
    tl_memory_free(block);
    return ok;
}

/* Brings captions, split and url of a picture that is as it was up to date. *changed: they were others. */
static bool refresh_words(job_state *state, const tl_sample *sample, const tl_known_item *known, bool *changed, tl_error *err)
{
    bool needs_vectors = false;
    *changed = known->words_hash != tl_words_hash(sample->captions, sample->caption_count, sample->split, sample->url);
    if (!*changed && !needs_captions(state, known->id, &needs_vectors, err))
        return false;
    if (!*changed && !needs_vectors)
        return true;
    /* The texts wait in the arena, which only storing a batch empties. */
    if (state->caption_count + sample->caption_count > CAPTION_BATCH && !store_all(state, err))
        return false;
    const char *const *captions = keep_captions(state, sample, err);
    if (captions == NULL)
        return false;
    tl_item item = {.captions = captions, .caption_count = sample->caption_count};
    return *changed ? replace_words(state, sample, known, captions, err) : queue_captions(state, known->id, &item, err);
}

/* Nothing of the picture changed: its vector stays; the time and the captions are brought up to date. */
static bool keep_known(job_state *state, const tl_sample *sample, tl_known_item *known, tl_error *err)
{
    known->seen = true;
    bool changed;
    if (known->modified_ns != sample->modified_ns &&
        !tl_index_writer_touch_item(state->writer, known->id, sample->modified_ns, err))
        return false;
    if (!refresh_words(state, sample, known, &changed, err))
        return false;
    if (changed)
        state->report->updated++;
    else
        state->report->unchanged++;
    return true;
}

/* A known item's content under another path, its own file gone: the item moves, vectors and all. */
static bool move_known(job_state *state, const tl_sample *sample, tl_known_item *known, tl_error *err)
{
    known->seen = true;
    bool changed;
    state->report->moved++;
    return tl_index_writer_move_item(state->writer, known->id, sample->root, sample->path, err) &&
           tl_index_writer_touch_item(state->writer, known->id, sample->modified_ns, err) &&
           refresh_words(state, sample, known, &changed, err);
}

/* Reasons that say what a file now holds; the others say that it could not be looked at. */
static bool is_verdict(const char *reason)
{
    static const char *const verdicts[] = {"empty file", "not a picture", "broken picture", "picture too large", "missing file"};
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (strcmp(reason, verdicts[i]) == 0)
            return true;
    return false;
}

/* Counts a sample that the source could not hand over. What is known of it stays, unless the file is no picture any more. */
static bool pass_over(job_state *state, const tl_sample *sample, tl_error *err)
{
    tl_reasons_add(&state->report->skipped, sample->skip_reason, sample->origin);
    state->is_incomplete = state->is_incomplete || strcmp(sample->skip_reason, "unreadable folder") == 0 ||
                           strcmp(sample->skip_reason, "damaged archive") == 0;
    if (is_verdict(sample->skip_reason) || sample->root == NULL || sample->path == NULL)
        return true;
    const tl_known_items *items = known_of_root(state, sample->root, err);
    tl_known_item *known = items != NULL ? tl_known_items_find(items, sample->path) : NULL;
    if (known != NULL)
        known->seen = true;
    return items != NULL;
}

static bool take_sample(job_state *state, const tl_sample *sample, tl_error *err)
{
    if (sample->skip_reason != NULL)
        return pass_over(state, sample, err);
    const tl_known_items *items = known_of_root(state, sample->root, err);
    if (items == NULL)
        return false;
    tl_known_item *known = tl_known_items_find(items, sample->path);
    if (!wants_bytes(state, sample))
        return keep_known(state, sample, known, err);
    char hash[TL_HASH_TEXT_SIZE];
    tl_hash_text(sample->image.data, sample->image.size, hash);
    bool same_content = known != NULL && strcmp(known->hash, hash) == 0;
    if (same_content && !contains(&state->images_missing, known->id))
        return keep_known(state, sample, known, err);
    if (known == NULL) {
        tl_known_item *elsewhere = tl_known_items_find_content(items, hash, sample->size);
        if (elsewhere != NULL && !contains(&state->images_missing, elsewhere->id) && !still_exists(sample->root, elsewhere->path))
            return move_known(state, sample, elsewhere, err);
    } else {
        known->seen = true;
    }
    return keep_sample(state, sample, hash, known, err) && (state->filling->count < state->batch || finish_filling(state, err));
}

/* True when the source would have had this item to offer, were it still there. */
static bool speaks_for(const tl_source *source, const char *path)
{
    const char *kind = tl_source_kind_name(source);
    size_t shard = shard_name_size(path);
    if (strcmp(kind, "folder") == 0)
        return shard == 0;
    if (strcmp(kind, "webdataset") != 0 || shard == 0)
        return false;
    tl_file_status status;
    if (!tl_file_status_read(tl_source_root(source), &status, NULL))
        return false;
    const char *name = strrchr(tl_source_root(source), '/');
    return status.kind == TL_FILE_DIRECTORY || (name != NULL && strlen(name + 1) == shard && memcmp(path, name + 1, shard) == 0);
}

static bool remove_unseen(job_state *state, tl_error *err)
{
    if (state->is_incomplete)
        return true;
    for (size_t i = 0; i < state->known_count; i++) {
        const tl_known_items *items = &state->known[i];
        for (size_t j = 0; j < items->count; j++) {
            if (items->items[j].seen || !speaks_for(state->source, items->items[j].path))
                continue;
            if (!tl_index_writer_remove_item(state->writer, items->items[j].id, err))
                return false;
            state->report->removed++;
        }
    }
    return true;
}

static bool create_batch(const job_state *state, item_batch *batch, tl_error *err)
{
    batch->pending = tl_memory_allocate(state->batch, sizeof *batch->pending, err);
    batch->pictures = batch->pending != NULL ? tl_memory_allocate(state->batch, sizeof *batch->pictures, err) : NULL;
    return batch->pictures != NULL && tl_arena_create(1 << 20, &batch->arena, err);
}

static bool open_state(job_state *state, const char *path, tl_error *err)
{
    const tl_index_job *job = state->job;
    state->batch = job->batch != 0 ? job->batch : DEFAULT_BATCH;
    size_t dim = job->bundle->info->config.embedding_dim;
    tl_vector_set set = {.kind = TL_VECTOR_IMAGE, .dim = (uint32_t)dim};
    snprintf(set.model, sizeof set.model, "%s", job->bundle->fingerprint);
    snprintf(set.model_name, sizeof set.model_name, "%s", job->bundle->name);
    state->images = state->captions = set;
    state->captions.kind = TL_VECTOR_CAPTION;

    tl_source_options options = {.caption_from = job->caption_from_names ? TL_CAPTION_FROM_NAME : TL_CAPTION_NONE,
                                 .wants_bytes = wants_bytes,
                                 .context = state};
    /* The source first: a wrong path must not leave an empty index behind. */
    if (!tl_source_open(path, &options, &state->source, err) ||
        !tl_index_open(job->index_path, TL_INDEX_CREATE, &state->index, err) ||
        !tl_index_writer_open(state->index, &state->writer, err) ||
        !load_missing(state, &state->images, &state->images_missing, err) ||
        !load_missing(state, &state->captions, &state->captions_missing, err) ||
        !tl_embedder_create(job->bundle, state->batch, job->pool, &state->embedder, err) ||
        !create_batch(state, &state->batches[0], err) || !create_batch(state, &state->batches[1], err))
        return false;
    state->filling = &state->batches[0];
    state->vectors = tl_memory_allocate(state->batch, dim * sizeof(float), err);
    state->item_ids = state->vectors != NULL ? tl_memory_allocate(state->batch, sizeof *state->item_ids, err) : NULL;
    state->caption_vectors = state->item_ids != NULL ? tl_memory_allocate(CAPTION_BATCH, dim * sizeof(float), err) : NULL;
    state->last_commit = tl_clock_seconds();
    return state->caption_vectors != NULL;
}

static void close_state(job_state *state)
{
    tl_index_writer_close(state->writer);
    tl_embedder_destroy(state->embedder);
    tl_source_close(state->source);
    for (size_t i = 0; i < state->known_count; i++)
        tl_known_items_clear(&state->known[i]);
    tl_memory_free(state->known);
    tl_index_close(state->index);
    for (size_t i = 0; i < 2; i++) {
        tl_arena_destroy(state->batches[i].arena);
        tl_memory_free(state->batches[i].pending);
        tl_memory_free(state->batches[i].pictures);
    }
    tl_memory_free(state->images_missing.ids);
    tl_memory_free(state->captions_missing.ids);
    tl_memory_free(state->vectors);
    tl_memory_free(state->item_ids);
    tl_memory_free(state->caption_vectors);
}

static bool read_source(job_state *state, tl_error *err)
{
    for (;;) {
        tl_sample sample;
        bool done = false;
        if (!tl_source_next(state->source, &sample, &done, err))
            return false;
        if (done)
            return store_all(state, err) && remove_unseen(state, err) && commit(state, err);
        if (!take_sample(state, &sample, err))
            return false;
        state->seen++;
        double share = tl_source_progress(state->source);
        tl_progress_report(state->job->progress, state->seen, share > 0 ? (uint64_t)((double)state->seen / share + 0.5) : 0,
                           NULL);
        if (!tl_progress_continue(state->job->progress, err)) {
            /* What was embedded so far is work done: keep it, then say that we stopped. */
            tl_error reason;
            if (!store_all(state, &reason) || !commit(state, &reason))
                return tl_fail(err, reason.kind, "%s", reason.message);
            return false;
        }
    }
}

bool tl_index_job_run(const tl_index_job *job, const char *path, tl_index_report *report, tl_error *err)
{
    job_state state = {.job = job, .report = report};
    bool ok = open_state(&state, path, err) && read_source(&state, err);
    close_state(&state);
    return ok;
}

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

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/item_writer_internal.h"
#include "cli/app/known_items_internal.h"
#include "crawler-import/import.h"

#include <stdlib.h>

static const double commit_interval_seconds = 5.0;

/* Sorted ids of items or captions that have no vector in the set yet. */
typedef struct id_list {
    int64_t *ids;
    size_t count;
} id_list;

typedef struct job_state {
    const tl_index_job *job;
    tl_index_report *report;
    tl_source *source;
    tl_item_writer writer;
    tl_known_items *known; /* one for each root that samples name: a table with absolute paths has two */
    size_t known_count, known_capacity;
    bool is_incomplete; /* part of the source could not be read: nothing may be taken for gone */
    id_list images_missing, captions_missing;
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
    if (!tl_index_writer_missing(state->writer.rows, set, &list->ids, &list->count, err))
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
    if (!tl_memory_reserve(&state->known, &state->known_capacity, state->known_count + 1, sizeof *state->known, err))
        return NULL;
    if (!tl_known_items_load(&state->known[state->known_count], state->writer.index, root, err))
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

static bool needs_captions(job_state *state, int64_t item_id, bool *needs, tl_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    *needs = false;
    if (state->captions_missing.count == 0)
        return true;
    if (!tl_index_writer_caption_ids(state->writer.rows, item_id, &ids, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        *needs = *needs || contains(&state->captions_missing, ids[i]);
    tl_memory_free(ids);
    return true;
}

/* Of a broken picture, what is stored of an earlier one under its path goes at the end. known: NULL where the item is new. */
static void count_settled(void *context, void *known, bool is_stored)
{
    tl_index_report *report = ((job_state *)context)->report;
    if (!is_stored && known != NULL)
        ((tl_known_item *)known)->seen = false;
    if (!is_stored)
        return;
    report->embedded++;
    if (known == NULL)
        report->added++;
    else
        report->updated++;
}

static bool put_sample(job_state *state, const tl_sample *sample, const char *hash, tl_known_item *known, tl_error *err)
{
    const tl_item item = {.root = sample->root,
                          .path = sample->path,
                          .size = sample->size,
                          .modified_ns = sample->modified_ns,
                          .hash = hash,
                          .url = sample->url,
                          .split = sample->split};
    return tl_item_writer__put(&state->writer, &item, sample->captions, sample->caption_count, sample->image, sample->origin,
                               known, err);
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
    size_t shard = tl_source_shard_name_size(whole);
    if (!exists && shard != 0) {
        whole[shard] = '\0';
        exists = !is_missing(whole);
    }
    tl_memory_free(whole);
    return exists;
}

/* The picture is as it was but what is written about it is not: the row is stored again with the new words. */
static bool replace_words(job_state *state, const tl_sample *sample, const tl_known_item *known, tl_error *err)
{
    tl_item item;
    void *block = NULL;
    /* Read by the index's own connection, which does not see this transaction: place and time are the sample's. */
    if (!tl_index_item_read(state->writer.index, known->id, &item, &block, err))
        return false;
    item.root = sample->root;
    item.path = sample->path;
    item.modified_ns = sample->modified_ns;
    item.split = sample->split;
    item.url = sample->url;
    bool ok = tl_item_writer__put_words(&state->writer, &item, sample->captions, sample->caption_count, err);
    tl_memory_free(block);
    return ok;
}

/* Brings captions, split and url of a picture that is as it was up to date. *changed: they were others. */
static bool refresh_words(job_state *state, const tl_sample *sample, const tl_known_item *known, bool *changed, tl_error *err)
{
    bool needs_vectors = false;
    *changed = known->words_hash != tl_words_hash(sample->captions, sample->caption_count, sample->split, sample->url);
    if (*changed)
        return replace_words(state, sample, known, err);
    return needs_captions(state, known->id, &needs_vectors, err) &&
           (!needs_vectors ||
            tl_item_writer__embed_words(&state->writer, known->id, sample->captions, sample->caption_count, err));
}

/* Nothing of the picture changed: its vector stays; the time and the captions are brought up to date. */
static bool keep_known(job_state *state, const tl_sample *sample, tl_known_item *known, tl_error *err)
{
    known->seen = true;
    bool changed;
    if (known->modified_ns != sample->modified_ns &&
        !tl_index_writer_touch_item(state->writer.rows, known->id, sample->modified_ns, err))
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
    return tl_index_writer_move_item(state->writer.rows, known->id, sample->root, sample->path, err) &&
           tl_index_writer_touch_item(state->writer.rows, known->id, sample->modified_ns, err) &&
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
    /* Links alone, all of which lead nowhere, are a disk that is away: as of an empty folder, nothing of it is looked up. */
    if (sample->root == NULL || sample->path == NULL || strcmp(sample->skip_reason, "missing file") == 0)
        return true;
    /* Where all is broken this is the only mention of the root: what is known of it goes at the end. */
    const tl_known_items *items = known_of_root(state, sample->root, err);
    tl_known_item *known = items != NULL && !is_verdict(sample->skip_reason) ? tl_known_items_find(items, sample->path) : NULL;
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
    return put_sample(state, sample, hash, known, err);
}

/* True when the source would have had this item to offer, were it still there. */
static bool speaks_for(const tl_source *source, const char *path)
{
    const char *kind = tl_source_kind_name(source);
    size_t shard = tl_source_shard_name_size(path);
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
            if (!tl_index_writer_remove_item(state->writer.rows, items->items[j].id, err))
                return false;
            state->report->removed++;
        }
    }
    return true;
}

static bool open_state(job_state *state, const char *path, tl_error *err)
{
    const tl_index_job *job = state->job;
    const tl_source_options options = {.caption_from = job->caption_from_names ? TL_CAPTION_FROM_NAME : TL_CAPTION_NONE,
                                       .wants_bytes = wants_bytes,
                                       .context = state};
    const tl_item_writer_options writing = {.index_path = job->index_path,
                                            .bundle = job->bundle,
                                            .pool = job->pool,
                                            .batch = job->batch,
                                            .commit_seconds = commit_interval_seconds,
                                            .skipped = &state->report->skipped,
                                            .settled = count_settled,
                                            .context = state};
    /* The source first: a wrong path must not leave an empty index behind. */
    return tl_source_open(path, &options, &state->source, err) && tl_item_writer__open(&state->writer, &writing, err) &&
           load_missing(state, &state->writer.images, &state->images_missing, err) &&
           load_missing(state, &state->writer.captions, &state->captions_missing, err);
}

static void close_state(job_state *state)
{
    tl_item_writer__close(&state->writer);
    tl_source_close(state->source);
    for (size_t i = 0; i < state->known_count; i++)
        tl_known_items_clear(&state->known[i]);
    tl_memory_free(state->known);
    tl_memory_free(state->images_missing.ids);
    tl_memory_free(state->captions_missing.ids);
}

static bool read_source(job_state *state, tl_error *err)
{
    for (;;) {
        tl_sample sample;
        bool done = false;
        if (!tl_source_next(state->source, &sample, &done, err))
            return false;
        if (done)
            return tl_item_writer__flush(&state->writer, err) && remove_unseen(state, err) &&
                   tl_item_writer__commit(&state->writer, err);
        if (!take_sample(state, &sample, err))
            return false;
        state->seen++;
        double share = tl_source_progress(state->source);
        tl_progress_report(state->job->progress, state->seen, share > 0 ? (uint64_t)((double)state->seen / share + 0.5) : 0,
                           NULL);
        if (!tl_progress_continue(state->job->progress, err)) {
            /* What was embedded so far is work done: keep it, then say that we stopped. */
            tl_error reason;
            if (!tl_item_writer__commit(&state->writer, &reason))
                return tl_fail_as(err, &reason);
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

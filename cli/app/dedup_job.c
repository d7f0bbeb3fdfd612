/*
 * Row by row from the first: whoever is in no group yet leads one, which all later ones join that are near enough and free.
 * Likenesses come in tiles of 256 x 256, rows before columns, so that the leaders among a tile's rows are known when its columns
 * are looked at.
 */
#include "cli/app/dedup_job.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/image/decode.h"
#include "base/image/difference_hash.h"
#include "base/io/file.h"
#include "crawler-import/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 256, LEAST_SIDE = 72 /* eight times the hash's */ };
static const uint32_t no_leader = UINT32_MAX;
static const size_t max_file_bytes = (size_t)1 << 30;

typedef struct found_picture {
    int64_t item;
    tl_difference_hash hash;
    float score;     /* to its leader */
    uint32_t leader; /* no_leader: in no group yet; itself: leads */
} found_picture;

typedef struct dedup_state {
    const tl_dedup_job *job;
    tl_index *index;
    found_picture *pictures;
    size_t count, capacity;
    float *vectors; /* [count, dim], by vectors */
    size_t dim, vector_capacity;
    float *likeness; /* [TILE, TILE] */
    tl_dedup_report *report;
} dedup_state;

/* ---- gathering ---- */

static bool add_picture(dedup_state *state, found_picture picture, tl_error *err)
{
    if (state->count == UINT32_MAX - 1)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %u pictures, found more", UINT32_MAX - 1);
    if (!tl_memory_reserve(&state->pictures, &state->capacity, state->count + 1, sizeof picture, err))
        return false;
    picture.leader = no_leader;
    state->pictures[state->count++] = picture;
    return true;
}

static bool add_vector(void *context, int64_t owner, const float *vector, tl_error *err)
{
    dedup_state *state = context;
    const size_t end = state->count * state->dim;
    if (!tl_memory_reserve(&state->vectors, &state->vector_capacity, end + state->dim, sizeof *vector, err))
        return false;
    memcpy(state->vectors + end, vector, state->dim * sizeof *vector);
    return add_picture(state, (found_picture){.item = owner}, err);
}

static bool gather_vectors(dedup_state *state, tl_error *err)
{
    tl_vector_set *sets = NULL;
    size_t count = 0;
    bool ok = tl_index_sets(state->index, &sets, &count, err);
    const tl_vector_set *set = NULL;
    for (size_t i = 0; ok && i < count && set == NULL; i++) /* the largest first */
        if (sets[i].kind == TL_VECTOR_IMAGE && (state->job->model == NULL || strcmp(sets[i].model, state->job->model) == 0))
            set = &sets[i];
    if (ok && set == NULL)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected vectors of pictures%s, found none", state->job->index_path,
                     state->job->model != NULL ? " by the model" : "");
    if (ok) {
        state->dim = set->dim;
        ok = tl_index_each_vector(state->index, set->model, TL_VECTOR_IMAGE, add_vector, state, err);
    }
    tl_memory_free(sets);
    return ok;
}

static bool hash_file(const tl_item *item, tl_difference_hash *hash, tl_error *err)
{
    /* Of a large JPEG an eighth is enough. */
    static const tl_image_decode_options options = {.min_side = LEAST_SIDE};
    tl_string bytes;
    tl_image image = {0};
    tl_file_status status;
    tl_string_init(&bytes, max_file_bytes);
    char *path = tl_path_join(item->root, item->path, err);
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    if (ok)
        ok = status.kind == TL_FILE_MISSING && strchr(item->path, '#') != NULL
                 ? tl_source_read_image(item->root, item->path, &bytes, err)
                 : tl_file_read(path, &bytes, err);
    ok = ok && tl_image_decode(tl_string_slice(&bytes), &options, &image, err) && tl_image_difference_hash(&image, hash, err);
    tl_image_clear(&image);
    tl_memory_free(path);
    tl_string_clear(&bytes);
    return ok;
}

static bool add_hash(void *context, const tl_item *item, tl_error *err)
{
    dedup_state *state = context;
    tl_error reason;
    tl_difference_hash hash;
    if (!tl_progress_continue(state->job->progress, err))
        return false;
    if (!hash_file(item, &hash, &reason)) {
        if (reason.kind == TL_ERROR_NO_MEMORY)
            return tl_fail_as(err, &reason);
        tl_reasons_add(&state->report->skipped, reason.kind == TL_ERROR_NOT_FOUND ? "not there any more" : "not readable",
                       item->path);
        return true;
    }
    tl_progress_report(state->job->progress, state->count + 1, 0, NULL);
    return add_picture(state, (found_picture){.item = item->id, .hash = hash}, err);
}

static int compare_items(const void *a, const void *b)
{
    const found_picture *one = a, *other = b;
    return (one->item > other->item) - (one->item < other->item);
}

static bool gather_hashes(dedup_state *state, tl_error *err)
{
    tl_progress_begin(state->job->progress, "pictures");
    if (!tl_index_each_item(state->index, NULL, add_hash, state, err))
        return false;
    if (state->count != 0)
        qsort(state->pictures, state->count, sizeof *state->pictures, compare_items);
    return true;
}

/* ---- grouping ---- */

typedef struct tile_place {
    size_t first_row, rows, first_column, columns;
} tile_place;

static void fill_likeness(const dedup_state *state, const tile_place *at)
{
    if (!state->job->by_hash) {
        tl_dot_matrix(state->job->pool, state->vectors + at->first_column * state->dim, at->columns, state->dim,
                      state->vectors + at->first_row * state->dim, at->rows, state->likeness);
        return;
    }
    for (size_t i = 0; i < at->rows; i++)
        for (size_t j = 0; j < at->columns; j++) {
            const uint32_t bits = tl_difference_hash_distance(&state->pictures[at->first_row + i].hash,
                                                              &state->pictures[at->first_column + j].hash);
            state->likeness[i * at->columns + j] = 1.0f - (float)bits / TL_DIFFERENCE_HASH_BITS;
        }
}

static void join_leaders(dedup_state *state, const tile_place *at, float least)
{
    for (size_t i = 0; i < at->rows; i++) {
        const size_t row = at->first_row + i;
        found_picture *leader = &state->pictures[row];
        if (leader->leader != no_leader && leader->leader != row)
            continue; /* of somebody else's group */
        for (size_t j = 0; j < at->columns; j++) {
            found_picture *other = &state->pictures[at->first_column + j];
            const float score = state->likeness[i * at->columns + j];
            if (at->first_column + j <= row || other->leader != no_leader || !(score >= least))
                continue;
            leader->leader = other->leader = (uint32_t)row;
            leader->score = 1.0f;
            other->score = score;
        }
    }
}

static bool group(dedup_state *state, tl_error *err)
{
    const float least =
        state->job->by_hash ? 1.0f - (float)state->job->most_bits / TL_DIFFERENCE_HASH_BITS : (float)state->job->least_cosine;
    tl_progress_begin(state->job->progress, "pictures");
    for (size_t row = 0; row < state->count; row += TILE) {
        if (!tl_progress_continue(state->job->progress, err))
            return false;
        for (size_t column = row; column < state->count; column += TILE) {
            const size_t rows = state->count - row, columns = state->count - column;
            const tile_place at = {row, rows < TILE ? rows : TILE, column, columns < TILE ? columns : TILE};
            fill_likeness(state, &at);
            join_leaders(state, &at, least);
        }
        tl_progress_report(state->job->progress, row, state->count, NULL);
    }
    return true;
}

/* ---- telling ---- */

typedef bool member_visitor(void *context, const tl_dedup_member *member, tl_error *err);

static bool show(const dedup_state *state, size_t number, member_visitor *visit, void *context, tl_error *err)
{
    const found_picture *picture = &state->pictures[number];
    tl_item item;
    void *block = NULL;
    if (!tl_index_item_read(state->index, picture->item, &item, &block, err))
        return false;
    const tl_dedup_member member = {state->report->groups, picture->leader == number, (double)picture->score, &item};
    const bool ok = visit(context, &member, err);
    tl_memory_free(block);
    return ok;
}

/* Members of a group lie scattered behind their leader: each is linked to the next one, from the end. */
static bool show_groups(const dedup_state *state, member_visitor *visit, void *context, tl_error *err)
{
    bool ok = true;
    uint32_t *next = tl_memory_allocate(state->count + 1, sizeof *next, err);
    if (next == NULL)
        return false;
    for (size_t i = 0; i < state->count; i++)
        next[i] = no_leader;
    for (size_t i = state->count; i-- > 0;) {
        const uint32_t leader = state->pictures[i].leader;
        if (leader == no_leader || leader == i)
            continue;
        next[i] = next[leader];
        next[leader] = (uint32_t)i;
    }
    for (size_t i = 0; ok && i < state->count; i++) {
        if (state->pictures[i].leader != i)
            continue;
        state->report->groups++;
        for (uint32_t member = (uint32_t)i; ok && member != no_leader; member = next[member]) {
            state->report->surplus += member != i;
            ok = show(state, member, visit, context, err);
        }
    }
    tl_memory_free(next);
    return ok;
}

bool tl_dedup_job_run(const tl_dedup_job *job, member_visitor *visit, void *context, tl_dedup_report *report, tl_error *err)
{
    dedup_state state = {.job = job, .report = report};
    *report = (tl_dedup_report){0};
    bool ok = tl_index_open(job->index_path, TL_INDEX_READ, &state.index, err) &&
              (state.likeness = tl_memory_allocate((size_t)TILE * TILE, sizeof *state.likeness, err)) != NULL &&
              (job->by_hash ? gather_hashes(&state, err) : gather_vectors(&state, err)) && group(&state, err) &&
              show_groups(&state, visit, context, err);
    report->pictures = state.count;
    tl_memory_free(state.likeness);
    tl_memory_free(state.vectors);
    tl_memory_free(state.pictures);
    tl_index_close(state.index);
    return ok;
}

#include "cli/app/picture_stream.h"

#include "base/core/arena.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "crawler-import/import.h"

#include <stdio.h>
#include <strings.h>

static const size_t max_picture_bytes = (size_t)1 << 30;

typedef struct picture_batch {
    tl_arena *arena; /* bytes and paths */
    tl_picture *pictures;
    const char **paths;
    bool *alone; /* named by itself on the command line */
    size_t count;
} picture_batch;

typedef struct stream_state {
    const tl_picture_stream *stream;
    tl_picture_visit visit;
    void *context;
    tl_reasons *skipped;
    picture_batch batches[2], *filling; /* the other one is decoded, or empty */
    float *rows;
    uint64_t seen;
} stream_state;

static bool create_batch(picture_batch *batch, size_t size, tl_error *err)
{
    if (!tl_arena_create(1 << 20, &batch->arena, err))
        return false;
    batch->pictures = tl_memory_allocate(size, sizeof *batch->pictures, err);
    batch->paths = batch->pictures != NULL ? tl_memory_allocate(size, sizeof *batch->paths, err) : NULL;
    batch->alone = batch->paths != NULL ? tl_memory_allocate(size, sizeof *batch->alone, err) : NULL;
    return batch->alone != NULL;
}

static void destroy_batch(picture_batch *batch)
{
    tl_memory_free(batch->alone);
    tl_memory_free(batch->paths);
    tl_memory_free(batch->pictures);
    tl_arena_destroy(batch->arena);
}

static bool embed_batch(stream_state *state, picture_batch *batch, tl_error *err)
{
    tl_embedder *embedder = state->stream->embedder;
    if (batch->count != 0 && !tl_embedder_pictures(embedder, batch->pictures, batch->count, state->rows, err))
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        const tl_picture *picture = &batch->pictures[i];
        if (!picture->decoded && batch->alone[i])
            return tl_fail(err, picture->error.kind, "'%s': %s", batch->paths[i], picture->error.message);
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, batch->paths[i], state->skipped);
        } else if (!state->visit(state->context, batch->paths[i], state->rows + i * tl_embedder_dim(embedder), err)) {
            return false;
        }
    }
    batch->count = 0;
    tl_arena_reset(batch->arena);
    return true;
}

/* Turns to the other batch, which is embedded first; this one is decoded meanwhile. */
static bool finish_filling(stream_state *state, tl_error *err)
{
    picture_batch *filled = state->filling;
    state->filling = filled == &state->batches[0] ? &state->batches[1] : &state->batches[0];
    return tl_embedder_prepare(state->stream->embedder, filled->pictures, filled->count, err) &&
           embed_batch(state, state->filling, err);
}

/* path becomes the arena's: prefix (or NULL), a slash, name. */
static bool add_picture(stream_state *state, const char *prefix, const char *name, tl_slice bytes, tl_error *err)
{
    size_t prefix_size = prefix != NULL ? strlen(prefix) : 0;
    size_t size = prefix_size + strlen(name) + 2;
    picture_batch *batch = state->filling;
    char *path = tl_arena_allocate(batch->arena, size, 1, err);
    char *copy = path != NULL ? tl_arena_copy_text(batch->arena, bytes.data, bytes.size, err) : NULL;
    if (copy == NULL)
        return false;
    bool needs_slash = prefix_size != 0 && prefix[prefix_size - 1] != '/';
    snprintf(path, size, "%s%s%s", prefix != NULL ? prefix : "", needs_slash ? "/" : "", name);
    batch->paths[batch->count] = path;
    batch->alone[batch->count] = prefix == NULL;
    batch->pictures[batch->count] = (tl_picture){.bytes = {copy, bytes.size}};
    batch->count++;
    state->seen++;
    tl_progress_report(state->stream->progress, state->seen, 0, NULL);
    return tl_progress_continue(state->stream->progress, err) &&
           (batch->count < state->stream->batch || finish_filling(state, err));
}

static bool add_file(stream_state *state, const char *path, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, max_picture_bytes);
    bool ok = tl_file_read(path, &bytes, err) && add_picture(state, NULL, path, tl_string_slice(&bytes), err);
    tl_string_clear(&bytes);
    return ok;
}

static bool add_source(stream_state *state, const char *path, tl_error *err)
{
    tl_source *source = NULL;
    tl_source_options options = {.caption_from = TL_CAPTION_NONE};
    if (!tl_source_open(path, &options, &source, err))
        return false;
    bool ok = true;
    while (ok) {
        tl_sample sample;
        bool done = false;
        ok = tl_source_next(source, &sample, &done, err);
        if (!ok || done)
            break;
        if (sample.skip_reason != NULL)
            tl_reasons_add(state->skipped, sample.skip_reason, sample.origin);
        else
            ok = add_picture(state, path, sample.path, sample.image, err);
    }
    tl_source_close(source);
    return ok;
}

static bool is_shard(const char *path)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t size = strlen(path);
        size_t ending = strlen(endings[i]);
        if (size > ending && strcasecmp(path + size - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

bool tl_picture_stream_run(const tl_picture_stream *stream, tl_picture_visit visit, void *context, tl_reasons *skipped,
                           tl_error *err)
{
    stream_state state = {.stream = stream, .visit = visit, .context = context, .skipped = skipped};
    bool ok =
        create_batch(&state.batches[0], stream->batch, err) && create_batch(&state.batches[1], stream->batch, err) &&
        (state.rows = tl_memory_allocate(stream->batch, tl_embedder_dim(stream->embedder) * sizeof *state.rows, err)) != NULL;
    state.filling = &state.batches[0];
    for (size_t i = 0; ok && i < stream->path_count; i++) {
        tl_file_status status;
        ok = tl_file_status_read(stream->paths[i], &status, err);
        if (ok && status.kind == TL_FILE_MISSING)
            ok = tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a picture or a folder, found nothing", stream->paths[i]);
        else if (ok && (status.kind == TL_FILE_DIRECTORY || is_shard(stream->paths[i])))
            ok = add_source(&state, stream->paths[i], err);
        else if (ok)
            ok = add_file(&state, stream->paths[i], err);
    }
    ok = ok && finish_filling(&state, err) && finish_filling(&state, err);
    tl_embedder_forget_prepared(stream->embedder);
    tl_memory_free(state.rows);
    destroy_batch(&state.batches[1]);
    destroy_batch(&state.batches[0]);
    return ok;
}

#include "cli/app/picture_stream.h"

#include "base/core/arena.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "crawler-import/import.h"

#include <stdio.h>
#include <strings.h>

static const size_t max_picture_bytes = (size_t)1 << 30;

typedef struct stream_state {
    const tl_picture_stream *stream;
    tl_picture_visit visit;
    void *context;
    tl_reasons *skipped;
    tl_arena *arena; /* bytes and paths of the batch */
    tl_picture *pictures;
    const char **paths;
    bool *alone; /* named by itself on the command line */
    float *rows;
    size_t count;
    uint64_t seen;
} stream_state;

static bool embed_batch(stream_state *state, tl_error *err)
{
    tl_embedder *embedder = state->stream->embedder;
    if (state->count != 0 && !tl_embedder_pictures(embedder, state->pictures, state->count, state->rows, err))
        return false;
    for (size_t i = 0; i < state->count; i++) {
        const tl_picture *picture = &state->pictures[i];
        if (!picture->decoded && state->alone[i])
            return tl_fail(err, picture->error.kind, "'%s': %s", state->paths[i], picture->error.message);
        if (!picture->decoded) {
            tl_picture_count_skipped(picture, state->paths[i], state->skipped);
        } else if (!state->visit(state->context, state->paths[i], state->rows + i * tl_embedder_dim(embedder), err)) {
            return false;
        }
    }
    state->count = 0;
    tl_arena_reset(state->arena);
    return true;
}

/* path becomes the arena's: prefix (or NULL), a slash, name. */
static bool add_picture(stream_state *state, const char *prefix, const char *name, tl_slice bytes, tl_error *err)
{
    size_t prefix_size = prefix != NULL ? strlen(prefix) : 0;
    size_t size = prefix_size + strlen(name) + 2;
    char *path = tl_arena_allocate(state->arena, size, 1, err);
    char *copy = path != NULL ? tl_arena_copy_text(state->arena, bytes.data, bytes.size, err) : NULL;
    if (copy == NULL)
        return false;
    bool needs_slash = prefix_size != 0 && prefix[prefix_size - 1] != '/';
    snprintf(path, size, "%s%s%s", prefix != NULL ? prefix : "", needs_slash ? "/" : "", name);
    state->paths[state->count] = path;
    state->alone[state->count] = prefix == NULL;
    state->pictures[state->count] = (tl_picture){.bytes = {copy, bytes.size}};
    state->count++;
    state->seen++;
    tl_progress_report(state->stream->progress, state->seen, 0, NULL);
    return tl_progress_continue(state->stream->progress, err) && (state->count < state->stream->batch || embed_batch(state, err));
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
    bool ok = tl_arena_create(1 << 20, &state.arena, err);
    state.pictures = ok ? tl_memory_allocate(stream->batch, sizeof *state.pictures, err) : NULL;
    state.paths = state.pictures != NULL ? tl_memory_allocate(stream->batch, sizeof *state.paths, err) : NULL;
    state.alone = state.paths != NULL ? tl_memory_allocate(stream->batch, sizeof *state.alone, err) : NULL;
    state.rows = state.alone != NULL
                     ? tl_memory_allocate(stream->batch, tl_embedder_dim(stream->embedder) * sizeof *state.rows, err)
                     : NULL;
    ok = state.rows != NULL;
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
    ok = ok && embed_batch(&state, err);
    tl_memory_free(state.rows);
    tl_memory_free(state.alone);
    tl_memory_free(state.paths);
    tl_memory_free(state.pictures);
    tl_arena_destroy(state.arena);
    return ok;
}

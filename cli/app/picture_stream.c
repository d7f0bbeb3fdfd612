#include "cli/app/picture_stream.h"

#include "base/io/file.h"
#include "cli/app/picture_queue_internal.h"
#include "crawler-import/import.h"

#include <stdio.h>

static const size_t max_picture_bytes = (size_t)1 << 30;

typedef struct picture_note {
    const char *path;
    bool is_alone; /* named by itself on the command line */
} picture_note;

typedef struct stream_state {
    const tl_picture_stream *stream;
    tl_picture_queue *queue;
    tl_picture_visit visit;
    void *context;
    tl_reasons *skipped;
    uint64_t seen;
} stream_state;

static bool visit_batch(void *context, const tl_embedded_batch *batch, tl_error *err)
{
    const stream_state *state = context;
    const size_t dim = tl_embedder_dim(state->stream->embedder);
    for (size_t i = 0; i < batch->count; i++) {
        const tl_picture *picture = &batch->pictures[i];
        const picture_note *note = batch->notes[i];
        if (!picture->decoded && note->is_alone)
            return tl_fail(err, picture->error.kind, "'%s': %s", note->path, picture->error.message);
        if (!picture->decoded)
            tl_picture_count_skipped(picture, note->path, state->skipped);
        else if (!state->visit(state->context, note->path, batch->rows + i * dim, err))
            return false;
    }
    return true;
}

/* folder: what name is in; NULL where the picture was named by itself. */
static bool add_picture(stream_state *state, const char *folder, const char *name, tl_slice bytes, tl_error *err)
{
    tl_arena *arena = tl_picture_queue__arena(state->queue);
    size_t folder_size = folder != NULL ? strlen(folder) : 0;
    size_t size = folder_size + strlen(name) + 2;
    char *path = tl_arena_allocate(arena, size, 1, err);
    picture_note *note = path != NULL ? tl_arena_allocate(arena, 1, sizeof *note, err) : NULL;
    if (note == NULL)
        return false;
    bool needs_slash = folder_size != 0 && folder[folder_size - 1] != '/';
    snprintf(path, size, "%s%s%s", folder != NULL ? folder : "", needs_slash ? "/" : "", name);
    *note = (picture_note){path, folder == NULL};
    if (!tl_picture_queue__put(state->queue, bytes, note, err))
        return false;
    state->seen++;
    tl_progress_report(state->stream->progress, state->seen, 0, NULL);
    return tl_progress_continue(state->stream->progress, err);
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

static bool add_path(stream_state *state, const char *path, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind == TL_FILE_MISSING)
        return tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected a picture or a folder, found nothing", path);
    bool has_several = status.kind == TL_FILE_DIRECTORY || tl_source_name_is_shard(tl_slice_of(path));
    return has_several ? add_source(state, path, err) : add_file(state, path, err);
}

bool tl_picture_stream_run(const tl_picture_stream *stream, tl_picture_visit visit, void *context, tl_reasons *skipped,
                           tl_error *err)
{
    stream_state state = {.stream = stream, .visit = visit, .context = context, .skipped = skipped};
    if (!tl_picture_queue__create(stream->embedder, visit_batch, &state, &state.queue, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < stream->path_count; i++)
        ok = add_path(&state, stream->paths[i], err);
    ok = ok && tl_picture_queue__drain(state.queue, err);
    tl_picture_queue__destroy(state.queue);
    return ok;
}

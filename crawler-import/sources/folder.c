/*
 * Owns the folder source: every picture under a folder in the order of path bytes, with what lies beside it under the same name:
 * NAME.txt (caption), NAME.json (captions, split, label, url) and NAME.cls (label). An unpacked shard is therefore a folder like
 * any other.
 */
#include "base/core/memory.h"
#include "base/image/probe.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/sources/folder_walk.h"
#include "crawler-import/sources/source.h"

#include <stdio.h>

typedef struct folder_state {
    tl_folder_walk *walk;
    tl_folder_item item; /* the next one to hand out */
    bool has_item;
    tl_string sidecar_name;
} folder_state;

static bool recognises(const char *path, const tl_file_status *status, tl_slice head)
{
    (void)path;
    (void)head;
    return status->kind == TL_FILE_DIRECTORY;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool find_item(folder_state *state, tl_error *err)
{
    bool done = false;
    state->has_item = false;
    while (!state->has_item) {
        if (!tl_folder_walk_next(state->walk, &state->item, &done, err))
            return false;
        if (done)
            return true;
        bool is_folder = state->item.kind == TL_FILE_DIRECTORY; /* one that cannot be read */
        state->has_item = is_folder || tl_image_name_is_picture(file_name(state->item.path));
    }
    return true;
}

static bool open_folder(tl_source *source, tl_error *err)
{
    folder_state *state = tl_memory_allocate(1, sizeof *state, err);
    source->state = state;
    if (state == NULL)
        return false;
    tl_string_init(&state->sidecar_name, TL_SOURCE_MAX_PATH_SIZE);
    if (!tl_folder_walk_open(source->path, &state->walk, err) || !find_item(state, err))
        return false;
    return state->has_item || tl_fail(err, TL_ERROR_INVALID, "'%s': expected pictures, found none", source->path);
}

/* The folder and name of a picture without its extension, as sidecars share it. */
static size_t stem_size(const char *path)
{
    const char *name = file_name(path);
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot != name ? (size_t)(dot - path) : strlen(path);
}

/* Reads STEM.extension into text when it is there, whatever the case of the extension; stem: bytes of the path before it. */
static bool read_sidecar(tl_source *source, size_t stem, const char *extension, tl_string *text, bool *found, tl_error *err)
{
    folder_state *state = source->state;
    const char *path = source->parts.path.data;
    size_t folder = (size_t)(file_name(path) - path);
    tl_error reason;
    *found = false;
    for (int variant = 0; variant < 3 && !*found; variant++) {
        char cased[8];
        snprintf(cased, sizeof cased, "%s", extension);
        for (size_t i = 0; cased[i] != '\0'; i++)
            if (variant == 1 || (variant == 2 && i == 0)) /* txt, TXT, Txt */
                cased[i] = (char)(cased[i] - 'a' + 'A');
        tl_string_reset(&state->sidecar_name);
        if (!tl_string_append(&state->sidecar_name, path, stem, err) ||
            !tl_string_append_format(&state->sidecar_name, err, ".%s", cased))
            return false;
        *found = tl_folder_walk_has_sibling(state->walk, state->sidecar_name.data + folder);
    }
    if (!*found)
        return true;
    char *full_path = tl_path_join(source->path, state->sidecar_name.data, err);
    if (full_path == NULL)
        return false;
    *found = tl_file_read(full_path, text, &reason);
    tl_memory_free(full_path);
    if (*found)
        return true;
    tl_string_reset(text);
    if (reason.kind == TL_ERROR_NO_MEMORY)
        return tl_fail_as(err, &reason);
    tl_sample_parts_skip(&source->parts, reason.kind == TL_ERROR_INVALID ? "member too large" : "unreadable file");
    return true;
}

static bool read_sidecars(tl_source *source, tl_error *err)
{
    tl_sample_parts *parts = &source->parts;
    const char *path = parts->path.data;
    const size_t stem = stem_size(path);
    const size_t unturned = tl_sample_stem_without_turn(path, stem);
    bool found;
    if (!read_sidecar(source, stem, "txt", &parts->caption_text, &found, err))
        return false;
    if (!found && unturned != stem && !read_sidecar(source, unturned, "txt", &parts->caption_text, &found, err))
        return false;
    return read_sidecar(source, stem, "json", &parts->json_text, &parts->has_json, err) &&
           read_sidecar(source, stem, "cls", &parts->label_text, &found, err) &&
           tl_sample_parts_read_texts(parts, path, source->options.caption_from, err);
}

static bool next_picture(tl_source *source, tl_sample *out, bool *done, tl_error *err)
{
    folder_state *state = source->state;
    tl_sample_parts *parts = &source->parts;
    tl_sample_parts_reset(parts);
    if (!state->has_item) {
        *done = true;
        return true;
    }
    tl_folder_item item = state->item;
    parts->root = source->path;
    parts->size = item.size;
    parts->modified_ns = item.modified_ns;
    if (!tl_string_append_text(&parts->path, item.path, err) || !tl_sample_key_append_path(item.path, &parts->key, err) ||
        !tl_text_append_readable(tl_slice_of(item.path), &parts->origin, err))
        return false;
    if (item.problem != NULL)
        tl_sample_parts_skip(parts, item.problem);
    else if (item.kind != TL_FILE_REGULAR)
        tl_sample_parts_skip(parts, "not a picture"); /* a pipe or device: opening it could wait for ever */
    else if (item.size == 0)
        tl_sample_parts_skip(parts, "empty file");
    else if (!read_sidecars(source, err))
        return false;
    char *full_path = tl_path_join(source->path, parts->path.data, err);
    bool ok = full_path != NULL && tl_source_finish_file_sample(source, full_path, out, err) && find_item(state, err);
    tl_memory_free(full_path);
    return ok;
}

static double progress(const tl_source *source)
{
    const folder_state *state = source->state;
    return state->has_item ? tl_folder_walk_progress(state->walk) : 1;
}

static void close_folder(tl_source *source)
{
    folder_state *state = source->state;
    if (state == NULL)
        return;
    tl_folder_walk_close(state->walk);
    tl_string_clear(&state->sidecar_name);
    tl_memory_free(state);
}

const tl_source_kind tl_source_folder = {.name = "folder",
                                         .recognises = recognises,
                                         .open = open_folder,
                                         .next = next_picture,
                                         .progress = progress,
                                         .close = close_folder};

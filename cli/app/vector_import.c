/* Owns the way of vectors that somebody else made into an index: a .npy array and a list of what its rows belong to. */
#include "base/compute/codes.h"
#include "base/compute/compute.h"
#include "base/core/lines.h"
#include "base/core/memory.h"
#include "base/io/mapping.h"
#include "base/io/npy.h"
#include "cli/app/export_job.h"
#include "cli/app/known_items_internal.h"
#include "index/index.h"

#include <math.h>
#include <stdio.h>

enum { MAX_KEYS = 1 << 30, MAX_PATH = 1 << 16 };

typedef struct import_state {
    const tl_vector_import_job *job;
    char *root;
    tl_known_items known; /* of the root, from before */
    tl_npy rows;
    tl_vector_set set;
    tl_index_writer *writer;
    float *vector; /* [dim] */
    tl_string path;
} import_state;

static bool read_row(import_state *state, size_t row, tl_error *err)
{
    size_t dim = state->rows.columns, item = state->rows.type == TL_NPY_F16 ? 2 : 4;
    const uint8_t *from = state->rows.numbers + row * dim * item;
    double square = 0;
    for (size_t i = 0; i < dim; i++) {
        uint16_t half;
        if (state->rows.type == TL_NPY_F32) {
            memcpy(&state->vector[i], from + i * item, item);
        } else {
            memcpy(&half, from + i * item, item);
            tl_widen_from_f16(&half, &state->vector[i], 1);
        }
        square += (double)state->vector[i] * (double)state->vector[i];
    }
    if (!isfinite(square) || !(square > 0))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': row %zu: expected finite numbers that are not all 0, found a length of %g",
                       state->job->npy, row + 1, sqrt(square));
    tl_scale(state->vector, (float)(1 / sqrt(square)), state->vector, dim);
    return true;
}

static bool put_row(import_state *state, size_t row, tl_slice key, tl_error *err)
{
    int64_t id = 0;
    if (key.size == 0 || memchr(key.data, '\0', key.size) != NULL)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': line %zu: expected a key, found none", state->job->keys, row + 1);
    tl_string_reset(&state->path);
    if (!tl_string_append(&state->path, key.data, key.size, err) || !read_row(state, row, err))
        return false;
    /* What is known of a picture stays: here there is only its name. */
    const tl_known_item *known = tl_known_items_find(&state->known, state->path.data);
    const tl_item item = {.root = state->root, .path = state->path.data};
    if (known != NULL)
        id = known->id;
    else if (!tl_index_writer_put_item(state->writer, &item, &id, err))
        return false;
    return tl_index_writer_put_vectors(state->writer, &state->set, &id, state->vector, 1, err);
}

/* A folder as the index names it, else a name as it is. */
static char *root_of(const tl_vector_import_job *job, tl_error *err)
{
    tl_file_status status = {0};
    const char *root = job->root != NULL ? job->root : TL_IMPORTED_ROOT;
    if (job->root != NULL && !tl_file_status_read(root, &status, err))
        return NULL;
    return status.kind == TL_FILE_DIRECTORY ? tl_path_resolve(root, err) : tl_memory_copy_text(root, strlen(root), err);
}

static bool put_rows(import_state *state, tl_slice keys, tl_error *err)
{
    size_t row = 0;
    tl_slice key;
    while (tl_lines_next(&keys, &key)) {
        if (row == state->rows.rows)
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected as many keys as '%s' has rows, %zu, found more",
                           state->job->keys, state->job->npy, row);
        if (!put_row(state, row++, key, err))
            return false;
    }
    return row == state->rows.rows ||
           tl_fail(err, TL_ERROR_INVALID, "'%s': expected as many keys as '%s' has rows, %zu, found %zu", state->job->keys,
                   state->job->npy, state->rows.rows, row);
}

bool tl_vector_import_job_run(const tl_vector_import_job *job, uint64_t *rows, tl_error *err)
{
    import_state state = {.job = job};
    tl_mapping mapping = {0};
    tl_index *index = NULL;
    tl_string keys;
    uint32_t dim = job->bundle->info->config.embedding_dim;
    tl_string_init(&keys, MAX_KEYS);
    tl_string_init(&state.path, MAX_PATH);
    bool ok = tl_mapping_open(job->npy, &mapping, err) && tl_npy_read(mapping.bytes, job->npy, &state.rows, err) &&
              tl_file_read(job->keys, &keys, err);
    if (ok && state.rows.columns != dim)
        ok = tl_fail(err, TL_ERROR_INVALID, "'%s': expected vectors of %u dimensions, as the model makes them, found %zu",
                     job->npy, dim, state.rows.columns);
    state.set = (tl_vector_set){.kind = TL_VECTOR_IMAGE, .dim = dim};
    snprintf(state.set.model, sizeof state.set.model, "%s", job->bundle->fingerprint);
    snprintf(state.set.model_name, sizeof state.set.model_name, "%s", job->bundle->name);
    ok = ok && (state.vector = tl_memory_allocate(dim, sizeof *state.vector, err)) != NULL &&
         (state.root = root_of(job, err)) != NULL && tl_index_open(job->index_path, TL_INDEX_CREATE, &index, err) &&
         tl_index_writer_open(index, &state.writer, err) && tl_known_items_load(&state.known, index, state.root, err) &&
         put_rows(&state, tl_string_slice(&keys), err) && tl_index_writer_commit(state.writer, err);
    *rows = state.rows.rows;
    tl_known_items_clear(&state.known);
    tl_index_writer_close(state.writer);
    tl_index_close(index);
    tl_memory_free(state.root);
    tl_mapping_close(&mapping);
    tl_memory_free(state.vector);
    tl_string_clear(&keys);
    tl_string_clear(&state.path);
    return ok;
}

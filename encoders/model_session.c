/*
 * Encoding with an opened model. One arena, sized once for max_batch items of the hungrier tower; longer batches go through it in
 * runs of max_batch. Each row is divided by its length, and a row that is not finite, or has no direction, is an error.
 */
#include "base/core/memory.h"
#include "encoders/model_internal.h"

#include <math.h>

struct tl_model_session {
    const tl_model *model;
    tl_thread_pool *pool;
    tl_arena *arena;
    size_t max_batch;
    const tl_stage_observer *observer;
};

bool tl_model_session_create(const tl_model *model, size_t max_batch, tl_thread_pool *pool, tl_model_session **out, tl_error *err)
{
    if (max_batch == 0 || max_batch > UINT32_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "session: expected a batch of 1 to %lu, found %zu", (unsigned long)UINT32_MAX,
                       max_batch);
    tl_model_session *session = tl_memory_allocate(1, sizeof *session, err);
    if (session == NULL)
        return false;
    session->model = model;
    session->pool = pool;
    session->max_batch = max_batch;
    size_t vision_size = tl_vision_tower_scratch_size(model->vision, max_batch, false);
    size_t text_size = tl_text_tower_scratch_size(model->text, max_batch, false);
    if (!tl_arena_create(vision_size > text_size ? vision_size : text_size, &session->arena, err)) {
        tl_memory_free(session);
        return tl_fail_within(err, "session of %zu items", max_batch);
    }
    *out = session;
    return true;
}

void tl_model_session_destroy(tl_model_session *session)
{
    if (session == NULL)
        return;
    tl_arena_destroy(session->arena);
    tl_memory_free(session);
}

void tl_model_session_observe(tl_model_session *session, const tl_stage_observer *observer)
{
    session->observer = observer;
}

/* rows [B, D] in place; first is the number of row 0 in the caller's batch. */
static bool normalize_rows(float *rows, size_t count, size_t dim, size_t first, tl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        float *row = rows + i * dim;
        double sum = 0.0;
        for (size_t d = 0; d < dim; d++)
            sum += (double)row[d] * (double)row[d];
        if (!isfinite(sum) || sum <= 0.0)
            return tl_fail(err, TL_ERROR_INVALID, "item %zu: expected a finite vector of some length, found %s", first + i,
                           isfinite(sum) ? "the zero vector" : "one that is not finite");
        double scale = 1.0 / sqrt(sum);
        for (size_t d = 0; d < dim; d++)
            row[d] = (float)((double)row[d] * scale);
    }
    return true;
}

bool tl_model_session_encode_tokens(tl_model_session *session, const int32_t *ids, const uint32_t *lengths, size_t batch,
                                    float *out, tl_error *err)
{
    const tl_model *model = session->model;
    size_t context_length = model->info.config.text.context_length;
    size_t dim = model->info.config.embedding_dim;
    for (size_t i = 0; i < batch; i++)
        if (lengths[i] == 0 || lengths[i] > context_length)
            return tl_fail(err, TL_ERROR_INVALID, "text %zu: expected 1 to %zu tokens, found %lu", i, context_length,
                           (unsigned long)lengths[i]);
    for (size_t at = 0; at < batch; at += session->max_batch) {
        size_t count = batch - at < session->max_batch ? batch - at : session->max_batch;
        tl_arena_reset(session->arena);
        if (!tl_text_tower_forward(model->text, model->binding.values, ids + at * context_length, lengths + at, count,
                                   session->pool, session->arena, session->observer, out + at * dim, NULL, err) ||
            !normalize_rows(out + at * dim, count, dim, at, err))
            return tl_fail_within(err, "encoding texts");
    }
    return true;
}

bool tl_model_session_encode_pixels(tl_model_session *session, const float *pixels, size_t batch, float *out, tl_error *err)
{
    const tl_model *model = session->model;
    size_t side = model->info.config.vision.image_size;
    size_t dim = model->info.config.embedding_dim;
    for (size_t at = 0; at < batch; at += session->max_batch) {
        size_t count = batch - at < session->max_batch ? batch - at : session->max_batch;
        tl_arena_reset(session->arena);
        if (!tl_vision_tower_forward(model->vision, model->binding.values, pixels + at * 3 * side * side, count, session->pool,
                                     session->arena, session->observer, out + at * dim, NULL, err) ||
            !normalize_rows(out + at * dim, count, dim, at, err))
            return tl_fail_within(err, "encoding pictures");
    }
    return true;
}

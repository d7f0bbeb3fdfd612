/*
 * logits = s U V^T on unit rows U, V; row softmax P and column softmax Q give
 *     dlogits = (P + Q - 2 I) / (2 B),  dU = s dlogits V,  dV = s dlogits^T U,  dlogit_scale = sum(dlogits * logits)
 * and the gradients go back through the normalisation. Columns are handled as the rows of a transposed copy.
 */
#include "encoders/objectives/contrastive.h"

#include "base/compute/compute.h"

#include <math.h>
#include <string.h>

enum { ROWS_OF_A_TASK = 16 };

typedef struct loss_job {
    size_t batch;
    float *rows;    /* [B, B] logits by image, then their softmax */
    float *columns; /* [B, B] the transpose: by text */
    double *row_losses, *column_losses;
    unsigned char *row_hits, *column_hits;
} loss_job;

static unsigned char is_own_largest(const float *row, size_t count, size_t own)
{
    for (size_t j = 0; j < count; j++)
        if (j != own && row[j] >= row[own]) /* a tie is not a hit: equal embeddings know nothing */
            return 0;
    return 1;
}

/* Loss, hit and softmax of some rows of both matrices. */
static void run_rows(void *context, size_t index, size_t worker)
{
    (void)worker;
    loss_job *job = context;
    const size_t batch = job->batch;
    size_t first = index * ROWS_OF_A_TASK, end = first + ROWS_OF_A_TASK < batch ? first + ROWS_OF_A_TASK : batch;
    for (size_t i = first; i < end; i++) {
        job->row_hits[i] = is_own_largest(job->rows + i * batch, batch, i);
        job->column_hits[i] = is_own_largest(job->columns + i * batch, batch, i);
        job->row_losses[i] = tl_softmax_cross_entropy(job->rows + i * batch, batch, i);
        job->column_losses[i] = tl_softmax_cross_entropy(job->columns + i * batch, batch, i);
    }
}

static void sum_up(const loss_job *job, tl_contrastive_result *out)
{
    double rows = 0.0, columns = 0.0;
    size_t hits = 0;
    for (size_t i = 0; i < job->batch; i++) {
        rows += job->row_losses[i];
        columns += job->column_losses[i];
        hits += (size_t)job->row_hits[i] + job->column_hits[i];
    }
    const double count = (double)job->batch;
    out->loss = (rows + columns) / (2.0 * count);
    out->accuracy = (double)hits / (2.0 * count);
    out->mutual_information = log(count) - out->loss;
}

/* rows becomes dlogits. */
static void make_logit_gradients(const loss_job *job)
{
    const size_t batch = job->batch;
    const float share = 0.5f / (float)batch;
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++) {
            float own = i == j ? 2.0f : 0.0f;
            job->rows[i * batch + j] = share * (job->rows[i * batch + j] + job->columns[j * batch + i] - own);
        }
}

bool tl_contrastive_loss(const float *images, const float *texts, size_t batch, size_t dim, float logit_scale,
                         tl_thread_pool *pool, tl_arena *arena, tl_contrastive_result *out, float *images_gradient,
                         float *texts_gradient, float *logit_scale_gradient, tl_error *err)
{
    if (batch == 0)
        return tl_fail(err, TL_ERROR_INVALID, "contrastive loss: expected at least one pair, found none");
    const float scale = expf(logit_scale);
    tl_arena_mark mark = tl_arena_save(arena);
    float *image_units = tl_arena_allocate(arena, batch * dim, sizeof(float), err);
    float *text_units = tl_arena_allocate(arena, batch * dim, sizeof(float), err);
    float *norms = tl_arena_allocate(arena, 2 * batch, sizeof(float), err);
    loss_job job = {.batch = batch,
                    .rows = tl_arena_allocate(arena, batch * batch, sizeof(float), err),
                    .columns = tl_arena_allocate(arena, batch * batch, sizeof(float), err),
                    .row_losses = tl_arena_allocate(arena, batch, sizeof(double), err),
                    .column_losses = tl_arena_allocate(arena, batch, sizeof(double), err),
                    .row_hits = tl_arena_allocate(arena, batch, 1, err),
                    .column_hits = tl_arena_allocate(arena, batch, 1, err)};
    if (image_units == NULL || text_units == NULL || norms == NULL || job.rows == NULL || job.columns == NULL ||
        job.row_losses == NULL || job.column_losses == NULL || job.row_hits == NULL || job.column_hits == NULL)
        return false;

    tl_normalize_rows(images, batch, dim, image_units, norms);
    tl_normalize_rows(texts, batch, dim, text_units, norms + batch);
    tl_dot_matrix(pool, text_units, batch, dim, image_units, batch, job.rows);
    tl_scale(job.rows, scale, job.rows, batch * batch);
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < batch; j++)
            job.columns[j * batch + i] = job.rows[i * batch + j];
    tl_thread_pool_run(pool, (batch + ROWS_OF_A_TASK - 1) / ROWS_OF_A_TASK, run_rows, &job);
    sum_up(&job, out);

    if (images_gradient != NULL && texts_gradient != NULL) {
        make_logit_gradients(&job);
        tl_matmul_call by_images = {.m = batch,
                                    .n = dim,
                                    .k = batch,
                                    .alpha = scale,
                                    .a = job.rows,
                                    .a_row = batch,
                                    .b = text_units,
                                    .b_row = dim,
                                    .c = images_gradient,
                                    .c_row = dim};
        tl_matmul_call by_texts = {.transpose_a = true,
                                   .m = batch,
                                   .n = dim,
                                   .k = batch,
                                   .alpha = scale,
                                   .a = job.rows,
                                   .a_row = batch,
                                   .b = image_units,
                                   .b_row = dim,
                                   .c = texts_gradient,
                                   .c_row = dim};
        tl_matmul(pool, &by_images);
        tl_matmul(pool, &by_texts);
        /* sum(dlogits * logits) = sum over rows of U . dU, as dU = s dlogits V: no second copy of the logits is needed. */
        double by_scale = 0.0;
        for (size_t i = 0; i < batch; i++)
            by_scale += (double)tl_dot(image_units + i * dim, images_gradient + i * dim, dim);
        *logit_scale_gradient += (float)by_scale;
        tl_normalize_rows_backward(images_gradient, image_units, norms, batch, dim, images_gradient);
        tl_normalize_rows_backward(texts_gradient, text_units, norms + batch, batch, dim, texts_gradient);
    }
    tl_arena_rewind(arena, mark);
    return true;
}

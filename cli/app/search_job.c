#include "cli/app/search_job.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/embedder.h"
#include "cli/app/weight_list_internal.h"
#include "crawler-import/import.h"

#include <math.h>

enum { MAY_BE_MORE_THAN_THERE_ARE = 4096 };

/* A file's name may itself hold a '#': the file wins where it exists. */
static bool read_picture(const char *like, tl_string *bytes, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(like, &status, err))
        return false;
    if (status.kind == TL_FILE_MISSING && strchr(like, '#') != NULL)
        return tl_source_read_image(".", like, bytes, err);
    return tl_file_read(like, bytes, err);
}

static bool embed_sentence(tl_embedder *embedder, const char *text, float *vector, tl_error *err)
{
    tl_slice slice = tl_slice_of(text);
    size_t bad_offset;
    if (!tl_text_is_utf8(slice, &bad_offset))
        return tl_fail(err, TL_ERROR_INVALID, "query: expected valid utf-8, found a broken character at byte %zu",
                       bad_offset + 1);
    return tl_embedder_texts(embedder, &slice, 1, vector, err);
}

static bool embed_picture(tl_embedder *embedder, const char *like, float *vector, tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 30);
    bool ok = read_picture(like, &bytes, err);
    tl_picture picture = {.bytes = tl_string_slice(&bytes)};
    ok = ok && tl_embedder_pictures(embedder, &picture, 1, vector, err);
    if (ok && !picture.decoded)
        ok = tl_fail(err, picture.error.kind, "'%s': %s", like, picture.error.message);
    tl_string_clear(&bytes);
    return ok;
}

/* What a query should not be like: a picture where there is one, else words. */
static bool embed_unwanted(tl_embedder *embedder, const char *what, float *vector, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(what, &status, err))
        return false;
    return status.kind != TL_FILE_MISSING || strchr(what, '#') != NULL ? embed_picture(embedder, what, vector, err)
                                                                       : embed_sentence(embedder, what, vector, err);
}

/* One a part of the query, in the order of tl_search_job; NULL with err. */
static double *read_weights(const tl_search_job *job, size_t parts, tl_error *err)
{
    double *weights = tl_memory_allocate(parts, sizeof *weights, err);
    for (size_t i = 0; weights != NULL && i < parts; i++)
        weights[i] = 1;
    if (weights == NULL || job->weights == NULL ||
        tl_weight_list_read(job->weights, parts, "TEXT, each --like and each --not", weights, err))
        return weights;
    tl_memory_free(weights);
    return NULL;
}

typedef struct query_sum {
    tl_embedder *embedder;
    const double *weight; /* of the next part */
    float *part, *total;  /* [dim] */
    size_t dim;
} query_sum;

typedef bool part_embedder(tl_embedder *embedder, const char *what, float *vector, tl_error *err);

static bool add_part(query_sum *sum, part_embedder *embed, const char *what, double sign, tl_error *err)
{
    if (!embed(sum->embedder, what, sum->part, err))
        return false;
    tl_axpy((float)(sign * *sum->weight++), sum->part, sum->total, sum->dim);
    return true;
}

static bool add_parts(const tl_search_job *job, query_sum *sum, tl_error *err)
{
    bool ok = job->text == NULL || add_part(sum, embed_sentence, job->text, 1, err);
    for (size_t i = 0; ok && i < job->like_count; i++)
        ok = add_part(sum, embed_picture, job->like[i], 1, err);
    for (size_t i = 0; ok && i < job->unlike_count; i++)
        ok = add_part(sum, embed_unwanted, job->unlike[i], -1, err);
    return ok;
}

static bool embed_query(const tl_search_job *job, float *query, tl_error *err)
{
    const size_t dim = job->bundle->info->config.embedding_dim;
    const size_t parts = (job->text != NULL) + job->like_count + job->unlike_count;
    double *weights = read_weights(job, parts, err);
    query_sum sum = {.weight = weights, .total = query, .dim = dim};
    memset(query, 0, dim * sizeof *query);
    bool ok = weights != NULL && tl_embedder_create(job->bundle, 1, job->pool, &sum.embedder, err) &&
              (sum.part = tl_memory_allocate(dim, sizeof *sum.part, err)) != NULL && add_parts(job, &sum, err);
    if (ok) {
        const double square = tl_sum_squares(query, dim);
        if (!(square > 1e-6))
            ok = tl_fail(err, TL_ERROR_INVALID, "query: expected something that is left, found wishes that cancel out");
        else if (parts > 1 || job->weights != NULL) /* one part is a unit vector already, and stays the bits that it is */
            tl_scale(query, (float)(1 / sqrt(square)), query, dim);
    }
    tl_memory_free(weights);
    tl_memory_free(sum.part);
    tl_embedder_destroy(sum.embedder);
    return ok;
}

static bool show_hit(tl_index *index, const tl_hit *hit,
                     bool (*visit)(void *context, const tl_search_result *result, tl_error *err), void *context, tl_error *err)
{
    tl_item item;
    void *block = NULL;
    if (!tl_index_item_read(index, hit->item_id, &item, &block, err))
        return false;
    tl_search_result result = {hit->score, &item, item.caption_count != 0 ? item.captions[0] : NULL};
    for (size_t i = 0; i < item.caption_count && hit->caption_id != 0; i++)
        if (item.caption_ids[i] == hit->caption_id)
            result.caption = item.captions[i];
    bool ok = visit(context, &result, err);
    tl_memory_free(block);
    return ok;
}

/* No more hits than there are owners: room for a k of millions is not asked for. Counting them takes milliseconds. */
static bool cap_by_owners(tl_index *index, bool captions, size_t *k, tl_error *err)
{
    tl_index_stats stats;
    if (!tl_index_stats_read(index, &stats, err))
        return false;
    uint64_t owners = captions ? stats.captions : stats.items;
    if (*k > owners)
        *k = owners != 0 ? (size_t)owners : 1;
    return true;
}

static bool open_searcher(const tl_search_job *job, tl_index **index, tl_index_searcher **searcher, tl_error *err)
{
    const uint32_t dim = job->bundle->info->config.embedding_dim;
    if (!tl_index_open(job->index_path, TL_INDEX_READ, index, err) ||
        !tl_index_searcher_create(*index, job->bundle->fingerprint, job->captions ? TL_VECTOR_CAPTION : TL_VECTOR_IMAGE, searcher,
                                  err))
        return false;
    return tl_index_searcher_dim(*searcher) == dim ||
           tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected vectors of %u dimensions, as the model makes them, found %u",
                   job->index_path, dim, tl_index_searcher_dim(*searcher));
}

bool tl_search_job_run(const tl_search_job *job, bool (*visit)(void *context, const tl_search_result *result, tl_error *err),
                       void *context, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_searcher *searcher = NULL;
    float *query = NULL;
    tl_hit *hits = NULL;
    char *directory = NULL;
    bool ok = false;
    size_t k = job->k != 0 ? job->k : 1;
    size_t count = 0;
    if (job->directory != NULL && (directory = tl_path_resolve(job->directory, err)) == NULL)
        return false;
    /* The index first: a wrong file is told before a model is put to work. */
    if (!open_searcher(job, &index, &searcher, err) ||
        (k > MAY_BE_MORE_THAN_THERE_ARE && !cap_by_owners(index, job->captions, &k, err)) ||
        (query = tl_memory_allocate(tl_index_searcher_dim(searcher), sizeof *query, err)) == NULL ||
        (hits = tl_memory_allocate(k, sizeof *hits, err)) == NULL || !embed_query(job, query, err))
        goto done;
    const tl_search_options options = {.k = k,
                                       .directory = directory,
                                       .where = job->where,
                                       .words = job->hybrid ? job->text : NULL,
                                       .exact = job->exact,
                                       .probes = job->probes};
    ok = tl_index_searcher_search(searcher, query, &options, hits, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = show_hit(index, &hits[i], visit, context, err);
done:
    tl_memory_free(directory);
    tl_memory_free(hits);
    tl_memory_free(query);
    tl_index_searcher_destroy(searcher);
    tl_index_close(index);
    return ok;
}

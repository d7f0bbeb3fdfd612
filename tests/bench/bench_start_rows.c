/*
 * An index of random unit rows for a model, for start.sh: bench_start_rows MODEL INDEX ROWS. Rows and captions are stored as the
 * index job stores them, and divided as it would.
 */
#include "base/core/memory.h"
#include "base/core/random.h"
#include "cli/app/model_bundle.h"
#include "index/index.h"
#include "tests/bench/unit_vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 64, COMMIT_EVERY = 4096, WORTH_DIVIDING = 50000 };

static bool put_rows(tl_index_writer *writer, const tl_vector_set *set, size_t rows, float *vectors, tl_error *err)
{
    tl_random random = tl_random_stream(1, 0);
    int64_t owners[BATCH];
    for (size_t row = 0; row < rows; row += BATCH) {
        size_t count = rows - row < BATCH ? rows - row : BATCH;
        fill_unit_vectors(&random, vectors, count, set->dim);
        for (size_t i = 0; i < count; i++) {
            char name[64];
            const char *captions[] = {"a photo of something that somebody saw"};
            snprintf(name, sizeof name, "%03zu/%06zu.jpg", (row + i) / 1000, row + i);
            tl_item item = {.root = "/photos",
                            .path = name,
                            .hash = "0123456789abcdef0123456789abcdef",
                            .size = 12345,
                            .width = 640,
                            .height = 480,
                            .captions = captions,
                            .caption_count = 1};
            if (!tl_index_writer_put_item(writer, &item, &owners[i], err))
                return false;
        }
        if (!tl_index_writer_put_vectors(writer, set, owners, vectors, count, err) ||
            ((row + count) % COMMIT_EVERY == 0 && !tl_index_writer_commit(writer, err)))
            return false;
    }
    return tl_index_writer_commit(writer, err);
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    tl_model_bundle bundle = {0};
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    tl_thread_pool *pool = NULL;
    float *vectors = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: bench_start_rows MODEL INDEX ROWS\n");
        return 2;
    }
    size_t rows = (size_t)strtoull(argv[3], NULL, 10);
    bool ok = tl_model_bundle_open(argv[1], &bundle, &err);
    if (ok) {
        tl_vector_set set = {.kind = TL_VECTOR_IMAGE, .dim = bundle.info->config.embedding_dim};
        snprintf(set.model, sizeof set.model, "%s", bundle.fingerprint);
        snprintf(set.model_name, sizeof set.model_name, "%s", bundle.name);
        vectors = tl_memory_allocate(BATCH, set.dim * sizeof *vectors, &err);
        ok = vectors != NULL && tl_thread_pool_create(0, &pool, &err) && tl_index_open(argv[2], TL_INDEX_CREATE, &index, &err) &&
             tl_index_writer_open(index, &writer, &err) && put_rows(writer, &set, rows, vectors, &err) &&
             (rows < WORTH_DIVIDING ||
              (tl_index_writer_divide(writer, set.model, set.kind, 0, pool, &err) && tl_index_writer_commit(writer, &err)));
    }
    if (!ok)
        fprintf(stderr, "bench_start_rows: %s\n", err.message);
    tl_index_writer_close(writer);
    tl_index_close(index);
    tl_thread_pool_destroy(pool);
    tl_memory_free(vectors);
    tl_model_bundle_close(&bundle);
    return ok ? 0 : 1;
}

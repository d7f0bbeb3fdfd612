/*
 * What the index's tests share: scratch files, opening, small vectors and checks that say what failed. Vectors hold small whole
 * numbers, so dot products are exact in any order of summation, ties are frequent, and "equal" can mean equal.
 */
#ifndef TL_TESTS_INDEX_FIXTURE_H
#define TL_TESTS_INDEX_FIXTURE_H

#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/io/file.h"
#include "index/index.h"
#include "tests/support/assert_ok.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* TL_SOAK=1: more of everything. */
static inline bool is_soak(void)
{
    return getenv("TL_SOAK") != NULL;
}

static inline void remove_index(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

static inline tl_index *new_index(const char *path)
{
    tl_index *index = NULL;
    remove_index(path);
    assert_ok(tl_index_open(path, TL_INDEX_CREATE, &index, err));
    return index;
}

static inline tl_index *open_index(const char *path, tl_index_mode mode)
{
    tl_index *index = NULL;
    assert_ok(tl_index_open(path, mode, &index, err));
    return index;
}

static inline tl_index_writer *open_writer(tl_index *index)
{
    tl_index_writer *writer = NULL;
    assert_ok(tl_index_writer_open(index, &writer, err));
    return writer;
}

static inline void commit_and_close(tl_index_writer *writer)
{
    assert_ok(tl_index_writer_commit(writer, err));
    tl_index_writer_close(writer);
}

static inline tl_vector_set test_set(tl_vector_kind kind, uint32_t dim)
{
    tl_vector_set set = {.model = "0123456789abcdef0123456789abcdef", .kind = kind, .dim = dim, .model_name = "tiny"};
    return set;
}

static inline void random_vector(tl_random *random, float *vector, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)tl_random_below(random, 5) - 2.0f;
}

static inline float exact_dot(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static inline int64_t put_item(tl_index_writer *writer, const char *root, const char *path, const char *hash)
{
    int64_t id = 0;
    tl_item item = {.root = root, .path = path, .hash = hash, .size = 7, .width = 3, .height = 2};
    assert_ok(tl_index_writer_put_item(writer, &item, &id, err));
    return id;
}

static inline int64_t put_captioned(tl_index_writer *writer, const char *path, const char *hash, const char *const *captions,
                                    size_t count)
{
    int64_t id = 0;
    tl_item item = {.root = "/r", .path = path, .hash = hash, .captions = captions, .caption_count = count};
    assert_ok(tl_index_writer_put_item(writer, &item, &id, err));
    return id;
}

/* Puts one vector whose numbers are all `value`. */
static inline void put_flat_vector(tl_index_writer *writer, const tl_vector_set *set, int64_t owner, float value)
{
    float *vector = tl_memory_allocate(set->dim, sizeof *vector, NULL);
    for (size_t i = 0; i < set->dim; i++)
        vector[i] = value;
    assert_ok(tl_index_writer_put_vectors(writer, set, &owner, vector, 1, err));
    tl_memory_free(vector);
}

static inline size_t missing_count(tl_index_writer *writer, const tl_vector_set *set)
{
    int64_t *owners = NULL;
    size_t count = 0;
    assert_ok(tl_index_writer_missing(writer, set, &owners, &count, err));
    tl_memory_free(owners);
    return count;
}

/* Searches with a query of ones; hits has room for k. */
static inline size_t search_ones(tl_index *index, const tl_vector_set *set, const char *directory, size_t k, tl_hit *hits)
{
    size_t count = 0;
    tl_index_searcher *searcher = NULL;
    assert_ok(tl_index_searcher_create(index, set->model, set->kind, &searcher, err));
    float *query = tl_memory_allocate(set->dim, sizeof *query, NULL);
    for (size_t i = 0; i < set->dim; i++)
        query[i] = 1;
    tl_search_options options = {.k = k, .directory = directory};
    assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &count, err));
    tl_memory_free(query);
    tl_index_searcher_destroy(searcher);
    return count;
}

#endif

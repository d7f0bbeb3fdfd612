/*
 * A life of an index in four phases, and an oracle in memory of what it holds after each commit. Rows are items, each with a
 * vector and a caption that tell the version of the row, so whatever is found in a file can be held against every state that it
 * may be in. A soak has so many rows and lists that these come in groups (index/ann/kmeans.h).
 */
#ifndef TL_TESTS_INDEX_CRASH_LIFE_H
#define TL_TESTS_INDEX_CRASH_LIFE_H

#include "tests/unit/index/index_fixture.h"

enum { ROWS = 5000, DIM = 24, STATES = 12, FIRST_ROWS = 400, MANY_ROWS = 1100, SOAK_ROWS = 4000, FEW_ROWS = 60, NEAREST = 25 };

typedef enum phase { PHASE_INSERT, PHASE_BUILD, PHASE_COMPACT, PHASE_UPDATE, PHASES } phase;
static const char *const phase_names[] = {"insert", "build", "compact", "update"};

/* Version of each row in each state; 0: it is not there. */
static uint8_t versions[STATES][ROWS];

/* Commits that were begun and that returned; lies where a killed child leaves it. */
typedef struct progress {
    uint32_t begun, done;
} progress;

/* States 1 to 5 insert (2 so many that a tail moves to its lists), 6 to 10 replace, remove and put again. */
static void make_states(void)
{
    size_t there = 0;
    tl_random random = tl_random_stream(31, 0);
    for (size_t state = 1; state < STATES; state++) {
        memcpy(versions[state], versions[state - 1], ROWS);
        size_t more = state == 1 ? FIRST_ROWS : state == 2 ? (is_soak() ? SOAK_ROWS : MANY_ROWS) : state <= 5 ? FEW_ROWS : 0;
        for (size_t i = 0; i < more; i++)
            versions[state][there++] = 1;
        for (size_t i = 0; state > 5 && i < FEW_ROWS; i++) {
            size_t row = (size_t)tl_random_below(&random, there);
            bool goes = versions[state][row] != 0 && i % 3 == 0;
            versions[state][row] = goes ? 0 : (uint8_t)(state + 1);
        }
    }
}

static void row_vector(size_t row, unsigned version, float *vector)
{
    tl_random random = tl_random_stream(32 + version, row);
    random_vector(&random, vector, DIM);
}

static bool write_row(tl_index_writer *writer, size_t row, unsigned version, tl_error *err)
{
    char name[32], caption[32];
    int64_t id;
    float vector[DIM];
    const char *const captions[] = {caption};
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    snprintf(name, sizeof name, "%zu.jpg", row);
    snprintf(caption, sizeof caption, "version %u", version);
    tl_item item = {.root = "/r", .path = name, .captions = captions, .caption_count = 1};
    if (!tl_index_writer_put_item(writer, &item, &id, err))
        return false;
    if (version == 0)
        return tl_index_writer_remove_item(writer, id, err);
    row_vector(row, version, vector);
    return tl_index_writer_put_vectors(writer, &set, &id, vector, 1, err);
}

/* Told of each commit as it begins and when it has returned. */
static void (*watch_commits)(const progress *at);

static bool commit(tl_index_writer *writer, uint32_t state, progress *at, tl_error *err)
{
    at->begun = state;
    if (watch_commits != NULL)
        watch_commits(at);
    if (!tl_index_writer_commit(writer, err))
        return false;
    at->done = state;
    if (watch_commits != NULL)
        watch_commits(at);
    return true;
}

/* From the state that is there to `state`. */
static bool advance(tl_index_writer *writer, uint32_t state, progress *at, tl_error *err)
{
    for (size_t row = 0; row < ROWS; row++)
        if (versions[state][row] != versions[at->done][row] && !write_row(writer, row, versions[state][row], err))
            return false;
    return commit(writer, state, at, err);
}

static bool divide(tl_index_writer *writer, uint32_t lists, tl_error *err)
{
    return tl_index_writer_divide(writer, test_set(TL_VECTOR_IMAGE, DIM).model, TL_VECTOR_IMAGE, lists, NULL, err);
}

/* What is there when a phase begins, in a new file. */
static void prepare(phase which, const char *path, progress *at)
{
    *at = (progress){0};
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    assert_ok(advance(writer, 1, at, err));
    if (which != PHASE_BUILD) /* what a tail moves to */
        assert_ok(divide(writer, 12, err) && commit(writer, 1, at, err));
    uint32_t last = which == PHASE_INSERT ? 1 : which == PHASE_BUILD ? 2 : which == PHASE_UPDATE ? 5 : 10;
    for (uint32_t state = 2; state <= last; state++)
        assert_ok(advance(writer, state, at, err));
    tl_index_writer_close(writer);
    tl_index_close(index);
}

static bool run_commits(phase which, tl_index_writer *writer, progress *at, tl_error *err)
{
    switch (which) {
    case PHASE_INSERT:
        for (uint32_t state = 2; state <= 5; state++)
            if (!advance(writer, state, at, err))
                return false;
        return true;
    case PHASE_BUILD:
        return divide(writer, is_soak() ? 530 : 20, err) && commit(writer, 2, at, err) && advance(writer, 3, at, err) &&
               divide(writer, 0, err) && advance(writer, 4, at, err);
    case PHASE_COMPACT:
        return divide(writer, is_soak() ? 540 : 30, err) && commit(writer, 10, at, err);
    case PHASE_UPDATE:
        for (uint32_t state = 6; state <= 10; state++)
            if (!advance(writer, state, at, err))
                return false;
        return true;
    case PHASES:
        break;
    }
    return false;
}

/* One phase, from opening the file to closing it. Where it fails, at tells how far it came. */
static bool run_phase(phase which, const char *path, progress *at, tl_error *err)
{
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    bool ok = tl_index_open(path, TL_INDEX_WRITE, &index, err) && tl_index_writer_open(index, &writer, err) &&
              run_commits(which, writer, at, err);
    tl_index_writer_close(writer);
    ok = ok && (which != PHASE_COMPACT || tl_index_vacuum(index, err));
    tl_index_close(index);
    return ok;
}

/* ---- what is found ---- */

typedef struct found_rows {
    uint8_t version[ROWS];
    int64_t id[ROWS];
    size_t count, vectors;
    tl_index *index;
} found_rows;

static size_t row_of(const tl_item *item)
{
    size_t row = ROWS;
    assert_int_equal(sscanf(item->path, "%zu.jpg", &row), 1);
    assert_true(row < ROWS);
    return row;
}

static bool note_item(void *context, const tl_item *item, tl_error *err)
{
    (void)err;
    found_rows *found = context;
    unsigned version = 0;
    size_t row = row_of(item);
    assert_int_equal(item->caption_count, 1);
    assert_int_equal(sscanf(item->captions[0], "version %u", &version), 1);
    assert_true(version != 0 && found->version[row] == 0);
    found->version[row] = (uint8_t)version;
    found->id[row] = item->id;
    found->count++;
    return true;
}

static bool match_vector(void *context, int64_t owner, const float *vector, tl_error *err)
{
    found_rows *found = context;
    tl_item item;
    void *block;
    float expected[DIM];
    if (!tl_index_item_read(found->index, owner, &item, &block, err))
        return false;
    size_t row = row_of(&item);
    row_vector(row, found->version[row], expected);
    assert_memory_equal(vector, expected, sizeof expected);
    tl_memory_free(block);
    found->vectors++;
    return true;
}

typedef struct ranked {
    int64_t id;
    float score;
} ranked;

static int best_first(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* The nearest of what is there, by a full sort, and by the index. */
static void match_search(const found_rows *found)
{
    static ranked all[ROWS];
    float query[DIM], vector[DIM];
    size_t count = 0, hit_count;
    tl_hit hits[NEAREST];
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    tl_index_searcher *searcher;
    row_vector(7, 200, query);
    for (size_t row = 0; row < ROWS; row++)
        if (found->version[row] != 0) {
            row_vector(row, found->version[row], vector);
            all[count++] = (ranked){found->id[row], exact_dot(query, vector, DIM)};
        }
    qsort(all, count, sizeof all[0], best_first);
    assert_ok(tl_index_searcher_create(found->index, set.model, set.kind, &searcher, err));
    tl_search_options options = {.k = NEAREST, .exact = true};
    assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &hit_count, err));
    assert_int_equal(hit_count, NEAREST);
    for (size_t i = 0; i < NEAREST; i++) {
        assert_int_equal(hits[i].item_id, all[i].id);
        assert_true(hits[i].score == all[i].score);
    }
    tl_index_searcher_destroy(searcher);
}

/*
 * The file is sound and holds one of the states from low to high, whole: items, captions, vectors, and what a search finds. It
 * can be written, too: afterwards it holds one row more, which is found.
 */
static void check_state(const char *path, uint32_t low, uint32_t high, tl_index_mode mode)
{
    static found_rows found;
    bool is_one = false;
    found = (found_rows){.index = open_index(path, mode)};
    assert_ok(tl_index_check(found.index, err));
    assert_ok(tl_index_each_item(found.index, NULL, note_item, &found, err));
    for (uint32_t state = low; state <= high; state++)
        is_one = is_one || memcmp(found.version, versions[state], ROWS) == 0;
    if (!is_one)
        fail_msg("expected state %u to %u, found another", low, high);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    assert_ok(tl_index_each_vector(found.index, set.model, set.kind, match_vector, &found, err));
    assert_int_equal(found.vectors, found.count);
    match_search(&found);
    tl_index_close(found.index);

    tl_index_stats stats;
    tl_index *index = open_index(path, TL_INDEX_WRITE);
    tl_index_writer *writer = open_writer(index);
    assert_ok(write_row(writer, ROWS, 1, err)); /* none of the oracle's */
    commit_and_close(writer);
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.items, found.count + 1);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

#endif

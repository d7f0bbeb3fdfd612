/* Conditions over the catalogue: the same answer as a full sort of what fulfils them, divided or not; and nothing else gets in.
 */
#include "tests/unit/index/index_fixture.h"

enum { COUNT = 1500, DIM = 24, K = 12 };

static const char path[] = "where.twinlens";

typedef struct row {
    int64_t item, captions[2];
    float vector[DIM];
    char folder[16];
    int month;
} row;

static row rows[COUNT];

static void build(bool divided)
{
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, DIM), captions = test_set(TL_VECTOR_CAPTION, DIM);
    tl_random random = tl_random_stream(61, 0);
    for (size_t i = 0; i < COUNT; i++) {
        char name[64], taken[32], first[32];
        const char *texts[] = {first, "the same for all"};
        row *r = &rows[i];
        r->month = 1 + (int)(i % 12);
        snprintf(r->folder, sizeof r->folder, "%s", i % 5 == 0 ? "beach" : "town");
        snprintf(name, sizeof name, "%s/%04zu.jpg", r->folder, i);
        snprintf(taken, sizeof taken, "2024-%02d-01T12:00:00", r->month);
        snprintf(first, sizeof first, "caption %zu", i);
        tl_item item = {.root = "/r",
                        .path = name,
                        .hash = "h",
                        .size = i,
                        .width = 640,
                        .height = 480,
                        .taken = i % 7 == 0 ? NULL : taken,
                        .captions = texts,
                        .caption_count = 2};
        int64_t *ids = NULL;
        size_t count = 0;
        assert_ok(tl_index_writer_put_item(writer, &item, &r->item, err));
        assert_ok(tl_index_writer_caption_ids(writer, r->item, &ids, &count, err));
        memcpy(r->captions, ids, sizeof r->captions);
        tl_memory_free(ids);
        random_vector(&random, r->vector, DIM);
        assert_ok(tl_index_writer_put_vectors(writer, &images, &r->item, r->vector, 1, err));
        assert_ok(tl_index_writer_put_vectors(writer, &captions, &r->captions[0], r->vector, 1, err));
    }
    if (divided) {
        assert_ok(tl_index_writer_commit(writer, err));
        assert_ok(tl_index_writer_divide(writer, images.model, TL_VECTOR_IMAGE, 40, NULL, err));
        assert_ok(tl_index_writer_divide(writer, images.model, TL_VECTOR_CAPTION, 40, NULL, err));
    }
    commit_and_close(writer);
    tl_index_close(index);
}

typedef struct expected {
    int64_t id;
    float score;
} expected;

static int best_first(const void *a, const void *b)
{
    const expected *left = a, *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

static bool beach(size_t i)
{
    return i % 5 == 0;
}

static bool summer_beach(size_t i)
{
    return i % 5 == 0 && i % 7 != 0 && rows[i].month >= 6 && rows[i].month <= 8;
}

static bool one(size_t i)
{
    return i == 77;
}

static bool undated(size_t i)
{
    return i % 7 == 0;
}

static bool all(size_t i)
{
    (void)i;
    return true;
}

static bool none(size_t i)
{
    (void)i;
    return false;
}

static const struct {
    const char *where;
    bool (*holds)(size_t i);
} conditions[] = {
    {"path LIKE '%beach%'", beach},
    {"taken >= '2024-06-01' AND taken < '2024-09-01' AND path LIKE 'beach/%'", summer_beach},
    {"size = 77", one},
    {"caption LIKE '%caption 77' OR caption LIKE 'caption 77' || char(10) || '%'", one},
    {"taken IS NULL", undated},
    {"width * height > 1000 -- and so on", all},
    {"strftime('%m', taken) = '13'", none},
    {"1 = 1) AND (2 > 1", all},
};

static void check(tl_index *index, tl_vector_kind kind, size_t which, size_t k, const char *directory)
{
    static expected sorted[COUNT];
    static tl_hit hits[COUNT];
    float query[DIM];
    size_t count = 0, found = 0;
    tl_index_searcher *searcher = NULL;
    tl_random random = tl_random_stream(62, which);
    random_vector(&random, query, DIM);
    for (size_t i = 0; i < COUNT; i++)
        if (conditions[which].holds(i) && (directory == NULL || beach(i)))
            sorted[count++] =
                (expected){kind == TL_VECTOR_IMAGE ? rows[i].item : rows[i].captions[0], exact_dot(rows[i].vector, query, DIM)};
    if (count != 0)
        qsort(sorted, count, sizeof sorted[0], best_first);
    assert_ok(tl_index_searcher_create(index, test_set(kind, DIM).model, kind, &searcher, err));
    tl_search_options options = {.k = k, .where = conditions[which].where, .directory = directory, .exact = true};
    assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &found, err));
    assert_int_equal(found, count < k ? count : k);
    for (size_t i = 0; i < found; i++) {
        assert_int_equal(kind == TL_VECTOR_IMAGE ? hits[i].item_id : hits[i].caption_id, sorted[i].id);
        assert_true(hits[i].score == sorted[i].score);
    }
    options.exact = false; /* as many are found, though perhaps others */
    assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &found, err));
    assert_int_equal(found, count < k ? count : k);
    tl_index_searcher_destroy(searcher);
}

static void finds_what_fulfils_it(void **state)
{
    (void)state;
    for (int divided = 0; divided < 2; divided++) {
        build(divided != 0);
        tl_index *index = open_index(path, TL_INDEX_READ);
        for (size_t which = 0; which < sizeof conditions / sizeof conditions[0]; which++)
            for (int kind = 0; kind < 2; kind++) {
                check(index, (tl_vector_kind)kind, which, K, NULL);
                check(index, (tl_vector_kind)kind, which, COUNT, NULL);
                check(index, (tl_vector_kind)kind, which, K, "/r/beach");
            }
        tl_index_close(index);
    }
}

static void refuses_all_else(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", "syntax error"},
        {"colour = 'red'", "no such column"},
        {"path LIKE", "syntax error"},
        {"1); DELETE FROM items; --", "more after"},
        {"1) UNION SELECT checksum FROM vector_blocks WHERE (1", "prohibited"},
        {"(SELECT max(name) FROM sqlite_schema) > ''", "prohibited"},
        {"length(zeroblob(1000000000)) > 0", "not authorized"},
        {"load_extension('x')", "not authorized"},
        {"randomblob(5) = path", "not authorized"},
        {"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n) > 5", "not authorized"},
        {"(SELECT 1 FROM pragma_database_list) = 1", ""},
        {"id = ?1", "parameter"},
        {"path = 'a' AND", "syntax error"},
        {"items.id = 1", "no such column"},
        {"path LIKE '%' /* open", ""},
    };
    build(false);
    tl_index *index = open_index(path, TL_INDEX_READ);
    tl_index_searcher *searcher = NULL;
    assert_ok(tl_index_searcher_create(index, test_set(TL_VECTOR_IMAGE, DIM).model, TL_VECTOR_IMAGE, &searcher, err));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tl_hit hits[K];
        size_t count;
        tl_search_options options = {.k = K, .where = wrong[i][0]};
        assert_error(tl_index_searcher_search(searcher, rows[0].vector, &options, hits, &count, err), TL_ERROR_INVALID,
                     wrong[i][1]);
        /* and the searcher goes on */
        options.where = NULL;
        assert_ok(tl_index_searcher_search(searcher, rows[0].vector, &options, hits, &count, err));
    }
    tl_index_searcher_destroy(searcher);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
    remove_index(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_fulfils_it),
        cmocka_unit_test(refuses_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

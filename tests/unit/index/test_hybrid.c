/* Hybrid searches: places by vector and places by words against the score that both make, conditions, and words that go and come.
 */
#include "tests/unit/index/index_fixture.h"

#include "index/rank_fusion.h"

#include <math.h>

enum { ITEMS = 300, DIM = 16, K = 20 };

static const char path[] = "hybrid.twinlens";

/* "zebra" is in one item's captions, "fox" in a fifth of them, "picture" in all. */
static int64_t put_row(tl_index_writer *writer, size_t i)
{
    char name[32], first[64], second[64];
    float vector[DIM];
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, DIM), captions = test_set(TL_VECTOR_CAPTION, DIM);
    const char *const texts[] = {first, second};
    tl_random random = tl_random_stream(71, i);
    int64_t *ids;
    size_t count;
    random_vector(&random, vector, DIM);
    snprintf(name, sizeof name, "%zu/%zu.jpg", i % 2, i);
    snprintf(first, sizeof first, "picture of %s number %zu", i % 5 == 0 ? "a red fox" : "a dog", i);
    snprintf(second, sizeof second, "%s", i == 123 ? "two Zebras, and \"no\" fox" : "a picture, once more");
    int64_t id = put_captioned(writer, name, "h", texts, 2);
    assert_ok(tl_index_writer_put_vectors(writer, &images, &id, vector, 1, err));
    assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
    assert_int_equal(count, 2);
    for (size_t c = 0; c < count; c++)
        assert_ok(tl_index_writer_put_vectors(writer, &captions, &ids[c], vector, 1, err));
    tl_memory_free(ids);
    return id;
}

static size_t search(tl_index *index, tl_vector_kind kind, tl_search_options options, tl_hit *hits)
{
    float query[DIM];
    size_t count = 0;
    tl_index_searcher *searcher;
    tl_random random = tl_random_stream(72, 0);
    random_vector(&random, query, DIM);
    assert_ok(tl_index_searcher_create(index, test_set(kind, DIM).model, kind, &searcher, err));
    assert_ok(tl_index_searcher_search(searcher, query, &options, hits, &count, err));
    tl_index_searcher_destroy(searcher);
    return count;
}

static int number_of(tl_index *index, const tl_hit *hit)
{
    tl_item item;
    void *block;
    int folder, number;
    assert_ok(tl_index_item_read(index, hit->item_id, &item, &block, err));
    assert_int_equal(sscanf(item.path, "%d/%d.jpg", &folder, &number), 2);
    tl_memory_free(block);
    return number;
}

/* Place of the item among the hits, from 1; 0: it is not there. */
static size_t place_of(const tl_hit *hits, size_t count, int64_t item)
{
    for (size_t i = 0; i < count; i++)
        if (hits[i].item_id == item)
            return i + 1;
    return 0;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-7;
}

static tl_index *make_index(void)
{
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    for (size_t i = 0; i < ITEMS; i++)
        put_row(writer, i);
    commit_and_close(writer);
    return index;
}

static void a_rare_word_leads_and_scores_are_those_of_both_places(void **state)
{
    (void)state;
    tl_hit plain[ITEMS], hits[K];
    tl_index *index = make_index();
    assert_int_equal(search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = ITEMS}, plain), ITEMS);
    assert_int_equal(search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = "zebra?"}, hits), K);
    size_t place = place_of(plain, 200, hits[0].item_id); /* as deep as rankings are joined */
    assert_int_equal(number_of(index, &hits[0]), 123);    /* "Zebras": the tokenizer knows that it is more than one zebra */
    assert_true(is_near(hits[0].score, 1.0 / 61 + (place != 0 ? 1.0 / (60 + (double)place) : 0)));
    /* The others stand in one ranking alone, in its order. */
    for (size_t i = 1, expected = 0; i < K; i++, expected++) {
        expected += plain[expected].item_id == hits[0].item_id;
        assert_int_equal(hits[i].item_id, plain[expected].item_id);
        assert_true(is_near(hits[i].score, 1.0 / (61 + (double)expected)));
    }
    /* A word that a fifth of the items have: they gain, and nobody comes twice although two captions may have it. */
    assert_int_equal(search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = "the fox's picture"}, hits), K);
    size_t foxes = 0;
    for (size_t i = 0; i < K; i++) {
        foxes += number_of(index, &hits[i]) % 5 == 0 || number_of(index, &hits[i]) == 123;
        assert_int_equal(place_of(hits, K, hits[i].item_id), i + 1);
        assert_true(i == 0 || hits[i].score <= hits[i - 1].score);
    }
    assert_true(foxes > K / 2);
    /* Of all that have a word, twice each, everyone comes once. */
    assert_int_equal(search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = ITEMS, .words = "picture"}, plain), ITEMS);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(place_of(plain, ITEMS, plain[i].item_id), i + 1);
    tl_index_close(index);
}

static void conditions_and_captions(void **state)
{
    (void)state;
    tl_hit hits[K], plain[2 * ITEMS];
    tl_index *index = make_index();
    tl_search_options options = {.k = K, .words = "fox zebra", .directory = "/r/1", .where = "path LIKE '%5.jpg'"};
    assert_int_equal(search(index, TL_VECTOR_IMAGE, options, hits), K);
    for (size_t i = 0; i < K; i++)
        assert_int_equal(number_of(index, &hits[i]) % 10, 5);
    options.where = "path = 'nowhere'";
    assert_int_equal(search(index, TL_VECTOR_IMAGE, options, hits), 0);
    assert_int_equal(search(index, TL_VECTOR_CAPTION, (tl_search_options){.k = K, .words = "zebras"}, hits), K);
    assert_int_equal(number_of(index, &hits[0]), 123);
    assert_int_equal(hits[0].caption_id, 2 * 123 + 2); /* the second of its captions */
    /* Nothing in a sentence is syntax; one without words leaves the order of the vectors. */
    static const char *const strange[] = {"\"", "NEAR(", "* ^ : - + { } ( ) \"\"", "", "text:\" OR", "'; DROP TABLE items; --"};
    size_t count = search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K}, plain);
    for (size_t s = 0; s < sizeof strange / sizeof strange[0]; s++) {
        assert_int_equal(search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = strange[s]}, hits), count);
        for (size_t i = 0; i < K; i++)
            assert_int_equal(hits[i].item_id, plain[i].item_id);
    }
    tl_index_close(index);
}

/* Captions that are replaced, and items that are removed, take their words along. */
static void words_follow_their_captions(void **state)
{
    (void)state;
    tl_hit hits[K];
    static const char *const texts[] = {"a yak", "a picture, once more"};
    tl_index *index = make_index();
    tl_index_writer *writer = open_writer(index);
    put_captioned(writer, "1/123.jpg", "h", texts, 2);
    commit_and_close(writer);
    search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = "zebra"}, hits);
    assert_true(is_near(hits[0].score, 1.0 / 61) && is_near(hits[1].score, 1.0 / 62));
    search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = "yaks"}, hits);
    assert_int_equal(number_of(index, &hits[0]), 123);
    writer = open_writer(index);
    assert_ok(tl_index_writer_remove_item(writer, hits[0].item_id, err));
    commit_and_close(writer);
    search(index, TL_VECTOR_IMAGE, (tl_search_options){.k = K, .words = "yaks"}, hits);
    assert_true(is_near(hits[0].score, 1.0 / 61) && is_near(hits[1].score, 1.0 / 62));
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

static void rankings_are_joined(void **state)
{
    (void)state;
    static const tl_scored first[] = {{5, 9}, {3, 8}, {1, 7}};
    int64_t second_items[] = {1, 9, 5};
    tl_ids second = {second_items, 3, 3}, none = {0};
    tl_scored *fused;
    size_t count;
    assert_ok(tl_rank_fusion__join(first, 3, &second, 10, &fused, &count, err));
    assert_int_equal(count, 4);
    static const int64_t owners[] = {1, 5, 3, 9}; /* 1 and 5: places 1 and 3 each; 3 and 9: place 2 */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fused[i].owner, owners[i]);
    assert_true(is_near(fused[0].score, 1.0 / 61 + 1.0 / 63) && is_near(fused[3].score, 1.0 / 62));
    tl_memory_free(fused);
    assert_ok(tl_rank_fusion__join(first, 3, &none, 2, &fused, &count, err));
    assert_int_equal(count, 2);
    assert_int_equal(fused[1].owner, 3);
    tl_memory_free(fused);
    assert_ok(tl_rank_fusion__join(NULL, 0, &none, 2, &fused, &count, err));
    assert_int_equal(count, 0);
    tl_memory_free(fused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rare_word_leads_and_scores_are_those_of_both_places),
        cmocka_unit_test(conditions_and_captions),
        cmocka_unit_test(words_follow_their_captions),
        cmocka_unit_test(rankings_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

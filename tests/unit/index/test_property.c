/*
 * Random inserts, updates, moves, removals and vectors against an oracle in memory: after every commit the search equals brute
 * force, the missing owners are those the oracle misses, the items are the oracle's, and tl_index_check finds no fault.
 */
#include "tests/unit/index/index_fixture.h"

enum { PLACES = 90, CAPTIONS = 3, TEXTS = 6, HASHES = 4, ROOTS = 4, SETS = 4, MAX_DIM = 40000, SMALL_DIM = 24 };

static const char path[] = "property.twinlens";
static const char *const roots[ROOTS] = {"/p", "/p/deep", "/q", "DATASET"};

typedef struct fact {
    int64_t owner;
    bool has[SETS];
    uint64_t stream[SETS]; /* the vector is random_vector of this */
} fact;

typedef struct oracle_item {
    bool exists;
    size_t root, hash;
    fact image;
    size_t caption_count;
    size_t texts[CAPTIONS];
    fact captions[CAPTIONS];
} oracle_item;

typedef struct oracle {
    oracle_item items[PLACES]; /* item n has path "d<n % 3>/<n>" in its root, so each place holds one */
    uint64_t next_stream;
} oracle;

static tl_vector_set sets[SETS];

static void name_of(size_t place, char name[32])
{
    snprintf(name, 32, "d%zu/%zu", place % 3, place);
}

static void fill_vector(uint64_t stream, float *vector, uint32_t dim)
{
    tl_random random = tl_random_stream(99, stream);
    for (uint32_t i = 0; i < dim; i++)
        vector[i] = i < SMALL_DIM ? (float)tl_random_below(&random, 5) - 2.0f : 0.0f;
}

/* What put_item promises of captions: a text that stays keeps its caption and vectors. */
static void put(tl_index_writer *writer, oracle *o, tl_random *random, size_t place)
{
    static const char *const texts[TEXTS] = {"a", "b", "c", "", "a long caption with many words", "\xFF"};
    static const char *const hashes[HASHES] = {NULL, "h1", "h2", "h3"};
    oracle_item *item = &o->items[place], old = *item;
    char name[32];
    name_of(place, name);
    if (!item->exists) {
        memset(item, 0, sizeof *item);
        item->root = (size_t)tl_random_below(random, ROOTS);
        item->exists = true;
    }
    if (tl_random_below(random, 3) == 0)
        item->hash = (size_t)tl_random_below(random, HASHES);
    item->caption_count = (size_t)tl_random_below(random, CAPTIONS + 1);
    const char *captions[CAPTIONS];
    for (size_t i = 0; i < item->caption_count; i++) {
        item->texts[i] = (size_t)tl_random_below(random, TEXTS);
        captions[i] = texts[item->texts[i]];
    }
    tl_item row = {.root = roots[item->root],
                   .path = name,
                   .hash = hashes[item->hash],
                   .captions = captions,
                   .caption_count = item->caption_count};
    int64_t id, *ids;
    size_t count;
    assert_ok(tl_index_writer_put_item(writer, &row, &id, err));
    if (old.exists)
        assert_int_equal(id, old.image.owner);
    item->image.owner = id;
    if (old.exists && old.hash != item->hash)
        memset(item->image.has, 0, sizeof item->image.has);
    assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
    assert_int_equal(count, item->caption_count);
    size_t kept = 0, expected = 0;
    for (size_t i = 0; i < count; i++) {
        item->captions[i] = (fact){.owner = ids[i]};
        for (size_t j = 0; old.exists && j < old.caption_count; j++)
            if (old.captions[j].owner == ids[i]) {
                assert_int_equal(old.texts[j], item->texts[i]);
                item->captions[i] = old.captions[j];
                kept++;
            }
    }
    bool used[CAPTIONS] = {false};
    for (size_t i = 0; old.exists && i < count; i++)
        for (size_t j = 0; j < old.caption_count; j++)
            if (!used[j] && old.texts[j] == item->texts[i]) {
                used[j] = true;
                expected++;
                break;
            }
    assert_int_equal(kept, expected);
    tl_memory_free(ids);
}

static void put_vectors(tl_index_writer *writer, oracle *o, tl_random *random)
{
    static float vectors[4 * MAX_DIM];
    size_t s = (size_t)tl_random_below(random, SETS), count = 0;
    int64_t owners[4];
    for (int attempt = 0; attempt < 12 && count < 4; attempt++) {
        oracle_item *item = &o->items[tl_random_below(random, PLACES)];
        fact *f = &item->image;
        if (!item->exists || (sets[s].kind == TL_VECTOR_CAPTION && item->caption_count == 0))
            continue;
        if (sets[s].kind == TL_VECTOR_CAPTION)
            f = &item->captions[tl_random_below(random, item->caption_count)];
        f->has[s] = true;
        f->stream[s] = o->next_stream++;
        owners[count] = f->owner;
        fill_vector(f->stream[s], vectors + count * sets[s].dim, sets[s].dim);
        count++;
    }
    assert_ok(tl_index_writer_put_vectors(writer, &sets[s], owners, vectors, count, err));
}

static void move(tl_index_writer *writer, oracle *o, tl_random *random, size_t place)
{
    /* Into an empty place of the same folder number, under any root. */
    size_t to = (place + 3 * (1 + (size_t)tl_random_below(random, PLACES / 3 - 1))) % PLACES,
           root = (size_t)tl_random_below(random, ROOTS);
    char name[32];
    name_of(to, name);
    if (o->items[to].exists)
        return;
    assert_ok(tl_index_writer_move_item(writer, o->items[place].image.owner, roots[root], name, err));
    o->items[to] = o->items[place];
    o->items[to].root = root;
    o->items[place].exists = false;
}

static void divide(tl_index_writer *writer, tl_random *random)
{
    tl_error error;
    const tl_vector_set *set = &sets[tl_random_below(random, SETS)];
    uint32_t lists = (uint32_t)tl_random_below(random, 6);
    if (!tl_index_writer_divide(writer, set->model, set->kind, lists, NULL, &error))
        assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
}

static void change(tl_index_writer *writer, oracle *o, tl_random *random)
{
    size_t place = (size_t)tl_random_below(random, PLACES);
    uint64_t kind = tl_random_below(random, 20);
    if (kind < 8)
        put(writer, o, random, place);
    else if (kind < 15)
        put_vectors(writer, o, random);
    else if (kind == 19)
        divide(writer, random);
    else if (o->items[place].exists && kind < 17)
        move(writer, o, random, place);
    else if (o->items[place].exists) {
        assert_ok(tl_index_writer_remove_item(writer, o->items[place].image.owner, err));
        o->items[place].exists = false;
    }
}

static int best_first(const void *a, const void *b)
{
    const tl_hit *left = a, *right = b;
    int64_t left_owner = left->caption_id != 0 ? left->caption_id : left->item_id;
    int64_t right_owner = right->caption_id != 0 ? right->caption_id : right->item_id;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left_owner > right_owner) - (left_owner < right_owner);
}

static size_t brute_force(const oracle *o, size_t s, const float *query, const char *directory, tl_hit *hits)
{
    static float vector[MAX_DIM];
    size_t count = 0;
    for (size_t p = 0; p < PLACES; p++) {
        const oracle_item *item = &o->items[p];
        char full[64], name[32];
        name_of(p, name);
        snprintf(full, sizeof full, "%s/%s", roots[item->root], name);
        if (!item->exists || (directory != NULL && strncmp(full, directory, strlen(directory)) != 0))
            continue;
        bool is_image = sets[s].kind == TL_VECTOR_IMAGE;
        for (size_t c = 0; c < (is_image ? 1 : item->caption_count); c++) {
            const fact *f = is_image ? &item->image : &item->captions[c];
            if (!f->has[s])
                continue;
            fill_vector(f->stream[s], vector, sets[s].dim);
            hits[count++] = (tl_hit){item->image.owner, is_image ? 0 : f->owner, exact_dot(vector, query, sets[s].dim)};
        }
    }
    if (count != 0)
        qsort(hits, count, sizeof hits[0], best_first);
    return count;
}

static void compare_search(tl_index *index, const oracle *o, size_t s, tl_random *random)
{
    static const char *const directories[] = {NULL, "/", "/p/", "/p/deep/", "/p/d1/", "/p/deep/d2/", "/q/d0/", "/r/"};
    static float query[MAX_DIM];
    tl_hit expected[PLACES * CAPTIONS], found[PLACES * CAPTIONS + 1];
    tl_index_searcher *searcher;
    tl_error error;
    if (!tl_index_searcher_create(index, sets[s].model, sets[s].kind, &searcher, &error)) {
        assert_int_equal(error.kind, TL_ERROR_NOT_FOUND);
        assert_int_equal(brute_force(o, s, query, NULL, expected), 0);
        return;
    }
    for (size_t d = 0; d < sizeof directories / sizeof directories[0]; d++) {
        random_vector(random, query, SMALL_DIM < sets[s].dim ? SMALL_DIM : sets[s].dim);
        size_t all = brute_force(o, s, query, directories[d], expected), count;
        tl_search_options options = {
            .k = 1 + (size_t)tl_random_below(random, PLACES * CAPTIONS), .directory = directories[d], .exact = true};
        assert_ok(tl_index_searcher_search(searcher, query, &options, found, &count, err));
        assert_int_equal(count, all < options.k ? all : options.k);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(found[i].item_id, expected[i].item_id);
            assert_int_equal(found[i].caption_id, expected[i].caption_id);
            assert_true(found[i].score == expected[i].score);
        }
    }
    tl_index_searcher_destroy(searcher);
}

static void compare_missing(tl_index_writer *writer, const oracle *o, size_t s)
{
    int64_t *owners;
    size_t count, expected = 0;
    assert_ok(tl_index_writer_missing(writer, &sets[s], &owners, &count, err));
    for (size_t p = 0; p < PLACES; p++) {
        const oracle_item *item = &o->items[p];
        bool is_image = sets[s].kind == TL_VECTOR_IMAGE;
        for (size_t c = 0; item->exists && c < (is_image ? 1 : item->caption_count); c++) {
            const fact *f = is_image ? &item->image : &item->captions[c];
            size_t at = 0;
            while (at < count && owners[at] != f->owner)
                at++;
            assert_int_equal(at < count, !f->has[s]);
            expected += !f->has[s];
        }
    }
    assert_int_equal(count, expected);
    tl_memory_free(owners);
}

typedef struct visit_state {
    const oracle *o;
    size_t count;
} visit_state;

static bool compare_item(void *context, const tl_item *item, tl_error *err)
{
    visit_state *visit = context;
    visit->count++;
    for (size_t p = 0; p < PLACES; p++) {
        const oracle_item *expected = &visit->o->items[p];
        char name[32];
        name_of(p, name);
        if (expected->exists && expected->image.owner == item->id) {
            assert_string_equal(item->path, name);
            assert_string_equal(item->root, roots[expected->root]);
            assert_int_equal(item->caption_count, expected->caption_count);
            for (size_t i = 0; i < item->caption_count; i++)
                assert_int_equal(item->caption_ids[i], expected->captions[i].owner);
            return true;
        }
    }
    return tl_fail(err, TL_ERROR_INVALID, "item %d is not the oracle's", (int)item->id);
}

static void compare_all(tl_index *index, const oracle *o, tl_random *random)
{
    visit_state visit = {o, 0};
    size_t expected = 0;
    for (size_t p = 0; p < PLACES; p++)
        expected += o->items[p].exists;
    assert_ok(tl_index_check(index, err));
    assert_ok(tl_index_each_item(index, NULL, compare_item, &visit, err));
    assert_int_equal(visit.count, expected);
    for (size_t s = 0; s < SETS; s++)
        compare_search(index, o, s, random);
}

static void run(uint64_t seed, int rounds, int changes)
{
    static oracle now, committed;
    tl_random random = tl_random_stream(seed, 0);
    memset(&now, 0, sizeof now);
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    for (int round = 0; round < rounds; round++) {
        committed = now;
        for (int i = 0; i < changes; i++)
            change(writer, &now, &random);
        for (size_t s = 0; s < SETS; s++)
            compare_missing(writer, &now, s);
        uint64_t ending = tl_random_below(&random, 4);
        if (ending == 0) { /* not committed: back to the state before */
            tl_index_writer_close(writer);
            uint64_t next_stream = now.next_stream;
            now = committed;
            now.next_stream = next_stream;
            writer = open_writer(index);
        } else {
            assert_ok(tl_index_writer_commit(writer, err));
        }
        if (ending == 1) { /* another process's view: the file closed and opened again */
            tl_index_writer_close(writer);
            tl_index_close(index);
            index = open_index(path, TL_INDEX_WRITE);
            writer = open_writer(index);
        }
        compare_all(index, &now, &random);
    }
    tl_index_writer_close(writer);
    tl_index_close(index);
}

static void random_changes_equal_the_oracle(void **state)
{
    (void)state;
    for (size_t s = 0; s < SETS; s++)
        sets[s] = test_set(s % 2 == 0 ? TL_VECTOR_IMAGE : TL_VECTOR_CAPTION, 0);
    /* Dimension 40000: one vector to a block; 9000: seven; 3: thousands. */
    sets[0].dim = 3;
    sets[1].dim = 9000;
    sets[2].dim = MAX_DIM;
    sets[3].dim = 5;
    sets[2].model[0] = sets[3].model[0] = 'b';
    run(1, 14, 60);
    run(2, 40, 8);
    run(3, 4, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_changes_equal_the_oracle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

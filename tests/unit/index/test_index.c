/* What index.h promises of items, captions, vectors and searches, one promise a test. */
#include "tests/unit/index/index_fixture.h"

#include <math.h>
#include <sqlite3.h>

static const char path[] = "index.twinlens";

static void every_field_comes_back(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    const char *captions[] = {"a red fox", "", "a fox in the snow"};
    tl_item put = {.root = "/photos",
                   .path = "2024/fox.jpg",
                   .size = 123456,
                   .modified_ns = -5,
                   .hash = "00112233445566778899aabbccddeeff",
                   .width = 640,
                   .height = 480,
                   .taken = "2024-05-17T09:30:00",
                   .camera = "Camera 1",
                   .has_place = true,
                   .latitude = 48.5,
                   .longitude = -0.25,
                   .url = "https://example.org/fox.jpg",
                   .split = "train",
                   .captions = captions,
                   .caption_count = 3};
    int64_t id;
    assert_ok(tl_index_writer_put_item(writer, &put, &id, err));
    int64_t *ids;
    size_t count;
    assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
    commit_and_close(writer);
    tl_index_close(index);

    index = open_index(path, TL_INDEX_READ);
    tl_item item;
    void *block;
    assert_ok(tl_index_item_read(index, id, &item, &block, err));
    assert_int_equal(item.id, id);
    assert_string_equal(item.root, put.root);
    assert_string_equal(item.path, put.path);
    assert_int_equal(item.size, put.size);
    assert_int_equal(item.modified_ns, put.modified_ns);
    assert_string_equal(item.hash, put.hash);
    assert_int_equal(item.width, 640);
    assert_int_equal(item.height, 480);
    assert_string_equal(item.taken, put.taken);
    assert_string_equal(item.camera, put.camera);
    assert_true(item.has_place && item.latitude == 48.5 && item.longitude == -0.25);
    assert_string_equal(item.url, put.url);
    assert_string_equal(item.split, put.split);
    assert_int_equal(item.caption_count, 3);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(item.captions[i], captions[i]);
        assert_int_equal(item.caption_ids[i], ids[i]);
    }
    tl_memory_free(block);
    tl_memory_free(ids);
    assert_error(tl_index_item_read(index, id + 1, &item, &block, err), TL_ERROR_NOT_FOUND, "expected an item with id");
    tl_index_close(index);
}

static void absent_fields_stay_absent(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_item full = {
        .root = "/r", .path = "a", .hash = "h", .taken = "t", .camera = "c", .has_place = true, .url = "u", .split = "s"};
    tl_item bare = {.root = "/r", .path = "a"};
    int64_t id, again;
    assert_ok(tl_index_writer_put_item(writer, &full, &id, err));
    assert_ok(tl_index_writer_put_item(writer, &bare, &again, err));
    assert_int_equal(id, again);
    commit_and_close(writer);
    tl_item item;
    void *block;
    assert_ok(tl_index_item_read(index, id, &item, &block, err));
    assert_null(item.hash);
    assert_null(item.taken);
    assert_null(item.camera);
    assert_null(item.url);
    assert_null(item.split);
    assert_null(item.captions);
    assert_false(item.has_place);
    assert_int_equal(item.caption_count, 0);
    tl_memory_free(block);
    tl_index_close(index);
}

static bool append_path(void *context, const tl_item *item, tl_error *err)
{
    return tl_string_append_format(context, err, "%s|%s;", item->root, item->path);
}

static bool stop_at_second(void *context, const tl_item *item, tl_error *err)
{
    (void)item;
    return ++*(int *)context < 2 || tl_fail(err, TL_ERROR_CANCELLED, "enough");
}

/* Linux names are bytes: what is not UTF-8 is stored, found, moved and searched like any other. */
static void paths_of_any_bytes(void **state)
{
    (void)state;
    static const char odd[] = "caf\xE9/\xFF\xFE%s?'\".jpg", root[] = "/mnt/\xC3\x28";
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 4);
    const char *captions[] = {"broken \xF0\x28\x8C\x28 text"};
    tl_item item = {.root = root, .path = odd, .captions = captions, .caption_count = 1};
    int64_t id, again;
    assert_ok(tl_index_writer_put_item(writer, &item, &id, err));
    put_item(writer, root, "caf\xE9/plain.jpg", NULL);
    put_item(writer, root, "caf\xE8/plain.jpg", NULL);
    assert_ok(tl_index_writer_put_item(writer, &item, &again, err));
    assert_int_equal(id, again);
    put_flat_vector(writer, &set, id, 1);
    commit_and_close(writer);
    tl_hit hit;
    assert_int_equal(search_ones(index, &set, "/mnt/\xC3\x28/caf\xE9", 1, &hit), 1);
    assert_int_equal(hit.item_id, id);
    assert_int_equal(search_ones(index, &set, "/mnt/\xC3\x28/caf\xE8", 1, &hit), 0);
    tl_item read;
    void *block;
    assert_ok(tl_index_item_read(index, id, &read, &block, err));
    assert_string_equal(read.path, odd);
    assert_string_equal(read.root, root);
    assert_string_equal(read.captions[0], captions[0]);
    tl_memory_free(block);
    tl_index_close(index);
}

static void items_are_visited_in_order(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    put_item(writer, "/b", "2", NULL);
    put_item(writer, "/b", "1", NULL);
    put_item(writer, "/a", "9", NULL);
    put_item(writer, "/b", "10", NULL);
    commit_and_close(writer);
    tl_string seen;
    tl_string_init(&seen, 1000);
    assert_ok(tl_index_each_item(index, NULL, append_path, &seen, err));
    assert_string_equal(seen.data, "/a|9;/b|1;/b|10;/b|2;");
    tl_string_reset(&seen);
    assert_ok(tl_index_each_item(index, "/b", append_path, &seen, err));
    assert_string_equal(seen.data, "/b|1;/b|10;/b|2;");
    tl_string_reset(&seen);
    assert_ok(tl_index_each_item(index, "/c", append_path, &seen, err));
    assert_string_equal(seen.data, "");
    tl_string_clear(&seen);
    int visits = 0;
    assert_error(tl_index_each_item(index, NULL, stop_at_second, &visits, err), TL_ERROR_CANCELLED, "enough");
    assert_int_equal(visits, 2);
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.items, 4);
    assert_int_equal(stats.roots, 2);
    assert_int_equal(stats.captions, 0);
    assert_true(stats.file_bytes > 0);
    tl_index_close(index);
}

static void captions_keep_ids_and_vectors_while_their_text_stays(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_CAPTION, 3);
    const char *first[] = {"one", "two", "two", "three"}, *second[] = {"three", "two", "four"};
    int64_t id = put_captioned(writer, "a", "h", first, 4), *ids, *now;
    size_t count;
    assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++)
        put_flat_vector(writer, &set, ids[i], (float)i);
    assert_int_equal(missing_count(writer, &set), 0);
    put_captioned(writer, "a", "h", second, 3);
    assert_ok(tl_index_writer_caption_ids(writer, id, &now, &count, err));
    assert_int_equal(count, 3);
    assert_int_equal(now[0], ids[3]);
    assert_true(now[1] == ids[1] || now[1] == ids[2]);
    assert_int_equal(missing_count(writer, &set), 1); /* "four" */
    commit_and_close(writer);
    assert_ok(tl_index_check(index, err));
    tl_hit hits[8];
    assert_int_equal(search_ones(index, &set, NULL, 8, hits), 2);
    assert_int_equal(hits[0].caption_id, ids[3]);
    assert_int_equal(hits[0].item_id, id);
    assert_true(hits[0].score == 9);
    tl_memory_free(ids);
    tl_memory_free(now);
    tl_index_close(index);
}

static void a_changed_hash_drops_image_vectors_of_every_set(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set first = test_set(TL_VECTOR_IMAGE, 3), second = first, captions = test_set(TL_VECTOR_CAPTION, 3);
    second.model[0] = 'f';
    second.dim = 5;
    const char *texts[] = {"text"};
    int64_t id = put_captioned(writer, "a", "old", texts, 1), other = put_captioned(writer, "b", "old", NULL, 0), *ids;
    size_t count;
    assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
    put_flat_vector(writer, &first, id, 1);
    put_flat_vector(writer, &second, id, 2);
    put_flat_vector(writer, &first, other, 3);
    put_flat_vector(writer, &second, other, 4);
    put_flat_vector(writer, &captions, ids[0], 5);
    put_captioned(writer, "a", "old", texts, 1);
    assert_int_equal(missing_count(writer, &first), 0);
    put_captioned(writer, "a", "new", texts, 1);
    assert_int_equal(missing_count(writer, &first), 1);
    assert_int_equal(missing_count(writer, &second), 1);
    assert_int_equal(missing_count(writer, &captions), 0);
    put_captioned(writer, "b", NULL, NULL, 0);
    assert_int_equal(missing_count(writer, &first), 2);
    commit_and_close(writer);
    assert_ok(tl_index_check(index, err));
    tl_memory_free(ids);
    tl_index_close(index);
}

static void a_moved_item_keeps_its_vectors(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 3);
    int64_t id = put_item(writer, "/r", "a", "h"), other = put_item(writer, "/s", "b", "h");
    put_flat_vector(writer, &set, id, 1);
    assert_ok(tl_index_writer_move_item(writer, id, "/t", "c/d", err));
    assert_ok(tl_index_writer_move_item(writer, id, "/t", "c/d", err));
    assert_ok(tl_index_writer_touch_item(writer, id, 99, err));
    assert_error(tl_index_writer_move_item(writer, id, "/s", "b", err), TL_ERROR_INVALID, "in the way");
    assert_error(tl_index_writer_move_item(writer, 77, "/s", "x", err), TL_ERROR_NOT_FOUND, "77");
    assert_error(tl_index_writer_touch_item(writer, 77, 0, err), TL_ERROR_NOT_FOUND, "77");
    assert_error(tl_index_writer_remove_item(writer, 77, err), TL_ERROR_NOT_FOUND, "77");
    assert_int_equal(put_item(writer, "/t", "c/d", "h"), id);
    assert_int_equal(missing_count(writer, &set), 1);
    commit_and_close(writer);
    tl_hit hit;
    assert_int_equal(search_ones(index, &set, "/t/c", 1, &hit), 1);
    assert_int_equal(hit.item_id, id);
    assert_int_not_equal(hit.item_id, other);
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.roots, 2); /* /r is gone with its last item */
    tl_index_close(index);
}

static void roots_move_and_merge(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    int64_t a = put_item(writer, "/old", "a", NULL), b = put_item(writer, "/other", "b", NULL);
    assert_ok(tl_index_writer_move_root(writer, "/old", "/new", err));
    assert_ok(tl_index_writer_move_root(writer, "/new", "/new", err));
    assert_int_equal(put_item(writer, "/new", "a", NULL), a);
    assert_ok(tl_index_writer_move_root(writer, "/new", "/other", err));
    assert_int_equal(put_item(writer, "/other", "a", NULL), a);
    assert_int_equal(put_item(writer, "/other", "b", NULL), b);
    put_item(writer, "/third", "b", NULL);
    assert_error(tl_index_writer_move_root(writer, "/third", "/other", err), TL_ERROR_INVALID, "'b'");
    assert_error(tl_index_writer_move_root(writer, "/nowhere", "/other", err), TL_ERROR_NOT_FOUND, "/nowhere");
    commit_and_close(writer);
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.items, 3);
    assert_int_equal(stats.roots, 2);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
}

static void a_directory_limits_the_search(void **state)
{
    (void)state;
    /* 8 and 9 are neighbours of /a/b in name only. */
    static const char *const places[][2] = {{"/a", "b/x"},  {"/a", "b/c/x"},      {"/a", "bb/x"}, {"/a/b", "y"},  {"/a/b/c", "z"},
                                            {"/", "a/b/w"}, {"DATASET", "a/b/x"}, {"/a", "b"},    {"/a", "b0/x"}, {"/a/bc", "v"}};
    static const struct {
        const char *directory;
        const char *expected; /* which places, as digits */
    } cases[] = {{"/", "012345789"}, {"/a", "012345789"}, {"/a/b", "01345"}, {"/a/b/", "01345"},
                 {"/a/b/c", "14"},   {"/a/b/c/d", ""},    {"/a/bb", "2"},    {"/a/", "012345789"},
                 {"/b", ""},         {"/a/b/x", ""},      {"/a/bc", "9"},    {"/DATASET/a/b", ""}};
    tl_vector_set sets[] = {test_set(TL_VECTOR_IMAGE, 3), test_set(TL_VECTOR_CAPTION, 3)};
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    int64_t items[10];
    for (size_t i = 0; i < 10; i++) {
        const char *captions[] = {"text"};
        tl_item item = {.root = places[i][0], .path = places[i][1], .captions = captions, .caption_count = 1};
        int64_t *ids;
        size_t count;
        assert_ok(tl_index_writer_put_item(writer, &item, &items[i], err));
        assert_ok(tl_index_writer_caption_ids(writer, items[i], &ids, &count, err));
        put_flat_vector(writer, &sets[0], items[i], 1);
        put_flat_vector(writer, &sets[1], ids[0], 1);
        tl_memory_free(ids);
    }
    commit_and_close(writer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t s = 0; s < 2; s++) {
            tl_hit hits[10];
            char found[11] = "";
            size_t count = search_ones(index, &sets[s], cases[i].directory, 10, hits);
            for (size_t h = 0; h < count; h++)
                for (size_t p = 0; p < 10; p++)
                    if (items[p] == hits[h].item_id) {
                        found[h] = (char)('0' + p);
                        found[h + 1] = '\0';
                    }
            assert_string_equal(found, cases[i].expected);
        }
    tl_index_searcher *searcher;
    assert_ok(tl_index_searcher_create(index, sets[0].model, TL_VECTOR_IMAGE, &searcher, err));
    tl_search_options options = {.k = 1, .directory = "a/b"};
    tl_hit hit;
    size_t count;
    assert_error(tl_index_searcher_search(searcher, (float[]){1, 1, 1}, &options, &hit, &count, err), TL_ERROR_INVALID,
                 "absolute folder");
    tl_index_searcher_destroy(searcher);
    tl_index_close(index);
}

static void refused_vectors_and_sets_cost_nothing_else(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 2), bad = set;
    int64_t owners[] = {put_item(writer, "/r", "a", NULL), put_item(writer, "/r", "b", NULL)}, *missing;
    size_t count;
    assert_error(tl_index_writer_put_vectors(writer, &set, owners, (float[]){1, 2, 3, NAN}, 2, err), TL_ERROR_INVALID, "finite");
    assert_error(tl_index_writer_put_vectors(writer, &set, owners, (float[]){1, 2, -INFINITY, 1}, 2, err), TL_ERROR_INVALID,
                 "finite");
    assert_error(tl_index_writer_put_vectors(writer, &set, (int64_t[]){owners[0], 55}, (float[]){1, 2, 3, 4}, 2, err),
                 TL_ERROR_NOT_FOUND, "image 55");
    assert_int_equal(missing_count(writer, &set), 2); /* nothing of the refused calls was written */
    bad.dim = 0;
    assert_error(tl_index_writer_put_vectors(writer, &bad, owners, (float[]){0}, 1, err), TL_ERROR_INVALID, "dimension");
    bad.dim = 65537;
    assert_error(tl_index_writer_missing(writer, &bad, &missing, &count, err), TL_ERROR_INVALID, "dimension");
    bad = set;
    memset(bad.model, 'x', sizeof bad.model);
    assert_error(tl_index_writer_put_vectors(writer, &bad, owners, (float[]){1, 2}, 1, err), TL_ERROR_INVALID, "fingerprint");
    bad.model[0] = '\0';
    assert_error(tl_index_writer_put_vectors(writer, &bad, owners, (float[]){1, 2}, 1, err), TL_ERROR_INVALID, "fingerprint");
    bad = set;
    bad.kind = (tl_vector_kind)7;
    assert_error(tl_index_writer_put_vectors(writer, &bad, owners, (float[]){1, 2}, 1, err), TL_ERROR_INVALID, "kind");
    assert_ok(tl_index_writer_put_vectors(writer, &set, owners, (float[]){1, 2, 3, 4}, 2, err));
    bad = set;
    bad.dim = 3;
    assert_error(tl_index_writer_put_vectors(writer, &bad, owners, (float[]){1, 2, 3}, 1, err), TL_ERROR_INVALID,
                 "expected dimension 2");
    assert_error(tl_index_writer_missing(writer, &bad, &missing, &count, err), TL_ERROR_INVALID, "expected dimension 2");

    tl_item item = {.root = "/r", .path = ""};
    int64_t id;
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "a root and a path");
    item = (tl_item){.root = NULL, .path = "a"};
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "a root and a path");
    item = (tl_item){.root = "/r", .path = "a", .has_place = true, .latitude = NAN};
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "latitude");
    item = (tl_item){.root = "/r", .path = "a", .size = UINT64_MAX};
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "size");
    item = (tl_item){.root = "/r", .path = "a", .captions = (const char *const[]){NULL}, .caption_count = 1};
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "caption 1");
    item.caption_count = 1000000;
    assert_error(tl_index_writer_put_item(writer, &item, &id, err), TL_ERROR_INVALID, "captions");
    commit_and_close(writer);
    assert_ok(tl_index_check(index, err));
    tl_hit hits[4];
    assert_int_equal(search_ones(index, &set, NULL, 4, hits), 2);
    tl_index_close(index);
}

static void searches_are_checked(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_searcher *searcher;
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 3);
    assert_error(tl_index_searcher_create(index, set.model, set.kind, &searcher, err), TL_ERROR_NOT_FOUND, "none of any model");
    tl_index_writer *writer = open_writer(index);
    int64_t id = put_item(writer, "/r", "a", NULL);
    put_flat_vector(writer, &set, id, 1);
    assert_error(tl_index_searcher_create(index, set.model, set.kind, &searcher, err), TL_ERROR_NOT_FOUND, "none of any model");
    assert_ok(tl_index_writer_commit(writer, err));
    assert_error(tl_index_searcher_create(index, "another", set.kind, &searcher, err), TL_ERROR_NOT_FOUND,
                 "1 image vectors of 'tiny'");
    assert_error(tl_index_searcher_create(index, set.model, TL_VECTOR_CAPTION, &searcher, err), TL_ERROR_NOT_FOUND,
                 "expected caption vectors");
    assert_error(tl_index_searcher_create(index, set.model, (tl_vector_kind)9, &searcher, err), TL_ERROR_INVALID, "kind");
    assert_ok(tl_index_searcher_create(index, set.model, set.kind, &searcher, err));
    assert_int_equal(tl_index_searcher_dim(searcher), 3);
    tl_search_options options = {.k = 5};
    tl_hit hits[5];
    size_t count;
    assert_error(tl_index_searcher_search(searcher, (float[]){1, NAN, 1}, &options, hits, &count, err), TL_ERROR_INVALID,
                 "finite");
    assert_error(tl_index_searcher_search(searcher, (float[]){1, 1, INFINITY}, &options, hits, &count, err), TL_ERROR_INVALID,
                 "finite");
    assert_error(tl_index_searcher_search(searcher, (float[]){1, 1, 1}, &(tl_search_options){0}, hits, &count, err),
                 TL_ERROR_INVALID, "at least 1");
    assert_ok(tl_index_searcher_search(searcher, (float[]){1, 1, 1}, &options, hits, &count, err));
    assert_int_equal(count, 1);
    assert_int_equal(hits[0].caption_id, 0);
    /* A search sees what was committed before it, by the same searcher as by a new one. */
    put_flat_vector(writer, &set, put_item(writer, "/r", "b", NULL), 2);
    assert_ok(tl_index_searcher_search(searcher, (float[]){1, 1, 1}, &options, hits, &count, err));
    assert_int_equal(count, 1);
    assert_ok(tl_index_writer_commit(writer, err));
    assert_ok(tl_index_searcher_search(searcher, (float[]){1, 1, 1}, &options, hits, &count, err));
    assert_int_equal(count, 2);
    assert_true(hits[0].score == 6 && hits[1].score == 3);
    tl_index_writer_close(writer);
    tl_index_searcher_destroy(searcher);

    tl_vector_set *sets;
    assert_ok(tl_index_sets(index, &sets, &count, err));
    assert_int_equal(count, 1);
    assert_string_equal(sets[0].model, set.model);
    assert_string_equal(sets[0].model_name, "tiny");
    assert_int_equal(sets[0].dim, 3);
    assert_int_equal(sets[0].count, 2);
    tl_memory_free(sets);
    tl_index_close(index);
}

static void without_a_commit_nothing_stays(void **state)
{
    (void)state;
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 3);
    put_flat_vector(writer, &set, put_item(writer, "/r", "a", NULL), 1);
    assert_ok(tl_index_writer_commit(writer, err));
    put_flat_vector(writer, &set, put_item(writer, "/r", "b", NULL), 2);
    tl_index_writer_close(writer);
    tl_index_close(index);
    assert_int_not_equal(access("index.twinlens-wal", F_OK), 0); /* one file once closed */
    assert_int_not_equal(access("index.twinlens-shm", F_OK), 0);
    index = open_index(path, TL_INDEX_WRITE);
    tl_hit hits[4];
    assert_int_equal(search_ones(index, &set, NULL, 4, hits), 1);
    assert_true(hits[0].score == 3);
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
    index = open_index(path, TL_INDEX_READ);
    assert_error(tl_index_writer_open(index, &writer, err), TL_ERROR_INVALID, "opened for reading");
    assert_int_equal(search_ones(index, &set, NULL, 4, hits), 1);
    tl_index_close(index);
    assert_int_not_equal(access("index.twinlens-wal", F_OK), 0);
}

/* A second writer waits for five seconds and then says why. */
static void one_writer_at_a_time(void **state)
{
    (void)state;
    tl_index *index = new_index(path), *second = open_index(path, TL_INDEX_WRITE);
    tl_index_writer *writer = open_writer(index), *other;
    assert_error(tl_index_writer_open(second, &other, err), TL_ERROR_IO, "another program is writing");
    commit_and_close(writer);
    writer = open_writer(second);
    tl_index_writer_close(writer);
    tl_index_close(second);
    tl_index_close(index);
}

static long long file_size(const char *name)
{
    tl_file_status status;
    assert_ok(tl_file_status_read(name, &status, err));
    return (long long)status.size;
}

static void removed_space_is_used_again_and_vacuum_frees_it(void **state)
{
    (void)state;
    enum { COUNT = 600, DIM = 512 };
    tl_index *index = new_index(path);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
    set.storage = TL_VECTOR_STORE_F32;
    long long full = 0;
    for (int round = 0; round < 3; round++) {
        tl_index_writer *writer = open_writer(index);
        int64_t ids[COUNT];
        for (int i = 0; i < COUNT; i++) {
            char name[32];
            snprintf(name, sizeof name, "%d", i);
            ids[i] = put_item(writer, "/r", name, NULL);
            put_flat_vector(writer, &set, ids[i], (float)i);
        }
        assert_ok(tl_index_writer_commit(writer, err));
        for (int i = 0; i < COUNT; i++)
            if (i % 10 != 0)
                assert_ok(tl_index_writer_remove_item(writer, ids[i], err));
        commit_and_close(writer);
        assert_ok(tl_index_check(index, err));
        if (round == 0)
            full = file_size(path);
    }
    assert_true(full > (long long)COUNT * DIM * 4);
    assert_true(file_size(path) <= full + 200000);
    tl_index_close(index);
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "VACUUM", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    assert_true(file_size(path) < full / 3);
    index = open_index(path, TL_INDEX_READ);
    assert_ok(tl_index_check(index, err));
    tl_hit hits[COUNT];
    assert_int_equal(search_ones(index, &set, NULL, COUNT, hits), COUNT / 10);
    tl_index_close(index);
}

/* The tables are for people too: the sqlite3 shell reads them. */
static void the_sqlite3_shell_reads_it(void **state)
{
    (void)state;
    if (system("sqlite3 --version >/dev/null 2>&1") != 0) {
        puts("skipped: the sqlite3 shell is not installed");
        skip();
    }
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 2);
    const char *captions[] = {"a red fox"};
    put_flat_vector(writer, &set, put_captioned(writer, "fox.jpg", "h", captions, 1), 1);
    commit_and_close(writer);
    tl_index_close(index);
    FILE *shell = popen(
        "sqlite3 index.twinlens \"SELECT r.path || '/' || i.path, c.text, s.model_name, s.count, hex(b.vectors) FROM roots r "
        "JOIN items i ON i.root_id=r.id JOIN captions c ON c.item_id=i.id JOIN vector_owners o ON o.owner=i.id "
        "JOIN vector_sets s ON s.id=o.set_id JOIN vector_blocks b ON b.id=o.block_id\"",
        "r");
    assert_non_null(shell);
    char line[256] = "";
    assert_non_null(fgets(line, sizeof line, shell));
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(line, "/r/fox.jpg|a red fox|tiny|1|003C003C\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(absent_fields_stay_absent),
        cmocka_unit_test(paths_of_any_bytes),
        cmocka_unit_test(items_are_visited_in_order),
        cmocka_unit_test(captions_keep_ids_and_vectors_while_their_text_stays),
        cmocka_unit_test(a_changed_hash_drops_image_vectors_of_every_set),
        cmocka_unit_test(a_moved_item_keeps_its_vectors),
        cmocka_unit_test(roots_move_and_merge),
        cmocka_unit_test(a_directory_limits_the_search),
        cmocka_unit_test(refused_vectors_and_sets_cost_nothing_else),
        cmocka_unit_test(searches_are_checked),
        cmocka_unit_test(without_a_commit_nothing_stays),
        cmocka_unit_test(one_writer_at_a_time),
        cmocka_unit_test(removed_space_is_used_again_and_vacuum_frees_it),
        cmocka_unit_test(the_sqlite3_shell_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * One bit of a closed file is another: in a set that is divided into lists with a tail, and in one that is not, a search gives an
 * error or the answer of the sound file, exact and approximate, within a folder, under a condition and of few rows, down to the
 * paths of the pictures found; and a file that the full check calls sound answers everything. Of words FTS5 has no checksums:
 * places by them may be wrong, but not in a file that the check calls sound. TL_SOAK=1: 10,000 bits.
 */
#include "tests/unit/index/index_fixture.h"

#include <fcntl.h>

enum { ITEMS = 600, TAIL = 60, CAPTIONED = 120, DIM = 24, K = 20, LISTS = 10, QUERIES = 3, PAGE = 16384 };

static const char path[] = "flips.twinlens", wal[] = "flips.twinlens-wal", shm[] = "flips.twinlens-shm";

static void put_rows(tl_index_writer *writer, size_t first, size_t count)
{
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, DIM), captions = test_set(TL_VECTOR_CAPTION, DIM);
    captions.storage = TL_VECTOR_STORE_F32;
    for (size_t i = first; i < first + count; i++) {
        char name[32], text[32];
        const char *const texts[] = {text};
        float vector[DIM];
        int64_t id, *ids;
        size_t caption_count;
        tl_random random = tl_random_stream(51, i);
        random_vector(&random, vector, DIM);
        snprintf(name, sizeof name, "%zu/%zu.jpg", i % 5, i);
        snprintf(text, sizeof text, "caption %zu", i);
        tl_item item = {.root = "/r",
                        .path = name,
                        .hash = "h",
                        .width = (uint32_t)i,
                        .camera = i % 2 == 0 ? "Pentax" : "Leica",
                        .captions = texts,
                        .caption_count = i < CAPTIONED};
        assert_ok(tl_index_writer_put_item(writer, &item, &id, err));
        assert_ok(tl_index_writer_put_vectors(writer, &images, &id, vector, 1, err));
        if (i >= CAPTIONED)
            continue;
        assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &caption_count, err));
        assert_ok(tl_index_writer_put_vectors(writer, &captions, ids, vector, 1, err));
        tl_memory_free(ids);
    }
}

static void make_file(void)
{
    tl_index *index = new_index(path);
    tl_index_writer *writer = open_writer(index);
    put_rows(writer, 0, ITEMS - TAIL);
    assert_ok(tl_index_writer_divide(writer, test_set(TL_VECTOR_IMAGE, DIM).model, TL_VECTOR_IMAGE, LISTS, NULL, err));
    assert_ok(tl_index_writer_commit(writer, err));
    put_rows(writer, ITEMS - TAIL, TAIL);
    commit_and_close(writer);
    tl_index_close(index);
}

/* Ways to ask, and how many are found. */
static const struct {
    tl_vector_kind kind;
    tl_search_options options;
    size_t count;
} ways[] = {
    {TL_VECTOR_IMAGE, {.k = K, .exact = true}, K},
    {TL_VECTOR_IMAGE, {.k = K, .probes = 3}, K},
    {TL_VECTOR_IMAGE, {.k = ITEMS}, ITEMS},
    {TL_VECTOR_CAPTION, {.k = K}, K},
    {TL_VECTOR_IMAGE, {.k = K, .directory = "/r/3"}, K},
    {TL_VECTOR_CAPTION, {.k = K, .directory = "/r/3"}, K},
    {TL_VECTOR_IMAGE, {.k = K, .where = "width % 3 = 0 AND camera = 'Leica'"}, K},
    {TL_VECTOR_IMAGE, {.k = K, .where = "width = 77"}, 1}, /* so few that they are fetched one by one */
    {TL_VECTOR_CAPTION, {.k = K, .where = "caption LIKE '%7%'"}, K},
    {TL_VECTOR_IMAGE, {.k = K, .words = "the caption 77, 78"}, K},
    {TL_VECTOR_CAPTION, {.k = K, .words = "19"}, K},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

typedef struct answer {
    size_t count;
    tl_hit hits[ITEMS];
    char paths[ITEMS][16];
} answer;

static answer right[WAYS][QUERIES];

static bool ask(tl_index *index, tl_index_searcher *searcher, size_t way, size_t query_number, answer *out, tl_error *err)
{
    float query[DIM];
    tl_random random = tl_random_stream(52, query_number);
    random_vector(&random, query, DIM);
    if (tl_index_searcher_dim(searcher) != DIM)
        return tl_fail(err, TL_ERROR_CORRUPT, "dimension");
    if (!tl_index_searcher_search(searcher, query, &ways[way].options, out->hits, &out->count, err))
        return false;
    for (size_t i = 0; i < out->count; i++) {
        tl_item item;
        void *block;
        if (!tl_index_item_read(index, out->hits[i].item_id, &item, &block, err))
            return false;
        snprintf(out->paths[i], sizeof out->paths[i], "%s", item.path);
        tl_memory_free(block);
    }
    return true;
}

typedef struct tally {
    size_t errors, rights, wrongs, sound;
} tally;

/* Every question, on one opened file; the first wrong answer is described in what [size]. */
static void use_file(tally *seen, char *what, size_t size)
{
    tl_error error = {0};
    tl_index *index = NULL;
    static answer found;
    bool is_all_right = true;
    if (!tl_index_open(path, TL_INDEX_READ, &index, &error)) {
        assert_true(error.kind != TL_ERROR_NONE && error.message[0] != '\0');
        seen->errors++;
        return;
    }
    for (size_t way = 0; way < WAYS; way++) {
        tl_index_searcher *searcher = NULL;
        if (!tl_index_searcher_create(index, test_set(TL_VECTOR_IMAGE, DIM).model, ways[way].kind, &searcher, &error)) {
            seen->errors++;
            is_all_right = false;
            continue;
        }
        for (size_t q = 0; q < QUERIES; q++) {
            const answer *expected = &right[way][q];
            if (!ask(index, searcher, way, q, &found, &error)) {
                seen->errors++;
                is_all_right = false;
                continue;
            }
            bool is_same =
                found.count == expected->count && memcmp(found.hits, expected->hits, found.count * sizeof found.hits[0]) == 0;
            for (size_t i = 0; is_same && i < found.count; i++)
                is_same = strcmp(found.paths[i], expected->paths[i]) == 0;
            seen->rights += is_same;
            seen->wrongs += !is_same;
            is_all_right = is_all_right && is_same;
            if (!is_same && ways[way].options.words == NULL)
                snprintf(what, size, "way %zu, query %zu: %zu of %zu found", way, q, found.count, expected->count);
        }
        tl_index_searcher_destroy(searcher);
    }
    if (tl_index_check(index, &error)) {
        seen->sound++;
        if (!is_all_right && what[0] == '\0')
            snprintf(what, size, "the check calls it sound");
    }
    tl_index_close(index);
}

static void flip(int file, size_t at, unsigned bit)
{
    unsigned char byte;
    assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
    byte ^= (unsigned char)(1u << bit);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
}

static void flipped_bits_give_an_error_or_the_exact_answer(void **state)
{
    (void)state;
    tally seen = {0};
    tl_file_status status;
    char what[200] = "";
    size_t flips = is_soak() ? 10000 : 200, wrong_files = 0;
    make_file();
    tl_index *index = open_index(path, TL_INDEX_READ);
    for (size_t way = 0; way < WAYS; way++) {
        tl_index_searcher *searcher;
        assert_ok(tl_index_searcher_create(index, test_set(TL_VECTOR_IMAGE, DIM).model, ways[way].kind, &searcher, err));
        for (size_t q = 0; q < QUERIES; q++) {
            assert_ok(ask(index, searcher, way, q, &right[way][q], err));
            assert_int_equal(right[way][q].count, ways[way].count);
        }
        tl_index_searcher_destroy(searcher);
    }
    tl_index_close(index);
    assert_ok(tl_file_status_read(path, &status, err));
    for (uint64_t round = 0; round < flips; round++) {
        tl_random random = tl_random_stream(53, round);
        size_t at = (size_t)tl_random_below(&random, status.size);
        if (round % 2 == 1) { /* the ends of a page, where it says what it is and where rows lie first */
            size_t in_page = (size_t)tl_random_below(&random, 1000);
            at = at / PAGE * PAGE + (in_page < 300 ? in_page : PAGE - 1300 + in_page);
        }
        unsigned bit = (unsigned)tl_random_below(&random, 8);
        unlink(wal);
        unlink(shm);
        int file = open(path, O_RDWR); /* closed before SQLite opens it, and the other way round: its locks go with a close */
        assert_true(file >= 0);
        flip(file, at, bit);
        assert_int_equal(close(file), 0);
        what[0] = '\0';
        use_file(&seen, what, sizeof what);
        file = open(path, O_RDWR);
        assert_true(file >= 0);
        flip(file, at, bit);
        assert_int_equal(close(file), 0);
        if (what[0] != '\0') {
            wrong_files++;
            printf("bit %u of byte %zu (page %zu, %zu in it): %s\n", bit, at, at / PAGE, at % PAGE, what);
        }
    }
    printf("%zu bits: %zu errors, %zu right answers, %zu wrong, %zu files sound\n", flips, seen.errors, seen.rights, seen.wrongs,
           seen.sound);
    assert_int_equal(wrong_files, 0);
    assert_true(seen.errors > flips / 20 && seen.rights > flips && seen.sound > 0);
    /* The file was never written: it is as it was. */
    use_file(&seen, what, sizeof what);
    assert_string_equal(what, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(flipped_bits_give_an_error_or_the_exact_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

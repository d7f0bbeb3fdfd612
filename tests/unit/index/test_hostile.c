/* Files that are not what they should be, and places that do not let us write: always an error that says which, never a crash or
 * a wrong answer. */
#include "tests/unit/index/index_fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ITEMS = 300, DIM = 16 };

static const char path[] = "hostile.twinlens", copy[] = "hostile_copy.twinlens";

static void write_file(const char *name, const void *bytes, size_t size)
{
    remove_index(name);
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void fill(tl_index_writer *writer, size_t item_count, uint32_t dim)
{
    tl_vector_set images = test_set(TL_VECTOR_IMAGE, dim), captions = test_set(TL_VECTOR_CAPTION, dim);
    float *vectors = tl_memory_allocate(dim, sizeof *vectors, NULL);
    for (size_t i = 0; i < item_count; i++) {
        tl_random random = tl_random_stream(5, i);
        char name[32], text[32];
        const char *texts[] = {text};
        int64_t *ids;
        size_t count;
        snprintf(name, sizeof name, "%zu.jpg", i);
        snprintf(text, sizeof text, "caption %zu", i);
        int64_t id = put_captioned(writer, name, "h", texts, 1);
        assert_ok(tl_index_writer_caption_ids(writer, id, &ids, &count, err));
        random_vector(&random, vectors, dim);
        assert_ok(tl_index_writer_put_vectors(writer, &images, &id, vectors, 1, err));
        assert_ok(tl_index_writer_put_vectors(writer, &captions, ids, vectors, 1, err));
        tl_memory_free(ids);
    }
    tl_memory_free(vectors);
}

static void make_index(const char *name)
{
    tl_index *index = new_index(name);
    tl_index_writer *writer = open_writer(index);
    fill(writer, ITEMS, DIM);
    commit_and_close(writer);
    tl_index_close(index);
}

static void run_sql(const char *name, const char *sql)
{
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(name, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void other_files_are_refused_and_left_alone(void **state)
{
    (void)state;
    static const tl_index_mode modes[] = {TL_INDEX_READ, TL_INDEX_WRITE, TL_INDEX_CREATE};
    char text[2000];
    memset(text, 'x', sizeof text);
    tl_index *index;
    for (size_t m = 0; m < 3; m++) {
        write_file(copy, text, sizeof text);
        assert_error(tl_index_open(copy, modes[m], &index, err), TL_ERROR_CORRUPT, "not a database");
        tl_string bytes;
        tl_string_init(&bytes, 1 << 20);
        assert_ok(tl_file_read(copy, &bytes, err));
        assert_true(bytes.size == sizeof text && memcmp(bytes.data, text, sizeof text) == 0);

        remove_index(copy);
        run_sql(copy, "CREATE TABLE items(id INTEGER PRIMARY KEY)");
        tl_string before;
        tl_string_init(&before, 1 << 20);
        assert_ok(tl_file_read(copy, &before, err));
        assert_error(tl_index_open(copy, modes[m], &index, err), TL_ERROR_INVALID, "another application");
        tl_string_reset(&bytes);
        assert_ok(tl_file_read(copy, &bytes, err));
        assert_true(tl_slice_equal(tl_string_slice(&bytes), tl_string_slice(&before)));
        tl_string_clear(&bytes);
        tl_string_clear(&before);
        assert_error(tl_index_open(".", modes[m], &index, err), TL_ERROR_INVALID, "folder");
        assert_error(tl_index_open("", modes[m], &index, err), TL_ERROR_INVALID, "empty");
        assert_error(tl_index_open("hostile_copy.twinlens/below", modes[m], &index, err),
                     m == 2 ? TL_ERROR_INVALID : TL_ERROR_NOT_FOUND, m == 2 ? "expected a folder" : "no such picture index");
    }
    write_file(copy, "", 0);
    assert_error(tl_index_open(copy, TL_INDEX_READ, &index, err), TL_ERROR_INVALID, "an empty database");
    assert_error(tl_index_open(copy, TL_INDEX_WRITE, &index, err), TL_ERROR_INVALID, "an empty database");
    assert_ok(tl_index_open(copy, TL_INDEX_CREATE, &index, err));
    tl_index_close(index);
    remove_index(copy);
    assert_error(tl_index_open(copy, TL_INDEX_READ, &index, err), TL_ERROR_NOT_FOUND, "no such picture index");
    assert_error(tl_index_open(copy, TL_INDEX_WRITE, &index, err), TL_ERROR_NOT_FOUND, "no such picture index");
    assert_int_not_equal(access(copy, F_OK), 0);
}

static void other_versions_and_schemas_are_refused(void **state)
{
    (void)state;
    tl_index *index;
    make_index(path);
    run_sql(path, "PRAGMA user_version=99");
    assert_error(tl_index_open(path, TL_INDEX_READ, &index, err), TL_ERROR_UNSUPPORTED, "found version 99");
    assert_error(tl_index_open(path, TL_INDEX_CREATE, &index, err), TL_ERROR_UNSUPPORTED, "found version 99");
    run_sql(path, "PRAGMA user_version=0");
    assert_error(tl_index_open(path, TL_INDEX_CREATE, &index, err), TL_ERROR_CORRUPT, "found version 0");
    run_sql(path, "PRAGMA user_version=3; DROP INDEX captions_of_item");
    assert_error(tl_index_open(path, TL_INDEX_READ, &index, err), TL_ERROR_CORRUPT, "INDEX captions_of_item");

    make_index(path);
    run_sql(path, "CREATE TABLE mine(a); CREATE VIEW big AS SELECT * FROM items; ANALYZE");
    index = open_index(path, TL_INDEX_READ); /* a person's own tables are no one's business */
    assert_ok(tl_index_check(index, err));
    tl_index_close(index);
    run_sql(path, "DROP TABLE vector_owners; CREATE VIEW vector_owners AS WITH RECURSIVE n(set_id) AS (SELECT 1 UNION ALL SELECT "
                  "set_id+1 FROM n) "
                  "SELECT set_id, 1 AS owner, 1 AS block_id FROM n");
    assert_error(tl_index_open(path, TL_INDEX_READ, &index, err), TL_ERROR_CORRUPT, "TABLE vector_owners");

    make_index(path);
    run_sql(path, "CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM captions; END");
    index = open_index(path, TL_INDEX_WRITE);
    tl_index_writer *writer = open_writer(index);
    put_item(writer, "/r", "new", NULL);
    commit_and_close(writer);
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_int_equal(stats.captions, ITEMS);
    tl_index_close(index);
}

/* Each of these leaves a sound SQLite database that tl_index_check must still refuse. */
static void check_finds_what_sqlite_does_not(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"UPDATE vector_blocks SET checksum=checksum+1 WHERE id=1", "checksum"},
        {"UPDATE vector_blocks SET vectors=zeroblob(length(vectors))", "checksum"},
        {"UPDATE vector_blocks SET head=zeroblob(length(head))", "checksum"},
        {"UPDATE vector_blocks SET count=count-1 WHERE id=1", "vectors of dimension"},
        {"UPDATE vector_blocks SET count=-1", "at most"},
        {"UPDATE vector_blocks SET count=9223372036854775807", "at most"},
        {"UPDATE vector_sets SET dim=dim*2", "dimension"},
        {"UPDATE vector_sets SET count=count+1", "vectors, found"},
        {"DELETE FROM vector_owners WHERE owner=7", "vector_owners for 7"},
        {"DELETE FROM captions WHERE id=9", "caption 9"},
        {"PRAGMA foreign_keys=OFF; DELETE FROM items WHERE id=9", "refers to a missing one"},
        {"UPDATE items SET width=width+1 WHERE id=9", "table items: expected 300 rows with columns"},
        {"UPDATE items SET path='z' WHERE id=9", "table items: expected 300 rows with keys"},
        {"UPDATE captions SET text='another' WHERE id=9", "table captions: expected 300 rows with columns"},
        {"UPDATE roots SET path='/s'", "table roots: expected 1 rows with keys"},
        {"UPDATE table_sums SET count=count+1 WHERE name='captions'", "table_sums: expected a sound row of table captions"},
        {"DELETE FROM caption_words_docsize WHERE id=9", "table caption_words: expected the words of caption 9"},
        {"UPDATE caption_words_docsize SET sz=x'05' WHERE id=9", "table caption_words: expected the words of caption 9"},
        {"UPDATE caption_words_data SET block=x'0000' WHERE id=1", "table caption_words: expected the words"},
        {"INSERT INTO caption_words(caption_words, rowid, text) SELECT 'delete', id, text FROM captions WHERE id=9;"
         "INSERT INTO caption_words(rowid, text) SELECT id, text || ' zzz' FROM captions WHERE id=9",
         "expected no more words, found some of caption 9"},
        {"DELETE FROM caption_words_data WHERE id > 10; DELETE FROM caption_words_idx", "malformed"},
        {"DELETE FROM table_sums WHERE name='items'", "table_sums: expected a sound row of table items, found none"},
        {"DELETE FROM vector_blocks WHERE id=1", "found 0 in blocks"},
        {"UPDATE vector_owners SET block_id=2 WHERE set_id=1 AND owner=7", "one of another block"},
        {"INSERT INTO vector_owners(set_id, owner, block_id) VALUES(1, 12345, 1)", "301 owners"},
        {"INSERT INTO vector_blocks(set_id, list, count, checksum, radius, mark, head, vectors) VALUES(1, 0, 0, 0, 0, 0, x'', "
         "x'')",
         "checksum"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        make_index(path);
        run_sql(path, faults[i][0]);
        tl_index *index = open_index(path, TL_INDEX_READ);
        for (int times = 0; times < 2; times++) /* nothing of the first is in the way of the second */
            assert_error(tl_index_check(index, err), TL_ERROR_CORRUPT, faults[i][1]);
        tl_index_close(index);
    }
}

typedef struct answer {
    bool is_error;
    size_t count;
    tl_hit hits[ITEMS];
} answer;

static bool search(tl_index *index, tl_vector_kind kind, answer *out, tl_error *err)
{
    tl_index_searcher *searcher = NULL;
    tl_vector_set set = test_set(kind, DIM);
    float query[DIM];
    tl_random random = tl_random_stream(123, 0);
    random_vector(&random, query, DIM);
    tl_search_options options = {.k = ITEMS};
    bool ok = tl_index_searcher_create(index, set.model, kind, &searcher, err);
    if (ok && tl_index_searcher_dim(searcher) != DIM) {
        tl_index_searcher_destroy(searcher);
        return tl_fail(err, TL_ERROR_CORRUPT, "dimension");
    }
    ok = ok && tl_index_searcher_search(searcher, query, &options, out->hits, &out->count, err);
    tl_index_searcher_destroy(searcher);
    return ok;
}

static bool ignore_item(void *context, const tl_item *item, tl_error *err)
{
    (void)err;
    *(size_t *)context += strlen(item->path) + item->caption_count;
    return true;
}

/* Does everything with the file and reports whether any of it was wrong without an error. */
static void use_broken_file(const char *name, const answer right[2], size_t *error_count, size_t *right_count)
{
    tl_error error = {0};
    tl_index *index = NULL;
    static answer found;
    if (!tl_index_open(name, TL_INDEX_WRITE, &index, &error)) {
        assert_true(error.message[0] != '\0' && error.kind != TL_ERROR_NONE);
        ++*error_count;
        return;
    }
    for (int kind = 0; kind < 2; kind++)
        if (!search(index, (tl_vector_kind)kind, &found, &error)) {
            ++*error_count;
        } else {
            assert_int_equal(found.count, right[kind].count);
            assert_memory_equal(found.hits, right[kind].hits, found.count * sizeof found.hits[0]);
            ++*right_count;
        }
    size_t bytes = 0;
    (void)!tl_index_check(index, &error);
    (void)!tl_index_each_item(index, NULL, ignore_item, &bytes, &error);
    tl_index_writer *writer = NULL;
    if (tl_index_writer_open(index, &writer, &error)) {
        tl_item item = {.root = "/r", .path = "5.jpg", .hash = "changed"};
        int64_t id;
        float vector[DIM] = {0};
        tl_vector_set set = test_set(TL_VECTOR_IMAGE, DIM);
        (void)!(tl_index_writer_put_item(writer, &item, &id, &error) &&
                tl_index_writer_put_vectors(writer, &set, &id, vector, 1, &error) &&
                tl_index_writer_remove_item(writer, 9, &error) && tl_index_writer_commit(writer, &error));
        tl_index_writer_close(writer);
    }
    tl_index_close(index);
}

static void flipped_bits_give_an_error_or_the_right_answer(void **state)
{
    (void)state;
    static answer right[2];
    tl_string bytes;
    tl_string_init(&bytes, 64 << 20);
    make_index(path);
    assert_ok(tl_file_read(path, &bytes, err));
    tl_index *index = open_index(path, TL_INDEX_READ);
    for (int kind = 0; kind < 2; kind++)
        assert_ok(search(index, (tl_vector_kind)kind, &right[kind], err));
    assert_int_equal(right[1].count, ITEMS);
    tl_index_close(index);
    size_t errors = 0, rights = 0;
    for (uint64_t round = 0; round < 300; round++) {
        tl_random random = tl_random_stream(21, round);
        size_t at = (size_t)tl_random_below(&random, bytes.size);
        char mask = (char)(1u << tl_random_below(&random, 8));
        bytes.data[at] ^= mask;
        write_file(copy, bytes.data, bytes.size);
        bytes.data[at] ^= mask;
        use_broken_file(copy, right, &errors, &rights);
    }
    assert_true(errors > 20 && rights > 20);
    /* The first and last bytes of every page are where pages say what they are: one by one. */
    for (size_t page = 0; page < bytes.size; page += 16384)
        for (size_t i = 0; i < 12; i++) {
            bytes.data[page + i] ^= 0x55;
            write_file(copy, bytes.data, bytes.size);
            bytes.data[page + i] ^= 0x55;
            use_broken_file(copy, right, &errors, &rights);
        }
    /* Cut short. */
    for (uint64_t round = 0; round < 40; round++) {
        tl_random random = tl_random_stream(22, round);
        write_file(copy, bytes.data, (size_t)tl_random_below(&random, bytes.size));
        use_broken_file(copy, right, &errors, &rights);
    }
    tl_string_clear(&bytes);
}

/* The row of a caption that names another item: its search must not point at the wrong picture. */
static void a_caption_of_another_item_is_an_error(void **state)
{
    (void)state;
    static answer found;
    static const char text[] = "caption 99";
    tl_string bytes;
    tl_string_init(&bytes, 64 << 20);
    make_index(path);
    assert_ok(tl_file_read(path, &bytes, err));
    size_t at = 1, places = 0;
    for (size_t i = 1; i + sizeof text < bytes.size; i++)
        if (memcmp(bytes.data + i, text, sizeof text - 1) == 0) {
            at = i;
            places++;
        }
    assert_int_equal(places, 1);
    /* A row is item_id, position, text; position 0 takes no byte, so item_id 100 is the byte before the text. */
    assert_int_equal(bytes.data[at - 1], 100);
    bytes.data[at - 1] = 101;
    write_file(copy, bytes.data, bytes.size);
    tl_string_clear(&bytes);
    tl_index *index = open_index(copy, TL_INDEX_READ);
    assert_ok(search(index, TL_VECTOR_IMAGE, &found, err));
    assert_error(search(index, TL_VECTOR_CAPTION, &found, err), TL_ERROR_CORRUPT, "caption 100");
    assert_error(tl_index_check(index, err), TL_ERROR_CORRUPT, "a sound database");
    tl_index_close(index);
}

static void put_until_failure(tl_index_writer *writer, tl_error *error)
{
    tl_vector_set set = test_set(TL_VECTOR_IMAGE, 512);
    static float vector[512];
    set.model[0] = 'f';
    for (int i = 0; i < 100000; i++) {
        char name[32];
        int64_t id;
        snprintf(name, sizeof name, "more/%d", i);
        tl_item item = {.root = "/r", .path = name};
        if (!tl_index_writer_put_item(writer, &item, &id, error) ||
            !tl_index_writer_put_vectors(writer, &set, &id, vector, 1, error) ||
            (i % 50 == 49 && !tl_index_writer_commit(writer, error)))
            return;
    }
    fail_msg("expected the disk to be full some time");
}

/* In a child: files may not grow past a limit, as on a full disk. Exit code 0: all as promised. */
static int write_on_a_full_disk(void)
{
    signal(SIGXFSZ, SIG_IGN);
    tl_index *index = NULL;
    tl_index_writer *writer = NULL;
    tl_error error = {0};
    if (!tl_index_open(path, TL_INDEX_WRITE, &index, &error) || !tl_index_writer_open(index, &writer, &error))
        return 1;
    struct rlimit limit = {2 << 20, 2 << 20};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    put_until_failure(writer, &error);
    if (error.kind != TL_ERROR_IO) {
        fprintf(stderr, "child: %s\n", error.message);
        return 3;
    }
    tl_error again = {0};
    int64_t id;
    tl_item item = {.root = "/r", .path = "after"};
    if (tl_index_writer_put_item(writer, &item, &id, &again) || strstr(again.message, "after an earlier failure") == NULL ||
        tl_index_writer_commit(writer, &again))
        return 4;
    tl_index_writer_close(writer);
    tl_index_close(index);
    return 0;
}

static void a_full_disk_loses_nothing_that_was_committed(void **state)
{
    (void)state;
    make_index(path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(write_on_a_full_disk());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    tl_index *index = open_index(path, TL_INDEX_WRITE);
    assert_ok(tl_index_check(index, err));
    tl_index_stats stats;
    assert_ok(tl_index_stats_read(index, &stats, err));
    assert_true(stats.items >= ITEMS);
    assert_int_equal((stats.items - ITEMS) % 50, 0);
    tl_index_writer *writer = open_writer(index);
    put_item(writer, "/r", "after", NULL);
    commit_and_close(writer);
    tl_index_close(index);
}

/* In a child that is nobody: the folder and the file may only be read. */
static int read_in_a_read_only_folder(const char *name, size_t item_count)
{
    tl_index *index = NULL;
    static answer found;
    tl_error error = {0};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (tl_index_open(name, TL_INDEX_WRITE, &index, &error) || error.kind != TL_ERROR_IO)
        return 2;
    if (!tl_index_open(name, TL_INDEX_READ, &index, &error) || !search(index, TL_VECTOR_IMAGE, &found, &error) ||
        !tl_index_check(index, &error)) {
        fprintf(stderr, "child: %s\n", error.message);
        return 3;
    }
    tl_index_close(index);
    return found.count == item_count ? 0 : 4;
}

static int open_beside_a_log(const char *name)
{
    tl_index *index = NULL;
    tl_error error = {0};
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (tl_index_open(name, TL_INDEX_READ, &index, &error))
        return 2;
    return error.kind == TL_ERROR_IO && strstr(error.message, "-wal") != NULL ? 0 : 3;
}

static void run_child(int (*child_main)(const char *name), const char *name)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(child_main(name));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int read_all_items(const char *name)
{
    return read_in_a_read_only_folder(name, ITEMS);
}

static void a_read_only_folder_can_be_searched(void **state)
{
    (void)state;
    char folder[] = "/tmp/twinlens-index-test-XXXXXX", name[128], log[160];
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/read %%?#only.twinlens", folder);
    snprintf(log, sizeof log, "%s-wal", name);
    make_index(name);
    assert_int_equal(chmod(name, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    run_child(read_all_items, name);
    assert_int_not_equal(access(log, F_OK), 0);
    /* A log that cannot be read back must not be passed over. */
    assert_int_equal(chmod(folder, 0755), 0);
    write_file(log, "changes that wait", 17);
    assert_int_equal(chmod(log, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    run_child(open_beside_a_log, name);
    assert_int_equal(chmod(folder, 0755), 0);
    remove_index(name);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files_are_refused_and_left_alone),
        cmocka_unit_test(other_versions_and_schemas_are_refused),
        cmocka_unit_test(check_finds_what_sqlite_does_not),
        cmocka_unit_test(flipped_bits_give_an_error_or_the_right_answer),
        cmocka_unit_test(a_caption_of_another_item_is_an_error),
        cmocka_unit_test(a_full_disk_loses_nothing_that_was_committed),
        cmocka_unit_test(a_read_only_folder_can_be_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

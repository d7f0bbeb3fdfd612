/* Spools: what was added comes back, a torn tail is cut off at every length, damage is found out, and threads may add at once. */
#include "crawler-import/download/spool.h"

#include "base/core/random.h"
#include "base/io/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

enum { ROWS = 40 };

static const char path[] = "rows.spool";

/* What row i says: its sizes vary, some parts are empty. */
static tl_spool_record make_record(uint32_t index, char *bytes)
{
    tl_spool_record record = {.index = index,
                              .is_worth_retry = index % 3 == 0,
                              .has_text = index % 2 == 0,
                              .url_hash = index * UINT64_C(0x9e3779b97f4a7c15),
                              .picture_hash = index + 7};
    size_t at = 0;
    for (size_t part = 0; part < TL_SPOOL_PARTS; part++) {
        size_t size = (index * 31 + part * 17) % 50;
        for (size_t i = 0; i < size; i++)
            bytes[at + i] = (char)(index + part + i);
        record.parts[part] = (tl_slice){bytes + at, size};
        at += size;
    }
    return record;
}

static void assert_same(const tl_spool_record *a, const tl_spool_record *b)
{
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->is_worth_retry, b->is_worth_retry);
    assert_int_equal(a->has_text, b->has_text);
    assert_true(a->url_hash == b->url_hash && a->picture_hash == b->picture_hash);
    for (size_t part = 0; part < TL_SPOOL_PARTS; part++)
        assert_true(tl_slice_equal(a->parts[part], b->parts[part]));
}

static void check_row(tl_spool *spool, uint32_t index)
{
    char bytes[1024];
    tl_string buffer;
    tl_spool_record expected = make_record(index, bytes), found;
    tl_string_init(&buffer, 4096);
    assert_true(tl_spool_has(spool, index));
    assert_true(tl_spool_read(spool, index, &buffer, &found, NULL));
    assert_same(&expected, &found);
    tl_string_clear(&buffer);
}

/* A spool of the rows 0, 7, 14, ...: every row once. */
static void write_rows(uint32_t count)
{
    tl_spool *spool = NULL;
    unlink(path);
    assert_true(tl_spool_open(path, ROWS, &spool, NULL));
    for (uint32_t i = 0; i < count; i++) {
        char bytes[1024];
        tl_spool_record record = make_record(i * 7 % ROWS, bytes);
        assert_true(tl_spool_add(spool, &record, NULL));
    }
    assert_int_equal(tl_spool_count(spool), count);
    tl_spool_close(spool);
}

static void what_was_added_comes_back(void **state)
{
    (void)state;
    tl_spool *spool = NULL;
    write_rows(ROWS - 1);
    assert_true(tl_spool_open(path, ROWS, &spool, NULL));
    assert_int_equal(tl_spool_count(spool), ROWS - 1);
    for (uint32_t i = 0; i < ROWS - 1; i++)
        check_row(spool, i * 7 % ROWS);
    assert_false(tl_spool_has(spool, (ROWS - 1) * 7 % ROWS));
    /* What came first stands. */
    char bytes[1024];
    tl_spool_record other = make_record(1, bytes);
    other.index = 0;
    assert_true(tl_spool_add(spool, &other, NULL));
    check_row(spool, 0);
    tl_spool_close(spool);
    assert_true(tl_spool_open(path, ROWS, &spool, NULL));
    check_row(spool, 0);
    tl_spool_close(spool);
}

static tl_string read_all(void)
{
    tl_string bytes;
    tl_string_init(&bytes, 1 << 20);
    assert_true(tl_file_read(path, &bytes, NULL));
    return bytes;
}

static void write_all(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_torn_tail_is_cut_off(void **state)
{
    (void)state;
    write_rows(6);
    tl_string whole = read_all();
    size_t last = 0;
    for (size_t size = 0; size <= whole.size; size++) {
        tl_spool *spool = NULL;
        write_all(whole.data, size);
        assert_true(tl_spool_open(path, ROWS, &spool, NULL));
        size_t count = tl_spool_count(spool);
        assert_true(count == last || count == last + 1);
        last = count;
        for (uint32_t i = 0; i < count; i++)
            check_row(spool, i * 7 % ROWS);
        /* It goes on behind the whole records. */
        for (uint32_t i = (uint32_t)count; i < 8; i++) {
            char bytes[1024];
            tl_spool_record record = make_record(i * 7 % ROWS, bytes);
            assert_true(tl_spool_add(spool, &record, NULL));
        }
        tl_spool_close(spool);
        assert_true(tl_spool_open(path, ROWS, &spool, NULL));
        assert_int_equal(tl_spool_count(spool), 8);
        for (uint32_t i = 0; i < 8; i++)
            check_row(spool, i * 7 % ROWS);
        tl_spool_close(spool);
    }
    assert_int_equal(last, 6);
    tl_string_clear(&whole);
}

static void damage_ends_what_is_believed(void **state)
{
    (void)state;
    write_rows(6);
    tl_string whole = read_all();
    tl_random stream = tl_random_stream(11, 1);
    for (int round = 0; round < 400; round++) {
        size_t at = (size_t)tl_random_below(&stream, whole.size);
        char bit = (char)(1 << tl_random_below(&stream, 8));
        tl_spool *spool = NULL;
        whole.data[at] ^= bit;
        write_all(whole.data, whole.size);
        assert_true(tl_spool_open(path, ROWS, &spool, NULL));
        size_t count = tl_spool_count(spool);
        assert_true(count < 6);
        for (uint32_t i = 0; i < count; i++)
            check_row(spool, i * 7 % ROWS);
        tl_spool_close(spool);
        whole.data[at] ^= bit;
    }
    tl_string_clear(&whole);
}

static void *add_some(void *argument)
{
    tl_spool *spool = argument;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static uint32_t next;
    for (;;) {
        char bytes[1024];
        pthread_mutex_lock(&mutex);
        uint32_t index = next++;
        pthread_mutex_unlock(&mutex);
        if (index >= ROWS)
            return NULL;
        tl_spool_record record = make_record(index, bytes);
        if (!tl_spool_add(spool, &record, NULL))
            return argument;
    }
}

static void threads_may_add_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    tl_spool *spool = NULL;
    unlink(path);
    assert_true(tl_spool_open(path, ROWS, &spool, NULL));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_some, spool), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    for (uint32_t i = 0; i < ROWS; i++)
        check_row(spool, i);
    tl_spool_close(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_comes_back),
        cmocka_unit_test(a_torn_tail_is_cut_off),
        cmocka_unit_test(damage_ends_what_is_believed),
        cmocka_unit_test(threads_may_add_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

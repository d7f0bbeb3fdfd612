/* Groups of more pictures than a tile has rows, against those that two plain loops make. */
#include "tests/support/assert_ok.h"

#include "base/core/random.h"
#include "cli/app/dedup_job.h"

#include <math.h>
#include <stdio.h>

enum { COUNT = 700, DIM = 8 };
static const double threshold = 0.9;

static float vectors[COUNT][DIM];
static int64_t ids[COUNT];
static int expected[COUNT]; /* leader, or -1 */

static void make_index(void)
{
    tl_index *index;
    tl_index_writer *writer;
    tl_random random = tl_random_stream(3, 1);
    const tl_vector_set set = {
        .model = "0123456789abcdef0123456789abcdef", .kind = TL_VECTOR_IMAGE, .dim = DIM, .storage = TL_VECTOR_STORE_F32};
    assert_ok(tl_index_open("i.db", TL_INDEX_CREATE, &index, err) && tl_index_writer_open(index, &writer, err));
    for (size_t i = 0; i < COUNT; i++) {
        char path[32];
        double square = 0;
        snprintf(path, sizeof path, "%04zu.jpg", COUNT - i); /* paths and ids disagree */
        for (size_t j = 0; j < DIM; j++) {
            vectors[i][j] = tl_random_uniform(&random) - 0.35f;
            square += (double)vectors[i][j] * (double)vectors[i][j];
        }
        for (size_t j = 0; j < DIM; j++)
            vectors[i][j] /= (float)sqrt(square);
        const tl_item item = {.root = "/nowhere", .path = path, .width = 1, .height = 1, .hash = ""};
        assert_ok(tl_index_writer_put_item(writer, &item, &ids[i], err));
    }
    assert_ok(tl_index_writer_put_vectors(writer, &set, ids, &vectors[0][0], COUNT, err) && tl_index_writer_commit(writer, err));
    tl_index_writer_close(writer);
    tl_index_close(index);
}

static double cosine(size_t a, size_t b)
{
    double sum = 0;
    for (size_t j = 0; j < DIM; j++)
        sum += (double)vectors[a][j] * (double)vectors[b][j];
    return sum;
}

static void group_plainly(void)
{
    for (size_t i = 0; i < COUNT; i++)
        expected[i] = -1;
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = i + 1; j < COUNT && (expected[i] < 0 || expected[i] == (int)i); j++)
            if (expected[j] < 0 && cosine(i, j) >= threshold)
                expected[j] = expected[i] = (int)i;
}

typedef struct seen_groups {
    int leader;
    uint64_t group, members;
    int64_t last;
} seen_groups;

static size_t number_of(int64_t id)
{
    for (size_t i = 0; i < COUNT; i++)
        if (ids[i] == id)
            return i;
    fail_msg("an item that was not put in");
    return 0;
}

static bool check_member(void *context, const tl_dedup_member *member, tl_error *err)
{
    (void)err;
    seen_groups *seen = context;
    const size_t number = number_of(member->item->id);
    if (member->is_first) {
        seen->leader = (int)number;
        seen->group++;
    } else {
        assert_true(member->item->id > seen->last);
    }
    assert_int_equal(member->group, seen->group);
    assert_int_equal(expected[number], seen->leader);
    assert_true(fabs(member->score - (member->is_first ? 1.0 : cosine(number, (size_t)seen->leader))) < 1e-5);
    seen->members++;
    seen->last = member->item->id;
    return true;
}

static void groups_are_those_of_plain_loops(void **state)
{
    (void)state;
    tl_dedup_report report;
    seen_groups seen = {0};
    make_index();
    group_plainly();
    size_t members = 0, leaders = 0;
    for (size_t i = 0; i < COUNT; i++) {
        members += expected[i] >= 0;
        leaders += expected[i] == (int)i;
    }
    assert_true(leaders > 20 && members > 2 * leaders && members < COUNT);
    const tl_dedup_job job = {.index_path = "i.db", .least_cosine = threshold};
    assert_ok(tl_dedup_job_run(&job, check_member, &seen, &report, err));
    assert_int_equal(report.pictures, COUNT);
    assert_int_equal(report.groups, leaders);
    assert_int_equal(report.surplus, members - leaders);
    assert_int_equal(seen.members, members);
    const tl_dedup_job other = {.index_path = "i.db", .model = "another", .least_cosine = threshold};
    assert_error(tl_dedup_job_run(&other, check_member, &seen, &report, err), TL_ERROR_NOT_FOUND,
                 "vectors of pictures by the model");
    /* By hash nothing is there to be read. */
    const tl_dedup_job by_hash = {.index_path = "i.db", .by_hash = true, .most_bits = 192};
    assert_ok(tl_dedup_job_run(&by_hash, check_member, &seen, &report, err));
    assert_int_equal(report.skipped.total, COUNT);
    assert_int_equal(report.pictures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(groups_are_those_of_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The virtual table as an application uses it. A model in memory goes through the same random inserts, updates, deletes,
 * savepoints and rollbacks, and every search must be a full sort of the model: for each metric, divided and not, under random
 * conditions.
 */
#include "tests/unit/index/sql_fixture.h"

#include <math.h>

enum { DIM = 6, IDS = 90, DEPTH = 4 };

typedef struct model_row {
    bool is_there, has_vector;
    float vector[DIM];
    int label;
    double price;
} model_row;

typedef struct model {
    sqlite3 *database;
    const char *metric;
    tl_random random;
    model_row rows[IDS]; /* row i has rowid i - 10 */
    model_row saved[DEPTH][IDS];
    int depth;
} model;

static int64_t id_of(size_t i)
{
    return (int64_t)i - 10;
}

static sqlite3_stmt *prepare(model *m, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(m->database, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(m->database));
    return statement;
}

static void finish(model *m, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        fail_msg("%s: %s", sqlite3_sql(statement), sqlite3_errmsg(m->database));
    sqlite3_finalize(statement);
}

static void draw(model *m, model_row *row)
{
    *row = (model_row){.is_there = true,
                       .has_vector = tl_random_below(&m->random, 12) != 0,
                       .label = (int)tl_random_below(&m->random, 4),
                       .price = (double)tl_random_below(&m->random, 100) / 4};
    for (size_t i = 0; i < DIM; i++)
        row->vector[i] = tl_random_normal(&m->random);
    if (strcmp(m->metric, "cosine") == 0) {
        double square = 0;
        for (size_t i = 0; i < DIM; i++)
            square += (double)row->vector[i] * (double)row->vector[i];
        for (size_t i = 0; i < DIM; i++)
            row->vector[i] = (float)((double)row->vector[i] / sqrt(square));
    }
}

static void bind_row(sqlite3_stmt *statement, int64_t id, const model_row *row)
{
    char label[8];
    snprintf(label, sizeof label, "l%d", row->label);
    sqlite3_bind_int64(statement, 1, id);
    if (row->has_vector)
        sqlite3_bind_blob(statement, 2, row->vector, sizeof row->vector, SQLITE_TRANSIENT);
    sqlite3_bind_text(statement, 3, label, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(statement, 4, row->price);
}

static void change(model *m)
{
    size_t i = (size_t)tl_random_below(&m->random, IDS), j = (size_t)tl_random_below(&m->random, IDS);
    model_row *row = &m->rows[i];
    switch (tl_random_below(&m->random, 9)) {
    case 0:
    case 1:
    case 2: {
        draw(m, row);
        sqlite3_stmt *insert = prepare(m, "INSERT OR REPLACE INTO v(rowid, embedding, label, price) VALUES(?, ?, ?, ?)");
        bind_row(insert, id_of(i), row);
        finish(m, insert);
        break;
    }
    case 3: {
        sqlite3_stmt *remove = prepare(m, "DELETE FROM v WHERE rowid=?");
        sqlite3_bind_int64(remove, 1, id_of(i));
        finish(m, remove);
        row->is_there = false;
        break;
    }
    case 4: {
        model_row drawn;
        draw(m, &drawn);
        sqlite3_stmt *update = prepare(m, "UPDATE v SET embedding=?2, label=?3, price=?4 WHERE rowid=?1");
        bind_row(update, id_of(i), &drawn);
        finish(m, update);
        if (row->is_there)
            *row = drawn;
        break;
    }
    case 5: { /* the vector stays as it is */
        sqlite3_stmt *update = prepare(m, "UPDATE v SET label='l3' WHERE price < ?1");
        sqlite3_bind_double(update, 1, 3.0);
        finish(m, update);
        for (size_t r = 0; r < IDS; r++)
            if (m->rows[r].price < 3.0)
                m->rows[r].label = 3;
        break;
    }
    case 6: { /* a row gets another id, and takes the place of what has it */
        sqlite3_stmt *update = prepare(m, "UPDATE OR REPLACE v SET rowid=?2 WHERE rowid=?1");
        sqlite3_bind_int64(update, 1, id_of(i));
        sqlite3_bind_int64(update, 2, id_of(j));
        finish(m, update);
        if (row->is_there && i != j) {
            m->rows[j] = *row;
            row->is_there = false;
        }
        break;
    }
    case 7:
        run_sql(m->database, "DELETE FROM v WHERE price > 24 AND label IN ('l1', 'l2')");
        for (size_t r = 0; r < IDS; r++)
            if (m->rows[r].price > 24 && (m->rows[r].label == 1 || m->rows[r].label == 2))
                m->rows[r].is_there = false;
        break;
    default:
        run_sql(m->database, tl_random_below(&m->random, 3) != 0   ? "INSERT INTO v(v) VALUES('check')"
                             : tl_random_below(&m->random, 2) != 0 ? "INSERT INTO v(v) VALUES('build=5')"
                                                                   : "INSERT INTO v(v) VALUES('compact')");
    }
}

static void change_transaction(model *m)
{
    char sql[64];
    uint64_t what = tl_random_below(&m->random, 5);
    if (what == 0 && m->depth < DEPTH) {
        snprintf(sql, sizeof sql, "SAVEPOINT s%d", m->depth);
        memcpy(m->saved[m->depth++], m->rows, sizeof m->rows);
        run_sql(m->database, sql);
    } else if (what == 1 && m->depth > 0) {
        snprintf(sql, sizeof sql, "ROLLBACK TO s%d", m->depth - 1);
        memcpy(m->rows, m->saved[m->depth - 1], sizeof m->rows);
        run_sql(m->database, sql);
    } else if (what == 2 && m->depth > 0) {
        snprintf(sql, sizeof sql, "RELEASE s%d", --m->depth);
        run_sql(m->database, sql);
    } else if (what == 3 && m->depth > 0 && tl_random_below(&m->random, 4) == 0) {
        run_sql(m->database, "ROLLBACK");
        memcpy(m->rows, m->saved[0], sizeof m->rows);
        m->depth = 0;
    }
}

static bool any(int64_t id, const model_row *row)
{
    (void)id;
    (void)row;
    return true;
}

static bool label_is_1(int64_t id, const model_row *row)
{
    (void)id;
    return row->label == 1;
}

static bool label_is_0_or_2(int64_t id, const model_row *row)
{
    (void)id;
    return row->label == 0 || row->label == 2;
}

static bool cheap_and_not_3(int64_t id, const model_row *row)
{
    (void)id;
    return row->price >= 2.5 && row->price < 9 && row->label != 3;
}

static bool low_id(int64_t id, const model_row *row)
{
    (void)row;
    return id <= 20 && id > -5;
}

static bool listed(int64_t id, const model_row *row)
{
    return (id == 3 || id == 7 || id == -2 || id == 41) && row->price != 5.0;
}

static bool not_3(int64_t id, const model_row *row)
{
    (void)row;
    return id != 3 && id != 5;
}

static bool is_7(int64_t id, const model_row *row)
{
    (void)row;
    return id == 7;
}

static bool in_the_twenties(int64_t id, const model_row *row)
{
    (void)row;
    return id >= 20 && id < 30;
}

static bool none(int64_t id, const model_row *row)
{
    (void)id;
    (void)row;
    return false;
}

static const struct {
    const char *sql;
    bool (*holds)(int64_t id, const model_row *row);
} conditions[] = {
    {"", any},
    {" AND label = 'l1'", label_is_1},
    {" AND label IN ('l0', 'l2')", label_is_0_or_2},
    {" AND price BETWEEN 2.5 AND 8.99 AND label <> 'l3'", cheap_and_not_3},
    {" AND rowid <= 20 AND rowid > -5", low_id},
    {" AND rowid IN (3, 7, '-2', 41.0, 41, NULL, 'x', 1e300) AND price IS NOT 5", listed},
    {" AND label GLOB 'x*'", none},
    {" AND rowid IN (SELECT 1000)", none},
    {" AND label LIKE 'L1'", label_is_1},
    {" AND rowid <> 3 AND rowid IS NOT 5", not_3},
    {" AND rowid IS 7", is_7},
    {" AND rowid LIKE '2_'", in_the_twenties},
    {" AND rowid GLOB '2?' AND rowid IS NOT NULL", in_the_twenties},
    {" AND rowid IS NULL", none},
};

typedef struct expected {
    int64_t id;
    double distance;
} expected;

static int nearest_first(const void *a, const void *b)
{
    const expected *left = a, *right = b;
    if (left->distance != right->distance)
        return left->distance < right->distance ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

static double distance_of(const model *m, const float *x, const float *q)
{
    double dot = 0, square = 0, length = 0;
    for (size_t i = 0; i < DIM; i++) {
        dot += (double)x[i] * (double)q[i];
        square += pow((double)x[i] - (double)q[i], 2);
        length += (double)q[i] * (double)q[i];
    }
    return m->metric[0] == 'l' ? sqrt(square) : m->metric[0] == 'd' ? -dot : 1 - dot / sqrt(length);
}

static void check_search(model *m)
{
    size_t which = (size_t)tl_random_below(&m->random, sizeof conditions / sizeof conditions[0]), count = 0;
    int k = 1 + (int)tl_random_below(&m->random, 20), offset = 0;
    bool by_limit = tl_random_below(&m->random, 2) != 0, within = tl_random_below(&m->random, 4) == 0;
    double limit = tl_random_uniform(&m->random) * 3 - (m->metric[0] == 'd' ? 1 : 0);
    float query[DIM];
    expected all[IDS];
    char sql[400];
    for (size_t i = 0; i < DIM; i++)
        query[i] = tl_random_normal(&m->random);
    for (size_t i = 0; i < IDS; i++)
        if (m->rows[i].is_there && m->rows[i].has_vector && conditions[which].holds(id_of(i), &m->rows[i])) {
            double distance = distance_of(m, m->rows[i].vector, query);
            if (!within || distance < limit)
                all[count++] = (expected){id_of(i), distance};
        }
    if (count != 0)
        qsort(all, count, sizeof all[0], nearest_first);
    if (by_limit)
        offset = (int)tl_random_below(&m->random, 3);
    snprintf(sql, sizeof sql, "SELECT rowid, distance, label, k FROM v WHERE embedding MATCH ?1%s%s%s ORDER BY distance%s",
             conditions[which].sql, within ? " AND distance < ?3" : "", by_limit ? "" : " AND k = ?2 AND exact = 1",
             by_limit ? " LIMIT ?2 OFFSET ?4" : "");
    sqlite3_stmt *statement = prepare(m, sql);
    sqlite3_bind_blob(statement, 1, query, sizeof query, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, k);
    if (within)
        sqlite3_bind_double(statement, 3, limit);
    if (by_limit)
        sqlite3_bind_int(statement, 4, offset);
    size_t at = (size_t)offset, end = at + (size_t)k;
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (at >= count || at >= end)
            fail_msg("%s (%s): expected %zu rows, found more", sql, m->metric, count);
        /* Two that are as near as rounding can tell may change places. */
        assert_true(fabs(sqlite3_column_double(statement, 1) - all[at].distance) <= 1e-5);
        if ((at == 0 || all[at].distance - all[at - 1].distance > 1e-5) &&
            (at + 1 >= count || all[at + 1].distance - all[at].distance > 1e-5))
            assert_int_equal(sqlite3_column_int64(statement, 0), all[at].id);
        at++;
    }
    if (code != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(m->database));
    if (at < count && at < end && at >= (size_t)offset)
        fail_msg("%s (%s): expected %zu rows, found %zu", sql, m->metric, count, at);
    sqlite3_finalize(statement);
}

/* Row by row, by a scan. */
static void check_rows(model *m)
{
    size_t i = 0;
    sqlite3_stmt *statement = prepare(m, "SELECT rowid, embedding, label, price, distance FROM v ORDER BY rowid");
    while (sqlite3_step(statement) == SQLITE_ROW) {
        while (i < IDS && !m->rows[i].is_there)
            i++;
        assert_true(i < IDS);
        assert_int_equal(sqlite3_column_int64(statement, 0), id_of(i));
        assert_int_equal(sqlite3_column_bytes(statement, 1), m->rows[i].has_vector ? DIM * sizeof(float) : 0);
        const float *vector = sqlite3_column_blob(statement, 1);
        for (size_t j = 0; m->rows[i].has_vector && j < DIM; j++)
            assert_true(fabsf(vector[j] - m->rows[i].vector[j]) <= 1e-6f);
        assert_int_equal(sqlite3_column_text(statement, 2)[1] - '0', m->rows[i].label);
        assert_true(sqlite3_column_double(statement, 3) == m->rows[i].price);
        assert_int_equal(sqlite3_column_type(statement, 4), SQLITE_NULL);
        i++;
    }
    while (i < IDS && !m->rows[i].is_there)
        i++;
    assert_int_equal(i, IDS);
    sqlite3_finalize(statement);
}

static void goes_with_a_model(const char *metric, uint64_t stream)
{
    static model m;
    char sql[200];
    memset(&m, 0, sizeof m);
    m.metric = metric;
    m.random = tl_random_stream(31, stream);
    m.database = open_sql(":memory:");
    snprintf(sql, sizeof sql, "CREATE VIRTUAL TABLE v USING twinlens(dim=%d, dtype=f32, metric=%s, label TEXT%s, price REAL)",
             DIM, metric, stream % 2 == 0 ? " INDEXED" : "");
    run_sql(m.database, sql);
    for (int step = 0; step < 3000; step++) {
        change_transaction(&m);
        change(&m);
        if (step % 3 == 0)
            check_search(&m);
        if (step % 100 == 0)
            check_rows(&m);
    }
    while (m.depth > 0) {
        snprintf(sql, sizeof sql, "RELEASE s%d", --m.depth);
        run_sql(m.database, sql);
    }
    check_rows(&m);
    run_sql(m.database, "INSERT INTO v(v) VALUES('check')");
    expect_sql(m.database, "PRAGMA integrity_check", "ok");
    assert_int_equal(sqlite3_close(m.database), SQLITE_OK);
}

static void cosine_goes_with_a_model(void **state)
{
    (void)state;
    goes_with_a_model("cosine", 0);
    goes_with_a_model("cosine", 1);
}

static void dot_goes_with_a_model(void **state)
{
    (void)state;
    goes_with_a_model("dot", 2);
}

static void l2_goes_with_a_model(void **state)
{
    (void)state;
    goes_with_a_model("l2", 3);
    goes_with_a_model("l2", 4);
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    static const char *const tables[][2] = {
        {"dim=0", "1 to 65536"},
        {"dim=65537", "1 to 65536"},
        {"dim=-1", "1 to 65536"},
        {"dim=x", "1 to 65536"},
        {"label TEXT", "dim=N"},
        {"dim=4, metric=hamming", "cosine, dot or l2"},
        {"dim=4, dtype=f8", "f16 or f32"},
        {"dim=4, ann=yes", "auto or manual"},
        {"dim=4, what=ever", "dim, dtype, metric or ann"},
        {"dim=4, dimension=5", "dimension: expected it once"},
        {"dim=4, store=f16, dtype=f16", "dtype: expected it once"},
        {"dim=4, label", "found 'label'"},
        {"dim=4, label VARCHAR(5)", "found 'label VARCHAR(5)'"},
        {"dim=4, label TEXT UNIQUE", "found 'label TEXT UNIQUE'"},
        {"dim=4, distance REAL", "not taken"},
        {"dim=4, K TEXT", "not taken"},
        {"dim=4, x TEXT", "not taken"},
        {"dim=4, a TEXT, A REAL", "not taken"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "CREATE VIRTUAL TABLE x USING twinlens(%s)", tables[i][0]);
        refuse_sql(database, sql, tables[i][1]);
        expect_sql(database, "SELECT count(*) FROM sqlite_schema", "0");
    }
    run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=3, label TEXT, price REAL);"
                      "CREATE VIRTUAL TABLE d USING twinlens(dim=2, metric=dot);"
                      "INSERT INTO v(rowid, embedding) VALUES(1, '[1, 2, 3]')");
    static const char *const statements[][2] = {
        {"INSERT INTO v(embedding) VALUES('[1,2]')", "dimension 3, found 2"},
        {"INSERT INTO v(embedding) VALUES(x'00000000')", "dimension 3, found 1"},
        {"INSERT INTO v(embedding) VALUES(x'0000803f0000803f0000803f00')", "whole f32"},
        {"INSERT INTO v(embedding) VALUES(x'')", "1 to 65536 numbers"},
        {"INSERT INTO v(embedding) VALUES('[0, 0, 0]')", "only zeros"},
        {"INSERT INTO v(embedding) VALUES('[1, 2, 1e39]')", "finite"},
        {"INSERT INTO v(embedding) VALUES('[1, 2, \"a\"]')", "numbers only"},
        {"INSERT INTO v(embedding) VALUES('{}')", "1 to 65536 numbers"},
        {"INSERT INTO v(embedding) VALUES('[1, 2')", "vector"},
        {"INSERT INTO v(embedding) VALUES(x'0000c07f0000803f0000803f')", "finite"},
        {"INSERT INTO v(embedding) VALUES(7)", "found a number"},
        {"INSERT INTO d(embedding) VALUES('[30000, 30000]')", "length up to 32752"},
        {"INSERT INTO v(rowid, embedding) VALUES(1, '[1,2,4]')", "UNIQUE constraint failed"},
        {"INSERT INTO v(rowid, embedding) VALUES('abc', '[1,2,4]')", "datatype mismatch"},
        {"INSERT INTO v(embedding, price) VALUES('[1,2,4]', 'dear')", "cannot store TEXT"},
        {"INSERT INTO v(embedding, k) VALUES('[1,2,4]', 3)", "of a search"},
        {"INSERT INTO v(v) VALUES('nonsense')", "found 'nonsense'"},
        {"INSERT INTO v(v) VALUES('build=3x')", "found 'build=3x'"},
        {"INSERT INTO v(v) VALUES('build=-3')", "found 'build=-3'"},
        {"INSERT INTO v(v) VALUES('build=0')", "found 'build=0'"},
        {"INSERT INTO v(v) VALUES('build=1048577')", "found 'build=1048577'"},
        {"INSERT INTO v(v, embedding) VALUES('check', '[1,2,4]')", "alone"},
        {"INSERT INTO v(v, rowid) VALUES('check', 7)", "alone"},
        {"UPDATE v SET v='check'", "alone"},
        {"UPDATE v SET k=3", "of a search"},
        {"UPDATE v SET distance=3 WHERE embedding MATCH '[1,2,3]' AND k=1", "of a search"},
        {"UPDATE v SET rowid='x'", "whole number"},
        {"UPDATE v SET embedding='[1]'", "dimension 3"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2]' AND k=1", "dimension 3, found 2"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[0,0,0]' AND k=1", "only zeros"},
        {"SELECT rowid FROM v WHERE k=5", "k: expected embedding MATCH"},
        {"SELECT rowid FROM v WHERE distance < 1 ORDER BY rowid", "distance: expected embedding MATCH"},
        {"SELECT v.rowid FROM (SELECT 4 AS n) AS t JOIN v ON v.probes = t.n", "probes: expected embedding MATCH"},
        {"DELETE FROM v WHERE exact=1", "exact: expected embedding MATCH"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND k=0", "at least 1, found '0'"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND k=-1", "at least 1"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND k='x'", "at least 1, found 'x'"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND k=1.5", "at least 1"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND probes=-1", "at least 0"},
        {"SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND distance < 'far'", "compared with a number"},
        {"SELECT twinlens_distance_l2('[1]', '[1,2]')", "one dimension"},
        {"SELECT twinlens_distance('[1]', '[1,2]')", "one dimension"},
        {"SELECT twinlens_distance('[1]', '[1]', 'l3')", "cosine, dot or l2, found 'l3'"},
        {"SELECT twinlens_distance_cosine('[0]', '[1]')", "only zeros"},
        {"SELECT twinlens_normalize('[0]')", "only zeros"},
        {"SELECT twinlens_vector('abc')", "vector"},
        {"SELECT twinlens_embed('abc')", "no such function"},
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        refuse_sql(database, statements[i][0], statements[i][1]);
    /* What was refused left nothing behind, inside a transaction either. */
    run_sql(database, "BEGIN");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        refuse_sql(database, statements[i][0], statements[i][1]);
    run_sql(database, "INSERT INTO v(v) VALUES('check'); COMMIT");
    expect_sql(database, "SELECT count(*) FROM v", "1");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND k=1000000000", "1");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH NULL", "");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[1,2,3]' AND distance < NULL", "");
    expect_sql(database, "SELECT rowid, k FROM v WHERE embedding MATCH '[1,2,3]' LIMIT -1", "1|9223372036854775807");
    expect_sql(database, "SELECT twinlens_dim(NULL), twinlens_to_json(twinlens_vector('[1, 0.1,-2e-3, 16777216]'))",
               "NULL|[1,0.1,-0.002,16777216]");
    expect_sql(database,
               "SELECT twinlens_distance('[3, 0]', '[0, 5]'), twinlens_distance('[1, 0]', '[4, 4]', 'L2'), "
               "twinlens_distance('[1, 2]', '[3, 4]', 'dot'), twinlens_distance('[1]', '[1]', NULL), "
               "twinlens_distance('[1, 0]', '[4, 4]', 'cosine') = twinlens_distance_cosine('[1, 0]', '[4, 4]')",
               "1.0|5.0|-11.0|NULL|1");
    /* A search may choose what is changed, and its distance is none that the change sets. */
    run_sql(database, "UPDATE v SET label='near' WHERE embedding MATCH '[1,2,3]' AND k=1");
    expect_sql(database, "SELECT rowid, label FROM v", "1|near");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void json_keeps_every_f32(void **state)
{
    (void)state;
    sqlite3 *database = open_sql(":memory:");
    sqlite3_stmt *statement = NULL;
    tl_random random = tl_random_stream(41, 0);
    assert_int_equal(sqlite3_prepare_v2(database, "SELECT twinlens_vector(twinlens_to_json(?1)), ?1", -1, &statement, NULL),
                     SQLITE_OK);
    for (int round = 0; round < 300; round++) {
        uint32_t bits[16];
        for (size_t i = 0; i < 16; i++)
            do
                bits[i] = (uint32_t)tl_random_next(&random);
            while ((bits[i] >> 23 & 255) == 255);
        bits[0] &= (uint32_t)1 << 31; /* both zeros */
        sqlite3_bind_blob(statement, 1, bits, sizeof bits, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        const float *back = sqlite3_column_blob(statement, 0);
        for (size_t i = 0; i < 16; i++) {
            float number;
            memcpy(&number, &bits[i], sizeof number);
            if (back[i] != number || signbit(back[i]) != signbit(number))
                fail_msg("expected %.9g, found %.9g", (double)number, (double)back[i]);
        }
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void lives_with_its_database(void **state)
{
    (void)state;
    static const char path[] = "sqlite.db", copy[] = "sqlite-copy.db";
    remove_index(path);
    remove_index(copy);
    sqlite3 *database = open_sql(path), *other = open_sql(path);
    run_sql(database, "CREATE TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                      "SELECT i FROM n;"
                      "CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2, even INTEGER);"
                      "INSERT INTO v(rowid, embedding, even) SELECT i, '[' || i || ', 0]', i % 2 = 0 FROM numbers");
    expect_sql(other, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=3", "7;8;6");
    /* Many queries in one statement. */
    expect_sql(other,
               "SELECT q.i, v.rowid FROM numbers q JOIN v ON v.embedding MATCH ('[' || q.i || '.2, 0]') AND k=2 AND even=1 "
               "WHERE q.i IN (10, 21, 2000) ORDER BY q.i, distance",
               "10|10;10|12;21|22;21|20;2000|2000;2000|2002");
    /* One writes while the other reads: it sees the whole of a commit, and nothing before. */
    run_sql(database, "PRAGMA journal_mode=wal; BEGIN; UPDATE v SET embedding='[7.2, 0]' WHERE rowid=2999");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=1", "2999");
    expect_sql(other, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=1", "7");
    run_sql(database, "COMMIT");
    expect_sql(other, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=1", "2999");
    run_sql(database, "INSERT INTO v(v) VALUES('build=40')");
    expect_sql(other, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=3", "2999;7;8");
    run_sql(other, "DELETE FROM v WHERE rowid=2999; INSERT INTO v(rowid, embedding) VALUES(5000, '[7.25, 0]')");
    expect_sql(database, "SELECT rowid FROM v WHERE embedding MATCH '[7.2, 0]' AND k=3", "5000;7;8");
    /* Everything that SQLite does with a database. */
    run_sql(database, "VACUUM; ALTER TABLE v RENAME TO \"a 'b' \"\"c\"\"\"");
    expect_sql(other, "SELECT rowid FROM \"a 'b' \"\"c\"\"\" WHERE embedding MATCH '[7.2, 0]' AND k=3", "5000;7;8");
    run_sql(database,
            "BEGIN; DROP TABLE \"a 'b' \"\"c\"\"\"; ROLLBACK; BEGIN; ALTER TABLE \"a 'b' \"\"c\"\"\" RENAME TO w; ROLLBACK;"
            "CREATE VIRTUAL TABLE v USING twinlens(dim=2, even INTEGER INDEXED)");
    expect_sql(database, "SELECT rowid FROM \"a 'b' \"\"c\"\"\" WHERE embedding MATCH '[7.2, 0]' AND k=3", "5000;7;8");
    sqlite3 *target = open_sql(copy);
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", other, "main");
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    expect_sql(target, "SELECT rowid FROM \"a 'b' \"\"c\"\"\" WHERE embedding MATCH '[7.2, 0]' AND k=3", "5000;7;8");
    assert_int_equal(sqlite3_close(target), SQLITE_OK);
    run_sql(other, "ATTACH 'sqlite-copy.db' AS aux; DELETE FROM aux.\"a 'b' \"\"c\"\"\" WHERE rowid=7;"
                   "INSERT INTO aux.\"a 'b' \"\"c\"\"\"(\"a 'b' \"\"c\"\"\") VALUES('check')");
    expect_sql(other, "SELECT rowid FROM aux.\"a 'b' \"\"c\"\"\" WHERE embedding MATCH '[7.2, 0]' AND k=2", "5000;8");
    expect_sql(other, "SELECT rowid FROM main.\"a 'b' \"\"c\"\"\" WHERE embedding MATCH '[7.2, 0]' AND k=2", "5000;7");
    run_sql(other, "DETACH aux; DROP TABLE \"a 'b' \"\"c\"\"\"; DROP TABLE v");
    expect_sql(database, "SELECT group_concat(name) FROM sqlite_schema", "numbers");
    expect_sql(database, "PRAGMA integrity_check", "ok");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    remove_index(path);
    remove_index(copy);
}

static void large_tables_divide_themselves(void **state)
{
    (void)state;
    enum { ROWS = 51000, WIDE = 16 };
    sqlite3 *database = open_sql(":memory:");
    tl_random random = tl_random_stream(51, 0);
    sqlite3_stmt *insert = NULL, *lists = NULL;
    run_sql(database, "CREATE VIRTUAL TABLE v USING twinlens(dim=16, bucket INTEGER); BEGIN");
    assert_int_equal(sqlite3_prepare_v2(database, "INSERT INTO v(embedding, bucket) VALUES(?1, ?2)", -1, &insert, NULL),
                     SQLITE_OK);
    for (int i = 0; i < ROWS; i++) {
        float vector[WIDE];
        for (size_t j = 0; j < WIDE; j++)
            vector[j] = tl_random_normal(&random);
        sqlite3_bind_blob(insert, 1, vector, sizeof vector, SQLITE_STATIC);
        sqlite3_bind_int(insert, 2, i % 1000);
        assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
        assert_int_equal(sqlite3_last_insert_rowid(database), i + 1);
        sqlite3_reset(insert);
    }
    run_sql(database, "COMMIT");
    assert_int_equal(sqlite3_last_insert_rowid(database), ROWS);
    assert_int_equal(sqlite3_prepare_v2(database, "SELECT lists FROM v_sets", -1, &lists, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(lists), SQLITE_ROW);
    assert_true(sqlite3_column_int(lists, 0) > 100);
    sqlite3_finalize(lists);
    sqlite3_finalize(insert);
    /* A bucket has 51 rows; whatever k up to that is asked for is found. */
    expect_sql(database,
               "SELECT count(*), count(DISTINCT bucket) FROM (SELECT bucket FROM v WHERE embedding MATCH "
               "'[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' AND bucket = 17 AND k = 40)",
               "40|1");
    expect_sql(database,
               "SELECT count(*) FROM (SELECT bucket FROM v WHERE embedding MATCH "
               "'[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]' AND bucket < 500 AND k = 4000)",
               "4000");
    expect_sql(database,
               "SELECT count(*) FROM (SELECT rowid FROM v WHERE embedding MATCH "
               "'[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]')",
               "51000");
    run_sql(database, "INSERT INTO v(v) VALUES('check')");
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cosine_goes_with_a_model),       cmocka_unit_test(dot_goes_with_a_model),
        cmocka_unit_test(l2_goes_with_a_model),           cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(json_keeps_every_f32),           cmocka_unit_test(lives_with_its_database),
        cmocka_unit_test(large_tables_divide_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

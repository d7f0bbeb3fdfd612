/* Owns the scalar functions: forms of a vector, distances, and what an embedder makes of texts and pictures. */
#include "index/sqlite/register.h"

#include "base/core/memory.h"
#include "base/core/version.h"
#include "index/sqlite/table.h"

#include <math.h>
#include <string.h>

enum { MAX_JSON = 1 << 22 };

static void fail(sqlite3_context *context, const tl_error *err)
{
    if (err->kind == TL_ERROR_NO_MEMORY)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_error(context, err->message, -1);
}

static void result_numbers(sqlite3_context *context, const float *numbers, size_t dim)
{
    sqlite3_result_blob64(context, numbers, (sqlite3_uint64)dim * sizeof *numbers, SQLITE_TRANSIENT);
}

static bool give_vector(sqlite3_context *context, tl_vector_value *value, tl_error *err)
{
    (void)err;
    result_numbers(context, value->numbers, value->dim);
    return true;
}

static bool give_unit_vector(sqlite3_context *context, tl_vector_value *value, tl_error *err)
{
    return tl_vector_value__normalize(value, err) && give_vector(context, value, err);
}

static bool give_dim(sqlite3_context *context, tl_vector_value *value, tl_error *err)
{
    (void)err;
    sqlite3_result_int64(context, (sqlite3_int64)value->dim);
    return true;
}

static bool give_json(sqlite3_context *context, tl_vector_value *value, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, MAX_JSON);
    bool ok = tl_vector_value__write_json(value->numbers, value->dim, &text, err);
    if (ok)
        sqlite3_result_text64(context, text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
    tl_string_clear(&text);
    return ok;
}

/* What a function of one vector gives: its user data is an entry of this table. */
typedef struct form {
    const char *name;
    bool (*give)(sqlite3_context *context, tl_vector_value *value, tl_error *err);
} form;

static const form forms[] = {
    {"twinlens_vector", give_vector},
    {"twinlens_normalize", give_unit_vector},
    {"twinlens_dim", give_dim},
    {"twinlens_to_json", give_json},
};

static void of_one_vector(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    tl_error err = {0};
    tl_vector_value value = {0};
    const form *form_wanted = sqlite3_user_data(context);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return;
    if (!tl_vector_value__read(&value, values[0], &err) || !form_wanted->give(context, &value, &err))
        fail(context, &err);
    tl_vector_value__clear(&value);
}

static double sum_of(const tl_vector_value *a, const tl_vector_value *b, bool of_squares)
{
    double sum = 0;
    for (size_t i = 0; i < a->dim; i++) {
        double x = (double)a->numbers[i], y = (double)b->numbers[i];
        sum += of_squares ? (x - y) * (x - y) : x * y;
    }
    return sum;
}

static bool measure(tl_table_metric metric, const tl_vector_value *a, const tl_vector_value *b, double *out, tl_error *err)
{
    if (a->dim != b->dim)
        return tl_fail(err, TL_ERROR_INVALID, "distance: expected two vectors of one dimension, found %zu and %zu numbers",
                       a->dim, b->dim);
    *out = metric == TL_TABLE_L2 ? sqrt(sum_of(a, b, true)) : -sum_of(a, b, false);
    if (metric != TL_TABLE_COSINE)
        return true;
    double lengths = tl_vector_value__length(a->numbers, a->dim) * tl_vector_value__length(b->numbers, b->dim);
    if (!(lengths > 0))
        return tl_fail(err, TL_ERROR_INVALID, "distance: expected vectors with a direction, found one of only zeros");
    *out = 1.0 + *out / lengths;
    return true;
}

/* The metric is the function's user data: an entry of this table. twinlens_distance has none, and a third argument that names it.
 */
typedef struct metric_function {
    const char *name, *word;
    tl_table_metric metric;
} metric_function;

static const metric_function metrics[] = {
    {"twinlens_distance_cosine", "cosine", TL_TABLE_COSINE},
    {"twinlens_distance_dot", "dot", TL_TABLE_DOT},
    {"twinlens_distance_l2", "l2", TL_TABLE_L2},
};

static bool read_metric(sqlite3_value *value, tl_table_metric *out, tl_error *err)
{
    const char *word = (const char *)sqlite3_value_text(value);
    for (size_t i = 0; word != NULL && i < sizeof metrics / sizeof metrics[0]; i++)
        if (sqlite3_stricmp(word, metrics[i].word) == 0) {
            *out = metrics[i].metric;
            return true;
        }
    return tl_fail(err, TL_ERROR_INVALID, "distance: expected cosine, dot or l2, found '%.64s'", word != NULL ? word : "");
}

static void distance(sqlite3_context *context, int count, sqlite3_value **values)
{
    tl_error err = {0};
    tl_vector_value a = {0}, b = {0};
    double result = 0;
    for (int i = 0; i < count; i++)
        if (sqlite3_value_type(values[i]) == SQLITE_NULL)
            return;
    const metric_function *function = sqlite3_user_data(context);
    tl_table_metric metric = function != NULL ? function->metric : TL_TABLE_COSINE;
    if ((count < 3 || read_metric(values[2], &metric, &err)) && tl_vector_value__read(&a, values[0], &err) &&
        tl_vector_value__read(&b, values[1], &err) && measure(metric, &a, &b, &result, &err))
        sqlite3_result_double(context, result);
    else
        fail(context, &err);
    tl_vector_value__clear(&a);
    tl_vector_value__clear(&b);
}

static void version(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_text(context, TL_VERSION, -1, SQLITE_STATIC);
}

static bool add(sqlite3 *database, const char *name, int arguments, int flags, const void *data,
                void (*call)(sqlite3_context *context, int count, sqlite3_value **values), tl_error *err)
{
    return sqlite3_create_function_v2(database, name, arguments, SQLITE_UTF8 | flags, (void *)data, call, NULL, NULL, NULL) ==
               SQLITE_OK ||
           tl_database_fail(database, err);
}

static bool add_functions(sqlite3 *database, tl_error *err)
{
    enum { PURE = SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    bool ok = add(database, "twinlens_version", 0, PURE, NULL, version, err) &&
              add(database, "twinlens_distance", 2, PURE, NULL, distance, err) &&
              add(database, "twinlens_distance", 3, PURE, NULL, distance, err);
    for (size_t i = 0; ok && i < sizeof forms / sizeof forms[0]; i++)
        ok = add(database, forms[i].name, 1, PURE, &forms[i], of_one_vector, err);
    for (size_t i = 0; ok && i < sizeof metrics / sizeof metrics[0]; i++)
        ok = add(database, metrics[i].name, 2, PURE, &metrics[i], distance, err);
    return ok;
}

static void result_embedding(sqlite3_context *context, bool ok, const float *numbers, uint32_t size, const tl_error *err)
{
    if (ok)
        result_numbers(context, numbers, size);
    else
        fail(context, err);
}

static const char *text_of(sqlite3_context *context, sqlite3_value *value)
{
    if (sqlite3_value_type(value) == SQLITE_NULL)
        return NULL;
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL)
        sqlite3_result_error_nomem(context);
    return text;
}

static void embed_text(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    tl_error err = {0};
    const float *numbers = NULL;
    uint32_t size = 0;
    const tl_sql_embedder *embedder = sqlite3_user_data(context);
    const char *text = text_of(context, values[0]);
    if (text != NULL) {
        bool ok = embedder->embed_text(embedder->context, text, (size_t)sqlite3_value_bytes(values[0]), &numbers, &size, &err);
        result_embedding(context, ok, numbers, size, &err);
    }
}

static void embed_image(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    tl_error err = {0};
    const float *numbers = NULL;
    uint32_t size = 0;
    const tl_sql_embedder *embedder = sqlite3_user_data(context);
    const char *path = text_of(context, values[0]);
    if (path != NULL) {
        bool ok = embedder->embed_image(embedder->context, path, &numbers, &size, &err);
        result_embedding(context, ok, numbers, size, &err);
    }
}

/* One embedder behind several functions, any of which somebody may define anew: the last to go closes it. */
typedef struct shared_embedder {
    tl_sql_embedder embedder; /* first: what the functions see */
    int users;
} shared_embedder;

static void release_embedder(void *data)
{
    shared_embedder *shared = data;
    if (--shared->users != 0)
        return;
    if (shared->embedder.close != NULL)
        shared->embedder.close(shared->embedder.context);
    tl_memory_free(shared);
}

/* Reading files and running a model is nothing that a view of a file from elsewhere should set off: direct calls only. */
static bool add_embedder(sqlite3 *database, const tl_sql_embedder *embedder, tl_error *err)
{
    static const struct {
        const char *name;
        void (*call)(sqlite3_context *context, int count, sqlite3_value **values);
    } functions[] = {{"twinlens_embed", embed_text}, {"twinlens_embed_text", embed_text}, {"twinlens_embed_image", embed_image}};
    enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0] };
    shared_embedder *shared = tl_memory_allocate(1, sizeof *shared, err);
    if (shared == NULL) {
        if (embedder->close != NULL)
            embedder->close(embedder->context);
        return false;
    }
    *shared = (shared_embedder){*embedder, FUNCTION_COUNT};
    bool ok = true;
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (!ok)
            release_embedder(shared);
        else if (sqlite3_create_function_v2(database, functions[i].name, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, shared,
                                            functions[i].call, NULL, NULL, release_embedder) != SQLITE_OK)
            ok = tl_database_fail(database, err); /* which has released its share */
    }
    return ok;
}

bool tl_sqlite_register(struct sqlite3 *database, const tl_sql_embedder *embedder, tl_error *err)
{
    enum { OLDEST = 3038000 }; /* sqlite3_vtab_in */
    if (sqlite3_libversion_number() < OLDEST) {
        if (embedder != NULL && embedder->close != NULL)
            embedder->close(embedder->context);
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "twinlens: expected SQLite 3.38 or newer, found %s", sqlite3_libversion());
    }
    if (embedder != NULL && !add_embedder(database, embedder, err))
        return false;
    if (!add_functions(database, err))
        return false;
    tl_table_list *list = tl_memory_allocate(1, sizeof *list, err);
    return list != NULL &&
           (sqlite3_create_module_v2(database, "twinlens", &tl_table__module, list, tl_memory_free) == SQLITE_OK ||
            tl_database_fail(database, err)); /* which frees the list in any case */
}

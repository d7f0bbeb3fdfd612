/* Owns the two forms of a vector in SQL. */
#include "index/sqlite/vector_value.h"

#include "base/core/memory.h"
#include "base/io/json.h"

#include <math.h>
#include <string.h>

enum { MAX_NUMBER = 32 };

void tl_vector_value__clear(tl_vector_value *out)
{
    tl_memory_free(out->numbers);
    *out = (tl_vector_value){0};
}

static bool check_finite(const tl_vector_value *vector, tl_error *err)
{
    for (size_t i = 0; i < vector->dim; i++)
        if (!isfinite(vector->numbers[i]))
            return tl_fail(err, TL_ERROR_INVALID, "vector: expected finite numbers, found %g at %zu", (double)vector->numbers[i],
                           i);
    return true;
}

static bool reserve(tl_vector_value *out, size_t dim, tl_error *err)
{
    if (dim < 1 || dim > TL_MAX_DIM)
        return tl_fail(err, TL_ERROR_INVALID, "vector: expected 1 to %d numbers, found %zu", TL_MAX_DIM, dim);
    if (!tl_memory_reserve(&out->numbers, &out->capacity, dim, sizeof *out->numbers, err))
        return false;
    out->dim = dim;
    return true;
}

static bool read_json(tl_vector_value *out, const char *text, size_t size, tl_error *err)
{
    tl_json *json = NULL;
    bool ok = tl_json_parse((tl_slice){text, size}, "vector", &json, err) && reserve(out, tl_json_array_size(json), err);
    for (size_t i = 0; ok && i < out->dim; i++) {
        double number;
        if (!tl_json_number(tl_json_array_item(json, i), &number))
            ok = tl_fail(err, TL_ERROR_INVALID, "vector: expected numbers only, found something else at %zu", i);
        else
            out->numbers[i] = (float)number;
    }
    tl_json_free(json);
    return ok;
}

bool tl_vector_value__read(tl_vector_value *out, sqlite3_value *value, tl_error *err)
{
    int type = sqlite3_value_type(value);
    if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_value_text(value);
        if (text == NULL)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "vector: out of memory");
        return read_json(out, text, (size_t)sqlite3_value_bytes(value), err) && check_finite(out, err);
    }
    if (type != SQLITE_BLOB)
        return tl_fail(err, TL_ERROR_INVALID, "vector: expected a BLOB of f32 or a JSON array, found %s",
                       type == SQLITE_NULL ? "NULL" : "a number");
    const void *bytes = sqlite3_value_blob(value);
    size_t size = (size_t)sqlite3_value_bytes(value);
    if (size % sizeof(float) != 0)
        return tl_fail(err, TL_ERROR_INVALID, "vector: expected a BLOB of whole f32 numbers, found %zu bytes", size);
    if (!reserve(out, size / sizeof(float), err))
        return false;
    memcpy(out->numbers, bytes, size);
    return check_finite(out, err);
}

double tl_vector_value__length(const float *numbers, size_t dim)
{
    double square = 0;
    for (size_t i = 0; i < dim; i++)
        square += (double)numbers[i] * (double)numbers[i];
    return sqrt(square);
}

bool tl_vector_value__normalize(tl_vector_value *vector, tl_error *err)
{
    double length = tl_vector_value__length(vector->numbers, vector->dim);
    if (!(length > 0))
        return tl_fail(err, TL_ERROR_INVALID, "vector: expected one with a direction, found only zeros");
    for (size_t i = 0; i < vector->dim; i++)
        vector->numbers[i] = (float)((double)vector->numbers[i] / length);
    return true;
}

/* SQLite's printf knows no locale. */
static void format_number(float number, char out[MAX_NUMBER])
{
    if (number == 0 && signbit(number)) {
        sqlite3_snprintf(MAX_NUMBER, out, "-0.0"); /* a whole -0 has no sign in JSON */
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        sqlite3_snprintf(MAX_NUMBER, out, "%.*g", digits, (double)number);
        if (strtof(out, NULL) == number)
            return;
    }
}

bool tl_vector_value__write_json(const float *numbers, size_t dim, tl_string *out, tl_error *err)
{
    bool ok = tl_string_append_text(out, "[", err);
    for (size_t i = 0; ok && i < dim; i++) {
        char number[MAX_NUMBER];
        format_number(numbers[i], number);
        ok = (i == 0 || tl_string_append_text(out, ",", err)) && tl_string_append_text(out, number, err);
    }
    return ok && tl_string_append_text(out, "]", err);
}

/* Vectors as SQL values: BLOBs of f32 (little-endian) and JSON arrays of numbers. */
#ifndef TL_INDEX_SQLITE_VECTOR_VALUE_H
#define TL_INDEX_SQLITE_VECTOR_VALUE_H

#include "base/core/string.h"
#include "index/sqlite_api.h"
#include "index/vector_store.h"

/* Memory that is kept from one value to the next. */
typedef struct tl_vector_value {
    float *numbers; /* [dim] */
    size_t dim, capacity;
} tl_vector_value;

void tl_vector_value__clear(tl_vector_value *out);
/* A vector of 1 to TL_MAX_DIM finite numbers. */
bool tl_vector_value__read(tl_vector_value *out, sqlite3_value *value, tl_error *err) TL_MUST_USE;
/* Makes its length 1; all zeros have no direction and are refused. */
bool tl_vector_value__normalize(tl_vector_value *vector, tl_error *err) TL_MUST_USE;
double tl_vector_value__length(const float *numbers, size_t dim);
/* Appends "[1,2.5]": the shortest digits that give the same f32 when they are read. */
bool tl_vector_value__write_json(const float *numbers, size_t dim, tl_string *out, tl_error *err) TL_MUST_USE;

#endif

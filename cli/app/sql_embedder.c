/* Owns the model of a connection, opened when it is first needed. */
#include "cli/app/sql_embedder.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "cli/app/embedder.h"
#include "index/sqlite/register.h"

typedef struct lazy_model {
    tl_runtime *runtime;
    tl_model_bundle bundle;
    tl_embedder *embedder;
    float *vector; /* [D] */
} lazy_model;

static void close_model(void *context)
{
    lazy_model *lazy = context;
    tl_memory_free(lazy->vector);
    tl_embedder_destroy(lazy->embedder);
    tl_model_bundle_close(&lazy->bundle);
    tl_runtime_close(lazy->runtime);
    tl_memory_free(lazy);
}

static bool open_model(lazy_model *lazy, tl_error *err)
{
    if (lazy->vector != NULL)
        return true;
    return (lazy->runtime != NULL || tl_runtime_open(&lazy->runtime, err)) &&
           (lazy->bundle.model != NULL || tl_model_bundle_open_chosen(lazy->runtime, NULL, &lazy->bundle, err)) &&
           (lazy->embedder != NULL || tl_embedder_create(&lazy->bundle, 1, NULL, &lazy->embedder, err)) &&
           (lazy->vector = tl_memory_allocate(tl_embedder_dim(lazy->embedder), sizeof *lazy->vector, err)) != NULL;
}

static bool embed_text(void *context, const char *text, size_t size, const float **vector, uint32_t *dim, tl_error *err)
{
    lazy_model *lazy = context;
    tl_slice slice = {text, size};
    size_t bad_offset;
    if (!tl_text_is_utf8(slice, &bad_offset))
        return tl_fail(err, TL_ERROR_INVALID, "text: expected valid utf-8, found a broken character at byte %zu", bad_offset + 1);
    if (!open_model(lazy, err) || !tl_embedder_texts(lazy->embedder, &slice, 1, lazy->vector, err))
        return false;
    *vector = lazy->vector;
    *dim = tl_embedder_dim(lazy->embedder);
    return true;
}

static bool embed_image(void *context, const char *path, const float **vector, uint32_t *dim, tl_error *err)
{
    lazy_model *lazy = context;
    tl_string bytes;
    tl_string_init(&bytes, (size_t)1 << 30);
    bool ok = open_model(lazy, err) && tl_file_read(path, &bytes, err);
    if (ok) {
        tl_picture picture = {.bytes = tl_string_slice(&bytes)};
        ok = tl_embedder_pictures(lazy->embedder, &picture, 1, lazy->vector, err);
        if (ok && !picture.decoded)
            ok = tl_fail(err, picture.error.kind, "'%s': %s", path, picture.error.message);
    }
    tl_string_clear(&bytes);
    *vector = lazy->vector;
    *dim = ok ? tl_embedder_dim(lazy->embedder) : 0;
    return ok;
}

bool tl_sql_surface_register(struct sqlite3 *database, tl_error *err)
{
    lazy_model *lazy = tl_memory_allocate(1, sizeof *lazy, err);
    if (lazy == NULL)
        return false;
    tl_sql_embedder embedder = {lazy, embed_text, embed_image, close_model};
    return tl_sqlite_register(database, &embedder, err);
}

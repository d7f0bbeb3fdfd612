/* Owns the layout of a block row and its checksums (XXH3, 64 bits, of the parts' hashes and the numbers that place them). */
#include "index/vectors/block.h"

#include "base/compute/codes.h"
#include "base/core/hash.h"

#include <inttypes.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the vectors of an index file are little-endian and are used where they lie"
#endif
#endif

size_t tl_block__row_bytes(tl_block_shape shape)
{
    return shape.dim * (shape.storage == TL_VECTOR_STORE_F32 ? sizeof(float) : sizeof(uint16_t));
}

size_t tl_block__code_groups(tl_block_shape shape)
{
    return (shape.dim + TL_CODE_GROUP - 1) / TL_CODE_GROUP;
}

size_t tl_block__code_bytes(tl_block_shape shape)
{
    return tl_block__code_groups(shape) * TL_CODE_GROUP_BYTES;
}

size_t tl_block__capacity(tl_block_shape shape)
{
    size_t capacity = TL_BLOCK_BYTES / tl_block__row_bytes(shape);
    return capacity != 0 ? capacity : 1;
}

size_t tl_block__head_size(tl_block_shape shape, int64_t list, size_t count)
{
    return list == 0 ? count * sizeof(int64_t)
                     : TL_CODED_HEADER_BYTES + count * (TL_CODED_ROW_BYTES + tl_block__code_bytes(shape));
}

uint32_t tl_block__vector_hash(const uint8_t *vector, size_t size)
{
    return (uint32_t)tl_hash64(vector, size);
}

int64_t tl_block__checksum(const tl_block_view *view, tl_block_shape shape)
{
    bool is_coded = view->list != 0;
    uint64_t parts[] = {(uint64_t)view->id,
                        (uint64_t)view->set_id,
                        shape.dim,
                        view->count,
                        is_coded ? tl_hash64(view->head + sizeof(uint64_t), view->head_size - sizeof(uint64_t))
                                 : tl_hash64(view->owners, view->count * sizeof *view->owners),
                        is_coded ? (uint64_t)view->list : tl_hash64(view->vectors, view->count * tl_block__row_bytes(shape))};
    return (int64_t)tl_hash64(parts, sizeof parts);
}

int64_t tl_block__mark(int64_t id, int64_t set_id, int64_t list, int64_t count, double radius)
{
    int64_t parts[5] = {id, set_id, list, count};
    memcpy(&parts[4], &radius, sizeof radius);
    return (int64_t)tl_hash64(parts, sizeof parts);
}

bool tl_block__view_head(tl_block_view *view, const uint8_t *head, size_t size, tl_block_shape shape, tl_error *err)
{
    if (size != tl_block__head_size(shape, view->list, view->count))
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected the head of %zu vectors of dimension %" PRIu32 ", found %zu bytes",
                       view->id, view->count, shape.dim, size);
    /* SQLite copies a blob to memory of its own, aligned as malloc does; so are our own buffers. */
    if ((uintptr_t)head % sizeof(int64_t) != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "vector block %" PRId64 ": expected aligned blobs from SQLite", view->id);
    view->head = head;
    view->head_size = size;
    if (view->list == 0) {
        view->owners = (const int64_t *)(const void *)head;
        return true;
    }
    const uint8_t *at = head + TL_CODED_HEADER_BYTES;
    view->owners = (const int64_t *)(const void *)at;
    view->factors = (const float *)(const void *)(at += view->count * sizeof(int64_t));
    view->hashes = (const uint32_t *)(const void *)(at += view->count * sizeof(float));
    view->errors = (const uint16_t *)(const void *)(at += view->count * sizeof(uint32_t));
    view->norms = (const uint16_t *)(const void *)(at += view->count * sizeof(uint16_t));
    view->codes = at + view->count * sizeof(uint16_t);
    memcpy(&view->checksum, head, sizeof view->checksum);
    return true;
}

bool tl_block__view(sqlite3_stmt *row, tl_block_shape shape, tl_block_view *out, tl_error *err)
{
    *out = (tl_block_view){
        .id = sqlite3_column_int64(row, 0), .set_id = sqlite3_column_int64(row, 1), .list = sqlite3_column_int64(row, 2)};
    int64_t count = sqlite3_column_int64(row, 3), checksum = sqlite3_column_int64(row, 4);
    const uint8_t *head = sqlite3_column_blob(row, 5);
    int head_size = sqlite3_column_bytes(row, 5);
    out->vectors = sqlite3_column_blob(row, 6);
    int vectors_size = sqlite3_column_bytes(row, 6);
    if (sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM)
        return tl_database_fail(sqlite3_db_handle(row), err);
    if (out->list < 0 || count < 0 || (uint64_t)count > tl_block__capacity(shape))
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at most %zu vectors, found %" PRId64, out->id,
                       tl_block__capacity(shape), count);
    out->count = (size_t)count;
    if ((size_t)vectors_size != out->count * tl_block__row_bytes(shape))
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected %zu vectors of dimension %" PRIu32 ", found %d bytes", out->id,
                       out->count, shape.dim, vectors_size);
    if ((uintptr_t)out->vectors % sizeof(float) != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "vector block %" PRId64 ": expected aligned blobs from SQLite", out->id);
    if (!tl_block__view_head(out, head, (size_t)head_size, shape, err))
        return false;
    if (out->list != 0 && out->checksum != checksum)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected checksum %016" PRIx64 " in its head, found %016" PRIx64, out->id,
                       (uint64_t)checksum, (uint64_t)out->checksum);
    out->checksum = checksum;
    return true;
}

bool tl_block__verify_head(const tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    int64_t checksum = tl_block__checksum(view, shape);
    uint32_t count = (uint32_t)view->count;
    if (checksum != view->checksum)
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected checksum %016" PRIx64 ", found %016" PRIx64,
                       view->id, (uint64_t)view->checksum, (uint64_t)checksum);
    if (view->list == 0)
        return true;
    memcpy(&count, view->head + sizeof(uint64_t), sizeof count);
    return count == view->count ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected %zu vectors, found %" PRIu32 " in its head",
                   view->id, view->count, count);
}

bool tl_block__verify_vector(const tl_block_view *view, tl_block_shape shape, size_t row, const uint8_t *vector, tl_error *err)
{
    uint32_t hash = tl_block__vector_hash(vector, tl_block__row_bytes(shape));
    return hash == view->hashes[row] ||
           tl_fail(err, TL_ERROR_CORRUPT,
                   "vector block %" PRId64 ": expected checksum %08" PRIx32 " of vector %zu, found %08" PRIx32, view->id,
                   view->hashes[row], row, hash);
}

bool tl_block__verify(const tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    if (!tl_block__verify_head(view, shape, err))
        return false;
    for (size_t i = 0; view->list != 0 && i < view->count; i++)
        if (!tl_block__verify_vector(view, shape, i, view->vectors + i * tl_block__row_bytes(shape), err))
            return false;
    return true;
}

void tl_block__store_vector(tl_block_shape shape, const float *vector, uint8_t *out)
{
    if (shape.storage == TL_VECTOR_STORE_F32)
        memcpy(out, vector, shape.dim * sizeof *vector);
    else
        tl_narrow_to_f16(vector, (uint16_t *)(void *)out, shape.dim);
}

void tl_block__load_vector(tl_block_shape shape, const uint8_t *vector, float *out)
{
    if (shape.storage == TL_VECTOR_STORE_F32)
        memcpy(out, vector, shape.dim * sizeof *out);
    else
        tl_widen_from_f16((const uint16_t *)(const void *)vector, out, shape.dim);
}

void tl_block__score(tl_block_shape shape, tl_vector_metric metric, const uint8_t *vectors, size_t count, const float *query,
                     float *scores)
{
    const float *singles = (const float *)(const void *)vectors;
    const uint16_t *halves = (const uint16_t *)(const void *)vectors;
    if (metric == TL_METRIC_DOT) {
        if (shape.storage == TL_VECTOR_STORE_F32)
            tl_rows_dot_f32(singles, count, shape.dim, query, scores);
        else
            tl_rows_dot_f16(halves, count, shape.dim, query, scores);
        return;
    }
    if (shape.storage == TL_VECTOR_STORE_F32)
        tl_rows_square_f32(singles, count, shape.dim, query, scores);
    else
        tl_rows_square_f16(halves, count, shape.dim, query, scores);
    for (size_t i = 0; i < count; i++)
        scores[i] = -scores[i];
}

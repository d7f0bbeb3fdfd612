/* Owns the layout of a block row and its checksum (XXH3, 64 bits, of the parts' hashes and the numbers that place them). */
#include "index/vectors/block.h"

#include "base/core/hash.h"

#include <inttypes.h>

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the vectors of an index file are little-endian and are used where they lie"
#endif
#endif

size_t tl_block__capacity(uint32_t dim)
{
    size_t capacity = TL_BLOCK_BYTES / (sizeof(float) * dim);
    return capacity != 0 ? capacity : 1;
}

int64_t tl_block__checksum(int64_t id, int64_t set_id, uint32_t dim, size_t count, const int64_t *owners, const float *vectors)
{
    uint64_t parts[] = {(uint64_t)id,
                        (uint64_t)set_id,
                        dim,
                        count,
                        tl_hash64(owners, count * sizeof *owners),
                        tl_hash64(vectors, count * dim * sizeof *vectors)};
    uint64_t checksum = tl_hash64(parts, sizeof parts);
    return (int64_t)checksum;
}

bool tl_block__view(sqlite3_stmt *row, uint32_t dim, tl_block_view *out, tl_error *err)
{
    out->id = sqlite3_column_int64(row, 0);
    out->set_id = sqlite3_column_int64(row, 1);
    out->checksum = sqlite3_column_int64(row, 3);
    int64_t count = sqlite3_column_int64(row, 2);
    const void *owners = sqlite3_column_blob(row, 4);
    int owners_size = sqlite3_column_bytes(row, 4);
    const void *vectors = sqlite3_column_blob(row, 5);
    int vectors_size = sqlite3_column_bytes(row, 5);
    if (sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM)
        return tl_database_fail(sqlite3_db_handle(row), err);
    if (count < 0 || (uint64_t)count > tl_block__capacity(dim))
        return tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected at most %zu vectors, found %" PRId64, out->id,
                       tl_block__capacity(dim), count);
    out->count = (size_t)count;
    if ((size_t)owners_size != out->count * sizeof *out->owners ||
        (size_t)vectors_size != out->count * dim * sizeof *out->vectors)
        return tl_fail(err, TL_ERROR_CORRUPT,
                       "vector block %" PRId64 ": expected %zu vectors of dimension %u, found %d and %d bytes", out->id,
                       out->count, dim, owners_size, vectors_size);
    /* SQLite copies a blob to memory of its own, aligned as malloc does. */
    if ((uintptr_t)owners % sizeof *out->owners != 0 || (uintptr_t)vectors % sizeof *out->vectors != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "vector block %" PRId64 ": expected aligned blobs from SQLite", out->id);
    out->owners = owners;
    out->vectors = vectors;
    return true;
}

bool tl_block__verify(const tl_block_view *view, uint32_t dim, tl_error *err)
{
    int64_t checksum = tl_block__checksum(view->id, view->set_id, dim, view->count, view->owners, view->vectors);
    return checksum == view->checksum ||
           tl_fail(err, TL_ERROR_CORRUPT, "vector block %" PRId64 ": expected checksum %016" PRIx64 ", found %016" PRIx64,
                   view->id, (uint64_t)view->checksum, (uint64_t)checksum);
}

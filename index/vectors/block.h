/*
 * A block: vectors of one set in one row of vector_blocks, with the ids they belong to. Rows lie in two blobs:
 *
 *   vectors   [count, dim] f32 or f16
 *   head      of list 0 (the tail, not yet sorted into a list): int64 owners [count]; the row's checksum covers both blobs
 *             of list 1 and up: uint64 checksum of all that follows and of the row's numbers, uint32 count, uint32 list, int64
 *             owners, f32 factors, uint32 hashes of the vectors, f16 errors, f16 norms [count each], codes [count, code bytes]
 *
 * All little-endian. A coded block is verified by its head alone, and any vector of it by its own hash.
 */
#ifndef TL_INDEX_VECTORS_BLOCK_H
#define TL_INDEX_VECTORS_BLOCK_H

#include "index/sqlite_api.h"
#include "index/vector_store.h"

enum { TL_BLOCK_BYTES = 262144, TL_CODED_HEADER_BYTES = 16, TL_CODED_ROW_BYTES = 20 };

typedef struct tl_block_shape {
    uint32_t dim;
    tl_vector_storage storage;
} tl_block_shape;

typedef struct tl_block_view {
    int64_t id, set_id, list, checksum;
    size_t count;
    const int64_t *owners;  /* [count] */
    const uint8_t *vectors; /* [count, row bytes] */
    const float *factors;   /* these of coded blocks, else NULL */
    const uint32_t *hashes;
    const uint16_t *errors, *norms;
    const uint8_t *codes; /* [count, code bytes]; all borrowed */
    const uint8_t *head;
    size_t head_size;
} tl_block_view;

size_t tl_block__row_bytes(tl_block_shape shape);
size_t tl_block__code_groups(tl_block_shape shape);
size_t tl_block__code_bytes(tl_block_shape shape);
/* How many vectors a block holds at most: as many as fit TL_BLOCK_BYTES, at least one. dim is 1..TL_MAX_DIM. */
size_t tl_block__capacity(tl_block_shape shape);
size_t tl_block__head_size(tl_block_shape shape, int64_t list, size_t count);
uint32_t tl_block__vector_hash(const uint8_t *vector, size_t size);
/* What the row's column checksum must be; of a coded block the vectors do not matter. */
int64_t tl_block__checksum(const tl_block_view *view, tl_block_shape shape);
/* What the row's column mark must be: it guards list, count and radius where they are read without the block. */
int64_t tl_block__mark(int64_t id, int64_t set_id, int64_t list, int64_t count, double radius);
/* Points the members of a coded block into head; id, set_id, list and count are set already. Checks sizes, not the checksum. */
bool tl_block__view_head(tl_block_view *view, const uint8_t *head, size_t size, tl_block_shape shape, tl_error *err) TL_MUST_USE;
/* Reads the row of TL_STORE_BLOCK_READ or _EACH... that the statement stands on and checks sizes, not the checksum. */
bool tl_block__view(sqlite3_stmt *row, tl_block_shape shape, tl_block_view *out, tl_error *err) TL_MUST_USE;
/* Checksum, and of a coded block the number in its head and the hash of every vector. */
bool tl_block__verify(const tl_block_view *view, tl_block_shape shape, tl_error *err) TL_MUST_USE;
bool tl_block__verify_head(const tl_block_view *view, tl_block_shape shape, tl_error *err) TL_MUST_USE;
bool tl_block__verify_vector(const tl_block_view *view, tl_block_shape shape, size_t row, const uint8_t *vector,
                             tl_error *err) TL_MUST_USE;

/* float [dim] to what is stored, and back. */
void tl_block__store_vector(tl_block_shape shape, const float *vector, uint8_t *out);
void tl_block__load_vector(tl_block_shape shape, const uint8_t *vector, float *out);
/* scores [count] of stored vectors, higher is better. */
void tl_block__score(tl_block_shape shape, tl_vector_metric metric, const uint8_t *vectors, size_t count, const float *query,
                     float *scores);

#endif

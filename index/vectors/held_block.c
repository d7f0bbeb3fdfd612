/* Owns the rows of a block as separate arrays, and how they become the two blobs. */
#include "index/vectors/held_block.h"

#include "base/compute/codes.h"
#include "base/core/memory.h"
#include "index/vectors/store_sql.h"

#include <string.h>

void tl_held_block__clear(tl_held_block *held)
{
    tl_memory_free(held->owners);
    tl_memory_free(held->vectors);
    tl_memory_free(held->factors);
    tl_memory_free(held->hashes);
    tl_memory_free(held->errors);
    tl_memory_free(held->norms);
    tl_memory_free(held->codes);
    tl_memory_free(held->head);
    *held = (tl_held_block){0};
}

bool tl_held_block__start(tl_held_block *held, int64_t id, int64_t set_id, int64_t list, tl_block_shape shape, tl_error *err)
{
    size_t rows = tl_block__capacity(shape);
    bool ok = tl_memory_reserve(&held->owners, &held->owners_capacity, rows, sizeof *held->owners, err) &&
              tl_memory_reserve(&held->vectors, &held->vectors_capacity, rows * tl_block__row_bytes(shape), 1, err) &&
              tl_memory_reserve(&held->head, &held->head_capacity, tl_block__head_size(shape, list, rows), 1, err);
    if (ok && list != 0)
        ok = tl_memory_reserve(&held->factors, &held->factors_capacity, rows, sizeof *held->factors, err) &&
             tl_memory_reserve(&held->hashes, &held->hashes_capacity, rows, sizeof *held->hashes, err) &&
             tl_memory_reserve(&held->errors, &held->errors_capacity, rows, sizeof *held->errors, err) &&
             tl_memory_reserve(&held->norms, &held->norms_capacity, rows, sizeof *held->norms, err) &&
             tl_memory_reserve(&held->codes, &held->codes_capacity, rows * tl_block__code_bytes(shape), 1, err);
    held->id = ok ? id : 0;
    held->set_id = set_id;
    held->list = list;
    held->shape = shape;
    held->count = 0;
    return ok;
}

static void copy(void *to, const void *from, size_t size)
{
    if (size != 0)
        memcpy(to, from, size);
}

bool tl_held_block__load(tl_held_block *held, const tl_block_view *view, tl_block_shape shape, tl_error *err)
{
    if (!tl_held_block__start(held, view->id, view->set_id, view->list, shape, err))
        return false;
    size_t count = held->count = view->count;
    copy(held->owners, view->owners, count * sizeof *held->owners);
    copy(held->vectors, view->vectors, count * tl_block__row_bytes(shape));
    if (view->list != 0) {
        copy(held->factors, view->factors, count * sizeof *held->factors);
        copy(held->hashes, view->hashes, count * sizeof *held->hashes);
        copy(held->errors, view->errors, count * sizeof *held->errors);
        copy(held->norms, view->norms, count * sizeof *held->norms);
        copy(held->codes, view->codes, count * tl_block__code_bytes(shape));
    }
    return true;
}

void tl_held_block__append(tl_held_block *held, int64_t owner, const uint8_t *vector, const tl_row_code *code)
{
    size_t row = held->count++, size = tl_block__row_bytes(held->shape), code_size = tl_block__code_bytes(held->shape);
    held->owners[row] = owner;
    memcpy(held->vectors + row * size, vector, size);
    if (held->list == 0)
        return;
    held->factors[row] = code->factor;
    held->hashes[row] = tl_block__vector_hash(vector, size);
    held->errors[row] = code->error;
    held->norms[row] = code->norm;
    memcpy(held->codes + row * code_size, code->codes, code_size);
}

void tl_held_block__remove(tl_held_block *held, size_t row)
{
    size_t last = --held->count, size = tl_block__row_bytes(held->shape), code_size = tl_block__code_bytes(held->shape);
    if (row == last)
        return;
    held->owners[row] = held->owners[last];
    memcpy(held->vectors + row * size, held->vectors + last * size, size);
    if (held->list == 0)
        return;
    held->factors[row] = held->factors[last];
    held->hashes[row] = held->hashes[last];
    held->errors[row] = held->errors[last];
    held->norms[row] = held->norms[last];
    memcpy(held->codes + row * code_size, held->codes + last * code_size, code_size);
}

static uint8_t *put(uint8_t *at, const void *from, size_t size)
{
    copy(at, from, size);
    return at + size;
}

/* The longest residual of its rows: their code's length and what the code leaves out. */
static double radius(const tl_held_block *held)
{
    float longest = 0;
    for (size_t i = 0; held->list != 0 && i < held->count; i++) {
        float parts[2];
        tl_widen_from_f16(&held->errors[i], &parts[0], 1);
        tl_widen_from_f16(&held->norms[i], &parts[1], 1);
        if (parts[0] + parts[1] > longest)
            longest = parts[0] + parts[1];
    }
    return longest;
}

bool tl_held_block__write(tl_held_block *held, tl_statements *statements, tl_error *err)
{
    if (held->count == 0)
        return tl_statements__run_integers(statements, TL_STORE_BLOCK_REMOVE, held->id, 0, err);
    size_t count = held->count, head_size = tl_block__head_size(held->shape, held->list, count);
    uint8_t *at = held->head;
    uint32_t numbers[2] = {(uint32_t)count, (uint32_t)held->list};
    if (held->list != 0)
        at = put(at + sizeof(int64_t), numbers, sizeof numbers);
    at = put(at, held->owners, count * sizeof *held->owners);
    if (held->list != 0) {
        at = put(at, held->factors, count * sizeof *held->factors);
        at = put(at, held->hashes, count * sizeof *held->hashes);
        at = put(at, held->errors, count * sizeof *held->errors);
        at = put(at, held->norms, count * sizeof *held->norms);
        put(at, held->codes, count * tl_block__code_bytes(held->shape));
    }
    tl_block_view view = {.id = held->id,
                          .set_id = held->set_id,
                          .list = held->list,
                          .count = count,
                          .owners = held->owners,
                          .vectors = held->vectors,
                          .head = held->head,
                          .head_size = head_size};
    int64_t checksum = tl_block__checksum(&view, held->shape);
    if (held->list != 0)
        memcpy(held->head, &checksum, sizeof checksum);
    double reach = radius(held);
    sqlite3_stmt *statement = tl_statements__get(statements, TL_STORE_BLOCK_REPLACE, err);
    if (statement == NULL)
        return false;
    /* At most TL_BLOCK_BYTES of vectors and as much beside them, or one vector of TL_MAX_DIM: sizes fit int. */
    sqlite3_bind_int64(statement, 1, held->id);
    sqlite3_bind_int64(statement, 2, (int64_t)count);
    sqlite3_bind_int64(statement, 3, checksum);
    sqlite3_bind_double(statement, 4, reach);
    sqlite3_bind_int64(statement, 5, tl_block__mark(held->id, held->set_id, held->list, (int64_t)count, reach));
    sqlite3_bind_blob(statement, 6, held->head, (int)head_size, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 7, held->vectors, (int)(count * tl_block__row_bytes(held->shape)), SQLITE_STATIC);
    return tl_statements__run(statements, statement, err);
}

/*
 * Files and readers of Parquet. A file ends with its footer, the footer's size and the magic "PAR1". A reader walks the row
 * groups with one column reader a column; a batch has as many rows as every column can deliver at once.
 */
#include "base/io/parquet/column_internal.h"

#include "base/core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_SIZE = 4, TAIL_SIZE = 8, MAX_BATCH_ROWS = 1 << 16, DEFAULT_BATCH_ROWS = 1024 };
static const uint64_t max_footer = (uint64_t)1 << 28;
static const size_t default_page_size = (size_t)1 << 29, most_page_size = INT32_MAX;

struct tl_parquet_reader {
    const tl_parquet_file *file;
    size_t *columns; /* [column_count] */
    size_t column_count;
    tl_parquet_column_reader *readers; /* [column_count] */
    tl_parquet_vector *vectors;        /* [column_count] */
    tl_parquet_unpacker *unpacker;
    size_t max_rows;
    size_t group;        /* the next one to open */
    uint64_t group_left; /* rows of the open group */
    uint64_t row;        /* the next one, in the file */
    bool has_failed;
};

bool tl_parquet__read_at(const tl_parquet_file *file, uint64_t offset, uint8_t *bytes, size_t size, tl_error *err)
{
    if (offset > file->size || size > file->size - offset)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes from %llu on, found the end of the file", size,
                       (unsigned long long)offset);
    if (file->file < 0) {
        if (size != 0)
            memcpy(bytes, file->bytes.data + offset, size);
        return true;
    }
    while (size != 0) {
        ssize_t got = pread(file->file, bytes, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tl_fail_errno(err, errno, "cannot read at %llu", (unsigned long long)offset);
        if (got == 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes from %llu on, found that the file has shrunk", size,
                           (unsigned long long)offset);
        bytes += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

static bool parse_footer(tl_parquet_file *file, size_t size, tl_error *err)
{
    uint8_t *bytes = tl_memory_allocate(size, 1, err);
    if (bytes == NULL)
        return false;
    bool ok = tl_parquet__read_at(file, file->size - TAIL_SIZE - size, bytes, size, err);
    if (ok) {
        tl_thrift_reader in = {bytes, bytes + size, false};
        ok = tl_parquet__read_footer(file, &in, err) || tl_fail_within(err, "footer");
    }
    tl_memory_free(bytes);
    return ok;
}

static bool read_file(tl_parquet_file *file, tl_error *err)
{
    uint8_t head[MAGIC_SIZE], tail[TAIL_SIZE];
    if (file->size < MAGIC_SIZE + TAIL_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a Parquet file, found %llu bytes", (unsigned long long)file->size);
    if (!tl_parquet__read_at(file, 0, head, sizeof head, err) ||
        !tl_parquet__read_at(file, file->size - TAIL_SIZE, tail, sizeof tail, err))
        return false;
    if (memcmp(tail + 4, "PARE", MAGIC_SIZE) == 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "the file is encrypted, which is not read");
    if (memcmp(head, "PAR1", MAGIC_SIZE) != 0 || memcmp(tail + 4, "PAR1", MAGIC_SIZE) != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected PAR1 at both ends of a Parquet file, found other bytes");
    uint32_t size = tl_little_endian_32(tail);
    if (size > file->size - MAGIC_SIZE - TAIL_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a footer within %llu bytes, found one of %u",
                       (unsigned long long)file->size, (unsigned)size);
    if (size > max_footer)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a footer of at most %llu bytes, found one of %u",
                       (unsigned long long)max_footer, (unsigned)size);
    return tl_arena_create(4096, &file->arena, err) && parse_footer(file, size, err);
}

static tl_parquet_file *create_file(const char *name, tl_error *err)
{
    tl_parquet_file *file = tl_memory_allocate(1, sizeof *file, err);
    if (file == NULL)
        return NULL;
    file->file = -1;
    file->name = tl_memory_copy_text(name, strlen(name), err);
    if (file->name != NULL)
        return file;
    tl_parquet_close(file);
    return NULL;
}

bool tl_parquet_parse(tl_slice bytes, const char *name, tl_parquet_file **out, tl_error *err)
{
    tl_parquet_file *file = create_file(name, err);
    if (file == NULL)
        return false;
    file->bytes = bytes;
    file->size = bytes.size;
    if (!read_file(file, err)) {
        tl_parquet_close(file);
        return tl_fail_within(err, "'%s'", name);
    }
    *out = file;
    return true;
}

static bool open_path(tl_parquet_file *file, const char *path, tl_error *err)
{
    struct stat status;
    /* O_NONBLOCK: a pipe under this name is refused below rather than waited for. */
    file->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    if (fstat(file->file, &status) != 0)
        return tl_fail_errno(err, errno, "cannot look at '%s'", path);
    if (!S_ISREG(status.st_mode))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a file, found a folder or device", path);
    file->size = (uint64_t)status.st_size;
    return read_file(file, err) || tl_fail_within(err, "'%s'", path);
}

bool tl_parquet_open(const char *path, tl_parquet_file **out, tl_error *err)
{
    tl_parquet_file *file = create_file(path, err);
    if (file == NULL)
        return false;
    if (!open_path(file, path, err)) {
        tl_parquet_close(file);
        return false;
    }
    *out = file;
    return true;
}

void tl_parquet_close(tl_parquet_file *file)
{
    if (file == NULL)
        return;
    if (file->file >= 0)
        close(file->file);
    tl_memory_free(file->name);
    tl_arena_destroy(file->arena);
    tl_memory_free(file->group_rows);
    tl_memory_free(file->chunks);
    tl_memory_free(file);
}

uint64_t tl_parquet_row_count(const tl_parquet_file *file)
{
    return file->row_count;
}

size_t tl_parquet_column_count(const tl_parquet_file *file)
{
    return file->leaf_count;
}

const tl_parquet_column *tl_parquet_column_at(const tl_parquet_file *file, size_t index)
{
    TL_ASSERT(index < file->leaf_count);
    return &file->leaves[index].column;
}

bool tl_parquet_column_find(const tl_parquet_file *file, const char *name, size_t *index)
{
    for (size_t i = 0; i < file->leaf_count; i++)
        if (strcmp(file->leaves[i].column.name, name) == 0 || strcmp(file->leaves[i].column.path, name) == 0) {
            *index = i;
            return true;
        }
    return false;
}

static bool create_columns(tl_parquet_reader *reader, const size_t *columns, size_t max_page_size, tl_error *err)
{
    const tl_parquet_file *file = reader->file;
    size_t count = reader->column_count;
    reader->columns = tl_memory_allocate(count, sizeof *reader->columns, err);
    reader->readers = reader->columns != NULL ? tl_memory_allocate(count, sizeof *reader->readers, err) : NULL;
    reader->vectors = reader->readers != NULL ? tl_memory_allocate(count, sizeof *reader->vectors, err) : NULL;
    if (reader->vectors == NULL || !tl_parquet__unpacker_create(&reader->unpacker, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        TL_ASSERT(columns[i] < file->leaf_count);
        const tl_parquet_leaf *leaf = &file->leaves[columns[i]];
        reader->columns[i] = columns[i];
        if (leaf->column.unreadable != NULL)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': column '%s': %s, which is not read", file->name, leaf->column.path,
                           leaf->column.unreadable);
        if (!tl_parquet__column_init(&reader->readers[i], file, leaf, reader->max_rows, max_page_size, reader->unpacker, err))
            return false;
    }
    return true;
}

bool tl_parquet_reader_create(const tl_parquet_file *file, const size_t *columns, size_t column_count,
                              const tl_parquet_options *options, tl_parquet_reader **out, tl_error *err)
{
    tl_parquet_options chosen = options != NULL ? *options : (tl_parquet_options){0};
    if (column_count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a column to read, found none", file->name);
    tl_parquet_reader *reader = tl_memory_allocate(1, sizeof *reader, err);
    if (reader == NULL)
        return false;
    reader->file = file;
    reader->column_count = column_count;
    reader->max_rows = chosen.max_batch_rows != 0 ? chosen.max_batch_rows : DEFAULT_BATCH_ROWS;
    reader->max_rows = reader->max_rows < MAX_BATCH_ROWS ? reader->max_rows : MAX_BATCH_ROWS;
    size_t page_size = chosen.max_page_size != 0 ? chosen.max_page_size : default_page_size;
    if (!create_columns(reader, columns, page_size < most_page_size ? page_size : most_page_size, err)) {
        tl_parquet_reader_destroy(reader);
        return false;
    }
    *out = reader;
    return true;
}

void tl_parquet_reader_destroy(tl_parquet_reader *reader)
{
    if (reader == NULL)
        return;
    for (size_t i = 0; reader->readers != NULL && i < reader->column_count; i++)
        tl_parquet__column_clear(&reader->readers[i]);
    tl_parquet__unpacker_destroy(reader->unpacker);
    tl_memory_free(reader->columns);
    tl_memory_free(reader->readers);
    tl_memory_free(reader->vectors);
    tl_memory_free(reader);
}

/* Puts file, column and row group before the error of a column; the reader is of no more use. */
static bool column_failed(tl_parquet_reader *reader, size_t column, tl_error *err)
{
    reader->has_failed = true;
    return tl_fail_within(err, "'%s': column '%s': row group %zu", reader->file->name,
                          reader->file->leaves[reader->columns[column]].column.path, reader->group - 1);
}

static bool failed_before(const tl_parquet_reader *reader, tl_error *err)
{
    return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a reader that has not failed", reader->file->name);
}

static bool open_group(tl_parquet_reader *reader, tl_error *err)
{
    const tl_parquet_file *file = reader->file;
    size_t group = reader->group++;
    reader->group_left = file->group_rows[group];
    for (size_t i = 0; i < reader->column_count; i++)
        if (!tl_parquet__column_begin(&reader->readers[i], &file->chunks[group * file->leaf_count + reader->columns[i]],
                                      reader->group_left, err))
            return column_failed(reader, i, err);
    return true;
}

/* The most rows that every column can deliver at once. Flat columns are asked first: a list column puts as many rows together as
 * it is asked for. */
static bool settle_row_count(tl_parquet_reader *reader, size_t *count, tl_error *err)
{
    for (int lists = 0; lists < 2; lists++)
        for (size_t i = 0; i < reader->column_count; i++) {
            bool is_list = reader->readers[i].pages.leaf->max_repetition != 0;
            if (is_list == (lists == 1) && !tl_parquet__column_ready(&reader->readers[i], *count, count, err))
                return column_failed(reader, i, err);
        }
    return true;
}

bool tl_parquet_reader_next(tl_parquet_reader *reader, tl_parquet_batch *out, tl_error *err)
{
    if (reader->has_failed)
        return failed_before(reader, err);
    *out = (tl_parquet_batch){.first_row = reader->row, .vectors = reader->vectors};
    while (reader->group_left == 0) {
        if (reader->group == reader->file->group_count)
            return true;
        if (!open_group(reader, err))
            return false;
    }
    size_t count = reader->group_left < reader->max_rows ? (size_t)reader->group_left : reader->max_rows;
    if (!settle_row_count(reader, &count, err))
        return false;
    for (size_t i = 0; i < reader->column_count; i++)
        if (!tl_parquet__column_take(&reader->readers[i], count, &reader->vectors[i], err))
            return column_failed(reader, i, err);
    out->row_count = count;
    reader->group_left -= count;
    reader->row += count;
    return true;
}

bool tl_parquet_reader_skip(tl_parquet_reader *reader, uint64_t row_count, tl_error *err)
{
    if (reader->has_failed)
        return failed_before(reader, err);
    while (row_count != 0) {
        if (reader->group_left == 0) {
            if (reader->group == reader->file->group_count)
                return true;
            uint64_t rows = reader->file->group_rows[reader->group];
            if (rows <= row_count) {
                reader->group++;
                reader->row += rows;
                row_count -= rows;
            } else if (!open_group(reader, err)) {
                return false;
            }
            continue;
        }
        uint64_t taken = reader->group_left < row_count ? reader->group_left : row_count;
        /* The rest of a group is left where it is: the next one begins anew. */
        for (size_t i = 0; taken != reader->group_left && i < reader->column_count; i++)
            if (!tl_parquet__column_skip(&reader->readers[i], taken, err))
                return column_failed(reader, i, err);
        reader->group_left -= taken;
        reader->row += taken;
        row_count -= taken;
    }
    return true;
}

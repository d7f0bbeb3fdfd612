/*
 * The one file that includes csv.h. RFC 4180 with libcsv's kindness: white space around fields is dropped, a quote inside a bare
 * field is itself, lines end in LF, CR or CRLF. The parser is fed line by line, so that at most one row ends in each piece and
 * the line on which a row begins is known. A quote that is never closed swallows at most MAX_ROW_SIZE bytes; reading goes on at
 * the line after.
 */
#include "crawler-import/sources/csv_rows.h"

#include "base/core/memory.h"
#include "base/core/string.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 65536, MAX_ROW_SIZE = 1024 * 1024, MAX_FIELDS = 4096 };

struct tl_csv_rows {
    struct csv_parser parser;
    char *path;
    int file;
    uint64_t file_size;
    uint64_t read_size;
    char *buffer;
    size_t buffer_used;
    size_t buffer_at;
    bool at_end;
    bool is_finished;  /* the parser was told of the end */
    uint64_t line;     /* of the next byte */
    bool after_return; /* the last byte was CR: an LF belongs to it */
    bool in_row;
    bool row_ended;
    bool is_passing_over; /* the rest of a line of a row too large */
    bool is_out_of_memory;
    uint64_t row_line;
    size_t row_size; /* bytes fed since it began */
    char delimiter;
    tl_string bytes; /* of the fields of the row */
    size_t *ends;
    size_t field_count;
    size_t end_capacity;
    tl_slice *fields;
    size_t field_capacity;
};

static void *resize_block(void *block, size_t size)
{
    return tl_memory_resize(block, size, 1, NULL);
}

static void take_field(void *text, size_t size, void *context)
{
    tl_csv_rows *rows = context;
    void *ends = rows->ends;
    if (rows->field_count == MAX_FIELDS)
        return;
    if (!tl_memory_reserve(&ends, &rows->end_capacity, rows->field_count + 1, sizeof *rows->ends, NULL) ||
        !tl_string_append(&rows->bytes, text, size, NULL)) {
        rows->ends = ends;
        rows->is_out_of_memory = true;
        return;
    }
    rows->ends = ends;
    rows->ends[rows->field_count++] = rows->bytes.size;
}

static void end_row(int terminator, void *context)
{
    (void)terminator;
    tl_csv_rows *rows = context;
    rows->row_ended = true;
}

static bool start_parser(tl_csv_rows *rows, tl_error *err)
{
    if (csv_init(&rows->parser, 0) != 0)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a table parser");
    csv_set_delim(&rows->parser, (unsigned char)rows->delimiter);
    csv_set_realloc_func(&rows->parser, resize_block);
    csv_set_free_func(&rows->parser, tl_memory_free);
    return true;
}

static bool fill_buffer(tl_csv_rows *rows, tl_error *err)
{
    rows->buffer_at = rows->buffer_used = 0;
    while (!rows->at_end) {
        ssize_t got = read(rows->file, rows->buffer, BUFFER_SIZE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tl_fail_errno(err, errno, "cannot read '%s'", rows->path);
        rows->at_end = got == 0;
        rows->buffer_used = (size_t)got;
        rows->read_size += (uint64_t)got;
        return true;
    }
    return true;
}

bool tl_csv_rows_open(const char *path, char delimiter, tl_csv_rows **out, tl_error *err)
{
    struct stat status;
    tl_csv_rows *rows = tl_memory_allocate(1, sizeof *rows, err);
    if (rows == NULL)
        return false;
    *rows = (tl_csv_rows){.file = -1, .line = 1, .delimiter = delimiter};
    tl_string_init(&rows->bytes, 2 * (size_t)MAX_ROW_SIZE);
    rows->path = tl_memory_copy_text(path, strlen(path), err);
    rows->buffer = rows->path != NULL ? tl_memory_allocate(BUFFER_SIZE, 1, err) : NULL;
    if (rows->buffer == NULL || !start_parser(rows, err))
        goto failed;
    rows->file = open(path, O_RDONLY | O_CLOEXEC);
    if (rows->file < 0 || fstat(rows->file, &status) != 0) {
        tl_fail_errno(err, errno, "cannot open '%s'", path);
        goto failed;
    }
    rows->file_size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
    if (!fill_buffer(rows, err))
        goto failed;
    if (rows->buffer_used >= 3 && memcmp(rows->buffer, "\xef\xbb\xbf", 3) == 0)
        rows->buffer_at = 3;
    *out = rows;
    return true;
failed:
    tl_csv_rows_close(rows);
    return false;
}

/* The bytes up to and with the next CR or LF, or the rest of the buffer. */
static size_t piece_size(const tl_csv_rows *rows)
{
    size_t at = rows->buffer_at;
    while (at < rows->buffer_used && rows->buffer[at] != '\n' && rows->buffer[at] != '\r')
        at++;
    return at - rows->buffer_at + (at < rows->buffer_used ? 1 : 0);
}

static bool is_blank(const char *piece, size_t size, char delimiter)
{
    for (size_t i = 0; i < size; i++)
        if (piece[i] == delimiter || strchr(" \t\r\n", piece[i]) == NULL || piece[i] == '\0')
            return false;
    return true;
}

static void begin_row(tl_csv_rows *rows)
{
    rows->in_row = true;
    rows->row_line = rows->line;
    rows->row_size = 0;
    rows->row_ended = false;
    rows->field_count = 0;
    tl_string_reset(&rows->bytes);
}

/* Feeds one piece. *too_large: the row passed the limit and was given up. */
static bool feed(tl_csv_rows *rows, bool *too_large, tl_error *err)
{
    const char *piece = rows->buffer + rows->buffer_at;
    size_t size = piece_size(rows);
    char last = piece[size - 1];
    bool is_rest_of_return = rows->after_return && piece[0] == '\n';
    rows->buffer_at += size;
    rows->after_return = last == '\r';
    if (!rows->in_row && !rows->is_passing_over && !is_blank(piece, size, rows->delimiter))
        begin_row(rows);
    if (rows->in_row && rows->row_size + size > MAX_ROW_SIZE) {
        *too_large = true;
        rows->in_row = false;
        rows->is_passing_over = true;
        csv_free(&rows->parser);
        if (!start_parser(rows, err))
            return false;
    }
    if (rows->is_passing_over) {
        rows->is_passing_over = last != '\n' && last != '\r';
    } else {
        rows->row_size += size;
        if (csv_parse(&rows->parser, piece, size, take_field, end_row, rows) != size || rows->is_out_of_memory)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "'%s': line %llu: out of memory", rows->path, (unsigned long long)rows->line);
    }
    if ((last == '\n' && !is_rest_of_return) || last == '\r')
        rows->line++;
    return true;
}

static bool hand_over(tl_csv_rows *rows, tl_csv_row *out, tl_error *err)
{
    void *fields = rows->fields;
    if (!tl_memory_reserve(&fields, &rows->field_capacity, rows->field_count, sizeof *rows->fields, err))
        return false;
    rows->fields = fields;
    for (size_t i = 0; i < rows->field_count; i++) {
        size_t start = i == 0 ? 0 : rows->ends[i - 1];
        rows->fields[i] = (tl_slice){rows->bytes.data + start, rows->ends[i] - start};
    }
    *out = (tl_csv_row){.fields = rows->fields, .field_count = rows->field_count, .line = rows->row_line};
    rows->in_row = false;
    return true;
}

bool tl_csv_rows_next(tl_csv_rows *rows, tl_csv_row *out, bool *done, tl_error *err)
{
    *done = false;
    for (;;) {
        if (rows->in_row && rows->row_ended)
            return hand_over(rows, out, err);
        if (rows->buffer_at == rows->buffer_used && !fill_buffer(rows, err))
            return false;
        if (rows->buffer_at < rows->buffer_used) {
            bool too_large = false;
            if (!feed(rows, &too_large, err))
                return false;
            if (too_large) {
                *out = (tl_csv_row){.line = rows->row_line, .is_too_large = true};
                return true;
            }
            continue;
        }
        if (!rows->is_finished) {
            rows->is_finished = true;
            if (csv_fini(&rows->parser, take_field, end_row, rows) != 0 || rows->is_out_of_memory)
                return tl_fail(err, TL_ERROR_NO_MEMORY, "'%s': out of memory", rows->path);
            continue;
        }
        *done = true;
        return true;
    }
}

double tl_csv_rows_progress(const tl_csv_rows *rows)
{
    if (rows->file_size == 0 || rows->at_end)
        return 1;
    double passed = (double)(rows->read_size - (rows->buffer_used - rows->buffer_at));
    return passed < (double)rows->file_size ? passed / (double)rows->file_size : 1;
}

void tl_csv_rows_close(tl_csv_rows *rows)
{
    if (rows == NULL)
        return;
    if (rows->file >= 0)
        close(rows->file);
    csv_free(&rows->parser);
    tl_memory_free(rows->fields);
    tl_memory_free(rows->ends);
    tl_string_clear(&rows->bytes);
    tl_memory_free(rows->buffer);
    tl_memory_free(rows->path);
    tl_memory_free(rows);
}

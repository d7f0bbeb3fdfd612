/*
 * Owns RFC 4180 with the kindness that tables in the wild need (that of libcsv, which takes eight times as long): white space
 * around fields is dropped, a quote inside a bare field is itself, so is one inside a quoted field that no delimiter follows,
 * lines end in LF, CR or CRLF.
 *
 * A row is found in two steps: where it ends, then its fields, which are slices of the window (quoted ones are unescaped in
 * place). Nearly every row is a line without a quote, and for those both steps are memchr. A quote that is never closed swallows
 * at most MAX_ROW_SIZE bytes; reading goes on at the line after.
 */
#include "crawler-import/tables/csv_rows.h"

#include "base/core/memory.h"
#include "crawler-import/tables/window.h"

enum { MAX_ROW_SIZE = 1024 * 1024, WINDOW_SIZE = MAX_ROW_SIZE + 256 * 1024, MAX_FIELDS = 4096, STRETCH = 4096 };

struct tl_csv_rows {
    tl_window window;
    char *path;
    char delimiter;
    tl_csv_quotes quotes;
    uint64_t line; /* of the byte at window.begin */
    tl_slice *fields;
};

/* One row as it lies in the window. */
typedef struct extent {
    size_t size; /* without its line end */
    size_t line_end_size;
    bool has_quote; /* some field begins with one, perhaps */
    bool is_too_large;
    uint64_t line_count; /* lines passed with it */
} extent;

bool tl_csv_rows_open(const char *path, char delimiter, tl_csv_quotes quotes, tl_csv_rows **out, tl_error *err)
{
    tl_csv_rows *rows = tl_memory_allocate(1, sizeof *rows, err);
    if (rows == NULL)
        return false;
    rows->delimiter = delimiter;
    rows->quotes = delimiter == '\n' ? TL_CSV_QUOTES_NONE : quotes;
    rows->line = 1;
    rows->path = tl_memory_copy_text(path, strlen(path), err);
    rows->fields = rows->path != NULL ? tl_memory_allocate(MAX_FIELDS, sizeof *rows->fields, err) : NULL;
    if (rows->fields == NULL || !tl_window_open(&rows->window, path, WINDOW_SIZE, err)) {
        tl_csv_rows_close(rows);
        return false;
    }
    *out = rows;
    return true;
}

static bool is_space(const tl_csv_rows *rows, char byte)
{
    return (byte == ' ' || byte == '\t') && byte != rows->delimiter;
}

static bool is_line_end(char byte)
{
    return byte == '\n' || byte == '\r';
}

/* The end of the line that begins at `from`, or NULL when the bytes up to `end` hold none. Looks a stretch at a time, so that a
 * file with one kind of line end is not searched for the other over and over. */
static const char *find_line_end(const char *from, const char *end)
{
    while (from < end) {
        const char *limit = end - from > STRETCH ? from + STRETCH : end;
        const char *feed = memchr(from, '\n', (size_t)(limit - from));
        limit = feed != NULL ? feed : limit;
        const char *carriage_return = memchr(from, '\r', (size_t)(limit - from));
        if (carriage_return != NULL || feed != NULL)
            return carriage_return != NULL ? carriage_return : feed;
        from = limit;
    }
    return NULL;
}

/* Past the quoted field whose first quote is before `at`: where its delimiter or line end is; NULL when bytes[..end) do not tell.
 */
static const char *find_quoted_end(const tl_csv_rows *rows, const char *at, const char *end, bool is_last)
{
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && *at == '"') {
            at++;
            continue;
        }
        const char *after = at;
        while (after < end && is_space(rows, *after))
            after++;
        if (after == end)
            return is_last ? end : NULL;
        if (*after == rows->delimiter || is_line_end(*after))
            return after;
    }
    return is_last ? end : NULL;
}

/* The end of a row in which quotes span lines; NULL when bytes[..end) do not tell. */
static const char *find_row_end(const tl_csv_rows *rows, const char *at, const char *end, bool is_last)
{
    for (;;) {
        while (at < end && is_space(rows, *at))
            at++;
        if (at < end && *at == '"') {
            at = find_quoted_end(rows, at + 1, end, is_last);
            if (at == NULL)
                return NULL;
        } else {
            while (at < end && *at != rows->delimiter && !is_line_end(*at))
                at++;
        }
        if (at == end)
            return is_last ? end : NULL;
        if (is_line_end(*at))
            return at;
        at++;
    }
}

static uint64_t count_line_ends(const char *at, const char *end)
{
    uint64_t count = 0;
    for (; at < end; at++)
        count += *at == '\n' || (*at == '\r' && (at + 1 == end || at[1] != '\n'));
    return count;
}

/* Tries to find the row at the window's begin in what is there; false when more bytes are needed. */
static bool find_row(const tl_csv_rows *rows, extent *out)
{
    const tl_window *window = &rows->window;
    const char *begin = window->bytes + window->begin;
    const char *end = window->bytes + window->end;
    const char *stop = find_line_end(begin, end);
    *out = (extent){0};
    if (rows->quotes != TL_CSV_QUOTES_NONE) {
        const char *limit = stop != NULL ? stop : end;
        out->has_quote = memchr(begin, '"', (size_t)(limit - begin)) != NULL;
        if (out->has_quote && rows->quotes == TL_CSV_QUOTES_SPAN_LINES)
            stop = find_row_end(rows, begin, end, window->at_end);
    }
    if (stop == NULL && window->at_end)
        stop = end;
    if (stop == NULL || (stop < end && *stop == '\r' && stop + 1 == end && !window->at_end))
        return false; /* an LF may follow */
    out->size = (size_t)(stop - begin);
    if (stop < end)
        out->line_end_size = *stop == '\r' && stop + 1 < end && stop[1] == '\n' ? 2 : 1;
    out->line_count = out->line_end_size != 0 ? 1 : 0;
    if (out->has_quote)
        out->line_count += count_line_ends(begin, stop);
    return true;
}

static bool fail_reading(const tl_csv_rows *rows, tl_error *err)
{
    return tl_fail_within(err, "'%s': line %llu", rows->path, (unsigned long long)rows->line);
}

/* Gives up what begins at the window's begin: MAX_ROW_SIZE bytes of it and the rest of the line that those end in. */
static bool pass_over_large(tl_csv_rows *rows, tl_error *err)
{
    tl_window *window = &rows->window;
    const char *begin = window->bytes + window->begin;
    size_t swallowed = MAX_ROW_SIZE - (begin[MAX_ROW_SIZE - 1] == '\r' ? 1 : 0); /* its LF may be the next byte */
    rows->line += count_line_ends(begin, begin + swallowed);
    window->begin += swallowed;
    for (;;) {
        const char *end = window->bytes + window->end;
        const char *stop = find_line_end(window->bytes + window->begin, end);
        bool is_whole = stop != NULL && (*stop == '\n' || stop + 1 < end || window->at_end);
        window->begin = stop != NULL ? (size_t)(stop - window->bytes) : window->end;
        if (is_whole) {
            window->begin += *stop == '\r' && stop + 1 < end && stop[1] == '\n' ? 2 : 1;
            rows->line++;
        }
        if (is_whole || window->at_end)
            return true;
        if (!tl_window_fill(window, err))
            return fail_reading(rows, err);
    }
}

static bool is_blank(const tl_csv_rows *rows, const extent *row)
{
    const char *at = rows->window.bytes + rows->window.begin;
    size_t i = 0;
    while (i < row->size && is_space(rows, at[i]))
        i++;
    return i == row->size;
}

static void pass(tl_csv_rows *rows, const extent *row)
{
    rows->window.begin += row->size + row->line_end_size;
    rows->line += row->line_count;
}

/* The next row that is not blank; it lies at the window's begin, or was too large and is gone. */
static bool reach_row(tl_csv_rows *rows, extent *row, uint64_t *line, bool *done, tl_error *err)
{
    tl_window *window = &rows->window;
    for (;;) {
        *done = window->at_end && window->begin == window->end;
        if (*done)
            return true;
        bool is_found = find_row(rows, row);
        *line = rows->line;
        if (is_found ? row->size > MAX_ROW_SIZE : window->end - window->begin > MAX_ROW_SIZE) {
            row->is_too_large = true;
            return pass_over_large(rows, err);
        }
        if (is_found && !is_blank(rows, row))
            return true;
        if (is_found)
            pass(rows, row);
        else if (!tl_window_fill(window, err))
            return fail_reading(rows, err);
    }
}

static tl_slice without_spaces(const tl_csv_rows *rows, const char *at, const char *end)
{
    while (at < end && is_space(rows, *at))
        at++;
    while (end > at && is_space(rows, end[-1]))
        end--;
    return (tl_slice){at, (size_t)(end - at)};
}

static size_t split_bare(tl_csv_rows *rows, const char *at, const char *end)
{
    size_t count = 0;
    while (count < MAX_FIELDS) {
        const char *stop = memchr(at, rows->delimiter, (size_t)(end - at));
        rows->fields[count++] = without_spaces(rows, at, stop != NULL ? stop : end);
        if (stop == NULL)
            break;
        at = stop + 1;
    }
    return count;
}

/* Unescapes the quoted field whose text begins at `at` and ends before `stop`, its last quote and spaces included. */
static tl_slice unescape(const tl_csv_rows *rows, char *at, const char *stop)
{
    char *to = at;
    const char *from = at;
    const char *last = stop;
    while (last > from && is_space(rows, last[-1]))
        last--;
    bool is_closed = last > from && last[-1] == '"';
    last = is_closed ? last - 1 : stop;
    while (from < last) {
        if (*from == '"' && from + 1 < last && from[1] == '"')
            from++;
        *to++ = *from++;
    }
    return (tl_slice){at, (size_t)(to - at)};
}

/* Where the field ends whose first quote is before `at`, if every quote in it is doubled and one closes it; else NULL. */
static const char *find_strict_end(const tl_csv_rows *rows, const char *at, const char *end)
{
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL && at + 1 < end && at[1] == '"')
        at += 2;
    if (at == NULL)
        return NULL;
    at++;
    while (at < end && is_space(rows, *at))
        at++;
    return at == end || *at == rows->delimiter ? at : NULL;
}

static size_t split_quoted(tl_csv_rows *rows, char *at, char *end)
{
    size_t count = 0;
    while (count < MAX_FIELDS) {
        char *first = at;
        const char *stop = NULL;
        while (first < end && is_space(rows, *first))
            first++;
        if (first < end && *first == '"')
            stop = rows->quotes == TL_CSV_QUOTES_IN_LINE ? find_strict_end(rows, first + 1, end)
                                                         : find_quoted_end(rows, first + 1, end, true);
        if (stop != NULL) {
            rows->fields[count++] = unescape(rows, first + 1, stop);
        } else {
            stop = memchr(at, rows->delimiter, (size_t)(end - at));
            stop = stop != NULL ? stop : end;
            rows->fields[count++] = without_spaces(rows, at, stop);
        }
        if (stop == end)
            break;
        at += stop - at + 1;
    }
    return count;
}

bool tl_csv_rows_next(tl_csv_rows *rows, tl_csv_row *out, bool *done, tl_error *err)
{
    extent row;
    *out = (tl_csv_row){.fields = rows->fields};
    if (!reach_row(rows, &row, &out->line, done, err))
        return false;
    out->is_too_large = !*done && row.is_too_large;
    if (*done || row.is_too_large)
        return true;
    char *begin = rows->window.bytes + rows->window.begin;
    out->field_count = row.has_quote ? split_quoted(rows, begin, begin + row.size) : split_bare(rows, begin, begin + row.size);
    pass(rows, &row);
    return true;
}

bool tl_csv_rows_skip(tl_csv_rows *rows, uint64_t count, uint64_t *passed, tl_error *err)
{
    extent row;
    uint64_t line;
    for (bool done = false; *passed < count; (*passed)++) {
        if (!reach_row(rows, &row, &line, &done, err))
            return false;
        if (done)
            break;
        if (!row.is_too_large)
            pass(rows, &row);
    }
    return true;
}

double tl_csv_rows_progress(const tl_csv_rows *rows)
{
    return tl_window_progress(&rows->window);
}

void tl_csv_rows_close(tl_csv_rows *rows)
{
    if (rows == NULL)
        return;
    tl_window_clear(&rows->window);
    tl_memory_free(rows->fields);
    tl_memory_free(rows->path);
    tl_memory_free(rows);
}

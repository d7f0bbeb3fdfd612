/* A stretch of a file's bytes in memory that moves along the file, for parsers that look at one row at a time. */
#ifndef TL_CRAWLER_IMPORT_TABLES_WINDOW_H
#define TL_CRAWLER_IMPORT_TABLES_WINDOW_H

#include "crawler-import/archive/stream.h"

typedef struct tl_window {
    char *bytes;  /* bytes[begin..end) lie in the window and may be changed */
    size_t begin; /* moved on by whoever has read them */
    size_t end;
    bool at_end;     /* there is nothing after bytes[end - 1] */
    size_t size;     /* of bytes: grows with the rows that are in the file */
    size_t capacity; /* that it may grow to */
    tl_byte_stream *stream;
} tl_window;

/* Opens the file at its start, past a UTF-8 byte order mark. Must be cleared after a failure too. */
bool tl_window_open(tl_window *window, const char *path, size_t capacity, tl_error *err) TL_MUST_USE;
/* Adds bytes at the end: at least one, unless at_end is or gets set. What lies before begin is given up, so offsets change. There
 * must be room: end - begin < capacity. */
bool tl_window_fill(tl_window *window, tl_error *err) TL_MUST_USE;
/* Share of the file passed. */
double tl_window_progress(const tl_window *window);
void tl_window_clear(tl_window *window);

#endif

/* The bytes of one file from its start to its end, inflated where it is gzip or Zstandard (told by its first bytes). */
#ifndef TL_CRAWLER_IMPORT_ARCHIVE_STREAM_H
#define TL_CRAWLER_IMPORT_ARCHIVE_STREAM_H

#include "base/core/error.h"

#include <stdint.h>

typedef struct tl_byte_stream tl_byte_stream;

bool tl_byte_stream_open(const char *path, tl_byte_stream **out, tl_error *err) TL_MUST_USE;
/* Reads 1..room bytes into `into`; *got is 0 at the end. Damage (TL_ERROR_CORRUPT), a file cut short too, is an error that does
 * not name the file. Memory does not grow with what the file inflates to. */
bool tl_byte_stream_read(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err) TL_MUST_USE;
/* The first bytes of a file, as many as fit into room and come before any damage; an error, which names the file, where that is
 * none of them. */
bool tl_byte_stream_read_head(const char *path, char *into, size_t room, size_t *size, tl_error *err) TL_MUST_USE;
/* Share of the file's bytes read, 0..1. */
double tl_byte_stream_progress(const tl_byte_stream *stream);
void tl_byte_stream_close(tl_byte_stream *stream);

#endif

/* Tar files read and written through libarchive: members one after another, nothing ever unpacked to the disk. */
#ifndef TL_CRAWLER_IMPORT_ARCHIVE_TAR_H
#define TL_CRAWLER_IMPORT_ARCHIVE_TAR_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

typedef struct tl_tar_reader tl_tar_reader;

typedef struct tl_tar_member {
    const char *name; /* as stored, any bytes; borrowed until the next call */
    bool is_file;     /* false: folder, link, device */
    uint64_t size;    /* as claimed */
} tl_tar_member;

/* A .tar or gzip-compressed one: ustar, pax, GNU. */
bool tl_tar_reader_open(const char *path, tl_tar_reader **out, tl_error *err) TL_MUST_USE;
/* TL_ERROR_CORRUPT: the archive is damaged here and cannot be read on. What was not read of the member before is passed over. */
bool tl_tar_reader_next(tl_tar_reader *reader, tl_tar_member *out, bool *done, tl_error *err) TL_MUST_USE;
/* Appends the member's bytes; *fits is false, and bytes as before, when there is more than bytes' ceiling has room for. */
bool tl_tar_reader_read(tl_tar_reader *reader, tl_string *bytes, bool *fits, tl_error *err) TL_MUST_USE;
/* Bytes of the file read so far (compressed ones for .tar.gz). */
uint64_t tl_tar_reader_position(const tl_tar_reader *reader);
void tl_tar_reader_close(tl_tar_reader *reader);

/* Writes a ustar file that appears under its name only on commit; the same members give the same bytes, on any machine, in any
 * locale. */
typedef struct tl_tar_writer tl_tar_writer;
bool tl_tar_writer_open(const char *path, tl_tar_writer **out, tl_error *err) TL_MUST_USE;
/* name must fit a ustar header (tl_sample_key_fit). */
bool tl_tar_writer_add(tl_tar_writer *writer, const char *name, tl_slice bytes, tl_error *err) TL_MUST_USE;
/* Bytes written so far; of the whole file after commit. */
uint64_t tl_tar_writer_size(const tl_tar_writer *writer);
bool tl_tar_writer_commit(tl_tar_writer *writer, tl_error *err) TL_MUST_USE;
void tl_tar_writer_close(tl_tar_writer *writer);

#endif

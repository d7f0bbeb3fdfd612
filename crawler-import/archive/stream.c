/*
 * Owns reading a file that may be compressed. Plain files are read(2); gzip (any number of members) and Zstandard (any number of
 * frames) go through libarchive's filters over a "raw" archive, with no other filter or format switched on.
 */
#include "crawler-import/archive/stream.h"

#include "base/core/memory.h"
#include "base/io/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_BLOCK = 65536 };

struct tl_byte_stream {
    int file;
    struct archive *archive; /* NULL: a plain file */
    bool at_end;
    uint64_t file_size;
    uint64_t read_size; /* of a plain file */
};

/* Counts from the start of the file; false at an error of read(2), with errno. */
static bool read_some(int file, char *into, size_t room, size_t *got)
{
    ssize_t count;
    do
        count = read(file, into, room);
    while (count < 0 && errno == EINTR);
    *got = count > 0 ? (size_t)count : 0;
    return count >= 0;
}

static bool is_compressed(const unsigned char *head, size_t size)
{
    static const unsigned char zstandard[4] = {0x28, 0xb5, 0x2f, 0xfd};
    bool is_skippable = size >= 4 && (head[0] & 0xf0) == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18;
    return (size >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8) || (size >= 4 && memcmp(head, zstandard, 4) == 0) ||
           is_skippable;
}

static bool fail_inflating(const tl_byte_stream *stream, tl_error *err)
{
    int reason = archive_errno(stream->archive);
    const char *text = archive_error_string(stream->archive);
    return tl_fail(err, reason == ENOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_CORRUPT, "cannot inflate: %s",
                   text != NULL ? text : "damaged data");
}

static bool open_compressed(tl_byte_stream *stream, tl_error *err)
{
    struct archive_entry *entry = NULL;
    stream->archive = archive_read_new();
    if (stream->archive == NULL || archive_read_support_format_raw(stream->archive) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(stream->archive) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(stream->archive) != ARCHIVE_OK)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    if (archive_read_open_fd(stream->archive, stream->file, READ_BLOCK) != ARCHIVE_OK)
        return fail_inflating(stream, err);
    int code = archive_read_next_header(stream->archive, &entry);
    stream->at_end = code == ARCHIVE_EOF; /* nothing was compressed */
    return code == ARCHIVE_OK || code == ARCHIVE_EOF || fail_inflating(stream, err);
}

static bool open_file(tl_byte_stream *stream, const char *path, tl_error *err)
{
    char head[4];
    size_t head_size = 0;
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind != TL_FILE_REGULAR) /* opening a pipe could wait for ever */
        return tl_fail(err, status.kind == TL_FILE_MISSING ? TL_ERROR_NOT_FOUND : TL_ERROR_INVALID,
                       "'%s': expected a file, found %s", path, status.kind == TL_FILE_MISSING ? "nothing" : "none");
    stream->file_size = status.size;
    stream->file = open(path, O_RDONLY | O_CLOEXEC);
    if (stream->file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    if (!read_some(stream->file, head, sizeof head, &head_size) || lseek(stream->file, 0, SEEK_SET) != 0)
        return tl_fail_errno(err, errno, "cannot read '%s'", path);
    return !is_compressed((const unsigned char *)head, head_size) || open_compressed(stream, err) ||
           tl_fail_within(err, "'%s'", path);
}

bool tl_byte_stream_open(const char *path, tl_byte_stream **out, tl_error *err)
{
    tl_byte_stream *stream = tl_memory_allocate(1, sizeof *stream, err);
    if (stream == NULL)
        return false;
    stream->file = -1;
    if (!open_file(stream, path, err)) {
        tl_byte_stream_close(stream);
        return false;
    }
    *out = stream;
    return true;
}

bool tl_byte_stream_read(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err)
{
    *got = 0;
    if (stream->at_end)
        return true;
    if (stream->archive != NULL) {
        la_ssize_t count = archive_read_data(stream->archive, into, room);
        if (count < 0)
            return fail_inflating(stream, err);
        *got = (size_t)count;
    } else {
        if (!read_some(stream->file, into, room, got))
            return tl_fail_errno(err, errno, "cannot read");
        stream->read_size += *got;
    }
    stream->at_end = *got == 0;
    return true;
}

double tl_byte_stream_progress(const tl_byte_stream *stream)
{
    if (stream->at_end || stream->file_size == 0)
        return 1;
    la_int64_t inflated = stream->archive != NULL ? archive_filter_bytes(stream->archive, -1) : (la_int64_t)stream->read_size;
    double share = (double)inflated / (double)stream->file_size;
    return share < 1 ? share : 1;
}

void tl_byte_stream_close(tl_byte_stream *stream)
{
    if (stream == NULL)
        return;
    archive_read_free(stream->archive);
    if (stream->file >= 0)
        close(stream->file);
    tl_memory_free(stream);
}

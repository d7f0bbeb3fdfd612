/*
 * Owns reading a file that may be compressed: gzip (any number of members, each check sum verified) over zlib, Zstandard (any
 * number of frames) over libzstd. libarchive, which reads shards, is not used: it does not look at gzip's check sums.
 */
#include "crawler-import/archive/stream.h"

#include "base/core/memory.h"
#include "base/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT_SIZE = 65536, GZIP_WINDOW_BITS = 15 + 16, MAX_ZSTD_WINDOW_BITS = 27 /* 128 MiB */ };

typedef enum packing { PLAIN, GZIP, ZSTANDARD } packing;

struct tl_byte_stream {
    int file;
    packing packing;
    bool at_end;     /* of the stream */
    bool file_ended; /* no input is left to read */
    bool in_member;  /* of a gzip member or frame, the end has not been seen */
    uint64_t file_size;
    uint64_t read_size;
    char *input;
    size_t input_at;
    size_t input_size;
    z_stream inflater;
    bool has_inflater;
    ZSTD_DStream *unpacker;
};

/* False at an error of read(2), with errno. */
static bool read_some(int file, char *into, size_t room, size_t *got)
{
    ssize_t count;
    do
        count = read(file, into, room);
    while (count < 0 && errno == EINTR);
    *got = count > 0 ? (size_t)count : 0;
    return count >= 0;
}

static packing packing_of(const char *head, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)head;
    bool is_skippable = size >= 4 && (bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0;
    if (size >= 3 && memcmp(bytes, "\x1f\x8b\x08", 3) == 0)
        return GZIP;
    return is_skippable || (size >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0) ? ZSTANDARD : PLAIN;
}

static bool start_unpacking(tl_byte_stream *stream, tl_error *err)
{
    if (stream->packing == PLAIN)
        return true;
    stream->input = tl_memory_allocate(INPUT_SIZE, 1, err);
    if (stream->input == NULL)
        return false;
    if (stream->packing == GZIP) {
        stream->has_inflater = inflateInit2(&stream->inflater, GZIP_WINDOW_BITS) == Z_OK;
        return stream->has_inflater || tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    }
    stream->unpacker = ZSTD_createDStream();
    if (stream->unpacker == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(stream->unpacker, ZSTD_d_windowLogMax, MAX_ZSTD_WINDOW_BITS)))
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    return true;
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
                       "'%s': expected a file, found %s", path,
                       status.kind == TL_FILE_MISSING ? "nothing" : "a folder or device");
    stream->file_size = status.size;
    stream->file = open(path, O_RDONLY | O_CLOEXEC);
    if (stream->file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    if (!read_some(stream->file, head, sizeof head, &head_size) || lseek(stream->file, 0, SEEK_SET) != 0)
        return tl_fail_errno(err, errno, "cannot read '%s'", path);
    stream->packing = packing_of(head, head_size);
    return start_unpacking(stream, err);
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

static bool fail_unpacking(const char *found, tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "cannot inflate: expected compressed data, found %s", found);
}

static bool fill_input(tl_byte_stream *stream, tl_error *err)
{
    if (stream->input_at < stream->input_size || stream->file_ended)
        return true;
    stream->input_at = 0;
    if (!read_some(stream->file, stream->input, INPUT_SIZE, &stream->input_size))
        return tl_fail_errno(err, errno, "cannot read");
    stream->read_size += stream->input_size;
    stream->file_ended = stream->input_size == 0;
    return true;
}

/* One step from the input there is into `into`; *got may be 0. */
static bool inflate_some(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err)
{
    z_stream *inflater = &stream->inflater;
    while (!stream->in_member && stream->input_at < stream->input_size && stream->input[stream->input_at] == '\0')
        stream->input_at++; /* padding after a member, as gzip itself reads it */
    if (stream->input_at == stream->input_size && !stream->in_member)
        return true;
    if (!stream->in_member && inflateReset(inflater) != Z_OK)
        return fail_unpacking("a stream that cannot begin", err);
    inflater->next_in = (unsigned char *)stream->input + stream->input_at;
    inflater->avail_in = (unsigned)(stream->input_size - stream->input_at);
    inflater->next_out = (unsigned char *)into;
    inflater->avail_out = room < UINT_MAX ? (unsigned)room : UINT_MAX;
    unsigned before = inflater->avail_out;
    int code = inflate(inflater, Z_NO_FLUSH);
    stream->input_at = stream->input_size - inflater->avail_in;
    *got = before - inflater->avail_out;
    stream->in_member = code != Z_STREAM_END;
    if (code == Z_MEM_ERROR)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory to inflate");
    return code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR ||
           fail_unpacking(inflater->msg != NULL ? inflater->msg : "damage", err);
}

static bool unpack_some(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err)
{
    ZSTD_inBuffer input = {stream->input, stream->input_size, stream->input_at};
    ZSTD_outBuffer output = {into, room, 0};
    size_t code = ZSTD_decompressStream(stream->unpacker, &output, &input);
    if (ZSTD_isError(code))
        return fail_unpacking(ZSTD_getErrorName(code), err);
    stream->input_at = input.pos;
    *got = output.pos;
    stream->in_member = code != 0;
    return true;
}

static bool read_packed(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err)
{
    while (*got == 0) {
        if (!fill_input(stream, err))
            return false;
        if (stream->file_ended && !stream->in_member)
            return true;
        size_t before = stream->input_at;
        if (!(stream->packing == GZIP ? inflate_some : unpack_some)(stream, into, room, got, err))
            return false;
        if (*got == 0 && stream->file_ended)
            return stream->in_member ? fail_unpacking("the end of the file", err) : true;
        if (*got == 0 && stream->input_at == before && stream->in_member && before < stream->input_size)
            return fail_unpacking("damage", err);
    }
    return true;
}

bool tl_byte_stream_read(tl_byte_stream *stream, char *into, size_t room, size_t *got, tl_error *err)
{
    *got = 0;
    if (stream->at_end)
        return true;
    if (stream->packing == PLAIN) {
        if (!read_some(stream->file, into, room, got))
            return tl_fail_errno(err, errno, "cannot read");
        stream->read_size += *got;
    } else if (!read_packed(stream, into, room, got, err)) {
        return false;
    }
    stream->at_end = *got == 0;
    return true;
}

bool tl_byte_stream_read_head(const char *path, char *into, size_t room, size_t *size, tl_error *err)
{
    tl_byte_stream *stream = NULL;
    tl_error reason = {0};
    size_t got = 1;
    bool ok = true;
    *size = 0;
    if (!tl_byte_stream_open(path, &stream, err))
        return false;
    while (ok && got != 0 && *size < room) {
        ok = tl_byte_stream_read(stream, into + *size, room - *size, &got, &reason);
        *size += ok ? got : 0;
    }
    tl_byte_stream_close(stream);
    return ok || *size != 0 || tl_fail(err, reason.kind, "'%s': %s", path, reason.message);
}

double tl_byte_stream_progress(const tl_byte_stream *stream)
{
    if (stream->at_end || stream->file_size == 0)
        return 1;
    double share = (double)stream->read_size / (double)stream->file_size;
    return share < 1 ? share : 1;
}

void tl_byte_stream_close(tl_byte_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->has_inflater)
        inflateEnd(&stream->inflater);
    ZSTD_freeDStream(stream->unpacker);
    if (stream->file >= 0)
        close(stream->file);
    tl_memory_free(stream->input);
    tl_memory_free(stream);
}

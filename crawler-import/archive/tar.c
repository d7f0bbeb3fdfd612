/*
 * The one file that includes archive.h. Reading streams; only tar and gzip are switched on, so that no other parser of libarchive
 * sees outside bytes. Writing is ustar with every varying field (time, owner, mode) fixed; names go in as raw bytes, because
 * libarchive's pax headers would depend on the locale of the process.
 */
#include "crawler-import/archive/tar.h"

#include "base/core/memory.h"
#include "base/io/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

enum { READ_BLOCK = 65536, WRITE_BLOCK = 128 * 512, LAST_BLOCK = 20 * 512 };

struct tl_tar_reader {
    struct archive *archive;
    struct archive_entry *entry;
    char *path;
    char *chunk;
};

static bool fail_reading(const tl_tar_reader *reader, tl_error *err)
{
    int reason = archive_errno(reader->archive);
    const char *text = archive_error_string(reader->archive);
    return tl_fail(err, reason == ENOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_CORRUPT, "'%s': %s", reader->path,
                   text != NULL ? text : "damaged archive");
}

bool tl_tar_reader_open(const char *path, tl_tar_reader **out, tl_error *err)
{
    tl_file_status status;
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind != TL_FILE_REGULAR) /* opening a pipe could wait for ever */
        return tl_fail(err, status.kind == TL_FILE_MISSING ? TL_ERROR_NOT_FOUND : TL_ERROR_INVALID,
                       "'%s': expected a shard, found %s", path,
                       status.kind == TL_FILE_MISSING ? "nothing" : "a folder or device");
    tl_tar_reader *reader = tl_memory_allocate(1, sizeof *reader, err);
    if (reader == NULL)
        return false;
    reader->path = tl_memory_copy_text(path, strlen(path), err);
    reader->chunk = reader->path != NULL ? tl_memory_allocate(READ_BLOCK, 1, err) : NULL;
    if (reader->chunk == NULL)
        goto failed;
    reader->archive = archive_read_new();
    reader->entry = archive_entry_new();
    if (reader->archive == NULL || reader->entry == NULL || archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(reader->archive) != ARCHIVE_OK) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a reader of '%s'", path);
        goto failed;
    }
    if (archive_read_open_filename(reader->archive, path, READ_BLOCK) != ARCHIVE_OK) {
        int reason = archive_errno(reader->archive);
        if (reason == EACCES || reason == EPERM || reason == ENOENT || reason == EMFILE || reason == ENFILE)
            tl_fail_errno(err, reason, "cannot open '%s'", path);
        else
            fail_reading(reader, err);
        goto failed;
    }
    *out = reader;
    return true;
failed:
    tl_tar_reader_close(reader);
    return false;
}

bool tl_tar_reader_next(tl_tar_reader *reader, tl_tar_member *out, bool *done, tl_error *err)
{
    int code = archive_read_next_header2(reader->archive, reader->entry);
    *done = code == ARCHIVE_EOF;
    if (code == ARCHIVE_EOF)
        return true;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) /* a warning is about a name that the locale cannot say */
        return fail_reading(reader, err);
    const char *name = archive_entry_pathname_utf8(reader->entry);
    if (name == NULL)
        name = archive_entry_pathname(reader->entry);
    int64_t size = archive_entry_size_is_set(reader->entry) ? archive_entry_size(reader->entry) : 0;
    out->name = name != NULL ? name : "";
    out->is_file = archive_entry_filetype(reader->entry) == AE_IFREG && archive_entry_hardlink(reader->entry) == NULL;
    out->size = size > 0 ? (uint64_t)size : 0;
    return true;
}

bool tl_tar_reader_read(tl_tar_reader *reader, tl_string *bytes, bool *fits, tl_error *err)
{
    size_t start = bytes->size;
    *fits = true;
    for (;;) {
        la_ssize_t got = archive_read_data(reader->archive, reader->chunk, READ_BLOCK);
        if (got < 0)
            return fail_reading(reader, err);
        if (got == 0)
            return true;
        if ((size_t)got > bytes->max_size - bytes->size) {
            bytes->size = start;
            bytes->data[start] = '\0';
            *fits = false;
            return true;
        }
        if (!tl_string_append(bytes, reader->chunk, (size_t)got, err))
            return false;
    }
}

uint64_t tl_tar_reader_position(const tl_tar_reader *reader)
{
    la_int64_t position = archive_filter_bytes(reader->archive, -1);
    return position > 0 ? (uint64_t)position : 0;
}

void tl_tar_reader_close(tl_tar_reader *reader)
{
    if (reader == NULL)
        return;
    archive_entry_free(reader->entry);
    archive_read_free(reader->archive);
    tl_memory_free(reader->chunk);
    tl_memory_free(reader->path);
    tl_memory_free(reader);
}

struct tl_tar_writer {
    struct archive *archive;
    struct archive_entry *entry;
    tl_file_writer *file;
    uint64_t size;
    bool is_given_up; /* what still comes is thrown away */
    tl_error reason;  /* of the first write that the system refused */
    char *path;
};

/* Never tells libarchive of a failure: a writer of its that has failed does not free its buffer. The reason is looked at after
 * each call. */
static la_ssize_t write_block(struct archive *archive, void *context, const void *bytes, size_t size)
{
    (void)archive;
    tl_tar_writer *writer = context;
    if (!writer->is_given_up && !tl_file_writer_write(writer->file, bytes, size, &writer->reason))
        writer->is_given_up = true;
    writer->size += size;
    return (la_ssize_t)size;
}

static bool fail_writing(tl_tar_writer *writer, tl_error *err)
{
    if (writer->reason.kind != TL_ERROR_NONE)
        return tl_fail_as(err, &writer->reason);
    int reason = archive_errno(writer->archive);
    const char *text = archive_error_string(writer->archive);
    return tl_fail(err, reason == ENOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_IO, "cannot write '%s': %s", writer->path,
                   text != NULL ? text : "the archive writer failed");
}

bool tl_tar_writer_open(const char *path, tl_tar_writer **out, tl_error *err)
{
    tl_tar_writer *writer = tl_memory_allocate(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    writer->path = tl_memory_copy_text(path, strlen(path), err);
    if (writer->path == NULL || !tl_file_writer_open(path, &writer->file, err))
        goto failed;
    writer->archive = archive_write_new();
    writer->entry = archive_entry_new();
    if (writer->archive == NULL || writer->entry == NULL) {
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a writer of '%s'", path);
        goto failed;
    }
    if (archive_write_set_format_ustar(writer->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(writer->archive, WRITE_BLOCK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(writer->archive, LAST_BLOCK) != ARCHIVE_OK ||
        archive_write_open(writer->archive, writer, NULL, write_block, NULL) != ARCHIVE_OK) {
        fail_writing(writer, err);
        goto failed;
    }
    *out = writer;
    return true;
failed:
    tl_tar_writer_close(writer);
    return false;
}

bool tl_tar_writer_add(tl_tar_writer *writer, const char *name, tl_slice bytes, tl_error *err)
{
    struct archive_entry *entry = archive_entry_clear(writer->entry);
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (la_int64_t)bytes.size);
    if (archive_write_header(writer->archive, entry) != ARCHIVE_OK)
        return fail_writing(writer, err);
    return bytes.size == 0 || archive_write_data(writer->archive, bytes.data, bytes.size) == (la_ssize_t)bytes.size ||
           fail_writing(writer, err);
}

uint64_t tl_tar_writer_size(const tl_tar_writer *writer)
{
    return writer->size;
}

bool tl_tar_writer_commit(tl_tar_writer *writer, tl_error *err)
{
    if (archive_write_close(writer->archive) != ARCHIVE_OK || writer->is_given_up)
        return fail_writing(writer, err);
    return tl_file_writer_commit(writer->file, err);
}

void tl_tar_writer_close(tl_tar_writer *writer)
{
    if (writer == NULL)
        return;
    writer->is_given_up = true; /* freeing writes an end, which is of no use now */
    archive_write_free(writer->archive);
    archive_entry_free(writer->entry);
    tl_file_writer_close(writer->file);
    tl_memory_free(writer->path);
    tl_memory_free(writer);
}

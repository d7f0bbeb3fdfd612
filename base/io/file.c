/* File access over POSIX. Every error names the path and the system's reason. */
#include "base/io/file.h"

#include "base/core/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool tl_file_status_read(const char *path, tl_file_status *out, tl_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            *out = (tl_file_status){.kind = TL_FILE_MISSING};
            return true;
        }
        return tl_fail_errno(err, errno, "cannot look at '%s'", path);
    }
    out->kind = S_ISREG(status.st_mode) ? TL_FILE_REGULAR : S_ISDIR(status.st_mode) ? TL_FILE_DIRECTORY : TL_FILE_OTHER;
    out->size = status.st_size > 0 ? (uint64_t)status.st_size : 0;
    out->modified_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    return true;
}

bool tl_file_read(const char *path, tl_string *bytes, tl_error *err)
{
    bool ok = false;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", path);
    struct stat status;
    if (fstat(file, &status) != 0) {
        tl_fail_errno(err, errno, "cannot look at '%s'", path);
        goto done;
    }
    if (S_ISDIR(status.st_mode)) {
        tl_fail(err, TL_ERROR_INVALID, "'%s': expected a file, found a folder", path);
        goto done;
    }
    size_t room = bytes->max_size - bytes->size;
    if (status.st_size > 0 && (uint64_t)status.st_size > room) {
        tl_fail(err, TL_ERROR_INVALID, "'%s': expected at most %zu bytes, found %lld", path, room, (long long)status.st_size);
        goto done;
    }
    /* Read until the end rather than st_size bytes: files in /proc and pipes state no size. */
    char *buffer = tl_memory_allocate(65536, 1, err);
    if (buffer == NULL)
        goto done;
    for (;;) {
        ssize_t got = read(file, buffer, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            tl_fail_errno(err, errno, "cannot read '%s'", path);
        else if (got == 0)
            ok = true;
        else if (tl_string_append(bytes, buffer, (size_t)got, err))
            continue;
        else
            tl_fail_within(err, "'%s'", path);
        break;
    }
    tl_memory_free(buffer);
done:
    close(file);
    return ok;
}

bool tl_directory_create(const char *path, tl_error *err)
{
    if (path[0] == '\0')
        return tl_fail(err, TL_ERROR_INVALID, "expected the name of a folder, found an empty text");
    char *partial = tl_memory_copy_text(path, strlen(path), err);
    if (partial == NULL)
        return false;
    bool ok = true;
    for (char *at = partial; ok && *at != '\0'; at++) {
        bool at_end = at[1] == '\0';
        if (!(at_end || (at[1] == '/' && at[0] != '/')))
            continue;
        char kept = at[1];
        at[1] = '\0';
        /* A parent on a read-only disk may exist already: only a missing folder is an error. */
        struct stat status;
        if (mkdir(partial, 0777) != 0) {
            int reason = errno;
            if (stat(partial, &status) != 0)
                ok = tl_fail_errno(err, reason, "cannot create folder '%s'", partial);
            else if (!S_ISDIR(status.st_mode))
                ok = tl_fail(err, TL_ERROR_INVALID, "'%s': expected a folder, found a file", partial);
        }
        at[1] = kept;
    }
    tl_memory_free(partial);
    return ok;
}

static bool remove_tree(int parent, const char *name, const char *shown, tl_error *err)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    int unlink_reason = errno;
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return tl_fail_errno(err, errno == ENOTDIR ? unlink_reason : errno, "cannot remove '%s'", shown);
    DIR *listing = fdopendir(directory);
    if (listing == NULL) {
        int reason = errno;
        close(directory);
        return tl_fail_errno(err, reason, "cannot read folder '%s'", shown);
    }
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(listing)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = remove_tree(dirfd(listing), entry->d_name, shown, err);
    closedir(listing);
    if (ok && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return tl_fail_errno(err, errno, "cannot remove folder '%s'", shown);
    return ok;
}

bool tl_directory_remove(const char *path, tl_error *err)
{
    return remove_tree(AT_FDCWD, path, path, err);
}

bool tl_directory_sync(const char *path, tl_error *err)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return tl_fail_errno(err, errno, "cannot open folder '%s'", path);
    /* EINVAL: a file system that cannot sync folders has nothing to promise. */
    bool ok = fsync(directory) == 0 || errno == EINVAL;
    int reason = errno;
    close(directory);
    return ok || tl_fail_errno(err, reason, "cannot sync folder '%s'", path);
}

bool tl_directory_open(const char *path, tl_directory_listing *out, tl_error *err)
{
    *out = (tl_directory_listing){.stream = opendir(path), .path = path};
    return out->stream != NULL || tl_fail_errno(err, errno, "cannot read folder '%s'", path);
}

bool tl_directory_open_if_there(const char *path, tl_directory_listing *out, tl_error *err)
{
    return tl_directory_open(path, out, NULL) || errno == ENOENT || tl_fail_errno(err, errno, "cannot read folder '%s'", path);
}

const char *tl_directory_next(tl_directory_listing *listing)
{
    struct dirent *entry = NULL;
    while (listing->stream != NULL && (errno = 0, entry = readdir(listing->stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    if (listing->stream != NULL)
        listing->problem = errno;
    return NULL;
}

int tl_directory_descriptor(const tl_directory_listing *listing)
{
    return dirfd(listing->stream);
}

bool tl_directory_close(tl_directory_listing *listing, bool ok, tl_error *err)
{
    if (listing->stream != NULL)
        closedir(listing->stream);
    listing->stream = NULL;
    if (!ok || listing->problem == 0)
        return ok;
    return tl_fail_errno(err, listing->problem, "cannot read folder '%s'", listing->path);
}

char *tl_path_resolve(const char *path, tl_error *err)
{
    char *resolved = realpath(path, NULL);
    if (resolved == NULL) {
        tl_fail_errno(err, errno, "cannot find '%s'", path);
        return NULL;
    }
    /* realpath allocates by itself; hand out a block of ours so that tl_memory_free is right in every build. */
    char *copy = tl_memory_copy_text(resolved, strlen(resolved), err);
    free(resolved);
    return copy;
}

struct tl_file_writer {
    int file;
    bool committed;
    bool has_failed; /* a write did: what is there is not what the caller meant */
    char *path;
    char *temporary;
};

static bool sync_parent(const char *path, tl_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return tl_directory_sync(".", err);
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    char *parent = tl_memory_copy_text(path, size, err);
    if (parent == NULL)
        return false;
    bool ok = tl_directory_sync(parent, err);
    tl_memory_free(parent);
    return ok;
}

bool tl_file_writer_open(const char *path, tl_file_writer **out, tl_error *err)
{
    tl_file_writer *writer = tl_memory_allocate(1, sizeof *writer, err);
    if (writer == NULL)
        return false;
    writer->file = -1;
    size_t size = strlen(path);
    writer->path = tl_memory_copy_text(path, size, err);
    writer->temporary = tl_memory_allocate(size + 64, 1, err);
    if (writer->path == NULL || writer->temporary == NULL) {
        tl_file_writer_close(writer);
        return false;
    }
    /*
     * The process id keeps two programs that write the same file apart, the number two threads. O_EXCL: never write through a
     * file or link that somebody else put there, nor into what a killed process left.
     */
    for (int number = 0; writer->file < 0 && number < 1000; number++) {
        snprintf(writer->temporary, size + 64, "%s.%ld-%d.tmp", path, (long)getpid(), number);
        writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->file < 0 && errno != EEXIST)
            break;
    }
    if (writer->file < 0) {
        tl_fail_errno(err, errno, "cannot write '%s'", path);
        tl_file_writer_close(writer);
        return false;
    }
    *out = writer;
    return true;
}

bool tl_file_writer_write(tl_file_writer *writer, const void *bytes, size_t size, tl_error *err)
{
    const char *at = bytes;
    while (size != 0) {
        ssize_t written = write(writer->file, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            writer->has_failed = true;
            return tl_fail_errno(err, errno, "cannot write '%s'", writer->path);
        }
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool tl_file_writer_commit(tl_file_writer *writer, tl_error *err)
{
    if (writer->has_failed)
        return tl_fail(err, TL_ERROR_IO, "cannot write '%s': an earlier part of it was refused", writer->path);
    if (fsync(writer->file) != 0)
        return tl_fail_errno(err, errno, "cannot write '%s'", writer->path);
    if (rename(writer->temporary, writer->path) != 0)
        return tl_fail_errno(err, errno, "cannot replace '%s'", writer->path);
    writer->committed = true;
    return sync_parent(writer->path, err);
}

void tl_file_writer_close(tl_file_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file >= 0) {
        close(writer->file);
        if (!writer->committed)
            unlink(writer->temporary);
    }
    tl_memory_free(writer->temporary);
    tl_memory_free(writer->path);
    tl_memory_free(writer);
}

bool tl_file_replace(const char *path, tl_slice bytes, tl_error *err)
{
    tl_file_writer *writer = NULL;
    if (!tl_file_writer_open(path, &writer, err))
        return false;
    bool ok = tl_file_writer_write(writer, bytes.data, bytes.size, err) && tl_file_writer_commit(writer, err);
    tl_file_writer_close(writer);
    return ok;
}

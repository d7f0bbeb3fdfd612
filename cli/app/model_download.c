/*
 * One file. It is fetched into FILE.part by as many requests as it takes: each asks for what is missing (Range) of the same
 * version (If-Range with the ETag kept in FILE.etag); an answer with the whole file, or of another version, starts it anew.
 */
#include "base/core/digest.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/model_hub_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 18 };

typedef struct part_file {
    tl_hub *hub;
    const tl_model_file *file;
    char *finished_path; /* FILE */
    char *path;          /* FILE.part */
    char *etag_path;     /* FILE.etag */
    int descriptor;
    uint64_t size; /* bytes in the file */
    uint64_t base; /* hub->bytes_done without this file */
    char etag[256];
} part_file;

static void report(const part_file *part)
{
    part->hub->bytes_done = part->base + part->size;
    tl_progress_report(part->hub->progress, part->hub->bytes_done / 1000000, part->hub->bytes_total / 1000000, part->file->name);
}

static bool truncate_part(part_file *part, tl_error *err)
{
    if (ftruncate(part->descriptor, 0) != 0)
        return tl_fail_errno(err, errno, "cannot write '%s'", part->path);
    part->size = 0;
    return true;
}

static bool begin_part(void *context, const tl_http_response *response, tl_error *err)
{
    part_file *part = context;
    const tl_model_file *file = part->file;
    if (response->total_size != TL_HTTP_SIZE_UNKNOWN && response->total_size != file->size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %llu bytes as in the list of files, found %llu",
                       (unsigned long long)file->size, (unsigned long long)response->total_size);
    if (response->first == 0 && part->size != 0 && !truncate_part(part, err))
        return false;
    if (strcmp(part->etag, response->etag) == 0)
        return true;
    snprintf(part->etag, sizeof part->etag, "%s", response->etag);
    return tl_file_replace(part->etag_path, tl_slice_of(part->etag), err);
}

static bool write_part(void *context, const void *bytes, size_t size, tl_error *err)
{
    part_file *part = context;
    const char *at = bytes;
    if (size > part->file->size - part->size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %llu bytes as in the list of files, found more",
                       (unsigned long long)part->file->size);
    while (size != 0) {
        ssize_t written = write(part->descriptor, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return tl_fail_errno(err, errno, "cannot write '%s'", part->path);
        at += written;
        size -= (size_t)written;
        part->size += (uint64_t)written;
    }
    report(part);
    return true;
}

static bool part_cancelled(void *context)
{
    return tl_hub__is_cancelled(((const part_file *)context)->hub);
}

static void read_etag(part_file *part)
{
    tl_string text;
    tl_string_init(&text, sizeof part->etag - 1);
    if (tl_file_read(part->etag_path, &text, NULL) && strlen(text.data) == text.size)
        snprintf(part->etag, sizeof part->etag, "%s", text.data);
    tl_string_clear(&text);
}

static bool open_part(part_file *part, tl_error *err)
{
    struct stat status;
    part->descriptor = open(part->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (part->descriptor < 0 || fstat(part->descriptor, &status) != 0)
        return tl_fail_errno(err, errno, "cannot open '%s'", part->path);
    part->size = (uint64_t)status.st_size;
    read_etag(part);
    return part->size <= part->file->size || truncate_part(part, err);
}

/* Until the part has the size that the list states. */
static bool fill_part(part_file *part, const char *url, tl_error *err)
{
    tl_hub *hub = part->hub;
    tl_http_sink sink = {part, begin_part, write_part, part_cancelled};
    tl_hub_patience left = {0};
    while (part->size < part->file->size) {
        /* A weak ETag cannot promise equal bytes; without a strong one the digest alone judges what was put together. */
        bool is_strong = part->etag[0] == '"';
        tl_http_options options = {.bearer_token = hub->token,
                                   .first = part->size,
                                   .if_range = is_strong ? part->etag : NULL,
                                   .max_size = part->file->size,
                                   .allow_plain = hub->is_plain};
        tl_http_response response;
        uint64_t before = part->size;
        bool ok = tl_http_get(hub->client, url, &options, &sink, &response, err);
        if (ok && part->size == part->file->size)
            return true;
        if (ok) /* closed early by a server that had stated no length */
            tl_fail(err, TL_ERROR_IO, "the connection broke after %llu of %llu bytes", (unsigned long long)part->size,
                    (unsigned long long)part->file->size);
        if (response.status == 416 && before != 0) { /* there is no such range: what we have is of something else */
            if (!truncate_part(part, err))
                return false;
        } else if (!ok && !response.is_transient) {
            return tl_hub__explain(hub, &response, err);
        }
        if (!tl_hub__may_try_again(hub, &left, part->size > before, &response, err))
            return false;
    }
    return true;
}

/* SHA-256 of a file, and its SHA-1 as Git's blob ("blob SIZE", NUL, bytes). */
static bool digest_file(const part_file *part, char sha256[TL_DIGEST_TEXT_SIZE], char git_sha1[TL_DIGEST_TEXT_SIZE],
                        tl_error *err)
{
    bool ok = false;
    char head[40];
    int head_size = snprintf(head, sizeof head, "blob %llu", (unsigned long long)part->size) + 1;
    tl_digest *sha = NULL;
    tl_digest *git = NULL;
    char *buffer = tl_memory_allocate(COPY_BYTES, 1, err);
    int file = open(part->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        tl_fail_errno(err, errno, "cannot open '%s'", part->path);
    if (file < 0 || buffer == NULL || !tl_digest_create(TL_DIGEST_SHA256, &sha, err) ||
        !tl_digest_create(TL_DIGEST_SHA1, &git, err) || !tl_digest_add(git, head, (size_t)head_size, err))
        goto done;
    for (;;) {
        ssize_t got = read(file, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            tl_fail_errno(err, errno, "cannot read '%s'", part->path);
        if (got <= 0) {
            ok = got == 0 && tl_digest_text(sha, sha256, err) && tl_digest_text(git, git_sha1, err);
            break;
        }
        if (!tl_progress_continue(part->hub->progress, err) || !tl_digest_add(sha, buffer, (size_t)got, err) ||
            (part->file->git_sha1[0] != '\0' && !tl_digest_add(git, buffer, (size_t)got, err)))
            break;
    }
done:
    tl_digest_destroy(git);
    tl_digest_destroy(sha);
    if (file >= 0)
        close(file);
    tl_memory_free(buffer);
    return ok;
}

/* *matches: the bytes are those that the list states. */
static bool check_part(const part_file *part, tl_model_file *file, bool *matches, tl_error *err)
{
    char sha256[TL_DIGEST_TEXT_SIZE] = "";
    char git_sha1[TL_DIGEST_TEXT_SIZE] = "";
    if (!digest_file(part, sha256, git_sha1, err))
        return false;
    bool is_large = file->sha256[0] != '\0' && file->git_sha1[0] == '\0';
    *matches = is_large ? strcmp(file->sha256, sha256) == 0 : strcmp(file->git_sha1, git_sha1) == 0;
    if (*matches)
        snprintf(file->sha256, sizeof file->sha256, "%s", sha256);
    else
        tl_fail(err, TL_ERROR_CORRUPT, "expected %s %.40s, found %.40s", is_large ? "sha-256" : "sha-1",
                is_large ? file->sha256 : file->git_sha1, is_large ? sha256 : git_sha1);
    return true;
}

static bool finish_part(part_file *part, tl_error *err)
{
    if (fsync(part->descriptor) != 0)
        return tl_fail_errno(err, errno, "cannot write '%s'", part->path);
    if (rename(part->path, part->finished_path) != 0)
        return tl_fail_errno(err, errno, "cannot move '%s'", part->path);
    return unlink(part->etag_path) == 0 || errno == ENOENT || tl_fail_errno(err, errno, "cannot remove '%s'", part->etag_path);
}

static bool fetch_part(part_file *part, const char *url, tl_model_file *file, tl_error *err)
{
    bool matches = false;
    if (!open_part(part, err))
        return false;
    if (!fill_part(part, url, err) || !check_part(part, file, &matches, err))
        return false;
    /* Damaged on the way, or put together of two versions: once more from the start. */
    if (!matches && (!truncate_part(part, err) || !fill_part(part, url, err) || !check_part(part, file, &matches, err)))
        return false;
    if (matches)
        return true;
    unlink(part->path);
    unlink(part->etag_path);
    return false;
}

/* A file that an earlier download has finished, or that is a link to that of the model as installed. */
static bool use_finished(part_file *part, tl_model_file *file, bool *done, tl_error *err)
{
    const char *path = part->finished_path;
    tl_file_status status = {0};
    if (!tl_file_status_read(path, &status, err))
        return false;
    if (status.kind == TL_FILE_REGULAR && status.size == file->size) {
        part_file finished = {.hub = part->hub, .file = file, .path = part->finished_path, .size = file->size};
        if (!check_part(&finished, file, done, err))
            return false;
    }
    if (*done)
        part->size = file->size;
    else if (status.kind != TL_FILE_MISSING && unlink(path) != 0)
        return tl_fail_errno(err, errno, "cannot remove '%s'", path);
    return true;
}

bool tl_hub__download(tl_hub *hub, const char *repository, const char *commit, const char *folder, tl_model_file *file,
                      tl_error *err)
{
    char url[TL_HUB_URL_SIZE];
    char name[TL_MODEL_NAME_SIZE + 8];
    bool ok = false;
    bool is_there = false;
    part_file part = {.hub = hub, .file = file, .descriptor = -1, .base = hub->bytes_done};
    part.finished_path = tl_path_join(folder, file->name, err);
    snprintf(name, sizeof name, "%s.part", file->name);
    part.path = tl_path_join(folder, name, err);
    snprintf(name, sizeof name, "%s.etag", file->name);
    part.etag_path = tl_path_join(folder, name, err);
    if (part.finished_path == NULL || part.path == NULL || part.etag_path == NULL ||
        !tl_hub__url(hub, "/", repository, "/resolve/", commit, file->name, url, err))
        goto done;
    ok =
        use_finished(&part, file, &is_there, err) && (is_there || (fetch_part(&part, url, file, err) && finish_part(&part, err)));
    if (ok)
        report(&part);
    else
        tl_fail_within(err, "'%s': '%s'", repository, file->name);
done:
    if (part.descriptor >= 0)
        close(part.descriptor);
    tl_memory_free(part.etag_path);
    tl_memory_free(part.path);
    tl_memory_free(part.finished_path);
    return ok;
}

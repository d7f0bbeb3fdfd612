/*
 * The hub's interface:
 *   GET ENDPOINT/api/models/ORG/REPO/revision/REVISION   {"sha": commit, "cardData": {"license": ...}, ...}
 *   GET ENDPOINT/api/models/ORG/REPO/tree/COMMIT         [{"type": "file", "path", "size", "oid", "lfs": {"oid", "size"}}, ...]
 *   GET ENDPOINT/ORG/REPO/resolve/COMMIT/FILE            the bytes, often by a redirect to another host
 * lfs.oid is the SHA-256 of a large file; of a small one, oid is the SHA-1 by which Git names it. Everything after the first
 * request is by commit, so that a push in the meantime cannot mix two versions.
 *
 * A file is fetched into FILE.part by as many requests as it takes: each asks for what is missing (Range) of the same version
 * (If-Range with the ETag kept in FILE.etag); an answer with the whole file, or of another version, starts it anew.
 */
#include "base/core/digest.h"
#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "cli/app/model_hub_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ANSWER = 16 << 20, MAX_LISTED = 10000, COPY_BYTES = 1 << 18, URL_SIZE = 2048, MAX_WAIT_SECONDS = 300 };

bool tl_hub__open(const char *endpoint, tl_hub *hub, tl_error *err)
{
    size_t size = strlen(endpoint);
    while (size > 0 && endpoint[size - 1] == '/')
        size--;
    hub->is_plain = strncmp(endpoint, "http://", 7) == 0;
    bool is_url = hub->is_plain || strncmp(endpoint, "https://", 8) == 0;
    if (!is_url || size >= sizeof hub->endpoint || strpbrk(endpoint, " ?#@\\\t\r\n") != NULL)
        return tl_fail(err, TL_ERROR_INVALID, "HF_ENDPOINT: expected a url such as https://huggingface.co, found '%.120s'",
                       endpoint);
    snprintf(hub->endpoint, sizeof hub->endpoint, "%.*s", (int)size, endpoint);
    return tl_http_client_create(&hub->client, err);
}

void tl_hub__close(tl_hub *hub)
{
    tl_http_client_destroy(hub->client);
    hub->client = NULL;
}

/* endpoint + before + ORG/REPO + between + piece (escaped) [+ "/" + file (escaped)] */
static bool make_url(const tl_hub *hub, const char *before, const char *repository, const char *between, const char *piece,
                     const char *file, char url[URL_SIZE], tl_error *err)
{
    int size = snprintf(url, URL_SIZE, "%s%s%s%s", hub->endpoint, before, repository, between);
    bool ok = size > 0 && size < URL_SIZE && tl_http_url_append(url, URL_SIZE, piece);
    if (ok && file != NULL) {
        size_t used = strlen(url);
        ok = used + 2 < URL_SIZE;
        if (ok) {
            memcpy(url + used, "/", 2);
            ok = tl_http_url_append(url, URL_SIZE, file);
        }
    }
    return ok || tl_fail(err, TL_ERROR_INVALID, "'%s': expected a shorter name", repository);
}

static bool is_cancelled(const tl_hub *hub)
{
    return hub->progress != NULL && hub->progress->cancelled != NULL && hub->progress->cancelled(hub->progress->context);
}

static bool wait_seconds(const tl_hub *hub, double seconds, tl_error *err)
{
    for (; seconds > 0; seconds -= 0.05) {
        if (!tl_progress_continue(hub->progress, err))
            return false;
        double part = seconds < 0.05 ? seconds : 0.05;
        struct timespec pause = {0, (long)(part * 1e9)};
        nanosleep(&pause, NULL);
    }
    return tl_progress_continue(hub->progress, err);
}

/* Counts failures in a row. True after a pause: try again. False: err stays as it is, or is that of a cancellation. */
typedef struct patience {
    unsigned failures;
} patience;

static bool may_try_again(const tl_hub *hub, patience *left, bool has_progressed, double retry_after, tl_error *err)
{
    if (has_progressed)
        left->failures = 0;
    if (left->failures >= hub->retries)
        return tl_fail_within(err, "gave up after %u tries", left->failures + 1);
    double seconds = hub->retry_seconds * (double)(1U << (left->failures < 8 ? left->failures : 8));
    if (seconds > 60)
        seconds = 60;
    if (retry_after > MAX_WAIT_SECONDS)
        return tl_fail_within(err, "the server asks to wait %.0f seconds", retry_after);
    left->failures++;
    return wait_seconds(hub, retry_after > seconds ? retry_after : seconds, err);
}

/* The hub does not tell a repository that is not there from one that must not be read. */
static bool explain(const tl_hub *hub, const tl_http_response *response, tl_error *err)
{
    if (response->status == 401 || response->status == 403)
        tl_fail_within(err, hub->token != NULL ? "no such repository, or the account of HF_TOKEN may not read it"
                                               : "no such repository, or one that needs a token in HF_TOKEN");
    return false;
}

typedef struct text_sink {
    const tl_hub *hub;
    tl_string *text;
} text_sink;

static bool begin_text(void *context, const tl_http_response *response, tl_error *err)
{
    (void)response, (void)err;
    text_sink *sink = context;
    tl_string_reset(sink->text);
    return true;
}

static bool write_text(void *context, const void *bytes, size_t size, tl_error *err)
{
    text_sink *sink = context;
    return tl_string_append(sink->text, bytes, size, err);
}

static bool text_cancelled(void *context)
{
    return is_cancelled(((const text_sink *)context)->hub);
}

static bool get_json(tl_hub *hub, const char *url, const char *repository, const char *what, tl_json **out, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, MAX_ANSWER);
    text_sink context = {hub, &text};
    tl_http_sink sink = {&context, begin_text, write_text, text_cancelled};
    tl_http_options options = {.bearer_token = hub->token, .max_size = MAX_ANSWER, .allow_plain = hub->is_plain};
    tl_http_response response;
    patience left = {0};
    bool ok;
    while (!(ok = tl_http_get(hub->client, url, &options, &sink, &response, err)))
        if (!response.is_transient || !may_try_again(hub, &left, false, response.retry_after, err))
            break;
    if (!ok)
        explain(hub, &response, err);
    ok = (ok && tl_json_parse(tl_string_slice(&text), "answer", out, err)) || tl_fail_within(err, "'%s': '%s'", repository, what);
    tl_string_clear(&text);
    return ok;
}

static void read_license(const tl_json *json, char *license, size_t size)
{
    const tl_json *card = tl_json_member(json, "cardData");
    const char *word = tl_json_text_or(card, "license", "");
    if (strcmp(word, "other") == 0)
        word = tl_json_text_or(card, "license_name", word);
    const tl_json *tags = tl_json_member(json, "tags");
    for (size_t i = 0; word[0] == '\0' && i < tl_json_array_size(tags); i++) {
        const char *tag = tl_json_text(tl_json_array_item(tags, i));
        if (tag != NULL && strncmp(tag, "license:", 8) == 0)
            word = tag + 8;
    }
    snprintf(license, size, "%s", strlen(word) < size ? word : "");
}

bool tl_hub__describe(tl_hub *hub, const char *repository, const char *revision, char *commit, char *license, size_t license_size,
                      tl_error *err)
{
    char url[URL_SIZE];
    tl_json *json = NULL;
    if (!make_url(hub, "/api/models/", repository, "/revision/", revision, NULL, url, err) ||
        !get_json(hub, url, repository, revision, &json, err))
        return false;
    const char *sha = tl_json_text_or(json, "sha", "");
    bool ok = tl_digest_is_text(TL_DIGEST_SHA1, sha);
    if (ok) {
        snprintf(commit, TL_DIGEST_TEXT_SIZE, "%s", sha);
        read_license(json, license, license_size);
    } else {
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected the commit of '%s' as 40 hexadecimal digits, found '%.60s'", repository,
                revision, sha);
    }
    tl_json_free(json);
    return ok;
}

static bool read_listed(const tl_json *row, tl_model_file_list *out, tl_error *err)
{
    const char *name = tl_json_text_or(row, "path", "");
    const tl_json *lfs = tl_json_member(row, "lfs");
    const char *sha1 = tl_json_text_or(row, "oid", "");
    const char *sha256 = tl_json_text_or(lfs, "oid", "");
    int64_t size = tl_json_integer_or(lfs != NULL ? lfs : row, "size", -1);
    if (strcmp(tl_json_text_or(row, "type", ""), "file") != 0 || !tl_model_file_name_is_plain(name))
        return true;
    if (size < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%.80s': expected a size, found none", name);
    if (lfs != NULL ? !tl_digest_is_text(TL_DIGEST_SHA256, sha256) : !tl_digest_is_text(TL_DIGEST_SHA1, sha1))
        return tl_fail(err, TL_ERROR_CORRUPT, "'%.80s': expected a %s digest, found '%.80s'", name,
                       lfs != NULL ? "sha-256" : "sha-1", lfs != NULL ? sha256 : sha1);
    if (tl_model_file_list_find(out, name) != NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%.80s': expected once, found twice", name);
    tl_model_file file = {.size = (uint64_t)size};
    snprintf(file.name, sizeof file.name, "%s", name);
    if (lfs != NULL)
        snprintf(file.sha256, sizeof file.sha256, "%s", sha256);
    else
        snprintf(file.git_sha1, sizeof file.git_sha1, "%s", sha1);
    return tl_model_file_list_add(out, &file, err);
}

bool tl_hub__list(tl_hub *hub, const char *repository, const char *commit, tl_model_file_list *out, tl_error *err)
{
    char url[URL_SIZE];
    tl_json *json = NULL;
    if (!make_url(hub, "/api/models/", repository, "/tree/", commit, NULL, url, err) ||
        !get_json(hub, url, repository, "list of files", &json, err))
        return false;
    bool ok = true;
    size_t count = tl_json_array_size(json);
    if (count > MAX_LISTED)
        ok = tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected at most %d files, found %zu", repository, MAX_LISTED, count);
    for (size_t i = 0; ok && i < count; i++)
        ok = read_listed(tl_json_array_item(json, i), out, err) || tl_fail_within(err, "'%s': list of files", repository);
    tl_json_free(json);
    return ok;
}

/* ---- one file ---- */

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
    return is_cancelled(((const part_file *)context)->hub);
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
    patience left = {0};
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
            return explain(hub, &response, err);
        }
        if (!may_try_again(hub, &left, part->size > before, response.retry_after, err))
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
    char url[URL_SIZE];
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
        !make_url(hub, "/", repository, "/resolve/", commit, file->name, url, err))
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

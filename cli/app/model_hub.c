/*
 * The hub's interface:
 *   GET ENDPOINT/api/models/ORG/REPO/revision/REVISION   {"sha": commit, "cardData": {"license": ...}, ...}
 *   GET ENDPOINT/api/models/ORG/REPO/tree/COMMIT         [{"type": "file", "path", "size", "oid", "lfs": {"oid", "size"}}, ...]
 *   GET ENDPOINT/ORG/REPO/resolve/COMMIT/FILE            the bytes, often by a redirect to another host
 * lfs.oid is the SHA-256 of a large file; of a small one, oid is the SHA-1 by which Git names it. Everything after the first
 * request is by commit, so that a push in the meantime cannot mix two versions.
 */
#include "base/core/digest.h"
#include "base/core/string.h"
#include "base/io/json.h"
#include "cli/app/model_hub_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_ANSWER = 16 << 20, MAX_LISTED = 10000, MAX_WAIT_SECONDS = 300, TRIES_UNANSWERED = 2 };

static const int64_t max_file_size = (int64_t)1 << 44; /* so that sums of them fit */

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
bool tl_hub__url(const tl_hub *hub, const char *before, const char *repository, const char *between, const char *piece,
                 const char *file, char url[TL_HUB_URL_SIZE], tl_error *err)
{
    int size = snprintf(url, TL_HUB_URL_SIZE, "%s%s%s%s", hub->endpoint, before, repository, between);
    bool ok = size > 0 && size < TL_HUB_URL_SIZE && tl_http_url_append(url, TL_HUB_URL_SIZE, piece);
    if (ok && file != NULL) {
        size_t used = strlen(url);
        ok = used + 2 < TL_HUB_URL_SIZE;
        if (ok) {
            memcpy(url + used, "/", 2);
            ok = tl_http_url_append(url, TL_HUB_URL_SIZE, file);
        }
    }
    return ok || tl_fail(err, TL_ERROR_INVALID, "'%s': expected a url of less than %d bytes, found a longer one", repository,
                         TL_HUB_URL_SIZE);
}

bool tl_hub__is_cancelled(const tl_hub *hub)
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

bool tl_hub__may_try_again(tl_hub *hub, tl_hub_patience *left, bool has_progressed, const tl_http_response *response,
                           tl_error *err)
{
    if (has_progressed)
        left->failures = 0;
    hub->has_answered = hub->has_answered || response->status != 0;
    /* Nobody there from the start: more likely no network than a moment's trouble. */
    unsigned retries = !hub->has_answered && hub->retries > TRIES_UNANSWERED ? TRIES_UNANSWERED : hub->retries;
    if (left->failures >= retries)
        return tl_fail_within(err, "gave up after %u tries", left->failures + 1);
    double seconds = hub->retry_seconds * (double)(1U << (left->failures < 8 ? left->failures : 8));
    if (seconds > 60)
        seconds = 60;
    if (response->retry_after > MAX_WAIT_SECONDS)
        return tl_fail_within(err, "the server asks to wait %.0f seconds", response->retry_after);
    left->failures++;
    tl_progress_report(hub->progress, hub->bytes_done / 1000000, hub->bytes_total / 1000000, "waiting to try again");
    return wait_seconds(hub, response->retry_after > seconds ? response->retry_after : seconds, err);
}

/* The hub does not tell a repository that is not there from one that must not be read. */
bool tl_hub__explain(const tl_hub *hub, const tl_http_response *response, tl_error *err)
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
    return tl_hub__is_cancelled(((const text_sink *)context)->hub);
}

static bool get_json(tl_hub *hub, const char *url, const char *repository, const char *what, tl_json **out, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, MAX_ANSWER);
    text_sink context = {hub, &text};
    tl_http_sink sink = {&context, begin_text, write_text, text_cancelled};
    tl_http_options options = {.bearer_token = hub->token, .max_size = MAX_ANSWER, .allow_plain = hub->is_plain};
    tl_http_response response;
    tl_hub_patience left = {0};
    bool ok;
    while (!(ok = tl_http_get(hub->client, url, &options, &sink, &response, err)))
        if (!response.is_transient || !tl_hub__may_try_again(hub, &left, false, &response, err))
            break;
    hub->has_answered = hub->has_answered || ok;
    if (!ok)
        tl_hub__explain(hub, &response, err);
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
    bool is_word = strlen(word) < size;
    for (const char *at = word; is_word && *at != '\0'; at++)
        is_word = *at >= ' ' && *at <= '~';
    snprintf(license, size, "%s", is_word ? word : "");
}

bool tl_hub__read_description(const tl_json *json, char *commit, char *license, size_t license_size, tl_error *err)
{
    const char *sha = tl_json_text_or(json, "sha", "");
    if (!tl_digest_is_text(TL_DIGEST_SHA1, sha))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a commit as 40 hexadecimal digits, found '%.60s'", sha);
    snprintf(commit, TL_DIGEST_TEXT_SIZE, "%s", sha);
    read_license(json, license, license_size);
    return true;
}

bool tl_hub__describe(tl_hub *hub, const char *repository, const char *revision, char *commit, char *license, size_t license_size,
                      tl_error *err)
{
    char url[TL_HUB_URL_SIZE];
    tl_json *json = NULL;
    if (!tl_hub__url(hub, "/api/models/", repository, "/revision/", revision, NULL, url, err) ||
        !get_json(hub, url, repository, revision, &json, err))
        return false;
    bool ok = tl_hub__read_description(json, commit, license, license_size, err) ||
              tl_fail_within(err, "'%s': '%s'", repository, revision);
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
    if (size < 0 || size > max_file_size)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%.80s': expected a size of 0 to %lld bytes, found %lld", name,
                       (long long)max_file_size, (long long)size);
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

bool tl_hub__read_listing(const tl_json *json, tl_model_file_list *out, tl_error *err)
{
    size_t count = tl_json_array_size(json);
    if (count > MAX_LISTED)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected at most %d files, found %zu", MAX_LISTED, count);
    for (size_t i = 0; i < count; i++)
        if (!read_listed(tl_json_array_item(json, i), out, err))
            return false;
    return true;
}

bool tl_hub__list(tl_hub *hub, const char *repository, const char *commit, tl_model_file_list *out, tl_error *err)
{
    char url[TL_HUB_URL_SIZE];
    tl_json *json = NULL;
    if (!tl_hub__url(hub, "/api/models/", repository, "/tree/", commit, NULL, url, err) ||
        !get_json(hub, url, repository, "list of files", &json, err))
        return false;
    bool ok = tl_hub__read_listing(json, out, err) || tl_fail_within(err, "'%s': list of files", repository);
    tl_json_free(json);
    return ok;
}

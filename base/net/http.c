/*
 * GET over one curl easy handle. libcurl follows redirects and drops the Authorization header when host, port or scheme change
 * (CURLOPT_UNRESTRICTED_AUTH stays off); headers are counted and bounded; the body of a 200 or 206 goes to the sink, that of any
 * other status is thrown away.
 */
#include "base/net/http.h"

#include "base/core/memory.h"
#include "base/net/curl_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_HEADER_BYTES = 1 << 17, MAX_URL_BYTES = 1 << 14, MAX_TOKEN_BYTES = 4096 };

struct tl_http_client {
    CURL *easy;
};

typedef struct transfer {
    CURL *easy;
    const tl_http_options *options;
    const tl_http_sink *sink;
    tl_http_response *response;
    tl_error *err;
    uint64_t max_size;
    uint64_t body_size;
    size_t header_bytes;
    bool has_begun;
    bool has_failed; /* err is written already */
} transfer;

/* The last response's header, or NULL. */
static const char *header_value(CURL *easy, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

/* "bytes 100-199/200" or "bytes 100-199/" followed by a star. */
static bool read_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    unsigned long long numbers[3] = {0, 0, TL_HTTP_SIZE_UNKNOWN};
    if (text == NULL || strncmp(text, "bytes ", 6) != 0)
        return false;
    const char *at = text + 6;
    for (int i = 0; i < 3; i++) {
        if (i == 2 && strcmp(at, "*") == 0)
            break;
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 18 || at[digits] != "-/"[i])
            return false;
        numbers[i] = strtoull(at, NULL, 10);
        at += digits + 1;
    }
    *first = numbers[0];
    *last = numbers[1];
    *total = numbers[2];
    return numbers[1] >= numbers[0] && numbers[2] > numbers[1];
}

static void copy_header(CURL *easy, const char *name, char *text, size_t size)
{
    const char *value = header_value(easy, name);
    if (value != NULL && strlen(value) < size)
        snprintf(text, size, "%s", value);
}

/* Seconds, or a date. */
static double read_retry_after(CURL *easy)
{
    curl_off_t seconds = 0;
    if (header_value(easy, "Retry-After") == NULL || curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK)
        return -1;
    return seconds >= 0 ? (double)seconds : -1;
}

static void read_head(transfer *run)
{
    tl_http_response *response = run->response;
    long status = 0;
    curl_easy_getinfo(run->easy, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    response->retry_after = read_retry_after(run->easy);
    copy_header(run->easy, "ETag", response->etag, sizeof response->etag);
    copy_header(run->easy, "X-Error-Message", response->reason, sizeof response->reason);
}

/* True: what follows is the body that was asked for. */
static bool accept_body(transfer *run)
{
    tl_http_response *response = run->response;
    curl_off_t length = -1;
    curl_easy_getinfo(run->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const char *stated = header_value(run->easy, "Content-Length");
    if (length < 0 && stated != NULL && header_value(run->easy, "Transfer-Encoding") == NULL) /* more than 63 bits */
        return tl_fail(run->err, TL_ERROR_IO, "expected a length in bytes, found '%.40s'", stated);
    response->first = 0;
    response->total_size = length >= 0 ? (uint64_t)length : TL_HTTP_SIZE_UNKNOWN;
    if (response->status == 206) {
        uint64_t last;
        const char *range = header_value(run->easy, "Content-Range");
        if (!read_content_range(range, &response->first, &last, &response->total_size))
            return tl_fail(run->err, TL_ERROR_IO, "expected a header Content-Range with status 206, found '%.80s'",
                           range != NULL ? range : "");
        if (response->first != run->options->first)
            return tl_fail(run->err, TL_ERROR_IO, "expected bytes from %llu on, found '%.80s'",
                           (unsigned long long)run->options->first, range);
        if (length >= 0 && (uint64_t)length != last - response->first + 1)
            return tl_fail(run->err, TL_ERROR_IO, "expected as many bytes as in '%.80s', found a length of %lld", range,
                           (long long)length);
    }
    if (length >= 0 && (uint64_t)length > run->max_size)
        return tl_fail(run->err, TL_ERROR_IO, "expected at most %llu bytes, found a length of %lld",
                       (unsigned long long)run->max_size, (long long)length);
    run->has_begun = true;
    return run->sink->begin == NULL || run->sink->begin(run->sink->context, response, run->err);
}

static bool is_success(int status)
{
    return status == 200 || status == 206;
}

static size_t take_body(char *bytes, size_t item_size, size_t count, void *context)
{
    transfer *run = context;
    size_t size = item_size * count;
    if (!run->has_begun) {
        read_head(run);
        if (!is_success(run->response->status))
            return size;
        if (!accept_body(run)) {
            run->has_failed = true;
            return 0;
        }
    }
    if (size > run->max_size - run->body_size) {
        run->has_failed = true;
        tl_fail(run->err, TL_ERROR_IO, "expected at most %llu bytes, found more", (unsigned long long)run->max_size);
        return 0;
    }
    if (!run->sink->write(run->sink->context, bytes, size, run->err)) {
        run->has_failed = true;
        return 0;
    }
    run->body_size += size;
    return size;
}

static size_t count_header(char *bytes, size_t item_size, size_t count, void *context)
{
    (void)bytes;
    transfer *run = context;
    size_t size = item_size * count;
    run->header_bytes += size;
    if (run->header_bytes <= MAX_HEADER_BYTES)
        return size;
    run->has_failed = true;
    tl_fail(run->err, TL_ERROR_IO, "expected at most %d bytes of headers, found more", MAX_HEADER_BYTES);
    return 0;
}

static int ask_cancelled(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    transfer *run = context;
    if (run->sink->cancelled == NULL || !run->sink->cancelled(run->sink->context))
        return 0;
    run->has_failed = true;
    tl_fail(run->err, TL_ERROR_CANCELLED, "stopped");
    return 1;
}

static bool set_token(CURL *easy, const char *token, struct curl_slist **headers, tl_error *err)
{
    size_t size = strlen(token);
    for (size_t i = 0; i < size; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return tl_fail(err, TL_ERROR_INVALID, "token: expected printable ascii without spaces, found another byte at %zu", i);
    char line[MAX_TOKEN_BYTES + 32];
    if (size > MAX_TOKEN_BYTES)
        return tl_fail(err, TL_ERROR_INVALID, "token: expected at most %d bytes, found %zu", MAX_TOKEN_BYTES, size);
    snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    *headers = curl_slist_append(NULL, line);
    if (*headers == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a header");
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK ||
           tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a header");
}

/* The rest is sent only of the file that the first part came from; of a newer one, all. */
static bool set_if_range(CURL *easy, const char *etag, struct curl_slist **headers, tl_error *err)
{
    char line[sizeof((tl_http_response *)NULL)->etag + 32];
    snprintf(line, sizeof line, "If-Range: %.255s", etag);
    struct curl_slist *longer = strpbrk(line, "\r\n") == NULL ? curl_slist_append(*headers, line) : NULL;
    if (longer == NULL)
        return tl_fail(err, TL_ERROR_INVALID, "cannot send the header If-Range");
    *headers = longer;
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK ||
           tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a header");
}

static bool prepare(transfer *run, const char *url, struct curl_slist **headers, tl_error *err)
{
    const tl_http_options *options = run->options;
    CURL *easy = run->easy;
    if (strlen(url) > MAX_URL_BYTES)
        return tl_fail(err, TL_ERROR_INVALID, "expected a url of at most %d bytes, found %zu", MAX_URL_BYTES, strlen(url));
    const char *protocols = options->allow_plain ? "http,https" : "https";
    double connect_seconds = options->connect_seconds > 0 ? options->connect_seconds : 30;
    double stall_seconds = options->stall_seconds > 0 ? options->stall_seconds : 60;
    CURLcode code = CURLE_OK;
    curl_easy_reset(easy);
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(easy, option, value) : code
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, protocols);
    SET(CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, options->max_redirects != 0 ? (long)options->max_redirects : 10L);
    SET(CURLOPT_USERAGENT, "twinlens");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_seconds * 1000));
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)(stall_seconds < 1 ? 1 : stall_seconds));
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, ask_cancelled);
    SET(CURLOPT_XFERINFODATA, run);
    SET(CURLOPT_HEADERFUNCTION, count_header);
    SET(CURLOPT_HEADERDATA, run);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, run);
    if (options->first != 0) {
        char range[32];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)options->first);
        SET(CURLOPT_RANGE, range);
    }
#undef SET
    if (code != CURLE_OK)
        return tl_fail(err, code == CURLE_OUT_OF_MEMORY ? TL_ERROR_NO_MEMORY : TL_ERROR_UNSUPPORTED, "libcurl: %s",
                       curl_easy_strerror(code));
    if (options->bearer_token != NULL && !set_token(easy, options->bearer_token, headers, err))
        return false;
    const bool has_range = options->first != 0 && options->if_range != NULL && options->if_range[0] != '\0';
    return !has_range || set_if_range(easy, options->if_range, headers, err);
}

/* What may go away by itself: the net between us and the server, not what was asked. */
static bool is_passing(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static bool explain_status(const tl_http_response *response, tl_error *err)
{
    int status = response->status;
    const char *reason = response->reason;
    tl_error_kind kind = status == 404 || status == 410 ? TL_ERROR_NOT_FOUND : TL_ERROR_IO;
    return tl_fail(err, kind, "expected status 200, found %d%s%.200s", status, reason[0] != '\0' ? ": " : "", reason);
}

static bool finish(transfer *run, CURLcode code, tl_error *err)
{
    tl_http_response *response = run->response;
    if (!run->has_begun && !run->has_failed)
        read_head(run);
    if (run->has_failed)
        return false;
    if (code != CURLE_OK) {
        response->is_transient = is_passing(code);
        if (code == CURLE_OUT_OF_MEMORY)
            return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a transfer");
        if (code == CURLE_PARTIAL_FILE && run->has_begun)
            return tl_fail(err, TL_ERROR_IO, "the connection broke after %llu bytes", (unsigned long long)run->body_size);
        return tl_fail(err, code == CURLE_URL_MALFORMAT ? TL_ERROR_INVALID : TL_ERROR_IO, "%s", curl_easy_strerror(code));
    }
    if (!is_success(response->status)) {
        int status = response->status;
        response->is_transient = status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
        return explain_status(response, err);
    }
    return run->has_begun || accept_body(run); /* an empty body */
}

bool tl_http_get(tl_http_client *client, const char *url, const tl_http_options *options, const tl_http_sink *sink,
                 tl_http_response *response, tl_error *err)
{
    *response = (tl_http_response){.retry_after = -1, .total_size = TL_HTTP_SIZE_UNKNOWN};
    transfer run = {.easy = client->easy, .options = options, .sink = sink, .response = response, .err = err};
    run.max_size = options->max_size != 0 ? options->max_size : (uint64_t)1 << 20;
    struct curl_slist *headers = NULL;
    bool ok = prepare(&run, url, &headers, err) && finish(&run, curl_easy_perform(client->easy), err);
    curl_easy_reset(client->easy); /* it pointed into this frame; connections stay */
    curl_slist_free_all(headers);
    return ok;
}

bool tl_http_client_create(tl_http_client **out, tl_error *err)
{
    tl_http_client *client = tl_memory_allocate(1, sizeof *client, err);
    if (client == NULL)
        return false;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        tl_memory_free(client);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "cannot start libcurl");
    }
    client->easy = curl_easy_init();
    if (client->easy == NULL) {
        tl_http_client_destroy(client);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a transfer");
    }
    *out = client;
    return true;
}

void tl_http_client_destroy(tl_http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    curl_global_cleanup();
    tl_memory_free(client);
}

bool tl_http_url_append(char *url, size_t size, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = strlen(url);
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++) {
        bool is_letter = (*byte >= 'a' && *byte <= 'z') || (*byte >= 'A' && *byte <= 'Z');
        bool is_plain = is_letter || (*byte >= '0' && *byte <= '9') || strchr("-._~", *byte) != NULL;
        if (size - at < 4)
            return false;
        if (is_plain) {
            url[at++] = (char)*byte;
        } else {
            url[at++] = '%';
            url[at++] = digits[*byte >> 4];
            url[at++] = digits[*byte & 15];
        }
        url[at] = '\0';
    }
    return true;
}

bool tl_http_date_parse(const char *text, int64_t *seconds)
{
    *seconds = curl_getdate(text, NULL);
    return *seconds != -1;
}

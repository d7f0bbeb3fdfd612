/*
 * A reference is joined to its base as text (RFC 3986 5.2.2), and the whole is read by libcurl's URL API: every part is taken
 * from the one handle that parsed it. Names that are not ASCII go through libidn2 here, since libcurl would read them in the
 * locale's charset.
 */
#include "base/net/url.h"

#include "base/net/curl_internal.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_URL_BYTES = 1 << 14, MAX_HOST_BYTES = 1 << 10, MAX_NAME_BYTES = 253 };

void tl_url_init(tl_url *url)
{
    *url = (tl_url){0};
    tl_string_init(&url->text, MAX_URL_BYTES);
    tl_string_init(&url->host, MAX_HOST_BYTES);
}

void tl_url_clear(tl_url *url)
{
    tl_string_clear(&url->text);
    tl_string_clear(&url->host);
}

static bool explain(CURLUcode code, tl_error *err)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a url");
    if (code == CURLUE_UNSUPPORTED_SCHEME)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a url of http or https");
    return tl_fail(err, TL_ERROR_INVALID, "expected a url: %s", curl_url_strerror(code));
}

/* One part, copied to text; lower-case when it is to be compared. */
static bool copy_part(CURLU *handle, CURLUPart part, unsigned flags, tl_string *text, tl_error *err)
{
    char *value = NULL;
    CURLUcode code = curl_url_get(handle, part, &value, flags);
    tl_string_reset(text);
    bool ok = code == CURLUE_OK ? tl_string_append_text(text, value, err) : explain(code, err);
    curl_free(value);
    return ok;
}

static bool has_only_ascii(const tl_string *text)
{
    for (size_t i = 0; i < text->size; i++)
        if ((unsigned char)text->data[i] > 126 || (unsigned char)text->data[i] <= ' ')
            return false;
    return true;
}

/* UTF-8 to ASCII, as browsers do it. */
static bool encode_name(tl_string *host, tl_error *err)
{
    uint8_t *encoded = NULL;
    int code = idn2_lookup_u8((const uint8_t *)host->data, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code == IDN2_MALLOC)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a name");
    if (code != IDN2_OK)
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with the name of a host: %s", idn2_strerror(code));
    tl_string_reset(host);
    bool ok = tl_string_append_text(host, (const char *)encoded, err);
    idn2_free(encoded);
    return ok;
}

/* Labels of letters, digits, '-' and '_'; an address in brackets was judged by libcurl. */
static bool is_host(const tl_string *host)
{
    if (host->size != 0 && host->data[0] == '[')
        return has_only_ascii(host);
    size_t label = 0; /* bytes of it so far */
    for (size_t i = 0; i < host->size; i++) {
        char byte = host->data[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
        if (!is_letter && (byte != '.' || label == 0))
            return false;
        label = is_letter ? label + 1 : 0;
    }
    return label != 0 && host->size <= MAX_NAME_BYTES;
}

/* The handle's URL read anew: a name that was rewritten may have become an address in numbers. */
static bool parse_again(CURLU *handle, tl_error *err)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(handle, CURLUPART_URL, &text, 0);
    if (code == CURLUE_OK)
        code = curl_url_set(handle, CURLUPART_URL, text, 0);
    curl_free(text);
    return code == CURLUE_OK || explain(code, err);
}

/* The host as it is asked for: ASCII, lower case, without the dot of the root. */
static bool read_host(tl_url *url, CURLU *handle, tl_error *err)
{
    tl_string *host = &url->host;
    if (!copy_part(handle, CURLUPART_HOST, 0, host, err))
        return false;
    bool is_rewritten = !has_only_ascii(host);
    if (is_rewritten && !encode_name(host, err))
        return false;
    for (size_t i = 0; i < host->size; i++)
        if (host->data[i] >= 'A' && host->data[i] <= 'Z')
            host->data[i] += 'a' - 'A';
    if (host->size != 0 && host->data[host->size - 1] == '.') {
        host->data[--host->size] = '\0';
        is_rewritten = true;
    }
    if (!is_host(host))
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with the name of a host");
    /* curl looks for numbers before it decodes escapes: "8%2e2" comes as 8.2, which is 8.0.0.2. */
    is_rewritten = is_rewritten || (host->data[0] >= '0' && host->data[0] <= '9');
    CURLUcode code = curl_url_set(handle, CURLUPART_HOST, host->data, 0);
    if (code != CURLUE_OK)
        return explain(code, err);
    return !is_rewritten || (parse_again(handle, err) && copy_part(handle, CURLUPART_HOST, 0, host, err));
}

static bool read_scheme_and_port(tl_url *url, CURLU *handle, tl_error *err)
{
    char *scheme = NULL, *port = NULL;
    CURLUcode code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    bool is_ours = false;
    if (code == CURLUE_OK) {
        url->is_secure = strcmp(scheme, "https") == 0;
        is_ours = url->is_secure || strcmp(scheme, "http") == 0;
        url->port = (uint16_t)strtoul(port, NULL, 10);
    }
    curl_free(scheme);
    curl_free(port);
    if (code == CURLUE_OK && is_ours && url->port == 0)
        code = CURLUE_BAD_PORT_NUMBER;
    if (code == CURLUE_NO_PORT)
        code = CURLUE_UNSUPPORTED_SCHEME;
    if (code != CURLUE_OK)
        return explain(code, err);
    return is_ours || explain(CURLUE_UNSUPPORTED_SCHEME, err);
}

static bool read_parts(tl_url *url, CURLU *handle, tl_error *err)
{
    curl_url_set(handle, CURLUPART_USER, NULL, 0);
    curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(handle, CURLUPART_OPTIONS, NULL, 0);
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    if (!read_scheme_and_port(url, handle, err) || !read_host(url, handle, err))
        return false;
    if (!copy_part(handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT, &url->text, err))
        return false;
    const char *authority = strstr(url->text.data, "://");
    const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;
    if (path == NULL || !has_only_ascii(&url->text))
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with a path");
    url->path_at = (size_t)(path - url->text.data);
    return true;
}

/* Bytes of "scheme:" at the start, 0 when there is none. */
static size_t scheme_size(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (text[0] == '\0' || strchr(letters, text[0]) == NULL)
        return 0;
    size_t size = 1;
    while (text[size] != '\0' && (strchr(letters, text[size]) != NULL || strchr("0123456789+-.", text[size]) != NULL))
        size++;
    return text[size] == ':' ? size + 1 : 0;
}

/* How many bytes of base stand before the reference. */
static size_t kept_size(const char *base, const char *reference)
{
    const char *authority = strstr(base, "://");
    const char *path = authority != NULL ? authority + 3 + strcspn(authority + 3, "/?") : base;
    size_t path_end = (size_t)(path - base) + strcspn(path, "?");
    if (reference[0] == '/')
        return reference[1] != '/' ? (size_t)(path - base) : scheme_size(base);
    if (reference[0] == '\0' || reference[0] == '#')
        return strlen(base);
    if (reference[0] == '?')
        return path_end;
    while (base + path_end > path && base[path_end - 1] != '/')
        path_end--;
    return path_end;
}

/* RFC 3986 5.2.2, but for the dots of the path. */
static bool join(tl_string *whole, const char *base, const char *reference, tl_error *err)
{
    size_t scheme = scheme_size(reference);
    if (scheme != 0) {
        bool is_ours =
            (scheme == 5 && strncasecmp(reference, "http:", 5) == 0) || (scheme == 6 && strncasecmp(reference, "https:", 6) == 0);
        if (!is_ours)
            return explain(CURLUE_UNSUPPORTED_SCHEME, err);
        if (strncmp(reference + scheme, "//", 2) != 0)
            return tl_fail(err, TL_ERROR_INVALID, "expected a url with a host");
    } else if (base == NULL) {
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with a scheme");
    } else {
        size_t kept = kept_size(base, reference);
        bool is_bare = kept != 0 && base[kept] == '\0' && base[kept - 1] != '/'; /* an origin without the '/' of its path */
        if (!tl_string_append(whole, base, kept, err) ||
            (is_bare && strchr("/?#", reference[0]) == NULL && !tl_string_append_text(whole, "/", err)))
            return false;
    }
    return tl_string_append_text(whole, reference, err);
}

bool tl_url_parse(tl_url *url, const char *text, const char *base, tl_error *err)
{
    if (strlen(text) > MAX_URL_BYTES)
        return tl_fail(err, TL_ERROR_INVALID, "expected a url of at most %d bytes, found %zu", MAX_URL_BYTES, strlen(text));
    tl_string whole;
    tl_string_init(&whole, 2 * MAX_URL_BYTES);
    CURLU *handle = curl_url();
    bool ok = handle != NULL || tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a url");
    if (ok && (ok = join(&whole, base, text, err))) {
        CURLUcode code = curl_url_set(handle, CURLUPART_URL, whole.data, CURLU_URLENCODE);
        ok = code == CURLUE_OK ? read_parts(url, handle, err) : explain(code, err);
    }
    curl_url_cleanup(handle);
    tl_string_clear(&whole);
    return ok;
}

/*
 * libcurl's URL API; every part is taken from the one handle that parsed the text. Names that are not ASCII go through libidn2
 * here, since libcurl would read them in the locale's charset.
 */
#include "base/net/url.h"

#include "base/net/curl_internal.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_URL_BYTES = 1 << 14, MAX_HOST_BYTES = 1 << 10 };

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

/* The host as it is asked for: ASCII, lower case. */
static bool read_host(tl_url *url, CURLU *handle, tl_error *err)
{
    tl_string *host = &url->host;
    if (!copy_part(handle, CURLUPART_HOST, 0, host, err) || (!has_only_ascii(host) && !encode_name(host, err)))
        return false;
    if (host->size == 0 || !has_only_ascii(host))
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with the name of a host");
    for (size_t i = 0; i < host->size; i++)
        if (host->data[i] >= 'A' && host->data[i] <= 'Z')
            host->data[i] += 'a' - 'A';
    CURLUcode code = curl_url_set(handle, CURLUPART_HOST, host->data, 0);
    return code == CURLUE_OK || explain(code, err);
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
    if (!read_scheme_and_port(url, handle, err) || !read_host(url, handle, err))
        return false;
    curl_url_set(handle, CURLUPART_USER, NULL, 0);
    curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(handle, CURLUPART_OPTIONS, NULL, 0);
    curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    if (!copy_part(handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT, &url->text, err))
        return false;
    const char *authority = strstr(url->text.data, "://");
    const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;
    if (path == NULL || !has_only_ascii(&url->text))
        return tl_fail(err, TL_ERROR_INVALID, "expected a url with a path");
    url->path_at = (size_t)(path - url->text.data);
    return true;
}

bool tl_url_parse(tl_url *url, const char *text, const tl_url *base, tl_error *err)
{
    if (strlen(text) > MAX_URL_BYTES)
        return tl_fail(err, TL_ERROR_INVALID, "expected a url of at most %d bytes, found %zu", MAX_URL_BYTES, strlen(text));
    CURLU *handle = curl_url();
    if (handle == NULL)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a url");
    CURLUcode code = base != NULL ? curl_url_set(handle, CURLUPART_URL, base->text.data, 0) : CURLUE_OK;
    if (code == CURLUE_OK)
        code = curl_url_set(handle, CURLUPART_URL, text, CURLU_URLENCODE);
    bool ok = code == CURLUE_OK ? read_parts(url, handle, err) : explain(code, err);
    curl_url_cleanup(handle);
    return ok;
}

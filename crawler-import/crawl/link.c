/*
 * Owns the canonical form of links: RFC 3986 5.2 (resolution) and 6.2.2 (normalisation), what the WHATWG URL Standard forgives
 * (white space around, line breaks inside, backslashes, bytes that should have been escaped) and RFC 3492 (Punycode).
 * base/net/url reads the one URL that is connected to with libcurl's parser, at some ten allocations; pages have hundreds of
 * links, and this allocates nothing.
 */
#include "crawler-import/crawl/link.h"

#include <stdint.h>
#include <stdio.h>
#include <strings.h>

typedef struct writer {
    char *bytes;
    size_t size;
    size_t room; /* bytes that may be written, a NUL not counted */
    bool is_full;
} writer;

static void put(writer *out, char byte)
{
    if (out->size == out->room)
        out->is_full = true;
    else
        out->bytes[out->size++] = byte;
}

static void put_slice(writer *out, tl_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        put(out, text.data[i]);
}

static bool is_alpha(char byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int hex_value(char byte)
{
    if (is_digit(byte))
        return byte - '0';
    int letter = byte | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool is_unreserved(unsigned char byte)
{
    return is_alpha((char)byte) || is_digit((char)byte) || (byte != '\0' && strchr("-._~", byte) != NULL);
}

static void put_escape(writer *out, unsigned char byte)
{
    static const char hex[] = "0123456789ABCDEF";
    put(out, '%');
    put(out, hex[byte >> 4]);
    put(out, hex[byte & 15]);
}

/* A path or query with escapes where they are needed and nowhere else. */
static void put_escaped(writer *out, tl_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        int high = byte == '%' && text.size - i > 2 ? hex_value(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;
        if (low >= 0) {
            unsigned char meant = (unsigned char)(high << 4 | low);
            if (is_unreserved(meant))
                put(out, (char)meant);
            else
                put_escape(out, meant);
            i += 2;
        } else if (byte == '%' || byte <= ' ' || byte >= 0x7f || strchr("\"<>\\^`{|}", byte) != NULL) {
            put_escape(out, byte);
        } else {
            put(out, (char)byte);
        }
    }
}

/* RFC 3986 5.2.4 over out->bytes[start..]: that text begins with '/'. */
static void remove_dots(writer *out, size_t start)
{
    size_t to = start;
    for (size_t at = start; at < out->size;) {
        size_t end = at + 1; /* of this segment, which begins with '/' */
        while (end < out->size && out->bytes[end] != '/')
            end++;
        size_t size = end - at - 1;
        bool is_dot = size == 1 && out->bytes[at + 1] == '.';
        bool is_up = size == 2 && out->bytes[at + 1] == '.' && out->bytes[at + 2] == '.';
        if (is_up)
            while (to > start && out->bytes[--to] != '/')
                ;
        if (!is_dot && !is_up) {
            memmove(out->bytes + to, out->bytes + at, end - at);
            to += end - at;
        } else if (end == out->size) {
            out->bytes[to++] = '/';
        }
        at = end;
    }
    out->size = to;
}

/* The next character of UTF-8 text, -1 when it is none. */
static int64_t next_point(tl_slice text, size_t *at)
{
    unsigned char first = (unsigned char)text.data[(*at)++];
    if (first < 0x80)
        return first;
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    int64_t point = first & (0x3f >> more);
    for (; more != 0; more--, (*at)++) {
        if (*at >= text.size || ((unsigned char)text.data[*at] & 0xc0) != 0x80)
            return -1;
        point = point << 6 | ((unsigned char)text.data[*at] & 0x3f);
    }
    return point;
}

static unsigned adapted_bias(unsigned delta, unsigned count, bool is_first)
{
    delta = is_first ? delta / 700 : delta / 2;
    delta += delta / count;
    unsigned k = 0;
    for (; delta > 455; k += 36)
        delta /= 35;
    return k + 36 * delta / (delta + 38);
}

static void put_delta(writer *out, unsigned delta, unsigned bias)
{
    for (unsigned k = 36;; k += 36) {
        unsigned t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        unsigned digit = delta < t ? delta : t + (delta - t) % (36 - t);
        put(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
        if (delta < t)
            return;
        delta = (delta - t) / (36 - t);
    }
}

/* RFC 3492 of one label of at most 63 characters; false: no UTF-8, or too long. */
static bool put_punycode(writer *out, tl_slice label)
{
    unsigned points[63];
    unsigned count = 0;
    unsigned basic = 0;
    for (size_t at = 0; at < label.size;) {
        int64_t point = next_point(label, &at);
        if (point < 0 || count == sizeof points / sizeof points[0])
            return false;
        points[count++] = (unsigned)point;
    }
    put_slice(out, (tl_slice){"xn--", 4});
    for (unsigned i = 0; i < count; i++)
        if (points[i] < 0x80) {
            put(out, (char)points[i]);
            basic++;
        }
    if (basic != 0)
        put(out, '-');
    unsigned bias = 72;
    unsigned delta = 0;
    unsigned n = 0x80;
    for (unsigned done = basic; done < count; delta++, n++) {
        unsigned next = UINT32_MAX;
        for (unsigned i = 0; i < count; i++)
            next = points[i] >= n && points[i] < next ? points[i] : next;
        delta += (next - n) * (done + 1); /* below 2^21 * 64 */
        n = next;
        for (unsigned i = 0; i < count; i++) {
            delta += points[i] < n;
            if (points[i] != n)
                continue;
            put_delta(out, delta, bias);
            bias = adapted_bias(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
    }
    return true;
}

static bool put_host(writer *out, tl_slice host)
{
    if (host.size != 0 && host.data[host.size - 1] == '.')
        host.size--;
    if (host.size == 0 || host.size > 253)
        return false;
    for (size_t at = 0, end; at <= host.size; at = end + 1) {
        bool is_ascii = true;
        for (end = at; end < host.size && host.data[end] != '.'; end++) {
            char byte = host.data[end];
            bool is_high = (unsigned char)byte >= 0x80;
            is_ascii = is_ascii && !is_high;
            if (!is_high && !is_alpha(byte) && !is_digit(byte) && byte != '-' && byte != '_')
                return false;
        }
        if (end == at || end - at > 252)
            return false;
        char lower[256];
        for (size_t i = at; i < end; i++)
            lower[i - at] = host.data[i] >= 'A' && host.data[i] <= 'Z' ? (char)(host.data[i] | 0x20) : host.data[i];
        tl_slice label = {lower, end - at};
        if (at != 0)
            put(out, '.');
        if (is_ascii)
            put_slice(out, label);
        else if (!put_punycode(out, label))
            return false;
    }
    return true;
}

static bool put_bracketed(writer *out, tl_slice address)
{
    for (size_t i = 0; i < address.size; i++) {
        char byte = address.data[i];
        if (hex_value(byte) < 0 && byte != ':' && byte != '.' && byte != '[' && byte != ']')
            return false;
        put(out, byte >= 'A' && byte <= 'F' ? (char)(byte | 0x20) : byte);
    }
    return true;
}

/* Scheme and authority: user is left out, and so is the scheme's own port. */
static bool put_authority(writer *out, bool is_https, tl_slice authority)
{
    for (size_t i = authority.size; i != 0; i--)
        if (authority.data[i - 1] == '@') {
            authority = (tl_slice){authority.data + i, authority.size - i};
            break;
        }
    size_t host_size = 0;
    bool is_bracketed = authority.size != 0 && authority.data[0] == '[';
    while (host_size < authority.size && authority.data[host_size] != (is_bracketed ? ']' : ':'))
        host_size++;
    if (is_bracketed && host_size++ == authority.size)
        return false;
    tl_slice port = {authority.data + host_size, authority.size - host_size};
    put_slice(out, tl_slice_of(is_https ? "https://" : "http://"));
    tl_slice host = {authority.data, host_size};
    if (!(is_bracketed ? put_bracketed(out, host) : put_host(out, host)))
        return false;
    if (port.size != 0 && port.data[0] != ':')
        return false;
    unsigned number = 0;
    for (size_t i = 1; i < port.size; i++) {
        if (!is_digit(port.data[i]) || (number = number * 10 + (unsigned)(port.data[i] - '0')) > 65535)
            return false;
    }
    if (port.size > 1 && number == 0)
        return false;
    if (number != 0 && number != (is_https ? 443u : 80u)) {
        char text[8];
        snprintf(text, sizeof text, ":%u", number);
        put_slice(out, tl_slice_of(text));
    }
    return true;
}

/* The reference without white space around and line breaks inside, with '/' for '\' before a query; cut at the fragment. */
static bool tidy(tl_slice reference, char tidied[TL_LINK_SIZE], size_t *size)
{
    bool is_query = false;
    while (reference.size != 0 && (unsigned char)reference.data[0] <= ' ')
        reference = (tl_slice){reference.data + 1, reference.size - 1};
    while (reference.size != 0 && (unsigned char)reference.data[reference.size - 1] <= ' ')
        reference.size--;
    *size = 0;
    for (size_t i = 0; i < reference.size && reference.data[i] != '#'; i++) {
        char byte = reference.data[i];
        if (byte == '\t' || byte == '\n' || byte == '\r')
            continue;
        if (*size == TL_LINK_SIZE - 1)
            return false;
        is_query = is_query || byte == '?';
        tidied[(*size)++] = byte == '\\' && !is_query ? '/' : byte;
    }
    tidied[*size] = '\0';
    return true;
}

/* Bytes of "scheme:" at the start, 0 when there is none. */
static size_t scheme_size(tl_slice text)
{
    size_t at = 0;
    while (at < text.size &&
           (is_alpha(text.data[at]) || (at != 0 && (is_digit(text.data[at]) || strchr("+-.", text.data[at]) != NULL))))
        at++;
    return at != 0 && at < text.size && text.data[at] == ':' ? at + 1 : 0;
}

bool tl_link_resolve(const char *base, tl_slice reference, char out[TL_LINK_SIZE])
{
    char tidied[TL_LINK_SIZE];
    tl_slice rest = {tidied, 0};
    tl_link_parts from = {0};
    writer url = {out, 0, TL_LINK_SIZE - 1, false};
    if (!tidy(reference, tidied, &rest.size))
        return false;
    if (base != NULL)
        from = tl_link_split(base);
    size_t scheme = scheme_size(rest);
    bool is_https = base != NULL && strncmp(base, "https:", 6) == 0;
    if (scheme != 0) {
        is_https = scheme == 6 && strncasecmp(rest.data, "https:", 6) == 0;
        if (!is_https && !(scheme == 5 && strncasecmp(rest.data, "http:", 5) == 0))
            return false;
        rest = (tl_slice){rest.data + scheme, rest.size - scheme};
    }
    bool has_authority = rest.size >= 2 && rest.data[0] == '/' && rest.data[1] == '/';
    if (has_authority ? scheme == 0 && base == NULL : scheme != 0 || base == NULL)
        return false;
    if (has_authority) {
        size_t end = 2;
        while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?')
            end++;
        if (!put_authority(&url, is_https, (tl_slice){rest.data + 2, end - 2}))
            return false;
        rest = (tl_slice){rest.data + end, rest.size - end};
    } else {
        put_slice(&url, from.origin);
    }
    const char *mark = rest.size != 0 ? memchr(rest.data, '?', rest.size) : NULL;
    tl_slice path = {rest.data, mark != NULL ? (size_t)(mark - rest.data) : rest.size};
    tl_slice query = mark != NULL ? (tl_slice){mark + 1, rest.size - path.size - 1} : (tl_slice){NULL, 0};
    size_t start = url.size;
    if (path.size == 0 && !has_authority) {
        put_slice(&url, from.path);
        if (mark == NULL)
            query = from.query;
    } else {
        if (path.size == 0 || path.data[0] != '/') {
            size_t folder = has_authority ? 0 : from.path.size;
            while (folder != 0 && from.path.data[folder - 1] != '/')
                folder--;
            put_slice(&url, folder != 0 ? (tl_slice){from.path.data, folder} : (tl_slice){"/", 1});
        }
        put_escaped(&url, path);
        remove_dots(&url, start);
    }
    if (query.size != 0) {
        put(&url, '?');
        put_escaped(&url, query);
    }
    out[url.size] = '\0';
    return !url.is_full;
}

tl_link_parts tl_link_split(const char *url)
{
    tl_link_parts parts = {0};
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    const char *path = host + strcspn(host, "/?");
    const char *mark = strchr(path, '?');
    parts.origin = (tl_slice){url, (size_t)(path - url)};
    parts.host = (tl_slice){host, (size_t)(path - host)};
    parts.path = (tl_slice){path, mark != NULL ? (size_t)(mark - path) : strlen(path)};
    if (mark != NULL)
        parts.query = tl_slice_of(mark + 1);
    size_t name = 0;
    while (name < parts.host.size && parts.host.data[name] != (host[0] == '[' ? ']' : ':'))
        name++;
    parts.host.size = host[0] == '[' && name < parts.host.size ? name + 1 : name;
    return parts;
}

static tl_slice without_www(tl_slice host)
{
    return host.size > 4 && memcmp(host.data, "www.", 4) == 0 ? (tl_slice){host.data + 4, host.size - 4} : host;
}

bool tl_link_same_site(tl_slice host, tl_slice other)
{
    return tl_slice_equal(without_www(host), without_www(other));
}

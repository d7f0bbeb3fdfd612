/*
 * Owns the canonical form of links: what pages write is tidied (white space around, line breaks inside, backslashes, as the
 * WHATWG URL Standard forgives them; escapes as RFC 3986 6.2.2 has them), and base/net/url does the rest: the resolution and the
 * host, so that a link's host is the one that a transfer connects to.
 */
#include "crawler-import/crawl/link.h"

#include "base/net/url.h"

typedef struct writer {
    char *bytes; /* of TL_LINK_SIZE */
    size_t size;
    bool is_full;
} writer;

static void put(writer *out, char byte)
{
    if (out->size == TL_LINK_SIZE - 1)
        out->is_full = true;
    else
        out->bytes[out->size++] = byte;
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

/* Text with escapes where they are needed and nowhere else, in upper case. */
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

/*
 * The reference without white space around and line breaks inside, with '/' for '\' before a query, cut at the fragment, escaped
 * from end to end: base/net/url undoes the escapes of the host. False: too long.
 */
static bool tidy(tl_slice reference, char tidied[TL_LINK_SIZE])
{
    char kept[TL_LINK_SIZE];
    writer plain = {kept, 0, false};
    writer out = {tidied, 0, false};
    bool is_query = false;
    while (reference.size != 0 && (unsigned char)reference.data[0] <= ' ')
        reference = (tl_slice){reference.data + 1, reference.size - 1};
    while (reference.size != 0 && (unsigned char)reference.data[reference.size - 1] <= ' ')
        reference.size--;
    for (size_t i = 0; i < reference.size && reference.data[i] != '#'; i++) {
        char byte = reference.data[i];
        is_query = is_query || byte == '?';
        if (byte != '\t' && byte != '\n' && byte != '\r')
            put(&plain, byte == '\\' && !is_query ? '/' : byte);
    }
    put_escaped(&out, (tl_slice){kept, plain.size});
    tidied[out.size] = '\0';
    return !plain.is_full && !out.is_full;
}

bool tl_link_resolve(const char *base, tl_slice reference, char out[TL_LINK_SIZE])
{
    char tidied[TL_LINK_SIZE];
    tl_url url;
    if (!tidy(reference, tidied))
        return false;
    tl_url_init(&url);
    bool ok = tl_url_parse(&url, tidied, base, NULL) && url.text.size < TL_LINK_SIZE;
    if (ok)
        memcpy(out, url.text.data, url.text.size + 1);
    tl_url_clear(&url);
    return ok;
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

/* Owns what makes a URL a trap by its looks. What only shows once pages are read (barren kinds of pages, copies) is frontier.c's.
 */
#include "crawler-import/crawl/page_rules.h"

#include "base/core/hash.h"

#include <fnmatch.h>
#include <strings.h>

enum { MAX_SEGMENTS = 16, MAX_SAME_SEGMENTS = 2, MAX_PARAMETERS = 32 };

static const char session_names[] =
    "|phpsessid|jsessionid|sid|sessionid|session_id|sessid|session|oscsid|zenid|cfid|cftoken|fbclid|gclid|"
    "dclid|msclkid|yclid|igshid|mc_cid|mc_eid|_ga|_gl|replytocom|";
static const char other_files[] =
    "|.jpg|.jpeg|.png|.gif|.webp|.svg|.ico|.bmp|.tif|.tiff|.avif|.heic|.css|.js|.json|.xml|.rss|.atom|.pdf|"
    ".ps|.doc|.docx|.xls|.xlsx|.ppt|.pptx|.odt|.ods|.epub|.zip|.gz|.bz2|.xz|.zst|.7z|.rar|.tar|.tgz|.iso|.dmg|"
    ".exe|.msi|.apk|.deb|.rpm|.bin|.mp3|.m4a|.ogg|.oga|.wav|.flac|.mp4|.m4v|.webm|.ogv|.avi|.mov|.mkv|.wmv|"
    ".woff|.woff2|.ttf|.otf|.eot|.csv|.tsv|.txt|.ics|.torrent|";

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Lists are "|name|name|", in lower case. */
static bool is_listed(const char *list, tl_slice name)
{
    for (const char *first = list + 1; *first != '\0';) {
        size_t size = strcspn(first, "|");
        if (size == name.size && strncasecmp(first, name.data, size) == 0)
            return true;
        first += size + 1;
    }
    return false;
}

static bool is_of_session(tl_slice name)
{
    if (name.size > 4 && strncasecmp(name.data, "utm_", 4) == 0)
        return true;
    if (name.size > 12 && strncasecmp(name.data, "aspsessionid", 12) == 0)
        return true;
    return is_listed(session_names, name);
}

/* The path from its '/' on, in place: ";jsessionid=..." and "/(S(...))" go. Returns where it ends. */
static size_t simplify_path(char *url, size_t at, size_t end)
{
    size_t to = at;
    while (at < end) {
        size_t next = at;
        if (end - at > 12 && strncasecmp(url + at, ";jsessionid=", 12) == 0) {
            while (next < end && url[next] != '/')
                next++;
        } else if (end - at > 4 && strncmp(url + at, "/(S(", 4) == 0) {
            for (next++; next < end && url[next] != '/';)
                next++;
        } else {
            url[to++] = url[at++];
            continue;
        }
        at = next;
    }
    return to;
}

void tl_page_url_simplify(char url[TL_LINK_SIZE])
{
    tl_link_parts parts = tl_link_split(url);
    size_t path_end = parts.origin.size + parts.path.size;
    size_t to = simplify_path(url, parts.origin.size, path_end);
    if (to == parts.origin.size)
        url[to++] = '/';
    size_t at = parts.query.data != NULL ? path_end + 1 : path_end;
    bool is_first = true;
    while (url[at] != '\0') {
        size_t end = at + strcspn(url + at, "&");
        size_t name_size = 0;
        while (at + name_size < end && url[at + name_size] != '=')
            name_size++;
        if (end != at && !is_of_session((tl_slice){url + at, name_size})) {
            url[to++] = is_first ? '?' : '&';
            memmove(url + to, url + at, end - at);
            to += end - at;
            is_first = false;
        }
        at = url[end] == '&' ? end + 1 : end;
    }
    url[to] = '\0';
}

/* By its extension. */
static bool is_other_file(tl_slice path)
{
    for (size_t size = 1; size <= 8 && size < path.size && path.data[path.size - size] != '/'; size++)
        if (path.data[path.size - size] == '.')
            return is_listed(other_files, (tl_slice){path.data + path.size - size, size});
    return false;
}

const char *tl_page_url_reason(const char *url)
{
    tl_slice path = tl_link_split(url).path;
    tl_slice segments[MAX_SEGMENTS];
    size_t count = 0;
    if (is_other_file(path))
        return "not a page";
    for (size_t at = 1, end; at < path.size; at = end + 1) {
        for (end = at; end < path.size && path.data[end] != '/';)
            end++;
        if (count == MAX_SEGMENTS)
            return "path too deep";
        segments[count++] = (tl_slice){path.data + at, end - at};
    }
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;
        for (size_t j = i + 1; j < count; j++)
            same += tl_slice_equal(segments[i], segments[j]);
        if (same >= MAX_SAME_SEGMENTS)
            return "repeating path";
    }
    return NULL;
}

/* Copies with every run of digits as one '0'. */
static size_t fold_numbers(tl_slice text, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.data[i]))
            out[size++] = text.data[i];
        else if (i == 0 || !is_digit(text.data[i - 1]))
            out[size++] = '0';
    return size;
}

/* Hashes of the parameters' names, each once, in an order that theirs does not matter to. */
static size_t hash_parameters(tl_slice query, uint64_t hashes[MAX_PARAMETERS])
{
    size_t count = 0;
    for (size_t at = 0, end; at < query.size && count < MAX_PARAMETERS; at = end + 1) {
        char folded[TL_LINK_SIZE];
        size_t name = at;
        while (name < query.size && query.data[name] != '=' && query.data[name] != '&')
            name++;
        for (end = name; end < query.size && query.data[end] != '&';)
            end++;
        size_t size = fold_numbers((tl_slice){query.data + at, name - at}, folded);
        uint64_t hash = tl_hash64(folded, size);
        size_t place = 0;
        while (place < count && hashes[place] < hash)
            place++;
        if (place < count && hashes[place] == hash)
            continue;
        memmove(hashes + place + 1, hashes + place, (count - place) * sizeof hashes[0]);
        hashes[place] = hash;
        count++;
    }
    return count;
}

tl_page_shapes tl_page_url_shapes(const char *url)
{
    char shape[TL_LINK_SIZE];
    tl_link_parts parts = tl_link_split(url);
    memcpy(shape, parts.origin.data, parts.origin.size);
    size_t size = parts.origin.size + fold_numbers(parts.path, shape + parts.origin.size);
    size_t folder = size;
    while (folder != 0 && shape[folder - 1] != '/')
        folder--;
    tl_page_shapes shapes = {.folder = (int64_t)tl_hash64(shape, folder)};
    uint64_t hashes[MAX_PARAMETERS + 1];
    size_t count = hash_parameters(parts.query, hashes);
    hashes[count++] = tl_hash64(shape, size);
    shapes.page = (int64_t)tl_hash64(hashes, count * sizeof hashes[0]);
    return shapes;
}

bool tl_page_url_matches(const char *url, const char *const *globs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fnmatch(globs[i], url, 0) == 0)
            return true;
    return false;
}

/*
 * Line by line: user-agent lines that follow each other name the robots of a group, rules belong to the group that is open, all
 * other lines neither open nor close one (RFC 9309, 2.2.4). Rules of our groups and of "*" are collected side by side, since only
 * the end of the file tells which hold.
 *
 * Patterns and paths are brought to one spelling, where each byte is either plain or %XX: escapes of unreserved characters are
 * decoded, bytes above 127 and what would be a wildcard in a pattern are encoded. Then `*` in a pattern is always the wildcard
 * and
 * "%2A" always the character. Matching goes back to the last star only; a file that makes that slow anyway is taken for a
 * refusal.
 */
#include "crawler-import/fetch/robots.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/core/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_BYTES = 500 * 1024, MAX_PATTERN_BYTES = 2048, MAX_SITEMAPS = 100, MAX_PATH_BYTES = 3 << 14, MAX_STEPS = 2000000 };

typedef struct rule {
    size_t at; /* in the texts of the set */
    uint16_t size;
    bool allows;
    bool is_anchored; /* ended in '$' */
} rule;

typedef struct rule_set {
    rule *rules;
    size_t count, capacity;
    tl_string texts;
    double crawl_delay;
    bool is_named; /* a group for it stood in the file */
} rule_set;

struct tl_robots {
    rule_set sets[2]; /* for us, for all */
    const rule_set *holding;
    char *sitemaps[MAX_SITEMAPS];
    size_t sitemap_count;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_unreserved(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z') || byte == '-' || byte == '.' ||
           byte == '_' || byte == '~';
}

/* One spelling; wildcards stay only in a pattern. */
static bool normalize(tl_slice from, bool is_pattern, tl_string *to, tl_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < from.size; i++) {
        unsigned char byte = (unsigned char)from.data[i];
        bool is_escape = byte == '%' && i + 2 < from.size && hex_value(from.data[i + 1]) >= 0 && hex_value(from.data[i + 2]) >= 0;
        if (is_escape) {
            byte = (unsigned char)(hex_value(from.data[i + 1]) * 16 + hex_value(from.data[i + 2]));
            i += 2;
        }
        bool is_special = byte == '$' || (byte == '*' && !is_pattern);
        bool is_plain = is_escape ? is_unreserved(byte) : byte > ' ' && byte < 127 && !is_special;
        char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        const char plain = (char)byte;
        if (!tl_string_append(to, is_plain ? &plain : escape, is_plain ? 1 : 3, err))
            return false;
    }
    return true;
}

static bool add_rule(rule_set *set, tl_slice pattern, bool allows, tl_error *err)
{
    bool is_anchored = pattern.size != 0 && pattern.data[pattern.size - 1] == '$';
    if (is_anchored)
        pattern.size--;
    if (pattern.size == 0 || pattern.size > MAX_PATTERN_BYTES) /* "Disallow:" refuses nothing */
        return true;
    size_t at = set->texts.size;
    if (!tl_memory_reserve(&set->rules, &set->capacity, set->count + 1, sizeof *set->rules, err) ||
        !normalize(pattern, true, &set->texts, err))
        return false;
    set->rules[set->count++] =
        (rule){.at = at, .size = (uint16_t)(set->texts.size - at), .allows = allows, .is_anchored = is_anchored};
    return true;
}

/* "twinlens/1.0 (x)" names twinlens. */
static bool names_robot(tl_slice value, const char *token)
{
    size_t size = 0;
    while (size < value.size && (((value.data[size] | 32) >= 'a' && (value.data[size] | 32) <= 'z') || value.data[size] == '_' ||
                                 value.data[size] == '-' || (value.data[size] >= '0' && value.data[size] <= '9')))
        size++;
    return size == strlen(token) && strncasecmp(value.data, token, size) == 0;
}

static bool names_all(tl_slice value)
{
    return value.size != 0 && value.data[0] == '*' && (value.size == 1 || is_space(value.data[1]));
}

static bool is_key(tl_slice key, const char *word)
{
    return key.size == strlen(word) && strncasecmp(key.data, word, key.size) == 0;
}

typedef struct reader {
    tl_robots *robots;
    const char *token;
    bool is_open[2];    /* the group at hand is for us, for all */
    bool is_delayed[2]; /* a Crawl-delay here would be for us, for all: there such a line does close the list of names */
    bool has_delay;
    bool has_rules; /* so that the next user-agent line begins another group */
} reader;

static void read_user_agent(reader *reading, tl_slice value)
{
    if (reading->has_rules)
        reading->is_open[0] = reading->is_open[1] = false;
    if (reading->has_rules || reading->has_delay)
        reading->is_delayed[0] = reading->is_delayed[1] = false;
    reading->has_rules = reading->has_delay = false;
    reading->is_open[0] |= names_robot(value, reading->token);
    reading->is_open[1] |= names_all(value);
    reading->is_delayed[0] |= names_robot(value, reading->token);
    reading->is_delayed[1] |= names_all(value);
    for (int i = 0; i < 2; i++)
        reading->robots->sets[i].is_named |= reading->is_open[i];
}

static void read_crawl_delay(reader *reading, tl_slice value)
{
    char text[32];
    reading->has_delay = true;
    if (value.size == 0 || value.size >= sizeof text)
        return;
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    char *end;
    double seconds = strspn(text, "0123456789.") == value.size ? strtod(text, &end) : -1;
    for (int i = 0; i < 2; i++)
        if (reading->is_delayed[i] && seconds >= 0)
            reading->robots->sets[i].crawl_delay = seconds;
}

static bool read_line(reader *reading, tl_slice line, tl_error *err)
{
    const char *hash = line.size != 0 ? memchr(line.data, '#', line.size) : NULL;
    if (hash != NULL)
        line.size = (size_t)(hash - line.data);
    const char *colon = line.size != 0 ? memchr(line.data, ':', line.size) : NULL;
    if (colon == NULL)
        return true;
    tl_slice key = {line.data, (size_t)(colon - line.data)};
    tl_slice value = {colon + 1, line.size - key.size - 1};
    while (key.size != 0 && is_space(key.data[0]))
        key.data++, key.size--;
    while (key.size != 0 && is_space(key.data[key.size - 1]))
        key.size--;
    while (value.size != 0 && is_space(value.data[0]))
        value.data++, value.size--;
    while (value.size != 0 && is_space(value.data[value.size - 1]))
        value.size--;
    tl_robots *robots = reading->robots;
    if (is_key(key, "user-agent")) {
        read_user_agent(reading, value);
    } else if (is_key(key, "allow") || is_key(key, "disallow")) {
        reading->has_rules = true;
        for (int i = 0; i < 2; i++)
            if (reading->is_open[i] && !add_rule(&robots->sets[i], value, key.size == 5, err))
                return false;
    } else if (is_key(key, "crawl-delay")) {
        read_crawl_delay(reading, value);
    } else if (is_key(key, "sitemap") && robots->sitemap_count < MAX_SITEMAPS && value.size != 0) {
        if ((robots->sitemaps[robots->sitemap_count] = tl_memory_copy_text(value.data, value.size, err)) == NULL)
            return false;
        robots->sitemap_count++;
    }
    return true;
}

static bool read_lines(reader *reading, tl_slice text, tl_error *err)
{
    if (text.size > MAX_BYTES)
        text.size = MAX_BYTES;
    text = tl_utf8_without_mark(text);
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '\n' && text.data[i] != '\r')
            continue;
        if (!read_line(reading, (tl_slice){text.data + start, i - start}, err))
            return false;
        start = i + 1;
    }
    return true;
}

bool tl_robots_parse(tl_slice text, const char *token, tl_robots **out, tl_error *err)
{
    tl_robots *robots = tl_memory_allocate(1, sizeof *robots, err);
    if (robots == NULL)
        return false;
    for (int i = 0; i < 2; i++) {
        robots->sets[i].crawl_delay = -1;
        tl_string_init(&robots->sets[i].texts, 3 * MAX_BYTES);
    }
    reader reading = {.robots = robots, .token = token};
    if (!read_lines(&reading, text, err)) {
        tl_robots_destroy(robots);
        return false;
    }
    robots->holding = &robots->sets[robots->sets[0].is_named ? 0 : 1];
    *out = robots;
    return true;
}

void tl_robots_destroy(tl_robots *robots)
{
    if (robots == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        tl_memory_free(robots->sets[i].rules);
        tl_string_clear(&robots->sets[i].texts);
    }
    for (size_t i = 0; i < robots->sitemap_count; i++)
        tl_memory_free(robots->sitemaps[i]);
    tl_memory_free(robots);
}

/* Whether the pattern matches a beginning of the path, or the whole of it when anchored. */
static bool matches(tl_slice pattern, bool is_anchored, tl_slice path, uint64_t *steps)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    for (;;) {
        ++*steps;
        if (p == pattern.size && (!is_anchored || t == path.size))
            return true;
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            star_t = t;
        } else if (p < pattern.size && t < path.size && pattern.data[p] == path.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX && star_t < path.size && *steps < MAX_STEPS) {
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
}

static bool is_allowed(const rule_set *set, tl_slice path)
{
    const rule *best = NULL;
    uint64_t steps = 0;
    for (size_t i = 0; i < set->count; i++) {
        const rule *at = &set->rules[i];
        size_t size = at->size + (size_t)at->is_anchored, best_size = best != NULL ? best->size + (size_t)best->is_anchored : 0;
        if (best != NULL && (size < best_size || (size == best_size && !at->allows)))
            continue;
        if (matches((tl_slice){set->texts.data + at->at, at->size}, at->is_anchored, path, &steps))
            best = at;
        if (steps >= MAX_STEPS)
            return false;
    }
    return best == NULL || best->allows;
}

bool tl_robots_allows(const tl_robots *robots, const char *path)
{
    if (robots == NULL || robots->holding->count == 0 || strcmp(path, "/robots.txt") == 0)
        return true;
    tl_string normal;
    tl_string_init(&normal, MAX_PATH_BYTES);
    bool allows = normalize(tl_slice_of(path[0] != '\0' ? path : "/"), false, &normal, NULL) &&
                  is_allowed(robots->holding, tl_string_slice(&normal));
    tl_string_clear(&normal);
    return allows;
}

double tl_robots_crawl_delay(const tl_robots *robots)
{
    return robots != NULL ? robots->holding->crawl_delay : -1;
}

size_t tl_robots_sitemap_count(const tl_robots *robots)
{
    return robots != NULL ? robots->sitemap_count : 0;
}

const char *tl_robots_sitemap(const tl_robots *robots, size_t index)
{
    return robots->sitemaps[index];
}

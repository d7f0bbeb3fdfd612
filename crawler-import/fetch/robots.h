/*
 * robots.txt (RFC 9309): the rules that a host gives to one robot. Groups that name the robot are merged; without one the groups
 * of "*" hold; the longest matching rule wins and allow wins a tie. `*` and a final `$` are understood, paths are compared
 * percent-decoded where that changes nothing. Read are at most 500 KiB, as the RFC asks for at least.
 */
#ifndef TL_CRAWLER_IMPORT_FETCH_ROBOTS_H
#define TL_CRAWLER_IMPORT_FETCH_ROBOTS_H

#include "base/core/error.h"
#include "base/core/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_robots tl_robots;

/* Rules for the robot called `token` ("twinlens", compared without case). Any bytes parse; fails only without memory. */
bool tl_robots_parse(tl_slice text, const char *token, tl_robots **out, tl_error *err) TL_MUST_USE;
void tl_robots_destroy(tl_robots *robots);

/* path: of a URL with its query, from '/' on ("/a/b?c=d"); "" is "/". NULL rules allow everything. */
bool tl_robots_allows(const tl_robots *robots, const char *path);
/* Seconds of Crawl-delay (not of the RFC, but used); below 0: none. */
double tl_robots_crawl_delay(const tl_robots *robots);
/* Sitemap lines, as written, of the whole file, up to 100; borrowed. */
size_t tl_robots_sitemap_count(const tl_robots *robots);
const char *tl_robots_sitemap(const tl_robots *robots, size_t index);

#ifdef __cplusplus
}
#endif

#endif

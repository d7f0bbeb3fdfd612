/* The end of a crawl, done or stopped: writes the list of pairs and says what is known by then. */
#ifndef TL_CRAWLER_IMPORT_CRAWL_CRAWL_REPORT_H
#define TL_CRAWLER_IMPORT_CRAWL_CRAWL_REPORT_H

#include "crawler-import/crawl/crawl.h"
#include "crawler-import/crawl/frontier.h"

bool tl_crawl_report_make(tl_frontier *frontier, const tl_crawl_options *options, const char *folder, tl_crawl_report *report,
                          tl_error *err) TL_MUST_USE;

#endif

/* The frontier's file, for the one beside it that reads the pairs out (pair_list.c). */
#ifndef TL_CRAWLER_IMPORT_CRAWL_FRONTIER_INTERNAL_H
#define TL_CRAWLER_IMPORT_CRAWL_FRONTIER_INTERNAL_H

#include "base/store/database.h"
#include "crawler-import/crawl/frontier.h"

sqlite3 *tl_frontier__database(tl_frontier *frontier);

#endif

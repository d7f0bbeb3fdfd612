/*
 * Buffers for bodies, used again and again, and how much memory they may take together. The fetcher fills a body; whoever gets
 * the result gives it back, from any thread and even after the fetcher is gone.
 */
#ifndef TL_CRAWLER_IMPORT_FETCH_BODY_POOL_H
#define TL_CRAWLER_IMPORT_FETCH_BODY_POOL_H

#include "base/core/error.h"
#include "base/core/string.h"
#include "base/net/event_loop.h"

#include <stdint.h>

#define TL_CONTENT_TYPE_SIZE 128

typedef struct tl_body_pool tl_body_pool;

typedef struct tl_body {
    char *bytes;
    size_t size, capacity;
    tl_string url;
    char content_type[TL_CONTENT_TYPE_SIZE];
    tl_body_pool *pool;
    struct tl_body *next;
} tl_body;

/* Of the loop the pool keeps only the way to wake it, until tl_body_pool_leave. */
bool tl_body_pool_create(tl_event_loop *loop, uint64_t most_memory, tl_body_pool **out, tl_error *err) TL_MUST_USE;
/* The fetcher goes; the pool stays until the last body has come back. NULL does nothing. */
void tl_body_pool_leave(tl_body_pool *pool);

/* An empty body, perhaps with capacity. NULL: no memory. */
tl_body *tl_body_take(tl_body_pool *pool, tl_error *err) TL_MUST_USE;
void tl_body_give(tl_body *body); /* any thread; NULL does nothing */

/*
 * Makes room for `more` bytes. *is_full: that would pass the pool's memory, and nothing was done; the loop is woken when there
 * is room again. is_urgent: do it all the same.
 */
bool tl_body_grow(tl_body *body, size_t more, bool is_urgent, bool *is_full, tl_error *err) TL_MUST_USE;

bool tl_body_pool_is_full(tl_body_pool *pool);
void tl_body_pool_memory(tl_body_pool *pool, uint64_t *now, uint64_t *highest);

#endif

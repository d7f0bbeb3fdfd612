/* Capacities double from 16 KiB; those of bodies at work count, spare ones are few. One lock, held for a few instructions. */
#include "crawler-import/fetch/body_pool.h"

#include "base/core/memory.h"

#include <pthread.h>

enum { FIRST_BYTES = 1 << 14, MAX_SPARE_BYTES = 32 << 20, MAX_SPARE_BODY = 1 << 20, MAX_URL_BYTES = 1 << 14 };

struct tl_body_pool {
    pthread_mutex_t lock;
    tl_event_loop *loop; /* NULL: the fetcher is gone */
    tl_body *spare;
    size_t spare_bytes;
    size_t out; /* bodies at work */
    uint64_t most_memory, memory, highest;
    bool is_awaited; /* somebody was told that it is full */
};

bool tl_body_pool_create(tl_event_loop *loop, uint64_t most_memory, tl_body_pool **out, tl_error *err)
{
    tl_body_pool *pool = tl_memory_allocate(1, sizeof *pool, err);
    if (pool == NULL)
        return false;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        tl_memory_free(pool);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "cannot make a lock");
    }
    pool->loop = loop;
    pool->most_memory = most_memory;
    *out = pool;
    return true;
}

static void destroy_body(tl_body *body)
{
    tl_memory_free(body->bytes);
    tl_string_clear(&body->url);
    tl_memory_free(body);
}

static void destroy_pool(tl_body_pool *pool)
{
    while (pool->spare != NULL) {
        tl_body *body = pool->spare;
        pool->spare = body->next;
        destroy_body(body);
    }
    pthread_mutex_destroy(&pool->lock);
    tl_memory_free(pool);
}

void tl_body_pool_leave(tl_body_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->loop = NULL;
    bool is_last = pool->out == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        destroy_pool(pool);
}

tl_body *tl_body_take(tl_body_pool *pool, tl_error *err)
{
    pthread_mutex_lock(&pool->lock);
    tl_body *body = pool->spare;
    if (body != NULL) {
        pool->spare = body->next;
        pool->spare_bytes -= body->capacity;
        pool->memory += body->capacity;
        pool->highest = pool->memory > pool->highest ? pool->memory : pool->highest;
        pool->out++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (body != NULL) {
        body->size = 0;
        tl_string_reset(&body->url);
        body->content_type[0] = '\0';
        return body;
    }
    body = tl_memory_allocate(1, sizeof *body, err);
    if (body == NULL)
        return NULL;
    body->pool = pool;
    tl_string_init(&body->url, MAX_URL_BYTES);
    pthread_mutex_lock(&pool->lock);
    pool->out++;
    pthread_mutex_unlock(&pool->lock);
    return body;
}

void tl_body_give(tl_body *body)
{
    if (body == NULL)
        return;
    tl_body_pool *pool = body->pool;
    pthread_mutex_lock(&pool->lock);
    pool->out--;
    pool->memory -= body->capacity;
    bool is_kept =
        pool->loop != NULL && body->capacity <= MAX_SPARE_BODY && pool->spare_bytes + body->capacity <= MAX_SPARE_BYTES;
    if (is_kept) {
        body->next = pool->spare;
        pool->spare = body;
        pool->spare_bytes += body->capacity;
    }
    if (pool->is_awaited && pool->loop != NULL && pool->memory < pool->most_memory) {
        pool->is_awaited = false;
        tl_event_loop_wake(pool->loop);
    }
    bool is_last = pool->loop == NULL && pool->out == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!is_kept)
        destroy_body(body);
    if (is_last)
        destroy_pool(pool);
}

bool tl_body_grow(tl_body *body, size_t more, bool is_urgent, bool *is_full, tl_error *err)
{
    *is_full = false;
    if (body->capacity - body->size >= more)
        return true;
    size_t capacity = body->capacity != 0 ? body->capacity : FIRST_BYTES;
    while (capacity - body->size < more)
        capacity *= 2;
    tl_body_pool *pool = body->pool;
    size_t added = capacity - body->capacity;
    pthread_mutex_lock(&pool->lock);
    *is_full = !is_urgent && pool->memory + added > pool->most_memory;
    pool->is_awaited |= *is_full;
    if (!*is_full)
        pool->memory += added;
    pool->highest = pool->memory > pool->highest ? pool->memory : pool->highest;
    pthread_mutex_unlock(&pool->lock);
    if (*is_full)
        return true;
    char *bytes = body->bytes != NULL ? tl_memory_resize(body->bytes, capacity, 1, err) : tl_memory_allocate(capacity, 1, err);
    if (bytes == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->memory -= added;
        pthread_mutex_unlock(&pool->lock);
        return false;
    }
    body->bytes = bytes;
    body->capacity = capacity;
    return true;
}

bool tl_body_pool_is_full(tl_body_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_full = pool->memory >= pool->most_memory;
    pool->is_awaited |= is_full;
    pthread_mutex_unlock(&pool->lock);
    return is_full;
}

void tl_body_pool_memory(tl_body_pool *pool, uint64_t *now, uint64_t *highest)
{
    pthread_mutex_lock(&pool->lock);
    *now = pool->memory;
    *highest = pool->highest;
    pthread_mutex_unlock(&pool->lock);
}

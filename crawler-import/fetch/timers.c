/* The heap: heap[i] is due no later than heap[2i+1] and heap[2i+2]. */
#include "crawler-import/fetch/timers.h"

#include "base/core/memory.h"

#include <math.h>

bool tl_timers_reserve(tl_timers *timers, size_t count, tl_error *err)
{
    return tl_memory_reserve(&timers->heap, &timers->capacity, count, sizeof(tl_timer *), err);
}

void tl_timers_clear(tl_timers *timers)
{
    tl_memory_free(timers->heap);
    *timers = (tl_timers){0};
}

static void put(tl_timers *timers, size_t at, tl_timer *timer)
{
    timers->heap[at] = timer;
    timer->place = at + 1;
}

static void rise(tl_timers *timers, size_t at, tl_timer *timer)
{
    while (at != 0 && timers->heap[(at - 1) / 2]->due > timer->due) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, timer);
}

static void sink(tl_timers *timers, size_t at, tl_timer *timer)
{
    for (size_t child; (child = 2 * at + 1) < timers->count; at = child) {
        if (child + 1 < timers->count && timers->heap[child + 1]->due < timers->heap[child]->due)
            child++;
        if (timers->heap[child]->due >= timer->due)
            break;
        put(timers, at, timers->heap[child]);
    }
    put(timers, at, timer);
}

void tl_timers_unset(tl_timers *timers, tl_timer *timer)
{
    if (timer->place == 0)
        return;
    size_t at = timer->place - 1;
    timer->place = 0;
    tl_timer *last = timers->heap[--timers->count];
    if (last == timer)
        return;
    if (at != 0 && timers->heap[(at - 1) / 2]->due > last->due)
        rise(timers, at, last);
    else
        sink(timers, at, last);
}

void tl_timers_set(tl_timers *timers, tl_timer *timer, double due)
{
    tl_timers_unset(timers, timer);
    TL_ASSERT(timers->count < timers->capacity);
    timer->due = due;
    rise(timers, timers->count++, timer);
}

void tl_timers_fire(tl_timers *timers, double now)
{
    size_t most = timers->count;
    for (size_t i = 0; i < most && timers->count != 0 && timers->heap[0]->due <= now; i++) {
        tl_timer *timer = timers->heap[0];
        tl_timers_unset(timers, timer);
        timer->fire(timer->context);
    }
}

double tl_timers_next(const tl_timers *timers)
{
    return timers->count != 0 ? timers->heap[0]->due : INFINITY;
}

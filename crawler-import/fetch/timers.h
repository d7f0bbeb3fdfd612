/* Many deadlines, the next one first: a binary heap whose members lie in what they belong to. */
#ifndef TL_CRAWLER_IMPORT_FETCH_TIMERS_H
#define TL_CRAWLER_IMPORT_FETCH_TIMERS_H

#include "base/core/error.h"

typedef struct tl_timer {
    void (*fire)(void *context);
    void *context;
    double due;
    size_t place; /* in the heap, from 1; 0: not set. Private */
} tl_timer;

typedef struct tl_timers {
    tl_timer **heap;
    size_t count, capacity;
} tl_timers;

/* Room for so many timers set at a time; setting itself cannot fail. */
bool tl_timers_reserve(tl_timers *timers, size_t count, tl_error *err) TL_MUST_USE;
void tl_timers_clear(tl_timers *timers);
void tl_timers_set(tl_timers *timers, tl_timer *timer, double due); /* also moves one that is set */
void tl_timers_unset(tl_timers *timers, tl_timer *timer);
/* Takes out and fires what is due; a timer that sets itself again for the past waits for the next call. */
void tl_timers_fire(tl_timers *timers, double now);
double tl_timers_next(const tl_timers *timers); /* when; INFINITY: never */

#endif

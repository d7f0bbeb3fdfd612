/*
 * Which file descriptors are ready (epoll), and a wake-up from elsewhere. One thread; a handler may watch and forget whatever it
 * likes. Level-triggered: what is not read is told again.
 */
#ifndef TL_BASE_NET_EVENT_LOOP_H
#define TL_BASE_NET_EVENT_LOOP_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_EVENT_READ 1u
#define TL_EVENT_WRITE 2u

typedef struct tl_event_loop tl_event_loop;
/* events: TL_EVENT_*; both on a broken descriptor, whose next read or write says how. */
typedef void (*tl_event_handler)(void *context, int fd, unsigned events);

bool tl_event_loop_create(tl_event_loop **out, tl_error *err) TL_MUST_USE;
void tl_event_loop_destroy(tl_event_loop *loop);

/*
 * From now on the handler hears of these events; 0: of none, but the descriptor stays known, so that watching it again as before
 * costs no call into the system. Before a descriptor is closed it must be forgotten.
 */
bool tl_event_loop_watch(tl_event_loop *loop, int fd, unsigned events, tl_event_handler handler, void *context,
                         tl_error *err) TL_MUST_USE;
void tl_event_loop_forget(tl_event_loop *loop, int fd);

/* Waits until something is ready, at most timeout_ms (below 0: for ever), and calls the handlers. */
bool tl_event_loop_wait(tl_event_loop *loop, int timeout_ms, tl_error *err) TL_MUST_USE;
/* Ends a wait early, or the next one. Any thread, any signal handler. */
void tl_event_loop_wake(tl_event_loop *loop);

#ifdef __cplusplus
}
#endif

#endif

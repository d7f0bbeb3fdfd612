/*
 * epoll with a table by descriptor. A connection that is kept between two requests is watched, rested and watched again with
 * the same events; the kernel keeps the first registration all the while, and an event that comes in a rest (the server hangs up)
 * takes it out.
 */
#include "base/net/event_loop.h"

#include "base/core/memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 256 };

typedef struct watch {
    tl_event_handler handler;
    void *context;
    unsigned wanted;     /* TL_EVENT_*; 0: resting */
    unsigned registered; /* what the kernel was told; 0: nothing */
} watch;

struct tl_event_loop {
    int epoll;
    int bell;
    watch *watches; /* by descriptor */
    size_t watch_capacity;
};

static bool tell(tl_event_loop *loop, int fd, unsigned events, tl_error *err)
{
    watch *at = &loop->watches[fd];
    struct epoll_event event = {.data.fd = fd};
    event.events = (events & TL_EVENT_READ ? (uint32_t)EPOLLIN : 0) | (events & TL_EVENT_WRITE ? (uint32_t)EPOLLOUT : 0);
    int operation = events == 0 ? EPOLL_CTL_DEL : at->registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(loop->epoll, operation, fd, &event) != 0 && operation != EPOLL_CTL_DEL)
        return tl_fail_errno(err, errno, "epoll: cannot watch a descriptor");
    at->registered = events;
    return true;
}

bool tl_event_loop_watch(tl_event_loop *loop, int fd, unsigned events, tl_event_handler handler, void *context, tl_error *err)
{
    size_t old = loop->watch_capacity;
    if (!tl_memory_reserve(&loop->watches, &loop->watch_capacity, (size_t)fd + 1, sizeof *loop->watches, err))
        return false;
    for (size_t i = old; i < loop->watch_capacity; i++)
        loop->watches[i] = (watch){0};
    watch *at = &loop->watches[fd];
    at->handler = handler;
    at->context = context;
    at->wanted = events;
    return events == 0 || events == at->registered || tell(loop, fd, events, err);
}

void tl_event_loop_forget(tl_event_loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->watch_capacity)
        return;
    if (loop->watches[fd].registered != 0 && !tell(loop, fd, 0, NULL))
        return;
    loop->watches[fd] = (watch){0};
}

static void dispatch(tl_event_loop *loop, const struct epoll_event *event)
{
    int fd = event->data.fd;
    if (fd == loop->bell) {
        uint64_t rings;
        while (read(loop->bell, &rings, sizeof rings) < 0 && errno == EINTR)
            ;
        return;
    }
    watch *at = &loop->watches[fd];
    unsigned events = (event->events & EPOLLIN ? TL_EVENT_READ : 0) | (event->events & EPOLLOUT ? TL_EVENT_WRITE : 0);
    if (event->events & (EPOLLERR | EPOLLHUP))
        events |= TL_EVENT_READ | TL_EVENT_WRITE;
    if (at->wanted != 0 && at->handler != NULL)
        at->handler(at->context, fd, events);
    else if (at->registered != 0 && !tell(loop, fd, 0, NULL))
        at->registered = 0;
}

bool tl_event_loop_wait(tl_event_loop *loop, int timeout_ms, tl_error *err)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(loop->epoll, events, BATCH, timeout_ms);
    if (count < 0)
        return errno == EINTR || tl_fail_errno(err, errno, "epoll: cannot wait");
    for (int i = 0; i < count; i++)
        dispatch(loop, &events[i]);
    return true;
}

void tl_event_loop_wake(tl_event_loop *loop)
{
    int saved = errno;
    uint64_t one = 1;
    while (write(loop->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
}

bool tl_event_loop_create(tl_event_loop **out, tl_error *err)
{
    tl_event_loop *loop = tl_memory_allocate(1, sizeof *loop, err);
    if (loop == NULL)
        return false;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = loop->bell};
    if (loop->epoll < 0 || loop->bell < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->bell, &event) != 0) {
        tl_fail_errno(err, errno, "cannot make an event loop");
        tl_event_loop_destroy(loop);
        return false;
    }
    *out = loop;
    return true;
}

void tl_event_loop_destroy(tl_event_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->bell >= 0)
        close(loop->bell);
    tl_memory_free(loop->watches);
    tl_memory_free(loop);
}

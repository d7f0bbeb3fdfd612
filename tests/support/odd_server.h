/*
 * An HTTP server on 127.0.0.1 that misbehaves as its paths say; a thread a connection. The words of a path are separated by '/':
 *
 *   /picture/SIZE          SIZE bytes that begin as a JPEG                  /html          a page
 *   /drip/SIZE/MS          a byte every MS milliseconds                     /stall         headers, a byte, then nothing
 *   /silent                nothing at all                                   /slow/MS       a picture after MS milliseconds
 *   /reset                 a reset amid the body                            /hangup        closes without a word
 *   /short/SIZE/SENT       announces SIZE, sends SENT, closes               /long/SIZE     announces 9e18, sends SIZE, closes
 *   /redirect/N            to /redirect/N-1, at 0 to /picture/1000          /loop          to itself
 *   /to/ENCODED            to the URL with ! for / (/to/http:!!host!path)   /nowhere       302 without Location
 *   /status/CODE           an error, without a body where it has none      /late/CODE     CODE, and a body after a while
 *   /failing/N/CODE        CODE the first N times, then a picture
 *   /wait/N/SECONDS        429 with Retry-After the first N times, then a picture
 *   /bomb                  gzip of 1 GiB of zeros                           /notgzip       says gzip, is not
 *   /headers               headers without end                              /longheader    one of 200 kB
 *   /garbage               no HTTP                                          /empty         200 without a byte
 *   /tag/VALUE             a picture with X-Robots-Tag: VALUE (! for space) /interim       100s, then a picture
 *   /pretend/html          HTML that says image/jpeg                        /pretend/picture   a picture that says text/html
 *   /chunked/SIZE          a picture in chunks                              /badchunks     chunks that break their format
 *   /robots.txt            server->robots, or 404 when NULL, or a bare status when it begins with a digit
 *
 *   /file/...              server->file, an image/bmp
 */
#ifndef TL_TESTS_SUPPORT_ODD_SERVER_H
#define TL_TESTS_SUPPORT_ODD_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { ODD_CONNECTIONS = 4096, ODD_PATHS = 512, ODD_REQUEST = 16384 };

typedef struct odd_server {
    int listener;
    uint16_t port;
    int stop[2]; /* closed to end everything */
    pthread_t thread;
    const char *robots;
    const void *file; /* that /file is answered with; NULL: 404 */
    size_t file_size;
    pthread_mutex_t lock;
    struct {
        char path[128];
        size_t hits;
    } paths[ODD_PATHS];
    size_t path_count;
    size_t connections, running, most_running; /* requests at a time */
    double started[ODD_PATHS];                 /* when requests came, the first so many */
    size_t request_count;
    char last_request[ODD_REQUEST];
    atomic_size_t threads;
    pthread_attr_t small;
} odd_server;

typedef struct odd_connection {
    odd_server *server;
    int socket;
    bool is_over;
} odd_connection;

static inline double odd_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Sleeps until the server is stopped or the time is over. False: stopped. */
static inline bool odd_sleep(odd_server *server, int ms)
{
    struct pollfd stop = {.fd = server->stop[0], .events = POLLIN};
    return poll(&stop, 1, ms) == 0;
}

static inline void odd_send(odd_connection *connection, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size != 0 && !connection->is_over) {
        ssize_t sent = send(connection->socket, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            connection->is_over = true;
        else
            at += sent, size -= (size_t)sent;
    }
}

static inline void odd_text(odd_connection *connection, const char *text)
{
    odd_send(connection, text, strlen(text));
}

static inline void odd_head(odd_connection *connection, int status, const char *type, size_t size, const char *more)
{
    char head[1024];
    snprintf(head, sizeof head, "HTTP/1.1 %d Odd\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, type, size, more);
    odd_text(connection, head);
}

static inline void odd_picture(odd_connection *connection, size_t size)
{
    static const char jpeg[] = "\xff\xd8\xff\xe0\0\x10JFIF";
    char block[4096];
    memset(block, 'x', sizeof block);
    memcpy(block, jpeg, sizeof jpeg - 1);
    for (size_t sent = 0; sent < size && !connection->is_over; sent += sizeof block) {
        odd_send(connection, block, size - sent < sizeof block ? size - sent : sizeof block);
        memset(block, 'x', sizeof jpeg);
    }
}

static inline size_t odd_hit(odd_server *server, const char *path)
{
    pthread_mutex_lock(&server->lock);
    size_t i = 0;
    while (i < server->path_count && strcmp(server->paths[i].path, path) != 0)
        i++;
    if (i == server->path_count && i < ODD_PATHS) {
        snprintf(server->paths[i].path, sizeof server->paths[i].path, "%.127s", path);
        server->path_count++;
    }
    size_t hits = i < ODD_PATHS ? ++server->paths[i].hits : 0;
    if (server->request_count < ODD_PATHS)
        server->started[server->request_count] = odd_now();
    server->request_count++;
    server->running++;
    if (server->running > server->most_running)
        server->most_running = server->running;
    pthread_mutex_unlock(&server->lock);
    return hits;
}

static inline size_t odd_hits(odd_server *server, const char *path)
{
    size_t hits = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->path_count; i++)
        if (strcmp(server->paths[i].path, path) == 0)
            hits = server->paths[i].hits;
    pthread_mutex_unlock(&server->lock);
    return hits;
}

static inline void odd_reset(odd_connection *connection)
{
    struct linger now = {1, 0};
    odd_sleep(connection->server, 30); /* what was sent must have been read, or the reset overtakes it */
    setsockopt(connection->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    connection->is_over = true;
}

static inline void odd_redirect(odd_connection *connection, const char *to)
{
    char more[900];
    snprintf(more, sizeof more, "Location: %s\r\n", to);
    odd_head(connection, 302, "text/html", 0, more);
}

static inline void odd_bomb(odd_connection *connection)
{
    odd_text(connection, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
    static unsigned char zeros[1 << 16], packed[1 << 16];
    z_stream stream = {0};
    deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    for (int i = 0; i < 16384 && !connection->is_over; i++) {
        stream.next_in = zeros;
        stream.avail_in = sizeof zeros;
        do {
            stream.next_out = packed;
            stream.avail_out = sizeof packed;
            deflate(&stream, i == 16383 ? Z_FINISH : Z_NO_FLUSH);
            odd_send(connection, packed, sizeof packed - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
    connection->is_over = true;
}

static inline void odd_robots(odd_connection *connection)
{
    const char *robots = connection->server->robots;
    if (robots == NULL)
        odd_head(connection, 404, "text/plain", 0, "");
    else if (robots[0] >= '1' && robots[0] <= '9')
        odd_head(connection, (int)strtol(robots, NULL, 10), "text/plain", 0, "");
    else
        odd_head(connection, 200, "text/plain", strlen(robots), ""), odd_text(connection, robots);
}

/* Endings that no well-behaved server has. */
static inline bool odd_misbehave(odd_connection *connection, const char *word, size_t first, size_t second)
{
    odd_server *server = connection->server;
    if (strcmp(word, "drip") == 0) {
        odd_head(connection, 200, "image/jpeg", first, "");
        for (size_t i = 0; i < first && !connection->is_over && odd_sleep(server, (int)second); i++)
            odd_send(connection, i == 0 ? "\xff" : i == 1 ? "\xd8" : i == 2 ? "\xff" : "x", 1);
    } else if (strcmp(word, "stall") == 0) {
        odd_head(connection, 200, "image/jpeg", 100000, "");
        odd_text(connection, "\xff");
        odd_sleep(server, -1);
        connection->is_over = true;
    } else if (strcmp(word, "silent") == 0) {
        odd_sleep(server, -1);
        connection->is_over = true;
    } else if (strcmp(word, "reset") == 0) {
        odd_head(connection, 200, "image/jpeg", 100000, "");
        odd_picture(connection, 5000);
        odd_reset(connection);
    } else if (strcmp(word, "hangup") == 0) {
        connection->is_over = true;
    } else if (strcmp(word, "short") == 0) {
        odd_head(connection, 200, "image/jpeg", first, "");
        odd_picture(connection, second);
        connection->is_over = true;
    } else if (strcmp(word, "long") == 0) {
        odd_head(connection, 200, "image/jpeg", 9000000000000000000u, "");
        odd_picture(connection, first);
        connection->is_over = true;
    } else if (strcmp(word, "bomb") == 0) {
        odd_bomb(connection);
    } else if (strcmp(word, "notgzip") == 0) {
        odd_head(connection, 200, "image/jpeg", 1000, "Content-Encoding: gzip\r\n");
        odd_picture(connection, 1000);
    } else if (strcmp(word, "headers") == 0) {
        odd_text(connection, "HTTP/1.1 200 OK\r\n");
        while (!connection->is_over)
            odd_text(connection, "X-Flood: 0123456789012345678901234567890123456789\r\n");
    } else if (strcmp(word, "longheader") == 0) {
        odd_text(connection, "HTTP/1.1 200 OK\r\nX-Long: ");
        for (int i = 0; i < 2000; i++)
            odd_text(connection,
                     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
        odd_text(connection, "\r\n\r\n");
        connection->is_over = true;
    } else if (strcmp(word, "garbage") == 0) {
        odd_text(connection, "SSH-2.0-OpenSSH_9.2\r\n");
        connection->is_over = true;
    } else if (strcmp(word, "badchunks") == 0) {
        odd_text(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno number\r\n");
        connection->is_over = true;
    } else {
        return false;
    }
    return true;
}

static inline void odd_answer(odd_connection *connection, const char *path, size_t hits)
{
    odd_server *server = connection->server;
    char words[4][512] = {"", "", "", ""};
    sscanf(path, "/%511[^/]/%511[^/]/%511[^/]/%511[^/]", words[0], words[1], words[2], words[3]);
    const char *word = words[0];
    size_t first = strtoul(words[1], NULL, 10), second = strtoul(words[2], NULL, 10);
    char text[600];
    if (strcmp(path, "/robots.txt") == 0) {
        odd_robots(connection);
    } else if (strcmp(word, "picture") == 0 || (strcmp(word, "slow") == 0 && odd_sleep(server, (int)first))) {
        size_t size = strcmp(word, "picture") == 0 ? first : 1000;
        odd_head(connection, 200, "image/jpeg", size, "");
        odd_picture(connection, size);
    } else if (strcmp(word, "file") == 0 && server->file != NULL) {
        odd_head(connection, 200, "image/bmp", server->file_size, "");
        odd_send(connection, server->file, server->file_size);
    } else if (strcmp(word, "html") == 0 || (strcmp(word, "pretend") == 0 && strcmp(words[1], "html") == 0)) {
        static const char page[] = "<!doctype html><html><title>a page</title><p>Nothing to see here, and much of it.</p></html>";
        odd_head(connection, 200, word[0] == 'h' ? "text/html; charset=utf-8" : "image/jpeg", sizeof page - 1, "");
        odd_text(connection, page);
    } else if (strcmp(word, "pretend") == 0) {
        odd_head(connection, 200, "text/html", 1000, "");
        odd_picture(connection, 1000);
    } else if (strcmp(word, "redirect") == 0) {
        snprintf(text, sizeof text, first > 0 ? "/redirect/%zu" : "../picture/1000", first - 1);
        odd_redirect(connection, text);
    } else if (strcmp(word, "loop") == 0) {
        odd_redirect(connection, path);
    } else if (strcmp(word, "to") == 0) {
        for (char *at = words[1]; *at != '\0'; at++)
            *at = *at == '!' ? '/' : *at;
        odd_redirect(connection, words[1]);
    } else if (strcmp(word, "nowhere") == 0) {
        odd_head(connection, 302, "text/html", 0, "");
    } else if (strcmp(word, "status") == 0 || (strcmp(word, "failing") == 0 && hits <= first)) {
        const int status = (int)(word[0] == 's' ? first : second);
        const bool has_body = status != 204 && status != 304;
        odd_head(connection, status, "text/html", has_body ? 5 : 0, "");
        odd_text(connection, has_body ? "sorry" : "");
    } else if (strcmp(word, "late") == 0) {
        odd_head(connection, (int)first, "text/html", 5, "");
        odd_sleep(server, 50);
        odd_text(connection, "sorry");
    } else if (strcmp(word, "wait") == 0 && hits <= first) {
        snprintf(text, sizeof text, "Retry-After: %zu\r\n", second);
        odd_head(connection, 429, "text/html", 0, text);
    } else if (strcmp(word, "failing") == 0 || strcmp(word, "wait") == 0) {
        odd_head(connection, 200, "image/jpeg", 1000, "");
        odd_picture(connection, 1000);
    } else if (strcmp(word, "empty") == 0) {
        odd_head(connection, 200, "image/jpeg", 0, "");
    } else if (strcmp(word, "tag") == 0) {
        for (char *at = words[1]; *at != '\0'; at++)
            *at = *at == '!' ? ' ' : *at;
        snprintf(text, sizeof text, "X-Robots-Tag: %s\r\n", words[1]);
        odd_head(connection, 200, "image/jpeg", 1000, text);
        odd_picture(connection, 1000);
    } else if (strcmp(word, "interim") == 0) {
        odd_text(connection, "HTTP/1.1 103 Early Hints\r\nX-Robots-Tag: noai\r\n\r\n");
        odd_head(connection, 200, "image/jpeg", 1000, "");
        odd_picture(connection, 1000);
    } else if (strcmp(word, "chunked") == 0) {
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", first);
        odd_text(connection, text);
        odd_picture(connection, first);
        odd_text(connection, "\r\n0\r\n\r\n");
    } else if (!odd_misbehave(connection, word, first, second)) {
        odd_head(connection, 404, "text/html", 0, "");
    }
}

static inline void *odd_converse(void *context)
{
    odd_connection *connection = context;
    odd_server *server = connection->server;
    static const size_t room = ODD_REQUEST - 1;
    char *request = malloc(ODD_REQUEST);
    size_t size = 0;
    while (!connection->is_over && request != NULL) {
        request[size] = '\0';
        char *end = strstr(request, "\r\n\r\n");
        if (end == NULL) {
            struct pollfd waits[2] = {{.fd = connection->socket, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
            poll(waits, 2, -1);
            ssize_t got = waits[0].revents != 0 ? recv(connection->socket, request + size, room - size, 0) : 0;
            if (got <= 0)
                break;
            size += (size_t)got;
            continue;
        }
        char path[600] = "";
        sscanf(request, "GET %599s", path);
        pthread_mutex_lock(&server->lock);
        memcpy(server->last_request, request, (size_t)(end - request));
        server->last_request[end - request] = '\0';
        pthread_mutex_unlock(&server->lock);
        size_t hits = odd_hit(server, path);
        odd_answer(connection, path, hits);
        pthread_mutex_lock(&server->lock);
        server->running--;
        pthread_mutex_unlock(&server->lock);
        size -= (size_t)(end + 4 - request);
        memmove(request, end + 4, size);
    }
    free(request);
    close(connection->socket);
    free(connection);
    atomic_fetch_sub(&server->threads, 1);
    return NULL;
}

static inline void *odd_accept(void *context)
{
    odd_server *server = context;
    struct pollfd waits[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
    while (poll(waits, 2, -1) >= 0 || errno == EINTR) {
        if (waits[1].revents != 0)
            break;
        odd_connection *connection = malloc(sizeof *connection);
        *connection = (odd_connection){.server = server, .socket = accept(server->listener, NULL, NULL)};
        int yes = 1;
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        pthread_t thread;
        atomic_fetch_add(&server->threads, 1);
        pthread_mutex_lock(&server->lock);
        server->connections++;
        pthread_mutex_unlock(&server->lock);
        if (connection->socket < 0 || pthread_create(&thread, &server->small, odd_converse, connection) != 0) {
            close(connection->socket);
            free(connection);
            atomic_fetch_sub(&server->threads, 1);
        }
    }
    return NULL;
}

static inline int odd_listen(uint32_t at, uint16_t *port, int backlog)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    address.sin_addr.s_addr = htonl(at);
    socklen_t size = sizeof address;
    int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, backlog) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    *port = ntohs(address.sin_port);
    return listener;
}

/* at: INADDR_LOOPBACK, or INADDR_ANY in a network of the test's own. */
static inline bool odd_server_start_at(odd_server *server, uint32_t at)
{
    memset(server, 0, sizeof *server);
    pthread_mutex_init(&server->lock, NULL);
    pthread_attr_init(&server->small);
    pthread_attr_setstacksize(&server->small, 256 << 10);
    pthread_attr_setdetachstate(&server->small, PTHREAD_CREATE_DETACHED);
    server->listener = odd_listen(at, &server->port, 1024);
    return server->listener >= 0 && pipe(server->stop) == 0 && pthread_create(&server->thread, NULL, odd_accept, server) == 0;
}

static inline bool odd_server_start(odd_server *server)
{
    return odd_server_start_at(server, INADDR_LOOPBACK);
}

static inline void odd_server_stop(odd_server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    while (atomic_load(&server->threads) != 0)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    close(server->stop[0]);
    close(server->listener);
    pthread_attr_destroy(&server->small);
    pthread_mutex_destroy(&server->lock);
}

/* A port whose connections are never made: its backlog is full and further SYNs are dropped, as with a host that is gone. */
typedef struct dead_port {
    int listener;
    int fillers[8];
    uint16_t port;
} dead_port;

static inline bool dead_port_open(dead_port *dead)
{
    *dead = (dead_port){0};
    dead->listener = odd_listen(INADDR_LOOPBACK, &dead->port, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(dead->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < 8; i++) {
        dead->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(dead->fillers[i], (const struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
            return false;
    }
    return dead->listener >= 0;
}

static inline void dead_port_close(dead_port *dead)
{
    for (size_t i = 0; i < 8; i++)
        close(dead->fillers[i]);
    close(dead->listener);
}

#endif

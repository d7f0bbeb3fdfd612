/*
 * A server on 127.0.0.1 that answers the n-th connection with the n-th text of a script, byte for byte, whatever was asked, and
 * keeps the request. One connection a request, so that a script may lie about everything.
 */
#ifndef TL_TESTS_UNIT_NET_SCRIPTED_SERVER_H
#define TL_TESTS_UNIT_NET_SCRIPTED_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SCRIPT_MAX = 8, REQUEST_MAX = 8192 };

typedef enum script_end {
    SCRIPT_CLOSE, /* orderly */
    SCRIPT_RESET, /* the connection breaks */
    SCRIPT_STALL  /* nothing more comes until the server is stopped */
} script_end;

typedef struct script_answer {
    const char *text;
    size_t size; /* 0: strlen */
    script_end end;
} script_answer;

typedef struct scripted_server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const script_answer *answers;
    size_t answer_count;
    int stop[2]; /* a pipe whose closing ends a stall */
    char requests[SCRIPT_MAX][REQUEST_MAX];
    size_t request_count;
} scripted_server;

static void answer(scripted_server *server, int connection, const script_answer *given, char request[REQUEST_MAX])
{
    size_t size = 0;
    while (size + 1 < REQUEST_MAX && strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(connection, request + size, REQUEST_MAX - 1 - size, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = '\0';
    }
    size_t left = given->size != 0 ? given->size : strlen(given->text);
    const char *at = given->text;
    while (left != 0) {
        ssize_t sent = send(connection, at, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        left -= (size_t)sent;
    }
    char byte;
    if (given->end == SCRIPT_STALL && read(server->stop[0], &byte, 1) < 0)
        return;
    if (given->end == SCRIPT_RESET) {
        nanosleep(&(struct timespec){0, 50000000}, NULL); /* what was sent must have been read, or the reset overtakes it */
        struct linger now = {1, 0};
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
}

static void *serve_script(void *context)
{
    scripted_server *server = context;
    for (size_t i = 0; i < server->answer_count; i++) {
        int connection = accept(server->listener, NULL, NULL);
        if (connection < 0)
            break;
        server->request_count = i + 1;
        answer(server, connection, &server->answers[i], server->requests[i]);
        close(connection);
    }
    return NULL;
}

static bool scripted_server_start(scripted_server *server, const script_answer *answers, size_t count)
{
    *server = (scripted_server){.answers = answers, .answer_count = count};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->listener, 4) != 0 || getsockname(server->listener, (struct sockaddr *)&address, &size) != 0 ||
        pipe(server->stop) != 0)
        return false;
    server->port = ntohs(address.sin_port);
    return pthread_create(&server->thread, NULL, serve_script, server) == 0;
}

static void scripted_server_stop(scripted_server *server)
{
    close(server->stop[1]);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->stop[0]);
}

#endif

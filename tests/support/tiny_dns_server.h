/*
 * A DNS server over UDP on 127.0.0.1, one thread, for tests and benchmarks: what it says of a name is the caller's function. It
 * answers A and AAAA questions with up to eight addresses, a CNAME before them when asked to, an error code, or silence.
 */
#ifndef TL_TESTS_SUPPORT_TINY_DNS_SERVER_H
#define TL_TESTS_SUPPORT_TINY_DNS_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DNS_SILENT = -1, DNS_GOOD = 0, DNS_SERVER_FAILED = 2, DNS_NO_SUCH_NAME = 3, DNS_GARBAGE = -2, DNS_MOST_ADDRESSES = 8 };

typedef struct dns_reply {
    int code; /* DNS_* */
    uint32_t ttl;
    size_t count; /* of addresses of the asked kind; 0 with DNS_GOOD: the name has none */
    const char *addresses[DNS_MOST_ADDRESSES];
} dns_reply;

typedef struct dns_server {
    int socket;
    uint16_t port;
    pthread_t thread;
    void (*answer)(void *context, const char *name, bool is_v6, dns_reply *reply);
    void *context;
    atomic_size_t questions;
} dns_server;

/* The question's name as text; 0: it is broken. */
static inline size_t dns_read_name(const uint8_t *packet, size_t size, char *name, size_t room)
{
    size_t at = 12, used = 0;
    while (at < size && packet[at] != 0) {
        size_t label = packet[at++];
        if (label > 63 || at + label >= size || used + label + 2 > room)
            return 0;
        if (used != 0)
            name[used++] = '.';
        memcpy(name + used, packet + at, label);
        used += label;
        at += label;
    }
    name[used] = '\0';
    return at + 5 <= size ? at + 5 : 0;
}

static inline size_t dns_write_reply(uint8_t *packet, size_t question, bool is_v6, const dns_reply *reply)
{
    size_t at = question, answers = 0;
    uint8_t value[16];
    for (size_t i = 0; i < reply->count; i++) {
        if (inet_pton(is_v6 ? AF_INET6 : AF_INET, reply->addresses[i], value) != 1)
            continue;
        uint8_t size = is_v6 ? 16 : 4;
        uint8_t head[12] = {0xc0,
                            12,
                            0,
                            is_v6 ? 28 : 1,
                            0,
                            1,
                            (uint8_t)(reply->ttl >> 24),
                            (uint8_t)(reply->ttl >> 16),
                            (uint8_t)(reply->ttl >> 8),
                            (uint8_t)reply->ttl,
                            0,
                            size};
        memcpy(packet + at, head, sizeof head);
        memcpy(packet + at + sizeof head, value, size);
        at += sizeof head + size;
        answers++;
    }
    packet[2] = 0x85;
    packet[3] = (uint8_t)(0x80 | (reply->code > 0 ? reply->code : 0));
    packet[6] = 0;
    packet[7] = (uint8_t)answers;
    memset(packet + 8, 0, 4);
    return at;
}

static inline void *dns_serve(void *context)
{
    dns_server *server = context;
    uint8_t packet[2048];
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_size = sizeof from;
        ssize_t got = recvfrom(server->socket, packet, 512, 0, (struct sockaddr *)&from, &from_size);
        if (got <= 1) /* one byte from ourselves ends it */
            break;
        char name[256];
        size_t question = dns_read_name(packet, (size_t)got, name, sizeof name);
        if (question == 0)
            continue;
        atomic_fetch_add(&server->questions, 1);
        bool is_v6 = packet[question - 3] == 28;
        dns_reply reply = {.code = DNS_NO_SUCH_NAME, .ttl = 60};
        server->answer(server->context, name, is_v6, &reply);
        if (reply.code == DNS_SILENT)
            continue;
        size_t size = dns_write_reply(packet, question, is_v6, &reply);
        if (reply.code == DNS_GARBAGE)
            memset(packet + question, 0xff, size - question), packet[7] = 200;
        sendto(server->socket, packet, size, 0, (const struct sockaddr *)&from, from_size);
    }
    return NULL;
}

/* servers: at least 32 bytes, gets "127.0.0.1:PORT". */
static inline bool dns_server_start(dns_server *server, void (*answer)(void *, const char *, bool, dns_reply *), void *context,
                                    char servers[32])
{
    *server = (dns_server){.answer = answer, .context = context};
    server->socket = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int room = 8 << 20;
    setsockopt(server->socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(server->socket, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(server->socket, (struct sockaddr *)&address, &size) != 0)
        return false;
    server->port = ntohs(address.sin_port);
    snprintf(servers, 32, "127.0.0.1:%u", server->port);
    return pthread_create(&server->thread, NULL, dns_serve, server) == 0;
}

static inline void dns_server_stop(dns_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sendto(server->socket, "", 1, 0, (const struct sockaddr *)&address, sizeof address);
    pthread_join(server->thread, NULL);
    close(server->socket);
}

#endif

/*
 * The one file that includes ares.h. A name is an entry of a chained hash table: queued, asked, answered. Answered entries that
 * nobody waits for stand in a list by use, whose end is dropped when there are too many.
 *
 * c-ares may answer within the call that asks (hosts file, no server), so its callback only writes the entry down; those who
 * wait are told from the tick, outside of c-ares, and may ask again from there.
 */
#include "base/net/resolver.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

/* ares.h uses fd_set without including what declares it. */
#include <sys/select.h>

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_NAME_BYTES = 253, RECEIVE_BYTES = 1 << 21, ANSWER_BYTES = 1024, LEAST_ANSWERS = 64 };

/* The loop is told to tick at least this often while questions are open. */
static const double tick_seconds = 0.05;
static const double late_seconds = 0.5;

typedef struct name_entry {
    struct name_entry *chain;          /* of the same bucket */
    struct name_entry *before, *after; /* in the list of its state */
    tl_resolver *resolver;
    tl_resolver_wait *waits;
    uint64_t hash;
    double expires;
    tl_resolution resolution;
    uint8_t address_count;
    bool is_kept; /* stands in that list: nobody waits */
    bool is_late; /* asked, and not answered for a while */
    double asked_at;
    int lifetime; /* seconds, as the answer says */
    tl_address addresses[TL_RESOLVED_ADDRESSES];
    char host[];
} name_entry;

typedef struct name_list {
    name_entry *first, *last;
    size_t count;
} name_list;

struct tl_resolver {
    tl_event_loop *loop;
    ares_channel channel;
    bool has_channel, is_shutting;
    int family; /* AF_UNSPEC: both */
    double negative_seconds, least_ttl_seconds, next_tick;
    size_t most_in_flight, most_names;
    size_t most_answers;  /* for which the kernel's buffer has room while nobody looks: ANSWER_BYTES each */
    name_entry *punctual; /* the first of those asked that is not late; they stand in the order of asking */
    size_t late;
    name_entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t names;
    name_list queued, asked, told, kept; /* told: answered, those who wait do not know yet */
    tl_resolver_counts counts;
};

static void list_add(name_list *list, name_entry *entry)
{
    entry->before = list->last;
    entry->after = NULL;
    *(list->last != NULL ? &list->last->after : &list->first) = entry;
    list->last = entry;
    list->count++;
}

static void list_remove(name_list *list, name_entry *entry)
{
    *(entry->before != NULL ? &entry->before->after : &list->first) = entry->after;
    *(entry->after != NULL ? &entry->after->before : &list->last) = entry->before;
    list->count--;
}

static name_entry **find(tl_resolver *resolver, const char *host, uint64_t hash)
{
    name_entry **at = &resolver->buckets[hash & (resolver->bucket_count - 1)];
    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->host, host) != 0))
        at = &(*at)->chain;
    return at;
}

static void drop(tl_resolver *resolver, name_entry *entry)
{
    name_entry **at = find(resolver, entry->host, entry->hash);
    *at = entry->chain;
    list_remove(&resolver->kept, entry);
    resolver->names--;
    tl_memory_free(entry);
}

/* IPv6 and IPv4 in turns, so that the first try of either comes early. */
static void keep_addresses(name_entry *entry, const struct ares_addrinfo *answer)
{
    tl_address found[2][TL_RESOLVED_ADDRESSES];
    size_t counts[2] = {0, 0};
    int lifetime = -1;
    for (const struct ares_addrinfo_node *node = answer->nodes; node != NULL; node = node->ai_next) {
        int kind = node->ai_family == AF_INET6 ? 0 : 1;
        if ((node->ai_family != AF_INET6 && node->ai_family != AF_INET) || counts[kind] == TL_RESOLVED_ADDRESSES)
            continue;
        tl_address *address = &found[kind][counts[kind]++];
        *address = (tl_address){.size = kind == 0 ? 16 : 4};
        if (kind == 0)
            memcpy(address->bytes, &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr, 16);
        else
            memcpy(address->bytes, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
        if (lifetime < 0 || node->ai_ttl < lifetime)
            lifetime = node->ai_ttl;
    }
    for (size_t i = 0; i < TL_RESOLVED_ADDRESSES; i++)
        for (int kind = 0; kind < 2; kind++)
            if (i < counts[kind] && entry->address_count < TL_RESOLVED_ADDRESSES)
                entry->addresses[entry->address_count++] = found[kind][i];
    entry->lifetime = lifetime;
}

static void take_answer(void *context, int status, int timeouts, struct ares_addrinfo *answer)
{
    (void)timeouts;
    name_entry *entry = context;
    tl_resolver *resolver = entry->resolver;
    if (resolver->is_shutting) {
        ares_freeaddrinfo(answer);
        return;
    }
    if (resolver->punctual == entry)
        resolver->punctual = entry->after;
    resolver->late -= entry->is_late;
    list_remove(&resolver->asked, entry);
    list_add(&resolver->told, entry);
    entry->address_count = 0;
    entry->lifetime = -1;
    if (status == ARES_SUCCESS && answer != NULL)
        keep_addresses(entry, answer);
    ares_freeaddrinfo(answer);
    if (entry->address_count != 0)
        entry->resolution = TL_RESOLUTION_FOUND;
    else if (status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME ||
             status == ARES_ENONAME)
        entry->resolution = TL_RESOLUTION_NOT_FOUND;
    else
        entry->resolution = TL_RESOLUTION_FAILED;
    resolver->counts.not_found += entry->resolution == TL_RESOLUTION_NOT_FOUND;
    resolver->counts.failed += entry->resolution == TL_RESOLUTION_FAILED;
}

static void ask(tl_resolver *resolver, name_entry *entry, double now)
{
    struct ares_addrinfo_hints hints = {.ai_family = resolver->family, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
    list_remove(&resolver->queued, entry);
    list_add(&resolver->asked, entry);
    if (resolver->punctual == NULL)
        resolver->punctual = entry;
    entry->is_late = false;
    entry->asked_at = now;
    resolver->counts.asked++;
    ares_getaddrinfo(resolver->channel, entry->host, NULL, &hints, take_answer, entry);
}

/* Only after the sockets were read: an answer that lies there unread is not late. */
static void find_late(tl_resolver *resolver, double now)
{
    for (; resolver->punctual != NULL && resolver->punctual->asked_at + late_seconds < now;
         resolver->punctual = resolver->punctual->after) {
        resolver->punctual->is_late = true;
        resolver->late++;
    }
}

/* Names that get no answer do not take the places of those that do: a late one counts an eighth. */
static void ask_queued(tl_resolver *resolver, double now)
{
    size_t most = resolver->most_in_flight < resolver->most_answers ? resolver->most_in_flight : resolver->most_answers;
    while (resolver->queued.first != NULL && resolver->asked.count - resolver->late + resolver->late / 8 < most)
        ask(resolver, resolver->queued.first, now);
}

/* What has arrived first, then time-outs: after a while in which nobody looked, both are there. */
static void read_sockets(tl_resolver *resolver)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int found = ares_getsock(resolver->channel, sockets, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM && ARES_GETSOCK_READABLE(found, i); i++) {
        struct pollfd look = {.fd = sockets[i], .events = POLLIN};
        if (poll(&look, 1, 0) == 1)
            ares_process_fd(resolver->channel, sockets[i], ARES_SOCKET_BAD);
    }
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static double seconds_kept(const tl_resolver *resolver, const name_entry *entry)
{
    const double day = 86400;
    if (entry->resolution == TL_RESOLUTION_NOT_FOUND)
        return resolver->negative_seconds;
    if (entry->resolution == TL_RESOLUTION_FAILED)
        return resolver->negative_seconds / 10;
    double seconds = entry->lifetime > resolver->least_ttl_seconds ? entry->lifetime : resolver->least_ttl_seconds;
    return seconds < day ? seconds : day;
}

/* Who is told may look up names, this one too; the entry cannot be dropped before it is kept. */
static void tell(tl_resolver *resolver, name_entry *entry, double now)
{
    entry->expires = now + seconds_kept(resolver, entry);
    while (entry->waits != NULL) {
        tl_resolver_wait *wait = entry->waits;
        entry->waits = wait->next;
        wait->settled(wait->context, entry->resolution, entry->addresses, entry->address_count);
    }
    list_remove(&resolver->told, entry);
    list_add(&resolver->kept, entry);
    entry->is_kept = true;
}

void tl_resolver_tick(tl_resolver *resolver, double now)
{
    if (resolver->asked.count != 0 && now >= resolver->next_tick) {
        read_sockets(resolver);
        find_late(resolver, now);
        resolver->next_tick = now + tick_seconds;
    }
    ask_queued(resolver, now);
    while (resolver->told.first != NULL)
        tell(resolver, resolver->told.first, now);
    ask_queued(resolver, now);
}

static name_entry *add_name(tl_resolver *resolver, const char *host, uint64_t hash, tl_error *err)
{
    if (resolver->names >= resolver->most_names && resolver->kept.first != NULL)
        drop(resolver, resolver->kept.first);
    size_t size = strlen(host) + 1;
    name_entry *entry = tl_memory_allocate(1, sizeof *entry + size, err);
    if (entry == NULL)
        return NULL;
    memcpy(entry->host, host, size);
    entry->hash = hash;
    entry->resolver = resolver;
    name_entry **bucket = &resolver->buckets[hash & (resolver->bucket_count - 1)];
    entry->chain = *bucket;
    *bucket = entry;
    resolver->names++;
    list_add(&resolver->queued, entry);
    return entry;
}

static bool is_numeric(const char *host, tl_address *out)
{
    size_t size = strlen(host);
    if (host[0] != '[')
        return tl_address_parse(host, out);
    char inner[TL_ADDRESS_TEXT_SIZE];
    if (size < 3 || size - 2 >= sizeof inner || host[size - 1] != ']')
        return false;
    memcpy(inner, host + 1, size - 2);
    inner[size - 2] = '\0';
    return tl_address_parse(inner, out);
}

bool tl_resolver_lookup(tl_resolver *resolver, const char *host, double now, tl_resolver_wait *wait, tl_resolution *resolution,
                        tl_address *addresses, size_t *count, tl_error *err)
{
    *count = 0;
    if (is_numeric(host, addresses)) {
        *count = 1;
        *resolution = TL_RESOLUTION_FOUND;
        return true;
    }
    size_t size = strlen(host);
    if (size == 0 || size > MAX_NAME_BYTES + (size_t)(host[size - 1] == '.')) {
        *resolution = TL_RESOLUTION_NOT_FOUND;
        return true;
    }
    uint64_t hash = tl_hash64(host, size);
    name_entry *entry = *find(resolver, host, hash);
    if (entry == NULL && (entry = add_name(resolver, host, hash, err)) == NULL)
        return false;
    if (entry->is_kept) {
        list_remove(&resolver->kept, entry);
        entry->is_kept = entry->expires > now;
        if (!entry->is_kept) {
            entry->resolution = TL_RESOLUTION_PENDING;
            entry->expires = 0;
        }
        list_add(entry->is_kept ? &resolver->kept : &resolver->queued, entry);
    }
    if (entry->expires == 0) { /* not answered, or nobody knows yet */
        *resolution = TL_RESOLUTION_PENDING;
        wait->next = entry->waits;
        entry->waits = wait;
        return true;
    }
    resolver->counts.cached++;
    *resolution = entry->resolution;
    *count = entry->address_count;
    memcpy(addresses, entry->addresses, entry->address_count * sizeof *addresses);
    return true;
}

bool tl_resolver_is_idle(const tl_resolver *resolver)
{
    return resolver->queued.count + resolver->asked.count + resolver->told.count == 0;
}

void tl_resolver_count(const tl_resolver *resolver, tl_resolver_counts *out)
{
    *out = resolver->counts;
    out->in_flight = resolver->asked.count;
    out->queued = resolver->queued.count;
    out->names = resolver->names;
}

static void socket_is_ready(void *context, int fd, unsigned events)
{
    tl_resolver *resolver = context;
    ares_process_fd(resolver->channel, events & TL_EVENT_READ ? fd : ARES_SOCKET_BAD,
                    events & TL_EVENT_WRITE ? fd : ARES_SOCKET_BAD);
}

/* A socket that cannot be watched is as good as a server that does not answer. */
static void watch_socket(void *context, ares_socket_t fd, int wants_read, int wants_write)
{
    tl_resolver *resolver = context;
    unsigned events = (wants_read ? TL_EVENT_READ : 0) | (wants_write ? TL_EVENT_WRITE : 0);
    if (events == 0 || !tl_event_loop_watch(resolver->loop, fd, events, socket_is_ready, resolver, NULL))
        tl_event_loop_forget(resolver->loop, fd);
}

/* A descriptor that somebody closed without a word may come up again here. */
static int begin_socket(ares_socket_t fd, int type, void *context)
{
    tl_resolver *resolver = context;
    tl_event_loop_forget(resolver->loop, fd);
    int bytes = 0;
    socklen_t size = sizeof bytes;
    if (type == SOCK_DGRAM && getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0) {
        size_t answers = (size_t)bytes / ANSWER_BYTES / (resolver->family == AF_UNSPEC ? 2 : 1);
        resolver->most_answers = answers > LEAST_ANSWERS ? answers : LEAST_ANSWERS;
    }
    return 0;
}

/* Asks the routing table only: connecting a datagram socket sends nothing. */
static bool has_public_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(53)};
    address.sin6_addr.s6_addr[0] = 0x26; /* 2600::, of the public net */
    struct sockaddr_in6 own;
    socklen_t size = sizeof own;
    bool is_public = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                     getsockname(fd, (struct sockaddr *)&own, &size) == 0;
    close(fd);
    if (!is_public)
        return false;
    tl_address source = {.size = 16};
    memcpy(source.bytes, &own.sin6_addr, 16);
    return tl_address_is_public(&source);
}

static bool open_channel(tl_resolver *resolver, const tl_resolver_options *options, tl_error *err)
{
    double timeout = options->timeout_seconds > 0 ? options->timeout_seconds : 2;
    struct ares_options settings = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = (int)(timeout * 1000),
        .tries = options->tries != 0 ? (int)options->tries : 2,
        .lookups = (char[]){"fb"},
        .socket_receive_buffer_size = RECEIVE_BYTES,
        .sock_state_cb = watch_socket,
        .sock_state_cb_data = resolver,
    };
    int wanted =
        ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&resolver->channel, &settings, wanted);
    if (status != ARES_SUCCESS)
        return tl_fail(err, status == ARES_ENOMEM ? TL_ERROR_NO_MEMORY : TL_ERROR_IO, "c-ares: %s", ares_strerror(status));
    resolver->has_channel = true;
    ares_set_socket_callback(resolver->channel, begin_socket, resolver);
    if (options->servers != NULL && (status = ares_set_servers_ports_csv(resolver->channel, options->servers)) != ARES_SUCCESS)
        return tl_fail(err, TL_ERROR_INVALID, "name servers: expected addresses with ports, found '%s'", options->servers);
    return true;
}

bool tl_resolver_create(tl_event_loop *loop, const tl_resolver_options *options, tl_resolver **out, tl_error *err)
{
    tl_resolver *resolver = tl_memory_allocate(1, sizeof *resolver, err);
    if (resolver == NULL)
        return false;
    resolver->loop = loop;
    resolver->most_answers = LEAST_ANSWERS; /* until there is a socket */
    resolver->negative_seconds = options->negative_seconds > 0 ? options->negative_seconds : 300;
    resolver->least_ttl_seconds = options->least_ttl_seconds > 0 ? options->least_ttl_seconds : 30;
    resolver->most_in_flight = options->most_in_flight != 0 ? options->most_in_flight : 1024;
    resolver->most_names = options->most_names != 0 ? options->most_names : 100000;
    tl_resolver_family family = options->family;
    if (family == TL_RESOLVE_REACHABLE)
        family = has_public_ipv6() ? TL_RESOLVE_BOTH : TL_RESOLVE_IPV4;
    resolver->family = family == TL_RESOLVE_IPV4 ? AF_INET : family == TL_RESOLVE_IPV6 ? AF_INET6 : AF_UNSPEC;
    for (resolver->bucket_count = 1024; resolver->bucket_count < resolver->most_names;)
        resolver->bucket_count *= 2;
    resolver->buckets = tl_memory_allocate(resolver->bucket_count, sizeof(name_entry *), err);
    if (resolver->buckets == NULL || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        !open_channel(resolver, options, err)) {
        tl_resolver_destroy(resolver);
        return false;
    }
    *out = resolver;
    return true;
}

void tl_resolver_destroy(tl_resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver->is_shutting = true;
    if (resolver->has_channel)
        ares_destroy(resolver->channel);
    name_list *lists[] = {&resolver->queued, &resolver->asked, &resolver->told, &resolver->kept};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        name_entry *next;
        for (name_entry *entry = lists[i]->first; entry != NULL; entry = next) {
            next = entry->after;
            tl_memory_free(entry);
        }
    }
    tl_memory_free(resolver->buckets);
    tl_memory_free(resolver);
}

/*
 * libcurl multi by socket actions: epoll says which sockets are ready, so a thousand silent servers cost nothing. Easy handles
 * are made once and used again with all their settings; what differs between two transfers is set at the start.
 *
 * Addresses reach libcurl as an entry of its name cache (CURLOPT_RESOLVE), which gives happy eyeballs over all of them. Entries
 * made so stay for ever, so a handle's next transfer takes out what its last one put in; those that connected hold what they use.
 *
 * libcurl keeps idle connections in a list that it walks from end to end to find the oldest, at each transfer's end once the list
 * is full. So it never gets full: with few connections open all are kept, with many those whose host has more work, then none.
 *
 * Sockets are opened and closed here: the guard judges the address that is about to be connected to, which is what counts,
 * whatever names, redirects or caches led to it.
 */
#include "base/net/transfers.h"

#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/net/curl_internal.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PIN_BYTES = 1536, RECEIVE_BYTES = 16384, FEW_CONNECTIONS = 256 };

struct tl_transfer {
    CURL *easy;
    tl_transfers *owner;
    void *context;
    tl_transfer *next, *previous; /* in the list it stands in: running or spare */
    struct curl_slist pins[2];    /* out with the last host's addresses, in with this one's; not from libcurl's memory */
    char pin_texts[2][MAX_PIN_BYTES];
    struct curl_slist headers[2];
    char accept[128];
    bool was_stopped, was_refused;
};

struct tl_transfers {
    CURLM *multi;
    tl_event_loop *loop;
    tl_transfer_handlers handlers;
    tl_transfers_options options; /* texts are set in each easy handle and not kept */
    char *user_agent, *proxy, *ca_file;
    tl_transfer *running, *spare;
    double timer_due;     /* below 0: none */
    uint64_t connections; /* ever */
    size_t open;          /* now */
    bool *is_socket_open; /* by descriptor */
    size_t socket_capacity;
    size_t most_kept;
    bool has_globals;
};

static void link_in(tl_transfer **list, tl_transfer *transfer)
{
    transfer->previous = NULL;
    transfer->next = *list;
    if (*list != NULL)
        (*list)->previous = transfer;
    *list = transfer;
}

static void link_out(tl_transfer **list, tl_transfer *transfer)
{
    *(transfer->previous != NULL ? &transfer->previous->next : list) = transfer->next;
    if (transfer->next != NULL)
        transfer->next->previous = transfer->previous;
}

/* What libcurl calls. */

static bool is_guarded_address_public(const struct sockaddr *address, size_t size)
{
    tl_address guarded = {0};
    if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in)) {
        guarded.size = 4;
        memcpy(guarded.bytes, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6)) {
        guarded.size = 16;
        memcpy(guarded.bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    }
    return tl_address_is_public(&guarded); /* of no family we know: no */
}

/* libcurl closes some sockets that never got connected without asking us; that shows when their number comes up again. */
static bool note_open(tl_transfers *transfers, int fd)
{
    size_t known = transfers->socket_capacity;
    if (!tl_memory_reserve(&transfers->is_socket_open, &transfers->socket_capacity, (size_t)fd + 1, sizeof(bool), NULL))
        return false;
    for (size_t i = known; i < transfers->socket_capacity; i++)
        transfers->is_socket_open[i] = false;
    tl_event_loop_forget(transfers->loop, fd);
    transfers->connections++;
    transfers->open += !transfers->is_socket_open[fd];
    transfers->is_socket_open[fd] = true;
    return true;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    tl_transfer *transfer = context;
    tl_transfers *owner = transfer->owner;
    bool is_guarded = !owner->options.allow_private && owner->proxy == NULL;
    if (is_guarded && !is_guarded_address_public(&address->addr, address->addrlen)) {
        transfer->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && !note_open(owner, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

static int close_socket(void *context, curl_socket_t fd)
{
    tl_transfers *transfers = context;
    tl_event_loop_forget(transfers->loop, fd);
    transfers->open--;
    transfers->is_socket_open[fd] = false;
    return close(fd);
}

static int tell_connected(void *context, char *to, char *from, int to_port, int from_port)
{
    (void)to, (void)from, (void)to_port, (void)from_port;
    tl_transfer *transfer = context;
    transfer->owner->handlers.connected(transfer->context);
    return CURL_PREREQFUNC_OK;
}

static size_t take_header(char *bytes, size_t item_size, size_t count, void *context)
{
    tl_transfer *transfer = context;
    size_t size = item_size * count;
    tl_slice line = {bytes, size};
    while (line.size != 0 && strchr("\r\n \t", line.data[line.size - 1]) != NULL && line.data[line.size - 1] != '\0')
        line.size--;
    const char *colon = line.size != 0 ? memchr(line.data, ':', line.size) : NULL;
    tl_slice name = {line.data, colon != NULL ? (size_t)(colon - line.data) : line.size};
    tl_slice value = {line.data + line.size, 0};
    if (colon != NULL) {
        value.data = colon + 1;
        value.size = line.size - name.size - 1;
        while (value.size != 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
            value.data++, value.size--;
    }
    if (transfer->owner->handlers.header(transfer->context, name, value) == TL_TRANSFER_GO_ON)
        return size;
    transfer->was_stopped = true;
    return 0;
}

static size_t take_bytes(char *bytes, size_t item_size, size_t count, void *context)
{
    tl_transfer *transfer = context;
    size_t size = item_size * count;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    switch (transfer->owner->handlers.bytes(transfer->context, (int)status, (tl_slice){bytes, size})) {
    case TL_TRANSFER_GO_ON:
        return size;
    case TL_TRANSFER_PAUSE:
        return CURL_WRITEFUNC_PAUSE;
    default:
        transfer->was_stopped = true;
        return size == 0 ? 1 : 0;
    }
}

static void socket_is_ready(void *context, int fd, unsigned events)
{
    tl_transfers *transfers = context;
    int still_running;
    int action = (events & TL_EVENT_READ ? CURL_CSELECT_IN : 0) | (events & TL_EVENT_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(transfers->multi, fd, action, &still_running);
}

/* A socket that cannot be watched lets its transfer run into a timeout; an error here would end all of them. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy, (void)socket_context;
    tl_transfers *transfers = context;
    unsigned events = (what & CURL_POLL_IN ? TL_EVENT_READ : 0) | (what & CURL_POLL_OUT ? TL_EVENT_WRITE : 0);
    if (what == CURL_POLL_REMOVE)
        events = 0;
    if (!tl_event_loop_watch(transfers->loop, fd, events, socket_is_ready, transfers, NULL))
        tl_event_loop_forget(transfers->loop, fd);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    tl_transfers *transfers = context;
    transfers->timer_due = timeout_ms < 0 ? -1 : tl_clock_seconds() + (double)timeout_ms / 1000;
    return 0;
}

/* One transfer's life. */

static bool set_up(tl_transfer *transfer, tl_error *err)
{
    tl_transfers *owner = transfer->owner;
    CURL *easy = transfer->easy;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(easy, option, value) : code
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_USERAGENT, owner->user_agent);
    SET(CURLOPT_PROXY, owner->proxy != NULL ? owner->proxy : "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(CURLOPT_DNS_CACHE_TIMEOUT,
        -1L); /* entries come and go with their transfers; -1 spares the walk that looks for old ones */
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer);
    SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, owner);
    SET(CURLOPT_PREREQFUNCTION, tell_connected);
    SET(CURLOPT_PREREQDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, transfer);
    if (owner->ca_file != NULL)
        SET(CURLOPT_CAINFO, owner->ca_file);
    if (owner->options.accept_bad_certificates) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
#undef SET
    return code == CURLE_OK || tl_fail(err, code == CURLE_OUT_OF_MEMORY ? TL_ERROR_NO_MEMORY : TL_ERROR_UNSUPPORTED,
                                       "libcurl: %s", curl_easy_strerror(code));
}

static tl_transfer *create_transfer(tl_transfers *transfers, tl_error *err)
{
    tl_transfer *transfer = tl_memory_allocate(1, sizeof *transfer, err);
    if (transfer == NULL)
        return NULL;
    transfer->owner = transfers;
    transfer->easy = curl_easy_init();
    bool ok = transfer->easy != NULL || tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a transfer");
    if (ok && set_up(transfer, err))
        return transfer;
    if (transfer->easy != NULL)
        curl_easy_cleanup(transfer->easy);
    tl_memory_free(transfer);
    return NULL;
}

/* "host:port:address,[address]", and "-host:port" to take the last one out. False: it does not fit, which no real name does. */
static bool pin_addresses(tl_transfer *transfer, const tl_transfer_start *start)
{
    char *out = transfer->pin_texts[0], *in = transfer->pin_texts[1];
    struct curl_slist *list = NULL;
    if (in[0] != '\0') {
        const char *port = strchr(in, ':');
        int size = port != NULL ? (int)(strcspn(port + 1, ":") + (size_t)(port + 1 - in)) : 0;
        snprintf(out, MAX_PIN_BYTES, "-%.*s", size, in);
        in[0] = '\0';
        transfer->pins[0] = (struct curl_slist){out, NULL};
        list = &transfer->pins[0];
    }
    tl_address itself;
    bool is_name = start->url->host.data[0] != '[' && !tl_address_parse(start->url->host.data, &itself);
    if (start->address_count != 0 && is_name) {
        int written = snprintf(in, MAX_PIN_BYTES, "%s:%u:", start->url->host.data, start->url->port);
        for (size_t i = 0; i < start->address_count && written > 0 && written + TL_ADDRESS_TEXT_SIZE + 4 < MAX_PIN_BYTES; i++) {
            char text[TL_ADDRESS_TEXT_SIZE];
            tl_address_text(&start->addresses[i], text);
            bool is_v6 = start->addresses[i].size == 16;
            written += snprintf(in + written, MAX_PIN_BYTES - (size_t)written, "%s%s%s%s", i != 0 ? "," : "", is_v6 ? "[" : "",
                                text, is_v6 ? "]" : "");
        }
        transfer->pins[1] = (struct curl_slist){in, NULL};
        if (list != NULL)
            list->next = &transfer->pins[1];
        else
            list = &transfer->pins[1];
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_RESOLVE, list) == CURLE_OK;
}

static bool prepare(tl_transfer *transfer, const tl_transfer_start *start)
{
    CURL *easy = transfer->easy;
    const tl_transfers *owner = transfer->owner;
    bool is_kept = owner->open < (start->is_last ? FEW_CONNECTIONS : owner->most_kept);
    static char identity[] = "Accept-Encoding: identity";
    snprintf(transfer->accept, sizeof transfer->accept, "Accept: %s", start->accept);
    transfer->headers[0] = (struct curl_slist){transfer->accept, start->is_compressible ? NULL : &transfer->headers[1]};
    transfer->headers[1] = (struct curl_slist){identity, NULL};
    return pin_addresses(transfer, start) && curl_easy_setopt(easy, CURLOPT_URL, start->url->text.data) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ceil(start->connect_seconds * 1000)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, is_kept ? 0L : 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)start->most_bytes) == CURLE_OK;
}

bool tl_transfers_start(tl_transfers *transfers, const tl_transfer_start *start, tl_transfer **out, tl_error *err)
{
    tl_transfer *transfer = transfers->spare;
    if (transfer != NULL)
        link_out(&transfers->spare, transfer);
    else if ((transfer = create_transfer(transfers, err)) == NULL)
        return false;
    transfer->context = start->context;
    transfer->was_stopped = transfer->was_refused = false;
    CURLMcode code = prepare(transfer, start) ? curl_multi_add_handle(transfers->multi, transfer->easy) : CURLM_OUT_OF_MEMORY;
    if (code != CURLM_OK) {
        link_in(&transfers->spare, transfer);
        return tl_fail(err, TL_ERROR_NO_MEMORY, "libcurl: cannot start a transfer: %s", curl_multi_strerror(code));
    }
    link_in(&transfers->running, transfer);
    *out = transfer;
    return true;
}

static void retire(tl_transfers *transfers, tl_transfer *transfer)
{
    curl_multi_remove_handle(transfers->multi, transfer->easy);
    link_out(&transfers->running, transfer);
    link_in(&transfers->spare, transfer);
}

void tl_transfers_cancel(tl_transfers *transfers, tl_transfer *transfer)
{
    retire(transfers, transfer);
}

void tl_transfers_resume(tl_transfers *transfers, tl_transfer *transfer)
{
    (void)transfers;
    curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

static tl_transfer_end end_of(const tl_transfer *transfer, CURLcode code)
{
    long number = 0;
    if (transfer->was_stopped)
        return TL_TRANSFER_STOPPED;
    switch (code) {
    case CURLE_OK:
        return TL_TRANSFER_WHOLE;
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
        return transfer->was_refused    ? TL_TRANSFER_ADDRESS_REFUSED
               : number == ECONNREFUSED ? TL_TRANSFER_CONNECTION_REFUSED
               : number == ETIMEDOUT    ? TL_TRANSFER_CONNECTION_TIMED_OUT
                                        : TL_TRANSFER_CONNECTION_FAILED;
    case CURLE_OPERATION_TIMEDOUT:
        return TL_TRANSFER_CONNECTION_TIMED_OUT; /* there is no other timeout of libcurl's here */
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return TL_TRANSFER_TLS_FAILED;
    case CURLE_PARTIAL_FILE:
        return TL_TRANSFER_CUT_SHORT;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return TL_TRANSFER_RESET;
    case CURLE_FILESIZE_EXCEEDED:
        return TL_TRANSFER_TOO_LARGE;
    case CURLE_BAD_CONTENT_ENCODING:
        return TL_TRANSFER_BAD_ENCODING;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return TL_TRANSFER_CONNECTION_FAILED;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: /* on a connection used before, maybe the rest of the answer before: a body after a 204 */
        curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &number);
        return number == 0 ? TL_TRANSFER_RESET : TL_TRANSFER_BAD_ANSWER;
    default: /* CURLE_OUT_OF_MEMORY among them: that is what a header line beyond libcurl's own limit ends in */
        return TL_TRANSFER_BAD_ANSWER;
    }
}

static void tell_ended(tl_transfers *transfers)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        tl_transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        long status = 0;
        curl_off_t received = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
        tl_transfer_end end = end_of(transfer, code);
        void *context = transfer->context;
        retire(transfers, transfer);
        transfers->handlers.ended(context, end, (int)status, (uint64_t)received);
    }
}

void tl_transfers_tick(tl_transfers *transfers, double now)
{
    if (transfers->timer_due >= 0 && now >= transfers->timer_due) {
        int still_running;
        transfers->timer_due = -1;
        curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &still_running);
    }
    tell_ended(transfers);
}

int tl_transfers_next_ms(const tl_transfers *transfers, double now)
{
    if (transfers->timer_due < 0)
        return -1;
    return transfers->timer_due <= now ? 0 : (int)ceil((transfers->timer_due - now) * 1000);
}

uint64_t tl_transfers_connections(const tl_transfers *transfers)
{
    return transfers->connections;
}

static bool copy_option(const char *text, char **out, tl_error *err)
{
    return text == NULL || (*out = tl_memory_copy_text(text, strlen(text), err)) != NULL;
}

bool tl_transfers_create(tl_event_loop *loop, const tl_transfers_options *options, tl_transfers **out, tl_error *err)
{
    tl_transfers *transfers = tl_memory_allocate(1, sizeof *transfers, err);
    if (transfers == NULL)
        return false;
    transfers->loop = loop;
    transfers->options = *options;
    transfers->handlers = options->handlers;
    transfers->timer_due = -1;
    transfers->has_globals = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    transfers->multi = transfers->has_globals ? curl_multi_init() : NULL;
    bool ok = transfers->multi != NULL || tl_fail(err, TL_ERROR_NO_MEMORY, "cannot start libcurl");
    if (!ok || !copy_option(options->user_agent, &transfers->user_agent, err) ||
        !copy_option(options->proxy, &transfers->proxy, err) || !copy_option(options->ca_file, &transfers->ca_file, err)) {
        tl_transfers_destroy(transfers);
        return false;
    }
    size_t most = options->most_connections != 0 ? options->most_connections : 1024;
    transfers->most_kept = most - most / 4;
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
    curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, (long)most);
    *out = transfers;
    return true;
}

void tl_transfers_destroy(tl_transfers *transfers)
{
    if (transfers == NULL)
        return;
    while (transfers->running != NULL)
        retire(transfers, transfers->running);
    while (transfers->spare != NULL) {
        tl_transfer *transfer = transfers->spare;
        link_out(&transfers->spare, transfer);
        curl_easy_cleanup(transfer->easy);
        tl_memory_free(transfer);
    }
    if (transfers->multi != NULL)
        curl_multi_cleanup(transfers->multi);
    if (transfers->has_globals)
        curl_global_cleanup();
    tl_memory_free(transfers->is_socket_open);
    tl_memory_free(transfers->user_agent);
    tl_memory_free(transfers->proxy);
    tl_memory_free(transfers->ca_file);
    tl_memory_free(transfers);
}

/*
 * Fetching from servers on this machine (tests/bench/fetch/run.sh starts them):
 *
 *   bench_fetch pictures PORT IMAGES HOSTS DEAD% STALLED% NONE% SILENT% PATH...
 *     IMAGES requests of the PATHs in turn to nginx at PORT, under HOSTS names; so many of the hosts are dead, stall, do not
 * exist or get no answer from the name server bench_fetch names COUNT NONE% SILENT%                          COUNT names, of
 * which some do not exist and some get no answer
 *
 * One JSON line: rate by the clock and CPU seconds of the fetching thread alone, since the servers of dead, stalled and names are
 * threads and children here.
 */
#include "base/core/clock.h"
#include "base/net/resolver.h"
#include "crawler-import/fetch/fetcher.h"
#include "tests/support/odd_server.h"
#include "tests/support/tiny_dns_server.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef struct shares {
    unsigned none, silent; /* of a hundred names */
} shares;

/* "NUMBER.test": by its number; AAAA is never there. */
static void answer_by_number(void *context, const char *name, bool is_v6, dns_reply *reply)
{
    const shares *wanted = context;
    unsigned of_hundred = (unsigned)(strtoul(name, NULL, 10) % 100);
    if (of_hundred < wanted->none)
        return;
    reply->code = of_hundred < wanted->none + wanted->silent ? DNS_SILENT : DNS_GOOD;
    reply->addresses[0] = "127.0.0.1";
    reply->count = is_v6 ? 0 : 1;
}

/* In a child, so that its CPU is not ours. */
static pid_t start_names(shares wanted, char servers[32])
{
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        dns_server server;
        if (!dns_server_start(&server, answer_by_number, &wanted, servers) || write(pipe_ends[1], servers, 32) != 32)
            _exit(1);
        pthread_join(server.thread, NULL);
        _exit(0);
    }
    if (read(pipe_ends[0], servers, 32) != 32)
        exit(1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return child;
}

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

typedef struct job {
    unsigned port, dead_port, odd_port;
    size_t images, hosts, dead, stalled;
    char **paths;
    size_t path_count;
} job;

static void write_url(const job *run, size_t number, char *url, size_t size)
{
    size_t host = number * 2654435761u % run->hosts, of_hundred = host % 100;
    const char *path = run->paths[number % run->path_count];
    if (of_hundred >= 100 - run->dead)
        snprintf(url, size, "http://%zu.test:%u%s", host, run->dead_port, path);
    else if (of_hundred >= 100 - run->dead - run->stalled)
        snprintf(url, size, "http://%zu.test:%u/stall", host, run->odd_port);
    else
        snprintf(url, size, "http://%zu.test:%u%s", host, run->port, path);
}

static bool fetch_all(const job *run, const char *servers, tl_error *err)
{
    tl_fetch_options options = {
        .dns_servers = servers, .allow_private = true, .host_connections = run->hosts < 16 ? 64 : 4, .host_rate = -1};
    tl_fetcher *fetcher;
    if (!tl_fetcher_create(&options, &fetcher, err))
        return false;
    size_t submitted = 0, good = 0, bytes = 0;
    double start = tl_clock_seconds(), cpu = thread_seconds(), last_good = start, most = 0;
    bool ok = true;
    while (ok && (submitted < run->images || tl_fetcher_pending(fetcher) != 0)) {
        while (ok && submitted < run->images && tl_fetcher_has_room(fetcher)) {
            char url[300];
            write_url(run, submitted, url, sizeof url);
            tl_fetch_request request = {.id = submitted++, .url = url, .kind = TL_FETCH_PICTURE};
            ok = tl_fetcher_submit(fetcher, &request, err);
        }
        tl_fetch_result result;
        bool has_result = false;
        ok = ok && tl_fetcher_poll(fetcher, 1000, &result, &has_result, err);
        if (!has_result)
            continue;
        if (result.reason == NULL) {
            good++;
            bytes += result.body.size;
            double now = tl_clock_seconds();
            most = now - last_good > most ? now - last_good : most;
            last_good = now;
        }
        tl_fetch_result_clear(&result);
    }
    double seconds = tl_clock_seconds() - start, until_last = last_good - start;
    cpu = thread_seconds() - cpu;
    tl_fetch_counts counts;
    tl_fetcher_count(fetcher, &counts);
    printf("{\"images\": %zu, \"hosts\": %zu, \"dead\": %zu, \"stalled\": %zu, \"good\": %zu, \"good_per_second\": %.0f, "
           "\"good_per_cpu_second\": %.0f, \"us_per_good\": %.1f, \"seconds\": %.2f, \"seconds_to_last_good\": %.2f, "
           "\"longest_pause\": %.2f, \"megabytes\": %.1f, \"attempts\": %llu, \"connections\": %llu, \"names\": %llu, "
           "\"body_mib\": %.1f, \"peak_mib\": %.1f}\n",
           run->images, run->hosts, run->dead, run->stalled, good, (double)good / until_last, (double)good / cpu,
           1e6 * cpu / (double)good, seconds, until_last, most, (double)bytes / 1e6, (unsigned long long)counts.attempts,
           (unsigned long long)counts.connections, (unsigned long long)counts.names_asked,
           (double)counts.highest_memory / (1 << 20), (double)peak_kib() / 1024);
    tl_fetcher_destroy(fetcher);
    return ok;
}

static bool bench_pictures(char **words, int count, tl_error *err)
{
    job run = {.port = (unsigned)strtoul(words[0], NULL, 10),
               .images = strtoul(words[1], NULL, 10),
               .hosts = strtoul(words[2], NULL, 10),
               .dead = strtoul(words[3], NULL, 10),
               .stalled = strtoul(words[4], NULL, 10),
               .paths = words + 7,
               .path_count = (size_t)count - 7};
    char servers[32];
    pid_t names = start_names((shares){(unsigned)strtoul(words[5], NULL, 10), (unsigned)strtoul(words[6], NULL, 10)}, servers);
    dead_port dead;
    odd_server odd;
    bool ok = dead_port_open(&dead) && odd_server_start(&odd);
    run.dead_port = dead.port;
    run.odd_port = odd.port;
    ok = ok && fetch_all(&run, servers, err);
    odd_server_stop(&odd);
    dead_port_close(&dead);
    kill(names, SIGKILL);
    waitpid(names, NULL, 0);
    return ok;
}

typedef struct tally {
    size_t settled[4];
    double last_found;
} tally;

static void take_name(void *context, tl_resolution resolution, const tl_address *addresses, size_t count)
{
    (void)addresses, (void)count;
    tally *all = context;
    all->settled[resolution]++;
    if (resolution == TL_RESOLUTION_FOUND)
        all->last_found = tl_clock_seconds();
}

static bool bench_names(char **words, tl_error *err)
{
    size_t names = strtoul(words[0], NULL, 10);
    char servers[32];
    pid_t child = start_names((shares){(unsigned)strtoul(words[1], NULL, 10), (unsigned)strtoul(words[2], NULL, 10)}, servers);
    tl_event_loop *loop;
    tl_resolver *resolver;
    tl_resolver_options options = {.servers = servers, .family = TL_RESOLVE_BOTH, .most_names = (unsigned)names};
    if (!tl_event_loop_create(&loop, err) || !tl_resolver_create(loop, &options, &resolver, err))
        return false;
    tl_resolver_wait *waits = calloc(names, sizeof *waits);
    tally all = {{0}, 0};
    double start = tl_clock_seconds(), cpu = thread_seconds();
    bool ok = waits != NULL;
    for (size_t i = 0; i < names && ok; i++) {
        char host[32];
        tl_resolution resolution;
        tl_address addresses[TL_RESOLVED_ADDRESSES];
        size_t count;
        snprintf(host, sizeof host, "%zu.test", i);
        waits[i].settled = take_name;
        waits[i].context = &all;
        ok = tl_resolver_lookup(resolver, host, tl_clock_seconds(), &waits[i], &resolution, addresses, &count, err);
    }
    while (ok && !tl_resolver_is_idle(resolver)) {
        tl_resolver_tick(resolver, tl_clock_seconds());
        ok = tl_event_loop_wait(loop, 50, err);
    }
    tl_resolver_tick(resolver, tl_clock_seconds());
    double seconds = tl_clock_seconds() - start;
    cpu = thread_seconds() - cpu;
    printf("{\"names\": %zu, \"found\": %zu, \"not_found\": %zu, \"failed\": %zu, \"seconds\": %.2f, \"seconds_to_last_found\": "
           "%.2f, "
           "\"names_per_second\": %.0f, \"us_of_cpu_per_name\": %.1f}\n",
           names, all.settled[TL_RESOLUTION_FOUND], all.settled[TL_RESOLUTION_NOT_FOUND], all.settled[TL_RESOLUTION_FAILED],
           seconds, all.last_found - start, (double)names / seconds, 1e6 * cpu / (double)names);
    tl_resolver_destroy(resolver);
    tl_event_loop_destroy(loop);
    free(waits);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return ok;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    bool ok = false;
    if (argc >= 10 && strcmp(argv[1], "pictures") == 0)
        ok = bench_pictures(argv + 2, argc - 2, &err);
    else if (argc == 5 && strcmp(argv[1], "names") == 0)
        ok = bench_names(argv + 2, &err);
    else
        fprintf(stderr,
                "usage: bench_fetch pictures PORT IMAGES HOSTS DEAD STALLED NONE SILENT PATH... | names COUNT NONE SILENT\n");
    if (err.message[0] != '\0')
        fprintf(stderr, "bench_fetch: %s\n", err.message);
    return ok ? 0 : 1;
}

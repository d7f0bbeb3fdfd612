/*
 * Owns the end of a shard: the records of its spool, in the order of their keys, go to the sink, the table and the receiver; then
 * the ledger learns of it, and the spool is removed. Killed in between, the same is done again with the same bytes.
 *
 * With unique_pictures a picture that a lower row has is dropped here, since only here the order of rows is known: shards are
 * then written in the order of their numbers.
 */
#include "base/core/arena.h"
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/download/describe.h"
#include "crawler-import/download/run_internal.h"
#include "crawler-import/sinks/sample_json.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_RECORD_SIZE = 1 << 30 };

typedef struct shard_tallies {
    tl_arena *texts;
    tl_failed_row *failed;
    size_t failed_count, failed_capacity;
    tl_host_tally *hosts; /* open addressing by name: a power of two of places, host NULL is free */
    size_t host_places, host_count;
    uint64_t *url_hashes, *picture_hashes;
    size_t url_count, picture_count;
} shard_tallies;

/* A shard being written. */
typedef struct shard_writing {
    tl_download *run;
    tl_open_shard *shard;
    void *sink, *table;
    tl_string buffer, json, text, path;
    shard_tallies tallies;
    uint64_t samples;
} shard_writing;

static bool grow_hosts(shard_tallies *tallies, tl_error *err)
{
    enum { FIRST_PLACES = 256 };
    size_t places = tallies->host_places != 0 ? tallies->host_places * 2 : FIRST_PLACES;
    tl_host_tally *hosts = tl_memory_allocate(places, sizeof *hosts, err);
    if (hosts == NULL)
        return false;
    for (size_t i = 0; i < tallies->host_places; i++) {
        if (tallies->hosts[i].host == NULL)
            continue;
        size_t place = (size_t)tl_hash64(tallies->hosts[i].host, strlen(tallies->hosts[i].host)) & (places - 1);
        while (hosts[place].host != NULL)
            place = (place + 1) & (places - 1);
        hosts[place] = tallies->hosts[i];
    }
    tl_memory_free(tallies->hosts);
    tallies->hosts = hosts;
    tallies->host_places = places;
    return true;
}

static bool find_host(shard_tallies *tallies, tl_slice host, tl_host_tally **out, tl_error *err)
{
    if (tallies->host_count * 4 >= tallies->host_places * 3 && !grow_hosts(tallies, err))
        return false;
    size_t place = (size_t)tl_hash64(host.data, host.size) & (tallies->host_places - 1);
    while (tallies->hosts[place].host != NULL &&
           !(strlen(tallies->hosts[place].host) == host.size && memcmp(tallies->hosts[place].host, host.data, host.size) == 0))
        place = (place + 1) & (tallies->host_places - 1);
    *out = &tallies->hosts[place];
    if ((*out)->host != NULL)
        return true;
    tallies->host_count++;
    return ((*out)->host = tl_arena_copy_text(tallies->texts, host.data, host.size, err)) != NULL;
}

static bool tally_failed(shard_writing *writing, const tl_spool_record *record, tl_slice status, tl_slice reason, tl_error *err)
{
    shard_tallies *tallies = &writing->tallies;
    tl_host_tally *host = NULL;
    if (!tl_memory_reserve(&tallies->failed, &tallies->failed_capacity, tallies->failed_count + 1, sizeof *tallies->failed, err))
        return false;
    if (!find_host(tallies, record->parts[TL_SPOOL_HOST], &host, err))
        return false;
    host->failed++;
    const tl_slice *origin = &record->parts[TL_SPOOL_ORIGIN];
    tl_failed_row *row = &tallies->failed[tallies->failed_count];
    *row = (tl_failed_row){.row = record->index,
                           .origin = tl_arena_copy_text(tallies->texts, origin->data, origin->size, err),
                           .host = host->host,
                           .status = tl_arena_copy_text(tallies->texts, status.data, status.size, err),
                           .reason = tl_arena_copy_text(tallies->texts, reason.data, reason.size, err),
                           .is_worth_retry = record->is_worth_retry};
    if (row->origin == NULL || row->status == NULL || row->reason == NULL)
        return false;
    tallies->failed_count++;
    return true;
}

/* True for a picture that a lower row has; else it is this row's from now on. */
static bool is_duplicate(shard_writing *writing, const tl_spool_record *record, bool *duplicate, tl_error *err)
{
    tl_download *run = writing->run;
    uint32_t owner;
    *duplicate = false;
    if (!run->options->rows.unique_pictures)
        return true;
    *duplicate = tl_key_set_find(&run->pictures, record->picture_hash, &owner);
    return *duplicate || tl_key_set_add(&run->pictures, record->picture_hash, 0, err);
}

/* The row's metadata with another outcome, in writing->json. */
static bool describe_duplicate(shard_writing *writing, tl_slice json, const char *reason, tl_error *err)
{
    tl_json *described = NULL;
    tl_string_reset(&writing->json);
    bool ok = tl_json_parse(json, writing->shard->spool_path, &described, err) &&
              tl_json_set_text(described, "status", TL_STATUS_DROPPED, err) &&
              tl_json_set_text(described, "error_message", reason, err) &&
              tl_json_write(described, TL_JSON_COMPACT, &writing->json, err);
    tl_json_free(described);
    return ok;
}

static tl_slice text_slice(const char *text)
{
    return (tl_slice){text, strlen(text)};
}

/* Where a sample is stored, in writing->path. */
static bool write_path(shard_writing *writing, const tl_stored_sample *sample, tl_error *err)
{
    const tl_sink_kind *sink = writing->run->sink;
    char shard[TL_SHARD_NAME_SIZE];
    tl_string_reset(&writing->path);
    if (sink == NULL)
        return tl_string_append_text(&writing->path, sample->key, err);
    sink->shard_name(writing->shard->number, shard);
    return sink == &tl_sink_shards
               ? tl_string_append_format(&writing->path, err, "%s#%s", shard, sample->key)
               : tl_string_append_format(&writing->path, err, "%s/%s.%s", shard, sample->key, sample->extension);
}

static bool hand_to_receiver(shard_writing *writing, const tl_stored_sample *sample, tl_error *err)
{
    const tl_sample_receiver *receiver = writing->run->options->receiver;
    if (receiver == NULL)
        return true;
    if (!write_path(writing, sample, err))
        return false;
    tl_json *json = NULL;
    if (!tl_json_parse(sample->json, writing->shard->spool_path, &json, err))
        return false;
    const tl_json *texts = tl_json_member(json, "captions");
    size_t most = tl_json_array_size(texts), count = 0;
    tl_slice *captions = tl_memory_allocate(most, sizeof *captions, err);
    bool ok = captions != NULL;
    for (size_t i = 0; ok && i < most; i++) {
        /* Of a row without captions this is the list's own column of the name, if it is kept: whatever the list has there. */
        const char *text = tl_json_text(tl_json_array_item(texts, i));
        if (text != NULL)
            captions[count++] = text_slice(text);
    }
    if (ok) {
        const tl_received_sample received = {.key = sample->key,
                                             .path = writing->path.data,
                                             .url = tl_json_text_or(json, "url", ""),
                                             .picture = sample->picture,
                                             .captions = captions,
                                             .caption_count = count,
                                             .split = tl_json_text_or(json, "split", NULL)};
        ok = receiver->add(receiver->context, &received, err);
    }
    tl_memory_free(captions);
    tl_json_free(json);
    return ok;
}

static bool store_sample(shard_writing *writing, const tl_spool_record *record, tl_error *err)
{
    tl_download *run = writing->run;
    shard_tallies *tallies = &writing->tallies;
    tl_host_tally *host = NULL;
    char key[48];
    tl_row_key(writing->shard->number, record->index, run->rows_per_shard, key);
    /* Slices of the record are not NUL-terminated. */
    tl_string_reset(&writing->text);
    if (!tl_string_append(&writing->text, record->parts[TL_SPOOL_EXTENSION].data, record->parts[TL_SPOOL_EXTENSION].size, err))
        return false;
    const tl_stored_sample sample = {.key = key,
                                     .extension = writing->text.data,
                                     .picture = record->parts[TL_SPOOL_PICTURE],
                                     .text = record->has_text ? record->parts[TL_SPOOL_TEXT] : (tl_slice){0},
                                     .json = record->parts[TL_SPOOL_JSON]};
    if ((run->sink != NULL && !run->sink->add(writing->sink, &sample, err)) || !hand_to_receiver(writing, &sample, err) ||
        !find_host(tallies, record->parts[TL_SPOOL_HOST], &host, err))
        return false;
    host->good++;
    host->bytes += sample.picture.size;
    tallies->picture_hashes[tallies->picture_count++] = record->picture_hash;
    writing->samples++;
    return true;
}

static bool write_record(shard_writing *writing, uint32_t index, tl_error *err)
{
    tl_download *run = writing->run;
    tl_spool_record record;
    bool duplicate = false;
    if (!tl_spool_read(writing->shard->spool, index, &writing->buffer, &record, err))
        return false;
    tl_slice status = record.parts[TL_SPOOL_STATUS];
    tl_slice reason = record.parts[TL_SPOOL_REASON];
    tl_slice json = record.parts[TL_SPOOL_JSON];
    if (record.url_hash != 0)
        writing->tallies.url_hashes[writing->tallies.url_count++] = record.url_hash;
    if (reason.size == 0 && !is_duplicate(writing, &record, &duplicate, err))
        return false;
    if (duplicate) {
        status = text_slice(TL_STATUS_DROPPED);
        reason = text_slice("duplicate picture");
        if (!describe_duplicate(writing, json, reason.data, err))
            return false;
        json = tl_string_slice(&writing->json);
    }
    return (reason.size != 0 ? tally_failed(writing, &record, status, reason, err) : store_sample(writing, &record, err)) &&
           (run->table == NULL || run->table->add(writing->table, json, err));
}

static char *table_path(const tl_download *run, uint64_t number, tl_error *err)
{
    char name[TL_SHARD_NAME_SIZE + 16];
    snprintf(name, sizeof name, "%05llu.%s", (unsigned long long)number, run->table->extension);
    return tl_path_join(run->dataset, name, err);
}

static bool open_outputs(shard_writing *writing, tl_error *err)
{
    tl_download *run = writing->run;
    uint64_t number = writing->shard->number;
    size_t rows = writing->shard->row_count;
    writing->tallies.url_hashes = tl_memory_allocate(rows, sizeof(uint64_t), err);
    writing->tallies.picture_hashes =
        writing->tallies.url_hashes != NULL ? tl_memory_allocate(rows, sizeof(uint64_t), err) : NULL;
    if (writing->tallies.picture_hashes == NULL || !tl_arena_create((size_t)1 << 16, &writing->tallies.texts, err) ||
        !tl_sample_json_make_room(&writing->json, err) ||
        (run->sink != NULL && !run->sink->open(run->dataset, number, &writing->sink, err)))
        return false;
    if (run->table == NULL)
        return true;
    char *path = table_path(run, number, err);
    bool ok = path != NULL && run->table->open(path, &writing->table, err);
    tl_memory_free(path);
    return ok;
}

/* The table first: a shard that stands under its name has its table. */
static bool commit_outputs(shard_writing *writing, uint64_t *bytes, tl_error *err)
{
    tl_download *run = writing->run;
    const tl_sample_receiver *receiver = run->options->receiver;
    return (run->table == NULL || run->table->commit(writing->table, err)) &&
           (run->sink == NULL || run->sink->commit(writing->sink, bytes, err)) &&
           (receiver == NULL || receiver->end_shard(receiver->context, err));
}

static bool enter_in_ledger(shard_writing *writing, uint64_t bytes, tl_error *err)
{
    tl_download *run = writing->run;
    shard_tallies *tallies = &writing->tallies;
    char name[TL_SHARD_NAME_SIZE] = "";
    size_t hosts = 0;
    for (size_t i = 0; i < tallies->host_places; i++)
        if (tallies->hosts[i].host != NULL)
            tallies->hosts[hosts++] = tallies->hosts[i];
    if (run->sink != NULL)
        run->sink->shard_name(writing->shard->number, name);
    const tl_finished_shard finished = {.number = writing->shard->number,
                                        .name = name,
                                        .samples = writing->samples,
                                        .bytes = bytes,
                                        .row_count = writing->shard->row_count,
                                        .next_row = writing->shard->next_row,
                                        .url_hashes = tallies->url_hashes,
                                        .url_count = tallies->url_count,
                                        .picture_hashes = tallies->picture_hashes,
                                        .picture_count = tallies->picture_count,
                                        .failed = tallies->failed,
                                        .failed_count = tallies->failed_count,
                                        .hosts = tallies->hosts,
                                        .host_count = hosts};
    return tl_download_ledger_add_shard(run->ledger, run->list.id, &finished, err);
}

static bool write_shard(shard_writing *writing, tl_error *err)
{
    const tl_open_shard *shard = writing->shard;
    uint64_t bytes = 0;
    if (!open_outputs(writing, err))
        return false;
    for (size_t i = 0; i < shard->row_count; i++)
        if (atomic_load_explicit(&writing->run->has_failed, memory_order_relaxed) ? tl_fail(err, TL_ERROR_CANCELLED, "stopped")
                                                                                  : !write_record(writing, (uint32_t)i, err))
            return false;
    if (!commit_outputs(writing, &bytes, err) || !enter_in_ledger(writing, bytes, err))
        return false;
    return unlink(shard->spool_path) == 0 || errno == ENOENT ||
           tl_fail_errno(err, errno, "cannot remove '%s'", shard->spool_path);
}

void tl_download__write_shard(void *context, void *given, size_t worker)
{
    (void)worker;
    tl_download *run = context;
    tl_open_shard *shard = given;
    shard_writing writing = {.run = run, .shard = shard};
    tl_error failure = {0};
    tl_string_init(&writing.buffer, MAX_RECORD_SIZE);
    tl_string_init(&writing.json, MAX_RECORD_SIZE);
    tl_string_init(&writing.text, 256);
    tl_string_init(&writing.path, 256);
    if (!atomic_load(&run->has_failed) && !write_shard(&writing, &failure))
        tl_download__fail(run, &failure);
    if (run->sink != NULL)
        run->sink->close(writing.sink);
    if (run->table != NULL)
        run->table->close(writing.table);
    tl_memory_free(writing.tallies.url_hashes);
    tl_memory_free(writing.tallies.picture_hashes);
    tl_memory_free(writing.tallies.failed);
    tl_memory_free(writing.tallies.hosts);
    tl_arena_destroy(writing.tallies.texts);
    tl_string_clear(&writing.buffer);
    tl_string_clear(&writing.json);
    tl_string_clear(&writing.text);
    tl_string_clear(&writing.path);
    atomic_store(&shard->is_written, true);
    tl_fetcher_wake(run->fetcher);
}

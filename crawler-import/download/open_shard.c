/*
 * Owns a shard on its way: its spool, and, when a finished shard is written again, what it held. Its good samples then become
 * records of the new spool, as if they had just been fetched, and its failed rows are told apart into those that are tried again
 * and those that keep their reason.
 */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/download/describe.h"
#include "crawler-import/download/run_internal.h"
#include "crawler-import/download/url_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static char *spool_path(const tl_download *run, uint64_t number, tl_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "%05" PRIu64 ".spool", number);
    return tl_path_join(run->spool_folder, name, err);
}

typedef struct reopening {
    tl_download *run;
    tl_open_shard *shard;
    size_t capacity;
} reopening;

static bool note_failed(void *context, const tl_failed_row *row, tl_error *err)
{
    reopening *again = context;
    tl_open_shard *shard = again->shard;
    if (!tl_memory_reserve(&shard->failed_before, &again->capacity, shard->failed_before_count + 1, sizeof *shard->failed_before,
                           err))
        return false;
    tl_failed_before *noted = &shard->failed_before[shard->failed_before_count++];
    *noted = (tl_failed_before){.index = row->row, .is_tried_again = row->is_worth_retry};
    snprintf(noted->status, sizeof noted->status, "%s", row->status);
    snprintf(noted->reason, sizeof noted->reason, "%s", row->reason);
    return true;
}

static uint64_t hash_of_hex(const char *hex)
{
    char first[17] = "";
    snprintf(first, sizeof first, "%.16s", hex);
    return strtoull(first, NULL, 16);
}

/* A stored sample becomes the record that it once was. */
static bool take_stored(void *context, const tl_stored_sample *sample, tl_error *err)
{
    reopening *again = context;
    uint32_t index;
    tl_json *json = NULL;
    if (!tl_row_key_parse(sample->key, again->shard->number, again->run->rows_per_shard, &index))
        return tl_fail(err, TL_ERROR_CORRUPT, "shard %" PRIu64 ": expected keys of its rows, found '%s'", again->shard->number,
                       sample->key);
    if (tl_spool_has(again->shard->spool, index))
        return true;
    if (!tl_json_parse(sample->json, sample->key, &json, err))
        return false;
    const char *url = tl_json_text_or(json, "url", "");
    const char *origin = tl_json_text_or(json, "origin", "");
    const tl_spool_record record = {
        .index = index,
        .has_text = sample->text.data != NULL,
        .url_hash = tl_hash64(url, strlen(url)),
        .picture_hash = hash_of_hex(tl_json_text_or(json, "sha256", "")),
        .parts = {[TL_SPOOL_PICTURE] = sample->picture,
                  [TL_SPOOL_EXTENSION] = {sample->extension, strlen(sample->extension)},
                  [TL_SPOOL_TEXT] = sample->text,
                  [TL_SPOOL_JSON] = sample->json,
                  [TL_SPOOL_ORIGIN] = {origin, strlen(origin)},
                  [TL_SPOOL_HOST] = tl_url_host(url)},
    };
    bool ok = tl_spool_add(again->shard->spool, &record, err);
    tl_json_free(json);
    return ok;
}

static bool take_up_again(tl_download *run, tl_open_shard *shard, tl_error *err)
{
    reopening again = {.run = run, .shard = shard};
    return tl_download_ledger_each_failed(run->ledger, shard->number, note_failed, &again, err) &&
           run->sink->each(run->dataset, shard->number, take_stored, &again, err);
}

bool tl_download__open_shard(tl_download *run, uint64_t number, bool is_reopened, tl_open_shard **out, tl_error *err)
{
    tl_open_shard *shard = tl_memory_allocate(1, sizeof *shard, err);
    if (shard == NULL)
        return false;
    shard->number = number;
    atomic_init(&shard->is_written, false);
    shard->spool_path = spool_path(run, number, err);
    if (shard->spool_path == NULL || !tl_spool_open(shard->spool_path, run->rows_per_shard, &shard->spool, err) ||
        (is_reopened && !take_up_again(run, shard, err))) {
        tl_download__close_shard(shard);
        return false;
    }
    *out = shard;
    return true;
}

void tl_download__close_shard(tl_open_shard *shard)
{
    if (shard == NULL)
        return;
    tl_spool_close(shard->spool);
    tl_memory_free(shard->spool_path);
    tl_memory_free(shard->failed_before);
    tl_memory_free(shard);
}

static int by_index(const void *a, const void *b)
{
    const tl_failed_before *left = a, *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

const tl_failed_before *tl_open_shard__failed_before(const tl_open_shard *shard, uint32_t index)
{
    const tl_failed_before wanted = {.index = index};
    if (shard->failed_before_count == 0)
        return NULL;
    return bsearch(&wanted, shard->failed_before, shard->failed_before_count, sizeof wanted, by_index);
}

/* Owns what becomes of one row on a worker thread: checked against its digest, changed, described, and put into its spool. */
#include "base/core/digest.h"
#include "base/core/memory.h"
#include "crawler-import/download/describe.h"
#include "crawler-import/download/run_internal.h"
#include "crawler-import/download/url_host.h"

#include <stdio.h>

void tl_download__free_job(tl_download_job *job)
{
    tl_memory_free(job->row);
    tl_memory_free(job);
}

void tl_download__fail(tl_download *run, const tl_error *failure)
{
    pthread_mutex_lock(&run->failure_mutex);
    if (!atomic_load(&run->has_failed))
        run->failure = *failure;
    pthread_mutex_unlock(&run->failure_mutex);
    atomic_store(&run->has_failed, true);
    tl_fetcher_wake(run->fetcher);
}

/* The bytes' SHA-256, and whether they are those that the list promises. */
static bool check_digest(const tl_download_job *job, char sha256[TL_DIGEST_TEXT_SIZE], const char **reason, tl_error *err)
{
    char md5[TL_DIGEST_TEXT_SIZE];
    tl_slice body = job->result.body;
    const char *found = sha256;
    if (!tl_digest_of(TL_DIGEST_SHA256, body.data, body.size, sha256, err))
        return false;
    if (job->row->digest_kind == TL_LIST_DIGEST_MD5) {
        if (!tl_digest_of(TL_DIGEST_MD5, body.data, body.size, md5, err))
            return false;
        found = md5;
    }
    if (job->row->digest_kind != TL_LIST_DIGEST_NONE && job->row->digest != NULL && strcmp(found, job->row->digest) != 0)
        *reason = "digest differs";
    return true;
}

static uint64_t first_64_bits(const char *hex)
{
    uint64_t bits = 0;
    for (int i = 0; i < 16; i++)
        bits = bits << 4 | (uint64_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    return bits;
}

static tl_slice slice_of(const char *text)
{
    return (tl_slice){text, text != NULL ? strlen(text) : 0};
}

/* What was found out about a row, as its record has it. */
static bool add_record(tl_download *run, const tl_download_job *job, const tl_described_row *described,
                       tl_worker_scratch *scratch, tl_error *err)
{
    const tl_list_row *row = job->row;
    if (!tl_describe_row(described, &scratch->json, err))
        return false;
    bool is_good = described->reason == NULL;
    tl_spool_record record = {
        .index = job->index,
        .is_worth_retry = !is_good && job->refused[0] == '\0' && job->result.is_worth_retrying_later,
        .has_text = row->caption_count != 0,
        .url_hash = job->url_hash,
        .picture_hash = is_good ? first_64_bits(described->sha256) : 0,
    };
    if (is_good) {
        record.parts[TL_SPOOL_PICTURE] = described->picture->bytes;
        record.parts[TL_SPOOL_EXTENSION] = slice_of(tl_image_format_extension(described->picture->info.format));
        record.parts[TL_SPOOL_TEXT] = row->caption_count != 0 ? row->captions[0] : (tl_slice){0};
    }
    record.parts[TL_SPOOL_JSON] = tl_string_slice(&scratch->json);
    record.parts[TL_SPOOL_STATUS] = is_good ? (tl_slice){0} : slice_of(described->status);
    record.parts[TL_SPOOL_REASON] = slice_of(described->reason);
    record.parts[TL_SPOOL_ORIGIN] = slice_of(row->origin);
    record.parts[TL_SPOOL_HOST] = tl_url_host(row->url);
    if (!tl_spool_add(job->shard->spool, &record, err))
        return false;
    atomic_fetch_add_explicit(&run->counts.settled, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&run->counts.stored, is_good, memory_order_relaxed);
    atomic_fetch_add_explicit(&run->counts.received_bytes, job->result.body.size, memory_order_relaxed);
    return true;
}

static bool settle(tl_download *run, tl_download_job *job, tl_worker_scratch *scratch, tl_error *err)
{
    char key[48];
    char sha256[TL_DIGEST_TEXT_SIZE] = "";
    tl_changed_picture picture = {0};
    tl_described_row described = {.row = job->row,
                                  .key = key,
                                  .status = TL_STATUS_GOOD,
                                  .sha256 = sha256,
                                  .without_exif = run->options->picture.drop_metadata};
    tl_row_key(job->shard->number, job->index, run->rows_per_shard, key);
    if (run->options->hold_out > 0)
        described.split = tl_import_key_is_held_out(key, run->options->hold_out) ? "held-out" : "train";
    if (job->refused[0] != '\0') {
        described.status = job->refused_status[0] != '\0' ? job->refused_status : TL_STATUS_DROPPED;
        described.reason = job->refused;
    } else if (job->result.reason != NULL) {
        described.status = TL_STATUS_NOT_FETCHED;
        described.reason = job->result.reason;
    } else {
        if (!check_digest(job, sha256, &described.reason, err))
            return false;
        described.status = described.reason != NULL ? TL_STATUS_NOT_FETCHED : TL_STATUS_GOOD;
    }
    if (described.reason == NULL) {
        if (!tl_picture_change(job->result.body, &run->options->picture, &run->large, &scratch->changed, &picture, err))
            return false;
        described.reason = picture.reason;
        described.status = picture.reason != NULL ? TL_STATUS_NOT_TAKEN : TL_STATUS_GOOD;
        described.picture = picture.reason == NULL ? &picture : NULL;
    }
    return add_record(run, job, &described, scratch, err);
}

void tl_download__settle(void *context, void *given, size_t worker)
{
    tl_download *run = context;
    tl_download_job *job = given;
    tl_error failure = {0};
    /* After a failure what is on its way is let go: the next run fetches it again. */
    if (!atomic_load_explicit(&run->has_failed, memory_order_relaxed) && !settle(run, job, &run->scratch[worker], &failure))
        tl_download__fail(run, &failure);
    tl_fetch_result_clear(&job->result);
    tl_download__free_job(job);
}

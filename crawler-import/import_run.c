/*
 * Owns the import: sources one after another, good samples into shards, everything else into the ledger.
 *
 * Resume: the ledger knows how many items of each source its finished shards account for. A later run reads the source again,
 * passes over that many items without their pictures, and writes the unfinished shard from its first sample; since a source hands
 * out the same items in the same order, the shards are those of an unbroken run. A shard appears under its name first and in the
 * ledger second: killed between the two, it is written once more with the same bytes. A folder may have changed in between, so
 * the ledger keeps a running hash of the keys and sizes of the items accounted for: passed over again, they must give it again.
 *
 * Keys are unique in a dataset. A key that another source gave gets the number of its source in front ("2/fox"). One that its own
 * source gave before is skipped ("duplicate key"), save in a folder, where two paths are two pictures ("fox.x.png", "fox_x.png"):
 * there it gets a number at its end ("fox_x_2"), in the order of the walk.
 */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "crawler-import/dataset_folder.h"
#include "crawler-import/key_set.h"
#include "crawler-import/ledger/download_ledger.h"
#include "crawler-import/picture_check.h"
#include "crawler-import/report.h"
#include "crawler-import/sample_key.h"
#include "crawler-import/sinks/webdataset_writer.h"
#include "crawler-import/sources/source.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    DEFAULT_SAMPLES_PER_SHARD = 10000,
    REPORT_EVERY = 32,
    PROGRESS_UNITS = 10000,
    MAX_SAME_KEYS = 1000 /* files made to share a key are not to cost the square of their number */
};

typedef struct import_job {
    const tl_import_options *options;
    const char *const *sources;
    size_t source_count;
    char *dataset; /* absolute */
    tl_ledger *ledger;
    int64_t *source_ids;
    tl_key_set keys;
    tl_shard_writer *shard; /* NULL between shards */
    uint64_t shard_number;
    size_t shard_samples;
    uint64_t *part_hashes; /* keys of the current source in the current shard */
    size_t part_count;
    size_t part_capacity;
    struct part { /* earlier sources in the current shard */
        int64_t source_id;
        uint64_t *hashes;
        size_t count;
    } * parts;
    size_t parts_count;
    size_t parts_capacity;
    tl_ledger_source source; /* the current one */
    bool numbers_keys;       /* it is a folder of pictures: every item is another picture */
    size_t source_index;
    uint64_t sample_count; /* written by this run */
    tl_string key;
} import_job;

bool tl_import_key_is_held_out(const char *key, double hold_out)
{
    /* A turned copy goes where its picture goes, or training would see what is held out. */
    return (double)(tl_hash64(key, tl_sample_stem_without_turn(key, strlen(key))) >> 11) * 0x1p-53 < hold_out;
}

/* Opens every source once, so that a wrong path is told of before anything is made. */
static bool check_sources(const import_job *job, tl_error *err)
{
    if (job->source_count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected a source to import, found none");
    if (job->options->source.without_image_bytes)
        return tl_fail(err, TL_ERROR_INVALID, "an import reads pictures, so it cannot be without their bytes");
    if (!(job->options->hold_out >= 0 && job->options->hold_out <= 1))
        return tl_fail(err, TL_ERROR_INVALID, "hold out: expected a share of 0 to 1, found %g", job->options->hold_out);
    for (size_t i = 0; i < job->source_count; i++) {
        tl_source *source = NULL;
        if (!tl_source_open(job->sources[i], &job->options->source, &source, err))
            return false;
        tl_source_close(source);
    }
    return true;
}

static bool keep_key(void *context, uint64_t key_hash, int64_t source_id, tl_error *err)
{
    import_job *job = context;
    return tl_key_set_add(&job->keys, key_hash, (uint32_t)source_id, err);
}

static bool open_dataset(import_job *job, const char *dataset, tl_error *err)
{
    if (!tl_dataset_folder_check(dataset, err) || !tl_directory_create(dataset, err) ||
        (job->dataset = tl_path_resolve(dataset, err)) == NULL || !tl_ledger_open(job->dataset, true, &job->ledger, err) ||
        !tl_ledger_begin(job->ledger, &job->shard_number, err))
        return false;
    job->source_ids = tl_memory_allocate(job->source_count, sizeof *job->source_ids, err);
    /* Under the lock of the transaction, so what is removed is nobody's. */
    return job->source_ids != NULL && tl_dataset_folder_clean(job->dataset, 0, 0, err) &&
           tl_ledger_each_key(job->ledger, keep_key, job, err);
}

static bool add_parts(import_job *job, tl_error *err)
{
    for (size_t i = 0; i < job->parts_count; i++)
        if (!tl_ledger_add_part(job->ledger, job->shard_number, job->parts[i].source_id, job->parts[i].hashes,
                                job->parts[i].count, err))
            return false;
    return job->part_count == 0 ||
           tl_ledger_add_part(job->ledger, job->shard_number, job->source.id, job->part_hashes, job->part_count, err);
}

static void forget_parts(import_job *job)
{
    for (size_t i = 0; i < job->parts_count; i++)
        tl_memory_free(job->parts[i].hashes);
    job->parts_count = 0;
    job->part_count = 0;
}

/* Makes all that was read so far last: the shard under its name, then the ledger. */
static bool finish_shard(import_job *job, tl_error *err)
{
    char name[TL_SHARD_NAME_SIZE];
    uint64_t bytes = 0;
    uint64_t expected = job->shard_number;
    if (job->shard != NULL) {
        tl_shard_name(job->shard_number, name);
        bool ok = tl_shard_writer_commit(job->shard, &bytes, err);
        tl_shard_writer_close(job->shard);
        job->shard = NULL;
        if (!ok || !tl_ledger_add_shard(job->ledger, job->shard_number, name, job->shard_samples, bytes, err) ||
            !add_parts(job, err))
            return false;
        forget_parts(job);
        job->shard_samples = 0;
        expected++;
    }
    if (!tl_ledger_set_position(job->ledger, &job->source, err) || !tl_ledger_commit(job->ledger, err) ||
        !tl_ledger_begin(job->ledger, &job->shard_number, err))
        return false;
    return job->shard_number == expected ||
           tl_fail(err, TL_ERROR_IO, "'%s': another import wrote to the dataset at the same time", job->dataset);
}

/* Puts the current source's keys aside when a shard goes on with the next source. */
static bool put_part_aside(import_job *job, tl_error *err)
{
    if (job->part_count == 0)
        return true;
    if (!tl_memory_reserve(&job->parts, &job->parts_capacity, job->parts_count + 1, sizeof *job->parts, err))
        return false;
    job->parts[job->parts_count++] = (struct part){job->source.id, job->part_hashes, job->part_count};
    job->part_hashes = NULL;
    job->part_count = job->part_capacity = 0;
    return true;
}

/* Makes job->key: the sample's key, with the number of its source in front (0: none) and its own at its end (below 2: none). */
static bool make_key(import_job *job, const tl_sample *sample, int64_t source_id, int number, uint64_t *hash, tl_error *err)
{
    tl_string_reset(&job->key);
    if ((source_id != 0 && !tl_string_append_format(&job->key, err, "%" PRId64 "/", source_id)) ||
        !tl_string_append_text(&job->key, sample->key, err) ||
        (number >= 2 && !tl_string_append_format(&job->key, err, "_%d", number)) || !tl_sample_key_fit(&job->key, err))
        return false;
    *hash = tl_hash64(job->key.data, job->key.size);
    return true;
}

/* The sample's key in the dataset, in job->key. *is_new is false for a key that the same source gave before. */
static bool choose_key(import_job *job, const tl_sample *sample, uint64_t *hash, bool *is_new, tl_error *err)
{
    uint32_t owner;
    int64_t source_id = 0;
    int numbers = job->numbers_keys ? MAX_SAME_KEYS : 1;
    *is_new = false;
    for (int number = 1; !*is_new && number <= numbers; number++) {
        if (!make_key(job, sample, source_id, number, hash, err))
            return false;
        *is_new = !tl_key_set_find(&job->keys, *hash, &owner);
        if (*is_new || owner == (uint32_t)job->source.id || source_id != 0)
            continue;
        source_id = job->source.id;
        number = 0; /* once more from the plain key, now with the source in front */
    }
    return true;
}

static bool write_sample(import_job *job, const tl_sample *sample, const tl_image_info *info, uint64_t hash, tl_error *err)
{
    const char *split = NULL;
    if (job->options->hold_out > 0 && sample->split == NULL)
        split = tl_import_key_is_held_out(job->key.data, job->options->hold_out) ? "held-out" : "train";
    if ((job->shard == NULL && !tl_shard_writer_open(job->dataset, job->shard_number, &job->shard, err)) ||
        !tl_shard_writer_add(job->shard, sample, job->key.data, split, info, err) ||
        !tl_key_set_add(&job->keys, hash, (uint32_t)job->source.id, err) ||
        !tl_memory_reserve(&job->part_hashes, &job->part_capacity, job->part_count + 1, sizeof *job->part_hashes, err))
        return false;
    job->part_hashes[job->part_count++] = hash;
    job->shard_samples++;
    job->sample_count++;
    return true;
}

static bool take_sample(import_job *job, const tl_sample *sample, tl_error *err)
{
    tl_image_info info = {0};
    const char *reason = sample->skip_reason;
    uint64_t hash = 0;
    bool is_new = true;
    if (reason == NULL && (!tl_picture_check(sample->image, job->options->decode_pictures, &info, &reason, err) ||
                           !choose_key(job, sample, &hash, &is_new, err)))
        return false;
    if (reason == NULL && !is_new)
        reason = "duplicate key";
    if (reason != NULL)
        return tl_ledger_add_skipped(job->ledger, job->source.id, sample->origin, reason, err);
    return write_sample(job, sample, &info, hash, err);
}

static void report_progress(const import_job *job, const tl_source *source)
{
    char note[64];
    double share = tl_source_progress(source);
    double all = ((double)job->source_index + (share > 0 ? share : 0)) / (double)job->source_count;
    snprintf(note, sizeof note, "%" PRIu64 " samples", job->sample_count);
    tl_progress_report(job->options->progress, (uint64_t)(all * PROGRESS_UNITS), PROGRESS_UNITS, note);
}

/* The hash of the items up to and with this one, from that of those before it. */
static uint64_t hash_item(uint64_t before, const tl_sample *sample)
{
    const uint64_t numbers[3] = {before, sample->size, tl_hash64(sample->key, strlen(sample->key))};
    unsigned char bytes[sizeof numbers];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(numbers[i / 8] >> (8 * (i % 8))); /* little-endian on every machine */
    return tl_hash64(bytes, sizeof bytes);
}

/* A table says by its own size and time that it changed; its pictures may, since those that are stored were read. */
static bool check_passed_over(const tl_ledger_source *source, const tl_source *opened, uint64_t items, uint64_t hash,
                              tl_error *err)
{
    if (!source->is_folder || !source->has_items_hash || (items == source->position && hash == source->items_hash))
        return true;
    return tl_fail(err, TL_ERROR_INVALID,
                   "'%s' changed since the import was stopped: expected the %" PRIu64
                   " items it began with to be the same, found others; import into a new dataset",
                   opened->path, source->position);
}

/* Passes over the items that finished shards account for, without their pictures. */
static bool pass_over(import_job *job, tl_source *source, bool *done, tl_error *err)
{
    uint64_t hash = 0;
    uint64_t item = 0;
    *done = false;
    source->reads_pictures = false;
    for (; item < job->source.position && !*done; item++) {
        tl_sample sample;
        if (!tl_progress_continue(job->options->progress, err) || !tl_source_next(source, &sample, done, err))
            return false;
        if (*done)
            break;
        if (item % REPORT_EVERY == 0)
            report_progress(job, source);
        hash = hash_item(hash, &sample);
    }
    source->reads_pictures = true;
    if (!check_passed_over(&job->source, source, item, hash, err))
        return false;
    job->source.items_hash = hash;
    return true;
}

static bool read_source(import_job *job, tl_source *source, tl_error *err)
{
    size_t limit = job->options->samples_per_shard != 0 ? job->options->samples_per_shard : DEFAULT_SAMPLES_PER_SHARD;
    bool done;
    if (!pass_over(job, source, &done, err))
        return false;
    while (!done) {
        tl_sample sample;
        if (!tl_progress_continue(job->options->progress, err) || !tl_source_next(source, &sample, &done, err))
            return false;
        if (done)
            break;
        if (job->source.position % REPORT_EVERY == 0)
            report_progress(job, source);
        if (!take_sample(job, &sample, err))
            return tl_fail_within(err, "'%s'", sample.origin);
        job->source.position++;
        job->source.items_hash = hash_item(job->source.items_hash, &sample);
        if (job->shard_samples == limit && !finish_shard(job, err))
            return false;
    }
    report_progress(job, source);
    job->source.is_done = true;
    return tl_ledger_set_position(job->ledger, &job->source, err);
}

static bool import_source(import_job *job, size_t index, tl_error *err)
{
    tl_source *source = NULL;
    job->source_index = index;
    if (!tl_source_open(job->sources[index], &job->options->source, &source, err))
        return false;
    bool ok = false;
    job->numbers_keys = source->kind == &tl_source_folder;
    if (strcmp(source->path, job->dataset) == 0)
        tl_fail(err, TL_ERROR_INVALID, "'%s': a dataset cannot be imported into itself", job->dataset);
    else
        ok = put_part_aside(job, err) &&
             tl_ledger_put_source(job->ledger, source->path, tl_source_kind_name(source), &job->source, err) &&
             (job->source.is_done || read_source(job, source, err));
    job->source_ids[index] = job->source.id;
    tl_source_close(source);
    return ok;
}

bool tl_import_run(const char *const *sources, size_t source_count, const char *dataset, const tl_import_options *options,
                   tl_import_report *report, tl_error *err)
{
    static const tl_import_options defaults = {0};
    import_job job = {.options = options != NULL ? options : &defaults, .sources = sources, .source_count = source_count};
    tl_string_init(&job.key, 2 * TL_SOURCE_MAX_PATH_SIZE);
    bool ok = check_sources(&job, err) && open_dataset(&job, dataset, err);
    for (size_t i = 0; ok && i < source_count; i++)
        ok = import_source(&job, i, err);
    ok = ok && finish_shard(&job, err) && tl_import_report_read(job.ledger, job.source_ids, source_count, report, err);
    tl_shard_writer_close(job.shard);
    tl_ledger_close(job.ledger);
    forget_parts(&job);
    tl_memory_free(job.parts);
    tl_memory_free(job.part_hashes);
    tl_memory_free(job.source_ids);
    tl_key_set_clear(&job.keys);
    tl_memory_free(job.dataset);
    tl_string_clear(&job.key);
    return ok;
}

bool tl_import_each_skipped(const char *dataset, bool (*visit)(void *context, const char *origin, const char *reason),
                            void *context, tl_error *err)
{
    tl_ledger *ledger = NULL;
    if (!tl_ledger_open(dataset, false, &ledger, err))
        return false;
    bool ok = tl_ledger_each_skipped(ledger, visit, context, err) && tl_download_ledger_each_origin(ledger, visit, context, err);
    tl_ledger_close(ledger);
    return ok;
}

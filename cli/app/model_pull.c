/*
 * The job of 'model pull': which commit, which files, each of them checked, the whole opened once, then put in place.
 *
 * An open_clip model without a vocabulary of its own takes that of the repository its configuration names
 * (text_cfg.hf_tokenizer_name), else OpenAI's, as open_clip does.
 */
#include "cli/app/model_pull.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "cli/app/model_bundle.h"
#include "cli/app/model_hub_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MAX_CONFIG_FILE = 1 << 20 };

static const char clip_vocabulary_repository[] = "openai/clip-vit-base-patch32";

void tl_model_pull_result_clear(tl_model_pull_result *result)
{
    tl_memory_free(result->path);
    tl_model_origin_clear(&result->origin);
    *result = (tl_model_pull_result){0};
}

typedef struct pull {
    const tl_runtime *runtime;
    const tl_model_reference *reference;
    tl_hub hub;
    tl_model_origin origin;    /* of what is being downloaded */
    tl_model_origin installed; /* of what is there; revision "" when nothing is, or nothing that we know of */
    char *installed_path;      /* or NULL */
    char *partial;
} pull;

static bool find_installed(pull *job, tl_error *err)
{
    if (!tl_model_store_find(job->runtime, job->reference, &job->installed_path, err))
        return false;
    if (job->installed_path != NULL && !tl_model_origin_read(job->installed_path, &job->installed, NULL))
        job->installed = (tl_model_origin){0};
    return true;
}

/* Every file of the installed model is there in its size. */
static bool is_whole(const pull *job)
{
    for (size_t i = 0; i < job->installed.files.count; i++) {
        const tl_model_file *file = &job->installed.files.items[i];
        tl_file_status status = {0};
        char *path = tl_path_join(job->installed_path, file->name, NULL);
        bool ok = path != NULL && tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_REGULAR &&
                  status.size == file->size;
        tl_memory_free(path);
        if (!ok)
            return false;
    }
    return job->installed.files.count != 0;
}

static void take_installed(pull *job, tl_model_pull_result *out)
{
    out->path = job->installed_path;
    out->origin = job->installed;
    out->was_complete = true;
    job->installed_path = NULL;
    job->installed = (tl_model_origin){0};
}

static bool pull_offline(pull *job, tl_model_pull_result *out, tl_error *err)
{
    const tl_model_reference *reference = job->reference;
    if (job->installed_path == NULL)
        return tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected an installed model while offline, found none",
                       reference->repository);
    bool is_given = strcmp(reference->revision, "main") != 0;
    if (is_given && strcmp(reference->revision, job->installed.requested) != 0 &&
        strcmp(reference->revision, job->installed.revision) != 0)
        return tl_fail(err, TL_ERROR_NOT_FOUND, "'%s': expected revision '%s' installed while offline, found '%.40s'",
                       reference->repository, reference->revision, job->installed.revision);
    take_installed(job, out);
    out->is_unchecked = true;
    return true;
}

/* Files of the installed model that may be unchanged are linked, not downloaded; their digests decide later. */
static void reuse_installed(const pull *job)
{
    for (size_t i = 0; i < job->origin.files.count; i++) {
        const tl_model_file *file = &job->origin.files.items[i];
        const tl_model_file *before = tl_model_file_list_find(&job->installed.files, file->name);
        if (job->installed_path == NULL || before == NULL || before->size != file->size)
            continue;
        char *from = tl_path_join(job->installed_path, file->name, NULL);
        char *to = tl_path_join(job->partial, file->name, NULL);
        if (from != NULL && to != NULL && link(from, to) != 0)
            errno = 0; /* it is there already, or the disk has no links: then it is downloaded */
        tl_memory_free(to);
        tl_memory_free(from);
    }
}

/* Bytes that lie in the partial folder count as had. */
static bool check_space(const pull *job, tl_error *err)
{
    struct statvfs disk;
    uint64_t needed = 0;
    for (size_t i = 0; i < job->origin.files.count; i++) {
        const tl_model_file *file = &job->origin.files.items[i];
        uint64_t had = 0;
        for (int is_part = 0; is_part < 2; is_part++) {
            char name[TL_MODEL_NAME_SIZE + 8];
            snprintf(name, sizeof name, "%s%s", file->name, is_part ? ".part" : "");
            tl_file_status status = {0};
            char *path = tl_path_join(job->partial, name, err);
            if (path == NULL)
                return false;
            if (tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_REGULAR && status.size > had)
                had = status.size;
            tl_memory_free(path);
        }
        needed += file->size > had ? file->size - had : 0;
    }
    if (statvfs(job->partial, &disk) != 0)
        return true; /* a disk that does not say is written until it is full */
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return needed <= free_bytes ||
           tl_fail(err, TL_ERROR_IO, "'%s': expected %llu MB free on the disk of '%s', found %llu MB", job->reference->repository,
                   (unsigned long long)(needed / 1000000 + 1), job->partial, (unsigned long long)(free_bytes / 1000000));
}

static bool download(pull *job, tl_model_file *file, tl_error *err)
{
    bool is_own = file->repository[0] == '\0';
    return tl_progress_continue(job->hub.progress, err) &&
           tl_hub__download(&job->hub, is_own ? job->origin.repository : file->repository,
                            is_own ? job->origin.revision : file->revision, job->partial, file, err);
}

/* The repository whose vocabulary the model uses. */
static bool read_vocabulary_repository(const pull *job, char *repository, size_t size, tl_error *err)
{
    tl_json *json = NULL;
    char *path = tl_path_join(job->partial, tl_model_files__config_name(job->origin.dialect), err);
    bool ok = path != NULL && tl_json_read_file(path, MAX_CONFIG_FILE, &json, err);
    if (ok) {
        const tl_json *text = tl_json_member(tl_json_member(json, "model_cfg"), "text_cfg");
        const char *named = tl_json_text_or(text, "hf_tokenizer_name", clip_vocabulary_repository);
        tl_model_reference reference;
        ok = tl_model_reference_read(named, &reference, err) || tl_fail_within(err, "'%s': hf_tokenizer_name", path);
        if (ok)
            snprintf(repository, size, "%s", reference.repository);
    }
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool borrow_vocabulary(pull *job, tl_error *err)
{
    char repository[TL_MODEL_NAME_SIZE];
    char commit[TL_DIGEST_TEXT_SIZE];
    char license[TL_MODEL_NAME_SIZE];
    tl_model_file_list listing = {0};
    bool ok = read_vocabulary_repository(job, repository, sizeof repository, err) &&
              tl_hub__describe(&job->hub, repository, "main", commit, license, sizeof license, err) &&
              tl_hub__list(&job->hub, repository, commit, &listing, err) &&
              tl_model_files__add_vocabulary(&listing, repository, commit, &job->origin.files, err);
    tl_model_file_list_clear(&listing);
    return ok || tl_fail_within(err, "'%s': vocabulary", job->reference->repository);
}

/* Small ones first: what is wrong with a configuration shows before hours of weights. */
static int by_size(const void *a, const void *b)
{
    const tl_model_file *left = a;
    const tl_model_file *right = b;
    return left->size != right->size ? (left->size > right->size) - (left->size < right->size) : strcmp(left->name, right->name);
}

static bool choose_files(pull *job, tl_error *err)
{
    tl_model_origin *origin = &job->origin;
    tl_model_file_list listing = {0};
    const char *dialect = "";
    bool ok = tl_hub__list(&job->hub, origin->repository, origin->revision, &listing, err) &&
              tl_model_files__choose(origin->repository, &listing, &origin->files, &dialect, err);
    tl_model_file_list_clear(&listing);
    if (!ok)
        return false;
    snprintf(origin->dialect, sizeof origin->dialect, "%s", dialect);
    qsort(origin->files.items, origin->files.count, sizeof *origin->files.items, by_size);
    return true;
}

static bool download_all(pull *job, tl_error *err)
{
    tl_model_file_list *files = &job->origin.files;
    tl_hub *hub = &job->hub;
    reuse_installed(job);
    hub->bytes_total = tl_model_file_list_size(files);
    tl_progress_begin(hub->progress, "MB");
    if (!check_space(job, err))
        return false;
    if (strcmp(job->origin.dialect, "open_clip") == 0 && !tl_model_files__has_vocabulary(files)) {
        const char *config = tl_model_files__config_name(job->origin.dialect);
        for (size_t i = 0; i < files->count; i++)
            if (strcmp(files->items[i].name, config) == 0 && !download(job, &files->items[i], err))
                return false;
        if (!borrow_vocabulary(job, err))
            return false;
        hub->bytes_done = 0;
        hub->bytes_total = tl_model_file_list_size(files);
    }
    for (size_t i = 0; i < files->count; i++)
        if (!download(job, &files->items[i], err))
            return false;
    return true;
}

/* Nothing that does not open takes a model's place. origin.json is there before: a family may go by the repository's name. */
static bool try_to_open(pull *job, tl_model_pull_result *out, tl_error *err)
{
    tl_model_bundle bundle;
    if (!tl_model_origin_write(&job->origin, job->partial, err))
        return false;
    if (!tl_model_bundle_open(job->partial, &bundle, err))
        return tl_fail_within(err, "'%s': downloaded whole, but it does not open as a model", job->reference->repository);
    snprintf(job->origin.family, sizeof job->origin.family, "%s", bundle.info->family);
    job->origin.parameter_count = bundle.info->parameter_count;
    snprintf(out->warning, sizeof out->warning, "%s", bundle.info->warning);
    tl_model_bundle_close(&bundle);
    return true;
}

static bool pull_locked(pull *job, tl_model_pull_result *out, tl_error *err)
{
    job->partial = tl_model_store_partial(job->runtime, job->reference, job->origin.revision, err);
    if (job->partial == NULL || !choose_files(job, err) || !download_all(job, err) || !try_to_open(job, out, err) ||
        !tl_model_origin_write(&job->origin, job->partial, err) ||
        !tl_model_store_place(job->runtime, job->reference, job->partial, &out->path, err))
        return false;
    out->was_updated = job->installed_path != NULL;
    out->origin = job->origin;
    job->origin = (tl_model_origin){0};
    return true;
}

static bool pull_online(pull *job, tl_model_pull_result *out, tl_error *err)
{
    tl_model_origin *origin = &job->origin;
    tl_hub_settings settings = tl_runtime_hub(job->runtime);
    job->hub.token = settings.token;
    if (!tl_hub__open(settings.endpoint, &job->hub, err) ||
        !tl_hub__describe(&job->hub, job->reference->repository, job->reference->revision, origin->revision, origin->license,
                          sizeof origin->license, err))
        return false;
    bool is_current = strcmp(origin->revision, job->installed.revision) == 0;
    if (job->installed_path != NULL && is_current && is_whole(job)) {
        take_installed(job, out);
        return true;
    }
    snprintf(origin->repository, sizeof origin->repository, "%s", job->reference->repository);
    snprintf(origin->requested, sizeof origin->requested, "%s", job->reference->revision);
    snprintf(origin->endpoint, sizeof origin->endpoint, "%s", job->hub.endpoint);
    tl_model_lock lock;
    if (!tl_model_store_lock(job->runtime, job->reference, &lock, err))
        return false;
    bool ok = pull_locked(job, out, err);
    tl_model_store_unlock(&lock);
    return ok;
}

bool tl_model_pull(const tl_runtime *runtime, const tl_model_reference *reference, const tl_model_pull_options *options,
                   const tl_progress *progress, tl_model_pull_result *out, tl_error *err)
{
    *out = (tl_model_pull_result){0};
    pull job = {.runtime = runtime, .reference = reference};
    job.hub.retries = options->retries;
    job.hub.retry_seconds = options->retry_seconds;
    job.hub.progress = progress;
    job.origin.downloaded = options->now;
    bool ok = find_installed(&job, err) && (options->is_offline ? pull_offline(&job, out, err) : pull_online(&job, out, err));
    if (!ok)
        tl_model_pull_result_clear(out);
    tl_hub__close(&job.hub);
    tl_memory_free(job.partial);
    tl_memory_free(job.installed_path);
    tl_model_origin_clear(&job.installed);
    tl_model_origin_clear(&job.origin);
    return ok;
}

#include "cli/app/training_log_internal.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const size_t max_log_bytes = (size_t)1 << 30;

struct tl_training_log {
    FILE *file;
    char *path;
};

typedef bool line_visitor(void *context, uint64_t step, const tl_json *line);

/* Whole lines only: a half one at the end is what a kill leaves. */
static bool each_line(const tl_string *log, line_visitor *visit, void *context, tl_error *err)
{
    const char *at = log->data, *end = log->data + log->size;
    bool goes_on = true;
    while (goes_on && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        tl_json *line = NULL;
        if (newline == NULL)
            return true;
        if (!tl_json_parse((tl_slice){at, (size_t)(newline - at)}, "training.jsonl", &line, err))
            return false;
        int64_t step = tl_json_integer_or(line, "step", -1);
        goes_on = step < 0 || visit(context, (uint64_t)step, line);
        tl_json_free(line);
        at = newline + 1;
    }
    return true;
}

bool tl_training_log_each(const char *model_directory, line_visitor *visit, void *context, tl_error *err)
{
    tl_string bytes;
    tl_error reason = {TL_ERROR_NONE, ""};
    tl_string_init(&bytes, max_log_bytes);
    char *path = tl_path_join(model_directory, "training.jsonl", err);
    bool ok = path != NULL;
    if (ok && !tl_file_read(path, &bytes, &reason))
        ok = reason.kind == TL_ERROR_NOT_FOUND || tl_fail_as(err, &reason);
    ok = ok && (bytes.size == 0 || each_line(&bytes, visit, context, err));
    tl_memory_free(path);
    tl_string_clear(&bytes);
    return ok;
}

/* Copies the whole lines of steps 1..last_step. */
static bool keep_lines(const tl_string *old, uint64_t last_step, tl_string *kept, tl_error *err)
{
    const char *at = old->data;
    const char *end = old->data + old->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (newline == NULL)
            return true;
        tl_json *line = NULL;
        if (!tl_json_parse((tl_slice){at, (size_t)(newline - at)}, "training.jsonl", &line, err))
            return false;
        int64_t step = tl_json_integer_or(line, "step", INT64_MAX);
        tl_json_free(line);
        if (step >= 0 && (uint64_t)step <= last_step && !tl_string_append(kept, at, (size_t)(newline + 1 - at), err))
            return false;
        at = newline + 1;
    }
    return true;
}

static bool rewrite(const char *path, uint64_t first_step, tl_error *err)
{
    tl_string old;
    tl_string kept;
    tl_string_init(&old, max_log_bytes);
    tl_string_init(&kept, max_log_bytes);
    tl_error reason = {TL_ERROR_NONE, ""};
    bool ok = true;
    if (first_step != 0 && !tl_file_read(path, &old, &reason) && reason.kind != TL_ERROR_NOT_FOUND)
        ok = tl_fail_as(err, &reason);
    ok = ok && keep_lines(&old, first_step, &kept, err) && tl_file_replace(path, tl_string_slice(&kept), err);
    tl_string_clear(&kept);
    tl_string_clear(&old);
    return ok;
}

bool tl_training_log_open(const char *model_directory, uint64_t first_step, tl_training_log **out, tl_error *err)
{
    tl_training_log *log = tl_memory_allocate(1, sizeof *log, err);
    if (log == NULL)
        return false;
    log->path = tl_path_join(model_directory, "training.jsonl", err);
    bool ok = log->path != NULL && rewrite(log->path, first_step, err);
    if (ok && (log->file = fopen(log->path, "ae")) == NULL)
        ok = tl_fail_errno(err, errno, "cannot write '%s'", log->path);
    if (ok)
        *out = log;
    else
        tl_training_log_close(log);
    return ok;
}

bool tl_training_log_add(tl_training_log *log, const tl_step_metrics *metrics, double epoch, double pairs_per_second,
                         tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    bool ok = json != NULL && tl_json_set_integer(json, "step", (int64_t)metrics->step, err) &&
              tl_json_set_number(json, "epoch", epoch, err) && tl_json_set_number(json, "loss", metrics->loss, err) &&
              tl_json_set_number(json, "accuracy", metrics->accuracy, err) &&
              tl_json_set_number(json, "mutual_information_nats", metrics->mutual_information, err) &&
              tl_json_set_number(json, "learning_rate", metrics->learning_rate, err) &&
              tl_json_set_number(json, "gradient_norm", metrics->gradient_norm, err) &&
              tl_json_set_number(json, "logit_scale", metrics->logit_scale, err) &&
              tl_json_set_number(json, "pairs_per_second", pairs_per_second, err) &&
              (metrics->logit_bias == 0.0 || tl_json_set_number(json, "logit_bias", metrics->logit_bias, err)) &&
              tl_training_log_write(log, json, err);
    tl_json_free(json);
    return ok;
}

bool tl_training_log_write(tl_training_log *log, const tl_json *line, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, 1 << 16);
    bool ok = tl_json_write(line, TL_JSON_COMPACT, &text, err) && tl_string_append_text(&text, "\n", err);
    if (ok && fwrite(text.data, 1, text.size, log->file) != text.size)
        ok = tl_fail_errno(err, errno, "cannot write '%s'", log->path);
    tl_string_clear(&text);
    return ok;
}

bool tl_training_log_sync(tl_training_log *log, tl_error *err)
{
    if (fflush(log->file) != 0 || fsync(fileno(log->file)) != 0)
        return tl_fail_errno(err, errno, "cannot write '%s'", log->path);
    return true;
}

void tl_training_log_close(tl_training_log *log)
{
    if (log == NULL)
        return;
    if (log->file != NULL)
        fclose(log->file);
    tl_memory_free(log->path);
    tl_memory_free(log);
}

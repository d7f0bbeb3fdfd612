#include "cli/app/model_mix.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/io/file.h"
#include "cli/app/train_folder_internal.h"
#include "encoders/encoders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CLIP_VOCABULARY = 49408 };

/* ---- a folder that appears whole ---- */

/* "OUT.partial" beside OUT, empty; what an earlier try has left goes. */
static char *open_partial(const char *out_directory, tl_error *err)
{
    size_t size = strlen(out_directory);
    while (size > 1 && out_directory[size - 1] == '/')
        size--;
    tl_string path;
    tl_string_init(&path, 1 << 16);
    char *copy = NULL;
    if (tl_string_append(&path, out_directory, size, err) && tl_string_append_text(&path, ".partial", err))
        copy = tl_memory_copy_text(path.data, path.size, err);
    tl_string_clear(&path);
    if (copy != NULL && tl_directory_remove(copy, err) && tl_directory_create(copy, err))
        return copy;
    tl_memory_free(copy);
    return NULL;
}

/* Over a folder only where that is empty, which the system sees to. */
static bool put_in_place(const char *partial, const char *out_directory, tl_error *err)
{
    return tl_directory_sync(partial, err) &&
           (rename(partial, out_directory) == 0 || tl_fail_errno(err, errno, "cannot move '%s' to '%s'", partial, out_directory));
}

typedef bool folder_filler(const void *job, const char *directory, tl_error *err);

static bool make_folder(const char *out_directory, folder_filler *fill, const void *job, tl_error *err)
{
    if (!tl_train_folder_claim(out_directory, err))
        return false;
    char *partial = open_partial(out_directory, err);
    bool ok = partial != NULL && fill(job, partial, err) && put_in_place(partial, out_directory, err);
    if (!ok && partial != NULL)
        (void)!tl_directory_remove(partial, NULL);
    tl_memory_free(partial);
    return ok;
}

/* ---- mixing ---- */

typedef struct mix_job {
    const char *first;
    const tl_model *a, *b;
    double weight;
} mix_job;

static bool fill_mixed(const void *context, const char *directory, tl_error *err)
{
    const mix_job *job = context;
    const tl_model_write_options options = {.format = TL_MODEL_TWINLENS, .weight = job->weight};
    return tl_train_folder_copy_tokenizer(job->first, directory, err) && tl_model_write(job->a, job->b, &options, directory, err);
}

bool tl_model_mix(const char *first, const char *second, double weight, const char *out_directory, tl_error *err)
{
    mix_job job = {.first = first, .weight = weight};
    tl_model *a = NULL, *b = NULL;
    bool ok = tl_model_open(first, &a, err) && tl_model_open(second, &b, err);
    job.a = a;
    job.b = b;
    ok = ok && make_folder(out_directory, fill_mixed, &job, err);
    tl_model_close(b);
    tl_model_close(a);
    return ok;
}

/* ---- converting ---- */

typedef struct convert_job {
    const char *directory;
    const tl_model *model;
    const tl_model_info *info;
    tl_model_write_options write;
    bool keeps_words; /* its folder is of the kind asked for */
} convert_job;

static void read_options(const tl_model_convert_options *options, convert_job *job)
{
    static const char *const formats[] = {
        [TL_MODEL_TWINLENS] = "twinlens", [TL_MODEL_OPEN_CLIP] = "open_clip", [TL_MODEL_TRANSFORMERS] = "transformers"};
    static const char *const dtypes[] = {[TL_F32] = "f32", [TL_F16] = "f16", [TL_BF16] = "bf16"};
    const tl_model_format own = job->info->format;
    job->write.format = own;
    for (size_t i = 0; options->to != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(options->to, formats[i]) == 0)
            job->write.format = (tl_model_format)i;
    for (size_t i = 0; options->dtype != NULL && i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(options->dtype, dtypes[i]) == 0) {
            job->write.has_dtype = true;
            job->write.dtype = (tl_dtype)i;
        }
    job->keeps_words = job->write.format == own;
    /* Without a name open_clip takes its own tokenizer, which is CLIP's; any name makes it read the files in the folder. */
    if (own == TL_MODEL_TRANSFORMERS && job->info->config.text.vocabulary_size != CLIP_VOCABULARY)
        job->write.tokenizer_name = ".";
}

static bool fill_converted(const void *context, const char *directory, tl_error *err)
{
    const convert_job *job = context;
    const tl_dtype dtype = job->write.has_dtype ? job->write.dtype : tl_model_exact_dtype(job->model);
    const bool is_ours = job->write.format == TL_MODEL_TWINLENS;
    return (is_ours ? tl_train_folder_copy_tokenizer(job->directory, directory, err)
                    : tl_train_folder_copy_vocabulary(job->directory, directory, err)) &&
           (job->keeps_words ? tl_model_rewrite(job->model, dtype, directory, err)
                             : tl_model_write(job->model, NULL, &job->write, directory, err));
}

bool tl_model_convert(const char *model, const tl_model_convert_options *options, const char *out_directory,
                      char warning[TL_CONVERT_WARNING_SIZE], tl_error *err)
{
    convert_job job = {.directory = model};
    tl_model *opened = NULL;
    warning[0] = '\0';
    if (!tl_model_open(model, &opened, err))
        return false;
    job.model = opened;
    job.info = tl_model_info_read(opened);
    read_options(options, &job);
    bool ok = make_folder(out_directory, fill_converted, &job, err);
    if (ok && !job.keeps_words && job.write.format == TL_MODEL_TRANSFORMERS && job.info->recipe.mode == TL_RESIZE_LONGEST)
        snprintf(warning, TL_CONVERT_WARNING_SIZE,
                 "this model lays pictures on a square of colour %u, %u, %u, for which transformers has no word: there, pictures "
                 "must be made square first",
                 job.info->recipe.fill[0], job.info->recipe.fill[1], job.info->recipe.fill[2]);
    tl_model_close(opened);
    return ok;
}

/*
 * Which file of a folder holds the weights. Other formats are recognised by their names alone, so that the error can say what to
 * do; a pickle in particular runs what it likes in whoever reads it, and is never opened here.
 */
#include "encoders/weights/weight_files.h"

#include "base/core/memory.h"
#include "base/io/file.h"

#include <string.h>

enum { NAME_SIZE = 256 };

/* Formats by the ending of a name; the first in this list that the folder has is the one that is told of. */
static const struct foreign_format {
    const char *ending;
    const char *kind;
    /* Python around the file's name that gives pairs of a tensor's name and the tensor; NULL: no conversion that is sure to work
     */
    const char *load, *pairs;
} foreign_formats[] = {
    {"pytorch_model.bin", "a pickle", "torch.load", ", weights_only=True).items()"},
    {".pt", "a pickle", "torch.jit.load", ").state_dict().items() if v.is_floating_point()"}, /* as OpenAI published */
    {".bin", "a pickle", NULL, NULL},
    {".pth", "a pickle", NULL, NULL},
    {".ckpt", "a pickle", NULL, NULL},
    {".msgpack", "weights of Flax", NULL, NULL},
    {".h5", "weights of TensorFlow", NULL, NULL},
};

enum { FORMAT_COUNT = sizeof foreign_formats / sizeof foreign_formats[0] };

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && memcmp(text + size - ending_size, ending, ending_size) == 0;
}

/* The number of the first format that the folder has, or FORMAT_COUNT; of several files the first by name. */
static size_t find_foreign(const char *directory, char name[NAME_SIZE])
{
    size_t found = FORMAT_COUNT;
    tl_directory_listing listing;
    if (!tl_directory_open(directory, &listing, NULL))
        return FORMAT_COUNT;
    for (const char *entry; (entry = tl_directory_next(&listing)) != NULL;) {
        size_t format = 0;
        while (format < FORMAT_COUNT && !ends_with(entry, foreign_formats[format].ending))
            format++;
        if (format == FORMAT_COUNT || strlen(entry) >= NAME_SIZE)
            continue;
        if (format < found || (format == found && strcmp(entry, name) < 0)) {
            found = format;
            memcpy(name, entry, strlen(entry) + 1);
        }
    }
    return tl_directory_close(&listing, true, NULL) ? found : FORMAT_COUNT;
}

/* A command is copied into a shell: no other name goes into one. */
static bool is_plain_name(const char *name)
{
    return name[0] != '-' && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static bool tell_of_foreign(const char *directory, const char *wanted, const struct foreign_format *format, const char *name,
                            tl_error *err)
{
    if (format->load != NULL && is_plain_name(name))
        return tl_fail(err, TL_ERROR_UNSUPPORTED,
                       "model '%s': expected '%s', found '%.80s', %s; convert it there once: python3 -c \"import torch, "
                       "safetensors.torch as s; s.save_file({k: v.contiguous().clone() for k, v in %s('%.80s', 'cpu'%s}, '%s')\"",
                       directory, wanted, name, format->kind, format->load, name, format->pairs, wanted);
    return tl_fail(
        err, TL_ERROR_UNSUPPORTED,
        "model '%s': expected '%s', found '%.80s', %s; get the model's safetensors file where it came from, or have one "
        "made: https://huggingface.co/spaces/safetensors/convert",
        directory, wanted, name, format->kind);
}

bool tl_weight_files_choose(const char *directory, const char *const *candidates, size_t count, const char **name, tl_error *err)
{
    TL_ASSERT(count != 0);
    for (size_t i = 0; i < count; i++) {
        tl_file_status status;
        char *path = tl_path_join(directory, candidates[i], err);
        bool ok = path != NULL && tl_file_status_read(path, &status, err);
        tl_memory_free(path);
        if (!ok)
            return false;
        if (status.kind == TL_FILE_MISSING)
            continue;
        if (status.kind != TL_FILE_REGULAR)
            return tl_fail(err, TL_ERROR_INVALID, "model '%s': '%s': expected a file, found a folder or device", directory,
                           candidates[i]);
        *name = candidates[i];
        return true;
    }
    char foreign[NAME_SIZE];
    size_t format = find_foreign(directory, foreign);
    if (format != FORMAT_COUNT)
        return tell_of_foreign(directory, candidates[0], &foreign_formats[format], foreign, err);
    return tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected a file '%s', found none", directory, candidates[0]);
}

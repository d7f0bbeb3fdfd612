/* Copies of the small models under tests/golden/fixtures/models, since opening a model writes its fingerprint. */
#ifndef TL_TESTS_SUPPORT_MODEL_FOLDER_H
#define TL_TESTS_SUPPORT_MODEL_FOLDER_H

#include "base/io/file.h"
#include "tests/support/assert_ok.h"

#include <stdio.h>

static inline void write_file(const char *directory, const char *name, tl_slice bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_ok(tl_file_replace(path, bytes, err));
}

/* Configuration and weights, whichever are there, into a folder that is made anew. */
static inline void copy_model_folder(const char *source, const char *directory)
{
    static const char *const names[] = {"open_clip_config.json",
                                        "open_clip_model.safetensors",
                                        "config.json",
                                        "preprocessor_config.json",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors"};
    tl_error error;
    assert_ok(tl_directory_remove(directory, err) && tl_directory_create(directory, err));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[640];
        tl_string bytes;
        snprintf(path, sizeof path, "%s/%s", source, names[i]);
        tl_string_init(&bytes, 1 << 24);
        if (tl_file_read(path, &bytes, &error))
            write_file(directory, names[i], tl_string_slice(&bytes));
        tl_string_clear(&bytes);
    }
}

#endif

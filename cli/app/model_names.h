/*
 * Names of published models: ORG/REPO on a hub, the short names of well-known ones, and the folder under which each lies in the
 * store (ORG--REPO). Pure text; nothing here looks at a disk.
 */
#ifndef TL_CLI_APP_MODEL_NAMES_H
#define TL_CLI_APP_MODEL_NAMES_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_MODEL_NAME_SIZE 256

typedef struct tl_known_model {
    const char *name;       /* "clip-vit-b-32" */
    const char *repository; /* "timm/vit_base_patch32_clip_224.openai" */
    const char *summary;    /* one line for people */
} tl_known_model;

/* The sensible default first. */
extern const tl_known_model tl_known_models[];
extern const size_t tl_known_model_count;

const tl_known_model *tl_known_model_find(const char *name);     /* NULL: none of this name */
const tl_known_model *tl_known_model_of(const char *repository); /* the first row of it, or NULL */

typedef struct tl_model_reference {
    const tl_known_model *known;         /* NULL when given as ORG/REPO */
    char repository[TL_MODEL_NAME_SIZE]; /* "ORG/REPO" */
    char revision[TL_MODEL_NAME_SIZE];   /* "main" when none was given */
    char folder[TL_MODEL_NAME_SIZE];     /* "ORG--REPO" */
} tl_model_reference;

/* Reads NAME, ORG/REPO or ORG--REPO, each with or without @REVISION. Any other text is an error that lists what is expected. */
bool tl_model_reference_read(const char *text, tl_model_reference *out, tl_error *err) TL_MUST_USE;
/* True for a text that can be a file in a model folder: letters, digits, '.', '_', '-', no leading dot, at most 200 bytes. */
bool tl_model_file_name_is_plain(const char *name);

#ifdef __cplusplus
}
#endif

#endif

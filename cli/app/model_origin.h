/* origin.json: where a downloaded model folder came from, kept in it. docs/FORMATS.md has the format. */
#ifndef TL_CLI_APP_MODEL_ORIGIN_H
#define TL_CLI_APP_MODEL_ORIGIN_H

#include "base/core/digest.h"
#include "cli/app/model_names.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file as the hub states it. Of sha256 and git_sha1 one is "" before the download: large files have the one, small the other.
 */
typedef struct tl_model_file {
    char name[TL_MODEL_NAME_SIZE];
    uint64_t size;
    char sha256[TL_DIGEST_TEXT_SIZE];
    char git_sha1[TL_DIGEST_TEXT_SIZE];
    char repository[TL_MODEL_NAME_SIZE]; /* "" the model's own; a tokenizer may be another's */
    char revision[TL_DIGEST_TEXT_SIZE];  /* with repository */
} tl_model_file;

typedef struct tl_model_file_list {
    tl_model_file *items;
    size_t count;
    size_t capacity;
} tl_model_file_list;

/* Texts are "" where unknown. */
typedef struct tl_model_origin {
    char repository[TL_MODEL_NAME_SIZE];
    char revision[TL_DIGEST_TEXT_SIZE]; /* the commit */
    char requested[TL_MODEL_NAME_SIZE]; /* the branch, tag or commit that was asked for */
    char endpoint[TL_MODEL_NAME_SIZE];
    char license[TL_MODEL_NAME_SIZE]; /* the word that the repository states */
    char dialect[16];                 /* "open_clip" or "transformers" */
    char family[64];                  /* as it opened after the download */
    uint64_t parameter_count;
    int64_t downloaded; /* seconds since 1970-01-01 UTC */
    tl_model_file_list files;
} tl_model_origin;

bool tl_model_file_list_add(tl_model_file_list *list, const tl_model_file *file, tl_error *err) TL_MUST_USE;
const tl_model_file *tl_model_file_list_find(const tl_model_file_list *list, const char *name); /* NULL: none */
uint64_t tl_model_file_list_size(const tl_model_file_list *list);                               /* bytes of all files */
void tl_model_file_list_clear(tl_model_file_list *list);

/* A folder without the file: TL_ERROR_NOT_FOUND. out is to be cleared after true. */
bool tl_model_origin_read(const char *directory, tl_model_origin *out, tl_error *err) TL_MUST_USE;
bool tl_model_origin_write(const tl_model_origin *origin, const char *directory, tl_error *err) TL_MUST_USE;
void tl_model_origin_clear(tl_model_origin *origin);

#ifdef __cplusplus
}
#endif

#endif

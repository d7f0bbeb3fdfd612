/*
 * The dialects of model folders: folder.c tells which one a folder speaks, transformers.c and open_clip.c open its tokenizer as
 * that framework would. open_clip's HFTokenizer wraps a tokenizer of transformers, so the latter is opened in steps.
 */
#ifndef TL_TOKENIZER_FOLDERS_FOLDER_INTERNAL_H
#define TL_TOKENIZER_FOLDERS_FOLDER_INTERNAL_H

#include "base/io/json.h"
#include "tokenizer/clip/clip_bpe.h"
#include "tokenizer/folders/settings_internal.h"
#include "tokenizer/recipe.h"

/* Without an allocation, so that exhausted memory never looks like a missing file. */
bool tl_folder__has_file(const char *directory, const char *name);
/* Reads a configuration; NULL in *out where there is no such file. */
bool tl_folder__read_config(const char *directory, const char *name, tl_json **out, tl_error *err) TL_MUST_USE;
/* CLIP's vocabulary, from whichever of its files are there. */
bool tl_folder__read_clip(const char *directory, tl_clip_dialect dialect, const char *unknown, tl_clip **out,
                          char fingerprint[33], tl_error *err) TL_MUST_USE;

bool tl_folder__open_transformers(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err) TL_MUST_USE;
bool tl_folder__open_open_clip(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err) TL_MUST_USE;

/* A folder of the transformers dialect while its tokenizer is opened. */
typedef struct tl_published_folder {
    const char *directory;
    const struct tl_tokenizer_class *own;
    tl_tokenizer_settings settings;
    tl_vocabulary vocabulary; /* kind NULL: not open */
    tl_clip *clip;            /* its state, when it is CLIP's */
    int32_t role_ids[TL_ROLE_COUNT];
} tl_published_folder;

/* Opens the vocabulary of folder->directory and sets what surrounds it in the recipe. Cleared also on failure. */
bool tl_published_folder__open(tl_published_folder *self, tl_tokenizer_recipe *recipe, tl_error *err) TL_MUST_USE;
/* The tokenizer; takes the vocabulary over, also on failure. */
bool tl_published_folder__finish(tl_published_folder *self, const tl_tokenizer_recipe *recipe, tl_tokenizer **out,
                                 tl_error *err) TL_MUST_USE;
void tl_published_folder__clear(tl_published_folder *self);

#endif

/* A model folder as one thing: towers, recipe and tokenizer, opened together and shared read-only. */
#ifndef TL_CLI_APP_MODEL_BUNDLE_H
#define TL_CLI_APP_MODEL_BUNDLE_H

#include "cli/app/runtime.h"
#include "encoders/encoders.h"
#include "tokenizer/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_model_bundle {
    tl_model *model;
    tl_tokenizer *tokenizer;
    const tl_model_info *info; /* borrowed from model */
    tl_precision precision;    /* of the products, for embedders; f32 after opening */
    char fingerprint[33];      /* of weights, config, recipe and vocabulary: what vectors are stored under */
    char name[96];             /* last part of the folder's path, for people */
} tl_model_bundle;

/* The tokenizer's vocabulary must be the one the text tower was made for. */
bool tl_model_bundle_open(const char *directory, tl_model_bundle *out, tl_error *err) TL_MUST_USE;
/* The model given by option, else the runtime's default (tl_runtime_model_path). */
bool tl_model_bundle_open_chosen(const tl_runtime *runtime, const char *given, tl_model_bundle *out, tl_error *err) TL_MUST_USE;
void tl_model_bundle_close(tl_model_bundle *bundle);

#ifdef __cplusplus
}
#endif

#endif

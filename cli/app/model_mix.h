/* New model folders out of others: weights between two models of the same sizes, and one model in another framework's words or in
 * another number type. A folder appears whole or not at all. */
#ifndef TL_CLI_APP_MODEL_MIX_H
#define TL_CLI_APP_MODEL_MIX_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_model_convert_options {
    const char *to;    /* "twinlens", "open_clip", "transformers"; NULL: as the folder is */
    const char *dtype; /* "f32", "f16", "bf16"; NULL: the narrowest that loses nothing */
} tl_model_convert_options;

enum { TL_CONVERT_WARNING_SIZE = 256 };

/* (1 - weight) first + weight second, with the first one's vocabulary; out_directory must not be there, or be empty. */
bool tl_model_mix(const char *first, const char *second, double weight, const char *out_directory, tl_error *err) TL_MUST_USE;
/* The vocabulary's files are copied as they are: a framework reads those that are its own. warning: "" or what a user of the
 * folder has to know. */
bool tl_model_convert(const char *model, const tl_model_convert_options *options, const char *out_directory,
                      char warning[TL_CONVERT_WARNING_SIZE], tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

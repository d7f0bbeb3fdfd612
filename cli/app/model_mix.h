/* New model folders out of others: weights between two models of the same sizes, and one model in another framework's words. */
#ifndef TL_CLI_APP_MODEL_MIX_H
#define TL_CLI_APP_MODEL_MIX_H

#include "encoders/encoders.h"

#ifdef __cplusplus
extern "C" {
#endif

/* (1 - weight) first + weight second, with the first one's vocabulary; out_directory must not hold a model. */
bool tl_model_mix(const char *first, const char *second, double weight, const char *out_directory, tl_error *err) TL_MUST_USE;
/* The vocabulary's files are copied as they are: a framework reads those that are its own. */
bool tl_model_convert(const char *model, tl_model_format format, const char *out_directory, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

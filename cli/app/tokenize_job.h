/* Texts to pieces and ids, and ids to text, with the tokenizer of a model folder or a tokenizer.model file. */
#ifndef TL_CLI_APP_TOKENIZE_JOB_H
#define TL_CLI_APP_TOKENIZE_JOB_H

#include "tokenizer/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* path: a tokenizer.model file, or a folder that tl_tokenizer_open_folder opens. */
bool tl_tokenize_open(const char *path, tl_tokenizer **out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

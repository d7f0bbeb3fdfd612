/* The model that comes with the program, which answers where nobody has chosen one. */
#ifndef TL_CLI_APP_SHIPPED_MODEL_H
#define TL_CLI_APP_SHIPPED_MODEL_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_SHIPPED_MODEL "twinlens-small"

/* Its folder (a new string), or NULL in *directory where it lies neither beside the running program nor where it was installed.
 */
bool tl_shipped_model_find(char **directory, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/*
 * Settles which GELU a foreign model was trained with: what the user said (twinlens.json), else what its published name is known
 * for, else what its configuration says. Within encoders only.
 */
#ifndef TL_ENCODERS_FAMILIES_ACTIVATION_H
#define TL_ENCODERS_FAMILIES_ACTIVATION_H

#include "encoders/families/family.h"

#define TL_MODEL_CHOICES_FILE "twinlens.json" /* {"activation": "quick_gelu"}: what a user decided about somebody's folder */

enum { TL_MODEL_WARNING_SIZE = 320 };

/* Sets both towers' activation in config, the image tower's unless the family says it has its own. warning: "" or a sentence for
 * the user. choices may be NULL. *is_by_name: it is neither what the configuration nor what a choice says, so that the same files
 * under another name make other vectors. */
bool tl_activation_settle(const char *directory, const tl_family *family, const tl_json *family_config, const tl_json *choices,
                          tl_model_config *config, bool *is_by_name, char warning[TL_MODEL_WARNING_SIZE],
                          tl_error *err) TL_MUST_USE;

#endif

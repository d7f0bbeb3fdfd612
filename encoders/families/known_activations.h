/*
 * Which activation a published model was trained with, by its name: the one thing that neither shapes nor, in some copies, the
 * configuration tells, and that is not seen in the answers, which only get worse. Within encoders only.
 */
#ifndef TL_ENCODERS_FAMILIES_KNOWN_ACTIVATIONS_H
#define TL_ENCODERS_FAMILIES_KNOWN_ACTIVATIONS_H

#include "encoders/model_config.h"

/* name: "ORG/REPO", or the folder it was downloaded to: a path with a part "REPO", "ORG--REPO" or "models--ORG--REPO". *known is
 * borrowed. False: not a name we know. */
bool tl_known_activation_find(const char *name, const char **known, tl_activation *out);

#endif

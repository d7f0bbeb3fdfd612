/* The verbs of 'twinlens model' that have a file of their own. */
#ifndef TL_CLI_COMMANDS_MODEL_INTERNAL_H
#define TL_CLI_COMMANDS_MODEL_INTERNAL_H

#include "cli/commands/command.h"

/* given: a folder, a name, or NULL for the default model. */
bool tl_model_command__inspect(tl_command_call *call, const char *given, bool with_tensors, bool as_json,
                               tl_error *err) TL_MUST_USE;
bool tl_model_command__list(const tl_command_call *call, bool as_json, tl_error *err) TL_MUST_USE;

#endif

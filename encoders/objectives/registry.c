/* The objectives there are; the first is the default. */
#include "encoders/objectives/objective.h"

#include <stdio.h>
#include <string.h>

static const tl_objective *const objectives[] = {&tl_objective_contrastive, &tl_objective_sigmoid};

const tl_objective *tl_objective_find(const char *name, tl_error *err)
{
    char names[128] = "";
    if (name == NULL)
        return objectives[0];
    for (size_t i = 0; i < sizeof objectives / sizeof objectives[0]; i++) {
        if (strcmp(objectives[i]->name, name) == 0)
            return objectives[i];
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s'%s'", i == 0 ? "" : " or ", objectives[i]->name);
    }
    if (!tl_fail(err, TL_ERROR_INVALID, "loss: expected %s, found '%.40s'", names, name))
        return NULL;
    return NULL;
}

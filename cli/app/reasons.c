#include "cli/app/reasons.h"

#include <stdio.h>
#include <string.h>

void tl_reasons_add(tl_reasons *reasons, const char *reason, const char *origin)
{
    reasons->total++;
    char text[sizeof reasons->items[0].reason];
    snprintf(text, sizeof text, "%s", reason);
    size_t i = 0;
    while (i < reasons->count && strcmp(reasons->items[i].reason, text) != 0)
        i++;
    if (i == reasons->count && i == TL_REASON_KINDS - 1)
        snprintf(text, sizeof text, "other");
    if (i == TL_REASON_KINDS)
        i--;
    if (i == reasons->count) {
        tl_reason_count *added = &reasons->items[reasons->count++];
        snprintf(added->reason, sizeof added->reason, "%s", text);
        snprintf(added->example, sizeof added->example, "%s", origin);
        added->count = 0;
    }
    reasons->items[i].count++;
}

/* The lines of a text. */
#ifndef TL_BASE_CORE_LINES_H
#define TL_BASE_CORE_LINES_H

#include "base/core/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Takes the next line, without its LF or CRLF, off the rest of a text; false where the text has ended. */
bool tl_lines_next(tl_slice *rest, tl_slice *line);

#ifdef __cplusplus
}
#endif

#endif

/* A progress line on stderr: only when that is a terminal, only after a second, with rate and time left. */
#ifndef TL_CLI_PROGRESS_H
#define TL_CLI_PROGRESS_H

#include "base/core/progress.h"

typedef struct tl_progress_line {
    const char *unit; /* "pictures" */
    bool enabled;
    bool shown;
    double started; /* of the clock; 0: nothing reported yet */
    double last_drawn;
    uint64_t first_done; /* done at the first report: a resumed job does not count what it skipped as speed */
} tl_progress_line;

/* progress->context points to line: keep both alive for the job. Wires Ctrl-C: the first one asks the job to stop, a second one
 * ends the process. */
void tl_progress_line_start(tl_progress_line *line, const char *unit, tl_progress *progress);
/* Wipes the line, so that results or an error start on a clean one. */
void tl_progress_line_end(tl_progress_line *line);

#endif

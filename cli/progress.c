/* Draws at most ten times a second; the signal handler only sets a flag. */
#include "cli/progress.h"

#include "base/core/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

static bool was_cancelled(void *context)
{
    (void)context;
    return stop_requested != 0;
}

static void format_duration(double seconds, char *text, size_t size)
{
    unsigned long whole = (unsigned long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, size, "%luh%02lum", whole / 3600, whole / 60 % 60);
    else if (whole >= 60)
        snprintf(text, size, "%lum%02lus", whole / 60, whole % 60);
    else
        snprintf(text, size, "%lus", whole);
}

static void begin(void *context, const char *unit)
{
    tl_progress_line *line = context;
    line->unit = unit;
    line->started = 0;
    line->last_drawn = 0;
}

static void draw(void *context, uint64_t done, uint64_t total, const char *note)
{
    tl_progress_line *line = context;
    double now = tl_clock_seconds();
    if (line->started == 0) {
        line->started = now;
        line->first_done = done;
    }
    if (!line->enabled || now - line->started < 1.0 || now - line->last_drawn < 0.1)
        return;
    line->last_drawn = now;
    double rate = (double)(done - line->first_done) / (now - line->started);
    char left[32] = "";
    if (total > done && rate > 0)
        format_duration((double)(total - done) / rate, left, sizeof left);
    char text[200];
    int used = total != 0 ? snprintf(text, sizeof text, "%llu of %llu %s", (unsigned long long)done, (unsigned long long)total,
                                     line->unit)
                          : snprintf(text, sizeof text, "%llu %s", (unsigned long long)done, line->unit);
    if (used > 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ", %.1f/s%s%s%s%s%s", rate, left[0] != '\0' ? ", " : "", left,
                 left[0] != '\0' ? " left" : "", note != NULL ? ", " : "", note != NULL ? note : "");
    fprintf(stderr, "\r\033[K%s", text);
    fflush(stderr);
    line->shown = true;
}

void tl_progress_line_start(tl_progress_line *line, const char *unit, tl_progress *progress)
{
    *line = (tl_progress_line){.unit = unit, .enabled = isatty(STDERR_FILENO) == 1};
    *progress = (tl_progress){line, begin, draw, was_cancelled};
    /* SA_RESETHAND: the second Ctrl-C has the system's meaning, should a job fail to stop. */
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = request_stop;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void tl_progress_line_end(tl_progress_line *line)
{
    if (line->shown)
        fprintf(stderr, "\r\033[K");
    line->shown = false;
}

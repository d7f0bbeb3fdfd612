/* Seconds of processor time of this process, all threads together: what a loaded machine disturbs least. */
#ifndef TL_TESTS_BENCH_PROCESSOR_TIME_H
#define TL_TESTS_BENCH_PROCESSOR_TIME_H

#include <time.h>

static inline double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif

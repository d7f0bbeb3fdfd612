/* Time for measuring and for display; nothing in the library decides by it, save deadlines and politeness on the net. */
#ifndef TL_BASE_CORE_CLOCK_H
#define TL_BASE_CORE_CLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/* Seconds of a clock that never goes back. */
double tl_clock_seconds(void);

#ifdef __cplusplus
}
#endif

#endif

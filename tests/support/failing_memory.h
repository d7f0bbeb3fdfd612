/* Allocation failures on demand, for a test that includes failing_memory.c. */
#ifndef TL_TESTS_SUPPORT_FAILING_MEMORY_H
#define TL_TESTS_SUPPORT_FAILING_MEMORY_H

#include <stddef.h>

/* From now on the number-th allocation fails (1 is the next), once; 0: none, only counting. */
void failing_memory_arm(size_t number);
/* No further failure; how many allocations were asked for since arming. */
size_t failing_memory_disarm(void);

#endif

/* The version of program, library and extension. */
#ifndef TL_BASE_CORE_VERSION_H
#define TL_BASE_CORE_VERSION_H

#define TL_VERSION "0.1.0"

#endif

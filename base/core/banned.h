/* Force-included into every C file of the library: calls that have a safe twin do not compile. */
#ifndef TL_BASE_CORE_BANNED_H
#define TL_BASE_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TL_BANNED(call) sorry_##call##_is_banned_here

#undef strcpy
#define strcpy(...) TL_BANNED(strcpy)
#undef strcat
#define strcat(...) TL_BANNED(strcat)
#undef strncpy
#define strncpy(...) TL_BANNED(strncpy)
#undef strncat
#define strncat(...) TL_BANNED(strncat)
#undef sprintf
#define sprintf(...) TL_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) TL_BANNED(vsprintf)
#undef strtok
#define strtok(...) TL_BANNED(strtok)
#undef atoi
#define atoi(...) TL_BANNED(atoi)
#undef atof
#define atof(...) TL_BANNED(atof)
#undef rand
#define rand(...) TL_BANNED(rand)
#undef alloca
#define alloca(...) TL_BANNED(alloca)

#endif

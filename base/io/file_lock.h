/* Keeping other processes out, by a file that is there for nothing else. */
#ifndef TL_BASE_IO_FILE_LOCK_H
#define TL_BASE_IO_FILE_LOCK_H

#include "base/core/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Locks path, made when missing (a link is refused), until it is released or this process ends, however it ends. *file is -1
 * where another process has it.
 */
bool tl_file_lock(const char *path, int *file, tl_error *err) TL_MUST_USE;
/* -1 is fine. */
void tl_file_unlock(int file);

#ifdef __cplusplus
}
#endif

#endif

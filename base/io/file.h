/* Whole files in, atomic files out. Paths are UTF-8 bytes as the system gave them. */
#ifndef TL_BASE_IO_FILE_H
#define TL_BASE_IO_FILE_H

#include "base/core/error.h"
#include "base/core/slice.h"
#include "base/core/string.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_file_kind { TL_FILE_MISSING, TL_FILE_REGULAR, TL_FILE_DIRECTORY, TL_FILE_OTHER } tl_file_kind;

typedef struct tl_file_status {
    tl_file_kind kind;   /* links are followed */
    uint64_t size;       /* bytes */
    int64_t modified_ns; /* nanoseconds since 1970-01-01 UTC */
} tl_file_status;

/* A path that does not exist is kind TL_FILE_MISSING, not an error. */
bool tl_file_status_read(const char *path, tl_file_status *out, tl_error *err) TL_MUST_USE;
/* Appends the whole file to bytes, at most up to the string's ceiling; errors name the file. */
bool tl_file_read(const char *path, tl_string *bytes, tl_error *err) TL_MUST_USE;
/* Replaces path by these bytes: temporary file beside it, fsync, rename, fsync of the folder. On failure the old file stays. */
bool tl_file_replace(const char *path, tl_slice bytes, tl_error *err) TL_MUST_USE;
/* Creates the folder and its missing parents (mode 0777 less umask). An existing folder is fine. */
bool tl_directory_create(const char *path, tl_error *err) TL_MUST_USE;
/* Deletes a folder and all in it; a missing one is fine. Links are unlinked, not followed. */
bool tl_directory_remove(const char *path, tl_error *err) TL_MUST_USE;
/* fsync of a folder, so that a rename in it survives a power cut. */
bool tl_directory_sync(const char *path, tl_error *err) TL_MUST_USE;

/* The names in a folder but for "." and "..", in the system's order. */
typedef struct tl_directory_listing {
    void *stream;     /* DIR; NULL: a folder that is not there */
    const char *path; /* lent */
    int problem;      /* errno where reading broke off */
} tl_directory_listing;

/* path must live as long as the listing. An opened listing must be closed. */
bool tl_directory_open(const char *path, tl_directory_listing *out, tl_error *err) TL_MUST_USE;
/* The same, where a folder that is not there has no names. */
bool tl_directory_open_if_there(const char *path, tl_directory_listing *out, tl_error *err) TL_MUST_USE;
/* The next name, which lives until the next call; NULL: there is none, or reading broke off, which closing tells. */
const char *tl_directory_next(tl_directory_listing *listing);
/* For fstatat() and its kin; the listing's own. */
int tl_directory_descriptor(const tl_directory_listing *listing);
/* Closes it. ok: how the caller fared. False with err where reading broke off; where ok is false already, err stays as it is. */
bool tl_directory_close(tl_directory_listing *listing, bool ok, tl_error *err) TL_MUST_USE;

/* The absolute path without links; a new string owned by the caller; NULL with err when it does not exist. */
char *tl_path_resolve(const char *path, tl_error *err) TL_MUST_USE;

/* Streaming writer of one file that appears only on commit. */
typedef struct tl_file_writer tl_file_writer;
bool tl_file_writer_open(const char *path, tl_file_writer **out, tl_error *err) TL_MUST_USE;
bool tl_file_writer_write(tl_file_writer *writer, const void *bytes, size_t size, tl_error *err) TL_MUST_USE;
/* fsync + rename; the writer must still be closed. */
bool tl_file_writer_commit(tl_file_writer *writer, tl_error *err) TL_MUST_USE;
/* Without a commit before it, removes the temporary file. */
void tl_file_writer_close(tl_file_writer *writer);

#ifdef __cplusplus
}
#endif

#endif

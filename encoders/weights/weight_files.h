/*
 * The tensors of a model as one set, from one safetensors file or from the several that an index names
 * ("model.safetensors.index.json": {"metadata": ..., "weight_map": {tensor: file}}). Files are mapped, nothing is copied, nothing
 * is trusted. Within encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_WEIGHT_FILES_H
#define TL_ENCODERS_WEIGHTS_WEIGHT_FILES_H

#include "encoders/weights/safetensors.h"

typedef struct tl_weight_files tl_weight_files;

typedef struct tl_weight_bytes {
    const char *name;
    tl_slice bytes;
} tl_weight_bytes;

/*
 * *name: the first of the candidates that the folder has, borrowed from them. When it has none, the error says what was expected
 * and, when there are weights of another format (a pickle is never read), how to get a safetensors file.
 */
bool tl_weight_files_choose(const char *directory, const char *const *candidates, size_t count, const char **name,
                            tl_error *err) TL_MUST_USE;

/*
 * name: a safetensors file, or an index by its ending ".json". Every file of an index lies in the folder itself, each tensor is
 * in exactly the file that the index says, and no file has another. Files must not shrink meanwhile.
 */
bool tl_weight_files_open(const char *directory, const char *name, tl_weight_files **out, tl_error *err) TL_MUST_USE;
/* The same on bytes that the caller keeps until close: [0] is what tl_weight_files_open would be given, the others what it may
 * name. */
bool tl_weight_files_parse(const tl_weight_bytes *folder, size_t count, tl_weight_files **out, tl_error *err) TL_MUST_USE;
void tl_weight_files_close(tl_weight_files *files);

size_t tl_weight_files_count(const tl_weight_files *files);
const tl_tensor_view *tl_weight_files_item(const tl_weight_files *files, size_t index);     /* file by file, by their bytes */
const tl_tensor_view *tl_weight_files_find(const tl_weight_files *files, const char *name); /* NULL when there is none */
/*
 * The values at an address that suits their type: in place, or, of a tensor that lies unaligned in its file, a copy that is made
 * once and kept as long as the set. view: of this set. One thread at a time.
 */
const void *tl_weight_files_values(tl_weight_files *files, const tl_tensor_view *view, tl_error *err) TL_MUST_USE;

/* Tells the system that the files' pages need not stay in the process's memory for now; they are there again when touched. */
void tl_weight_files_release(const tl_weight_files *files);

/* What the set was read from: the index, if there is one, then the files in the order in which the index first names them. */
size_t tl_weight_files_file_count(const tl_weight_files *files);
const char *tl_weight_files_file_name(const tl_weight_files *files, size_t index);             /* without the folder */
tl_slice tl_weight_files_file_view(const tl_weight_files *files, size_t index);                /* all its bytes */
tl_file_status tl_weight_files_file_status(const tl_weight_files *files, size_t index);        /* as before it was opened */
const char *tl_weight_files_file_of(const tl_weight_files *files, const tl_tensor_view *view); /* its name, for errors */

#endif

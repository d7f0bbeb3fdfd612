/*
 * The safetensors container (huggingface/safetensors, format of 2022): 8 bytes little-endian header size, a JSON header of names,
 * types, shapes and offsets, then the bytes. Reading makes views into a mapped file and trusts nothing; writing streams f32.
 * Within encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_SAFETENSORS_H
#define TL_ENCODERS_WEIGHTS_SAFETENSORS_H

#include "base/core/hash.h"
#include "base/core/slice.h"
#include "base/io/file.h"

#include <stdint.h>

#define TL_TENSOR_MAX_RANK 8

/* Types with arithmetic here; every other type of the format is read as TL_TENSOR_OTHER, so that an error can name it. */
typedef enum tl_tensor_type { TL_TENSOR_F32, TL_TENSOR_F16, TL_TENSOR_BF16, TL_TENSOR_OTHER } tl_tensor_type;

typedef struct tl_tensor_view {
    const char *name; /* borrowed from the file's object, UTF-8 */
    tl_tensor_type type;
    const char *type_name; /* "F32", ...: static */
    uint32_t rank;
    size_t shape[TL_TENSOR_MAX_RANK]; /* row-major */
    size_t count;                     /* product of shape, 1 for rank 0 */
    tl_slice bytes;                   /* count items; may be unaligned: ask tl_tensor_view_floats */
} tl_tensor_view;

typedef struct tl_safetensors tl_safetensors;

/* Maps the file, which must not shrink meanwhile. Errors name it. */
bool tl_safetensors_open(const char *path, tl_safetensors **out, tl_error *err) TL_MUST_USE;
/* The same on bytes that the caller keeps until close; `name` is what errors call them. */
bool tl_safetensors_parse(tl_slice bytes, const char *name, tl_safetensors **out, tl_error *err) TL_MUST_USE;
void tl_safetensors_close(tl_safetensors *file);
/* The mapping's pages need not stay in memory for now. */
void tl_safetensors_release(const tl_safetensors *file);

size_t tl_safetensors_count(const tl_safetensors *file);
const tl_tensor_view *tl_safetensors_item(const tl_safetensors *file, size_t index);     /* in the order of the bytes */
const tl_tensor_view *tl_safetensors_find(const tl_safetensors *file, const char *name); /* NULL when there is none */
tl_slice tl_safetensors_bytes(const tl_safetensors *file);                               /* the whole file */

/* The values in place, or NULL when the type is not f32 or the place is not aligned for it. */
const float *tl_tensor_view_floats(const tl_tensor_view *view);
/* Checks type, place and shape of a tensor that must be there and returns its values; errors name tensor, expected, found. */
const float *tl_safetensors_expect(const tl_safetensors *file, const char *name, uint32_t rank, const size_t *shape,
                                   tl_error *err) TL_MUST_USE;

typedef struct tl_tensor_source {
    const char *name;
    uint32_t rank;
    const size_t *shape;
    const float *values;   /* of tl_safetensors_write; others are written by the caller */
    const char *type_name; /* as files say it, static; NULL: "F32" */
    uint64_t size;         /* bytes; 0: of f32 */
} tl_tensor_source;

/*
 * Writes a whole file, values in the order given, first value at a multiple of 64 bytes. hasher, if not NULL, is fed every byte;
 * *size, if not NULL, is their number.
 */
bool tl_safetensors_write(tl_file_writer *writer, const tl_tensor_source *tensors, size_t count, tl_hasher *hasher,
                          uint64_t *size, tl_error *err) TL_MUST_USE;
/* The part before the values: what follows is for the caller to write, tensor by tensor, size bytes each. */
bool tl_safetensors_write_header(tl_file_writer *writer, const tl_tensor_source *tensors, size_t count,
                                 tl_error *err) TL_MUST_USE;

#endif

/* NumPy's .npy files of two dimensions: numbers of half or single precision, little-endian, row after row. */
#ifndef TL_BASE_IO_NPY_H
#define TL_BASE_IO_NPY_H

#include "base/core/slice.h"
#include "base/io/file.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_npy_type { TL_NPY_F16, TL_NPY_F32 } tl_npy_type;

typedef struct tl_npy {
    tl_npy_type type;
    size_t rows, columns;
    const uint8_t *numbers; /* [rows, columns]; borrowed from the bytes, of any alignment */
} tl_npy;

/* Versions 1 to 3 of the format. Other types, Fortran's order, one dimension or three: TL_ERROR_UNSUPPORTED. name: for messages.
 */
bool tl_npy_read(tl_slice bytes, const char *name, tl_npy *out, tl_error *err) TL_MUST_USE;
/* The header of a file of that many rows; the numbers follow it. */
bool tl_npy_write_header(tl_file_writer *writer, tl_npy_type type, size_t rows, size_t columns, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

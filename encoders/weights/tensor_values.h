/* Values of a tensor on their way into a file of another type. Within encoders only. */
#ifndef TL_ENCODERS_WEIGHTS_TENSOR_VALUES_H
#define TL_ENCODERS_WEIGHTS_TENSOR_VALUES_H

#include "base/compute/weight.h"
#include "base/io/file.h"

enum { TL_NARROWED_AT_ONCE = 1 << 16 };

/* As safetensors say it, static. */
const char *tl_dtype_tensor_name(tl_dtype dtype);
/* Writes values [count] as dtype; narrow: room for TL_NARROWED_AT_ONCE numbers. A value that the type cannot hold is an error
 * that names the tensor. */
bool tl_tensor_values_write(tl_file_writer *writer, const char *name, tl_dtype dtype, const float *values, size_t count,
                            uint16_t *narrow, tl_error *err) TL_MUST_USE;

#endif

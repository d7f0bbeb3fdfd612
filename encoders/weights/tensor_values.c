/* Piece by piece through the caller's buffer, so that a large tensor takes no memory of its own. */
#include "encoders/weights/tensor_values.h"

const char *tl_dtype_tensor_name(tl_dtype dtype)
{
    static const char *const names[] = {[TL_F32] = "F32", [TL_F16] = "F16", [TL_BF16] = "BF16"};
    return names[dtype];
}

bool tl_tensor_values_write(tl_file_writer *writer, const char *name, tl_dtype dtype, const float *values, size_t count,
                            uint16_t *narrow, tl_error *err)
{
    if (dtype == TL_F32)
        return tl_file_writer_write(writer, values, count * sizeof *values, err);
    for (size_t at = 0; at < count;) {
        const size_t size = count - at < TL_NARROWED_AT_ONCE ? count - at : TL_NARROWED_AT_ONCE;
        tl_narrow(dtype, values + at, size, narrow);
        const size_t bad = tl_find_not_finite(dtype, narrow, size);
        if (bad != size)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "tensor '%.120s': expected numbers that %s holds, found %g", name,
                           tl_dtype_tensor_name(dtype), (double)values[at + bad]);
        if (!tl_file_writer_write(writer, narrow, size * sizeof *narrow, err))
            return false;
        at += size;
    }
    return true;
}

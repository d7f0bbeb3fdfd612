/* A .npy file of any bytes: an error, or numbers that lie in it. */
#include "base/io/npy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_npy npy;
    if (!tl_npy_read((tl_slice){(const char *)data, size}, "fuzzed", &npy, NULL))
        return 0;
    size_t bytes = npy.rows * npy.columns * (npy.type == TL_NPY_F16 ? 2 : 4);
    if (npy.numbers < data || npy.numbers > data + size || bytes != size - (size_t)(npy.numbers - data))
        abort();
    return 0;
}

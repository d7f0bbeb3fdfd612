/* encoders/weights/safetensors over arbitrary bytes: every view that is accepted lies inside the file and can be read to its end.
 */
#include "encoders/weights/safetensors.h"

static unsigned sum_bytes(tl_slice bytes)
{
    unsigned sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += (unsigned char)bytes.data[i];
    return sum;
}

static void check_view(const tl_safetensors *file, tl_slice whole, const tl_tensor_view *view, size_t *reached)
{
    TL_ASSERT(view->bytes.data >= whole.data && view->bytes.size <= whole.size);
    size_t end = (size_t)(view->bytes.data - whole.data) + view->bytes.size;
    TL_ASSERT(end <= whole.size && end >= *reached);
    *reached = end;
    size_t count = 1;
    for (uint32_t i = 0; i < view->rank; i++)
        count *= view->shape[i];
    TL_ASSERT(count == view->count);
    TL_ASSERT(tl_safetensors_find(file, view->name) == view);
    const float *values = tl_tensor_view_floats(view);
    float largest = 0.0F;
    for (size_t i = 0; values != NULL && i < view->count; i++)
        largest = values[i] > largest ? values[i] : largest;
    TL_ASSERT(largest >= 0.0F && sum_bytes(view->bytes) + 1 != 0);
    tl_error err;
    if (tl_safetensors_expect(file, view->name, view->rank, view->shape, &err) == NULL)
        TL_ASSERT(err.kind == TL_ERROR_UNSUPPORTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_safetensors *file = NULL;
    tl_slice whole = {(const char *)data, size};
    if (!tl_safetensors_parse(whole, "input", &file, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return 0;
    }
    size_t reached = 0;
    for (size_t i = 0; i < tl_safetensors_count(file); i++)
        check_view(file, whole, tl_safetensors_item(file, i), &reached);
    TL_ASSERT(tl_safetensors_count(file) == 0 || reached == size);
    TL_ASSERT(tl_safetensors_find(file, "no such tensor, surely") == NULL || tl_safetensors_count(file) != 0);
    tl_safetensors_close(file);
    return 0;
}

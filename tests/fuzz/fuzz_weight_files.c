/*
 * encoders/weights/weight_files over a folder of arbitrary bytes: what is accepted is one set, each tensor once, in one file,
 * readable to its end at an address that suits it. Input: sizes of the index and of the first shard, 16 bits little-endian each,
 * then the index, the first shard, and the second. An index of no bytes: the first shard alone is the model.
 */
#include "encoders/weights/weight_files.h"

static tl_slice take(tl_slice *rest, size_t size)
{
    tl_slice taken = {rest->data, size < rest->size ? size : rest->size};
    rest->data += taken.size;
    rest->size -= taken.size;
    return taken;
}

static void check_item(tl_weight_files *files, const tl_tensor_view *view)
{
    const char *name = tl_weight_files_file_of(files, view);
    size_t holders = 0;
    for (size_t i = 0; i < tl_weight_files_file_count(files); i++) {
        tl_slice bytes = tl_weight_files_file_view(files, i);
        bool holds = view->bytes.data >= bytes.data && view->bytes.data + view->bytes.size <= bytes.data + bytes.size;
        holders += holds && strcmp(tl_weight_files_file_name(files, i), name) == 0;
    }
    TL_ASSERT(holders == 1);
    TL_ASSERT(tl_weight_files_find(files, view->name) == view);
    const char *values = tl_weight_files_values(files, view, NULL);
    TL_ASSERT(values != NULL && (uintptr_t)values % (view->type == TL_TENSOR_F32 ? 4 : 2) == 0);
    TL_ASSERT(view->bytes.size == 0 || memcmp(values, view->bytes.data, view->bytes.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    tl_slice rest = {(const char *)data + 4, size - 4};
    tl_slice index = take(&rest, data[0] | (size_t)data[1] << 8), first = take(&rest, data[2] | (size_t)data[3] << 8);
    const tl_weight_bytes folder[] = {{"model.safetensors.index.json", index}, {"1.safetensors", first}, {"2.safetensors", rest}};
    tl_error err;
    tl_weight_files *files;
    const bool is_single = index.size == 0;
    if (!tl_weight_files_parse(is_single ? folder + 1 : folder, is_single ? 1 : 3, &files, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT || err.kind == TL_ERROR_UNSUPPORTED || err.kind == TL_ERROR_NOT_FOUND);
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return 0;
    }
    size_t count = tl_weight_files_count(files);
    for (size_t i = 0; i < count; i++)
        check_item(files, tl_weight_files_item(files, i));
    TL_ASSERT(tl_weight_files_item(files, count) == NULL);
    tl_weight_files_close(files);
    return 0;
}

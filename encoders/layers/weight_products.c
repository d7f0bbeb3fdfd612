/* Tiles are runs of rows of the gradient: all of x is read for each, so they must not be thin. In bf16, where rounding a factor
 * takes as long as multiplying by it, they are larger. */
#include "encoders/layers/weight_products.h"

#include "base/compute/compute.h"
#include "base/compute/packed.h"

enum { TILE_ROWS = 256, BF16_TILE_ROWS = 512, BF16_TILE_COLUMNS = 1024 };

static size_t part_count(size_t size, size_t part)
{
    return (size + part - 1) / part;
}

static size_t part_size(size_t size, size_t part, size_t first)
{
    return size - first < part ? size - first : part;
}

size_t tl_weight_product_tile_count(const tl_weight_product *product)
{
    if (product->in_bf16)
        return part_count(product->out, BF16_TILE_ROWS) * part_count(product->in, BF16_TILE_COLUMNS);
    return part_count(product->out, TILE_ROWS);
}

size_t tl_weight_product_scratch_count(void)
{
    return tl_outer_scratch_size(BF16_TILE_ROWS, BF16_TILE_COLUMNS) / sizeof(float);
}

static const void *advance(tl_dtype dtype, const void *numbers, size_t count)
{
    return (const char *)numbers + count * tl_dtype_size(dtype);
}

static void run_bf16_tile(const tl_weight_product *product, size_t tile, float *scratch)
{
    const size_t across = part_count(product->in, BF16_TILE_COLUMNS);
    const size_t row = tile / across * BF16_TILE_ROWS, column = tile % across * BF16_TILE_COLUMNS;
    const tl_outer_call call = {.m = part_size(product->out, BF16_TILE_ROWS, row),
                                .n = part_size(product->in, BF16_TILE_COLUMNS, column),
                                .k = product->rows,
                                .a = advance(product->dy_dtype, product->dy, row),
                                .a_dtype = product->dy_dtype,
                                .a_row = product->dy_row,
                                .b = advance(product->x_dtype, product->x, column),
                                .b_dtype = product->x_dtype,
                                .b_row = product->in,
                                .c = product->gradient + row * product->in + column,
                                .c_row = product->in};
    tl_outer_bf16(&call, scratch);
}

void tl_weight_product_run_tile(const tl_weight_product *product, size_t tile, float *scratch)
{
    if (product->in_bf16) {
        run_bf16_tile(product, tile, scratch);
        return;
    }
    TL_ASSERT(product->dy_dtype == TL_F32 && product->x_dtype == TL_F32);
    const size_t first = tile * TILE_ROWS, count = part_size(product->out, TILE_ROWS, first);
    tl_matmul_call call = {.transpose_a = true,
                           .m = count,
                           .n = product->in,
                           .k = product->rows,
                           .alpha = 1.0f,
                           .beta = 1.0f,
                           .a = (const float *)product->dy + first,
                           .a_row = product->dy_row,
                           .b = product->x,
                           .b_row = product->in,
                           .c = product->gradient + first * product->in,
                           .c_row = product->in};
    tl_matmul(NULL, &call);
}

void tl_weight_product_run(const tl_weight_product *product, float *scratch)
{
    for (size_t tile = 0; tile < tl_weight_product_tile_count(product); tile++)
        tl_weight_product_run_tile(product, tile, scratch);
}

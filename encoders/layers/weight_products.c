/* Tiles are runs of rows of the gradient: all of x is read for each, so they must not be thin. Where both factors are packed on
 * the way, which in bf16 takes as long as multiplying by them, they are larger. */
#include "encoders/layers/weight_products.h"

#include "base/compute/compute.h"
#include "base/compute/packed.h"

enum { TILE_ROWS = 256, PACKED_TILE_ROWS = 512, PACKED_TILE_COLUMNS = 1024 };

static size_t part_count(size_t size, size_t part)
{
    return (size + part - 1) / part;
}

static size_t part_size(size_t size, size_t part, size_t first)
{
    return size - first < part ? size - first : part;
}

static bool is_packed(const tl_weight_product *product)
{
    return product->in_bf16 || tl_packing_pays();
}

size_t tl_weight_product_tile_count(const tl_weight_product *product)
{
    if (is_packed(product))
        return part_count(product->out, PACKED_TILE_ROWS) * part_count(product->in, PACKED_TILE_COLUMNS);
    return part_count(product->out, TILE_ROWS);
}

size_t tl_weight_product_scratch_count(void)
{
    const size_t f32 = tl_outer_scratch_size(TL_PACKED_F32, PACKED_TILE_ROWS, PACKED_TILE_COLUMNS),
                 bf16 = tl_outer_scratch_size(TL_PACKED_BF16, PACKED_TILE_ROWS, PACKED_TILE_COLUMNS);
    return (f32 > bf16 ? f32 : bf16) / sizeof(float);
}

static const void *advance(tl_dtype dtype, const void *numbers, size_t count)
{
    return (const char *)numbers + count * tl_dtype_size(dtype);
}

static void run_packed_tile(const tl_weight_product *product, size_t tile, float *scratch)
{
    const size_t across = part_count(product->in, PACKED_TILE_COLUMNS);
    const size_t row = tile / across * PACKED_TILE_ROWS, column = tile % across * PACKED_TILE_COLUMNS;
    const tl_outer_call call = {.kind = product->in_bf16 ? TL_PACKED_BF16 : TL_PACKED_F32,
                                .m = part_size(product->out, PACKED_TILE_ROWS, row),
                                .n = part_size(product->in, PACKED_TILE_COLUMNS, column),
                                .k = product->rows,
                                .a = advance(product->dy_dtype, product->dy, row),
                                .a_dtype = product->dy_dtype,
                                .a_row = product->dy_row,
                                .b = advance(product->x_dtype, product->x, column),
                                .b_dtype = product->x_dtype,
                                .b_row = product->in,
                                .c = product->gradient + row * product->in + column,
                                .c_row = product->in};
    tl_outer(&call, scratch);
}

void tl_weight_product_run_tile(const tl_weight_product *product, size_t tile, float *scratch)
{
    if (is_packed(product)) {
        run_packed_tile(product, tile, scratch);
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

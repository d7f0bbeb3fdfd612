/* Tiles are runs of rows of the gradient: all of x is read for each, so they must not be thin. */
#include "encoders/layers/weight_products.h"

#include "base/compute/compute.h"

enum { TILE_ROWS = 256 };

size_t tl_weight_product_tile_count(const tl_weight_product *product)
{
    return (product->out + TILE_ROWS - 1) / TILE_ROWS;
}

void tl_weight_product_run_tile(const tl_weight_product *product, size_t tile)
{
    size_t first = tile * TILE_ROWS;
    size_t count = product->out - first < TILE_ROWS ? product->out - first : TILE_ROWS;
    tl_matmul_call call = {.transpose_a = true,
                           .m = count,
                           .n = product->in,
                           .k = product->rows,
                           .alpha = 1.0f,
                           .beta = 1.0f,
                           .a = product->dy + first,
                           .a_row = product->dy_row,
                           .b = product->x,
                           .b_row = product->in,
                           .c = product->gradient + first * product->in,
                           .c_row = product->in};
    tl_matmul(NULL, &call);
}

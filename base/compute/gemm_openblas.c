/*
 * Large products on OpenBLAS, which is told once to stay on the calling thread: our pool is the only one. A product is cut into
 * tiles of fixed size, so each element comes from the same call whatever the number of threads.
 *
 * OpenBLAS with threads starts one for each processor when it is loaded, and they spin for some 25 ms until they sleep: more than
 * a search takes. So they are ended as soon as we are called.
 */
#include "base/compute/compute.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>

/* A tile has at least so many rows and columns where the product has: smaller ones spend their time on packing. */
enum { TILE_ROWS = 384, TILE_COLUMNS = 768 };
/* Few rows (one picture, one caption): the work is reading b, which shares out well, so that a single item may use several
 * threads. */
enum { FEW_ROWS = 128, TILE_COLUMNS_OF_FEW_ROWS = 192 };

static pthread_once_t started = PTHREAD_ONCE_INIT;

/* Exported by builds with threads of their own, but in no header: what their destructor calls. */
TL_MAY_BE_MISSING int blas_thread_shutdown_(void);

static void stay_on_calling_thread(void)
{
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_ != NULL)
        blas_thread_shutdown_();
}

void tl_compute_start(void)
{
    pthread_once(&started, stay_on_calling_thread);
}

static int blas_size(size_t size)
{
    TL_ASSERT(size <= INT_MAX);
    return (int)size;
}

static void multiply(const tl_matmul_call *call)
{
    cblas_sgemm(CblasRowMajor, call->transpose_a ? CblasTrans : CblasNoTrans, call->transpose_b ? CblasTrans : CblasNoTrans,
                blas_size(call->m), blas_size(call->n), blas_size(call->k), call->alpha, call->a, blas_size(call->a_row), call->b,
                blas_size(call->b_row), call->beta, call->c, blas_size(call->c_row));
}

typedef struct tiling {
    const tl_matmul_call *call;
    size_t tile_rows, tile_columns, tiles_across;
} tiling;

static void multiply_tile(void *context, size_t index, size_t worker)
{
    (void)worker;
    const tiling *work = context;
    tl_matmul_call tile = *work->call;
    size_t row = index / work->tiles_across * work->tile_rows, column = index % work->tiles_across * work->tile_columns;
    tile.m = tile.m - row < work->tile_rows ? tile.m - row : work->tile_rows;
    tile.n = tile.n - column < work->tile_columns ? tile.n - column : work->tile_columns;
    tile.a += tile.transpose_a ? row : row * tile.a_row;
    tile.b += tile.transpose_b ? column * tile.b_row : column;
    tile.c += row * tile.c_row + column;
    multiply(&tile);
}

/* size cut into as many parts of at least `least` as there are, in multiples of 16. */
static size_t part_size(size_t size, size_t least)
{
    size_t parts = size / least;
    return parts <= 1 ? size : (size + 16 * parts - 1) / (16 * parts) * 16;
}

void tl_matmul(tl_thread_pool *pool, const tl_matmul_call *call)
{
    pthread_once(&started, stay_on_calling_thread);
    if (call->m == 0 || call->n == 0)
        return;
    size_t least_columns = call->m <= FEW_ROWS ? TILE_COLUMNS_OF_FEW_ROWS : TILE_COLUMNS;
    /* Tiled without a pool as well: no pool, a pool of one and a pool of many give the same bits. */
    tiling work = {call, part_size(call->m, TILE_ROWS), part_size(call->n, least_columns), 0};
    work.tiles_across = (call->n + work.tile_columns - 1) / work.tile_columns;
    size_t tiles_down = (call->m + work.tile_rows - 1) / work.tile_rows;
    tl_thread_pool_run(pool, tiles_down * work.tiles_across, multiply_tile, &work);
}

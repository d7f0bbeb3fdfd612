/*
 * Packed products for processors with AMX: tiles of 16 rows of 64 bytes, and an instruction that multiplies two of them (Intel 64
 * and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18). A panel as it lies is two tiles side by side, one
 * row a group, so only rows of x need another arrangement than elsewhere: one after the other, with zeros up to whole tiles.
 *
 * A block of 32 rows by a panel of 32 columns is four tiles of sums, which need two tiles of each factor at a time. f32 has no
 * tiles and is multiplied as on AVX-512. Compiled with flags of its own (cmake/TwinlensKernels.cmake); empty on other
 * architectures.
 */
#define TL_VECTOR_FLOATS 16
#define TL_BLOCK_ROWS 14
#define TL_HAS_TILES
#if defined(__x86_64__)
#include <immintrin.h>
#define TL_NARROW(value) ((half_lanes)_mm512_cvtneps_pbh((__m512)(value)))
#include "base/compute/packed_body_internal.h"

enum {
    TILE_ROWS = 16,
    TILE_BYTES = 64, /* of a row */
    TILE_GROUPS = TILE_BYTES / 4,
    PANEL_ROW = TL_PACKED_COLUMNS * 4,
    STEPS_OF_A_SLICE = 8 /* 16 KiB of a block */
};

/* Numbers of tiles, which the compiler's names for the instructions paste into their text: sums of the upper and lower rows, to
 * the left and right, and the factors. */
#define UPPER_LEFT 0
#define UPPER_RIGHT 1
#define LOWER_LEFT 2
#define LOWER_RIGHT 3
#define UPPER 4
#define LOWER 5
#define LEFT 6
#define RIGHT 7

/* Linux's arch_prctl(2); POSIX's headers declare neither it nor the way to it. */
long syscall(long number, ...);
enum { ARCH_PRCTL = 158, ARCH_REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

bool tl_amx_is_usable(void)
{
    return syscall(ARCH_PRCTL, ARCH_REQUEST_PERMISSION, TILE_DATA) == 0;
}

/* What LDTILECFG reads. */
typedef struct tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

static void begin_blocks(tl_packed_kind kind, size_t rows)
{
    if (kind == TL_PACKED_F32)
        return;
    const size_t upper = rows < TILE_ROWS ? rows : TILE_ROWS, lower = rows - upper;
    tile_shapes shapes = {.palette = 1};
    for (size_t tile = UPPER_LEFT; tile <= RIGHT; tile++) {
        const bool is_lower = tile == LOWER_LEFT || tile == LOWER_RIGHT || tile == LOWER;
        const size_t count = tile == LEFT || tile == RIGHT ? TILE_GROUPS : is_lower ? lower : upper;
        shapes.rows[tile] = (uint8_t)(count != 0 ? count : 1);
        shapes.row_bytes[tile] = TILE_BYTES;
    }
    __asm__ volatile("" : : "r"(&shapes) : "memory"); /* gcc 12 says that the instruction reads the first 8 bytes only */
    _tile_loadconfig(&shapes);
}

static void end_blocks(tl_packed_kind kind)
{
    if (kind != TL_PACKED_F32)
        _tile_release();
}

/* A row's bytes in whole tiles, and an odd number of them: rows a multiple of 4 KiB apart would share a few lines of the
 * first-level cache. */
static size_t row_bytes(tl_packed_kind kind, size_t in)
{
    const size_t groups = tl_packed_group_count(kind, in);
    return kind == TL_PACKED_F32 ? groups * 4 : ((groups + TILE_GROUPS - 1) / TILE_GROUPS | 1) * TILE_BYTES;
}

static size_t group_offset(tl_packed_kind kind, size_t group, size_t rows)
{
    return group * 4 * (kind == TL_PACKED_F32 ? rows : 1);
}

static bool takes_rows_as_they_are(tl_packed_kind kind, tl_dtype dtype, size_t in)
{
    return kind == TL_PACKED_BF16 && dtype == TL_BF16 && in % (2 * TILE_GROUPS) == 0;
}

static void pack_rows_bf16(const tl_packed_source *source)
{
    const size_t in = source->in, bytes = row_bytes(TL_PACKED_BF16, in);
    for (size_t r = 0; r < source->count; r++) {
        char *to = (char *)source->a + (source->first + r) * bytes;
        if (source->dtype == TL_BF16)
            memcpy(to, (const uint16_t *)source->x + r * in, in * 2);
        else
            for (size_t i = 0; i < in; i += LANES) {
                const size_t count = in - i < LANES ? in - i : LANES;
                const float *from = (const float *)source->x + r * in + i;
                const half_lanes halves = narrow(count == LANES ? load(from) : load_part(from, count));
                memcpy(to + i * 2, &halves, count * 2);
            }
        memset(to + in * 2, 0, bytes - in * 2);
    }
}

static void pack_pairs(const uint32_t *pairs, size_t group_row, size_t groups, size_t rows, void *a)
{
    const size_t bytes = row_bytes(TL_PACKED_BF16, 2 * groups);
    /* As floats, which are only moved. */
    tl_kernels_active()->transpose((const float *)(const void *)pairs, group_row, groups, rows, a, bytes / 4);
    if (groups * 4 < bytes)
        for (size_t r = 0; r < rows; r++)
            memset((char *)a + r * bytes + groups * 4, 0, bytes - groups * 4);
}

static void pack_rows_int8(const tl_packed_source *source)
{
    float piece[PIECE];
    const size_t in = source->in, bytes = row_bytes(TL_PACKED_INT8, in);
    for (size_t r = 0; r < source->count; r++) {
        const float factor = factor_of_row(source, r);
        char *to = (char *)source->a + (source->first + r) * bytes;
        memset(to + in, 0, bytes - in); /* a factor there is 0 in the panel */
        for (size_t first = 0; first < in; first += PIECE) {
            const size_t count = in - first < PIECE ? in - first : PIECE;
            const float *row = floats_of(source, r * in + first, count, piece);
            for (size_t i = 0; i < count; i += LANES) {
                const size_t some = count - i < LANES ? count - i : LANES;
                /* A factor of 0 stands for a row that may hold what is not finite. */
                const vector value = factor == 0.0f ? splat(0.0f) : (some == LANES ? load(row + i) : load_part(row + i, some));
                const __m512i steps = _mm512_add_epi32(_mm512_cvtps_epi32((__m512)(value * factor)), _mm512_set1_epi32(128));
                const __m128i packed = _mm512_cvtusepi32_epi8(steps);
                memcpy(to + first + i, &packed, some);
            }
        }
    }
}

/* What the products of a run have given so far, panel by panel: [rows, 32] of 32 bits, in the first-level cache. */
typedef uint32_t run_sums[TL_MOST_PANELS_OF_A_RUN][2 * TILE_ROWS][TL_PACKED_COLUMNS];

/* A panel's groups from here on, with zeros up to a whole tile where it ends: what follows is another panel, or nothing. */
static inline const char *whole_tile(const char *panel, size_t groups, char *room)
{
    if (groups >= TILE_GROUPS)
        return panel;
    memcpy(room, panel, groups * PANEL_ROW);
    memset(room + groups * PANEL_ROW, 0, (TILE_GROUPS - groups) * PANEL_ROW);
    return room;
}

/* No sanitizer sees what tiles are loaded from. */
static void assert_extents_of_all(const tl_packed_run *run)
{
    tl_packed_tile tile = run->first;
    const size_t steps = (tile.groups + TILE_GROUPS - 1) / TILE_GROUPS;
    for (size_t p = 0; p < run->panel_count; p++) {
        tl_packed_tile_move(run, p, &tile);
        assert_extents(&tile, (tile.rows - 1) * tile.a_row + steps * TILE_BYTES);
    }
}

/* Some groups of a block and a panel, added to the sums. */
#define DEFINE_SUM_TILES(name, MULTIPLY)                                                                              \
    KERNEL_INLINE void name(const tl_packed_run *run, size_t p, size_t first, size_t steps, size_t lines, void *sums) \
    {                                                                                                                 \
        const tl_packed_tile *tile = &run->first;                                                                     \
        char room[TILE_GROUPS * PANEL_ROW], *left = sums, *lower_left = left + TILE_ROWS * PANEL_ROW;                 \
        const char *a = (const char *)tile->a + first * TILE_BYTES, *lower = a + TILE_ROWS * tile->a_row;             \
        const char *panel = (const char *)tile->panel + p * run->panel_bytes + first * TILE_GROUPS * PANEL_ROW;       \
        const char *ahead = tile->ahead + p * run->panel_bytes + first * lines * 64;                                  \
        const bool has_lower = tile->rows > TILE_ROWS;                                                                \
        if (first == 0) {                                                                                             \
            _tile_zero(UPPER_LEFT);                                                                                   \
            _tile_zero(UPPER_RIGHT);                                                                                  \
            _tile_zero(LOWER_LEFT);                                                                                   \
            _tile_zero(LOWER_RIGHT);                                                                                  \
        } else {                                                                                                      \
            _tile_loadd(UPPER_LEFT, left, PANEL_ROW);                                                                 \
            _tile_loadd(UPPER_RIGHT, left + TILE_BYTES, PANEL_ROW);                                                   \
            _tile_loadd(LOWER_LEFT, lower_left, PANEL_ROW);                                                           \
            _tile_loadd(LOWER_RIGHT, lower_left + TILE_BYTES, PANEL_ROW);                                             \
        }                                                                                                             \
        for (size_t step = first; step < first + steps; step++) {                                                     \
            const char *from = whole_tile(panel, tile->groups - step * TILE_GROUPS, room);                            \
            for (size_t i = 0; i < lines; i++, ahead += 64)                                                           \
                __builtin_prefetch(ahead, 0, 2);                                                                      \
            _tile_loadd(UPPER, a, tile->a_row);                                                                       \
            _tile_loadd(LEFT, from, PANEL_ROW);                                                                       \
            _tile_loadd(RIGHT, from + TILE_BYTES, PANEL_ROW);                                                         \
            MULTIPLY(UPPER_LEFT, UPPER, LEFT);                                                                        \
            MULTIPLY(UPPER_RIGHT, UPPER, RIGHT);                                                                      \
            if (has_lower) {                                                                                          \
                _tile_loadd(LOWER, lower, tile->a_row);                                                               \
                MULTIPLY(LOWER_LEFT, LOWER, LEFT);                                                                    \
                MULTIPLY(LOWER_RIGHT, LOWER, RIGHT);                                                                  \
            }                                                                                                         \
            a += TILE_BYTES;                                                                                          \
            lower += TILE_BYTES;                                                                                      \
            panel += TILE_GROUPS * PANEL_ROW;                                                                         \
        }                                                                                                             \
        _tile_stored(UPPER_LEFT, left, PANEL_ROW);                                                                    \
        _tile_stored(UPPER_RIGHT, left + TILE_BYTES, PANEL_ROW);                                                      \
        if (has_lower) {                                                                                              \
            _tile_stored(LOWER_LEFT, lower_left, PANEL_ROW);                                                          \
            _tile_stored(LOWER_RIGHT, lower_left + TILE_BYTES, PANEL_ROW);                                            \
        }                                                                                                             \
    }

DEFINE_SUM_TILES(sum_tiles_bf16, _tile_dpbf16ps)
DEFINE_SUM_TILES(sum_tiles_int8, _tile_dpbusd)

/*
 * The rows of x come from the second-level cache no faster than the tiles are multiplied, so a few columns of them, which the
 * first level holds, meet all panels of the run before the next few do.
 */
#define DEFINE_SUM_RUN(name, SUM_TILES)                                                           \
    static void name(const tl_packed_run *run, run_sums sums)                                     \
    {                                                                                             \
        const size_t all = (run->first.groups + TILE_GROUPS - 1) / TILE_GROUPS;                   \
        const size_t lines = (run->first.lines_ahead + all - 1) / all;                            \
        const size_t slice = run->panel_count == 1 ? all : STEPS_OF_A_SLICE;                      \
        for (size_t step = 0; step < all; step += slice)                                          \
            for (size_t p = 0; p < run->panel_count; p++)                                         \
                SUM_TILES(run, p, step, all - step < slice ? all - step : slice, lines, sums[p]); \
    }

DEFINE_SUM_RUN(sum_run_bf16, sum_tiles_bf16)
DEFINE_SUM_RUN(sum_run_int8, sum_tiles_int8)

static void multiply_bf16(const tl_packed_run *run)
{
    run_sums sums;
    tl_packed_tile tile = run->first;
    assert_extents_of_all(run);
    sum_run_bf16(run, sums);
    for (size_t p = 0; p < run->panel_count; p++) {
        tl_packed_tile_move(run, p, &tile);
        for (size_t r = 0; r < tile.rows; r++) {
            vector values[VECTORS];
            memcpy(values, sums[p][r], sizeof values);
            store_row(&tile, r, values);
        }
    }
}

static void multiply_int8(const tl_packed_run *run)
{
    run_sums sums;
    tl_packed_tile tile = run->first;
    assert_extents_of_all(run);
    sum_run_int8(run, sums);
    for (size_t p = 0; p < run->panel_count; p++) {
        tl_packed_tile_move(run, p, &tile);
        float scales[TL_PACKED_COLUMNS] = {0};
        group_vector header[VECTORS];
        memcpy(scales, tile.scales, tile.columns * sizeof *scales);
        load_header(&tile, header);
        for (size_t r = 0; r < tile.rows; r++) {
            group_vector whole[VECTORS];
            for (size_t v = 0; v < VECTORS; v++)
                whole[v] = load_groups(&sums[p][r][v * LANES]) + header[v];
            store_steps(&tile, r, scales, whole);
        }
    }
}

const tl_packed_kernels tl_packed_amx = {
    .name = "amx",
    .block_rows = {TL_BLOCK_ROWS, 2 * TILE_ROWS, 2 * TILE_ROWS},
    .row_bytes = row_bytes,
    .group_offset = group_offset,
    .takes_rows_as_they_are = takes_rows_as_they_are,
    .pack_rows = {pack_rows_f32, pack_rows_bf16, pack_rows_int8},
    .multiply = {multiply_f32, multiply_bf16, multiply_int8},
    .begin_blocks = begin_blocks,
    .end_blocks = end_blocks,
    .narrow_row = narrow_row,
    .pair_rows = pair_rows,
    .pair_halves = pair_halves,
    .pack_pairs = pack_pairs,
    .pack_columns_f32 = pack_columns_f32,
};
#else
typedef int tl_no_amx_here;
#endif

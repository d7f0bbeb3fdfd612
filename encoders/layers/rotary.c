/* Angles are rounded to f32 where the reference rounds them, their sines and cosines once. */
#include "encoders/layers/rotary.h"

#include "base/compute/compute.h"
#include "base/core/memory.h"

#include <math.h>

/* The coordinate of row or column number `at`. */
static float coordinate_of(const tl_rotary_config *config, size_t at, size_t side)
{
    float coordinate = (float)at + config->offset;
    if (config->reference_side != 0)
        coordinate = coordinate / (float)side * (float)config->reference_side;
    return coordinate;
}

static void fill_patch(const tl_rotary_config *config, float first, float second, size_t head_dim, float *angles)
{
    const size_t bands = head_dim / 4;
    float *cosines = angles, *sines = angles + head_dim;
    for (size_t pair = 0; pair < 2 * bands; pair++) {
        const float power = (float)pow((double)config->temperature, (double)((float)(pair % bands) / (float)bands));
        const float angle = (pair < bands ? first : second) * (1.0f / power);
        const float cosine = (float)cos((double)angle), sine = (float)sin((double)angle);
        cosines[2 * pair] = cosines[2 * pair + 1] = cosine;
        sines[2 * pair] = -sine;
        sines[2 * pair + 1] = sine;
    }
}

bool tl_rotary_init(tl_rotary *rotary, const tl_rotary_config *config, size_t side, size_t head_dim, size_t first, tl_error *err)
{
    TL_ASSERT(head_dim % 4 == 0);
    *rotary = (tl_rotary){.head_dim = head_dim, .first = first};
    rotary->angles = tl_memory_allocate_aligned(side * side * 2 * head_dim, sizeof(float), err);
    if (rotary->angles == NULL)
        return false;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            const float row = coordinate_of(config, y, side), column = coordinate_of(config, x, side);
            fill_patch(config, config->columns_first ? column : row, config->columns_first ? row : column, head_dim,
                       rotary->angles + (y * side + x) * 2 * head_dim);
        }
    return true;
}

void tl_rotary_clear(tl_rotary *rotary)
{
    tl_memory_free(rotary->angles);
    rotary->angles = NULL;
}

void tl_rotary_turn(const tl_rotary *rotary, size_t row, float *values, size_t pieces)
{
    if (row < rotary->first)
        return;
    const float *angles = rotary->angles + (row - rotary->first) * 2 * rotary->head_dim;
    tl_rotate_pairs(values, pieces, rotary->head_dim, angles, angles + rotary->head_dim);
}

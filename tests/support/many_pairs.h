/* A batch of 512 made pairs for trainers of the fixture's sizes, and how far two trainers' gradients are apart. */
#ifndef TL_TESTS_SUPPORT_MANY_PAIRS_H
#define TL_TESTS_SUPPORT_MANY_PAIRS_H

#include "base/core/memory.h"
#include "tests/support/training_fixture.h"

enum { MANY = 512, MANY_SIDE = 8, MANY_CONTEXT = 8, MANY_PIXELS = 3 * MANY_SIDE * MANY_SIDE };

typedef struct many_pairs {
    float *pixels;
    int32_t ids[MANY * MANY_CONTEXT];
    uint32_t lengths[MANY];
    uint64_t keys[MANY];
    size_t asked; /* pictures made, over all calls */
} many_pairs;

static inline void make_many(many_pairs *pairs)
{
    *pairs = (many_pairs){.pixels = tl_memory_allocate(MANY * MANY_PIXELS, sizeof(float), NULL)};
    assert_non_null(pairs->pixels);
    for (size_t i = 0; i < MANY * MANY_PIXELS; i++)
        pairs->pixels[i] = sinf((float)i * 0.37F) + 0.5F * cosf((float)(i / MANY_PIXELS) * 1.3F);
    for (uint32_t i = 0; i < MANY; i++) {
        pairs->lengths[i] = 3 + i % 6;
        pairs->keys[i] = i % 500;
        for (uint32_t at = 0; at + 1 < pairs->lengths[i]; at++)
            pairs->ids[i * MANY_CONTEXT + at] = (int32_t)(1 + (i * 7 + at * 11) % 37);
        pairs->ids[i * MANY_CONTEXT + pairs->lengths[i] - 1] = 39;
    }
}

static inline bool hand_out(void *context, size_t first, size_t count, const float **pixels, tl_error *err)
{
    many_pairs *pairs = context;
    (void)err;
    pairs->asked += count;
    *pixels = pairs->pixels + first * MANY_PIXELS;
    return true;
}

/* Largest relative distance of the gradients of two trainers over all tensors. */
static inline double gradients_apart(const tl_trainer *a, const tl_trainer *b)
{
    tl_safetensors *names = open_fixture(TRAINING_FIXTURES "/model/model.safetensors");
    double largest = 0.0;
    for (size_t i = 0; i < tl_safetensors_count(names); i++) {
        size_t count = 0;
        const char *name = tl_safetensors_item(names, i)->name;
        const float *ours = tl_trainer_gradient(a, name, &count), *theirs = tl_trainer_gradient(b, name, &count);
        largest = fmax(largest, relative_distance(ours, theirs, count, 0, 0));
    }
    tl_safetensors_close(names);
    return largest;
}

#endif

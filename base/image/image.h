/* An RGB picture in memory: 8 bits a channel, rows top to bottom without padding. */
#ifndef TL_BASE_IMAGE_IMAGE_H
#define TL_BASE_IMAGE_IMAGE_H

#include "base/core/error.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_image {
    uint32_t width;
    uint32_t height;
    uint8_t *pixels; /* [H, W, 3], owned */
} tl_image;

/* Allocates width x height black pixels; both must be at least 1. */
bool tl_image_create(uint32_t width, uint32_t height, tl_image *out, tl_error *err) TL_MUST_USE;
void tl_image_clear(tl_image *image);

#ifdef __cplusplus
}
#endif

#endif

/* A hash of what a picture looks like, for finding copies: other sizes, formats and qualities change few of its bits. */
#ifndef TL_BASE_IMAGE_DIFFERENCE_HASH_H
#define TL_BASE_IMAGE_DIFFERENCE_HASH_H

#include "base/image/image.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_DIFFERENCE_HASH_BITS = 192 };

/* "dHash" of each colour: of 9 x 8 pixels of the whole picture, whether each is brighter than its right neighbour; and the mean
 * colour, without which a red disc and a green one would be the same. */
typedef struct tl_difference_hash {
    uint64_t channels[3];
    uint8_t mean[3];
} tl_difference_hash;

bool tl_image_difference_hash(const tl_image *image, tl_difference_hash *out, tl_error *err) TL_MUST_USE;
/* Bits in which two differ, and one for each four levels between the means of a colour; at most TL_DIFFERENCE_HASH_BITS. */
uint32_t tl_difference_hash_distance(const tl_difference_hash *a, const tl_difference_hash *b);

#ifdef __cplusplus
}
#endif

#endif

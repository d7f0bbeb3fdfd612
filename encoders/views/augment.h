/* Random views of a training picture; the random state is the caller's, so a run can be repeated. */
#ifndef TL_ENCODERS_VIEWS_AUGMENT_H
#define TL_ENCODERS_VIEWS_AUGMENT_H

#include "base/core/random.h"
#include "encoders/preprocess/recipe.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_augment_options {
    float min_area;  /* random resized crop: share of the area kept at least, 0 < min_area <= 1; 1: no crop. 0 means 1 */
    float aspect;    /* crop's proportions within [1 / aspect, aspect]; 0 means 1 */
    float flip;      /* probability of a left-right flip */
    float jitter;    /* brightness, contrast and saturation each by a factor within [1 - jitter, 1 + jitter], 0 <= jitter <= 1 */
    float grayscale; /* probability of a picture in grey */
    float blur;      /* probability of a blurred picture */
} tl_augment_options;

/* One augmented view: pixels [S, S, 3] RGB8 of the recipe's size -> float planes [3, S, S], cropped and resampled bilinearly in
 * one pass; then its colours; then, with probability `blur`, a Gaussian over it whose sigma is uniform up to S / 48 pixels, edges
 * repeated: what a picture of half the size looks like when it is enlarged. */
bool tl_augment_apply(const tl_augment_options *options, const tl_image_recipe *recipe, const uint8_t *pixels, tl_random *random,
                      float *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

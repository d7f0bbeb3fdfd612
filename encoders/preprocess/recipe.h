/* The recipe that turns a decoded picture into a tower's input: resize, crop or pad, scale to [0, 1], normalise. */
#ifndef TL_ENCODERS_PREPROCESS_RECIPE_H
#define TL_ENCODERS_PREPROCESS_RECIPE_H

#include "base/image/image.h"
#include "base/image/resize.h"
#include "base/io/json.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_resize_mode {
    TL_RESIZE_SHORTEST, /* shorter side to S, centre crop */
    TL_RESIZE_LONGEST,  /* longer side to S, centred on fill */
    TL_RESIZE_SQUASH    /* both sides to S, proportions lost */
} tl_resize_mode;

typedef struct tl_image_recipe {
    uint32_t size; /* S, pixels a side */
    tl_resize_mode mode;
    tl_resize_filter filter;
    float mean[3]; /* of channels in [0, 1] */
    float std[3];
    uint8_t fill[3]; /* behind a picture of another shape, mode longest */
} tl_image_recipe;

/* The recipe of models trained here: longest on white, bicubic, mean and std of OpenAI's CLIP. */
tl_image_recipe tl_image_recipe_default(uint32_t size);
/* Any picture to RGB8 [S, S, 3]: the part before normalisation; training caches this. *out is created. */
bool tl_image_recipe_frame(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err) TL_MUST_USE;
/* [S, S, 3] RGB8 to float planes [3, S, S]. */
void tl_image_recipe_normalize(const tl_image_recipe *recipe, const uint8_t *pixels, float *out);
/* What normalisation makes of each level of each channel: (level / 255 - mean) / std. */
void tl_image_recipe_values(const tl_image_recipe *recipe, float values[3][256]);
/* Both steps. */
bool tl_image_recipe_apply(const tl_image_recipe *recipe, const tl_image *image, float *out, tl_error *err) TL_MUST_USE;

/* preprocessor_config.json in the words of open_clip's preprocess_cfg (size, mode, mean, std, interpolation, resize_mode,
 * fill_color). */
bool tl_image_recipe_read(const tl_json *json, tl_image_recipe *out, tl_error *err) TL_MUST_USE;
bool tl_image_recipe_write(const tl_image_recipe *recipe, tl_json **out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

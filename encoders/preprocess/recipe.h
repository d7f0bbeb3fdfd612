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
    TL_RESIZE_SHORTEST, /* shorter side to R, centre crop */
    TL_RESIZE_LONGEST,  /* longer side to R, centred on fill */
    TL_RESIZE_SQUASH,   /* both sides to R, proportions lost */
    TL_RESIZE_NONE      /* as it is: centre crop, or centred on fill where smaller */
} tl_resize_mode;

/* The picture is resized by R, then its middle S x S pixels are taken, on fill where it does not reach. Zero is open_clip's way.
 */
typedef enum tl_crop_rounding {
    TL_CROP_HALF_TO_EVEN, /* torchvision: half a pixel goes to the even side; of an odd border the larger half comes after */
    TL_CROP_DOWN          /* transformers: the offset is rounded down; of an odd border the larger half comes before */
} tl_crop_rounding;

typedef struct tl_image_recipe {
    uint32_t size; /* S, pixels a side */
    tl_resize_mode mode;
    tl_resize_filter filter;
    float mean[3]; /* of channels in [0, 1] */
    float std[3];
    uint8_t fill[3]; /* behind a picture of another shape */
    tl_crop_rounding crop;
    uint32_t resize_size; /* R; 0: S */
    float rescale_factor; /* from levels to the scale of mean and std; 0: 1 / 255 */
} tl_image_recipe;

/* The recipe of models trained here: longest on white, bicubic, mean and std of OpenAI's CLIP. */
tl_image_recipe tl_image_recipe_default(uint32_t size);
/* Any picture to RGB8 [S, S, 3]: the part before normalisation; training caches this. *out is created. */
bool tl_image_recipe_frame(const tl_image_recipe *recipe, const tl_image *image, tl_image *out, tl_error *err) TL_MUST_USE;
/* [S, S, 3] RGB8 to float planes [3, S, S]. */
void tl_image_recipe_normalize(const tl_image_recipe *recipe, const uint8_t *pixels, float *out);
/* What normalisation makes of each level of each channel: (level * rescale_factor - mean) / std. */
void tl_image_recipe_values(const tl_image_recipe *recipe, float values[3][256]);
/* Both steps. */
bool tl_image_recipe_apply(const tl_image_recipe *recipe, const tl_image *image, float *out, tl_error *err) TL_MUST_USE;

/* preprocessor_config.json of a model trained here: open_clip's words (size, mode, mean, std, interpolation, resize_mode,
 * fill_color) and, where they are not the usual, crop_rounding, resize_size, rescale_factor. */
bool tl_image_recipe_read(const tl_json *json, tl_image_recipe *out, tl_error *err) TL_MUST_USE;
bool tl_image_recipe_write(const tl_image_recipe *recipe, tl_json **out, tl_error *err) TL_MUST_USE;
/* open_clip's preprocess_cfg as open_clip reads it: json may be NULL, what is absent or null has its defaults. tower_size, the
 * model's vision_cfg.image_size, wins over the size stated; 0: unknown. */
bool tl_image_recipe_read_open_clip(const tl_json *json, uint32_t tower_size, tl_image_recipe *out, tl_error *err) TL_MUST_USE;
/* transformers' preprocessor_config.json, old forms included: what is absent has the default of its image_processor_type. A
 * recipe of another size than the tower's (unless that is 0) is an error, as are rectangles, padding and variable resolution. */
bool tl_image_recipe_read_transformers(const tl_json *json, uint32_t tower_size, tl_image_recipe *out, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/* What the readers of the three dialects share. */
#ifndef TL_ENCODERS_PREPROCESS_RECIPE_INTERNAL_H
#define TL_ENCODERS_PREPROCESS_RECIPE_INTERNAL_H

#include "encoders/preprocess/recipe.h"

enum { TL_RECIPE_MAX_SIZE = 4096 };

/* OpenAI's, the default of every dialect. */
extern const float tl_clip_mean[3];
extern const float tl_clip_std[3];

bool tl_image_recipe__check(const tl_image_recipe *recipe, tl_error *err) TL_MUST_USE;

/* open_clip's PreprocessCfg, without a size. */
tl_image_recipe tl_recipe__open_clip_defaults(void);

/* Readers of one member. Absent or null: what the output holds stays. */
bool tl_recipe__read_word(const tl_json *json, const char *name, const char *const *words, size_t word_count, size_t *out,
                          tl_error *err) TL_MUST_USE;
bool tl_recipe__read_flag(const tl_json *json, const char *name, bool *out, tl_error *err) TL_MUST_USE;
/* rescale_factor; 1 / 255, of which all 256 levels come out as from a division, is kept as 0. */
bool tl_recipe__read_factor(const tl_json *json, float *out, tl_error *err) TL_MUST_USE;
/* A whole number of pixels, or a list of one or of two equal ones. */
bool tl_recipe__read_side(const tl_json *json, const char *name, uint32_t *out, tl_error *err) TL_MUST_USE;
bool tl_recipe__read_mean_and_std(const tl_json *json, const char *mean_name, const char *std_name, tl_image_recipe *recipe,
                                  tl_error *err) TL_MUST_USE;
/* open_clip's mode, mean, std and fill_color. */
bool tl_recipe__read_colors(const tl_json *json, tl_image_recipe *recipe, tl_error *err) TL_MUST_USE;

#endif

/*
 * A family: whose model folders these are, as data. The record says by which files it is known, how its configuration reads, what
 * its tensors are called, and which picture recipe goes with it. To add one, write its file and name it in registry.c. Within
 * encoders only.
 */
#ifndef TL_ENCODERS_FAMILIES_FAMILY_H
#define TL_ENCODERS_FAMILIES_FAMILY_H

#include "encoders/encoders.h"
#include "encoders/model_config.h"
#include "encoders/preprocess/recipe.h"
#include "encoders/weights/binding.h"

typedef struct tl_family {
    const char *name; /* for people: "CLIP (transformers)" */
    tl_model_format format;
    const char *config_file;
    /* Names of which one must be there, best first; NULL ends. */
    const char *const *weight_files;
    bool (*recognises)(const tl_json *config);
    bool (*read_config)(const tl_json *config, tl_model_config *out, tl_error *err);
    /* config: the family's own; preprocessor: of preprocessor_config.json, or NULL when recipe_file is NULL. */
    bool (*read_recipe)(const tl_json *config, const tl_json *preprocessor, uint32_t image_size, tl_image_recipe *out,
                        tl_error *err);
    const char *recipe_file;
    /* Whether the configuration says which GELU it means, or leaves it to a default. NULL: it is beyond doubt. */
    bool (*states_activation)(const tl_json *config);
    /* Whether the image tower has its own, whatever is said of the model. NULL: never. */
    bool (*has_trunk_activation)(const tl_json *config);
    const tl_tensor_map *names; /* NULL: theirs are ours */
} tl_family;

/* Picks the family of a folder; *weights is the name of the file of its weights. A folder of none is an error that says what was
 * looked for. */
bool tl_family_find(const char *directory, const tl_family **out, const char **weights, tl_error *err) TL_MUST_USE;

extern const tl_family tl_family_twinlens, tl_family_open_clip, tl_family_clip, tl_family_metaclip_2, tl_family_siglip;

#endif

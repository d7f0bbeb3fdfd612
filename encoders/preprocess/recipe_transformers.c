/*
 * Owns transformers' preprocessor_config.json (5.24: image_processing_backends.PilBackend and the classes on it; older forms as
 * image_processing_utils.get_size_dict reads them). Each class of image processor is a row of defaults; members not named here do
 * not change pixels in any of these classes.
 */
#include "encoders/preprocess/recipe_internal.h"

#include <inttypes.h>
#include <string.h>

/* What an image processor does when its file does not say. */
typedef struct processor_kind {
    const char *stem; /* of image_processor_type, before ImageProcessor[Fast|Pil] or FeatureExtractor; NULL: no type is stated */
    tl_resize_mode mode;
    uint32_t resize_size; /* 0: must be stated, as must be everything else */
    uint32_t crop_size;   /* 0: no centre crop */
    tl_resize_filter filter;
    bool takes_number_as_square; /* a size of one number is a square, else the shorter side */
    bool is_clip_colored;        /* mean and std of OpenAI's CLIP, else 0.5 */
} processor_kind;

static const processor_kind processor_kinds[] = {
    {"CLIP", TL_RESIZE_SHORTEST, 224, 224, TL_RESIZE_BICUBIC, false, true},
    {"ChineseCLIP", TL_RESIZE_SHORTEST, 224, 224, TL_RESIZE_BICUBIC, false, true},
    {"Bit", TL_RESIZE_SHORTEST, 224, 224, TL_RESIZE_BICUBIC, false, true},
    {"Siglip", TL_RESIZE_SQUASH, 224, 0, TL_RESIZE_BICUBIC, false, false},
    {"ViT", TL_RESIZE_SQUASH, 224, 0, TL_RESIZE_BILINEAR, true, false},
    {"DeiT", TL_RESIZE_SQUASH, 256, 224, TL_RESIZE_BICUBIC, true, false},
};
static const processor_kind unnamed_kind = {.stem = NULL};

static bool is_of_stem(const char *type, const char *stem)
{
    static const char *const endings[] = {"ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"};
    size_t length = strlen(stem);
    if (strncmp(type, stem, length) != 0)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(type + length, endings[i]) == 0)
            return true;
    return false;
}

static bool find_kind(const tl_json *json, const processor_kind **out, tl_error *err)
{
    const char *name = "image_processor_type";
    const tl_json *member = tl_json_member(json, name);
    if (member == NULL)
        member = tl_json_member(json, name = "feature_extractor_type");
    const char *type = tl_json_text(member);
    *out = &unnamed_kind;
    if (member == NULL)
        return true;
    if (type == NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "%s: expected a text, found another value", name);
    for (size_t i = 0; i < sizeof processor_kinds / sizeof processor_kinds[0]; i++)
        if (is_of_stem(type, processor_kinds[i].stem)) {
            *out = &processor_kinds[i];
            return true;
        }
    if (is_of_stem(type, "Siglip2"))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected a fixed resolution, found '%s' (NaFlex, variable resolution)",
                       name, type);
    return tl_fail(err, TL_ERROR_UNSUPPORTED,
                   "%s: expected an image processor of CLIP, Siglip, ViT, DeiT, Bit or ChineseCLIP, found '%s'", name, type);
}

/* Every member that no class default stands behind. */
static bool is_all_stated(const tl_json *json, tl_error *err)
{
    static const char *const names[] = {"size", "resample", "image_mean", "image_std"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (tl_json_member(json, names[i]) == NULL)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected %s, or an image_processor_type that implies it, found neither",
                           names[i]);
    return true;
}

/* {"height": H, "width": W}, of which only squares are taken. */
static bool read_square(const tl_json *json, const char *name, uint32_t *out, tl_error *err)
{
    int64_t height, width;
    if (!tl_json_get_integer(json, "height", 1, TL_RECIPE_MAX_SIZE, &height, err) ||
        !tl_json_get_integer(json, "width", 1, TL_RECIPE_MAX_SIZE, &width, err))
        return tl_fail_within(err, "%s", name);
    if (height != width)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "%s: expected a square, found %" PRId64 " x %" PRId64, name, width, height);
    *out = (uint32_t)height;
    return true;
}

static bool read_size(const tl_json *json, bool takes_number_as_square, tl_image_recipe *recipe, tl_error *err)
{
    const tl_json *size = tl_json_member(json, "size");
    int64_t shorter;
    if (size == NULL)
        return true;
    if (!tl_json_is_object(size)) {
        recipe->mode = takes_number_as_square || tl_json_array_size(size) != 0 ? TL_RESIZE_SQUASH : TL_RESIZE_SHORTEST;
        return tl_recipe__read_side(json, "size", &recipe->resize_size, err);
    }
    bool has_shorter = tl_json_member(size, "shortest_edge") != NULL, has_longer = tl_json_member(size, "longest_edge") != NULL;
    bool has_area = tl_json_member(size, "max_height") != NULL || tl_json_member(size, "max_pixels") != NULL;
    if (has_longer || has_area)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "size: expected shortest_edge, or height and width, found %s",
                       has_longer ? "longest_edge" : "a size that varies with the picture");
    recipe->mode = has_shorter ? TL_RESIZE_SHORTEST : TL_RESIZE_SQUASH;
    if (!has_shorter)
        return read_square(size, "size", &recipe->resize_size, err);
    if (!tl_json_get_integer(size, "shortest_edge", 1, TL_RECIPE_MAX_SIZE, &shorter, err))
        return tl_fail_within(err, "size");
    recipe->resize_size = (uint32_t)shorter;
    return true;
}

static bool read_crop_size(const tl_json *json, uint32_t *out, tl_error *err)
{
    const tl_json *size = tl_json_member(json, "crop_size");
    if (tl_json_is_object(size))
        return read_square(size, "crop_size", out, err);
    if (!tl_recipe__read_side(json, "crop_size", out, err))
        return false;
    if (*out == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a crop_size for do_center_crop, found none");
    return true;
}

static bool read_filter(const tl_json *json, tl_resize_filter *out, tl_error *err)
{
    /* PIL.Image.Resampling, the codes 0 to 5. */
    static const tl_resize_filter filters[] = {
        [1] = TL_RESIZE_LANCZOS, [2] = TL_RESIZE_BILINEAR, [3] = TL_RESIZE_BICUBIC, [4] = TL_RESIZE_BOX, [5] = TL_RESIZE_HAMMING};
    int64_t code;
    if (tl_json_member(json, "resample") == NULL)
        return true;
    if (!tl_json_get_integer(json, "resample", 0, 5, &code, err))
        return false;
    if (code == 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "resample: expected a filter that averages, 1 to 5, found 0 (nearest)");
    *out = filters[code];
    return true;
}

static bool read_geometry(const tl_json *json, const processor_kind *kind, tl_image_recipe *recipe, tl_error *err)
{
    bool do_resize = true, do_center_crop = kind->crop_size != 0, takes_number_as_square = kind->takes_number_as_square;
    if (kind->stem == NULL && tl_json_member(json, "crop_size") != NULL)
        do_center_crop = true;
    if (!tl_recipe__read_flag(json, "do_resize", &do_resize, err) ||
        !tl_recipe__read_flag(json, "do_center_crop", &do_center_crop, err) ||
        !tl_recipe__read_flag(json, "default_to_square", &takes_number_as_square, err) ||
        !read_filter(json, &recipe->filter, err))
        return false;
    recipe->mode = do_resize ? kind->mode : TL_RESIZE_NONE;
    recipe->resize_size = do_resize ? kind->resize_size : 0;
    if (do_resize && !read_size(json, takes_number_as_square, recipe, err))
        return false;
    if (do_center_crop) {
        recipe->size = kind->crop_size;
        if (!read_crop_size(json, &recipe->size, err))
            return false;
    } else if (recipe->mode != TL_RESIZE_SQUASH) {
        return tl_fail(err, TL_ERROR_UNSUPPORTED,
                       "expected a fixed size, found one that varies with the picture (%s and no crop)",
                       do_resize ? "shortest_edge" : "no resize");
    } else {
        recipe->size = recipe->resize_size;
    }
    if (recipe->resize_size == recipe->size)
        recipe->resize_size = 0;
    return true;
}

static bool read_values(const tl_json *json, tl_image_recipe *recipe, tl_error *err)
{
    bool do_rescale = true, do_normalize = true;
    if (!tl_recipe__read_flag(json, "do_rescale", &do_rescale, err) ||
        !tl_recipe__read_flag(json, "do_normalize", &do_normalize, err) ||
        !tl_recipe__read_factor(json, &recipe->rescale_factor, err) ||
        !tl_recipe__read_mean_and_std(json, "image_mean", "image_std", recipe, err))
        return false;
    if (!do_rescale)
        recipe->rescale_factor = 1;
    for (int i = 0; i < 3 && !do_normalize; i++) {
        recipe->mean[i] = 0;
        recipe->std[i] = 1;
    }
    return true;
}

static bool read_members(const tl_json *json, uint32_t tower_size, tl_image_recipe *recipe, tl_error *err)
{
    const processor_kind *kind;
    bool do_pad = false, use_square_size = false;
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    /* processor_config.json of transformers 5 holds the same one level down. */
    if (tl_json_is_object(tl_json_member(json, "image_processor")))
        json = tl_json_member(json, "image_processor");
    if (!find_kind(json, &kind, err) || (kind->stem == NULL && !is_all_stated(json, err)) ||
        !tl_recipe__read_flag(json, "do_pad", &do_pad, err) ||
        !tl_recipe__read_flag(json, "use_square_size", &use_square_size, err))
        return false;
    if (do_pad || use_square_size)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected no %s, found true", do_pad ? "do_pad" : "use_square_size");
    *recipe = (tl_image_recipe){.filter = kind->filter, .crop = TL_CROP_DOWN};
    for (int i = 0; i < 3; i++) {
        recipe->mean[i] = kind->is_clip_colored ? tl_clip_mean[i] : 0.5f;
        recipe->std[i] = kind->is_clip_colored ? tl_clip_std[i] : 0.5f;
    }
    if (!read_geometry(json, kind, recipe, err) || !read_values(json, recipe, err))
        return false;
    if (tower_size != 0 && recipe->size != tower_size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pictures of %" PRIu32 " pixels as the tower takes, found %" PRIu32,
                       tower_size, recipe->size);
    return true;
}

bool tl_image_recipe_read_transformers(const tl_json *json, uint32_t tower_size, tl_image_recipe *out, tl_error *err)
{
    tl_image_recipe recipe;
    if (!read_members(json, tower_size, &recipe, err))
        return tl_fail_within(err, "image processor");
    *out = recipe;
    return true;
}

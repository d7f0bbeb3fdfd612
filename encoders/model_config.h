/*
 * Sizes of a two-tower model, in the words of open_clip's model_configs (embed_dim, vision_cfg, text_cfg), which is also what the
 * config.json of a MODEL folder holds, with "model_type": "twinlens". Tensor names and layouts in model.safetensors are those of
 * open_clip's class CLIP, so that its load_state_dict reads our files.
 */
#ifndef TL_ENCODERS_MODEL_CONFIG_H
#define TL_ENCODERS_MODEL_CONFIG_H

#include "base/io/json.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_activation { TL_GELU /* exact, by erf */, TL_QUICK_GELU /* x * sigmoid(1.702 x) */, TL_GELU_TANH } tl_activation;
typedef enum tl_vision_pooling {
    TL_POOL_CLASS_TOKEN /* "tok" */,
    TL_POOL_AVERAGE /* "avg": mean of patch tokens, class token left out */,
    TL_POOL_ATTENTION /* "map": one learned query attends to all tokens (Zhai et al. 2022) */
} tl_vision_pooling;
/* How a pooled row [W] becomes an embedding [D]. */
typedef enum tl_projection {
    TL_PROJECTION_MATRIX /* "matrix": x P, as CLIP */,
    TL_PROJECTION_LINEAR /* "linear": with a bias */,
    TL_PROJECTION_NONE /* "none": W is D */
} tl_projection;
typedef enum tl_vision_trunk {
    TL_TRUNK_TRANSFORMER /* "transformer" (Dosovitskiy et al. 2021) */,
    TL_TRUNK_RESNET /* "resnet": CLIP's modified one, attention pooling at its end */
} tl_vision_trunk;
typedef enum tl_text_pooling {
    TL_POOL_EOS /* "eos": first eos_id */,
    TL_POOL_ARGMAX /* largest id */,
    TL_POOL_LAST /* last of T */
} tl_text_pooling;

/* Queries and keys of a patch turn by its row and column (Su et al. 2021, over a grid as timm's RotaryEmbeddingCat); a class
 * token does not. Half of a head's pairs of numbers turn by one of the two, at temperature^(-i / pairs of a half), i = 0, 1, ....
 */
typedef struct tl_rotary_config {
    bool is_used;
    bool columns_first;      /* the first half of the pairs turns by column ("xy"), else by row ("ij") */
    float temperature;       /* 10000 in the published models */
    float offset;            /* of the first row and column */
    uint32_t reference_side; /* rows and columns are stretched to a grid of this side; 0: as they are */
} tl_rotary_config;

/* A stage of a convolutional stem: patches of what comes in become rows of `width`, which its blocks work on. */
typedef struct tl_stem_stage_config {
    uint32_t patch_size;
    uint32_t width;
    uint32_t layers;
    uint32_t mlp_width; /* of a block */
} tl_stem_stage_config;

enum { TL_STEM_MOST_STAGES = 4 };

typedef struct tl_vision_config {
    uint32_t image_size; /* S; what it leaves over patch_size is not looked at */
    uint32_t patch_size;
    uint32_t width;
    uint32_t layers;
    uint32_t heads; /* width is a multiple of it; config files say head_width */
    uint32_t mlp_width;
    tl_vision_pooling pooling;
    tl_activation activation;
    float layer_norm_epsilon;
    tl_projection projection;
    bool without_class_token;
    bool without_pre_norm;   /* no layer norm between the embedding and the first block */
    bool with_patch_bias;    /* the patch embedding has a bias */
    bool norm_after_pooling; /* the final norm is of the pooled row, not of all rows ("avg" only) */
    uint32_t pool_heads;     /* of "map" */
    uint32_t pool_mlp_width; /* of "map"; 0: mlp_width */
    tl_rotary_config rotary;
    bool with_gated_mlp;       /* silu(gate) * value of a joint product, gates first, in place of the activation */
    bool with_inner_norms;     /* of what attention and the MLP's hidden layer give, before their last products */
    bool norms_last;           /* a block's two norms are of what it adds, not of what it reads */
    uint32_t stem_stage_count; /* 0: patches are of pixels; else of the last stage's map, and patch_size is the whole reduction */
    tl_stem_stage_config stem_stages[TL_STEM_MOST_STAGES];
    uint32_t stem_kernel; /* 3, 5 or 7: side of its blocks' depthwise convolutions */
    tl_vision_trunk trunk;
    uint32_t stage_layers[4]; /* "resnet": bottlenecks of each stage; layers is their sum, width the stem's, heads the pooling's,
                                 patch_size 32 (the whole reduction), mlp_width unused */
} tl_vision_config;

typedef struct tl_text_config {
    uint32_t context_length; /* T */
    uint32_t vocabulary_size;
    uint32_t width;
    uint32_t layers;
    uint32_t heads;
    uint32_t mlp_width;
    bool without_causal_mask; /* then padding is attended to, as in the references */
    tl_text_pooling pooling;
    int32_t eos_id;
    int32_t pad_id;
    tl_activation activation;
    float layer_norm_epsilon;
    tl_projection projection;
} tl_text_config;

typedef struct tl_model_config {
    uint32_t embedding_dim; /* D */
    tl_vision_config vision;
    tl_text_config text;
    bool has_logit_bias; /* sigmoid similarity: probability = sigmoid(scale x . y + bias) */
} tl_model_config;

/* Reads and checks config.json: every size within bounds, every product far from overflow; errors name the member. */
bool tl_model_config_read(const tl_json *json, tl_model_config *out, tl_error *err) TL_MUST_USE;
bool tl_model_config_write(const tl_model_config *config, tl_json **out, tl_error *err) TL_MUST_USE;
const char *tl_activation_name(tl_activation activation); /* "gelu", "quick_gelu", "gelu_tanh" */
bool tl_activation_of_name(const char *name, tl_activation *out);
bool tl_model_config_check(const tl_model_config *config, tl_error *err) TL_MUST_USE;
/* Multiply-adds of the products that make a picture the rows of a transformer: a stem's and the patch embedding; *of_pixels:
 * those that meet pixels, whose gradient nobody asks for. */
double tl_vision_config_embedding_products(const tl_vision_config *vision, double *of_pixels);
/* False, naming it, when the model has a piece whose backward pass is not written; a frozen image tower needs none. */
bool tl_model_config_check_trainable(const tl_model_config *config, bool freezes_images, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

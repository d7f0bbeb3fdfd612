/* Tensor names of transformers' CLIPModel and SiglipModel: the same but for their heads. */
#include "encoders/families/transformers_names.h"
#include "encoders/families/block_names.h"

#define IMAGE "vision_model."
#define TEXT "text_model."
#define HEAD IMAGE "head."

#define BLOCK(ours, theirs)                                                                                  \
    {ours "attn.in_proj_weight",                                                                             \
     {theirs "self_attn.q_proj.weight", theirs "self_attn.k_proj.weight", theirs "self_attn.v_proj.weight"}, \
     false},                                                                                                 \
        {ours "attn.in_proj_bias",                                                                           \
         {theirs "self_attn.q_proj.bias", theirs "self_attn.k_proj.bias", theirs "self_attn.v_proj.bias"},   \
         false},                                                                                             \
        TL_NAME_BLOCK(ours, theirs, "layer_norm1", "self_attn.out_proj", "layer_norm2", "mlp.fc1", "mlp.fc2")

static const tl_tensor_name rows[] = {
    {"visual.class_embedding", {IMAGE "embeddings.class_embedding"}, false},
    {"visual.positional_embedding", {IMAGE "embeddings.position_embedding.weight"}, false},
    TL_NAME_PAIR("visual.conv1", IMAGE "embeddings.patch_embedding"),
    TL_NAME_PAIR("visual.ln_pre", IMAGE "pre_layrnorm"), /* sic */
    BLOCK("visual.transformer.resblocks.*.", IMAGE "encoder.layers.*."),
    TL_NAME_PAIR("visual.ln_post", IMAGE "post_layernorm"),
    {"visual.proj", {"visual_projection.weight"}, true},
    {"visual.attn_pool.probe", {HEAD "probe"}, false},
    {"visual.attn_pool.attn.in_proj_weight", {HEAD "attention.in_proj_weight"}, false},
    {"visual.attn_pool.attn.in_proj_bias", {HEAD "attention.in_proj_bias"}, false},
    TL_NAME_PAIR("visual.attn_pool.attn.out_proj", HEAD "attention.out_proj"),
    TL_NAME_PAIR("visual.attn_pool.ln", HEAD "layernorm"),
    TL_NAME_PAIR("visual.attn_pool.mlp.c_fc", HEAD "mlp.fc1"),
    TL_NAME_PAIR("visual.attn_pool.mlp.c_proj", HEAD "mlp.fc2"),

    {"positional_embedding", {TEXT "embeddings.position_embedding.weight"}, false},
    {"token_embedding.weight", {TEXT "embeddings.token_embedding.weight"}, false},
    BLOCK("transformer.resblocks.*.", TEXT "encoder.layers.*."),
    TL_NAME_PAIR("ln_final", TEXT "final_layer_norm"),
    {"text_projection", {"text_projection.weight"}, true},
    {"text_projection", {TEXT "head.weight"}, true},
    {"text_projection_bias", {TEXT "head.bias"}, false},
};

/* Buffers that older versions saved. */
static const char *const ignored[] = {
    IMAGE "embeddings.position_ids",
    TEXT "embeddings.position_ids",
    NULL,
};

const tl_tensor_map tl_transformers_names = {rows, sizeof rows / sizeof rows[0], ignored};

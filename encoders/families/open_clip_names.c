/*
 * Tensor names of open_clip: its class CLIP names ours as we do; CustomTextCLIP puts "text." before the text tower's; TimmModel
 * has timm's names under "visual.trunk.", with the projection in the trunk's or its own head.
 */
#include "encoders/families/open_clip_names.h"
#include "encoders/families/block_names.h"

#define TRUNK "visual.trunk."
#define POOL TRUNK "attn_pool."
#define EVA TRUNK "blocks.*.attn."

static const tl_tensor_name rows[] = {
    {"visual.class_embedding", {TRUNK "cls_token"}, false},
    {"visual.positional_embedding", {TRUNK "pos_embed"}, false},
    TL_NAME_PAIR("visual.conv1", TRUNK "patch_embed.proj"),
    TL_NAME_PAIR("visual.ln_pre", TRUNK "norm_pre"),
    {"visual.transformer.resblocks.*.attn.in_proj_weight", {TRUNK "blocks.*.attn.qkv.weight"}, false},
    {"visual.transformer.resblocks.*.attn.in_proj_bias", {TRUNK "blocks.*.attn.qkv.bias"}, false},
    /* EVA: no key bias; in EVA-02 queries, keys and values apart, a gated MLP and its norms. */
    {"visual.transformer.resblocks.*.attn.in_proj_bias", {EVA "q_bias", TL_TENSOR_ZEROS, EVA "v_bias"}, false},
    {"visual.transformer.resblocks.*.attn.in_proj_weight",
     {EVA "q_proj.weight", EVA "k_proj.weight", EVA "v_proj.weight"},
     false},
    {"visual.transformer.resblocks.*.attn.in_proj_bias", {EVA "q_proj.bias", TL_TENSOR_ZEROS, EVA "v_proj.bias"}, false},
    TL_NAME_PAIR("visual.transformer.resblocks.*.attn.ln", EVA "norm"),
    {"visual.transformer.resblocks.*.mlp.c_fc.weight",
     {TRUNK "blocks.*.mlp.fc1_g.weight", TRUNK "blocks.*.mlp.fc1_x.weight"},
     false},
    {"visual.transformer.resblocks.*.mlp.c_fc.bias", {TRUNK "blocks.*.mlp.fc1_g.bias", TRUNK "blocks.*.mlp.fc1_x.bias"}, false},
    TL_NAME_PAIR("visual.transformer.resblocks.*.mlp.ln", TRUNK "blocks.*.mlp.norm"),
    TL_NAME_BLOCK("visual.transformer.resblocks.*.", TRUNK "blocks.*.", "norm1", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"),
    TL_NAME_PAIR("visual.ln_post", TRUNK "norm"),
    {"visual.attn_pool.probe", {POOL "latent"}, false},
    {"visual.attn_pool.attn.in_proj_weight", {POOL "q.weight", POOL "kv.weight"}, false},
    {"visual.attn_pool.attn.in_proj_bias", {POOL "q.bias", POOL "kv.bias"}, false},
    TL_NAME_PAIR("visual.attn_pool.attn.out_proj", POOL "proj"),
    TL_NAME_PAIR("visual.attn_pool.ln", POOL "norm"),
    TL_NAME_PAIR("visual.attn_pool.mlp.c_fc", POOL "mlp.fc1"),
    TL_NAME_PAIR("visual.attn_pool.mlp.c_proj", POOL "mlp.fc2"),
    {"visual.proj", {TRUNK "head.weight"}, true},
    {"visual.proj", {"visual.head.proj.weight"}, true},
    {"visual.proj_bias", {TRUNK "head.bias"}, false},
    {"visual.proj_bias", {"visual.head.proj.bias"}, false},

    {"positional_embedding", {"text.positional_embedding"}, false},
    {"token_embedding.weight", {"text.token_embedding.weight"}, false},
    {"transformer.resblocks.*.attn.in_proj_weight", {"text.transformer.resblocks.*.attn.in_proj_weight"}, false},
    {"transformer.resblocks.*.attn.in_proj_bias", {"text.transformer.resblocks.*.attn.in_proj_bias"}, false},
    TL_NAME_BLOCK("transformer.resblocks.*.", "text.transformer.resblocks.*.", "ln_1", "attn.out_proj", "ln_2", "mlp.c_fc",
                  "mlp.c_proj"),
    TL_NAME_PAIR("ln_final", "text.ln_final"),
    {"text_projection", {"text.text_projection"}, false},
    {"text_projection", {"text.text_projection.weight"}, true},
    {"text_projection", {"text_projection.weight"}, true},
    {"text_projection_bias", {"text.text_projection.bias"}, false},
    {"text_projection_bias", {"text_projection.bias"}, false},
};

/* Batch counters of training, and what OpenAI's own archives hold beside the weights. */
static const char *const ignored[] = {
    "visual.bn*.num_batches_tracked",
    "visual.layer1.*.bn1.num_batches_tracked",
    "visual.layer1.*.bn2.num_batches_tracked",
    "visual.layer1.*.bn3.num_batches_tracked",
    "visual.layer1.*.downsample.1.num_batches_tracked",
    "visual.layer2.*.bn1.num_batches_tracked",
    "visual.layer2.*.bn2.num_batches_tracked",
    "visual.layer2.*.bn3.num_batches_tracked",
    "visual.layer2.*.downsample.1.num_batches_tracked",
    "visual.layer3.*.bn1.num_batches_tracked",
    "visual.layer3.*.bn2.num_batches_tracked",
    "visual.layer3.*.bn3.num_batches_tracked",
    "visual.layer3.*.downsample.1.num_batches_tracked",
    "visual.layer4.*.bn1.num_batches_tracked",
    "visual.layer4.*.bn2.num_batches_tracked",
    "visual.layer4.*.bn3.num_batches_tracked",
    "visual.layer4.*.downsample.1.num_batches_tracked",
    "attn_mask",
    "text.attn_mask",
    "input_resolution",
    "context_length",
    "vocab_size",
    NULL,
};

const tl_tensor_map tl_open_clip_names = {rows, sizeof rows / sizeof rows[0], ignored};

/*
 * What a timm_model_name in open_clip's configs stands for: an open_clip_config.json of such a model names its image tower and
 * says no sizes. Within encoders only.
 *
 * Tensors of these trunks, as open_clip saves them (N: the block's number; matrices are [out, in] unless said otherwise):
 *     visual.trunk.cls_token [1, 1, W]                    visual.class_embedding [W]
 *     visual.trunk.pos_embed [1, T, W]                    visual.positional_embedding [T, W], the class token first where there
 * is one visual.trunk.patch_embed.proj.{weight,bias}         visual.conv1.{weight,bias} visual.trunk.norm_pre.{weight,bias}
 * visual.ln_pre.{weight,bias} visual.trunk.blocks.N.norm1.{weight,bias} visual.transformer.resblocks.N.ln_1.{weight,bias}
 *     visual.trunk.blocks.N.attn.qkv.{weight,bias}        visual.transformer.resblocks.N.attn.in_proj_{weight,bias}: same order
 *     visual.trunk.blocks.N.attn.proj.{weight,bias}       visual.transformer.resblocks.N.attn.out_proj.{weight,bias}
 *     visual.trunk.blocks.N.norm2.{weight,bias}           visual.transformer.resblocks.N.ln_2.{weight,bias}
 *     visual.trunk.blocks.N.mlp.fc1.{weight,bias}         visual.transformer.resblocks.N.mlp.c_fc.{weight,bias}
 *     visual.trunk.blocks.N.mlp.fc2.{weight,bias}         visual.transformer.resblocks.N.mlp.c_proj.{weight,bias}
 *   EVA has no key bias and, in EVA-02, a gated MLP with norms inside; then in place of the above
 *     visual.trunk.blocks.N.attn.{q,v}_bias [W]           ...attn.in_proj_bias, its middle third zero
 *     visual.trunk.blocks.N.attn.{q,k,v}_proj.weight      ...attn.in_proj_weight; of biases only q_proj's and v_proj's
 *     visual.trunk.blocks.N.attn.norm.{weight,bias} [W]   ...attn.ln.{weight,bias}
 *     visual.trunk.blocks.N.mlp.fc1_{g,x}.{weight,bias}   ...mlp.c_fc.{weight,bias} [2 M, W], g first
 *     visual.trunk.blocks.N.mlp.norm.{weight,bias} [M]    ...mlp.ln.{weight,bias}
 *   and then again
 *     visual.trunk.norm.{weight,bias}                     visual.ln_post.{weight,bias}
 *     visual.trunk.attn_pool.latent [1, 1, W]             visual.attn_pool.probe [W]
 *     visual.trunk.attn_pool.q.{weight,bias}, kv.{...}    visual.attn_pool.attn.in_proj_{weight,bias}: q, then kv
 *     visual.trunk.attn_pool.proj.{weight,bias}           visual.attn_pool.attn.out_proj.{weight,bias}
 *     visual.trunk.attn_pool.norm.{weight,bias}           visual.attn_pool.ln.{weight,bias}
 *     visual.trunk.attn_pool.mlp.fc1.*, fc2.*             visual.attn_pool.mlp.c_fc.*, c_proj.*
 *     visual.trunk.head.weight [D, W], bias [D]           visual.proj [W, D], transposed, and visual.proj_bias
 * (TL_PROJECTION_LINEAR) Rotary tables and absent biases are not in the file. The text towers and logit_scale are those of
 * open_clip's CustomTextCLIP
 * ("text." before the names of CLIP's).
 */
#ifndef TL_ENCODERS_FAMILIES_TIMM_MODELS_H
#define TL_ENCODERS_FAMILIES_TIMM_MODELS_H

#include "encoders/model_config.h"

typedef struct tl_timm_model {
    const char *name;
    tl_vision_config vision; /* with the pooling and projection that open_clip's configs ask of it (timm_pool, timm_proj) */
} tl_timm_model;

/* NULL where we have no such model. */
const tl_timm_model *tl_timm_model_find(const char *name);
/* Models are numbered from 0; NULL after the last. */
const tl_timm_model *tl_timm_model_at(size_t number);

#endif

/* Names of one block's tensors, as rows of a tl_tensor_name table. Within encoders/families only. */
#ifndef TL_ENCODERS_FAMILIES_BLOCK_NAMES_H
#define TL_ENCODERS_FAMILIES_BLOCK_NAMES_H

/* Weight and bias of one thing. */
#define TL_NAME_PAIR(ours, theirs)               \
    {ours ".weight", {theirs ".weight"}, false}, \
    {                                            \
        ours ".bias", {theirs ".bias"}, false    \
    }

/* Everything of a block but its attention's input projection, which each dialect cuts in its own way. */
#define TL_NAME_BLOCK(ours, theirs, norm_1, out_proj, norm_2, c_fc, c_proj)                        \
    TL_NAME_PAIR(ours "ln_1", theirs norm_1), TL_NAME_PAIR(ours "attn.out_proj", theirs out_proj), \
        TL_NAME_PAIR(ours "ln_2", theirs norm_2), TL_NAME_PAIR(ours "mlp.c_fc", theirs c_fc),      \
        TL_NAME_PAIR(ours "mlp.c_proj", theirs c_proj)

#endif

/*
 * Door of the encoders: a model folder opened once and shared read-only, and per-thread sessions that encode ids and pixels.
 * A model folder is one of a model trained here, or one that open_clip or transformers has saved (encoders/families lists them);
 * this module reads all of it but the tokenizer (cli/app joins the two).
 */
#ifndef TL_ENCODERS_ENCODERS_H
#define TL_ENCODERS_ENCODERS_H

#include "base/compute/weight.h"
#include "base/parallel/thread_pool.h"
#include "encoders/model_config.h"
#include "encoders/preprocess/recipe.h"
#include "encoders/stage_observer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_model tl_model;
typedef struct tl_model_session tl_model_session;

/* Whose words a folder speaks: ours, or those of open_clip or transformers (which read no vocabulary of ours). */
typedef enum tl_model_format { TL_MODEL_TWINLENS, TL_MODEL_OPEN_CLIP, TL_MODEL_TRANSFORMERS } tl_model_format;

typedef struct tl_model_info {
    const char *family; /* "twinlens", "open_clip", "CLIP (transformers)", ... */
    tl_model_format format;
    tl_model_config config;
    tl_image_recipe recipe;
    float logit_scale;        /* the factor itself: exp of the parameter */
    float logit_bias;         /* of sigmoid similarity (config.has_logit_bias) */
    tl_dtype dtype;           /* of the largest tensor, as stored */
    uint64_t parameter_count; /* floats */
    char warning[320];        /* "", or what a user should know about how the folder was read */
    char fingerprint[33];     /* of config, recipe and weights; kept in the folder with size and time of the files it covers */
} tl_model_info;

/* Maps the weights; nothing is copied. Errors name file, tensor, what was expected and found. */
bool tl_model_open(const char *directory, tl_model **out, tl_error *err) TL_MUST_USE;
typedef enum tl_precision { TL_PRECISION_F32, TL_PRECISION_BF16, TL_PRECISION_INT8 } tl_precision;
typedef enum tl_tower { TL_TOWER_IMAGE, TL_TOWER_TEXT } tl_tower;
enum { TL_TOWER_COUNT = 2 };
/*
 * Makes products with a tower's weights faster by another form of them: worth it for more than a few items. precision: of the
 * factors; sums are f32 (f32, bf16) or int32 (int8). Forms smaller than the weights (bf16, int8) are kept in the folder
 * ("image.bf16.packed") and mapped by later calls, in any process; they may be deleted at any time, and where they cannot be
 * written, or are small, they are made in memory. Done once a tower: later calls do nothing. Not while a session encodes. pool
 * may be NULL.
 */
bool tl_model_pack(tl_model *model, tl_tower tower, tl_precision precision, tl_thread_pool *pool, tl_error *err) TL_MUST_USE;
/* Decides which GELU somebody's model was trained with, in its folder (twinlens.json): "gelu", "quick_gelu", "gelu_tanh", or
 * "auto" to leave it to name and configuration again. Not of a model trained here. */
bool tl_model_choose_activation(const char *directory, const char *name, tl_error *err) TL_MUST_USE;
void tl_model_close(tl_model *model);
const tl_model_info *tl_model_info_read(const tl_model *model); /* borrowed */
/* Calls visit for every tensor: name, rank, shape. */
void tl_model_each_tensor(const tl_model *model,
                          void (*visit)(void *context, const char *name, uint32_t rank, const size_t *shape), void *context);
/* out = the values of a tensor of this shape by the name that visit is told; *found: false when there is none of this name, and
 * out is left alone. Another shape is an error. */
bool tl_model_read_tensor(const tl_model *model, const char *name, uint32_t rank, const size_t *shape, float *out, bool *found,
                          tl_error *err) TL_MUST_USE;
typedef struct tl_model_write_options {
    tl_model_format format;
    double weight;  /* of other */
    bool has_dtype; /* else the narrowest that loses nothing; of a mixture f32 */
    tl_dtype dtype;
    const char *tokenizer_name; /* open_clip: text_cfg.hf_tokenizer_name; NULL: none */
} tl_model_write_options;
/*
 * Writes configuration, picture recipe and weights, (1 - weight) model + weight other; other NULL: the model's. Two models must
 * have the same tensors. What the framework has no place for is an error that names it. transformers has no recipe that lays a
 * picture on a square (TL_RESIZE_LONGEST): there it says how the square is resized. The vocabulary is the caller's affair.
 */
bool tl_model_write(const tl_model *model, const tl_model *other, const tl_model_write_options *options, const char *directory,
                    tl_error *err) TL_MUST_USE;

/* The narrowest type that holds every tensor of the files exactly. */
tl_dtype tl_model_exact_dtype(const tl_model *model);
/* The folder once more in its own words, whoever's they are, its weights as dtype. The vocabulary is the caller's affair. */
bool tl_model_rewrite(const tl_model *model, tl_dtype dtype, const char *directory, tl_error *err) TL_MUST_USE;

/* Scratch for up to max_batch items at once. model and pool must outlive it; pool may be NULL. One thread at a time. */
bool tl_model_session_create(const tl_model *model, size_t max_batch, tl_thread_pool *pool, tl_model_session **out,
                             tl_error *err) TL_MUST_USE;
void tl_model_session_destroy(tl_model_session *session);
/* Shows every stage of what is encoded from now on, on one thread; borrowed. NULL: no longer. */
void tl_model_session_observe(tl_model_session *session, const tl_stage_observer *observer);
/* ids [B, T], lengths [B] (as tl_tokenizer_encode gives them) -> unit rows out [B, D]. Fails rather than return a non-finite
 * vector. B may pass max_batch. */
bool tl_model_session_encode_tokens(tl_model_session *session, const int32_t *ids, const uint32_t *lengths, size_t batch,
                                    float *out, tl_error *err) TL_MUST_USE;
/* pixels [B, 3, S, S] normalised by the recipe -> unit rows out [B, D]. */
bool tl_model_session_encode_pixels(tl_model_session *session, const float *pixels, size_t batch, float *out,
                                    tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

/* Texts and picture bytes to unit vectors: tokenizer, decoders, recipe and towers behind two calls. One thread at a time. */
#ifndef TL_CLI_APP_EMBEDDER_H
#define TL_CLI_APP_EMBEDDER_H

#include "base/image/exif.h"
#include "base/parallel/thread_pool.h"
#include "cli/app/model_bundle.h"
#include "cli/app/reasons.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_embedder tl_embedder;

/* What became of one picture of a batch. */
typedef struct tl_picture {
    tl_slice bytes;         /* in; borrowed */
    bool decoded;           /* out: false: error says why, its row is not written */
    uint32_t width, height; /* out, as shown */
    tl_exif exif;           /* out */
    const char *reason;     /* out: short and countable where not decoded: "broken picture" */
    tl_error error;         /* out */
} tl_picture;

/* bundle and pool must outlive it; batch: items at once (scratch grows with it). */
bool tl_embedder_create(const tl_model_bundle *bundle, size_t batch, tl_thread_pool *pool, tl_embedder **out,
                        tl_error *err) TL_MUST_USE;
void tl_embedder_destroy(tl_embedder *embedder);
uint32_t tl_embedder_dim(const tl_embedder *embedder);
/* Items at once, as it was created with. */
size_t tl_embedder_batch(const tl_embedder *embedder);
/* texts -> out [count, D] unit rows. */
bool tl_embedder_texts(tl_embedder *embedder, const tl_slice *texts, size_t count, float *out, tl_error *err) TL_MUST_USE;
/* Decodes in parallel and encodes; row i of out [count, D] belongs to pictures[i] and is valid where decoded. A bad picture is no
 * failure of the call. */
bool tl_embedder_pictures(tl_embedder *embedder, tl_picture *pictures, size_t count, float *out, tl_error *err) TL_MUST_USE;
/*
 * Starts decoding pictures (at most a batch) that a later call of tl_embedder_pictures will ask for, with the same array and
 * count, beside what is computed until then. They and their bytes must stay till that call, or till they are forgotten or the
 * embedder is destroyed. Two arrays may be prepared at a time.
 */
bool tl_embedder_prepare(tl_embedder *embedder, tl_picture *pictures, size_t count, tl_error *err) TL_MUST_USE;
/* Nobody will ask for what is prepared: from here on the pictures and their bytes may go. */
void tl_embedder_forget_prepared(tl_embedder *embedder);
/* Decodes one picture as every command does (large JPEGs at reduced size) into the recipe's RGB8 frame [S, S, 3]; pixels has room
 * for it. */
bool tl_picture_frame(const tl_image_recipe *recipe, tl_picture *picture, uint8_t *pixels);
/* Counts a picture that was not decoded, by its reason; origin says where it came from. */
void tl_picture_count_skipped(const tl_picture *picture, const char *origin, tl_reasons *skipped);

#ifdef __cplusplus
}
#endif

#endif

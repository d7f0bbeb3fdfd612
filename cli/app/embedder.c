/*
 * Pictures are decoded by the pool one task each, straight into their slot of the pixel batch; slots of broken ones are closed
 * up before the tower runs, and rows are moved back to their places after it.
 */
#include "cli/app/embedder.h"

#include "base/core/memory.h"
#include "base/image/decode.h"
#include "base/image/probe.h"

#include <stdio.h>

struct tl_embedder {
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    tl_model_session *session;
    size_t batch;
    size_t items[TL_TOWER_COUNT]; /* embedded so far */
    size_t pixel_count;           /* floats of one picture: 3 * S * S */
    float *pixels;                /* [batch, 3, S, S], made at the first picture */
    uint8_t *frames;              /* [batch, S, S, 3] */
    int32_t *ids;                 /* [batch, T] */
    uint32_t *lengths;            /* [batch] */
};

/* Large JPEGs may be decoded at a fraction of their size as long as this many pixels a side remain for the resize to S. */
enum { MIN_DECODED_SIDE = 512, ITEMS_WORTH_PACKING = 16 };

bool tl_embedder_create(const tl_model_bundle *bundle, size_t batch, tl_thread_pool *pool, tl_embedder **out, tl_error *err)
{
    tl_embedder *embedder = tl_memory_allocate(1, sizeof *embedder, err);
    if (embedder == NULL)
        return false;
    const tl_model_config *config = &bundle->info->config;
    embedder->bundle = bundle;
    embedder->pool = pool;
    embedder->batch = batch;
    embedder->pixel_count = (size_t)3 * config->vision.image_size * config->vision.image_size;
    embedder->ids = tl_memory_allocate(batch, sizeof *embedder->ids * config->text.context_length, err);
    embedder->lengths = embedder->ids != NULL ? tl_memory_allocate(batch, sizeof *embedder->lengths, err) : NULL;
    if (embedder->lengths == NULL || !tl_model_session_create(bundle->model, batch, pool, &embedder->session, err)) {
        tl_embedder_destroy(embedder);
        return false;
    }
    *out = embedder;
    return true;
}

void tl_embedder_destroy(tl_embedder *embedder)
{
    if (embedder == NULL)
        return;
    tl_model_session_destroy(embedder->session);
    tl_memory_free(embedder->lengths);
    tl_memory_free(embedder->ids);
    tl_memory_free(embedder->frames);
    tl_memory_free(embedder->pixels);
    tl_memory_free(embedder);
}

uint32_t tl_embedder_dim(const tl_embedder *embedder)
{
    return embedder->bundle->info->config.embedding_dim;
}

/* A copy of the weights in the kernels' own order pays for itself after some items; other precisions have no other form. */
static bool pack_weights(tl_embedder *embedder, tl_tower tower, size_t count, tl_error *err)
{
    const tl_model_bundle *bundle = embedder->bundle;
    embedder->items[tower] += count;
    if (embedder->items[tower] < ITEMS_WORTH_PACKING && bundle->precision == TL_PRECISION_F32)
        return true;
    return tl_model_pack(bundle->model, tower, bundle->precision, embedder->pool, err);
}

bool tl_embedder_texts(tl_embedder *embedder, const tl_slice *texts, size_t count, float *out, tl_error *err)
{
    if (!pack_weights(embedder, TL_TOWER_TEXT, count, err))
        return false;
    for (size_t done = 0; done < count;) {
        size_t part = count - done < embedder->batch ? count - done : embedder->batch;
        if (!tl_tokenizer_encode(embedder->bundle->tokenizer, texts + done, part, embedder->ids, embedder->lengths, err) ||
            !tl_model_session_encode_tokens(embedder->session, embedder->ids, embedder->lengths, part,
                                            out + done * tl_embedder_dim(embedder), err))
            return false;
        done += part;
    }
    return true;
}

static const char *reason_of(tl_error_kind kind, bool is_probed)
{
    if (kind == TL_ERROR_UNSUPPORTED)
        return is_probed ? "picture too large" : "not a picture";
    return kind == TL_ERROR_CORRUPT ? "broken picture" : "cannot be read";
}

bool tl_picture_frame(const tl_image_recipe *recipe, tl_picture *picture, uint8_t *pixels)
{
    tl_image decoded = {0};
    tl_image framed = {0};
    tl_image_info info;
    uint32_t side = recipe->size * 2 > MIN_DECODED_SIDE ? recipe->size * 2 : MIN_DECODED_SIDE;
    tl_image_decode_options options = {.min_side = side};
    bool is_probed = tl_image_probe(picture->bytes, &info, &picture->error);
    picture->decoded = is_probed && tl_image_decode(picture->bytes, &options, &decoded, &picture->error) &&
                       tl_image_recipe_frame(recipe, &decoded, &framed, &picture->error);
    if (!picture->decoded)
        picture->reason = reason_of(picture->error.kind, is_probed);
    if (picture->decoded) {
        memcpy(pixels, framed.pixels, (size_t)3 * recipe->size * recipe->size);
        /* The size shown to people is the file's own, turned as the decoder turned it. */
        tl_exif_read(picture->bytes, &picture->exif);
        bool turned = picture->exif.orientation >= 5;
        picture->width = turned ? info.height : info.width;
        picture->height = turned ? info.width : info.height;
    }
    tl_image_clear(&framed);
    tl_image_clear(&decoded);
    return picture->decoded;
}

void tl_picture_count_skipped(const tl_picture *picture, const char *origin, tl_reasons *skipped)
{
    char example[TL_ERROR_MESSAGE_SIZE + 256];
    snprintf(example, sizeof example, "%s: %s", origin, picture->error.message);
    tl_reasons_add(skipped, picture->reason, example);
}

typedef struct decode_work {
    tl_embedder *embedder;
    tl_picture *pictures;
} decode_work;

static void decode_one(void *context, size_t index, size_t worker)
{
    (void)worker;
    decode_work *work = context;
    tl_embedder *embedder = work->embedder;
    const tl_image_recipe *recipe = &embedder->bundle->info->recipe;
    uint8_t *frame = embedder->frames + index * embedder->pixel_count;
    if (tl_picture_frame(recipe, &work->pictures[index], frame))
        tl_image_recipe_normalize(recipe, frame, embedder->pixels + index * embedder->pixel_count);
}

static bool embed_part(tl_embedder *embedder, tl_picture *pictures, size_t count, float *out, tl_error *err)
{
    size_t dim = tl_embedder_dim(embedder);
    decode_work work = {embedder, pictures};
    tl_thread_pool_run(embedder->pool, count, decode_one, &work);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (pictures[i].decoded && kept++ != i)
            memmove(embedder->pixels + (kept - 1) * embedder->pixel_count, embedder->pixels + i * embedder->pixel_count,
                    embedder->pixel_count * sizeof(float));
    }
    if (kept == 0)
        return true;
    if (!tl_model_session_encode_pixels(embedder->session, embedder->pixels, kept, out, err))
        return false;
    for (size_t i = count; i-- > 0;)
        if (pictures[i].decoded && --kept != i)
            memmove(out + i * dim, out + kept * dim, dim * sizeof(float));
    return true;
}

bool tl_embedder_pictures(tl_embedder *embedder, tl_picture *pictures, size_t count, float *out, tl_error *err)
{
    if (!pack_weights(embedder, TL_TOWER_IMAGE, count, err))
        return false;
    if (embedder->pixels == NULL) {
        embedder->frames = tl_memory_allocate(embedder->batch, embedder->pixel_count, err);
        embedder->pixels = embedder->frames != NULL
                               ? tl_memory_allocate_aligned(embedder->batch, embedder->pixel_count * sizeof(float), err)
                               : NULL;
        if (embedder->pixels == NULL)
            return false;
    }
    for (size_t done = 0; done < count;) {
        size_t part = count - done < embedder->batch ? count - done : embedder->batch;
        if (!embed_part(embedder, pictures + done, part, out + done * tl_embedder_dim(embedder), err))
            return false;
        done += part;
    }
    return true;
}

/*
 * Pictures are decoded by the pool one task each, straight into their slot of a pixel batch; slots of broken ones are closed up
 * before the tower runs, and rows are moved back to their places after it. The next batch may be decoded meanwhile, by threads
 * that the end of the present one, or a reader who waits for the disk, leaves idle.
 */
#include "cli/app/embedder.h"

#include "base/core/memory.h"
#include "base/image/decode.h"
#include "base/image/probe.h"

#include <stdio.h>

typedef struct pixel_batch {
    const tl_embedder *embedder;
    tl_picture *pictures; /* whose pixels these are or become; NULL: nobody's */
    float *pixels;        /* [batch, 3, S, S], made at the first picture */
    uint8_t *frames;      /* [batch, S, S, 3] */
} pixel_batch;

struct tl_embedder {
    const tl_model_bundle *bundle;
    tl_thread_pool *pool;
    tl_model_session *session;
    size_t batch;
    size_t items[TL_TOWER_COUNT]; /* embedded so far */
    size_t pixel_count;           /* floats of one picture: 3 * S * S */
    pixel_batch batches[2];
    pixel_batch *offered; /* one whose pictures may not be decoded yet; NULL: none */
    int32_t *ids;         /* [batch, T] */
    uint32_t *lengths;    /* [batch] */
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
    if (embedder->offered != NULL)
        tl_thread_pool_finish_offered(embedder->pool);
    tl_model_session_destroy(embedder->session);
    tl_memory_free(embedder->lengths);
    tl_memory_free(embedder->ids);
    for (size_t i = 0; i < 2; i++) {
        tl_memory_free(embedder->batches[i].frames);
        tl_memory_free(embedder->batches[i].pixels);
    }
    tl_memory_free(embedder);
}

uint32_t tl_embedder_dim(const tl_embedder *embedder)
{
    return embedder->bundle->info->config.embedding_dim;
}

size_t tl_embedder_batch(const tl_embedder *embedder)
{
    return embedder->batch;
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

static void decode_one(void *context, size_t index, size_t worker)
{
    (void)worker;
    const pixel_batch *batch = context;
    const size_t pixel_count = batch->embedder->pixel_count;
    const tl_image_recipe *recipe = &batch->embedder->bundle->info->recipe;
    uint8_t *frame = batch->frames + index * pixel_count;
    if (tl_picture_frame(recipe, &batch->pictures[index], frame))
        tl_image_recipe_normalize(recipe, frame, batch->pixels + index * pixel_count);
}

/* Makes a batch that is nobody's that of these pictures. */
static pixel_batch *claim_batch(tl_embedder *embedder, tl_picture *pictures, tl_error *err)
{
    pixel_batch *batch = embedder->batches[0].pictures == NULL ? &embedder->batches[0] : &embedder->batches[1];
    TL_ASSERT(batch->pictures == NULL); /* else more was prepared than is asked for */
    if (batch->pixels == NULL) {
        tl_memory_free(batch->frames);
        batch->frames = tl_memory_allocate(embedder->batch, embedder->pixel_count, err);
        batch->pixels = batch->frames != NULL
                            ? tl_memory_allocate_aligned(embedder->batch, embedder->pixel_count * sizeof(float), err)
                            : NULL;
        if (batch->pixels == NULL)
            return NULL;
    }
    batch->embedder = embedder;
    batch->pictures = pictures;
    return batch;
}

static void finish_offered(tl_embedder *embedder)
{
    if (embedder->offered != NULL)
        tl_thread_pool_finish_offered(embedder->pool);
    embedder->offered = NULL;
}

void tl_embedder_forget_prepared(tl_embedder *embedder)
{
    finish_offered(embedder);
    embedder->batches[0].pictures = embedder->batches[1].pictures = NULL;
}

bool tl_embedder_prepare(tl_embedder *embedder, tl_picture *pictures, size_t count, tl_error *err)
{
    TL_ASSERT(count <= embedder->batch);
    if (tl_thread_pool_size(embedder->pool) == 1 || count == 0) /* nobody is ever idle */
        return true;
    finish_offered(embedder); /* of those before, which are about to be embedded */
    embedder->offered = claim_batch(embedder, pictures, err);
    if (embedder->offered != NULL)
        tl_thread_pool_offer(embedder->pool, count, decode_one, embedder->offered);
    return embedder->offered != NULL;
}

static pixel_batch *decoded_batch(tl_embedder *embedder, tl_picture *pictures, size_t count, tl_error *err)
{
    for (size_t i = 0; i < 2; i++) {
        pixel_batch *batch = &embedder->batches[i];
        if (batch->pictures != pictures)
            continue;
        if (batch == embedder->offered)
            finish_offered(embedder);
        return batch;
    }
    pixel_batch *batch = claim_batch(embedder, pictures, err);
    if (batch != NULL)
        tl_thread_pool_run(embedder->pool, count, decode_one, batch);
    return batch;
}

static bool embed_part(tl_embedder *embedder, tl_picture *pictures, size_t count, float *out, tl_error *err)
{
    const size_t dim = tl_embedder_dim(embedder), pixel_count = embedder->pixel_count;
    pixel_batch *batch = decoded_batch(embedder, pictures, count, err);
    if (batch == NULL)
        return false;
    batch->pictures = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (pictures[i].decoded && kept++ != i)
            memmove(batch->pixels + (kept - 1) * pixel_count, batch->pixels + i * pixel_count, pixel_count * sizeof(float));
    }
    if (kept == 0)
        return true;
    if (!tl_model_session_encode_pixels(embedder->session, batch->pixels, kept, out, err))
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
    for (size_t done = 0; done < count;) {
        size_t part = count - done < embedder->batch ? count - done : embedder->batch;
        if (!embed_part(embedder, pictures + done, part, out + done * tl_embedder_dim(embedder), err))
            return false;
        done += part;
    }
    return true;
}

/*
 * A figure is the best of several runs, since other programs only ever make one slower. Speeds of products are measured at sizes
 * where nothing else counts, with the very kernels that the towers use, so that an encoder's share of them says what is lost
 * around the products.
 */
#include "cli/app/bench_job.h"

#include "base/compute/compute.h"
#include "base/compute/packed.h"
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/image/encode.h"
#include "base/io/file.h"
#include "cli/app/embedder.h"

#include <string.h>

enum {
    LEAST_RUNS = 2,
    PRODUCT_ROWS = 512,
    PRODUCT_SIDE = 2048, /* of the weight: 16 MiB in f32 */
    READ_DIM = 256,
    READ_ROWS = 1 << 18, /* 256 MiB: past any cache */
    PHOTO_WIDTH = 640,
    PHOTO_HEIGHT = 480,
    PHOTOS_OF_A_RUN = 16,
    MOST_BATCH = 32,
    WITHOUT_MODEL_SIDE = 224
};

static const char *const own_captions[] = {
    "a red fox in the snow",
    "two dogs run through the snow",
    "a child in a pink dress is climbing up a set of stairs",
    "black dog and white dog with brown spots are staring at each other in the street",
    "a man in an orange hat starring at something",
    "a boat on a lake at sunset",
    "group of people sitting around a table with food and drinks",
    "an old steam train crosses a stone bridge in the mountains",
    "woman with a camera",
    "a blue bicycle leans against a yellow wall",
    "a boy with a toy gun stands beside a wooden fence",
    "three children play in a fountain on a hot summer day",
    "close up of a bee on a purple flower",
    "a snowboarder jumps over a rail at night",
    "the skyline of a city seen from across the river",
    "a cat sleeping on a stack of books",
};

enum { OWN_CAPTIONS = sizeof own_captions / sizeof own_captions[0] };

typedef struct bench_state {
    const tl_bench_job *job;
    bool (*report)(void *context, const tl_bench_row *row, tl_error *err);
    void *context;
    tl_model_bundle bundle;
    tl_thread_pool *pool;
    double gflops; /* of the products in the present precision with the present pool */
} bench_state;

/* ---- a figure ---- */

typedef bool timed_run(void *context, tl_error *err);

/* Seconds of the best run; the first warms up. */
static bool best_seconds(const bench_state *state, timed_run *run, void *context, double *best, tl_error *err)
{
    double total = 0.0;
    if (!run(context, err))
        return false;
    for (int i = 0; i < LEAST_RUNS || total < state->job->seconds; i++) {
        if (!tl_progress_continue(state->job->progress, err))
            return false;
        const double start = tl_clock_seconds();
        if (!run(context, err))
            return false;
        const double taken = tl_clock_seconds() - start;
        *best = i == 0 || taken < *best ? taken : *best;
        total += taken;
    }
    return true;
}

static bool report(const bench_state *state, tl_bench_row row, tl_error *err)
{
    row.threads = tl_thread_pool_size(state->pool);
    return state->report(state->context, &row, err);
}

/* ---- the machine ---- */

typedef struct product {
    tl_thread_pool *pool;
    float *x, *weight, *y;
    tl_packed_weight packed;
    void *scratch;
} product;

static bool multiply(void *context, tl_error *err)
{
    const product *work = context;
    (void)err;
    const tl_weight weight = {.packed = work->packed};
    const tl_linear_call call = {
        .weight = &weight, .rows = PRODUCT_ROWS, .in = work->packed.in, .out = work->packed.out, .x = work->x, .y = work->y};
    tl_packed_linear(work->pool, &call, work->scratch);
    return true;
}

static bool bench_products(bench_state *state, tl_precision precision, tl_error *err)
{
    static const tl_packed_kind kinds[] = {
        [TL_PRECISION_F32] = TL_PACKED_F32, [TL_PRECISION_BF16] = TL_PACKED_BF16, [TL_PRECISION_INT8] = TL_PACKED_INT8};
    const tl_packed_kind kind = kinds[precision];
    const size_t side = PRODUCT_SIDE, values = (size_t)PRODUCT_ROWS * side;
    product work = {.pool = state->pool};
    double seconds;
    void *panels = tl_memory_allocate_aligned(tl_packed_panel_size(kind, side, side), 1, err);
    float *scales = tl_memory_allocate(tl_packed_scale_count(kind, side), sizeof *scales, err);
    work.x = tl_memory_allocate_aligned(values, sizeof *work.x, err);
    work.y = tl_memory_allocate_aligned(values, sizeof *work.y, err);
    work.weight = tl_memory_allocate_aligned(side * side, sizeof *work.weight, err);
    work.scratch = tl_memory_allocate_aligned(tl_packed_scratch_size(kind, PRODUCT_ROWS, side), 1, err);
    bool ok = panels != NULL && scales != NULL && work.x != NULL && work.y != NULL && work.weight != NULL && work.scratch != NULL;
    if (ok) {
        for (size_t i = 0; i < values; i++)
            work.x[i] = (float)(i % 7) * 0.1F - 0.3F;
        for (size_t i = 0; i < side * side; i++)
            work.weight[i] = (float)(i % 11) * 0.1F - 0.5F;
        const tl_weight weight = tl_weight_of_floats(work.weight);
        tl_pack_weight(kind, &weight, NULL, side, side, panels, scales);
        work.packed = (tl_packed_weight){.kind = kind, .out = side, .in = side, .panels = panels, .scales = scales};
        ok = best_seconds(state, multiply, &work, &seconds, err);
    }
    if (ok) {
        state->gflops = 2.0 * (double)values * (double)side * 1e-9 / seconds;
        ok = !state->job->parts[TL_BENCH_PRODUCTS] ||
             report(state, (tl_bench_row){.what = TL_BENCH_PRODUCTS, .precision = precision, .value = state->gflops}, err);
    }
    tl_memory_free(work.scratch);
    tl_memory_free(work.weight);
    tl_memory_free(work.y);
    tl_memory_free(work.x);
    tl_memory_free(scales);
    tl_memory_free(panels);
    return ok;
}

typedef struct reading {
    float *rows, *scores;
} reading;

static bool read_rows(void *context, tl_error *err)
{
    const reading *work = context;
    (void)err;
    tl_dot_rows(work->rows, READ_ROWS, READ_DIM, work->rows, work->scores);
    return true;
}

static bool bench_reading(bench_state *state, tl_error *err)
{
    reading work = {NULL, NULL};
    double seconds;
    work.rows = tl_memory_allocate_aligned(READ_ROWS, READ_DIM * sizeof *work.rows, err);
    work.scores = work.rows != NULL ? tl_memory_allocate_aligned(READ_ROWS, sizeof *work.scores, err) : NULL;
    bool ok = work.scores != NULL && best_seconds(state, read_rows, &work, &seconds, err);
    if (ok) {
        const tl_bench_row row = {
            .what = TL_BENCH_READING, .threads = 1, .value = (double)READ_ROWS * READ_DIM * sizeof(float) * 1e-9 / seconds};
        ok = state->report(state->context, &row, err);
    }
    tl_memory_free(work.scores);
    tl_memory_free(work.rows);
    return ok;
}

/* ---- decoding ---- */

typedef struct decoding {
    tl_thread_pool *pool;
    tl_image_recipe recipe;
    tl_slice photo;
    uint8_t *frames; /* one a task */
    float *pixels;
} decoding;

static void decode_photo(void *context, size_t index, size_t worker)
{
    (void)worker;
    const decoding *work = context;
    const size_t size = (size_t)3 * work->recipe.size * work->recipe.size;
    tl_picture picture = {.bytes = work->photo};
    if (tl_picture_frame(&work->recipe, &picture, work->frames + index * size))
        tl_image_recipe_normalize(&work->recipe, work->frames + index * size, work->pixels + index * size);
}

static bool decode_photos(void *context, tl_error *err)
{
    decoding *work = context;
    (void)err;
    tl_thread_pool_run(work->pool, PHOTOS_OF_A_RUN, decode_photo, work);
    return true;
}

/* Slopes, waves and grain, about as hard to decode as a photo. */
static bool make_photo(tl_string *bytes, tl_error *err)
{
    tl_image image = {0};
    if (!tl_image_create(PHOTO_WIDTH, PHOTO_HEIGHT, &image, err))
        return false;
    uint32_t grain = 1;
    for (size_t i = 0; i < (size_t)PHOTO_WIDTH * PHOTO_HEIGHT; i++) {
        const size_t x = i % PHOTO_WIDTH, y = i / PHOTO_WIDTH;
        grain = grain * 1664525U + 1013904223U;
        for (size_t c = 0; c < 3; c++)
            image.pixels[3 * i + c] = (uint8_t)((x * (c + 1) / 8 + (y * y / (64 * (c + 1))) + (grain >> 28)) & 0xFF);
    }
    const tl_image_encode_options options = {.format = TL_IMAGE_JPEG, .quality = 85};
    bool ok = tl_image_encode(&image, &options, bytes, err);
    tl_image_clear(&image);
    return ok;
}

static bool bench_decoding(bench_state *state, tl_error *err)
{
    decoding work = {.pool = state->pool, .recipe = tl_image_recipe_default(WITHOUT_MODEL_SIDE)};
    double seconds;
    tl_string photo;
    tl_string_init(&photo, (size_t)1 << 24);
    if (state->bundle.info != NULL)
        work.recipe = state->bundle.info->recipe;
    const size_t size = (size_t)3 * work.recipe.size * work.recipe.size;
    work.frames = tl_memory_allocate(PHOTOS_OF_A_RUN, size, err);
    work.pixels = work.frames != NULL ? tl_memory_allocate(PHOTOS_OF_A_RUN, size * sizeof *work.pixels, err) : NULL;
    bool ok = work.pixels != NULL && make_photo(&photo, err);
    work.photo = tl_string_slice(&photo);
    ok = ok && best_seconds(state, decode_photos, &work, &seconds, err) &&
         report(state, (tl_bench_row){.what = TL_BENCH_DECODING, .value = PHOTOS_OF_A_RUN / seconds}, err);
    tl_memory_free(work.pixels);
    tl_memory_free(work.frames);
    tl_string_clear(&photo);
    return ok;
}

/* ---- towers ---- */

/* Multiplications and additions of the products of one block over some rows, items of so many tokens. */
static double block_flop(double rows, double tokens, double width, double mlp_width)
{
    return 2.0 * rows * (4.0 * width * width + 2.0 * width * mlp_width) + 4.0 * rows * tokens * width;
}

/* Of one picture; 0 for a trunk that is none of blocks. What pooling leaves unread is counted, though it is not computed. */
static double image_gflop(const tl_vision_config *vision)
{
    if (vision->trunk != TL_TRUNK_TRANSFORMER)
        return 0.0;
    const double side = (double)(vision->image_size / vision->patch_size);
    double of_pixels;
    const double tokens = side * side + (vision->without_class_token ? 0.0 : 1.0);
    const double mlp = vision->with_gated_mlp ? 1.5 * vision->mlp_width : (double)vision->mlp_width;
    return (vision->layers * block_flop(tokens, tokens, vision->width, mlp) +
            2.0 * tl_vision_config_embedding_products(vision, &of_pixels)) *
           1e-9;
}

static double text_gflop(const tl_text_config *text, double tokens)
{
    return text->layers * block_flop(tokens, tokens, text->width, text->mlp_width) * 1e-9;
}

typedef struct encoding {
    tl_model_session *session;
    size_t batch, count; /* items of a batch, of a run */
    size_t context_length, pixel_count;
    float *pixels;     /* [batch, 3, S, S] */
    int32_t *ids;      /* [count, T] */
    uint32_t *lengths; /* [count] */
    float *rows;       /* [batch, D] */
} encoding;

static bool encode_images(void *context, tl_error *err)
{
    const encoding *work = context;
    for (size_t done = 0; done < work->count; done += work->batch)
        if (!tl_model_session_encode_pixels(work->session, work->pixels, work->batch, work->rows, err))
            return false;
    return true;
}

static bool encode_texts(void *context, tl_error *err)
{
    const encoding *work = context;
    for (size_t done = 0; done < work->count; done += work->batch)
        if (!tl_model_session_encode_tokens(work->session, work->ids + done * work->context_length, work->lengths + done,
                                            work->batch, work->rows, err))
            return false;
    return true;
}

static bool bench_images(const bench_state *state, tl_precision precision, encoding *work, tl_error *err)
{
    double seconds;
    work->count = work->batch;
    work->pixels = tl_memory_allocate_aligned(work->batch, work->pixel_count * sizeof *work->pixels, err);
    if (work->pixels == NULL)
        return false;
    for (size_t i = 0; i < work->batch * work->pixel_count; i++)
        work->pixels[i] = (float)(i % 255) / 255.0F - 0.5F;
    if (!best_seconds(state, encode_images, work, &seconds, err))
        return false;
    const double value = (double)work->count / seconds;
    return report(state,
                  (tl_bench_row){.what = TL_BENCH_IMAGES,
                                 .precision = precision,
                                 .batch = work->batch,
                                 .value = value,
                                 .share = value * image_gflop(&state->bundle.info->config.vision) / state->gflops},
                  err);
}

/* Ids of as many captions as whole batches need, from the list over and over. */
static bool tokenize(const bench_state *state, encoding *work, double *tokens, tl_error *err)
{
    const tl_bench_job *job = state->job;
    const size_t available = job->captions != NULL ? job->caption_count : OWN_CAPTIONS;
    const size_t least = available > MOST_BATCH ? available : MOST_BATCH;
    const bool is_causal = !state->bundle.info->config.text.without_causal_mask;
    work->count = (least + work->batch - 1) / work->batch * work->batch;
    work->ids = tl_memory_allocate(work->count, work->context_length * sizeof *work->ids, err);
    work->lengths = work->ids != NULL ? tl_memory_allocate(work->count, sizeof *work->lengths, err) : NULL;
    if (work->lengths == NULL)
        return false;
    *tokens = 0.0;
    for (size_t i = 0; i < work->count; i++) {
        tl_slice text = job->captions != NULL ? job->captions[i % available] : tl_slice_of(own_captions[i % available]);
        if (!tl_tokenizer_encode(state->bundle.tokenizer, &text, 1, work->ids + i * work->context_length, work->lengths + i, err))
            return false;
        *tokens += (double)(is_causal ? work->lengths[i] : work->context_length) / (double)work->count;
    }
    return true;
}

static bool bench_texts(const bench_state *state, tl_precision precision, encoding *work, tl_error *err)
{
    double seconds, tokens;
    if (!tokenize(state, work, &tokens, err) || !best_seconds(state, encode_texts, work, &seconds, err))
        return false;
    const double value = (double)work->count / seconds;
    return report(state,
                  (tl_bench_row){.what = TL_BENCH_TEXTS,
                                 .precision = precision,
                                 .batch = work->batch,
                                 .value = value,
                                 .share = value * text_gflop(&state->bundle.info->config.text, tokens) / state->gflops,
                                 .tokens = tokens},
                  err);
}

static bool bench_tower(const bench_state *state, tl_tower tower, tl_precision precision, size_t batch, tl_error *err)
{
    const tl_model_config *config = &state->bundle.info->config;
    encoding work = {.batch = batch,
                     .context_length = config->text.context_length,
                     .pixel_count = (size_t)3 * config->vision.image_size * config->vision.image_size};
    work.rows = tl_memory_allocate(batch, config->embedding_dim * sizeof *work.rows, err);
    bool ok = work.rows != NULL && tl_model_pack(state->bundle.model, tower, precision, state->pool, err) &&
              tl_model_session_create(state->bundle.model, batch, state->pool, &work.session, err) &&
              (tower == TL_TOWER_IMAGE ? bench_images : bench_texts)(state, precision, &work, err);
    tl_model_session_destroy(work.session);
    tl_memory_free(work.pixels);
    tl_memory_free(work.ids);
    tl_memory_free(work.lengths);
    tl_memory_free(work.rows);
    return ok;
}

static bool bench_precision(bench_state *state, tl_precision precision, tl_error *err)
{
    const bool *parts = state->job->parts;
    const size_t first = state->job->batch != 0 ? state->job->batch : 1;
    const size_t last = state->job->batch != 0 ? state->job->batch : MOST_BATCH;
    bool ok = true;
    if ((parts[TL_BENCH_PRODUCTS] || parts[TL_BENCH_IMAGES] || parts[TL_BENCH_TEXTS]) && !bench_products(state, precision, err))
        return false;
    for (size_t batch = first; ok && state->bundle.model != NULL && batch <= last; batch = batch < last ? last : last + 1)
        ok = (!parts[TL_BENCH_IMAGES] || bench_tower(state, TL_TOWER_IMAGE, precision, batch, err)) &&
             (!parts[TL_BENCH_TEXTS] || bench_tower(state, TL_TOWER_TEXT, precision, batch, err));
    return ok;
}

/* ---- the job ---- */

/* The model is opened anew for each precision: a tower is packed once. */
static bool open_model(bench_state *state, tl_error *err)
{
    tl_model_bundle_close(&state->bundle);
    return state->job->model == NULL || tl_model_bundle_open(state->job->model, &state->bundle, err);
}

static bool bench_with_threads(bench_state *state, size_t threads, tl_error *err)
{
    bool ok = tl_thread_pool_create(threads, &state->pool, err) && open_model(state, err) &&
              (!state->job->parts[TL_BENCH_DECODING] || bench_decoding(state, err));
    for (int precision = TL_PRECISION_F32; ok && precision <= TL_PRECISION_INT8; precision++)
        if (state->job->precisions[precision])
            ok = open_model(state, err) && bench_precision(state, (tl_precision)precision, err);
    tl_thread_pool_destroy(state->pool);
    state->pool = NULL;
    return ok;
}

bool tl_bench_job_run(const tl_bench_job *job, bool (*report_row)(void *context, const tl_bench_row *row, tl_error *err),
                      void *context, tl_error *err)
{
    bench_state state = {.job = job, .report = report_row, .context = context};
    /* The model first: what is wrong with it is told before anything is measured. */
    bool ok = open_model(&state, err) && (!job->parts[TL_BENCH_READING] || bench_reading(&state, err)) &&
              bench_with_threads(&state, job->threads != 0 ? job->threads : 1, err);
    if (ok && job->threads == 0) {
        tl_thread_pool *all = NULL;
        ok = tl_thread_pool_create(0, &all, err);
        const size_t count = tl_thread_pool_size(all);
        tl_thread_pool_destroy(all);
        ok = ok && (count == 1 || bench_with_threads(&state, count, err));
    }
    tl_model_bundle_close(&state.bundle);
    return ok;
}

bool tl_bench_processor(tl_string *name, tl_error *err)
{
    static const char label[] = "model name";
    tl_string text;
    tl_string_init(&text, (size_t)1 << 24);
    const char *found = "unknown";
    size_t size = strlen(found);
    if (tl_file_read("/proc/cpuinfo", &text, NULL)) {
        const char *line = strstr(text.data, label);
        const char *colon = line != NULL ? strchr(line, ':') : NULL;
        if (colon != NULL) {
            found = colon + 1 + strspn(colon + 1, " ");
            size = strcspn(found, "\n");
        }
    }
    bool ok = tl_string_append(name, found, size, err);
    tl_string_clear(&text);
    return ok;
}

const char *tl_bench_kernels(void)
{
    return tl_kernels_name();
}

/* Every pair shown has a number, counted from the start of the run, and streams of random numbers of its own by that number. */
#include "cli/app/sample_batches_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

#include <math.h>
#include <string.h>

enum { TEXT_ARENA_SIZE = 1 << 16 };
/* Streams that must not meet: the order of epochs, the draws of each pair, of its texts, of a dataset's share of an epoch, of
 * what a pair is blended with. */
enum { STREAM_ORDER = 1, STREAM_PAIR = 2, STREAM_TEXT = 3, STREAM_SHARE = 4, STREAM_MIX = 5 };
static const uint32_t not_mixed = UINT32_MAX;

struct tl_sample_batches {
    const tl_training_set *set;
    const tl_tokenizer *tokenizer;
    tl_sample_options options;
    tl_thread_pool *pool;
    tl_pixel_source source;
    uint64_t epoch_size;
    uint32_t *order; /* [epoch_size] pairs of order_epoch */
    uint32_t *shown; /* [epoch_size] pairs of an epoch before they are put in order; NULL: each once */
    uint64_t order_epoch;
    uint32_t *chosen;  /* [batch]: pairs of the batch in work */
    uint32_t *blended; /* [batch]: the pair that each is blended with, or not_mixed; NULL: none is */
    uint64_t first;    /* number of its first pair */
    size_t chunk_first;
    tl_arena *arena; /* the batch's texts */
    tl_slice *texts; /* [batch, captions_per_picture], as the next three */
    uint64_t *keys, *picture_keys;
    int32_t *ids;
    uint32_t *lengths;
    tl_label_keys known;
    size_t *known_starts; /* [batch + 1] in known */
    float *pixels;        /* [chunk, 3, S, S] */
    float *second;        /* [threads, 3, S, S]: the other picture of a blend */
    bool *made;           /* [chunk]: each task writes its own */
};

static size_t frame_size(const tl_training_set *set)
{
    return (size_t)3 * set->recipe.size * set->recipe.size;
}

/* Pairs of dataset d in an epoch: whole times all, and `rest` of them once more. */
static uint64_t count_shown(const tl_training_set *set, const double *weights, size_t dataset, uint64_t *whole, uint64_t *rest)
{
    const uint64_t count = set->starts[dataset + 1] - set->starts[dataset];
    const double weight = weights != NULL ? weights[dataset] : 1.0;
    *whole = (uint64_t)weight;
    *rest = (uint64_t)((weight - floor(weight)) * (double)count + 0.5);
    return *whole * count + *rest;
}

uint64_t tl_sample_batches_epoch_size(const tl_training_set *set, const double *weights)
{
    uint64_t size = 0, whole, rest;
    for (size_t d = 0; d < set->dataset_count; d++)
        size += count_shown(set, weights, d, &whole, &rest);
    return size;
}

size_t tl_sample_batches_pair_count(const tl_training_set *set, const double *weights)
{
    size_t count = 0;
    uint64_t whole, rest;
    for (size_t d = 0; d < set->dataset_count; d++)
        if (count_shown(set, weights, d, &whole, &rest) != 0)
            count += set->starts[d + 1] - set->starts[d];
    return count;
}

static bool make_pixels(void *context, size_t first, size_t count, const float **pixels, tl_error *err);

static bool allocate(tl_sample_batches *batches, tl_error *err)
{
    const tl_sample_options *options = &batches->options;
    const size_t texts = options->batch * options->captions_per_picture;
    tl_tokenizer_info info;
    tl_tokenizer_info_read(batches->tokenizer, &info);
    if (options->weights != NULL && (batches->shown = tl_memory_allocate(batches->epoch_size, sizeof(uint32_t), err)) == NULL)
        return false;
    if (options->mix > 0 && ((batches->blended = tl_memory_allocate(options->batch, sizeof *batches->blended, err)) == NULL ||
                             (batches->second = tl_memory_allocate_aligned(
                                  tl_thread_pool_size(batches->pool), frame_size(batches->set) * sizeof(float), err)) == NULL))
        return false;
    batches->order = tl_memory_allocate(batches->epoch_size, sizeof *batches->order, err);
    batches->chosen = batches->order != NULL ? tl_memory_allocate(options->batch, sizeof *batches->chosen, err) : NULL;
    batches->made = batches->chosen != NULL ? tl_memory_allocate(options->chunk, sizeof *batches->made, err) : NULL;
    batches->texts = batches->made != NULL ? tl_memory_allocate(texts, sizeof *batches->texts, err) : NULL;
    batches->keys = batches->texts != NULL ? tl_memory_allocate(texts, sizeof *batches->keys, err) : NULL;
    batches->picture_keys =
        batches->keys != NULL ? tl_memory_allocate(batches->options.batch, sizeof *batches->picture_keys, err) : NULL;
    batches->ids =
        batches->picture_keys != NULL ? tl_memory_allocate(texts, info.context_length * sizeof *batches->ids, err) : NULL;
    batches->lengths = batches->ids != NULL ? tl_memory_allocate(texts, sizeof *batches->lengths, err) : NULL;
    batches->known_starts =
        batches->lengths != NULL ? tl_memory_allocate(options->batch + 1, sizeof *batches->known_starts, err) : NULL;
    batches->pixels = batches->known_starts != NULL
                          ? tl_memory_allocate_aligned(options->chunk, frame_size(batches->set) * sizeof(float), err)
                          : NULL;
    return batches->pixels != NULL && tl_arena_create(TEXT_ARENA_SIZE, &batches->arena, err);
}

bool tl_sample_batches_create(const tl_training_set *set, const tl_tokenizer *tokenizer, const tl_sample_options *options,
                              tl_thread_pool *pool, tl_sample_batches **out, tl_error *err)
{
    uint64_t epoch_size = tl_sample_batches_epoch_size(set, options->weights);
    if (epoch_size == 0 || epoch_size > UINT32_MAX)
        return tl_fail(err, TL_ERROR_INVALID, "weights: expected an epoch of 1 to %u pairs, found %llu", UINT32_MAX,
                       (unsigned long long)epoch_size);
    tl_sample_batches *batches = tl_memory_allocate(1, sizeof *batches, err);
    if (batches == NULL)
        return false;
    *batches = (tl_sample_batches){.set = set,
                                   .tokenizer = tokenizer,
                                   .options = *options,
                                   .pool = pool,
                                   .source = {batches, make_pixels},
                                   .epoch_size = epoch_size,
                                   .order_epoch = UINT64_MAX};
    if (batches->options.chunk == 0 || batches->options.chunk > options->batch)
        batches->options.chunk = options->batch;
    if (batches->options.captions_per_picture == 0)
        batches->options.captions_per_picture = 1;
    if (!allocate(batches, err)) {
        tl_sample_batches_destroy(batches);
        return false;
    }
    *out = batches;
    return true;
}

void tl_sample_batches_destroy(tl_sample_batches *batches)
{
    if (batches == NULL)
        return;
    tl_arena_destroy(batches->arena);
    tl_memory_free(batches->order);
    tl_memory_free(batches->shown);
    tl_memory_free(batches->chosen);
    tl_memory_free(batches->blended);
    tl_memory_free(batches->second);
    tl_memory_free(batches->made);
    tl_memory_free(batches->texts);
    tl_memory_free(batches->keys);
    tl_memory_free(batches->picture_keys);
    tl_memory_free(batches->ids);
    tl_memory_free(batches->lengths);
    tl_memory_free(batches->known.items);
    tl_memory_free(batches->known_starts);
    tl_memory_free(batches->pixels);
    tl_memory_free(batches);
}

/* Lists the pairs of an epoch: shown. order serves for the draw of a share. */
static void list_shown(tl_sample_batches *batches, uint64_t epoch)
{
    const tl_training_set *set = batches->set;
    uint32_t *at = batches->shown;
    for (size_t d = 0; d < set->dataset_count; d++) {
        const size_t start = set->starts[d], count = set->starts[d + 1] - start;
        uint64_t whole, rest;
        count_shown(set, batches->options.weights, d, &whole, &rest);
        for (uint64_t time = 0; time < whole; time++)
            for (size_t i = 0; i < count; i++)
                *at++ = (uint32_t)(start + i);
        /* Selection sampling (Knuth 3.4.2 S): the rest in their order, each as likely. */
        tl_random random = tl_random_stream(batches->options.seed + STREAM_SHARE, epoch * set->dataset_count + d);
        for (size_t i = 0; i < count && rest != 0; i++)
            if (tl_random_below(&random, count - i) < rest) {
                *at++ = (uint32_t)(start + i);
                rest--;
            }
    }
}

static void put_in_order(tl_sample_batches *batches, uint64_t epoch)
{
    if (epoch == batches->order_epoch)
        return;
    tl_random random = tl_random_stream(batches->options.seed + STREAM_ORDER, epoch);
    tl_random_permutation(&random, batches->order, (size_t)batches->epoch_size);
    if (batches->shown != NULL) {
        list_shown(batches, epoch);
        for (size_t i = 0; i < batches->epoch_size; i++)
            batches->order[i] = batches->shown[batches->order[i]];
    }
    batches->order_epoch = epoch;
}

/* "one. other" of MixGen (Hao et al. 2022), in the arena. */
static bool join_texts(tl_sample_batches *batches, tl_slice other, tl_slice *text, tl_error *err)
{
    static const char between[] = ". ";
    const size_t gap = sizeof between - 1, size = text->size + gap + other.size;
    char *joined = tl_arena_allocate(batches->arena, size, 1, err);
    if (joined == NULL)
        return false;
    memcpy(joined, text->data, text->size);
    memcpy(joined + text->size, between, gap);
    memcpy(joined + text->size + gap, other.data, other.size);
    *text = (tl_slice){joined, size};
    return true;
}

/* Draws whether the pair is blended, and with which of the epoch; its captions get one of the other's each. */
static bool choose_blend(tl_sample_batches *batches, size_t index, uint64_t number, tl_error *err)
{
    if (batches->blended == NULL)
        return true;
    const size_t each = batches->options.captions_per_picture;
    tl_random random = tl_random_stream(batches->options.seed + STREAM_MIX, number);
    batches->blended[index] = not_mixed;
    if ((double)tl_random_uniform(&random) >= batches->options.mix)
        return true;
    const uint32_t drawn = (uint32_t)tl_random_below(&random, batches->epoch_size);
    batches->blended[index] = batches->shown != NULL ? batches->shown[drawn] : drawn;
    const tl_training_pair *other = &batches->set->pairs[batches->blended[index]];
    for (size_t k = 0; k < each; k++) {
        tl_slice caption = other->captions[tl_random_below(&random, other->caption_count)], text;
        uint64_t keys[2] = {batches->keys[index * each + k]};
        if (!tl_label_text_make(&batches->options.labels, caption, &random, batches->arena, &text, &keys[1], err) ||
            !join_texts(batches, text, &batches->texts[index * each + k], err))
            return false;
        batches->keys[index * each + k] = tl_hash64(keys, sizeof keys);
    }
    return true;
}

/* Consecutive captions of the pair, from a drawn one on. */
static bool choose_texts(tl_sample_batches *batches, size_t index, uint64_t number, tl_error *err)
{
    const tl_training_pair *pair = &batches->set->pairs[batches->chosen[index]];
    const size_t each = batches->options.captions_per_picture;
    tl_random random = tl_random_stream(batches->options.seed + STREAM_PAIR, number);
    tl_random for_text = tl_random_stream(batches->options.seed + STREAM_TEXT, number);
    const uint64_t first = tl_random_next(&random) % pair->caption_count;
    for (size_t k = 0; k < each; k++) {
        tl_slice caption = pair->captions[(first + k) % pair->caption_count];
        if (!tl_label_text_make(&batches->options.labels, caption, &for_text, batches->arena, &batches->texts[index * each + k],
                                &batches->keys[index * each + k], err))
            return false;
    }
    return true;
}

/* Pairs of a set are told apart by their numbers; a blend is a picture of its own. */
static uint64_t picture_key(const tl_sample_batches *batches, size_t index)
{
    const uint64_t other = batches->blended != NULL ? batches->blended[index] : not_mixed;
    return other << 32 | batches->chosen[index];
}

static bool add_known_keys(tl_sample_batches *batches, const tl_training_pair *pair, tl_error *err)
{
    for (size_t k = 0; k < pair->caption_count; k++)
        if (!tl_label_text_add_keys(&batches->options.labels, pair->captions[k], &batches->known, err))
            return false;
    return true;
}

/* What is said of a picture anywhere in its dataset: of both, where it is a blend. */
static bool list_known_keys(tl_sample_batches *batches, size_t index, tl_error *err)
{
    const tl_training_pair *pairs = batches->set->pairs;
    batches->known_starts[index] = batches->known.count;
    return add_known_keys(batches, &pairs[batches->chosen[index]], err) &&
           (batches->blended == NULL || batches->blended[index] == not_mixed ||
            add_known_keys(batches, &pairs[batches->blended[index]], err));
}

bool tl_sample_batches_make(tl_sample_batches *batches, uint64_t step, tl_training_batch *out, tl_error *err)
{
    const size_t batch = batches->options.batch;
    batches->first = step * batch;
    tl_arena_reset(batches->arena);
    batches->known.count = 0;
    for (size_t i = 0; i < batch; i++) {
        uint64_t number = batches->first + i;
        put_in_order(batches, number / batches->epoch_size);
        batches->chosen[i] = batches->order[number % batches->epoch_size];
        if (!choose_texts(batches, i, number, err) || !choose_blend(batches, i, number, err))
            return false;
        batches->picture_keys[i] = picture_key(batches, i);
        if (!list_known_keys(batches, i, err))
            return false;
    }
    batches->known_starts[batch] = batches->known.count;
    *out = (tl_training_batch){.pairs = batch,
                               .source = &batches->source,
                               .ids = batches->ids,
                               .lengths = batches->lengths,
                               .caption_keys = batches->keys,
                               .picture_keys = batches->picture_keys,
                               .known_keys = batches->known.items,
                               .known_starts = batches->known_starts};
    return tl_tokenizer_encode(batches->tokenizer, batches->texts, batch * batches->options.captions_per_picture, batches->ids,
                               batches->lengths, err);
}

static bool make_view(const tl_sample_batches *batches, size_t pair, tl_random *random, float *out)
{
    tl_error error;
    return tl_augment_apply(&batches->options.augment, &batches->set->recipe, tl_training_set_frame(batches->set, pair), random,
                            out, &error);
}

static void make_picture(void *context, size_t index, size_t worker)
{
    tl_sample_batches *batches = context;
    const size_t picture = batches->chunk_first + index, floats = frame_size(batches->set);
    float *out = batches->pixels + index * floats;
    tl_random random = tl_random_stream(batches->options.seed + STREAM_PAIR, batches->first + picture);
    tl_random_next(&random); /* the draw that chose the caption */
    batches->made[index] = make_view(batches, batches->chosen[picture], &random, out);
    if (batches->blended == NULL || batches->blended[picture] == not_mixed || !batches->made[index])
        return;
    float *other = batches->second + worker * floats;
    batches->made[index] = make_view(batches, batches->blended[picture], &random, other);
    for (size_t i = 0; i < floats; i++)
        out[i] = 0.5f * (out[i] + other[i]);
}

static bool make_pixels(void *context, size_t first, size_t count, const float **pixels, tl_error *err)
{
    tl_sample_batches *batches = context;
    TL_ASSERT(count <= batches->options.chunk && first + count <= batches->options.batch);
    batches->chunk_first = first;
    tl_thread_pool_run(batches->pool, count, make_picture, batches);
    for (size_t i = 0; i < count; i++)
        if (!batches->made[i])
            return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for augmented pictures"); /* nothing else can fail there */
    *pixels = batches->pixels;
    return true;
}

size_t tl_sample_batches_pair(const tl_sample_batches *batches, size_t index)
{
    return batches->chosen[index];
}

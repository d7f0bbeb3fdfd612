/*
 * Trains a vocabulary: gathers sentences, hands them to the SentencePiece trainer and writes what it made.
 *
 * The trainer silently drops sentences over a length and those with its own marker U+2585, and it ends the process when nothing
 * is left to train on. So sentences come to it cut at a space into runs of at most 1 KiB (it splits at spaces itself, so no piece
 * is lost), the marker becomes a space, and a corpus without a letter or sign is refused here. Of more than a million runs a
 * uniform sample is kept (Vitter 1985, algorithm R, fixed seed), which also keeps the trainer's 32-bit suffix array within
 * bounds.
 */
#include "tokenizer/tokenizer.h"

#include "base/core/memory.h"
#include "base/core/random.h"
#include "base/io/file.h"
#include "tokenizer/cleanup/unicode.h"
#include "tokenizer/files/model_check.h"
#include "tokenizer/sentencepiece/sentencepiece_shim.h"

enum {
    MAX_RUN_SIZE = 1024, /* bytes */
    MAX_RUN_COUNT = 1000000,
    MIN_VOCABULARY = 261, /* 4 special pieces, 256 bytes and a sign */
    MAX_VOCABULARY = 1000000,
    MAX_MODEL_SIZE = 64 << 20 /* bytes, what tl_tokenizer_open reads */
};

/*
 * The share of characters that get pieces of their own; the rest are spelled in bytes. The first that fits the vocabulary is
 * taken. Ids per held-out caption at 8192 pieces, with shares 1, 0.9995, 0.998 and 0.99: 9.93, 9.85, 9.72, 10.00 over captions in
 * 80 languages (alphabets of 3061, 2611, 1806, 915), and 8.76, 8.76, 8.82, 9.07 over English product names.
 */
static const char *const coverages[] = {"0.9995", "0.999", "0.998", "0.995", "0.99", "0.98"};

typedef struct corpus {
    tl_slice *runs; /* each its own block */
    size_t count, capacity;
    uint64_t seen;
    tl_random random;
} corpus;

/* How many bytes of text to take as the next run: to the last space within the limit, else whole characters. */
static size_t run_size(tl_slice text)
{
    if (text.size <= MAX_RUN_SIZE)
        return text.size;
    for (size_t size = MAX_RUN_SIZE; size > 0; size--)
        if (text.data[size] == ' ')
            return size;
    size_t size = MAX_RUN_SIZE;
    while (((unsigned char)text.data[size] & 0xC0) == 0x80)
        size--;
    return size;
}

static void replace_markers(char *text, size_t size)
{
    static const char marker[] = "\xE2\x96\x85";
    for (size_t i = 0; i + 3 <= size; i++)
        if (memcmp(text + i, marker, 3) == 0)
            memset(text + i, ' ', 3);
}

/* Whether nmt_nfkc_cf leaves something of it: false for blanks, controls and formats (a superset of the 60-odd that it removes).
 */
static bool outlives_normalization(uint32_t point)
{
    if (point <= 0x20 || (point >= 0x7F && point <= 0xA0) || (point >= 0x2000 && point <= 0x206F))
        return false;
    return point != 0xAD && point != 0x61C && point != 0x1680 && point != 0x180E && point != 0x2581 && point != 0x2585 &&
           point != 0x3000 && point != 0xFEFF && point != 0xFFFD;
}

static bool has_sign(tl_slice text)
{
    for (size_t at = 0; at < text.size;)
        if (outlives_normalization(tl_unicode__next(text, &at)))
            return true;
    return false;
}

static bool add_run(corpus *self, tl_slice run, tl_error *err)
{
    uint64_t place = self->count;
    self->seen++;
    if (self->count == MAX_RUN_COUNT) {
        place = tl_random_below(&self->random, self->seen);
        if (place >= MAX_RUN_COUNT)
            return true;
    } else if (!tl_memory_reserve(&self->runs, &self->capacity, self->count + 1, sizeof *self->runs, err)) {
        return false;
    }
    char *copy = tl_memory_copy_text(run.data, run.size, err);
    if (copy == NULL)
        return false;
    replace_markers(copy, run.size);
    if (place == self->count)
        self->count++;
    else
        tl_memory_free((char *)self->runs[place].data);
    self->runs[place] = (tl_slice){copy, run.size};
    return true;
}

static void clear_corpus(corpus *self)
{
    for (size_t i = 0; i < self->count; i++)
        tl_memory_free((char *)self->runs[i].data);
    tl_memory_free(self->runs);
}

/* Cuts one sentence into runs; runs of which normalization would leave nothing are skipped. */
static bool add_sentence(corpus *self, tl_slice text, tl_error *err)
{
    size_t bad;
    if (!tl_text_is_utf8(text, &bad))
        return tl_fail(err, TL_ERROR_INVALID, "expected UTF-8 without NUL, found byte 0x%02x at %zu",
                       (unsigned)(unsigned char)text.data[bad], bad);
    while (text.size != 0) {
        tl_slice run = {text.data, run_size(text)};
        if (has_sign(run) && !add_run(self, run, err))
            return false;
        text.data += run.size;
        text.size -= run.size;
    }
    return true;
}

static bool gather_corpus(const tl_text_source *sentences, corpus *out, tl_error *err)
{
    for (uint64_t number = 0;; number++) {
        tl_slice text = {NULL, 0};
        bool done = false;
        if (!sentences->next(sentences->context, &text, &done, err))
            return false;
        if (done && text.size == 0)
            break;
        if (!add_sentence(out, text, err))
            return tl_fail_within(err, "sentence %llu", (unsigned long long)number);
        if (done)
            break;
    }
    if (out->count == 0)
        return tl_fail(err, TL_ERROR_INVALID, "expected sentences to train on, found none with a letter or sign");
    return true;
}

static bool train_model(const corpus *runs, size_t vocabulary_size, tl_string *model, tl_error *err)
{
    for (size_t i = 0; i < sizeof coverages / sizeof *coverages; i++) {
        bool too_small = false;
        if (tl_sentencepiece__train(runs->runs, runs->count, vocabulary_size, coverages[i], model, &too_small, err))
            return true;
        if (!too_small)
            return false;
    }
    return tl_fail(err, TL_ERROR_INVALID, "expected a vocabulary with room for the alphabet of the sentences, found %zu pieces",
                   vocabulary_size);
}

bool tl_tokenizer_train(const tl_text_source *sentences, const tl_tokenizer_training *training, const char *path,
                        size_t *vocabulary_size, tl_error *err)
{
    bool ok = false;
    corpus runs = {.random = tl_random_stream(0, 0)};
    tl_sentencepiece *trained = NULL;
    tl_string model;
    tl_string_init(&model, MAX_MODEL_SIZE);

    if (training->vocabulary_size < MIN_VOCABULARY || training->vocabulary_size > MAX_VOCABULARY) {
        tl_fail(err, TL_ERROR_INVALID, "expected a vocabulary of %d to %d pieces, found %zu", MIN_VOCABULARY, MAX_VOCABULARY,
                training->vocabulary_size);
        goto done;
    }
    if (!gather_corpus(sentences, &runs, err) || !train_model(&runs, training->vocabulary_size, &model, err))
        goto done;
    /* What cannot be opened again is not written. */
    if (!tl_model__check(tl_string_slice(&model), err) || !tl_sentencepiece__open(tl_string_slice(&model), &trained, err) ||
        !tl_file_replace(path, tl_string_slice(&model), err))
        goto done;
    *vocabulary_size = tl_sentencepiece__count(trained);
    ok = true;
done:
    tl_sentencepiece__close(trained);
    tl_string_clear(&model);
    clear_corpus(&runs);
    return ok;
}

/*
 * Driver of the tokenizer's comparisons: one text per line in, one line of ids per text out.
 *   encode_captions train MODEL VOCABULARY_SIZE TEXTS   trains on the lines and prints the size reached
 *   encode_captions encode MODEL TEXTS                  all ids of each line, neither cut nor padded
 *   encode_captions decode MODEL TEXTS                  each line encoded and decoded again
 *   encode_captions time MODEL TEXTS REPEATS            seconds to encode all lines REPEATS times into rows of 64
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/golden/driver.h"
#include "tokenizer/tokenizer.h"

#include <stdio.h>

enum { MAX_TEXTS_SIZE = 1 << 30, CONTEXT = 64, BATCH = 256 };

typedef struct line_reader {
    tl_slice rest;
} line_reader;

static bool next_line(void *context, tl_slice *text, bool *done, tl_error *err)
{
    line_reader *self = context;
    (void)err;
    *done = self->rest.size == 0;
    *text = (tl_slice){NULL, 0};
    if (*done)
        return true;
    const char *end = memchr(self->rest.data, '\n', self->rest.size);
    size_t size = end != NULL ? (size_t)(end - self->rest.data) : self->rest.size;
    *text = (tl_slice){self->rest.data, size};
    size_t taken = size < self->rest.size ? size + 1 : size;
    self->rest.data += taken;
    self->rest.size -= taken;
    return true;
}

static bool train(const char *path, const char *wanted, tl_slice texts, tl_error *err)
{
    line_reader lines = {texts};
    tl_text_source source = {&lines, next_line};
    tl_tokenizer_training training = {0};
    size_t reached;
    double start = tl_clock_seconds();
    if (!parse_count(wanted, &training.vocabulary_size, err) || !tl_tokenizer_train(&source, &training, path, &reached, err))
        return false;
    printf("%zu pieces in %.2f s\n", reached, tl_clock_seconds() - start);
    return true;
}

static bool print_text(const tl_tokenizer *tokenizer, tl_slice text, bool decoded, tl_error *err)
{
    int32_t *ids;
    size_t count;
    tl_string back;
    tl_string_init(&back, MAX_TEXTS_SIZE);
    if (!tl_tokenizer_encode_whole(tokenizer, text, &ids, &count, err))
        return false;
    bool ok = !decoded || tl_tokenizer_decode(tokenizer, ids, count, &back, err);
    for (size_t i = 0; !decoded && i < count; i++)
        printf(i == 0 ? "%d" : " %d", (int)ids[i]);
    puts(decoded && ok ? back.data : "");
    tl_memory_free(ids);
    tl_string_clear(&back);
    return ok;
}

static bool print_all(const tl_tokenizer *tokenizer, tl_slice texts, bool decoded, tl_error *err)
{
    line_reader lines = {texts};
    for (;;) {
        tl_slice text;
        bool done;
        if (!next_line(&lines, &text, &done, err))
            return false;
        if (done)
            return true;
        if (!print_text(tokenizer, text, decoded, err))
            return false;
    }
}

static bool time_all(const tl_tokenizer *tokenizer, tl_slice texts, const char *repeats_text, tl_error *err)
{
    static int32_t ids[BATCH * CONTEXT];
    static uint32_t lengths[BATCH];
    size_t repeats, captions = 0;
    if (!parse_count(repeats_text, &repeats, err))
        return false;
    double start = tl_clock_seconds();
    for (size_t repeat = 0; repeat < repeats; repeat++) {
        line_reader lines = {texts};
        bool done = false;
        while (!done) {
            tl_slice batch[BATCH];
            size_t count = 0;
            while (count < BATCH && next_line(&lines, &batch[count], &done, err) && !done)
                count++;
            if (!tl_tokenizer_encode(tokenizer, batch, count, ids, lengths, err))
                return false;
            captions += count;
        }
    }
    double seconds = tl_clock_seconds() - start;
    printf("%.3f s, %.0f captions/s, %.2f MB/s\n", seconds, (double)captions / seconds,
           (double)texts.size * (double)repeats / seconds / 1e6);
    return true;
}

static bool run(int count, char **arguments, tl_error *err)
{
    bool ok = false;
    tl_tokenizer *tokenizer = NULL;
    tl_tokenizer_options options = {.context_length = CONTEXT};
    tl_string texts;
    tl_string_init(&texts, MAX_TEXTS_SIZE);
    const char *mode = count > 3 ? arguments[1] : "";

    if (strcmp(mode, "train") == 0 && count == 5) {
        ok = tl_file_read(arguments[4], &texts, err) && train(arguments[2], arguments[3], tl_string_slice(&texts), err);
        goto done;
    }
    if (count < 4 || !tl_file_read(arguments[3], &texts, err) || !tl_tokenizer_open(arguments[2], &options, &tokenizer, err)) {
        if (count < 4)
            tl_fail(err, TL_ERROR_INVALID, "expected MODE MODEL ... as the top of this file says");
        goto done;
    }
    if (strcmp(mode, "time") == 0 && count == 5)
        ok = time_all(tokenizer, tl_string_slice(&texts), arguments[4], err);
    else if (strcmp(mode, "encode") == 0 || strcmp(mode, "decode") == 0)
        ok = print_all(tokenizer, tl_string_slice(&texts), mode[0] == 'd', err);
    else
        tl_fail(err, TL_ERROR_INVALID, "expected train, encode, decode or time, found '%s'", mode);
done:
    tl_tokenizer_close(tokenizer);
    tl_string_clear(&texts);
    return ok;
}

int main(int count, char **arguments)
{
    return run_driver(run, count, arguments);
}

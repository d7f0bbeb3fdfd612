/*
 * Driver of the comparisons of published vocabularies: texts, each ended by a NUL, in; for each its count of ids and the ids,
 * int32, out. encode_published encode KIND VOCABULARY TEXTS           KIND: sentencepiece, fairseq, t5, json, words
 *   encode_published time KIND VOCABULARY TEXTS REPEATS     milliseconds to open it, seconds to encode all texts REPEATS times
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/golden/driver.h"
#include "tests/support/published_kinds.h"

#include <stdio.h>

enum { MAX_TEXTS_SIZE = 1 << 30 };

static bool encode_all(const tl_vocabulary *vocabulary, tl_slice texts, bool prints, size_t *count, tl_error *err)
{
    tl_piece_ids ids = {0};
    bool ok = true;
    *count = 0;
    while (ok && texts.size != 0) {
        tl_slice text = {texts.data, strlen(texts.data)};
        ok = vocabulary->kind->encode(vocabulary->state, text, &ids, err);
        if (ok && prints) {
            int32_t size = (int32_t)ids.count;
            ok = fwrite(&size, sizeof size, 1, stdout) == 1 &&
                 (size == 0 || fwrite(ids.ids, sizeof *ids.ids, ids.count, stdout) == ids.count);
        }
        texts = (tl_slice){texts.data + text.size + 1, texts.size - text.size - 1};
        ++*count;
    }
    tl_memory_free(ids.ids);
    return ok;
}

static bool time_all(const tl_vocabulary *vocabulary, double opened, tl_slice texts, unsigned long repeats, tl_error *err)
{
    size_t count = 0;
    double start = tl_clock_seconds();
    for (unsigned long i = 0; i < repeats; i++)
        if (!encode_all(vocabulary, texts, false, &count, err))
            return false;
    double seconds = tl_clock_seconds() - start;
    printf("%.2f ms to open, %.0f texts/s\n", 1e3 * opened, (double)count * (double)repeats / seconds);
    return true;
}

static bool run(int count, char **arguments, tl_error *err)
{
    bool ok = false;
    size_t encoded;
    tl_vocabulary vocabulary = {0};
    tl_string texts;
    tl_string_init(&texts, MAX_TEXTS_SIZE);
    if (count < 5) {
        tl_fail(err, TL_ERROR_INVALID, "expected MODE KIND VOCABULARY TEXTS as the top of this file says");
        goto done;
    }
    double start = tl_clock_seconds();
    if (!open_published(arguments[2], arguments[3], &vocabulary, err))
        goto done;
    double opened = tl_clock_seconds() - start;
    if (!tl_file_read(arguments[4], &texts, err))
        goto done;
    if (strcmp(arguments[1], "time") == 0 && count == 6)
        ok = time_all(&vocabulary, opened, tl_string_slice(&texts), strtoul(arguments[5], NULL, 10), err);
    else
        ok = encode_all(&vocabulary, tl_string_slice(&texts), true, &encoded, err);
done:
    if (vocabulary.kind != NULL)
        vocabulary.kind->close(vocabulary.state);
    tl_string_clear(&texts);
    return ok;
}

int main(int count, char **arguments)
{
    return run_driver(run, count, arguments);
}

/*
 * Driver of the comparisons of whole model folders: texts in, rows of ids out.
 *   encode_folder rows FOLDER T TEXTS OUT        for each text T ids and how many of them come before the padding, all int32
 *   encode_folder time FOLDER T TEXTS REPEATS    prints seconds to open, and texts and ids per second on one thread
 * TEXTS: for each text its size in bytes (uint32) and its bytes, so that a text may hold line breaks. Byte order is the
 * machine's.
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tests/golden/driver.h"
#include "tokenizer/tokenizer.h"

#include <errno.h>
#include <stdio.h>

enum { MAX_TEXTS_SIZE = 1 << 30, BATCH = 64, MAX_CONTEXT = 8192 };

static bool next_text(tl_slice *rest, tl_slice *text)
{
    uint32_t size;
    if (rest->size < sizeof size)
        return false;
    memcpy(&size, rest->data, sizeof size);
    TL_ASSERT(size <= rest->size - sizeof size);
    *text = (tl_slice){rest->data + sizeof size, size};
    *rest = (tl_slice){text->data + size, rest->size - sizeof size - size};
    return true;
}

/* Encodes all texts; writes rows to out unless that is NULL. */
static bool encode_all(const tl_tokenizer *tokenizer, size_t context, tl_slice texts, FILE *out, size_t *text_count,
                       size_t *id_count, tl_error *err)
{
    bool ok = false, more = true;
    int32_t *ids = tl_memory_allocate(BATCH * context, sizeof *ids, err);
    uint32_t lengths[BATCH];
    if (ids == NULL)
        return false;
    while (more) {
        tl_slice batch[BATCH];
        size_t count = 0;
        while (count < BATCH && (more = next_text(&texts, &batch[count])))
            count++;
        if (!tl_tokenizer_encode(tokenizer, batch, count, ids, lengths, err)) {
            tl_fail_within(err, "batch behind text %zu", *text_count);
            goto done;
        }
        for (size_t i = 0; i < count; i++) {
            *id_count += lengths[i];
            if (out != NULL && (fwrite(ids + i * context, sizeof *ids, context, out) != context ||
                                fwrite(&lengths[i], sizeof lengths[i], 1, out) != 1)) {
                tl_fail_errno(err, errno, "writing rows");
                goto done;
            }
        }
        *text_count += count;
    }
    ok = true;
done:
    tl_memory_free(ids);
    return ok;
}

static bool run(int count, char **arguments, tl_error *err)
{
    bool ok = false, is_time = count == 6 && strcmp(arguments[1], "time") == 0;
    size_t context, repeats = 1, text_count = 0, id_count = 0;
    tl_tokenizer *tokenizer = NULL;
    FILE *out = NULL;
    tl_string texts;
    tl_string_init(&texts, MAX_TEXTS_SIZE);

    if (count != 6 || (!is_time && strcmp(arguments[1], "rows") != 0)) {
        tl_fail(err, TL_ERROR_INVALID, "expected rows or time and four arguments");
        goto done;
    }
    if (!parse_count(arguments[3], &context, err) || context > MAX_CONTEXT || !tl_file_read(arguments[4], &texts, err))
        goto done;
    double start = tl_clock_seconds();
    if (!tl_tokenizer_open_folder(arguments[2], context, &tokenizer, err))
        goto done;
    double opened = tl_clock_seconds();
    if (is_time && !parse_count(arguments[5], &repeats, err))
        goto done;
    if (!is_time && (out = fopen(arguments[5], "wb")) == NULL) {
        tl_fail_errno(err, errno, "%s", arguments[5]);
        goto done;
    }
    for (size_t i = 0; i < repeats; i++)
        if (!encode_all(tokenizer, context, tl_string_slice(&texts), out, &text_count, &id_count, err))
            goto done;
    double seconds = tl_clock_seconds() - opened;
    if (is_time)
        printf("opened in %.1f ms; %zu texts in %.3f s: %.0f texts/s, %.0f ids/s\n", 1e3 * (opened - start), text_count, seconds,
               (double)text_count / seconds, (double)id_count / seconds);
    ok = true;
done:
    if (out != NULL && fclose(out) != 0)
        ok = tl_fail_errno(err, errno, "closing the rows");
    tl_tokenizer_close(tokenizer);
    tl_string_clear(&texts);
    return ok;
}

int main(int count, char **arguments)
{
    return run_driver(run, count, arguments);
}

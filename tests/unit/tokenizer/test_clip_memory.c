/* Out of memory at every allocation while model folders are opened and used: an error, nothing leaked, nothing half made. */
#include "tests/support/failing_memory.c"

#include "base/io/file.h"
#include "tokenizer/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/clip_tokenizer/"

static bool use(const char *folder, tl_error *err)
{
    static const char *const texts[] = {"a red fox", "sch\xC3\x83\xC2\xB6n &amp; \xCE\xA3 \xC4\xB0 a\xCC\x81",
                                        "longlonglonglonglonglonglonglonglonglonglonglonglong </s> <|endoftext|> word"};
    bool ok = false;
    tl_tokenizer *tokenizer = NULL;
    int32_t row[8], *whole = NULL;
    uint32_t length;
    size_t count;
    tl_string text;
    tl_string_init(&text, 1000);
    if (!tl_tokenizer_open_folder(folder, 8, &tokenizer, err))
        goto done;
    for (size_t i = 0; i < 3; i++) {
        const tl_slice one = tl_slice_of(texts[i]);
        if (!tl_tokenizer_encode(tokenizer, &one, 1, row, &length, err))
            goto done;
    }
    ok = tl_tokenizer_encode_whole(tokenizer, tl_slice_of(texts[0]), &whole, &count, err) &&
         tl_tokenizer_decode(tokenizer, whole, count, &text, err);
done:
    tl_memory_free(whole);
    tl_string_clear(&text);
    tl_tokenizer_close(tokenizer);
    return ok;
}

/* A copy, since a compiled table is left beside the vocabulary. */
static void copy_siglip(const char *folder)
{
    tl_string bytes;
    char path[256];
    tl_string_init(&bytes, 1 << 20);
    assert_true(tl_directory_create(folder, NULL));
    assert_true(tl_file_read(FIXTURES "siglip/spiece.model", &bytes, NULL));
    snprintf(path, sizeof path, "%s/spiece.model", folder);
    assert_true(tl_file_replace(path, tl_string_slice(&bytes), NULL));
    tl_string_clear(&bytes);
}

static void folders_survive_it(void **state)
{
    static const char *const folders[] = {FIXTURES "pair", FIXTURES "json", FIXTURES "list", FIXTURES "clip", "siglip_memory"};
    (void)state;
    copy_siglip("siglip_memory");
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        /* What is kept beside a file may fail silently. */
        failing_memory_sweep sweep = {.job = folders[i], .least_failures = 21, .may_do_without = true};
        while (failing_memory_next(&sweep))
            failing_memory_judge(&sweep, use(folders[i], &sweep.err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(folders_survive_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

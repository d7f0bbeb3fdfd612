/* Lists that tests make for themselves, and what is in a list as one text. */
#ifndef TL_TESTS_IMPORT_MADE_LISTS_H
#define TL_TESTS_IMPORT_MADE_LISTS_H

#include "made_files.h"

#include "crawler-import/lists/list.h"

/* A line for each row: number, origin, URL, captions, digest, kept columns, reason. */
static inline void describe_list(const char *const *paths, size_t count, const tl_list_options *options, tl_string *out)
{
    tl_list *list = NULL;
    double before = 0;
    tl_string_init(out, (size_t)1 << 24);
    assert_ok(tl_list_open(paths, count, options, &list, err));
    for (;;) {
        tl_list_row row;
        bool done;
        assert_ok(tl_list_next(list, &row, &done, err));
        double progress = tl_list_progress(list);
        assert_true(progress >= before - 1e-9 && progress <= 1);
        before = progress;
        if (done)
            break;
        assert_ok(tl_string_append_format(out, err, "%llu %s %s", (unsigned long long)row.number, row.origin, row.url));
        for (size_t i = 0; i < row.caption_count; i++)
            assert_ok(tl_string_append_format(out, err, " [%.*s]", (int)row.captions[i].size, row.captions[i].data));
        if (row.digest != NULL)
            assert_ok(tl_string_append_format(out, err, " %s:%.8s", row.digest_kind == TL_LIST_DIGEST_MD5 ? "md5" : "sha256",
                                              row.digest));
        if (row.kept.size != 0)
            assert_ok(tl_string_append_format(out, err, " %.*s", (int)row.kept.size, row.kept.data));
        if (row.skip_reason != NULL)
            assert_ok(tl_string_append_format(out, err, " (%s)", row.skip_reason));
        assert_ok(tl_string_append_text(out, "\n", err));
    }
    assert_true(before > 0.999999);
    tl_list_close(list);
}

static inline void assert_list(const char *path, const tl_list_options *options, const char *expected)
{
    tl_string found;
    describe_list(&path, 1, options, &found);
    assert_string_equal(found.data, expected);
    tl_string_clear(&found);
}

/* The list made of this text, under a name that tells nothing. */
static inline void assert_rows(const char *text, const tl_list_options *options, const char *expected)
{
    make_text("list", text);
    assert_list("list", options, expected);
}

static inline void assert_no_list(const char *path, const tl_list_options *options, tl_error_kind kind, const char *part)
{
    tl_list *list = NULL;
    tl_error error = {0};
    if (tl_list_open(&path, 1, options, &list, &error)) {
        tl_list_close(list);
        fail_msg("'%s' was opened", path);
    }
    if (error.kind != kind || strstr(error.message, part) == NULL)
        fail_msg("expected '%s' (%s) in: %s (%s)", part, tl_error_kind_name(kind), error.message, tl_error_kind_name(error.kind));
}

#endif

/* Files that the import tests make for themselves: folders in the test's scratch space, tiny BMP pictures, tars with any headers.
 */
#ifndef TL_TESTS_IMPORT_MADE_FILES_H
#define TL_TESTS_IMPORT_MADE_FILES_H

#include "tests/support/assert_ok.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/parquet/parquet_writer.h"
#include "crawler-import/import.h"

#include <stdio.h>
#include <stdlib.h>

enum { PICTURE_SIZE = 54 + 2 * 8 }; /* BMP of 2 x 2 pixels, rows padded to 4 bytes */

static inline void make_folder(const char *path)
{
    assert_ok(tl_directory_create(path, err));
}

static inline void make_empty_folder(const char *path)
{
    assert_ok(tl_directory_remove(path, err));
    make_folder(path);
}

/* Makes the file and the folders it lies in. */
static inline void make_file(const char *path, const void *bytes, size_t size)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
        make_folder(folder);
    }
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fwrite(bytes, 1, size, file) == size);
    assert_int_equal(fclose(file), 0);
}

static inline void make_text(const char *path, const char *text)
{
    make_file(path, text, strlen(text));
}

/* A Parquet table of a column of texts and one that is declared as JSON, whatever is in it. */
static inline void make_json_table(const char *path, const char *const names[2], const char *const (*rows)[2], size_t count)
{
    const tl_parquet_written_column columns[] = {{names[0], TL_PARQUET_WRITE_TEXT, false, 0},
                                                 {names[1], TL_PARQUET_WRITE_JSON, false, 0}};
    tl_parquet_writer *writer = NULL;
    assert_ok(tl_parquet_writer_open(path, columns, 2, NULL, &writer, err));
    for (size_t i = 0; i < count; i++)
        assert_ok(tl_parquet_writer_set_text(writer, 0, tl_slice_of(rows[i][0]), err) &&
                  tl_parquet_writer_set_text(writer, 1, tl_slice_of(rows[i][1]), err) && tl_parquet_writer_end_row(writer, err));
    assert_ok(tl_parquet_writer_commit(writer, err));
    tl_parquet_writer_close(writer);
}

/* The seed colours the pixels, so that every picture is another one. */
static inline void draw_picture(unsigned seed, unsigned char bytes[PICTURE_SIZE])
{
    static const unsigned char header[54] = {
        'B', 'M', PICTURE_SIZE, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24};
    memset(bytes, 0, PICTURE_SIZE);
    memcpy(bytes, header, sizeof header);
    for (size_t i = 0; i < 4; i++)
        bytes[54 + i] = (unsigned char)(seed >> (8 * i));
}

static inline void make_picture(const char *path, unsigned seed)
{
    unsigned char bytes[PICTURE_SIZE];
    draw_picture(seed, bytes);
    make_file(path, bytes, sizeof bytes);
}

/* The header's sum over its own bytes. */
static inline void seal_header(char header[512])
{
    char number[32];
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(number, sizeof number, "%020o", sum);
    memcpy(header + 148, number + 14, 7);
}

/* A header alone, which may say of its bytes what is not so. */
static inline void add_header(tl_string *tar, const char *name, char type, uint64_t size)
{
    char header[512] = {0};
    size_t name_size = strlen(name);
    assert_true(name_size <= 100);
    memcpy(header, name, name_size);
    memcpy(header + 100, "0000644", 8);
    memcpy(header + 108, "0000000", 8);
    memcpy(header + 116, "0000000", 8);
    char number[32]; /* octal; the field takes the last 11 digits */
    snprintf(number, sizeof number, "%020llo", (unsigned long long)size);
    memcpy(header + 124, number + 9, 12);
    memcpy(header + 136, "00000000000", 12);
    header[156] = type;
    memcpy(header + 257, "ustar", 6);
    memcpy(header + 263, "00", 2);
    seal_header(header);
    assert_ok(tl_string_append(tar, header, sizeof header, err));
}

/* Appends one ustar member with exactly this name (at most 100 bytes), type and claimed size. */
static inline void add_member(tl_string *tar, const char *name, char type, const void *bytes, size_t size)
{
    static const char padding[512] = {0};
    add_header(tar, name, type, size);
    assert_ok(tl_string_append(tar, bytes, size, err));
    assert_ok(tl_string_append(tar, padding, (512 - size % 512) % 512, err));
}

static inline void add_text_member(tl_string *tar, const char *name, const char *text)
{
    add_member(tar, name, '0', text, strlen(text));
}

static inline void add_picture_member(tl_string *tar, const char *name, unsigned seed)
{
    unsigned char bytes[PICTURE_SIZE];
    draw_picture(seed, bytes);
    add_member(tar, name, '0', bytes, sizeof bytes);
}

static inline void end_tar(tl_string *tar)
{
    static const char end[1024] = {0};
    assert_ok(tl_string_append(tar, end, sizeof end, err));
}

/* Reads a whole file that must be there. */
static inline void read_whole(const char *path, tl_string *bytes)
{
    tl_string_init(bytes, (size_t)1 << 30);
    assert_ok(tl_file_read(path, bytes, err));
}

static inline void assert_same_file(const char *path, const char *other)
{
    tl_string a;
    tl_string b;
    read_whole(path, &a);
    read_whole(other, &b);
    if (a.size != b.size || memcmp(a.data, b.data, a.size) != 0)
        fail_msg("'%s' and '%s' differ (%zu and %zu bytes)", path, other, a.size, b.size);
    tl_string_clear(&a);
    tl_string_clear(&b);
}

/* One line for each sample of a source: key, number of image bytes, label, split, reason, captions. */
static inline void describe_source(const char *path, const tl_source_options *options, tl_string *out)
{
    tl_source *source = NULL;
    tl_string_init(out, (size_t)1 << 24);
    assert_ok(tl_source_open(path, options, &source, err));
    double before = 0;
    for (;;) {
        tl_sample sample;
        bool done = false;
        assert_ok(tl_source_next(source, &sample, &done, err));
        double progress = tl_source_progress(source);
        assert_true(progress >= before - 1e-9 && progress <= 1.000001);
        before = progress;
        if (done)
            break;
        assert_ok(tl_string_append_format(out, err, "%s %zu %lld %s %s", sample.key, sample.image.size, (long long)sample.label,
                                          sample.split != NULL ? sample.split : "-",
                                          sample.skip_reason != NULL ? sample.skip_reason : "ok"));
        for (size_t i = 0; i < sample.caption_count; i++)
            assert_ok(tl_string_append_format(out, err, " [%.*s]", (int)sample.captions[i].size, sample.captions[i].data));
        assert_ok(tl_string_append_text(out, "\n", err));
    }
    assert_true(before > 0.999999);
    tl_source_close(source);
}

static inline void assert_source(const char *path, const tl_source_options *options, const char *expected)
{
    tl_string found;
    describe_source(path, options, &found);
    assert_string_equal(found.data, expected);
    tl_string_clear(&found);
}

static inline void assert_not_opened(const char *path, const tl_source_options *options, tl_error_kind kind, const char *part)
{
    tl_source *source = NULL;
    tl_error error = {0};
    if (tl_source_open(path, options, &source, &error)) {
        tl_source_close(source);
        fail_msg("'%s' was opened", path);
    }
    assert_int_equal(error.kind, kind);
    if (strstr(error.message, part) == NULL)
        fail_msg("expected '%s' in: %s", part, error.message);
}

#endif

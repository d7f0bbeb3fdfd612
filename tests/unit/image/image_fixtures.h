/* Reads tests/golden/fixtures/image: whole files, and the cases of its index. */
#ifndef TL_TESTS_UNIT_IMAGE_IMAGE_FIXTURES_H
#define TL_TESTS_UNIT_IMAGE_IMAGE_FIXTURES_H

#include "base/image/image.h"
#include "base/io/file.h"
#include "tests/support/assert_ok.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_FIXTURES TL_SOURCE_DIR "/tests/golden/fixtures/image/"

static inline tl_string read_path(const char *path)
{
    tl_string bytes;
    tl_string_init(&bytes, (size_t)64 << 20);
    assert_ok(tl_file_read(path, &bytes, err));
    return bytes;
}

static inline tl_string read_fixture(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s%s", IMAGE_FIXTURES, name);
    return read_path(path);
}

/* A picture of raw RGB bytes. */
static inline tl_image read_raw(const char *name, uint32_t width, uint32_t height)
{
    tl_string bytes = read_fixture(name);
    tl_image image;
    assert_int_equal(bytes.size, (size_t)width * height * 3);
    assert_true(tl_image_create(width, height, &image, NULL));
    memcpy(image.pixels, bytes.data, bytes.size);
    tl_string_clear(&bytes);
    return image;
}

/* The largest difference of a channel; *differing counts the channels that differ at all. */
static inline int largest_difference(const uint8_t *a, const uint8_t *b, size_t size, size_t *differing)
{
    int largest = 0;
    *differing = 0;
    for (size_t i = 0; i < size; i++) {
        int difference = abs(a[i] - b[i]);
        *differing += difference != 0;
        if (difference > largest)
            largest = difference;
    }
    return largest;
}

/* Calls visit for every line of index.txt that starts with `kind `, with the rest of the line; returns how many there were. */
static inline size_t each_case(const char *kind, void (*visit)(const char *line))
{
    tl_string index = read_fixture("index.txt");
    size_t count = 0, length = strlen(kind);
    for (char *line = index.data; *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        if (strncmp(line, kind, length) == 0 && line[length] == ' ') {
            visit(line + length + 1);
            count++;
        }
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    tl_string_clear(&index);
    return count;
}

#endif

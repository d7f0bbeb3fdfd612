/*
 * Named lists of floats that a script under tests/golden has written: NAME.txt lists "entry count" a line, NAME.bin holds the
 * values one entry after the other. One set at a time, for one test program.
 */
#ifndef TL_TESTS_SUPPORT_GOLDEN_ENTRIES_H
#define TL_TESTS_SUPPORT_GOLDEN_ENTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_GOLDEN_FLOATS = 40000, MOST_GOLDEN_ENTRIES = 128 };

typedef struct golden_entries {
    char names[MOST_GOLDEN_ENTRIES][128];
    size_t starts[MOST_GOLDEN_ENTRIES], counts[MOST_GOLDEN_ENTRIES], entry_count;
    float values[MOST_GOLDEN_FLOATS];
} golden_entries;

static golden_entries reference;

/* folder: of tests/golden/fixtures. */
static inline void read_golden(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/fixtures/%s/%s.txt", TL_SOURCE_DIR, folder, name);
    FILE *listing = fopen(path, "r");
    assert_non_null(listing);
    size_t total = 0;
    reference.entry_count = 0;
    while (fscanf(listing, "%127s %zu", reference.names[reference.entry_count], &reference.counts[reference.entry_count]) == 2) {
        reference.starts[reference.entry_count] = total;
        total += reference.counts[reference.entry_count++];
        assert_true(reference.entry_count < MOST_GOLDEN_ENTRIES);
    }
    fclose(listing);
    assert_true(total <= MOST_GOLDEN_FLOATS);
    snprintf(path, sizeof path, "%s/tests/golden/fixtures/%s/%s.bin", TL_SOURCE_DIR, folder, name);
    FILE *values = fopen(path, "rb");
    assert_non_null(values);
    assert_int_equal(fread(reference.values, sizeof(float), total, values), total);
    fclose(values);
}

static inline const float *golden_entry(const char *name, size_t *count)
{
    for (size_t i = 0; i < reference.entry_count; i++)
        if (strcmp(reference.names[i], name) == 0) {
            *count = reference.counts[i];
            return reference.values + reference.starts[i];
        }
    fail_msg("no golden entry '%s'", name);
    return NULL;
}

#endif

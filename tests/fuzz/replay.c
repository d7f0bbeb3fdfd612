/*
 * Runs one fuzz target over a corpus folder without libFuzzer: each file as it is, then a bounded number of deterministic
 * mutations of it, so that every build fuzzes a little and a crash can be repeated.
 *
 * replay CORPUS-FOLDER... | FILE...      TL_SOAK=1: more mutations
 *
 * Each input is copied to a heap block of exactly its size, so that ASan sees the first byte read past it, and to the file
 * `last_input` in the working directory, which is left there when the target crashes: `fuzz_x last_input` repeats it.
 */
#include "base/core/random.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 200, SOAK_MUTATIONS = 20000, MAX_INPUT = 1 << 22, MAX_FILES = 4096, MAX_GROWTH = 256 };

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

static const char last_input[] = "last_input";
static int last_input_file = -1; /* -1: not kept */

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "replay: %s '%s'\n", what, name);
    exit(1);
}

static void *allocate(size_t size)
{
    void *block = malloc(size != 0 ? size : 1);
    if (block == NULL)
        fail("out of memory for", "an input");
    return block;
}

static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size); /* for size 0 any pointer, readable for no byte */
    if (size != 0 && exact == NULL)
        fail("out of memory for", "an input");
    if (size != 0)
        memcpy(exact, bytes, size);
    if (last_input_file >= 0 &&
        (pwrite(last_input_file, bytes, size, 0) != (ssize_t)size || ftruncate(last_input_file, (off_t)size) != 0))
        fail("cannot write", last_input);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static input read_input(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("cannot open", path);
    input read = {allocate(MAX_INPUT), 0};
    read.size = fread(read.bytes, 1, MAX_INPUT, file);
    if (ferror(file) || read.size == MAX_INPUT)
        fail("cannot read, or too large:", path);
    fclose(file);
    return read;
}

/* Numbers that sizes, counts and offsets go wrong at. */
static uint64_t edge_number(tl_random *random)
{
    static const uint64_t edges[] = {0,      1,          0x7F,       0x80,       0xFF,      0x7FFF,    0x8000,
                                     0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, INT64_MAX, UINT64_MAX};
    return edges[tl_random_below(random, sizeof edges / sizeof edges[0])];
}

/* Changes bytes[0..size) a little, in a block with room for MAX_GROWTH more; other is another input to take pieces from. */
static size_t mutate(tl_random *random, uint8_t *bytes, size_t size, input other)
{
    size_t at = size != 0 ? (size_t)tl_random_below(random, size) : 0;
    size_t length = size != 0 ? 1 + (size_t)tl_random_below(random, size - at < 64 ? size - at : 64) : 0;
    switch (size != 0 ? tl_random_below(random, 8) : 7) {
    case 0: /* one bit */
        bytes[at] ^= (uint8_t)(1u << tl_random_below(random, 8));
        return size;
    case 1: /* one byte */
        bytes[at] = (uint8_t)tl_random_next(random);
        return size;
    case 2: { /* a number of 2, 4 or 8 bytes in either order */
        uint64_t value = edge_number(random);
        size_t width = (size_t)2 << tl_random_below(random, 3);
        bool is_big_endian = tl_random_below(random, 2) == 1;
        for (size_t i = 0; i < width && at + i < size; i++)
            bytes[at + i] = (uint8_t)(value >> 8 * (is_big_endian ? width - 1 - i : i));
        return size;
    }
    case 3: /* a piece is missing */
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 4: /* the end is missing */
        return at;
    case 5: { /* a digit of a text number */
        for (size_t i = at; i < size; i++)
            if (bytes[i] >= '0' && bytes[i] <= '9') {
                bytes[i] = (uint8_t) "0123456789-e"[tl_random_below(random, 12)];
                break;
            }
        return size;
    }
    case 6: /* a piece twice */
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    default: { /* a piece of another input */
        if (other.size == 0)
            return size;
        size_t from = (size_t)tl_random_below(random, other.size);
        size_t taken = 1 + (size_t)tl_random_below(random, other.size - from < 64 ? other.size - from : 64);
        memmove(bytes + at + taken, bytes + at, size - at);
        memcpy(bytes + at, other.bytes + from, taken);
        return size + taken;
    }
    }
}

static void run_mutations(const input *inputs, size_t input_count, size_t number, size_t mutation_count)
{
    input original = inputs[number];
    uint8_t *bytes = allocate(original.size + MAX_GROWTH);
    for (size_t i = 0; i < mutation_count; i++) {
        tl_random random = tl_random_stream(number, i);
        size_t size = original.size;
        if (size != 0)
            memcpy(bytes, original.bytes, size);
        /* Up to three changes of at most 64 added bytes each stay within MAX_GROWTH. */
        for (uint64_t change = 1 + tl_random_below(&random, 3); change > 0; change--)
            size = mutate(&random, bytes, size, inputs[tl_random_below(&random, input_count)]);
        run(bytes, size);
    }
    free(bytes);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds a file, or the files of a folder in the order of their names. */
static void add_inputs(const char *path, input *inputs, size_t *input_count)
{
    static char *names[MAX_FILES];
    size_t name_count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        inputs[(*input_count)++] = read_input(path);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && name_count + *input_count < MAX_FILES - 1) {
            size_t size = strlen(path) + strlen(entry->d_name) + 2;
            names[name_count] = allocate(size);
            snprintf(names[name_count++], size, "%s/%s", path, entry->d_name);
        }
    closedir(folder);
    qsort(names, name_count, sizeof names[0], by_name);
    for (size_t i = 0; i < name_count; i++) {
        inputs[(*input_count)++] = read_input(names[i]);
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    static input inputs[MAX_FILES];
    size_t input_count = 0;
    struct stat status;
    bool is_corpus = argc > 1 && stat(argv[1], &status) == 0 && S_ISDIR(status.st_mode);
    for (int i = 1; i < argc && input_count < MAX_FILES - 1; i++)
        add_inputs(argv[i], inputs, &input_count);
    if (input_count == 0)
        fail("no inputs in", argc > 1 ? argv[1] : "");
    /* A single file is somebody repeating a crash: it runs as it is, and `last_input` may be that very file. */
    if (is_corpus && (last_input_file = open(last_input, O_RDWR | O_CREAT | O_TRUNC, 0666)) < 0)
        fail("cannot write", last_input);
    const char *soak = getenv("TL_SOAK");
    size_t mutation_count = !is_corpus ? 0 : soak != NULL && strcmp(soak, "1") == 0 ? SOAK_MUTATIONS : MUTATIONS;
    run(NULL, 0);
    for (size_t i = 0; i < input_count; i++) {
        run(inputs[i].bytes, inputs[i].size);
        run_mutations(inputs, input_count, i, mutation_count);
    }
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].bytes);
    if (is_corpus)
        unlink(last_input);
    printf("%zu inputs, %zu mutations of each\n", input_count, mutation_count);
    return 0;
}

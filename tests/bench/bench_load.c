/*
 * What opening a model costs: usage: bench_load MODEL. One JSON line: milliseconds of the first and of a second opening (the
 * fingerprint is remembered beside the model by then), of the first picture and the first text, and what of the process is
 * resident before, after opening and after encoding, in MiB: anonymous memory (ours alone) and pages of the mapped file (shared
 * with the system's cache, given back under pressure).
 */
#include "base/core/clock.h"
#include "base/core/memory.h"
#include "encoders/encoders.h"

#include <stdio.h>
#include <string.h>

typedef struct resident {
    double anonymous_mib, file_mib;
} resident;

static resident read_resident(void)
{
    resident out = {0};
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        unsigned long kib;
        if (sscanf(line, "RssAnon: %lu", &kib) == 1)
            out.anonymous_mib = (double)kib / 1024.0;
        if (sscanf(line, "RssFile: %lu", &kib) == 1)
            out.file_mib = (double)kib / 1024.0;
    }
    if (status != NULL)
        fclose(status);
    return out;
}

static double milliseconds_since(double start)
{
    return (tl_clock_seconds() - start) * 1e3;
}

int main(int argc, char **argv)
{
    tl_error err = {0};
    tl_model *model = NULL;
    tl_model_session *session = NULL;
    float *pixels = NULL;
    float *row = NULL;
    int32_t *ids = NULL;
    double open_ms[2];
    int status = 1;
    if (argc != 2) {
        fprintf(stderr, "usage: bench_load MODEL\n");
        return 2;
    }
    resident before = read_resident();
    for (int i = 0; i < 2; i++) {
        tl_model_close(model);
        model = NULL;
        double start = tl_clock_seconds();
        if (!tl_model_open(argv[1], &model, &err))
            goto done;
        open_ms[i] = milliseconds_since(start);
    }
    resident opened = read_resident();
    const tl_model_info *info = tl_model_info_read(model);
    size_t side = info->config.vision.image_size;
    uint32_t length = info->config.text.context_length < 10 ? info->config.text.context_length : 10;
    pixels = tl_memory_allocate(3 * side * side, sizeof *pixels, &err);
    row = tl_memory_allocate(info->config.embedding_dim, sizeof *row, &err);
    ids = tl_memory_allocate(info->config.text.context_length, sizeof *ids, &err);
    if (pixels == NULL || row == NULL || ids == NULL || !tl_model_session_create(model, 1, NULL, &session, &err))
        goto done;
    for (uint32_t i = 0; i < length; i++)
        ids[i] = (int32_t)(i + 1 < length ? 300 + i : info->config.text.vocabulary_size - 1);
    double start = tl_clock_seconds();
    if (!tl_model_session_encode_pixels(session, pixels, 1, row, &err))
        goto done;
    double picture_ms = milliseconds_since(start);
    start = tl_clock_seconds();
    if (!tl_model_session_encode_tokens(session, ids, &length, 1, row, &err))
        goto done;
    double text_ms = milliseconds_since(start);
    resident after = read_resident();
    printf("{\"bench\": \"load\", \"family\": \"%s\", \"first_open_ms\": %.1f, \"open_ms\": %.2f, \"first_picture_ms\": %.1f, "
           "\"first_text_ms\": %.1f, \"anonymous_mib\": [%.1f, %.1f, %.1f], \"file_mib\": [%.1f, %.1f, %.1f]}\n",
           info->family, open_ms[0], open_ms[1], picture_ms, text_ms, before.anonymous_mib, opened.anonymous_mib,
           after.anonymous_mib, before.file_mib, opened.file_mib, after.file_mib);
    status = 0;
done:
    if (status != 0)
        fprintf(stderr, "bench_load: %s\n", err.message);
    tl_model_session_destroy(session);
    tl_model_close(model);
    tl_memory_free(pixels);
    tl_memory_free(row);
    tl_memory_free(ids);
    return status;
}

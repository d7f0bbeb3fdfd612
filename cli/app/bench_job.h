/* What this machine makes of a model: products and memory by themselves, decoding, both towers by precision, batch and threads.
 */
#ifndef TL_CLI_APP_BENCH_JOB_H
#define TL_CLI_APP_BENCH_JOB_H

#include "base/core/progress.h"
#include "base/core/string.h"
#include "cli/app/model_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_bench_what {
    TL_BENCH_PRODUCTS, /* GFLOP/s of large products in one precision */
    TL_BENCH_READING,  /* GB/s from memory past the caches, one thread */
    TL_BENCH_DECODING, /* JPEG photos of 640 x 480 to the tower's pixels; without a model: 224 x 224 */
    TL_BENCH_IMAGES,   /* pixels to vectors */
    TL_BENCH_TEXTS,    /* ids to vectors */
    TL_BENCH_WHATS
} tl_bench_what;

typedef struct tl_bench_row {
    tl_bench_what what;
    tl_precision precision; /* products, images, texts */
    size_t threads, batch;  /* batch: images, texts; else 0 */
    double value;           /* a second: GFLOP, GB, items; the best of some runs */
    double share;           /* images, texts: of the products' speed that is measured beside; 0: not known */
    double tokens;          /* texts: of a caption, on average */
} tl_bench_row;

typedef struct tl_bench_job {
    const char *model; /* folder, or NULL: the machine alone */
    bool parts[TL_BENCH_WHATS];
    bool precisions[TL_PRECISION_INT8 + 1];
    size_t threads, batch;    /* 0: one and all; 1 and 32 */
    double seconds;           /* of one figure, at least */
    const tl_slice *captions; /* UTF-8; NULL: some of ours */
    size_t caption_count;
    const tl_progress *progress;
} tl_bench_job;

/* "Intel(R) Xeon(R) Processor", or "unknown". */
bool tl_bench_processor(tl_string *name, tl_error *err) TL_MUST_USE;
const char *tl_bench_kernels(void); /* those in use: "avx512_bf16" */
/* One call for each figure, in order. Return false with err to stop. */
bool tl_bench_job_run(const tl_bench_job *job, bool (*report)(void *context, const tl_bench_row *row, tl_error *err),
                      void *context, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

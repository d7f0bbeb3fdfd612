/* Vectors of an index out into files that others read, and from such files in. */
#ifndef TL_CLI_APP_EXPORT_JOB_H
#define TL_CLI_APP_EXPORT_JOB_H

#include "cli/app/model_bundle.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_export_format {
    TL_EXPORT_NPY, /* clip-retrieval's folder: img_emb/img_emb_0.npy or text_emb/text_emb_0.npy, metadata/metadata_0.parquet */
    TL_EXPORT_PARQUET, /* one file: the metadata's columns and the vector */
    TL_EXPORT_JSONL    /* one object a line */
} tl_export_format;

typedef struct tl_export_job {
    const char *index_path;
    const char *model; /* fingerprint; NULL: the set of the kind with the most vectors */
    bool captions;     /* vectors of captions instead of pictures */
    tl_export_format format;
    const char *out; /* folder (npy) or file */
} tl_export_job;

/* Rows come by ascending id, row i of the vectors belonging to row i of the metadata. */
bool tl_export_job_run(const tl_export_job *job, uint64_t *rows, tl_error *err) TL_MUST_USE;

#define TL_IMPORTED_ROOT "imported"

typedef struct tl_vector_import_job {
    const char *index_path, *npy, *keys; /* keys: one path a line, in the order of the rows */
    const char *root;                    /* the folder that they are relative to, or a name; NULL: TL_IMPORTED_ROOT */
    const tl_model_bundle *bundle;       /* that made the vectors */
} tl_vector_import_job;

/* Gives each row's vector to the item of that path, which is made when it is not there and else stays as it is; rows are made
 * unit length. All of it or nothing. */
bool tl_vector_import_job_run(const tl_vector_import_job *job, uint64_t *rows, tl_error *err) TL_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif

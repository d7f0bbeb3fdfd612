/*
 * A writer: whose model folders we can write, as data, the counterpart of a family. The record says what fits, what the tensors
 * are called and what the configuration says; the values are model_write.c's. To add one, write its file and name it in
 * model_write.c. Within encoders only.
 */
#ifndef TL_ENCODERS_WRITERS_WRITER_H
#define TL_ENCODERS_WRITERS_WRITER_H

#include "encoders/encoders.h"
#include "encoders/weights/binding.h"

/* A tensor that has leading dimensions of one there. */
typedef struct tl_tensor_rank {
    const char *ours; /* NULL ends */
    uint32_t rank;
} tl_tensor_rank;

typedef struct tl_model_writer {
    const char *weights_file;
    /* False, naming what the framework has no place for. */
    bool (*check)(const tl_model_info *info, tl_error *err);
    const tl_tensor_map *heads, *names; /* the first that has a row decides; ours where neither has */
    const tl_tensor_rank *ranks;        /* NULL: none */
    /* dtype: of the tensors that lie beside it; tokenizer_name may be NULL. */
    bool (*write_config)(const tl_model_info *info, tl_dtype dtype, const char *tokenizer_name, const char *directory,
                         tl_error *err);
} tl_model_writer;

/* json is taken over, in failure too; NULL is a failure of before. */
bool tl_writer__json(const char *directory, const char *name, tl_json *json, tl_error *err) TL_MUST_USE;

extern const tl_model_writer tl_writer_twinlens, tl_writer_open_clip, tl_writer_clip, tl_writer_siglip;

#endif

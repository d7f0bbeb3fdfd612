/*
 * Joins the parameter table with the tensors of somebody's files: finds each row's tensor under their name for it, checks its
 * shape, and points the row's weight at it where it lies. Only what the towers read as plain floats (vectors, position
 * embeddings) is copied, when it is of another type or in parts. Within encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_BINDING_H
#define TL_ENCODERS_WEIGHTS_BINDING_H

#include "base/compute/weight.h"
#include "encoders/weights/parameters.h"
#include "encoders/weights/weight_files.h"

/* Of a vector in equal parts, one that their files leave out because it is zero; not the first. */
#define TL_TENSOR_ZEROS ""

/* One of their names for one of ours. '*' in both stands for the same number (of a block). */
typedef struct tl_tensor_name {
    const char *ours;
    const char *theirs[TL_WEIGHT_MAX_PARTS]; /* one, or several stacked by rows; NULL ends */
    bool is_transposed;                      /* their shape is ours reversed */
} tl_tensor_name;

/* All of their names; of several rows for one of ours, and ours itself, the first is taken whose tensor is in the files. */
typedef struct tl_tensor_map {
    const tl_tensor_name *rows;
    size_t count;
    const char *const *ignored; /* tensors that are no parameters: "*" matches any digits; NULL ends, or NULL: none */
} tl_tensor_map;

enum { TL_TENSOR_NAME_SIZE = 256 };

/* What one of ours is called there: names of its parts, by the first row for it that leaves nothing out. The number of names, 0
 * when there is no such row. map may be NULL. */
uint32_t tl_tensor_map_names(const tl_tensor_map *map, const char *ours, char names[TL_WEIGHT_MAX_PARTS][TL_TENSOR_NAME_SIZE],
                             bool *is_transposed);

typedef struct tl_binding {
    tl_weight *values;        /* one a row of the table */
    float *floats;            /* what had to be copied */
    tl_dtype dtype;           /* of the largest tensor */
    uint64_t parameter_count; /* numbers */
} tl_binding;

/* map may be NULL. table and files must outlive the binding. A missing tensor, another shape, or one that nobody asks for is an
 * error. */
bool tl_binding_create(const tl_parameter_table *table, tl_weight_files *files, const tl_tensor_map *map, tl_binding *out,
                       tl_error *err) TL_MUST_USE;
void tl_binding_clear(tl_binding *binding);

#endif

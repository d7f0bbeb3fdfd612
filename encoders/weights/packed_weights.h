/*
 * Packed forms of a tower's matrices, attached to the weights that the tower reads: made in memory, in parallel, or mapped from a
 * file that an earlier process has left (docs/FORMATS.md). Within encoders only.
 */
#ifndef TL_ENCODERS_WEIGHTS_PACKED_WEIGHTS_H
#define TL_ENCODERS_WEIGHTS_PACKED_WEIGHTS_H

#include "base/compute/packed.h"
#include "encoders/weights/channel_balance.h"
#include "encoders/weights/parameters.h"

typedef struct tl_packed_weights tl_packed_weights;

/* Rows first..first + count - 1 of the table, in one kind. Of them the product rows are packed; unless that is f32's form, those
 * that follow a norm with their channels balanced. */
typedef struct tl_packed_part {
    tl_packed_kind kind;
    const tl_parameter_table *table;
    size_t first, count;
    /* [count]: of each row that follows a norm what is known of its input's channels [in], or NULL. Only packing reads it. */
    const tl_channel_range *const *ranges;
} tl_packed_part;

/* Packs every product row of the part and points values[row].packed at it. values [table->count] must not be in use meanwhile.
 * pool may be NULL. */
bool tl_packed_weights_create(const tl_packed_part *part, tl_weight *values, tl_thread_pool *pool, tl_packed_weights **out,
                              tl_error *err) TL_MUST_USE;
void tl_packed_weights_destroy(tl_packed_weights *packed);
/* Bytes it takes, in memory or of the file. */
size_t tl_packed_weights_size(const tl_packed_weights *packed);

/* Writes them as a file that tl_packed_weights_map reads, whole or not at all. fingerprint: of the weights they were made from.
 */
bool tl_packed_weights_keep(const tl_packed_weights *packed, const tl_packed_part *part, const char *fingerprint,
                            const char *path, tl_error *err) TL_MUST_USE;
/*
 * Points values[row].packed into the file at path, mapped. NULL, and nothing is changed, when there is no file, or none of this
 * very part and these weights: whatever is wrong with it, it is only good for being made anew.
 */
tl_packed_weights *tl_packed_weights_map(const tl_packed_part *part, const char *fingerprint, const char *path,
                                         tl_weight *values);

#endif

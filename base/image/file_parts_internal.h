/*
 * A JPEG, PNG or WebP file as the parts that its format cuts it into:
 *
 *     tl_file_parts parts = tl_image__file_parts(bytes);
 *     for (size_t at = parts.first; parts.next != NULL && parts.next(bytes, &at, &part);)
 */
#ifndef TL_BASE_IMAGE_FILE_PARTS_INTERNAL_H
#define TL_BASE_IMAGE_FILE_PARTS_INTERNAL_H

#include "base/image/probe.h"

/* Slices of the file. */
typedef struct tl_file_part {
    const char *name; /* of a chunk: four bytes; NULL in a JPEG */
    uint32_t marker;  /* of a JPEG's segment: 0xe1 is APP1 */
    tl_slice body;    /* without name, size and checksum */
    tl_slice whole;   /* with them, and with the byte that evens out a RIFF chunk where there is one */
} tl_file_part;

typedef struct tl_file_parts {
    tl_image_format format;
    size_t first; /* where the first part begins */
    /* The part at *at, which then is where the next one begins; false where they end (a JPEG: at its first scan) or break. */
    bool (*next)(tl_slice bytes, size_t *at, tl_file_part *part);
} tl_file_parts;

/* next is NULL for files of other formats. */
tl_file_parts tl_image__file_parts(tl_slice bytes);

#endif

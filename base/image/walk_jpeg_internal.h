/* Reads a JPEG scan without making pixels of it. */
#ifndef TL_BASE_IMAGE_WALK_JPEG_INTERNAL_H
#define TL_BASE_IMAGE_WALK_JPEG_INTERNAL_H

#include "base/core/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { TL_JPEG_TABLES = 2, TL_JPEG_BLOCKS = 10 };

/* A Huffman table as the file states it; counts NULL: there is none. */
typedef struct tl_jpeg_code {
    const uint8_t *counts;  /* [17]: of codes of 1 to 16 bits */
    const uint8_t *symbols; /* [256] */
} tl_jpeg_code;

/* The one scan of a baseline file: its coefficients of all components, MCU by MCU. */
typedef struct tl_jpeg_scan {
    tl_slice bytes; /* from behind the scan's header */
    tl_jpeg_code dc[TL_JPEG_TABLES], ac[TL_JPEG_TABLES];
    uint8_t block_count; /* of an MCU */
    uint8_t dc_of[TL_JPEG_BLOCKS], ac_of[TL_JPEG_BLOCKS];
    uint64_t mcu_count;
    uint32_t restart_interval; /* MCUs; 0: none */
} tl_jpeg_scan;

/* True: every code of the scan is whole and the end marker follows it, so that decoding it would raise no complaint. False: a
 * complaint, or something that this does not judge. */
bool tl_jpeg__walk_scan(const tl_jpeg_scan *scan);

#endif

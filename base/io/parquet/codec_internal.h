/* Packing and unpacking of pages, and their CRC. */
#ifndef TL_BASE_IO_PARQUET_CODEC_INTERNAL_H
#define TL_BASE_IO_PARQUET_CODEC_INTERNAL_H

#include "base/io/parquet/format_internal.h"

typedef struct tl_parquet_unpacker tl_parquet_unpacker; /* what the libraries keep from page to page */

bool tl_parquet__unpacker_create(tl_parquet_unpacker **out, tl_error *err) TL_MUST_USE;
void tl_parquet__unpacker_destroy(tl_parquet_unpacker *unpacker);
/* True for what is read; else an error that names the codec. */
bool tl_parquet__packing_check(tl_parquet_packing packing, tl_error *err) TL_MUST_USE;
/* False when so few bytes cannot unpack to so many under this codec: asked before memory is taken for them. */
bool tl_parquet__packing_can_reach(tl_parquet_packing packing, tl_slice packed, size_t unpacked_size);
/* Fills bytes[0..size) exactly, or fails. */
bool tl_parquet__unpack(tl_parquet_unpacker *unpacker, tl_parquet_packing packing, tl_slice packed, uint8_t *bytes, size_t size,
                        tl_error *err) TL_MUST_USE;
/* Appends the packed bytes: NONE, SNAPPY, GZIP or ZSTD. */
bool tl_parquet__pack(tl_parquet_packing packing, tl_slice bytes, tl_string *packed, tl_error *err) TL_MUST_USE;
uint32_t tl_parquet__crc(const void *bytes, size_t size);

#endif

/* The fields of a protocol buffer's message, one after another. */
#ifndef TL_TOKENIZER_FILES_PROTOCOL_BUFFER_INTERNAL_H
#define TL_TOKENIZER_FILES_PROTOCOL_BUFFER_INTERNAL_H

#include "base/core/error.h"
#include "base/core/slice.h"

#include <stdint.h>

enum { TL_WIRE_VARINT = 0, TL_WIRE_FIXED64 = 1, TL_WIRE_BYTES = 2, TL_WIRE_FIXED32 = 5 };

typedef struct tl_protocol_field {
    uint32_t number;
    unsigned wire;
    uint64_t value;  /* varint and fixed */
    tl_slice bytes;  /* TL_WIRE_BYTES, borrowed from the message */
    size_t position; /* of its tag in the message */
} tl_protocol_field;

/* Reads the field at *at, below message.size, and moves past it. */
bool tl_protocol__next(tl_slice message, size_t *at, tl_protocol_field *out, tl_error *err) TL_MUST_USE;

#endif

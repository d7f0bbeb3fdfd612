/* Walks the fields of a protocol buffer (protobuf.dev, "Encoding"), each within its message. */
#include "tokenizer/files/protocol_buffer_internal.h"

static bool read_varint(tl_slice message, size_t *at, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (*at >= message.size)
            return false;
        uint64_t byte = (unsigned char)message.data[(*at)++];
        if (shift == 63 && byte > 1)
            return false;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool tl_protocol__next(tl_slice message, size_t *at, tl_protocol_field *out, tl_error *err)
{
    uint64_t tag, length;
    *out = (tl_protocol_field){.position = *at};
    if (!read_varint(message, at, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a field at byte %zu, found no valid tag", out->position);
    out->number = (uint32_t)(tag >> 3);
    out->wire = (unsigned)(tag & 7);
    size_t left = message.size - *at;
    switch (out->wire) {
    case TL_WIRE_VARINT:
        if (!read_varint(message, at, &out->value))
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a number at byte %zu, found it cut off or too long", out->position);
        return true;
    case TL_WIRE_BYTES:
        if (!read_varint(message, at, &length) || length > message.size - *at)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected the bytes of the field at byte %zu, found the end of its message",
                           out->position);
        out->bytes = (tl_slice){message.data + *at, (size_t)length};
        *at += (size_t)length;
        return true;
    case TL_WIRE_FIXED32:
    case TL_WIRE_FIXED64: {
        size_t size = out->wire == TL_WIRE_FIXED32 ? 4 : 8;
        if (left < size)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes for the field at byte %zu, found %zu", size, out->position,
                           left);
        for (size_t i = 0; i < size; i++)
            out->value |= (uint64_t)(unsigned char)message.data[*at + i] << (8 * i);
        *at += size;
        return true;
    }
    default:
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a field of a known wire type at byte %zu, found type %u", out->position,
                       out->wire);
    }
}

/* Physical values to values of the column's kind: widening, INT96, half floats, and decimals as exact text. */
#include "base/io/parquet/values_internal.h"

enum { LIMBS = TL_PARQUET_MAX_DECIMAL_BYTES / 4, DIGITS_ROOM = 96 };

static int64_t nanoseconds_of(const uint8_t *bytes)
{
    static const int64_t day = 86400000000000, most_days = 106751; /* what int64_t holds either way */
    uint64_t nanos = tl_little_endian_64(bytes);
    int64_t days = (int64_t)tl_little_endian_32(bytes + 8) - 2440588;
    if (days >= -most_days && days <= most_days) {
        int64_t base = days * day;
        return nanos > (uint64_t)INT64_MAX || (base > 0 && (int64_t)nanos > INT64_MAX - base) ? INT64_MAX : base + (int64_t)nanos;
    }
    if (days > 0)
        return INT64_MAX;
    int64_t base = -most_days * day;
    bool is_within = days == -most_days - 1 && nanos <= (uint64_t)day && day - (int64_t)nanos <= base - INT64_MIN;
    return is_within ? base - (day - (int64_t)nanos) : INT64_MIN;
}

static float float_of_half(const uint8_t *bytes)
{
    uint32_t half = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 is exact */
        float magnitude = (float)fraction * 0x1p-24F;
        return sign != 0 ? -magnitude : magnitude;
    }
    uint32_t bits = sign | (exponent == 0x1F ? 0x7F800000u : (exponent + 112) << 23) | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Digits of a magnitude, last first; at least one. */
static size_t digits_of(uint32_t limbs[LIMBS], char digits[DIGITS_ROOM])
{
    size_t count = 0, top = LIMBS; /* limbs: least first */
    for (;;) {
        while (top != 0 && limbs[top - 1] == 0)
            top--;
        if (top == 0)
            break;
        uint64_t rest = 0;
        for (size_t i = top; i-- > 0;) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 1000000000);
            rest %= 1000000000;
        }
        for (int i = 0; i < 9; i++, rest /= 10)
            digits[count++] = (char)('0' + rest % 10);
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (count == 0)
        digits[count++] = '0';
    return count;
}

static bool append_decimal(uint32_t limbs[LIMBS], bool is_negative, uint32_t scale, tl_parquet_bytes *text, tl_slice *out,
                           tl_error *err)
{
    char digits[DIGITS_ROOM];
    size_t count = digits_of(limbs, digits);
    while (count <= scale)
        digits[count++] = '0';
    if (!tl_parquet__bytes_reserve(text, count + 2, err))
        return false;
    char *start = (char *)text->data + text->size, *at = start;
    if (is_negative)
        *at++ = '-';
    for (size_t i = count; i-- > 0;) {
        *at++ = digits[i];
        if (i == scale && scale != 0)
            *at++ = '.';
    }
    *out = (tl_slice){NULL, (size_t)(at - start)};
    text->size += out->size;
    return true;
}

static bool append_integer_decimal(int64_t value, uint32_t scale, tl_parquet_bytes *text, tl_slice *out, tl_error *err)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint32_t limbs[LIMBS] = {(uint32_t)magnitude, (uint32_t)(magnitude >> 32)};
    return append_decimal(limbs, value < 0, scale, text, out, err);
}

/* Two's complement, most significant byte first. */
static bool append_bytes_decimal(tl_slice value, uint32_t scale, tl_parquet_bytes *text, tl_slice *out, tl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)value.data;
    uint32_t limbs[LIMBS] = {0};
    if (value.size > TL_PARQUET_MAX_DECIMAL_BYTES)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a decimal of at most %d bytes, found %zu", TL_PARQUET_MAX_DECIMAL_BYTES,
                       value.size);
    bool is_negative = value.size != 0 && bytes[0] >= 0x80;
    unsigned carry = is_negative ? 1 : 0, flip = is_negative ? 0xFF : 0;
    for (size_t i = 0; i < value.size; i++) {
        unsigned byte = (bytes[value.size - 1 - i] ^ flip) + carry;
        carry = byte >> 8;
        limbs[i / 4] |= (uint32_t)(byte & 0xFF) << 8 * (i % 4);
    }
    return append_decimal(limbs, is_negative, scale, text, out, err);
}

bool tl_parquet__convert(const tl_parquet_leaf *leaf, const void *raw, size_t count, void *out, tl_parquet_bytes *text,
                         tl_error *err)
{
    const int32_t *raw_32 = raw;
    const int64_t *raw_64 = raw;
    const tl_slice *raw_bytes = raw;
    bool ok = true;
    switch (leaf->conversion) {
    case TL_CONVERT_SIGNED_32:
        for (size_t i = 0; i < count; i++)
            ((int64_t *)out)[i] = raw_32[i];
        break;
    case TL_CONVERT_UNSIGNED_32:
        for (size_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = (uint32_t)raw_32[i];
        break;
    case TL_CONVERT_INT96:
        for (size_t i = 0; i < count; i++)
            ((int64_t *)out)[i] = nanoseconds_of((const uint8_t *)raw_bytes[i].data);
        break;
    case TL_CONVERT_FLOAT16:
        for (size_t i = 0; i < count; i++)
            ((float *)out)[i] = float_of_half((const uint8_t *)raw_bytes[i].data);
        break;
    case TL_CONVERT_DECIMAL_32:
        for (size_t i = 0; ok && i < count; i++)
            ok = append_integer_decimal(raw_32[i], leaf->scale, text, &((tl_slice *)out)[i], err);
        break;
    case TL_CONVERT_DECIMAL_64:
        for (size_t i = 0; ok && i < count; i++)
            ok = append_integer_decimal(raw_64[i], leaf->scale, text, &((tl_slice *)out)[i], err);
        break;
    case TL_CONVERT_DECIMAL_BYTES:
        for (size_t i = 0; ok && i < count; i++)
            ok = append_bytes_decimal(raw_bytes[i], leaf->scale, text, &((tl_slice *)out)[i], err);
        break;
    case TL_CONVERT_NOTHING:
        break;
    }
    return ok;
}

void tl_parquet__place_texts(tl_slice *texts, size_t count, const uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++) {
        texts[i].data = (const char *)bytes;
        bytes += texts[i].size;
    }
}

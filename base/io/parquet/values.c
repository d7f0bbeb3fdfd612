/*
 * Decoders of Parquet's encodings (Encodings.md). Each checks every length against the bytes that are left, so whatever they are
 * given they fill the output or fail. A dictionary is converted once, when its page comes; its pages then only gather.
 */
#include "base/io/parquet/values_internal.h"

#include "base/core/memory.h"

bool tl_parquet__bytes_reserve(tl_parquet_bytes *bytes, size_t more, tl_error *err)
{
    if (more > bytes->max_size - bytes->size)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %zu bytes in one piece of a column, found more",
                       bytes->max_size);
    return tl_memory_reserve(&bytes->data, &bytes->capacity, bytes->size + more + TL_PARQUET_PADDING, 1, err);
}

size_t tl_parquet__value_size(tl_parquet_kind kind)
{
    switch (kind) {
    case TL_PARQUET_BOOLEAN:
        return sizeof(uint8_t);
    case TL_PARQUET_FLOAT:
        return sizeof(float);
    case TL_PARQUET_TEXT:
    case TL_PARQUET_BYTES:
        return sizeof(tl_slice);
    default:
        return sizeof(int64_t);
    }
}

static size_t physical_size(tl_parquet_physical physical)
{
    switch (physical) {
    case TL_PHYSICAL_BOOLEAN:
        return 1;
    case TL_PHYSICAL_INT32:
    case TL_PHYSICAL_FLOAT:
        return 4;
    case TL_PHYSICAL_INT64:
    case TL_PHYSICAL_DOUBLE:
        return 8;
    default:
        return sizeof(tl_slice);
    }
}

bool tl_parquet__values_init(tl_parquet_value_reader *values, const tl_parquet_leaf *leaf, size_t max_count, size_t max_bytes,
                             tl_error *err)
{
    *values = (tl_parquet_value_reader){.leaf = leaf, .max_count = max_count};
    values->joined.max_size = values->previous.max_size = values->text.max_size = max_bytes;
    values->dictionary_bytes.max_size = values->dictionary_text.max_size = max_bytes;
    values->raw = tl_memory_allocate(max_count, sizeof(tl_slice), err);
    values->lengths = values->raw != NULL ? tl_memory_allocate(max_count, 2 * sizeof *values->lengths, err) : NULL;
    values->index_values = values->lengths != NULL ? tl_memory_allocate(max_count, sizeof *values->index_values, err) : NULL;
    return values->index_values != NULL;
}

void tl_parquet__values_clear(tl_parquet_value_reader *values)
{
    tl_memory_free(values->raw);
    tl_memory_free(values->lengths);
    tl_memory_free(values->index_values);
    tl_memory_free(values->joined.data);
    tl_memory_free(values->previous.data);
    tl_memory_free(values->text.data);
    tl_memory_free(values->dictionary_bytes.data);
    tl_memory_free(values->dictionary_text.data);
    tl_memory_free(values->dictionary);
    *values = (tl_parquet_value_reader){0};
}

static bool values_ended(size_t count, tl_error *err)
{
    return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu more values, found the end of the page", count);
}

static bool read_plain_bytes(tl_parquet_value_reader *values, size_t count, tl_slice *out, tl_error *err)
{
    const uint8_t *at = values->at, *end = values->end;
    for (size_t i = 0; i < count; i++) {
        if (end - at < 4)
            return values_ended(count - i, err);
        uint32_t size = tl_little_endian_32(at);
        at += 4;
        if (size > (size_t)(end - at))
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a value of at most %zu bytes, found one of %u", (size_t)(end - at),
                           (unsigned)size);
        out[i] = (tl_slice){(const char *)at, size};
        at += size;
    }
    values->at = at;
    return true;
}

static bool read_plain(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    const tl_parquet_leaf *leaf = values->leaf;
    size_t left = (size_t)(values->end - values->at), size = leaf->type_length;
    switch (leaf->physical) {
    case TL_PHYSICAL_BOOLEAN:
        if (count > left * 8 - values->position)
            return values_ended(count, err);
        for (size_t i = 0; i < count; i++, values->position++)
            ((uint8_t *)out)[i] = values->at[values->position >> 3] >> (values->position & 7) & 1;
        return true;
    case TL_PHYSICAL_BYTE_ARRAY:
        return read_plain_bytes(values, count, out, err);
    case TL_PHYSICAL_INT96:
    case TL_PHYSICAL_FIXED:
        if (count > left / size)
            return values_ended(count, err);
        for (size_t i = 0; i < count; i++, values->at += size)
            ((tl_slice *)out)[i] = (tl_slice){(const char *)values->at, size};
        return true;
    default:
        size = physical_size(leaf->physical);
        if (count > left / size)
            return values_ended(count, err);
        if (count != 0)
            memcpy(out, values->at, count * size);
        values->at += count * size;
        return true;
    }
}

static bool read_run_booleans(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    size_t set;
    return tl_hybrid__read_flags(&values->indexes, 1, out, count, &set, err);
}

static bool read_deltas(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    if (values->leaf->physical == TL_PHYSICAL_INT64)
        return tl_delta__read(&values->numbers, out, count, err);
    if (!tl_delta__read(&values->numbers, values->lengths, count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        ((int32_t *)out)[i] = (int32_t)(uint32_t)values->lengths[i]; /* deltas of 32-bit integers wrap at 32 bits */
    return true;
}

static bool check_length(int64_t length, size_t most, tl_error *err)
{
    return (length >= 0 && (uint64_t)length <= most) ||
           tl_fail(err, TL_ERROR_CORRUPT, "expected a length of at most %zu bytes, found %lld", most, (long long)length);
}

static bool read_delta_lengths(tl_parquet_value_reader *values, size_t count, tl_slice *out, tl_error *err)
{
    if (!tl_delta__read(&values->numbers, values->lengths, count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!check_length(values->lengths[i], (size_t)(values->end - values->at), err))
            return false;
        out[i] = (tl_slice){(const char *)values->at, (size_t)values->lengths[i]};
        values->at += out[i].size;
    }
    return true;
}

static bool append_bytes(tl_parquet_bytes *bytes, const uint8_t *added, size_t size, tl_error *err)
{
    if (!tl_parquet__bytes_reserve(bytes, size, err))
        return false;
    if (size != 0)
        memcpy(bytes->data + bytes->size, added, size);
    bytes->size += size;
    return true;
}

/* Each value is a prefix of the one before and a suffix of its own. `joined` holds the last value of the read before, then these.
 */
static bool read_delta_bytes(tl_parquet_value_reader *values, size_t count, tl_slice *out, tl_error *err)
{
    int64_t *prefixes = values->lengths, *suffixes = values->lengths + values->max_count;
    tl_parquet_bytes *joined = &values->joined;
    joined->size = 0;
    if (!tl_delta__read(&values->numbers, prefixes, count, err) || !tl_delta__read(&values->suffixes, suffixes, count, err) ||
        !append_bytes(joined, values->previous.data, values->previous.size, err))
        return false;
    size_t before = 0, before_size = joined->size;
    for (size_t i = 0; i < count; i++) {
        if (!check_length(prefixes[i], before_size, err) || !check_length(suffixes[i], (size_t)(values->end - values->at), err))
            return false;
        size_t prefix = (size_t)prefixes[i], suffix = (size_t)suffixes[i];
        if (values->leaf->type_length != 0 && prefix + suffix != values->leaf->type_length)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected values of %u bytes, found one of %zu",
                           (unsigned)values->leaf->type_length, prefix + suffix);
        if (!tl_parquet__bytes_reserve(joined, prefix + suffix, err))
            return false;
        uint8_t *value = joined->data + joined->size;
        memcpy(value, joined->data + before, prefix);
        memcpy(value + prefix, values->at, suffix);
        values->at += suffix;
        before = joined->size;
        before_size = prefix + suffix;
        joined->size += before_size;
        out[i] = (tl_slice){NULL, before_size};
    }
    tl_parquet__place_texts(out, count, joined->data + values->previous.size);
    values->previous.size = 0;
    return append_bytes(&values->previous, joined->data + before, before_size, err);
}

/* Byte j of value i lies at j * value_count + i. */
static void gather_split(const uint8_t *bytes, size_t value_count, size_t first, size_t size, size_t count, uint8_t *out)
{
    for (size_t j = 0; j < size; j++) {
        const uint8_t *stream = bytes + j * value_count + first;
        for (size_t i = 0; i < count; i++)
            out[i * size + j] = stream[i];
    }
}

static bool read_split(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    bool is_fixed = values->leaf->physical == TL_PHYSICAL_FIXED;
    size_t size = is_fixed ? values->leaf->type_length : physical_size(values->leaf->physical), total;
    if (count > values->value_count - values->position)
        return values_ended(count, err);
    uint8_t *to = out;
    if (is_fixed) {
        values->joined.size = 0;
        if (!tl_size_multiply(count, size, &total) || !tl_parquet__bytes_reserve(&values->joined, total, err))
            return false;
        to = values->joined.data;
    }
    gather_split(values->at, (size_t)values->value_count, (size_t)values->position, size, count, to);
    values->position += count;
    for (size_t i = 0; is_fixed && i < count; i++)
        ((tl_slice *)out)[i] = (tl_slice){(const char *)to + i * size, size};
    return true;
}

static bool read_physical(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    switch (values->encoding) {
    case TL_ENCODING_PLAIN:
        return read_plain(values, count, out, err);
    case TL_ENCODING_RLE:
        return read_run_booleans(values, count, out, err);
    case TL_ENCODING_DELTA_BINARY_PACKED:
        return read_deltas(values, count, out, err);
    case TL_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return read_delta_lengths(values, count, out, err);
    case TL_ENCODING_DELTA_BYTE_ARRAY:
        return read_delta_bytes(values, count, out, err);
    default:
        return read_split(values, count, out, err);
    }
}

static bool read_converted(tl_parquet_value_reader *values, size_t count, void *out, tl_parquet_bytes *text, tl_error *err)
{
    if (values->leaf->conversion == TL_CONVERT_NOTHING)
        return read_physical(values, count, out, err);
    return read_physical(values, count, values->raw, err) &&
           tl_parquet__convert(values->leaf, values->raw, count, out, text, err);
}

static bool is_decimal(const tl_parquet_leaf *leaf)
{
    return leaf->conversion >= TL_CONVERT_DECIMAL_32;
}

static bool read_dictionary(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    uint32_t *indexes = values->index_values, most = 0;
    if (!tl_hybrid__read(&values->indexes, indexes, count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        most = indexes[i] > most ? indexes[i] : most;
    if (count != 0 && most >= values->dictionary_count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected entries below %u of the dictionary, found %u",
                       (unsigned)values->dictionary_count, (unsigned)most);
    switch (tl_parquet__value_size(values->leaf->column.kind)) {
    case sizeof(tl_slice):
        for (size_t i = 0; i < count; i++)
            ((tl_slice *)out)[i] = ((const tl_slice *)values->dictionary)[indexes[i]];
        break;
    case sizeof(uint64_t):
        for (size_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = ((const uint64_t *)values->dictionary)[indexes[i]];
        break;
    default:
        for (size_t i = 0; i < count; i++)
            ((uint32_t *)out)[i] = ((const uint32_t *)values->dictionary)[indexes[i]];
        break;
    }
    return true;
}

bool tl_parquet__values_read(tl_parquet_value_reader *values, size_t count, void *out, tl_error *err)
{
    if (values->encoding == TL_ENCODING_RLE_DICTIONARY)
        return read_dictionary(values, count, out, err);
    values->text.size = 0;
    if (!read_converted(values, count, out, &values->text, err))
        return false;
    if (is_decimal(values->leaf))
        tl_parquet__place_texts(out, count, values->text.data);
    return true;
}

static bool encoding_mismatch(const tl_parquet_value_reader *values, int32_t encoding, tl_error *err)
{
    static const char *const types[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected an encoding of %s, found %s (%d)", types[values->leaf->physical],
                   tl_parquet__encoding_name(encoding), (int)encoding);
}

static bool fits_encoding(tl_parquet_physical physical, int32_t encoding)
{
    bool is_integer = physical == TL_PHYSICAL_INT32 || physical == TL_PHYSICAL_INT64;
    bool is_bytes = physical == TL_PHYSICAL_BYTE_ARRAY, is_fixed = physical == TL_PHYSICAL_FIXED;
    switch (encoding) {
    case TL_ENCODING_PLAIN:
        return true;
    case TL_ENCODING_RLE_DICTIONARY:
        return physical != TL_PHYSICAL_BOOLEAN;
    case TL_ENCODING_RLE:
        return physical == TL_PHYSICAL_BOOLEAN;
    case TL_ENCODING_DELTA_BINARY_PACKED:
        return is_integer;
    case TL_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return is_bytes;
    case TL_ENCODING_DELTA_BYTE_ARRAY:
        return is_bytes || is_fixed;
    case TL_ENCODING_BYTE_STREAM_SPLIT:
        return is_integer || is_fixed || physical == TL_PHYSICAL_FLOAT || physical == TL_PHYSICAL_DOUBLE;
    default:
        return false;
    }
}

static bool begin_indexes(tl_parquet_value_reader *values, size_t size, tl_error *err)
{
    /* A page without values may be without a width. */
    unsigned width = size != 0 ? values->at[0] : 0;
    if (width > 32)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected indexes of at most 32 bits, found %u", width);
    tl_hybrid__begin(&values->indexes, values->at + (size != 0), size != 0 ? size - 1 : 0, width);
    return true;
}

static bool begin_runs(tl_parquet_value_reader *values, size_t size, tl_error *err)
{
    if (size < 4)
        return size == 0 || values_ended(1, err);
    uint32_t run_size = tl_little_endian_32(values->at);
    if (!check_length(run_size, size - 4, err))
        return false;
    tl_hybrid__begin(&values->indexes, values->at + 4, run_size, 1);
    return true;
}

static bool begin_delta_bytes(tl_parquet_value_reader *values, uint32_t most_count, tl_error *err)
{
    values->previous.size = 0;
    const uint8_t *at = values->at;
    if (!tl_delta__begin(&values->numbers, at, (size_t)(values->end - at), most_count, err) ||
        !tl_delta__find_end(&values->numbers, &at, err) ||
        !tl_delta__begin(&values->suffixes, at, (size_t)(values->end - at), most_count, err))
        return false;
    return tl_delta__find_end(&values->suffixes, &values->at, err);
}

bool tl_parquet__values_begin(tl_parquet_value_reader *values, int32_t encoding, const uint8_t *bytes, size_t size,
                              uint32_t most_count, tl_error *err)
{
    if (encoding == TL_ENCODING_PLAIN_DICTIONARY)
        encoding = TL_ENCODING_RLE_DICTIONARY;
    if (!fits_encoding(values->leaf->physical, encoding))
        return encoding_mismatch(values, encoding, err);
    values->encoding = encoding;
    values->at = bytes;
    values->end = bytes + size;
    values->position = values->value_count = 0;
    tl_hybrid__begin(&values->indexes, bytes, 0, 0);
    values->numbers = values->suffixes = (tl_delta){0};
    size_t width;
    switch (encoding) {
    case TL_ENCODING_RLE_DICTIONARY:
        return begin_indexes(values, size, err);
    case TL_ENCODING_RLE:
        return begin_runs(values, size, err);
    case TL_ENCODING_DELTA_BINARY_PACKED:
        return size == 0 || tl_delta__begin(&values->numbers, bytes, size, most_count, err);
    case TL_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return size == 0 || (tl_delta__begin(&values->numbers, bytes, size, most_count, err) &&
                             tl_delta__find_end(&values->numbers, &values->at, err));
    case TL_ENCODING_DELTA_BYTE_ARRAY:
        return size == 0 || begin_delta_bytes(values, most_count, err);
    case TL_ENCODING_BYTE_STREAM_SPLIT:
        width = values->leaf->type_length != 0 ? values->leaf->type_length : physical_size(values->leaf->physical);
        values->value_count = size / width;
        return size % width == 0 ||
               tl_fail(err, TL_ERROR_CORRUPT, "expected streams of %zu bytes a value, found %zu bytes", width, size);
    default:
        return true;
    }
}

bool tl_parquet__values_set_dictionary(tl_parquet_value_reader *values, uint32_t count, tl_error *err)
{
    const tl_parquet_leaf *leaf = values->leaf;
    size_t size = tl_parquet__value_size(leaf->column.kind);
    size_t least = leaf->physical == TL_PHYSICAL_BYTE_ARRAY ? 4
                   : leaf->type_length != 0                 ? leaf->type_length
                                                            : physical_size(leaf->physical);
    if (leaf->physical == TL_PHYSICAL_BOOLEAN)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected no dictionary of booleans, found one");
    if (count > values->dictionary_bytes.size / least)
        return values_ended(count, err);
    values->dictionary_count = 0;
    if (count > values->dictionary_capacity) {
        tl_memory_free(values->dictionary);
        values->dictionary_capacity = 0;
        values->dictionary = tl_memory_allocate(count, size, err);
        if (values->dictionary == NULL)
            return false;
        values->dictionary_capacity = count;
    }
    if (!tl_parquet__values_begin(values, TL_ENCODING_PLAIN, values->dictionary_bytes.data, values->dictionary_bytes.size, count,
                                  err))
        return false;
    values->dictionary_text.size = 0;
    for (uint32_t done = 0; done < count;) {
        size_t piece = count - done < values->max_count ? count - done : values->max_count;
        if (!read_converted(values, piece, (uint8_t *)values->dictionary + done * size, &values->dictionary_text, err))
            return false;
        done += (uint32_t)piece;
    }
    if (is_decimal(leaf))
        tl_parquet__place_texts(values->dictionary, count, values->dictionary_text.data);
    values->dictionary_count = count;
    return true;
}

/*
 * Owns portable anymaps (Netpbm P1..P6): bitmaps, grey and colour, as text or binary, any maximum up to 65535.
 * Samples are scaled to 0..255 with rounding. Only the first picture of a file is read.
 */
#include "base/image/bytes_internal.h"
#include "base/image/decode_internal.h"

typedef struct pnm_reader {
    tl_slice bytes;
    size_t at;
} pnm_reader;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space_and_comments(pnm_reader *reader)
{
    while (reader->at < reader->bytes.size) {
        char c = reader->bytes.data[reader->at];
        if (c == '#') {
            while (reader->at < reader->bytes.size && reader->bytes.data[reader->at] != '\n')
                reader->at++;
        } else if (is_space(c)) {
            reader->at++;
        } else {
            return;
        }
    }
}

static bool read_number(pnm_reader *reader, uint32_t max, uint32_t *out, tl_error *err)
{
    skip_space_and_comments(reader);
    size_t start = reader->at;
    uint64_t value = 0;
    while (reader->at < reader->bytes.size) {
        char c = reader->bytes.data[reader->at];
        if (c < '0' || c > '9')
            break;
        value = value * 10 + (uint64_t)(c - '0');
        if (value > max)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a number up to %u, found a larger one", max);
        reader->at++;
    }
    if (reader->at == start)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a number, found %s",
                       start < reader->bytes.size ? "another character" : "the end of the file");
    *out = (uint32_t)value;
    return true;
}

bool tl_pnm__header_read(tl_slice bytes, tl_pnm_header *out, tl_error *err)
{
    pnm_reader reader = {bytes, 2};
    tl_pnm_header header = {.kind = byte_at(bytes, 1) - '0', .max_value = 1};
    if (!read_number(&reader, INT32_MAX, &header.width, err) || !read_number(&reader, INT32_MAX, &header.height, err))
        return false;
    bool is_bitmap = header.kind == 1 || header.kind == 4;
    if (!is_bitmap && !read_number(&reader, 65535, &header.max_value, err))
        return false;
    if (header.max_value == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a largest value of at least 1, found 0");
    /* One white space ends the header of the binary kinds. */
    if (reader.at >= bytes.size || !is_space(bytes.data[reader.at]))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected white space after the header");
    header.pixels_offset = reader.at + 1;
    *out = header;
    return true;
}

static uint8_t scale_sample(uint32_t sample, uint32_t max_value)
{
    if (sample >= max_value)
        return 255;
    return (uint8_t)((sample * 255 + max_value / 2) / max_value);
}

static bool read_text_samples(tl_slice bytes, const tl_pnm_header *header, size_t samples_per_pixel, tl_image *image,
                              tl_error *err)
{
    pnm_reader reader = {bytes, header->pixels_offset};
    uint8_t *to = image->pixels;
    for (size_t pixel = 0; pixel < (size_t)image->width * image->height; pixel++, to += 3) {
        for (size_t i = 0; i < samples_per_pixel; i++) {
            uint32_t sample = 0;
            if (header->kind == 1) {
                /* Bits may stand without space between them; 1 is black. */
                skip_space_and_comments(&reader);
                if (reader.at >= bytes.size || (bytes.data[reader.at] != '0' && bytes.data[reader.at] != '1'))
                    return tl_fail(err, TL_ERROR_CORRUPT, "expected 0 or 1 for each pixel");
                sample = bytes.data[reader.at++] == '0';
            } else if (!read_number(&reader, header->max_value, &sample, err)) {
                return false;
            }
            to[i] = scale_sample(sample, header->max_value);
        }
        if (samples_per_pixel == 1)
            to[1] = to[2] = to[0];
    }
    return true;
}

static void read_binary_row(tl_slice row, const tl_pnm_header *header, size_t samples_per_pixel, uint8_t *to)
{
    size_t sample_size = header->max_value > 255 ? 2 : 1;
    for (uint32_t x = 0; x < header->width; x++, to += 3) {
        for (size_t i = 0; i < samples_per_pixel; i++) {
            size_t at = (x * samples_per_pixel + i) * sample_size;
            uint32_t sample = sample_size == 2 ? big_16_at(row, at) : byte_at(row, at);
            to[i] = header->max_value == 255 ? (uint8_t)sample : scale_sample(sample, header->max_value);
        }
        if (samples_per_pixel == 1)
            to[1] = to[2] = to[0];
    }
}

static void read_bitmap_row(tl_slice row, uint32_t width, uint8_t *to)
{
    for (uint32_t x = 0; x < width; x++, to += 3)
        to[0] = to[1] = to[2] = (byte_at(row, x / 8) >> (7 - x % 8) & 1) != 0 ? 0 : 255;
}

bool tl_image__decode_pnm(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err)
{
    (void)info;
    tl_pnm_header header = {0};
    if (!tl_pnm__header_read(bytes, &header, err))
        return false;
    size_t samples_per_pixel = header.kind == 3 || header.kind == 6 ? 3 : 1;
    bool is_text = header.kind <= 3;
    uint64_t row_size = header.kind == 4 ? ((uint64_t)header.width + 7) / 8
                                         : (uint64_t)header.width * samples_per_pixel * (header.max_value > 255 ? 2 : 1);
    /* A text sample takes a digit at least. */
    uint64_t needed = is_text ? (uint64_t)header.width * header.height * samples_per_pixel : row_size * header.height;
    uint64_t room = bytes.size - header.pixels_offset;
    if (needed > room)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the pixels of %u x %u, found %zu bytes", header.width, header.height,
                       (size_t)room);
    tl_image image;
    if (!tl_image_create(header.width, header.height, &image, err))
        return false;
    if (is_text && !read_text_samples(bytes, &header, samples_per_pixel, &image, err)) {
        tl_image_clear(&image);
        return false;
    }
    for (uint32_t y = 0; !is_text && y < header.height; y++) {
        tl_slice row = {bytes.data + header.pixels_offset + (size_t)(row_size * y), (size_t)row_size};
        uint8_t *to = image.pixels + (size_t)y * header.width * 3;
        if (header.kind == 4)
            read_bitmap_row(row, header.width, to);
        else
            read_binary_row(row, &header, samples_per_pixel, to);
    }
    *out = image;
    return true;
}

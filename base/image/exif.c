/*
 * Owns reading the camera's remarks; the one file that includes libexif's headers. The block that metadata.c finds is handed to
 * libexif, which reads the tags; the values are then taken raw, since libexif's own texts depend on the language of the process.
 * Whatever is broken reads as absent.
 */
#include "base/image/exif.h"

#include "base/core/memory.h"
#include "base/core/string.h"
#include "base/image/bytes_internal.h"
#include "base/image/metadata_internal.h"

#include <math.h>

#include <libexif/exif-data.h>

static void *allocate(ExifLong size)
{
    return tl_memory_allocate(size, 1, NULL);
}

static void *resize(void *block, ExifLong size)
{
    return tl_memory_resize(block, size, 1, NULL);
}

/* The raw bytes of a tag of an ASCII field up to its NUL; empty when absent. */
static tl_slice text_of(ExifData *data, ExifIfd directory, ExifTag tag)
{
    ExifEntry *entry = exif_content_get_entry(data->ifd[directory], tag);
    if (entry == NULL || entry->data == NULL || entry->format != EXIF_FORMAT_ASCII)
        return (tl_slice){NULL, 0};
    const void *end = memchr(entry->data, 0, entry->size);
    size_t size = end != NULL ? (size_t)((const unsigned char *)end - entry->data) : entry->size;
    return (tl_slice){(const char *)entry->data, size};
}

static uint8_t orientation_of(ExifData *data)
{
    ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (entry == NULL || entry->data == NULL || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2)
        return 1;
    ExifShort value = exif_get_short(entry->data, exif_data_get_byte_order(data));
    return value >= 1 && value <= 8 ? (uint8_t)value : 1;
}

/* "2024:05:17 09:30:00" to "2024-05-17T09:30:00"; false when it is not a date (unset clocks write zeros or blanks). */
static bool read_date(tl_slice text, char out[20])
{
    static const char shape[] = "dddd:dd:dd dd:dd:dd";
    if (text.size < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (shape[i] == 'd' ? !is_digit : text.data[i] != shape[i])
            return false;
    }
    int month = (text.data[5] - '0') * 10 + text.data[6] - '0', day = (text.data[8] - '0') * 10 + text.data[9] - '0';
    if (month < 1 || month > 12 || day < 1 || day > 31 || text.data[11] > '2' || text.data[14] > '5' || text.data[17] > '6')
        return false;
    memcpy(out, text.data, 19);
    out[4] = out[7] = '-';
    out[10] = 'T';
    out[19] = '\0';
    return true;
}

/* Bytes of the well-formed UTF-8 character at the start of text; 0 when there is none. */
static size_t character_size(tl_slice text)
{
    size_t bad_offset;
    for (size_t size = 1; size <= 4 && size <= text.size; size++)
        if (tl_text_is_utf8((tl_slice){text.data, size}, &bad_offset))
            return size;
    return 0;
}

/* Appends what is readable: bytes that are no UTF-8 and control characters are dropped, runs of blanks become one. */
static void append_clean(char *out, size_t capacity, tl_slice text)
{
    size_t used = strlen(out);
    bool wants_blank = used != 0;
    while (text.size != 0) {
        size_t size = character_size(text);
        size_t step = size != 0 ? size : 1;
        unsigned char first = (unsigned char)text.data[0];
        if (size == 1 && first <= ' ') {
            wants_blank = used != 0;
        } else if (size != 0 && first != 0x7f) {
            size_t blank = wants_blank ? 1 : 0;
            if (used + blank + size >= capacity)
                break;
            if (wants_blank)
                out[used++] = ' ';
            wants_blank = false;
            memcpy(out + used, text.data, size);
            used += size;
        }
        text = (tl_slice){text.data + step, text.size - step};
    }
    out[used] = '\0';
}

/* Many makers repeat their name in the model's; then the model says it all. */
static void read_camera(ExifData *data, char *out, size_t capacity)
{
    char maker[64] = "", model[64] = "";
    append_clean(maker, sizeof maker, text_of(data, EXIF_IFD_0, EXIF_TAG_MAKE));
    append_clean(model, sizeof model, text_of(data, EXIF_IFD_0, EXIF_TAG_MODEL));
    if (!slice_starts_with(tl_slice_of(model), maker, strlen(maker)))
        append_clean(out, capacity, tl_slice_of(maker));
    append_clean(out, capacity, tl_slice_of(model));
}

/* Degrees, minutes, seconds as three rationals (Exif 2.32, 4.6.6) and a letter for the side of the earth. */
static bool read_coordinate(ExifData *data, ExifTag value_tag, ExifTag side_tag, char negative_side, double limit, double *out)
{
    ExifEntry *entry = exif_content_get_entry(data->ifd[EXIF_IFD_GPS], value_tag);
    tl_slice side = text_of(data, EXIF_IFD_GPS, side_tag);
    if (entry == NULL || entry->data == NULL || entry->format != EXIF_FORMAT_RATIONAL || entry->components < 3 ||
        entry->size < 24 || side.size == 0)
        return false;
    double degrees = 0, unit = 1;
    for (size_t i = 0; i < 3; i++, unit /= 60) {
        ExifRational part = exif_get_rational(entry->data + i * 8, exif_data_get_byte_order(data));
        if (part.denominator == 0) {
            if (i == 0 || part.numerator != 0)
                return false;
            continue; /* some write 0/0 seconds */
        }
        degrees += (double)part.numerator / part.denominator * unit;
    }
    if (!isfinite(degrees) || degrees > limit)
        return false;
    *out = side.data[0] == negative_side ? -degrees : degrees;
    return true;
}

static void read_tags(ExifData *data, tl_exif *out)
{
    out->orientation = orientation_of(data);
    if (!read_date(text_of(data, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_ORIGINAL), out->taken) &&
        !read_date(text_of(data, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_DIGITIZED), out->taken))
        (void)read_date(text_of(data, EXIF_IFD_0, EXIF_TAG_DATE_TIME), out->taken);
    read_camera(data, out->camera, sizeof out->camera);
    double latitude, longitude;
    if (read_coordinate(data, (ExifTag)EXIF_TAG_GPS_LATITUDE, (ExifTag)EXIF_TAG_GPS_LATITUDE_REF, 'S', 90, &latitude) &&
        read_coordinate(data, (ExifTag)EXIF_TAG_GPS_LONGITUDE, (ExifTag)EXIF_TAG_GPS_LONGITUDE_REF, 'W', 180, &longitude)) {
        out->has_place = true;
        out->latitude = latitude;
        out->longitude = longitude;
    }
}

void tl_exif_read(tl_slice bytes, tl_exif *out)
{
    *out = (tl_exif){.orientation = 1};
    tl_slice block = tl_image__find_exif(bytes);
    if (block.size == 0)
        return;
    unsigned char *prefixed = tl_memory_allocate(TL_EXIF_START_SIZE + block.size, 1, NULL);
    ExifMem *memory = exif_mem_new(allocate, resize, tl_memory_free);
    ExifData *data = memory != NULL ? exif_data_new_mem(memory) : NULL;
    if (prefixed != NULL && data != NULL) {
        memcpy(prefixed, TL_EXIF_START, TL_EXIF_START_SIZE);
        memcpy(prefixed + TL_EXIF_START_SIZE, block.data, block.size);
        /* As written, without the tags that the specification wants added. */
        exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
        exif_data_load_data(data, prefixed, (unsigned)(TL_EXIF_START_SIZE + block.size));
        read_tags(data, out);
    }
    if (data != NULL)
        exif_data_unref(data);
    if (memory != NULL)
        exif_mem_unref(memory);
    tl_memory_free(prefixed);
}

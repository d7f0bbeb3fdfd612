/*
 * Owns JPEG encoding: baseline, 4:2:0, the slow integer DCT. libjpeg reports an error by a call that must not return: it jumps
 * back to encode_guarded, whose caller owns what has to be released. Output goes through a buffer in the state to the caller's
 * string.
 */
#include "base/core/memory.h"
#include "base/image/encode_internal.h"
#include "base/image/metadata_internal.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

enum { BUFFER_SIZE = 32768 };

typedef struct jpeg_output {
    struct jpeg_compress_struct encoder;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf on_error;
    tl_error *err;
    tl_string *out;
    JOCTET buffer[BUFFER_SIZE];
} jpeg_output;

static void fail_and_jump(j_common_ptr common)
{
    jpeg_output *output = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    tl_fail(output->err, TL_ERROR_INVALID, "%s", text);
    longjmp(output->on_error, 1);
}

static void print_nothing(j_common_ptr common)
{
    (void)common;
}

static void begin_buffer(j_compress_ptr encoder)
{
    jpeg_output *output = encoder->client_data;
    output->destination.next_output_byte = output->buffer;
    output->destination.free_in_buffer = BUFFER_SIZE;
}

static void append_or_jump(jpeg_output *output, size_t size)
{
    if (!tl_string_append(output->out, (const char *)output->buffer, size, output->err))
        longjmp(output->on_error, 1);
}

static boolean empty_buffer(j_compress_ptr encoder)
{
    append_or_jump(encoder->client_data, BUFFER_SIZE);
    begin_buffer(encoder);
    return TRUE;
}

static void end_buffer(j_compress_ptr encoder)
{
    jpeg_output *output = encoder->client_data;
    append_or_jump(output, BUFFER_SIZE - output->destination.free_in_buffer);
}

/* EXIF in an APP1 segment, the profile in as many APP2 segments as it takes. */
static void write_metadata(j_compress_ptr encoder, const tl_image_metadata *metadata)
{
    static const char start[] = TL_EXIF_START;
    const tl_string *exif = &metadata->exif;
    if (exif->size != 0) {
        jpeg_write_m_header(encoder, JPEG_APP0 + 1, (unsigned)(sizeof start + exif->size));
        for (size_t i = 0; i < sizeof start; i++)
            jpeg_write_m_byte(encoder, start[i]);
        for (size_t i = 0; i < exif->size; i++)
            jpeg_write_m_byte(encoder, (unsigned char)exif->data[i]);
    }
    if (metadata->profile.size != 0)
        jpeg_write_icc_profile(encoder, (const JOCTET *)metadata->profile.data, (unsigned)metadata->profile.size);
}

/* Everything between setjmp and here may jump; what it owns is in *output. */
static bool encode_guarded(jpeg_output *output, const tl_image *image, unsigned quality, const tl_image_metadata *metadata)
{
    struct jpeg_compress_struct *encoder = &output->encoder;
    if (setjmp(output->on_error) != 0)
        return false;
    jpeg_create_compress(encoder);
    encoder->client_data = output;
    encoder->dest = &output->destination;
    encoder->image_width = image->width;
    encoder->image_height = image->height;
    encoder->input_components = 3;
    encoder->in_color_space = JCS_RGB;
    jpeg_set_defaults(encoder);
    jpeg_set_quality(encoder, (int)quality, TRUE);
    jpeg_start_compress(encoder, TRUE);
    if (metadata != NULL)
        write_metadata(encoder, metadata);
    while (encoder->next_scanline < encoder->image_height) {
        JSAMPROW row = image->pixels + (size_t)encoder->next_scanline * image->width * 3;
        jpeg_write_scanlines(encoder, &row, 1);
    }
    jpeg_finish_compress(encoder);
    return true;
}

bool tl_image__encode_jpeg(const tl_image *image, unsigned quality, const tl_image_metadata *metadata, tl_string *out,
                           tl_error *err)
{
    jpeg_output *output = tl_memory_allocate(1, sizeof *output, err);
    if (output == NULL)
        return false;
    output->err = err;
    output->out = out;
    output->encoder.client_data = output;
    output->encoder.err = jpeg_std_error(&output->errors);
    output->errors.error_exit = fail_and_jump;
    output->errors.output_message = print_nothing;
    output->destination.init_destination = begin_buffer;
    output->destination.empty_output_buffer = empty_buffer;
    output->destination.term_destination = end_buffer;
    bool ok = encode_guarded(output, image, quality, metadata);
    jpeg_destroy_compress(&output->encoder);
    tl_memory_free(output);
    return ok;
}

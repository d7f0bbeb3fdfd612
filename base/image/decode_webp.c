/*
 * Owns WebP decoding; the one file that includes libwebp's header.
 *
 * Of an animation the first frame is decoded: an ANMF chunk holds an ordinary bitstream (with its ALPH chunk, if any) that
 * libwebp reads without a RIFF header. It is laid at its place on a white canvas. Alpha is blended over white.
 */
#include "base/core/memory.h"
#include "base/image/bytes_internal.h"
#include "base/image/decode_internal.h"

#include <webp/decode.h>

typedef struct webp_frame {
    tl_slice stream; /* what libwebp is given */
    uint32_t left;   /* place on the canvas, pixels */
    uint32_t top;
    uint32_t width;
    uint32_t height;
} webp_frame;

/* Finds the first ANMF chunk behind the VP8X chunk (WebP container specification, "Animation"). */
static bool find_first_frame(tl_slice bytes, webp_frame *out, tl_error *err)
{
    enum { FRAME_HEADER = 16 };
    size_t at = 12;
    while (bytes.size - at >= 8) {
        size_t size = little_32_at(bytes, at + 4);
        size_t room = bytes.size - at - 8;
        if (size > room)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a chunk of %zu bytes, found %zu", size, room);
        if (memcmp(bytes.data + at, "ANMF", 4) == 0) {
            if (size < FRAME_HEADER)
                return tl_fail(err, TL_ERROR_CORRUPT, "expected a frame of at least %d bytes, found %zu", (int)FRAME_HEADER,
                               size);
            size_t header = at + 8;
            out->left = little_24_at(bytes, header) * 2;
            out->top = little_24_at(bytes, header + 3) * 2;
            out->width = little_24_at(bytes, header + 6) + 1;
            out->height = little_24_at(bytes, header + 9) + 1;
            out->stream = (tl_slice){bytes.data + header + FRAME_HEADER, size - FRAME_HEADER};
            return true;
        }
        size_t padded = size + (size & 1);
        at += 8 + (padded <= room ? padded : room);
    }
    return tl_fail(err, TL_ERROR_CORRUPT, "expected a frame in an animation, found none");
}

static bool fail_by_status(VP8StatusCode status, tl_error *err)
{
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "the bitstream has a feature that is not read");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return tl_fail(err, TL_ERROR_CORRUPT, "the file is cut short");
    default:
        return tl_fail(err, TL_ERROR_CORRUPT, "the bitstream is broken");
    }
}

/* Decodes the frame's stream to rows of 3 or 4 channels. */
static bool decode_stream(const webp_frame *frame, uint32_t channels, uint8_t *pixels, tl_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "libwebp is of another version than its header");
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.stride = (int)(frame->width * channels);
    config.output.u.RGBA.size = (size_t)frame->width * frame->height * channels;
    VP8StatusCode status = WebPDecode((const uint8_t *)frame->stream.data, frame->stream.size, &config);
    WebPFreeDecBuffer(&config.output);
    return status == VP8_STATUS_OK || fail_by_status(status, err);
}

static void blend_over_white(const webp_frame *frame, const uint8_t *rgba, tl_image *image)
{
    for (uint32_t y = 0; y < frame->height; y++) {
        uint8_t *to = image->pixels + ((size_t)(frame->top + y) * image->width + frame->left) * 3;
        for (uint32_t x = 0; x < frame->width; x++, rgba += 4, to += 3) {
            to[0] = over_white(rgba[0], rgba[3]);
            to[1] = over_white(rgba[1], rgba[3]);
            to[2] = over_white(rgba[2], rgba[3]);
        }
    }
}

bool tl_image__decode_webp(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err)
{
    WebPBitstreamFeatures features;
    VP8StatusCode status = WebPGetFeatures((const uint8_t *)bytes.data, bytes.size, &features);
    if (status != VP8_STATUS_OK)
        return fail_by_status(status, err);
    webp_frame frame = {.stream = bytes, .width = info->width, .height = info->height};
    if (features.has_animation) {
        if (!find_first_frame(bytes, &frame, err))
            return false;
        status = WebPGetFeatures((const uint8_t *)frame.stream.data, frame.stream.size, &features);
        if (status != VP8_STATUS_OK)
            return fail_by_status(status, err);
    }
    if (features.has_animation || (uint32_t)features.width != frame.width || (uint32_t)features.height != frame.height)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a bitstream of %u x %u pixels, found %d x %d", frame.width, frame.height,
                       features.width, features.height);
    if (frame.left > info->width || frame.width > info->width - frame.left || frame.top > info->height ||
        frame.height > info->height - frame.top)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a frame within %u x %u pixels", info->width, info->height);
    bool covers_canvas = frame.width == info->width && frame.height == info->height;
    bool ok = false;
    uint8_t *rgba = NULL;
    tl_image image = {0};
    if (!tl_image_create(info->width, info->height, &image, err))
        goto done;
    if (!features.has_alpha && covers_canvas) {
        if (!decode_stream(&frame, 3, image.pixels, err))
            goto done;
    } else {
        rgba = tl_memory_allocate((size_t)frame.width * frame.height, 4, err);
        if (rgba == NULL || !decode_stream(&frame, 4, rgba, err))
            goto done;
        if (!covers_canvas)
            memset(image.pixels, 255, (size_t)image.width * image.height * 3);
        blend_over_white(&frame, rgba, &image);
    }
    *out = image;
    image = (tl_image){0};
    ok = true;
done:
    tl_memory_free(rgba);
    tl_image_clear(&image);
    return ok;
}

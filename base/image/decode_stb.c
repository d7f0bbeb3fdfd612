/*
 * Owns PNG, GIF, BMP, TGA and PSD decoding; the one file that includes stb_image.h, as a copy of its own whose memory comes
 * from base/core/memory.h (zeroed, which also takes the sting out of reads of memory that stb did not fill).
 *
 * stb reads zeros past the end of its input and calls that a picture. It is therefore given the bytes through callbacks
 * that note any demand beyond the end: such a file is cut short, whatever stb makes of it.
 */
#include "base/core/memory.h"
#include "base/image/bytes_internal.h"
#include "base/image/decode_internal.h"

#include <limits.h>

#define STBI_MALLOC(size) tl_memory_allocate((size), 1, NULL)
#define STBI_REALLOC(block, size) tl_memory_resize((block), (size), 1, NULL)
#define STBI_FREE(block) tl_memory_free(block)
#define STBI_ASSERT(condition) TL_ASSERT(condition)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_ONLY_PNG
#define STBI_ONLY_GIF
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_PSD
#define STBI_MAX_DIMENSIONS (1 << 20)
/* stb declares this one and forgets to define it. */
#define stbi_set_unpremultiply_on_load_thread stbi_set_unpremultiply_on_load
#include <stb_image.h>

typedef struct stb_input {
    tl_slice bytes;
    size_t at;
    bool passed_end; /* stb asked for bytes that are not there */
    bool is_gif;
} stb_input;

/* In a GIF, the place of the background colour's number. */
enum { GIF_BACKGROUND_OFFSET = 11 };

static int give_bytes(void *context, char *data, int size)
{
    stb_input *input = context;
    size_t room = input->bytes.size - input->at;
    size_t given = (size_t)size <= room ? (size_t)size : room;
    if (given == 0)
        input->passed_end = true;
    if (given != 0)
        memcpy(data, input->bytes.data + input->at, given);
    /* stb would paint what no frame covers in the background colour; as in browsers it is to stay transparent. */
    if (input->is_gif && input->at <= GIF_BACKGROUND_OFFSET && GIF_BACKGROUND_OFFSET < input->at + given)
        data[GIF_BACKGROUND_OFFSET - input->at] = 0;
    input->at += given;
    return (int)given;
}

static void skip_bytes(void *context, int size)
{
    stb_input *input = context;
    size_t room = input->bytes.size - input->at;
    if (size < 0 || (size_t)size > room) {
        input->passed_end = true;
        input->at = input->bytes.size;
        return;
    }
    input->at += (size_t)size;
}

static int is_at_end(void *context)
{
    const stb_input *input = context;
    return input->at >= input->bytes.size;
}

static bool fail_by_reason(tl_error *err)
{
    const char *reason = stbi_failure_reason();
    static const char *const unsupported[] = {"BMP RLE",
                                              "unknown BMP",
                                              "wrong color format",
                                              "wrong channel count",
                                              "unsupported bit depth",
                                              "bad bits_per_channel",
                                              "1/2/4/8/16-bit only",
                                              "too large"};
    if (reason == NULL)
        reason = "broken";
    if (strcmp(reason, "outofmem") == 0)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (strcmp(reason, unsupported[i]) == 0)
            return tl_fail(err, TL_ERROR_UNSUPPORTED, "a kind that is not read: %s", reason);
    return tl_fail(err, TL_ERROR_CORRUPT, "broken picture: %s", reason);
}

/* Most pixels of a picture with alpha are wholly there or wholly not. */
static void flatten_colors(const uint8_t *from, size_t pixel_count, uint8_t *to)
{
    for (size_t i = 0; i < pixel_count; i++, from += 4, to += 3) {
        if (from[3] == 255) {
            memcpy(to, from, 3);
        } else if (from[3] == 0) {
            memset(to, 255, 3);
        } else {
            to[0] = over_white(from[0], from[3]);
            to[1] = over_white(from[1], from[3]);
            to[2] = over_white(from[2], from[3]);
        }
    }
}

static void flatten_grey(const uint8_t *from, int channels, size_t pixel_count, uint8_t *to)
{
    for (size_t i = 0; i < pixel_count; i++, from += channels, to += 3)
        to[0] = to[1] = to[2] = channels == 2 ? over_white(from[0], from[1]) : from[0];
}

bool tl_image__decode_stb(tl_slice bytes, const tl_image_info *info, tl_image *out, tl_error *err)
{
    static const stbi_io_callbacks callbacks = {give_bytes, skip_bytes, is_at_end};
    stb_input input = {.bytes = bytes, .is_gif = info->format == TL_IMAGE_GIF};
    int width = 0, height = 0, channels = 0;
    bool ok = false;
    uint8_t *pixels = stbi_load_from_callbacks(&callbacks, &input, &width, &height, &channels, 0);
    if (input.passed_end) {
        tl_fail(err, TL_ERROR_CORRUPT, "the file is cut short");
        goto done;
    }
    if (pixels == NULL) {
        fail_by_reason(err);
        goto done;
    }
    if (width < 1 || height < 1 || (uint32_t)width != info->width || (uint32_t)height != info->height || channels < 1 ||
        channels > 4) {
        tl_fail(err, TL_ERROR_CORRUPT, "expected %u x %u pixels, found %d x %d", info->width, info->height, width, height);
        goto done;
    }
    if (channels == 3) {
        *out = (tl_image){.width = info->width, .height = info->height, .pixels = pixels};
        pixels = NULL;
    } else {
        if (!tl_image_create(info->width, info->height, out, err))
            goto done;
        size_t pixel_count = (size_t)info->width * info->height;
        if (channels == 4)
            flatten_colors(pixels, pixel_count, out->pixels);
        else
            flatten_grey(pixels, channels, pixel_count, out->pixels);
    }
    ok = true;
done:
    tl_memory_free(pixels);
    return ok;
}

/* Owns PNG encoding, over libpng. It reports an error by a call that must not return: it jumps back to encode_guarded. */
#include "base/image/encode_internal.h"

#include <setjmp.h>

#include <png.h>

typedef struct png_output {
    tl_string *out;
    tl_error *err;
    png_structp png;
    png_infop info;
} png_output;

static void fail_and_jump(png_structp png, png_const_charp text)
{
    png_output *output = png_get_error_ptr(png);
    tl_fail(output->err, TL_ERROR_INVALID, "%s", text);
    png_longjmp(png, 1);
}

static void say_nothing(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void append(png_structp png, png_bytep bytes, size_t size)
{
    png_output *output = png_get_io_ptr(png);
    if (!tl_string_append(output->out, (const char *)bytes, size, output->err))
        png_longjmp(png, 1);
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* A profile that libpng does not take is left out: with benign errors allowed it only warns. */
static void write_metadata(png_output *output, const tl_image_metadata *metadata)
{
    const tl_string *exif = &metadata->exif;
    const tl_string *profile = &metadata->profile;
    png_set_benign_errors(output->png, 1);
    if (profile->size != 0)
        png_set_iCCP(output->png, output->info, "profile", PNG_COMPRESSION_TYPE_BASE, (png_const_bytep)profile->data,
                     (png_uint_32)profile->size);
    if (exif->size != 0)
        png_set_eXIf_1(output->png, output->info, (png_uint_32)exif->size, (png_bytep)exif->data);
}

static bool encode_guarded(png_output *output, const tl_image *image, unsigned level, const tl_image_metadata *metadata)
{
    if (setjmp(png_jmpbuf(output->png)) != 0)
        return false;
    png_set_write_fn(output->png, output, append, flush_nothing);
    png_set_compression_level(output->png, (int)level);
    png_set_IHDR(output->png, output->info, image->width, image->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (metadata != NULL)
        write_metadata(output, metadata);
    png_write_info(output->png, output->info);
    for (uint32_t y = 0; y < image->height; y++)
        png_write_row(output->png, image->pixels + (size_t)y * image->width * 3);
    png_write_end(output->png, NULL);
    return true;
}

bool tl_image__encode_png(const tl_image *image, unsigned level, const tl_image_metadata *metadata, tl_string *out, tl_error *err)
{
    png_output output = {.out = out, .err = err};
    output.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, fail_and_jump, say_nothing);
    output.info = output.png != NULL ? png_create_info_struct(output.png) : NULL;
    bool ok =
        output.info != NULL ? encode_guarded(&output, image, level, metadata) : tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory");
    png_destroy_write_struct(&output.png, &output.info);
    return ok;
}

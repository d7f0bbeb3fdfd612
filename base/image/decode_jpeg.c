/*
 * Owns JPEG decoding; the one file that includes libjpeg-turbo's headers, and the one with setjmp.
 *
 * Exact decodes use the slow integer DCT and fancy upsampling, which is what Pillow uses, so pixels agree bit by bit. With a
 * min_side the picture is decoded at 1/2, 1/4 or 1/8 in the DCT domain. libjpeg reports an error by a call that must not
 * return: it jumps back to decode_guarded, whose callers own everything that has to be released. Warnings that mean lost
 * pixels (premature end, bad codes) are errors as well; remarks about odd but harmless markers are not.
 */
#include "base/core/memory.h"
#include "base/image/decode_internal.h"
#include "base/image/walk_jpeg_internal.h"

#include <setjmp.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

/* The script of a progressive file has some 10 scans; thousands over a large picture are an attack on time. */
enum { MAX_SCANS = 100 };

typedef struct jpeg_state {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf on_error;
    tl_error *err;
    bool only_checks; /* no pixels are wanted */
    tl_image image;   /* what is decoded so far */
    uint8_t *ink_row; /* one row of CMYK, or NULL */
} jpeg_state;

static void fail_and_jump(j_common_ptr common)
{
    jpeg_state *state = common->client_data;
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] - 'A' + 'a');
    tl_error_kind kind = TL_ERROR_CORRUPT;
    switch (common->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        kind = TL_ERROR_NO_MEMORY;
        break;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
        kind = TL_ERROR_UNSUPPORTED;
        break;
    default:
        break;
    }
    tl_fail(state->err, kind, "%s", text);
    longjmp(state->on_error, 1);
}

static void weigh_message(j_common_ptr common, int level)
{
    if (level >= 0)
        return; /* a trace */
    switch (common->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
        return;
    default:
        fail_and_jump(common);
    }
}

static void print_nothing(j_common_ptr common)
{
    (void)common;
}

static void count_scans(j_common_ptr common)
{
    jpeg_state *state = common->client_data;
    if (state->decoder.input_scan_number <= MAX_SCANS)
        return;
    tl_fail(state->err, TL_ERROR_UNSUPPORTED, "expected at most %d scans, found more", (int)MAX_SCANS);
    longjmp(state->on_error, 1);
}

/* The largest of 1, 2, 4, 8 that leaves the shorter side at least min_side pixels (libjpeg rounds sizes up). */
static unsigned scale_denominator(uint32_t width, uint32_t height, uint32_t min_side)
{
    uint32_t shorter = width < height ? width : height;
    unsigned denominator = 1;
    while (min_side != 0 && denominator < 8 && (shorter + denominator * 2 - 1) / (denominator * 2) >= min_side)
        denominator *= 2;
    return denominator;
}

/* Adobe's convention, which all writers of such files keep: samples say how much light is left, not how much ink there is. */
static void ink_to_rgb(const uint8_t *ink, uint32_t width, uint8_t *rgb)
{
    for (uint32_t x = 0; x < width; x++, ink += 4, rgb += 3)
        for (int i = 0; i < 3; i++) {
            /* As Pillow: light of black less light of black times ink, the product rounded. */
            uint32_t product = (255u - ink[i]) * ink[3] + 128;
            rgb[i] = (uint8_t)(ink[3] - ((product + (product >> 8)) >> 8));
        }
}

static bool choose_colors(jpeg_state *state)
{
    switch (state->decoder.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
        state->decoder.out_color_space = JCS_RGB;
        return true;
    case JCS_CMYK:
    case JCS_YCCK:
        state->decoder.out_color_space = JCS_CMYK;
        return true;
    default:
        return tl_fail(state->err, TL_ERROR_UNSUPPORTED, "expected 1, 3 or 4 colour components, found %d",
                       state->decoder.num_components);
    }
}

/* A table of the decoder's as the walker has it. */
static bool take_code(const JHUFF_TBL *table, tl_jpeg_code *code)
{
    if (table != NULL)
        *code = (tl_jpeg_code){table->bits, table->huffval};
    return table != NULL;
}

/* The header has been read, and decoding prepared, which has checked the tables. False: not sound, or not to be told this way. */
static bool is_sound_scan(const struct jpeg_decompress_struct *decoder)
{
    if (decoder->progressive_mode || decoder->arith_code || decoder->comps_in_scan != decoder->num_components)
        return false;
    tl_jpeg_scan scan = {.bytes = {(const char *)decoder->src->next_input_byte, decoder->src->bytes_in_buffer},
                         .block_count = (uint8_t)decoder->blocks_in_MCU,
                         .mcu_count = (uint64_t)decoder->MCUs_per_row * decoder->MCU_rows_in_scan,
                         .restart_interval = decoder->restart_interval};
    for (int i = 0; i < decoder->blocks_in_MCU; i++) {
        const jpeg_component_info *component = decoder->cur_comp_info[decoder->MCU_membership[i]];
        int dc = component->dc_tbl_no, ac = component->ac_tbl_no;
        if (i >= TL_JPEG_BLOCKS || dc < 0 || dc >= TL_JPEG_TABLES || ac < 0 || ac >= TL_JPEG_TABLES ||
            !take_code(decoder->dc_huff_tbl_ptrs[dc], &scan.dc[dc]) || !take_code(decoder->ac_huff_tbl_ptrs[ac], &scan.ac[ac]))
            return false;
        scan.dc_of[i] = (uint8_t)dc;
        scan.ac_of[i] = (uint8_t)ac;
    }
    return tl_jpeg__walk_scan(&scan);
}

/* Everything between setjmp and here may jump; what it owns is in *state. */
static bool decode_guarded(jpeg_state *state, tl_slice bytes, const tl_image_info *info, uint32_t min_side)
{
    struct jpeg_decompress_struct *decoder = &state->decoder;
    if (setjmp(state->on_error) != 0)
        return false;
    jpeg_create_decompress(decoder);
    decoder->client_data = state;
    decoder->progress = &state->progress;
    jpeg_mem_src(decoder, (const unsigned char *)bytes.data, (unsigned long)bytes.size);
    jpeg_read_header(decoder, TRUE);
    if (decoder->image_width != info->width || decoder->image_height != info->height)
        return tl_fail(state->err, TL_ERROR_CORRUPT, "expected one frame header, found two that differ");
    if (!choose_colors(state))
        return false;
    decoder->scale_num = 1;
    decoder->scale_denom = scale_denominator(info->width, info->height, min_side);
    decoder->dct_method = JDCT_ISLOW;
    decoder->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(decoder);
    if (state->only_checks && is_sound_scan(decoder))
        return true;
    if (!tl_image_create(decoder->output_width, decoder->output_height, &state->image, state->err))
        return false;
    if (decoder->out_color_space == JCS_CMYK) {
        state->ink_row = tl_memory_allocate(decoder->output_width, 4, state->err);
        if (state->ink_row == NULL)
            return false;
    }
    while (decoder->output_scanline < decoder->output_height) {
        uint8_t *to = state->image.pixels + (size_t)decoder->output_scanline * state->image.width * 3;
        JSAMPROW row = state->ink_row != NULL ? state->ink_row : to;
        jpeg_read_scanlines(decoder, &row, 1);
        if (state->ink_row != NULL)
            ink_to_rgb(state->ink_row, state->image.width, to);
    }
    /* Reads on to the end marker: a file cut there is found out. */
    jpeg_finish_decompress(decoder);
    return true;
}

/* out NULL: no pixels are wanted. */
static bool decode(tl_slice bytes, const tl_image_info *info, uint32_t min_side, tl_image *out, tl_error *err)
{
    jpeg_state *state = tl_memory_allocate(1, sizeof *state, err);
    if (state == NULL)
        return false;
    state->err = err;
    state->only_checks = out == NULL;
    state->decoder.client_data = state;
    state->decoder.err = jpeg_std_error(&state->errors);
    state->errors.error_exit = fail_and_jump;
    state->errors.emit_message = weigh_message;
    state->errors.output_message = print_nothing;
    state->progress.progress_monitor = count_scans;
    bool ok = decode_guarded(state, bytes, info, min_side);
    jpeg_destroy_decompress(&state->decoder);
    tl_memory_free(state->ink_row);
    if (ok && out != NULL)
        *out = state->image;
    else
        tl_image_clear(&state->image);
    tl_memory_free(state);
    return ok;
}

bool tl_image__decode_jpeg(tl_slice bytes, const tl_image_info *info, uint32_t min_side, tl_image *out, tl_error *err)
{
    return decode(bytes, info, min_side, out, err);
}

bool tl_image__check_jpeg(tl_slice bytes, const tl_image_info *info, tl_error *err)
{
    return decode(bytes, info, 1, NULL, err); /* where it comes to decoding, every byte is read at 1/8 of the size too */
}

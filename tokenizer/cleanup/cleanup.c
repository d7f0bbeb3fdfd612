/*
 * The clean-ups of the dialects, composed of the repair of texts (text_repair.c), HTML references and Unicode. A caption of plain
 * ASCII, as most are, is cleaned in one pass over its bytes; all others as code points.
 */
#include "tokenizer/cleanup/cleanup.h"

#include "base/core/memory.h"
#include "tokenizer/cleanup/html_entities_internal.h"

typedef bool (*space_test)(uint32_t point);

static bool is_ascii_punctuation(uint32_t point)
{
    return (point >= '!' && point <= '/') || (point >= ':' && point <= '@') || (point >= '[' && point <= '`') ||
           (point >= '{' && point <= '~');
}

/* Joins the words by single spaces; nothing before the first or after the last. */
static void join_words(tl_code_points *text, space_test is_space)
{
    size_t kept = 0;
    bool is_pending = false;
    for (size_t i = 0; i < text->count; i++) {
        if (is_space(text->items[i])) {
            is_pending = kept != 0;
            continue;
        }
        if (is_pending)
            text->items[kept++] = ' ';
        is_pending = false;
        text->items[kept++] = text->items[i];
    }
    text->count = kept;
}

/* Each underscore becomes underscore_to, all other ASCII punctuation goes; 0: underscores go as well. */
static void remove_punctuation(tl_code_points *text, uint32_t underscore_to)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count; i++) {
        uint32_t point = text->items[i];
        if (point == '_' && underscore_to != 0)
            text->items[kept++] = underscore_to;
        else if (!is_ascii_punctuation(point))
            text->items[kept++] = point;
    }
    text->count = kept;
}

static bool has_reference(const tl_code_points *text)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->items[i] == '&')
            return true;
    return false;
}

/* open_clip's basic_clean; its trim is left to join_words, which every caller ends with. */
static bool clean_basics(tl_code_points *text, tl_error *err)
{
    if (!tl_text_repair__apply(text, err))
        return false;
    for (int pass = 0; pass < 2 && has_reference(text); pass++) {
        tl_code_points out = {0};
        if (!tl_html__unescape(text, &out, err)) {
            tl_memory_free(out.items);
            return false;
        }
        tl_memory_free(text->items);
        *text = out;
    }
    return true;
}

static bool clean_points(tl_cleanup cleanup, tl_code_points *text, tl_error *err)
{
    switch (cleanup) {
    case TL_CLEANUP_OPEN_CLIP_LOWER:
        if (!clean_basics(text, err))
            return false;
        join_words(text, tl_unicode__is_python_space);
        return tl_unicode__lower(text, true, err);
    case TL_CLEANUP_OPEN_CLIP_WHITESPACE:
        if (!clean_basics(text, err))
            return false;
        join_words(text, tl_unicode__is_python_space);
        return true;
    case TL_CLEANUP_OPEN_CLIP_CANONICALIZE:
        if (!clean_basics(text, err))
            return false;
        remove_punctuation(text, ' ');
        if (!tl_unicode__lower(text, true, err))
            return false;
        join_words(text, tl_unicode__is_python_space);
        return true;
    case TL_CLEANUP_CLIP:
        if (!tl_unicode__normalize(text, TL_FORM_C, err))
            return false;
        join_words(text, tl_unicode__is_white);
        return tl_unicode__lower(text, false, err);
    case TL_CLEANUP_SIGLIP:
    case TL_CLEANUP_SIGLIP_KEEPS_CASE:
        if (cleanup == TL_CLEANUP_SIGLIP && !tl_unicode__lower(text, true, err))
            return false;
        remove_punctuation(text, 0);
        join_words(text, tl_unicode__is_python_space);
        return true;
    case TL_CLEANUP_NONE:
        break;
    }
    return true;
}

/* ASCII in which no repair finds anything: no reference, no control but blanks. */
static bool is_plain(tl_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        bool is_blank = byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
        if ((byte < ' ' && !is_blank) || byte > '~' || byte == '&')
            return false;
    }
    return true;
}

/* What clean_points does, for plain text. */
static bool clean_plain(tl_cleanup cleanup, tl_slice text, tl_string *out, tl_error *err)
{
    bool keeps_case = cleanup == TL_CLEANUP_OPEN_CLIP_WHITESPACE || cleanup == TL_CLEANUP_SIGLIP_KEEPS_CASE;
    bool drops_punctuation =
        cleanup == TL_CLEANUP_OPEN_CLIP_CANONICALIZE || cleanup == TL_CLEANUP_SIGLIP || cleanup == TL_CLEANUP_SIGLIP_KEEPS_CASE;
    bool is_pending = false, any = false;
    char block[256];
    size_t used = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (used + 2 > sizeof block) {
            if (!tl_string_append(out, block, used, err))
                return false;
            used = 0;
        }
        if (byte <= ' ' || (byte == '_' && cleanup == TL_CLEANUP_OPEN_CLIP_CANONICALIZE)) {
            is_pending = any;
            continue;
        }
        if (drops_punctuation && is_ascii_punctuation(byte))
            continue;
        if (is_pending)
            block[used++] = ' ';
        is_pending = false;
        any = true;
        block[used++] = (char)(keeps_case ? byte : tl_unicode__to_lower(byte));
    }
    return tl_string_append(out, block, used, err);
}

bool tl_cleanup__apply(tl_cleanup cleanup, tl_slice text, tl_string *out, tl_error *err)
{
    if (cleanup == TL_CLEANUP_NONE)
        return tl_string_append(out, text.data, text.size, err);
    if (is_plain(text))
        return clean_plain(cleanup, text, out, err);
    tl_code_points points = {0};
    bool ok = tl_unicode__decode(text, &points, err) && clean_points(cleanup, &points, err) &&
              tl_unicode__encode(points.items, points.count, out, err);
    tl_memory_free(points.items);
    return ok;
}

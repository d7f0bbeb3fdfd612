/*
 * Cuts a cleaned text into CLIP's words: the marks of begin and end, contractions ('s 't 're 've 'm 'll 'd), runs of letters,
 * single numbers, runs of anything else; blanks only separate. It is the pattern of SimpleTokenizer, which ignores case, and of
 * CLIPTokenizer, which does not but splits the marks once more.
 */
#include "tokenizer/clip/clip_bpe.h"

#include "tokenizer/cleanup/unicode.h"

enum {
    LONG_S = 0x17F,       /* folds to s */
    YPOGEGRAMMENI = 0x345 /* a mark that folds to iota: to a pattern that ignores case neither a letter nor none */
};

typedef enum sign_class { CLASS_BLANK, CLASS_LETTER, CLASS_NUMBER, CLASS_OTHER } sign_class;

static sign_class class_of(tl_clip_dialect dialect, uint32_t point)
{
    if (point < 0x80) {
        if ((point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z'))
            return CLASS_LETTER;
        if (point >= '0' && point <= '9')
            return CLASS_NUMBER;
        return point == ' ' || (point >= '\t' && point <= '\r') ? CLASS_BLANK : CLASS_OTHER;
    }
    if (tl_unicode__is_letter(point))
        return CLASS_LETTER;
    if (point == YPOGEGRAMMENI && dialect == TL_CLIP_OPEN_CLIP)
        return CLASS_BLANK; /* no part of the pattern takes it */
    if (tl_unicode__is_number(point))
        return CLASS_NUMBER;
    return tl_unicode__is_white(point) ? CLASS_BLANK : CLASS_OTHER;
}

/* The size of `pattern` (small ASCII letters and signs) at text[at], 0: it is not there. */
static size_t match_text(tl_clip_dialect dialect, tl_slice text, size_t at, const char *pattern)
{
    size_t start = at;
    for (; *pattern != '\0'; pattern++) {
        if (at >= text.size)
            return 0;
        uint32_t point = tl_unicode__next(text, &at);
        if (dialect == TL_CLIP_OPEN_CLIP)
            point = point == LONG_S ? 's' : point < 0x80 ? tl_unicode__to_lower(point) : point;
        if (point != (unsigned char)*pattern)
            return 0;
    }
    return at - start;
}

static size_t match_contraction(tl_clip_dialect dialect, tl_slice text, size_t at)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        size_t size = match_text(dialect, text, at, contractions[i]);
        if (size != 0)
            return size;
    }
    return 0;
}

/* The size of a mark at text[at], 0: none. */
static size_t match_mark(tl_clip_dialect dialect, tl_slice text, size_t at)
{
    static const char *const marks[2][2] = {{"<start_of_text>", "<end_of_text>"}, {"<|startoftext|>", "<|endoftext|>"}};
    const char *const *own = marks[dialect == TL_CLIP_TRANSFORMERS];
    size_t size = text.data[at] == '<' ? match_text(dialect, text, at, own[0]) : 0;
    return size != 0 || text.data[at] != '<' ? size : match_text(dialect, text, at, own[1]);
}

/* The end of the run of one class from `at`. */
static size_t run_end(tl_clip_dialect dialect, tl_slice text, size_t at, size_t limit, sign_class wanted)
{
    while (at < limit) {
        size_t next = at;
        if (class_of(dialect, tl_unicode__next(text, &next)) != wanted)
            break;
        at = next;
    }
    return at;
}

bool tl_clip_words__next(tl_clip_walk *walk, tl_slice *word)
{
    tl_clip_dialect dialect = walk->dialect;
    tl_slice text = walk->text;
    size_t start = run_end(dialect, text, walk->at, text.size, CLASS_BLANK), end = start;
    if (start == text.size)
        return false;
    size_t mark = walk->mark_end > start ? 0 : match_mark(dialect, text, start);
    if (mark != 0 && dialect == TL_CLIP_TRANSFORMERS)
        walk->mark_end = start + mark;
    size_t limit = walk->mark_end > start ? walk->mark_end : text.size;
    if (mark != 0 && dialect == TL_CLIP_OPEN_CLIP) {
        end = start + mark;
    } else if (text.data[start] == '\'' && match_contraction(dialect, text, start) != 0) {
        end = start + match_contraction(dialect, text, start);
    } else {
        sign_class own = class_of(dialect, tl_unicode__next(text, &end));
        if (own != CLASS_NUMBER)
            end = run_end(dialect, text, end, limit, own);
    }
    walk->at = end;
    *word = (tl_slice){text.data + start, end - start};
    return true;
}

/*
 * Owns the rules for captions. CC3M and CC12M drop candidates without a noun or a determiner, which takes a tagger a language;
 * what is left of their rules is here: length (CC12M: 3 to 256 words), repeated words (CC12M: at most a fifth), boilerplate at
 * either end, file names, and texts that are no sentences. The rule on how often a site repeats a caption needs the whole site
 * (pair_list.c).
 */
#include "crawler-import/crawl/caption_cleaning.h"

#include "crawler-import/caption_text.h"
#include "crawler-import/crawl/boilerplate.h"

#include <stdint.h>
#include <strings.h>

enum { MAX_COUNTED_WORDS = 1024, SHORTEST_REPEATED = 4, DEFAULT_MINIMUM = 3, DEFAULT_MAXIMUM = 256, MAX_REFERENCE = 8 };
static const double most_repeated = 0.2;
static const double fewest_letters = 0.5;

/* windows-1252 from 0x80 on, as UTF-8; "": nothing is there. */
static const char *const windows_signs[32] = {"\xe2\x82\xac",
                                              "",
                                              "\xe2\x80\x9a",
                                              "\xc6\x92",
                                              "\xe2\x80\x9e",
                                              "\xe2\x80\xa6",
                                              "\xe2\x80\xa0",
                                              "\xe2\x80\xa1",
                                              "\xcb\x86",
                                              "\xe2\x80\xb0",
                                              "\xc5\xa0",
                                              "\xe2\x80\xb9",
                                              "\xc5\x92",
                                              "",
                                              "\xc5\xbd",
                                              "",
                                              "",
                                              "\xe2\x80\x98",
                                              "\xe2\x80\x99",
                                              "\xe2\x80\x9c",
                                              "\xe2\x80\x9d",
                                              "\xe2\x80\xa2",
                                              "\xe2\x80\x93",
                                              "\xe2\x80\x94",
                                              "\xcb\x9c",
                                              "\xe2\x84\xa2",
                                              "\xc5\xa1",
                                              "\xe2\x80\xba",
                                              "\xc5\x93",
                                              "",
                                              "\xc5\xbe",
                                              "\xc5\xb8"};

static const struct reference {
    const char *name;
    const char *text;
} references[] = {{"&amp;", "&"},
                  {"&quot;", "\""},
                  {"&lt;", "<"},
                  {"&gt;", ">"},
                  {"&nbsp;", " "},
                  {"&#39;", "'"},
                  {"&#039;", "'"},
                  {"&apos;", "'"},
                  {"&#8217;", "\xe2\x80\x99"},
                  {"&#8211;", "\xe2\x80\x93"}};

static bool is_letter(char byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool begins(tl_slice text, const char *with)
{
    size_t size = strlen(with);
    return text.size >= size && strncasecmp(text.data, with, size) == 0;
}

static tl_slice from(tl_slice text, size_t at)
{
    return (tl_slice){text.data + at, text.size - at};
}

/* Bytes of a tag ("<b>", "</p>", "<br />") at the start, 0 when there is none. */
static size_t tag_size(tl_slice text)
{
    size_t name = text.size > 1 && text.data[1] == '/' ? 2 : 1;
    if (text.size <= name || text.data[0] != '<' || !is_letter(text.data[name]))
        return 0;
    const char *end = memchr(text.data, '>', text.size);
    return end != NULL ? (size_t)(end - text.data) + 1 : 0;
}

/* Bytes of a mark that nobody sees: soft hyphen, zero-width space, joiner at a word's end, byte order mark. */
static size_t invisible_size(tl_slice text)
{
    if (text.size >= 2 && memcmp(text.data, "\xc2\xad", 2) == 0)
        return 2;
    return text.size >= 3 && (memcmp(text.data, "\xe2\x80\x8b", 3) == 0 || memcmp(text.data, "\xef\xbb\xbf", 3) == 0) ? 3 : 0;
}

/* Text without tags, references that were escaped twice, C1 controls and invisible marks. */
static bool append_plain(tl_slice text, tl_string *out, tl_error *err)
{
    size_t at = 0;
    while (at < text.size) {
        tl_slice rest = from(text, at);
        size_t size = 1;
        const char *instead = NULL;
        if (rest.data[0] == '<' && (size = tag_size(rest)) != 0)
            instead = " ";
        else if ((unsigned char)rest.data[0] >= 0x80 && (size = invisible_size(rest)) != 0)
            instead = "";
        else if (rest.size >= 2 && (unsigned char)rest.data[0] == 0xc2 && (unsigned char)rest.data[1] < 0xa0) {
            size = 2;
            instead = windows_signs[(unsigned char)rest.data[1] & 0x1f];
        } else {
            size = 1;
        }
        for (size_t i = 0; rest.data[0] == '&' && instead == NULL && i < sizeof references / sizeof references[0]; i++)
            if (begins(rest, references[i].name)) {
                size = strlen(references[i].name);
                instead = references[i].text;
            }
        if (!tl_string_append(out, instead != NULL ? instead : rest.data, instead != NULL ? strlen(instead) : size, err))
            return false;
        at += size;
    }
    return true;
}

static bool has_picture_extension(tl_slice text)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".gif",  ".webp", ".bmp",
                                             ".tif", ".tiff", ".svg", ".avif", ".heic"};
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        size_t size = strlen(extensions[i]);
        if (text.size >= size && begins(from(text, text.size - size), extensions[i]))
            return true;
    }
    return false;
}

/* Letters and digits alone, in lower case: what two spellings of a name have in common. */
static size_t fold_name(tl_slice text, char folded[256])
{
    size_t size = 0;
    for (size_t i = 0; i < text.size && size < 256; i++)
        if (is_letter(text.data[i]) || is_digit(text.data[i]) || (unsigned char)text.data[i] >= 0x80)
            folded[size++] = is_letter(text.data[i]) ? (char)(text.data[i] | 0x20) : text.data[i];
    return size;
}

/* "IMG_2041.jpg", "photos/fox.png", "DSC00012", "9f86d081884c7d65", "https://...": names for machines. */
static bool is_file_name(tl_slice text)
{
    if (has_picture_extension(text) || begins(text, "http://") || begins(text, "https://") || begins(text, "www.") ||
        begins(text, "data:"))
        return true;
    size_t digits = 0;
    size_t joints = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ' || (unsigned char)text.data[i] >= 0x80)
            return false;
        digits += is_digit(text.data[i]);
        joints += text.data[i] == '_' || text.data[i] == '/' || (text.data[i] == '-' && i != 0);
    }
    return digits >= 3 || joints >= 2 || (joints != 0 && digits != 0);
}

/* A name with more than one '_' or '-' between its words, and no space, is the picture's own; so is one with digits of a camera.
 */
static bool repeats_name(tl_slice text, const char *picture_url)
{
    char caption[256];
    char name[256];
    const char *slash = strrchr(picture_url, '/');
    tl_slice stem = tl_slice_of(slash != NULL ? slash + 1 : picture_url);
    const char *mark = stem.size != 0 ? memchr(stem.data, '?', stem.size) : NULL;
    if (mark != NULL)
        stem.size = (size_t)(mark - stem.data);
    for (size_t i = stem.size; i != 0; i--)
        if (stem.data[i - 1] == '.') {
            stem.size = i - 1;
            break;
        }
    bool has_space = memchr(text.data, ' ', text.size) != NULL;
    size_t size = fold_name(text, caption);
    /* A spaced caption equal to its name ("a red fox", a-red-fox.jpg) was written first, and the name made of it. */
    return !has_space && size == fold_name(stem, name) && memcmp(caption, name, size) == 0;
}

typedef struct word_counts {
    unsigned words;
    unsigned counted;  /* words of four bytes and more */
    unsigned repeated; /* of these, those that came before */
    unsigned letters;  /* characters that are letters of some script */
    unsigned others;   /* digits, signs; spaces are neither */
    unsigned commas;
    uint64_t hashes[MAX_COUNTED_WORDS];
} word_counts;

/* Characters of scripts that set no spaces: 2 of Chinese and Japanese, 4 of Thai, Lao, Khmer, Myanmar make about a word. */
static unsigned quarters_of_word(const unsigned char *at, size_t left)
{
    if (left < 3 || at[0] < 0xe0 || at[0] >= 0xf0)
        return 0;
    unsigned point = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    if ((point >= 0x3040 && point <= 0x30ff) || (point >= 0x3400 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff))
        return 2;
    return (point >= 0x0e00 && point <= 0x0eff) || (point >= 0x1000 && point <= 0x109f) || (point >= 0x1780 && point <= 0x17ff)
               ? 1
               : 0;
}

static void count_repeated(word_counts *counts, tl_slice word)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < word.size; i++)
        hash = (hash ^ (is_letter(word.data[i]) ? (unsigned char)(word.data[i] | 0x20) : (unsigned char)word.data[i])) *
               0x100000001b3u;
    if (counts->counted == MAX_COUNTED_WORDS)
        return;
    bool is_repeated = false;
    for (unsigned i = 0; i < counts->counted && !is_repeated; i++)
        is_repeated = counts->hashes[i] == hash;
    counts->hashes[counts->counted++] = hash;
    counts->repeated += is_repeated;
}

/* Punctuation, arrows, symbols (U+00A0 to U+00BF, U+2000 to U+2BFF, U+3000 to U+303F) and emoji. */
static bool is_sign_at(tl_slice text, size_t at)
{
    unsigned char first = (unsigned char)text.data[at];
    unsigned char second = text.size - at > 1 ? (unsigned char)text.data[at + 1] : 0;
    return first == 0xc2 || (first == 0xe2 && second < 0xb0) || (first == 0xe3 && second == 0x80) ||
           (first == 0xf0 && second == 0x9f);
}

static void count_words(tl_slice text, word_counts *counts)
{
    unsigned quarters = 0;
    for (size_t at = 0; at < text.size;) {
        size_t end = at;
        size_t inner = 0; /* letters and digits of this word */
        unsigned quarters_before = quarters;
        for (; end < text.size && text.data[end] != ' '; end++) {
            unsigned char byte = (unsigned char)text.data[end];
            if (byte >= 0xc0) {
                bool is_sign = is_sign_at(text, end);
                quarters += quarters_of_word((const unsigned char *)text.data + end, text.size - end);
                counts->letters += !is_sign;
                counts->others += is_sign;
                inner += !is_sign;
            } else if (byte < 0x80) {
                bool is_inner = is_letter((char)byte) || is_digit((char)byte);
                counts->letters += is_letter((char)byte);
                counts->others += !is_letter((char)byte);
                counts->commas += byte == ',' || byte == ';';
                inner += is_inner;
            }
        }
        if (inner != 0 && quarters == quarters_before)
            counts->words++;
        tl_slice word = {text.data + at, end - at};
        while (word.size != 0 && strchr(".,;:!?()\"'", word.data[word.size - 1]) != NULL)
            word.size--;
        if (word.size >= SHORTEST_REPEATED)
            count_repeated(counts, word);
        at = end + 1;
    }
    counts->words += (quarters + 3) / 4;
}

static const char *reason_against(tl_slice text, const char *picture_url, const tl_caption_limits *limits)
{
    static const char replacement[] = "\xef\xbf\xbd";
    unsigned minimum = limits != NULL && limits->minimum_words != 0 ? limits->minimum_words : DEFAULT_MINIMUM;
    unsigned maximum = limits != NULL && limits->maximum_words != 0 ? limits->maximum_words : DEFAULT_MAXIMUM;
    word_counts counts = {0};
    if (text.size == 0)
        return "no caption";
    if (strstr(text.data, replacement) != NULL)
        return "broken text";
    if (is_file_name(text) || repeats_name(text, picture_url))
        return "file name";
    if (tl_boilerplate_is(text))
        return "boilerplate";
    count_words(text, &counts);
    if (counts.letters < fewest_letters * (counts.letters + counts.others))
        return "few letters";
    if (counts.words < minimum)
        return "too few words";
    if (counts.words > maximum)
        return "too many words";
    if (counts.commas >= 6 && counts.words < 3 * counts.commas)
        return "keyword list";
    if (counts.counted >= SHORTEST_REPEATED && counts.repeated > most_repeated * counts.counted)
        return "repetition";
    return NULL;
}

bool tl_caption_clean(tl_slice text, const char *picture_url, const tl_caption_limits *limits, tl_string *out,
                      const char **reason, tl_error *err)
{
    tl_string plain;
    tl_string line;
    bool ok = false;
    tl_string_init(&plain, 4 * text.size + MAX_REFERENCE);
    tl_string_init(&line, 4 * text.size + MAX_REFERENCE);
    tl_string_reset(out);
    if (!append_plain(text, &plain, err) || !tl_caption_append_clean(tl_string_slice(&plain), &line, err))
        goto done;
    tl_slice rest = tl_string_slice(&line);
    bool is_phrase_alone = false;
    while (rest.size != 0 && tl_boilerplate_cut(&rest))
        is_phrase_alone = rest.size == 0;
    if (!tl_string_append(out, rest.data, rest.size, err))
        goto done;
    *reason = is_phrase_alone ? "boilerplate" : reason_against(tl_string_slice(out), picture_url, limits);
    ok = true;
done:
    tl_string_clear(&plain);
    tl_string_clear(&line);
    return ok;
}

/*
 * Owns what templates, shops and stock agencies write instead of captions or around them. The lists hold what is frequent in the
 * alt texts of the web; what one site repeats is found by counting (pair_list.c).
 */
#include "crawler-import/crawl/boilerplate.h"

#include <strings.h>

/* Whole captions, as a template or a shop prints them, between bars; compared without case and without punctuation around. */
static const char boilerplate[] =
    "|image|images|photo|photos|picture|pictures|logo|icon|thumbnail|thumb|avatar|banner|placeholder|"
    "placeholder image|image placeholder|default image|no image|no photo|no image available|"
    "image not available|image not found|photo not available|image coming soon|photo coming soon|loading|"
    "loading image|please wait|untitled|spacer|blank|pixel|tracking pixel|advertisement|ad|sponsored|"
    "read more|learn more|more info|click here|click to enlarge|click to zoom|click image to enlarge|"
    "click on image to enlarge|view larger image|view full size|view larger|zoom in|enlarge image|enlarge|"
    "open in new window|opens in a new window|image may contain|profile picture|profile photo|profile image|"
    "user avatar|author avatar|author photo|cover image|cover photo|featured image|featured photo|hero image|"
    "header image|background image|background|product image|product photo|main image|gallery image|"
    "slider image|slide image|site logo|company logo|website logo|home page|homepage|back to top|"
    "scroll to top|go to top|share on facebook|share on twitter|share on pinterest|share on linkedin|"
    "share on whatsapp|follow us on facebook|follow us on instagram|follow us on twitter|like us on facebook|"
    "share this page|share this article|subscribe to our newsletter|sign up for our newsletter|add to cart|"
    "add to basket|add to wishlist|buy it now|previous image|next image|previous slide|next slide|go to slide|"
    "play video|watch the video|download the app|download on the app store|get it on google play|"
    "print this page|email this page|send to a friend|skip to content|skip to main content|close this window|"
    "show more images|image description|alternative text|alt text|insert alt text here|"
    "enter image description here|image caption|photo caption|caption text|"
    "this image has an empty alt attribute|created with sketch|search this site|stock photo|stock image|"
    "stock photography|royalty free stock photo|photo credit|image credit|photo courtesy|all rights reserved|"
    "bild|foto|imagen|kein bild vorhanden|bild vergr\xc3\xb6\xc3\x9f"
    "ern|"
    "zum vergr\xc3\xb6\xc3\x9f"
    "ern klicken|cliquez pour agrandir|haga clic para ampliar|immagine|afbeelding|";

/* Phrases that are cut off a caption's beginning and end, with the punctuation and spaces that join them to it. */
static const char first_phrases[] =
    "|click to enlarge picture|click to enlarge image|click to enlarge photo|click to enlarge|"
    "click image to enlarge|click here to enlarge|click for larger image|click for larger view|"
    "click to view larger|click to view|click to zoom|view larger image of|view larger image|enlarge image|"
    "open image in lightbox|enter image description here|image may contain:|image description:|image caption:|"
    "photo caption:|caption:|thumbnail for|thumbnail of|stock photo of|stock photo:|stock image of|"
    "stock illustration:|royalty free stock photo of|alt text:|file:|featured image for|featured image:|"
    "permalink to|permanent link to|read more about|link to image of|figure caption:|";
static const char last_phrases[] =
    "|click to enlarge picture|click to enlarge image|click to enlarge photo|click to enlarge|"
    "(click to enlarge)|[click to enlarge]|click image to enlarge|(click image to enlarge)|"
    "click for larger image|(click for larger image)|click for larger view|click to view larger|click to zoom|"
    "royalty free stock photo|royalty-free stock photo|stock photography|stock photo|stock photos|stock image|"
    "stock images|stock illustration|free download|(opens in a new window)|opens in a new window|"
    "opens in new tab|(opens in new tab)|- thumbnail|[thumbnail]|(thumbnail)|image gallery|";

static bool is_letter(char byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool begins(tl_slice text, tl_slice with)
{
    return text.size >= with.size && strncasecmp(text.data, with.data, with.size) == 0;
}

/* Lists are "|phrase|phrase|"; *list moves on by one. */
static bool next_phrase(const char **list, tl_slice *phrase)
{
    const char *first = *list + 1;
    *phrase = (tl_slice){first, strcspn(first, "|")};
    *list = first + phrase->size;
    return **list != '\0';
}

static tl_slice from(tl_slice text, size_t at)
{
    return (tl_slice){text.data + at, text.size - at};
}

/* Bytes of white space or joining punctuation at the start: ASCII, dashes, middle dot and bullet. */
static size_t joint_size(tl_slice text)
{
    if (text.size != 0 && strchr(" -:;,.|/*~_\"'", text.data[0]) != NULL && text.data[0] != '\0')
        return 1;
    if (text.size >= 3 && memcmp(text.data, "\xe2\x80", 2) == 0 &&
        (text.data[2] == '\x93' || text.data[2] == '\x94' || text.data[2] == '\xa2'))
        return 3;
    return text.size >= 2 && memcmp(text.data, "\xc2\xb7", 2) == 0 ? 2 : 0;
}

static bool ends_with_joint(tl_slice text, size_t *size)
{
    for (size_t count = 1; count <= 3 && count <= text.size; count++)
        if (joint_size(from(text, text.size - count)) == count) {
            *size = count;
            return true;
        }
    return false;
}

static tl_slice without_last_joints(tl_slice text, const char *kept)
{
    for (size_t size; ends_with_joint(text, &size) && (size != 1 || strchr(kept, text.data[text.size - 1]) == NULL);)
        text.size -= size;
    return text;
}

static tl_slice without_first_joints(tl_slice text)
{
    for (size_t size; (size = joint_size(text)) != 0 && text.data[0] != '"' && text.data[0] != '\'';)
        text = from(text, size);
    return text;
}

bool tl_boilerplate_cut(tl_slice *text)
{
    tl_slice phrase;
    for (const char *list = first_phrases; next_phrase(&list, &phrase);)
        if (begins(*text, phrase) && (text->size == phrase.size || !is_letter(text->data[phrase.size]))) {
            *text = without_first_joints(from(*text, phrase.size));
            return true;
        }
    tl_slice whole = without_last_joints(*text, "\"'");
    for (const char *list = last_phrases; next_phrase(&list, &phrase);) {
        size_t before = whole.size - phrase.size;
        if (whole.size >= phrase.size && begins(from(whole, before), phrase) &&
            (before == 0 || !is_letter(whole.data[before - 1]) || !is_letter(phrase.data[0]))) {
            *text = without_last_joints((tl_slice){whole.data, before}, "\"'.");
            return true;
        }
    }
    return false;
}

bool tl_boilerplate_is(tl_slice text)
{
    text = without_last_joints(text, "");
    for (size_t size; (size = joint_size(text)) != 0;)
        text = from(text, size);
    while (text.size != 0 && (is_digit(text.data[text.size - 1]) || strchr(" #()[]!?.", text.data[text.size - 1]) != NULL))
        text.size--; /* "image 3", "Photo (12)" */
    while (text.size != 0 && strchr("([", text.data[0]) != NULL)
        text = from(text, 1);
    if (text.size == 0)
        return true;
    tl_slice phrase;
    for (const char *list = boilerplate; next_phrase(&list, &phrase);)
        if (phrase.size == text.size && begins(text, phrase))
            return true;
    return false;
}

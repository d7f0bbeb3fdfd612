/*
 * Pages of arbitrary bytes. The first byte chooses what the server says of the encoding and whether nearby text is taken. URLs
 * that come out are canonical (they come out of themselves unchanged, and so do their simplified forms), texts are UTF-8 and
 * belong to a picture, and captions cleaned of them are single lines of UTF-8.
 */
#include "crawler-import/crawl/caption_cleaning.h"
#include "crawler-import/crawl/page.h"
#include "crawler-import/crawl/page_rules.h"

static const char *const content_types[] = {NULL,
                                            "text/html",
                                            "text/html; charset=utf-8",
                                            "text/html;charset=shift_jis",
                                            "text/html; charset=windows-1251",
                                            "text/html; charset=utf-16",
                                            "text/html; charset=gbk",
                                            "text/html; charset=iso-2022-jp"};

static void check_url(const char *url)
{
    char again[TL_LINK_SIZE];
    char simple[TL_LINK_SIZE];
    TL_ASSERT(strlen(url) < TL_LINK_SIZE && tl_text_is_utf8(tl_slice_of(url), NULL));
    TL_ASSERT(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    TL_ASSERT(tl_link_resolve(NULL, tl_slice_of(url), again) && strcmp(url, again) == 0);
    memcpy(simple, again, sizeof simple);
    tl_page_url_simplify(simple);
    memcpy(again, simple, sizeof again);
    tl_page_url_simplify(again);
    TL_ASSERT(strcmp(simple, again) == 0);
    (void)tl_page_url_reason(simple);
    (void)tl_page_url_shapes(simple);
}

static void check_text(const tl_page *page, const tl_page_text *text, tl_string *caption)
{
    const char *reason = NULL;
    TL_ASSERT(text->picture < page->picture_count && text->text.size != 0 && tl_text_is_utf8(text->text, NULL));
    TL_ASSERT(tl_caption_clean(text->text, page->pictures[text->picture], NULL, caption, &reason, NULL));
    TL_ASSERT(tl_text_is_utf8(tl_string_slice(caption), NULL) && strchr(caption->data, '\n') == NULL);
    TL_ASSERT(reason != NULL || (caption->size != 0 && caption->data[0] != ' ' && caption->data[caption->size - 1] != ' '));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_page_reader *reader = NULL;
    tl_page page;
    tl_string caption;
    if (size == 0)
        return 0;
    const tl_page_options options = {.takes_nearby = (data[0] & 0x80) != 0};
    const char *content_type = content_types[data[0] % (sizeof content_types / sizeof content_types[0])];
    tl_string_init(&caption, 1 << 20);
    TL_ASSERT(tl_page_reader_create(&options, &reader, NULL));
    TL_ASSERT(
        tl_page_read(reader, (tl_slice){(const char *)data + 1, size - 1}, "http://a.org/b/c?d", content_type, &page, NULL));
    for (size_t i = 0; i < page.link_count; i++)
        check_url(page.links[i]);
    for (size_t i = 0; i < page.picture_count; i++)
        check_url(page.pictures[i]);
    for (size_t i = 0; i < page.text_count; i++)
        check_text(&page, &page.texts[i], &caption);
    tl_page_reader_destroy(reader);
    tl_string_clear(&caption);
    return 0;
}

/*
 * Owns the table of formats: first what a file is, then what a dataset is. CC3M (caption<TAB>url) and CC12M (url<TAB>caption)
 * have no header; the table names their columns by what is in them, and so do copies of them with a header.
 */
#include "crawler-import/lists/formats.h"

#include "crawler-import/lists/list.h"

#include <strings.h>

#define NAMES(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static const char *const usual_urls[] = {"url",      "image_url",  "img_url",   "image_urls",      "imageurl",
                                         "coco_url", "flickr_url", "photo_url", "photo_image_url", "link",
                                         "src",      "uri",        NULL};
static const char *const usual_captions[] = {"caption", "captions", "text",        "title", "description",
                                             "alt",     "alt_text", "raw_caption", NULL};
static const char *const usual_digests[] = {"sha256", "md5", NULL};

static const tl_list_format usual = {"", NULL, usual_urls, usual_captions, usual_digests};

static const tl_list_format formats[] = {
    {"txt", "lines", usual_urls, usual_captions, usual_digests},
    {"csv", "csv", usual_urls, usual_captions, usual_digests},
    {"tsv", "csv", usual_urls, usual_captions, usual_digests},
    {"json", "json", usual_urls, usual_captions, usual_digests},
    {"jsonl", "jsonl", usual_urls, usual_captions, usual_digests},
    {"parquet", "parquet", usual_urls, usual_captions, usual_digests},
    {"coco", "coco", NAMES("coco_url", "url", "flickr_url"), NAMES("captions"), usual_digests},
    {"karpathy", "karpathy", NAMES("url"), NAMES("captions"), usual_digests},
    {"cc3m", NULL, NAMES("url"), NAMES("caption"), usual_digests},
    {"cc12m", NULL, NAMES("url"), NAMES("caption"), usual_digests},
    {"sbu", NULL, NAMES("image_urls", "url"), NAMES("captions", "caption"), usual_digests},
    {"redcaps", NULL, NAMES("url"), NAMES("caption", "raw_caption"), usual_digests},
    {"laion", NULL, NAMES("url"), NAMES("text"), usual_digests},
    {"coyo", NULL, NAMES("url"), NAMES("text"), usual_digests},
    {"datacomp", NULL, NAMES("url"), NAMES("text"), usual_digests},
};

enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

const tl_list_format *tl_list_format_find(const char *name)
{
    if (name == NULL)
        return &usual;
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcasecmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

const char *tl_list_format_name(size_t index)
{
    return index < FORMAT_COUNT ? formats[index].name : NULL;
}

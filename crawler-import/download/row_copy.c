/* Owns the layout of a copied row: the struct, the captions' slices, then all bytes. */
#include "crawler-import/download/row_copy.h"

#include "base/core/memory.h"

static const char *put(char **at, const char *bytes, size_t size)
{
    char *start = *at;
    if (size != 0)
        memcpy(start, bytes, size);
    start[size] = '\0';
    *at += size + 1;
    return start;
}

static const char *put_text(char **at, const char *text)
{
    return text != NULL ? put(at, text, strlen(text)) : NULL;
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

tl_list_row *tl_row_copy(const tl_list_row *row, tl_error *err)
{
    size_t slices = row->caption_count * sizeof(tl_slice);
    size_t size = sizeof *row + slices + text_size(row->origin) + text_size(row->url) + text_size(row->digest) +
                  text_size(row->skip_reason) + row->kept.size + 1;
    for (size_t i = 0; i < row->caption_count; i++)
        size += row->captions[i].size + 1;
    tl_list_row *copy = tl_memory_allocate(1, size, err);
    if (copy == NULL)
        return NULL;
    *copy = *row;
    tl_slice *captions = (tl_slice *)(copy + 1);
    char *at = (char *)captions + slices;
    for (size_t i = 0; i < row->caption_count; i++)
        captions[i] = (tl_slice){put(&at, row->captions[i].data, row->captions[i].size), row->captions[i].size};
    copy->captions = captions;
    copy->origin = put_text(&at, row->origin);
    copy->url = put_text(&at, row->url);
    copy->digest = put_text(&at, row->digest);
    copy->skip_reason = put_text(&at, row->skip_reason);
    copy->kept = (tl_slice){put(&at, row->kept.data, row->kept.size), row->kept.size};
    return copy;
}

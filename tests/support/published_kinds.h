/* Kinds of published vocabularies by the names that golden files and their scripts call them. */
#ifndef TL_TESTS_SUPPORT_PUBLISHED_KINDS_H
#define TL_TESTS_SUPPORT_PUBLISHED_KINDS_H

#include "tokenizer/files/published.h"

#include <string.h>

static inline bool open_published(const char *kind, const char *path, tl_vocabulary *out, tl_error *err)
{
    static const struct {
        const char *kind;
        tl_published_reader reader;
    } readers[] = {{"sentencepiece", TL_READER_SENTENCEPIECE},  {"fairseq", TL_READER_FAIRSEQ}, {"t5", TL_READER_T5},
                   {"t5 without extra ids", TL_READER_T5_BARE}, {"gemma", TL_READER_GEMMA},     {"siglip2", TL_READER_SIGLIP2}};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(kind, readers[i].kind) == 0)
            return tl_published__open_sentencepiece(path, readers[i].reader, out, err);
    if (strcmp(kind, "json") == 0 || strcmp(kind, "json in lower case") == 0)
        return tl_published__open_json(path, kind[4] != '\0', out, err);
    if (strcmp(kind, "words") == 0)
        return tl_published__open_word_list(path, &(tl_word_list_options){0}, out, err);
    return tl_fail(err, TL_ERROR_INVALID, "expected a kind of published vocabulary, found '%s'", kind);
}

#endif

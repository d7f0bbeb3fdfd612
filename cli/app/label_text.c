#include "cli/app/label_text_internal.h"

#include "base/core/hash.h"
#include "base/core/memory.h"

#include <string.h>

enum { DEFAULT_MOST_WORDS = 3 };

/* The part of a caption that starts at *at, spaces around it left out; *at moves behind its comma, or to the end. */
static tl_slice next_name(tl_slice caption, size_t *at)
{
    const char *start = caption.data + *at, *end = caption.data + caption.size;
    const char *comma = memchr(start, ',', (size_t)(end - start));
    const char *stop = comma != NULL ? comma : end;
    *at = comma != NULL ? (size_t)(comma + 1 - caption.data) : caption.size;
    while (start < stop && *start == ' ')
        start++;
    while (stop > start && stop[-1] == ' ')
        stop--;
    return (tl_slice){start, (size_t)(stop - start)};
}

static size_t count_words(tl_slice text)
{
    size_t words = 0;
    for (size_t i = 0; i < text.size; i++)
        words += text.data[i] != ' ' && (i == 0 || text.data[i - 1] == ' ');
    return words;
}

/* A caption is a label where all its parts are names. */
static bool is_name(const tl_label_texts *labels, tl_slice part)
{
    const size_t most = labels->most_words != 0 ? labels->most_words : DEFAULT_MOST_WORDS, words = count_words(part);
    return labels->count != 0 && words != 0 && words <= most;
}

/* How many names a label has; 0: the caption is none. */
static size_t count_names(const tl_label_texts *labels, tl_slice caption)
{
    size_t names = 0, at = 0;
    do {
        if (!is_name(labels, next_name(caption, &at)))
            return 0;
        names++;
    } while (at < caption.size);
    return names;
}

static uint64_t key_of(tl_slice text)
{
    return tl_hash64(text.data, text.size);
}

bool tl_label_text_make(const tl_label_texts *labels, tl_slice caption, tl_random *random, tl_arena *arena, tl_slice *out,
                        uint64_t *key, tl_error *err)
{
    *out = caption;
    *key = key_of(caption);
    size_t names = count_names(labels, caption);
    if (names == 0)
        return true;
    size_t chosen = (size_t)tl_random_below(random, names), at = 0;
    const char *sentence = labels->templates[tl_random_below(random, labels->count)];
    tl_slice name = next_name(caption, &at);
    for (size_t i = 0; i < chosen; i++)
        name = next_name(caption, &at);
    *key = key_of(name);
    const char *place = strstr(sentence, "{}");
    TL_ASSERT(place != NULL);
    const size_t before = (size_t)(place - sentence), after = strlen(place + 2);
    char *text = tl_arena_allocate(arena, before + name.size + after, 1, err);
    if (text == NULL)
        return false;
    memcpy(text, sentence, before);
    memcpy(text + before, name.data, name.size);
    memcpy(text + before + name.size, place + 2, after);
    *out = (tl_slice){text, before + name.size + after};
    return true;
}

static bool add_key(tl_label_keys *keys, tl_slice text, tl_error *err)
{
    if (!tl_memory_reserve(&keys->items, &keys->capacity, keys->count + 1, sizeof *keys->items, err))
        return false;
    keys->items[keys->count++] = key_of(text);
    return true;
}

bool tl_label_text_add_keys(const tl_label_texts *labels, tl_slice caption, tl_label_keys *keys, tl_error *err)
{
    const size_t before = keys->count;
    size_t at = 0;
    do {
        tl_slice part = next_name(caption, &at);
        if (!is_name(labels, part)) {
            keys->count = before;
            return add_key(keys, caption, err);
        }
        if (!add_key(keys, part, err))
            return false;
    } while (at < caption.size);
    return true;
}

/*
 * Owns how a sentence becomes a question of FTS5: its words, each in quotes, with OR between them, so that nothing in it is
 * syntax. What a word is, the tokenizer of the table decides once more.
 */
#include "index/catalogue/words.h"

#include "base/core/memory.h"

#include <stdlib.h>

enum { MAX_QUESTION = 1 << 20 };

static bool is_of_word(unsigned char byte)
{
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static bool write_question(const char *text, tl_string *out, tl_error *err)
{
    for (const char *end = text; *text != '\0'; text = *end != '\0' ? end + 1 : end) {
        for (end = text; is_of_word((unsigned char)*end);)
            end++;
        if (end != text &&
            !tl_string_append_format(out, err, "%s\"%.*s\"", out->size != 0 ? " OR " : "", (int)(end - text), text))
            return false;
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static bool is_allowed(const tl_ids *allowed, int64_t id)
{
    return allowed == NULL ||
           (allowed->count != 0 && bsearch(&id, allowed->items, allowed->count, sizeof id, compare_ids) != NULL);
}

static bool has_id(const tl_ids *ids, int64_t id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->items[i] == id)
            return true;
    return false;
}

static bool find_item_of(tl_statements *statements, int64_t caption, int64_t *item, tl_error *err)
{
    bool row = false;
    sqlite3_stmt *statement = tl_statements__get(statements, TL_SQL_CAPTION_ITEM, err);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 1, caption);
    if (!tl_statements__step(statements, statement, &row, err))
        return false;
    *item = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return row || tl_fail(err, TL_ERROR_CORRUPT, "table caption_words: expected ids of captions, found %lld", (long long)caption);
}

bool tl_words__find(tl_statements *statements, const char *text, tl_vector_kind kind, const tl_ids *allowed, size_t most,
                    tl_ids *found, tl_error *err)
{
    bool row = true;
    tl_string question;
    tl_string_init(&question, MAX_QUESTION);
    bool ok = write_question(text, &question, err);
    sqlite3_stmt *captions = ok && question.size != 0 ? tl_statements__get(statements, TL_SQL_WORDS_FIND, err) : NULL;
    if (captions != NULL)
        tl_statements__bind_text(captions, 1, question.data);
    else
        ok = ok && question.size == 0;
    while (ok && captions != NULL && found->count < most && (ok = tl_statements__step(statements, captions, &row, err)) && row) {
        int64_t id = sqlite3_column_int64(captions, 0);
        ok = kind == TL_VECTOR_CAPTION || find_item_of(statements, id, &id, err);
        /* The best caption of an item counts. */
        if (ok && is_allowed(allowed, id) && (kind == TL_VECTOR_CAPTION || !has_id(found, id)))
            ok = tl_ids__append(found, id, err);
    }
    if (captions != NULL)
        sqlite3_reset(captions);
    tl_string_clear(&question);
    return ok;
}

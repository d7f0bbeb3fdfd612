/*
 * Owns how a sentence becomes a question of FTS5: its words, each in quotes, with OR between them, so that nothing in it is
 * syntax. What a word is, the tokenizer of the table decides once more.
 */
#include "index/catalogue/words.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "index/ann/filter.h"

enum { MAX_QUESTION = 1 << 20, FIRST_SLOTS = 256 };

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

/* Ids met so far, in slots of which at most half are taken. */
typedef struct id_slot {
    int64_t id;
    bool is_taken;
} id_slot;

typedef struct id_set {
    id_slot *slots;
    size_t size, count; /* size: of slots, a power of two, or 0 */
} id_set;

static id_slot *slot_of(const id_set *set, int64_t id)
{
    size_t at = (size_t)tl_hash64(&id, sizeof id);
    while (set->slots[at & (set->size - 1)].is_taken && set->slots[at & (set->size - 1)].id != id)
        at++;
    return &set->slots[at & (set->size - 1)];
}

static bool grow(id_set *set, tl_error *err)
{
    id_set larger = {.size = set->size != 0 ? 2 * set->size : FIRST_SLOTS, .count = set->count};
    larger.slots = tl_memory_allocate(larger.size, sizeof *larger.slots, err);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i].is_taken)
            *slot_of(&larger, set->slots[i].id) = set->slots[i];
    tl_memory_free(set->slots);
    *set = larger;
    return true;
}

/* *is_new: it was not there before. */
static bool enter(id_set *set, int64_t id, bool *is_new, tl_error *err)
{
    if (2 * set->count >= set->size && !grow(set, err))
        return false;
    id_slot *slot = slot_of(set, id);
    *is_new = !slot->is_taken;
    set->count += *is_new;
    *slot = (id_slot){id, true};
    return true;
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
    tl_filter filter = {0};
    id_set met = {0};
    tl_string_init(&question, MAX_QUESTION);
    bool ok = write_question(text, &question, err) &&
              (allowed == NULL || tl_filter__start(&filter, allowed->items, allowed->count, err));
    sqlite3_stmt *captions = ok && question.size != 0 ? tl_statements__get(statements, TL_SQL_WORDS_FIND, err) : NULL;
    if (captions != NULL)
        tl_statements__bind_text(captions, 1, question.data);
    else
        ok = ok && question.size == 0;
    while (ok && captions != NULL && found->count < most && (ok = tl_statements__step(statements, captions, &row, err)) && row) {
        int64_t id = sqlite3_column_int64(captions, 0);
        bool is_new = true;
        /* The best caption of an item counts. */
        ok = kind == TL_VECTOR_CAPTION || (find_item_of(statements, id, &id, err) && enter(&met, id, &is_new, err));
        if (ok && is_new && (allowed == NULL || tl_filter__wants(&filter, id)))
            ok = tl_ids__append(found, id, err);
    }
    if (captions != NULL)
        sqlite3_reset(captions);
    tl_memory_free(met.slots);
    tl_filter__clear(&filter);
    tl_string_clear(&question);
    return ok;
}

/* Owns the text of a question and when an answer counts again. */
#include "index/sqlite/kept_ids.h"

#include "base/core/memory.h"

#include <string.h>

enum { MAX_QUESTION = 1 << 16, MAX_IDS = 1 << 21 };

void tl_kept_ids__init(tl_kept_ids *kept)
{
    *kept = (tl_kept_ids){.is_kept = false};
    tl_string_init(&kept->question, MAX_QUESTION);
}

void tl_kept_ids__clear(tl_kept_ids *kept)
{
    tl_string_clear(&kept->question);
    tl_memory_free(kept->ids.items);
    tl_kept_ids__init(kept);
}

static bool append_value(tl_string *question, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    int64_t integer = type == SQLITE_INTEGER ? sqlite3_value_int64(value) : 0;
    double real = type == SQLITE_FLOAT ? sqlite3_value_double(value) : 0;
    const char *bytes = NULL;
    if (type == SQLITE_TEXT)
        bytes = (const char *)sqlite3_value_text(value);
    else if (type == SQLITE_BLOB)
        bytes = sqlite3_value_blob(value);
    int size = type == SQLITE_TEXT || type == SQLITE_BLOB ? sqlite3_value_bytes(value) : 0;
    return (size == 0 || bytes != NULL) && tl_string_append(question, (const char *)&type, sizeof type, NULL) &&
           tl_string_append(question, (const char *)&integer, sizeof integer, NULL) &&
           tl_string_append(question, (const char *)&real, sizeof real, NULL) &&
           tl_string_append(question, (const char *)&size, sizeof size, NULL) &&
           (size == 0 || tl_string_append(question, bytes, (size_t)size, NULL));
}

bool tl_kept_ids__ask(const tl_string *condition, sqlite3_value *const *values, size_t count, tl_string *question)
{
    tl_string_init(question, MAX_QUESTION);
    bool ok = tl_string_append(question, condition->data, condition->size + 1, NULL); /* with its NUL */
    for (size_t i = 0; ok && i < count; i++)
        ok = append_value(question, values[i]);
    return ok;
}

static bool read_version(sqlite3 *database, const char *schema, uint32_t *version)
{
    unsigned int number = 0;
    bool ok = sqlite3_txn_state(database, schema) == SQLITE_TXN_READ &&
              sqlite3_file_control(database, schema, SQLITE_FCNTL_DATA_VERSION, &number) == SQLITE_OK;
    *version = number;
    return ok;
}

static bool copy(const tl_ids *from, tl_ids *to, tl_error *err)
{
    if (!tl_memory_reserve(&to->items, &to->capacity, from->count, sizeof *to->items, err))
        return false;
    if (from->count != 0)
        memcpy(to->items, from->items, from->count * sizeof *to->items);
    to->count = from->count;
    return true;
}

bool tl_kept_ids__find(const tl_kept_ids *kept, sqlite3 *database, const char *schema, const tl_string *question, tl_ids *ids,
                       bool *found, tl_error *err)
{
    uint32_t version;
    *found = kept->is_kept && kept->question.size == question->size &&
             memcmp(kept->question.data, question->data, question->size) == 0 && read_version(database, schema, &version) &&
             version == kept->version;
    return !*found || copy(&kept->ids, ids, err);
}

void tl_kept_ids__keep(tl_kept_ids *kept, sqlite3 *database, const char *schema, const tl_string *question, const tl_ids *ids)
{
    kept->is_kept = false;
    tl_string_reset(&kept->question);
    kept->is_kept = ids->count <= MAX_IDS && read_version(database, schema, &kept->version) &&
                    tl_string_append(&kept->question, question->data, question->size, NULL) && copy(ids, &kept->ids, NULL);
}

/* Owns the grammar of a table's arguments: `name=word`, or `column TYPE [INDEXED]`. */
#include "index/sqlite/table_options.h"

#include "base/core/slice.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *const reserved[] = {"embedding", "distance", "k", "probes", "exact", "rowid", "oid", "_rowid_", "id"};
static const char *const types[] = {"INTEGER", "REAL", "TEXT", "BLOB"};

typedef struct choice {
    const char *word;
    int value;
} choice;

static const choice dtypes[] = {{"f16", TL_VECTOR_STORE_F16}, {"f32", TL_VECTOR_STORE_F32}, {NULL, 0}};
static const choice metrics[] = {{"cosine", TL_TABLE_COSINE}, {"dot", TL_TABLE_DOT}, {"l2", TL_TABLE_L2}, {NULL, 0}};
static const choice anns[] = {{"auto", 1}, {"manual", 0}, {NULL, 0}};

static tl_slice trimmed(tl_slice text)
{
    while (text.size != 0 && isspace((unsigned char)text.data[0]))
        text = (tl_slice){text.data + 1, text.size - 1};
    while (text.size != 0 && isspace((unsigned char)text.data[text.size - 1]))
        text.size--;
    return text;
}

static bool equals(tl_slice text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static tl_slice without_quotes(tl_slice text)
{
    bool is_quoted = text.size >= 2 && (text.data[0] == '\'' || text.data[0] == '"') && text.data[text.size - 1] == text.data[0];
    return is_quoted ? (tl_slice){text.data + 1, text.size - 2} : text;
}

static bool choose(const choice *choices, const char *expected, tl_slice name, tl_slice word, int *out, tl_error *err)
{
    for (; choices->word != NULL; choices++)
        if (equals(word, choices->word)) {
            *out = choices->value;
            return true;
        }
    return tl_fail(err, TL_ERROR_INVALID, "%.*s: expected %s, found '%.*s'", (int)name.size, name.data, expected,
                   (int)(word.size < 64 ? word.size : 64), word.data);
}

static bool read_dim(tl_slice word, uint32_t *dim, tl_error *err)
{
    uint64_t value = 0;
    bool ok = word.size != 0 && word.size <= 9;
    for (size_t i = 0; ok && i < word.size; i++) {
        ok = isdigit((unsigned char)word.data[i]) != 0;
        value = 10 * value + (uint64_t)(word.data[i] - '0');
    }
    *dim = (uint32_t)value;
    return (ok && value >= 1 && value <= TL_MAX_DIM) ||
           tl_fail(err, TL_ERROR_INVALID, "dim: expected a number from 1 to %d, found '%.*s'", TL_MAX_DIM,
                   (int)(word.size < 64 ? word.size : 64), word.data);
}

/* said: those that were said before, a bit each. */
static bool read_option(tl_slice name, tl_slice word, unsigned *said, tl_table_options *out, tl_error *err)
{
    enum { DIM = 1, DTYPE = 2, METRIC = 4, ANN = 8 };
    int value = 0;
    unsigned option = equals(name, "dim") || equals(name, "dimension") ? DIM
                      : equals(name, "dtype") || equals(name, "store") ? DTYPE
                      : equals(name, "metric")                         ? METRIC
                      : equals(name, "ann")                            ? ANN
                                                                       : 0;
    if ((*said & option) != 0)
        return tl_fail(err, TL_ERROR_INVALID, "%.*s: expected it once, found it again", (int)name.size, name.data);
    *said |= option;
    if (option == DIM)
        return read_dim(word, &out->dim, err);
    if (option == DTYPE) {
        bool ok = choose(dtypes, "f16 or f32", name, word, &value, err);
        out->storage = (tl_vector_storage)value;
        return ok;
    }
    if (option == METRIC) {
        bool ok = choose(metrics, "cosine, dot or l2", name, word, &value, err);
        out->metric = (tl_table_metric)value;
        return ok;
    }
    if (option == ANN) {
        bool ok = choose(anns, "auto or manual", name, word, &value, err);
        out->divides_itself = value != 0;
        return ok;
    }
    return tl_fail(err, TL_ERROR_INVALID, "expected dim, dtype, metric or ann before '=', found '%.*s'",
                   (int)(name.size < 64 ? name.size : 64), name.data);
}

static bool is_name(tl_slice name)
{
    if (name.size == 0 || name.size > TL_MAX_COLUMN_NAME || isdigit((unsigned char)name.data[0]))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!isalnum((unsigned char)name.data[i]) && name.data[i] != '_')
            return false;
    return true;
}

static bool is_taken(const tl_table_options *options, tl_slice name, const char *table)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (equals(name, reserved[i]))
            return true;
    for (size_t i = 0; i < options->column_count; i++)
        if (equals(name, options->columns[i].name))
            return true;
    return equals(name, table);
}

static tl_slice next_word(tl_slice *text)
{
    tl_slice rest = trimmed(*text);
    size_t size = 0;
    while (size < rest.size && !isspace((unsigned char)rest.data[size]))
        size++;
    *text = (tl_slice){rest.data + size, rest.size - size};
    return (tl_slice){rest.data, size};
}

static bool read_column(tl_slice text, const char *table, tl_table_options *out, tl_error *err)
{
    tl_slice whole = text, name = without_quotes(next_word(&text)), type = next_word(&text), extra = next_word(&text);
    tl_table_column column = {.type = NULL, .is_indexed = equals(extra, "INDEXED")};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (equals(type, types[i]))
            column.type = types[i];
    if (!is_name(name) || column.type == NULL || (extra.size != 0 && !column.is_indexed) || trimmed(text).size != 0)
        return tl_fail(err, TL_ERROR_INVALID,
                       "expected name=word, or a column as 'name INTEGER|REAL|TEXT|BLOB [INDEXED]', found '%.*s'",
                       (int)(whole.size < 64 ? whole.size : 64), whole.data);
    if (is_taken(out, name, table))
        return tl_fail(err, TL_ERROR_INVALID, "column '%.*s': expected a name that is not taken", (int)name.size, name.data);
    if (out->column_count == TL_MAX_COLUMNS)
        return tl_fail(err, TL_ERROR_INVALID, "expected at most %d columns, found more", TL_MAX_COLUMNS);
    memcpy(column.name, name.data, name.size);
    out->columns[out->column_count++] = column;
    return true;
}

bool tl_table_options__parse(const char *const *texts, size_t count, const char *table, tl_table_options *out, tl_error *err)
{
    unsigned said = 0;
    *out = (tl_table_options){.divides_itself = true};
    for (size_t i = 0; i < count; i++) {
        tl_slice text = trimmed(tl_slice_of(texts[i]));
        const char *sign = text.size != 0 ? memchr(text.data, '=', text.size) : NULL;
        if (text.size == 0)
            continue;
        if (sign == NULL ? !read_column(text, table, out, err)
                         : !read_option(trimmed((tl_slice){text.data, (size_t)(sign - text.data)}),
                                        without_quotes(trimmed((tl_slice){sign + 1, text.size - (size_t)(sign + 1 - text.data)})),
                                        &said, out, err))
            return false;
    }
    return out->dim != 0 || tl_fail(err, TL_ERROR_INVALID, "expected dim=N, the number of numbers in a vector, found none");
}

/* The list as a table, and the three things done by going through it: defaults, reading, writing. */
#include "cli/app/train_settings.h"

#include "base/core/memory.h"
#include "base/core/string.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT_VERSION = 2, MAX_RECORD_BYTES = 1 << 20, MAX_NAME = 64 };

typedef enum setting_type { SETTING_TEXT, SETTING_INTEGER, SETTING_NUMBER, SETTING_LIST } setting_type;

typedef struct setting {
    setting_type type;
    const char *name;
    size_t offset, size;
    const char *choices, *fallback_text;
    double minimum, maximum, fallback;
} setting;

#define PLACE(field) offsetof(tl_train_settings, field), sizeof(((tl_train_settings *)0)->field)
static const setting settings_table[] = {
#define TEXT(field, name, choices, value, fallback, help) {SETTING_TEXT, name, PLACE(field), choices, fallback, 0, 0, 0},
#define INTEGER(field, name, value, minimum, maximum, fallback, help) \
    {SETTING_INTEGER, name, PLACE(field), NULL, NULL, minimum, (double)(maximum), fallback},
#define NUMBER(field, name, value, minimum, maximum, fallback, help) \
    {SETTING_NUMBER, name, PLACE(field), NULL, NULL, minimum, maximum, fallback},
#define LIST(field, name, value, help) {SETTING_LIST, name, PLACE(field), NULL, NULL, 0, 0, 0},
#include "cli/app/train_settings_list.inc"
};

static const char *const other_members[] = {"format", "training_set", "datasets"};

static void *place_of(const setting *at, tl_train_settings *settings)
{
    return (char *)settings + at->offset;
}

static const void *value_of(const setting *at, const tl_train_settings *settings)
{
    return (const char *)settings + at->offset;
}

/* "image-size" is the member image_size. */
static void member_name(const setting *at, char name[MAX_NAME])
{
    snprintf(name, MAX_NAME, "%s", at->name);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
}

void tl_train_settings_default(tl_train_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < TL_TRAIN_SETTING_COUNT; i++) {
        const setting *at = &settings_table[i];
        void *place = place_of(at, settings);
        if (at->type == SETTING_TEXT)
            *(const char **)place = at->fallback_text;
        else if (at->type == SETTING_INTEGER)
            *(int64_t *)place = (int64_t)at->fallback;
        else if (at->type == SETTING_NUMBER)
            *(double *)place = at->fallback;
    }
}

void tl_train_settings_copy(const tl_train_settings *from, size_t index, tl_train_settings *to)
{
    const setting *at = &settings_table[index];
    memcpy(place_of(at, to), value_of(at, from), at->size);
}

const char *tl_train_settings_name(size_t index)
{
    return settings_table[index].name;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool are_same_texts(const tl_train_texts *a, const tl_train_texts *b)
{
    bool are_same = a->count == b->count;
    for (size_t i = 0; are_same && i < a->count; i++)
        are_same = is_same_text(a->items[i], b->items[i]);
    return are_same;
}

bool tl_train_settings_agree(const tl_train_settings *a, const tl_train_settings *b, size_t index)
{
    const setting *at = &settings_table[index];
    const void *one = value_of(at, a), *other = value_of(at, b);
    switch (at->type) {
    case SETTING_TEXT:
        return is_same_text(*(const char *const *)one, *(const char *const *)other);
    case SETTING_INTEGER:
        return *(const int64_t *)one == *(const int64_t *)other;
    case SETTING_NUMBER:
        return *(const double *)one == *(const double *)other;
    case SETTING_LIST:
        return are_same_texts(one, other);
    }
    return false;
}

void tl_train_settings_round(tl_train_settings *settings)
{
    for (size_t i = 0; i < TL_TRAIN_SETTING_COUNT; i++) {
        if (settings_table[i].type != SETTING_NUMBER)
            continue;
        char text[32];
        double *number = place_of(&settings_table[i], settings);
        snprintf(text, sizeof text, "%.9g", *number);
        *number = strtod(text, NULL);
    }
}

/* ---- reading ---- */

static bool is_choice(const char *choices, const char *text)
{
    const size_t size = strlen(text);
    for (const char *at = choices; at != NULL; at = strchr(at, '|') != NULL ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, text, size) == 0 && (at[size] == '|' || at[size] == '\0'))
            return true;
    return false;
}

static bool read_list(const char *name, const tl_json *json, tl_train_texts *out, tl_error *err)
{
    out->count = tl_json_array_size(json);
    if (!tl_json_is_array(json))
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a list of texts, found another value", name);
    if (out->count > TL_TRAIN_MOST_TEXTS)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected at most %d texts, found %zu", name, TL_TRAIN_MOST_TEXTS,
                       out->count);
    for (size_t i = 0; i < out->count; i++) {
        out->items[i] = tl_json_text(tl_json_array_item(json, i));
        if (out->items[i] == NULL)
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected texts, found another value at %zu", name, i);
    }
    return true;
}

/* A number that is the fallback means what the fallback means, though the bounds refuse it. */
static bool check_bounds(const setting *at, double value, tl_error *err)
{
    if (value == at->fallback || (value >= at->minimum && value <= at->maximum))
        return true;
    return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %.10g to %.10g, found %.10g", at->name, at->minimum, at->maximum,
                   value);
}

static bool read_setting(const setting *at, const char *name, const tl_json *json, tl_train_settings *settings, tl_error *err)
{
    void *place = place_of(at, settings);
    int64_t integer;
    double number;
    switch (at->type) {
    case SETTING_TEXT: {
        const char *text = tl_json_text(json);
        if (text == NULL || (at->choices != NULL && !is_choice(at->choices, text)))
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected %s, found %.40s", name,
                           at->choices != NULL ? at->choices : "a text", text != NULL ? text : "another value");
        *(const char **)place = text;
        return true;
    }
    case SETTING_INTEGER:
        if (!tl_json_integer(json, &integer))
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a whole number, found another value", name);
        *(int64_t *)place = integer;
        return check_bounds(at, (double)integer, err);
    case SETTING_NUMBER:
        if (!tl_json_number(json, &number))
            return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a number, found another value", name);
        *(double *)place = number;
        return check_bounds(at, number, err);
    case SETTING_LIST:
        return read_list(name, json, place, err);
    }
    return false;
}

typedef struct member_reader {
    tl_train_settings *settings;
    tl_error *err;
} member_reader;

static bool read_member(void *context, const char *name, const tl_json *value)
{
    const member_reader *reader = context;
    char known[MAX_NAME];
    for (size_t i = 0; i < sizeof other_members / sizeof other_members[0]; i++)
        if (strcmp(other_members[i], name) == 0)
            return true;
    for (size_t i = 0; i < TL_TRAIN_SETTING_COUNT; i++) {
        member_name(&settings_table[i], known);
        if (strcmp(known, name) == 0)
            return read_setting(&settings_table[i], name, value, reader->settings, reader->err);
    }
    return tl_fail(reader->err, TL_ERROR_INVALID, "'%.60s' is no setting of a training run", name);
}

bool tl_train_settings_read(const tl_json *json, tl_train_settings *settings, tl_error *err)
{
    member_reader reader = {settings, err};
    if (!tl_json_is_object(json))
        return tl_fail(err, TL_ERROR_INVALID, "expected an object of settings, found another value");
    return tl_json_each_member(json, read_member, &reader);
}

/* ---- MODEL/train.json ---- */

static char *record_path(const char *model_directory, tl_error *err)
{
    return tl_path_join(model_directory, "train.json", err);
}

static tl_json *list_of(const char *const *items, size_t count, tl_error *err)
{
    tl_json *list = tl_json_array_create(err);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (!tl_json_append_text(list, items[i], err)) {
            tl_json_free(list);
            return NULL;
        }
    return list;
}

static bool write_setting(const setting *at, const tl_train_settings *settings, tl_json *json, tl_error *err)
{
    const void *value = value_of(at, settings);
    char name[MAX_NAME];
    member_name(at, name);
    switch (at->type) {
    case SETTING_TEXT: { /* an absent text is an absent member */
        const char *text = *(const char *const *)value;
        return text == NULL || tl_json_set_text(json, name, text, err);
    }
    case SETTING_INTEGER:
        return tl_json_set_integer(json, name, *(const int64_t *)value, err);
    case SETTING_NUMBER:
        return tl_json_set_number(json, name, *(const double *)value, err);
    case SETTING_LIST: {
        const tl_train_texts *texts = value;
        return tl_json_set(json, name, list_of(texts->items, texts->count, err), err);
    }
    }
    return false;
}

bool tl_train_record_write(const char *model_directory, const tl_train_settings *settings, const char *const *datasets,
                           size_t dataset_count, uint64_t set_fingerprint, tl_error *err)
{
    char fingerprint[17];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, set_fingerprint);
    char *path = record_path(model_directory, err);
    tl_json *json = path != NULL ? tl_json_object_create(err) : NULL;
    bool ok = json != NULL && tl_json_set_integer(json, "format", FORMAT_VERSION, err);
    for (size_t i = 0; ok && i < TL_TRAIN_SETTING_COUNT; i++)
        ok = write_setting(&settings_table[i], settings, json, err);
    ok = ok && tl_json_set(json, "datasets", list_of(datasets, dataset_count, err), err) &&
         tl_json_set_text(json, "training_set", fingerprint, err) && tl_json_write_file(json, path, err);
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool read_record(tl_train_record *record, tl_error *err)
{
    int64_t version;
    const char *fingerprint;
    char *end;
    tl_train_settings_default(&record->settings);
    if (!tl_json_get_integer(record->json, "format", FORMAT_VERSION, FORMAT_VERSION, &version, err) ||
        !tl_train_settings_read(record->json, &record->settings, err) ||
        !tl_json_get_text(record->json, "training_set", &fingerprint, err))
        return false;
    record->set_fingerprint = strtoull(fingerprint, &end, 16);
    return *end == '\0' || tl_fail(err, TL_ERROR_CORRUPT, "'training_set': expected hex digits, found '%s'", fingerprint);
}

bool tl_train_record_read(const char *model_directory, tl_train_record *out, tl_error *err)
{
    *out = (tl_train_record){0};
    char *path = record_path(model_directory, err);
    if (path == NULL)
        return false;
    bool ok = tl_json_read_file(path, MAX_RECORD_BYTES, &out->json, err);
    if (ok && !read_record(out, err)) {
        ok = tl_fail_within(err, "'%s'", path);
        tl_train_record_clear(out);
    }
    tl_memory_free(path);
    return ok;
}

void tl_train_record_clear(tl_train_record *record)
{
    tl_json_free(record->json);
    *record = (tl_train_record){0};
}

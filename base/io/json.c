/* The one file that includes jansson.h. tl_json is jansson's json_t under another name; NULL reads as "absent" everywhere. */
#include "base/io/json.h"

#include "base/io/file.h"

#include <jansson.h>
#include <math.h>

enum { NUMBER_DIGITS = 9 }; /* enough to give back every float */

static json_t *raw(const tl_json *json)
{
    return (json_t *)json;
}

static const char *type_name(const json_t *value)
{
    if (value == NULL)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

bool tl_json_parse(tl_slice text, const char *name, tl_json **out, tl_error *err)
{
    json_error_t reason;
    json_t *value = json_loadb(text.size != 0 ? text.data : "", text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &reason);
    if (value == NULL)
        return tl_fail(err, json_error_code(&reason) == json_error_out_of_memory ? TL_ERROR_NO_MEMORY : TL_ERROR_CORRUPT,
                       "'%s': line %d, column %d: not valid json: %s", name, reason.line, reason.column, reason.text);
    *out = (tl_json *)value;
    return true;
}

bool tl_json_read_file(const char *path, size_t max_size, tl_json **out, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, max_size);
    bool ok = tl_file_read(path, &text, err) && tl_json_parse(tl_string_slice(&text), path, out, err);
    tl_string_clear(&text);
    return ok;
}

void tl_json_free(tl_json *json)
{
    json_decref(raw(json));
}

const tl_json *tl_json_member(const tl_json *json, const char *name)
{
    json_t *member = json_object_get(raw(json), name);
    return json_is_null(member) ? NULL : (const tl_json *)member;
}

bool tl_json_has_null(const tl_json *json, const char *name)
{
    return json_is_null(json_object_get(raw(json), name));
}

bool tl_json_is_null(const tl_json *json)
{
    return json_is_null(raw(json));
}

bool tl_json_is_object(const tl_json *json)
{
    return json_is_object(raw(json));
}

bool tl_json_is_array(const tl_json *json)
{
    return json_is_array(raw(json));
}

size_t tl_json_array_size(const tl_json *json)
{
    return json_array_size(raw(json));
}

const tl_json *tl_json_array_item(const tl_json *json, size_t index)
{
    return (const tl_json *)json_array_get(raw(json), index);
}

size_t tl_json_object_size(const tl_json *json)
{
    return json_object_size(raw(json));
}

bool tl_json_each_member(const tl_json *json, bool (*visit)(void *context, const char *name, const tl_json *value), void *context)
{
    const char *name;
    json_t *value;
    json_object_foreach (raw(json), name, value) {
        if (!visit(context, name, (const tl_json *)value))
            return false;
    }
    return true;
}

const char *tl_json_text(const tl_json *json)
{
    return json_string_value(raw(json));
}

bool tl_json_number(const tl_json *json, double *out)
{
    if (!json_is_number(raw(json)))
        return false;
    *out = json_number_value(raw(json));
    return true;
}

bool tl_json_integer(const tl_json *json, int64_t *out)
{
    if (!json_is_integer(raw(json)))
        return false;
    *out = json_integer_value(raw(json));
    return true;
}

bool tl_json_bool(const tl_json *json, bool *out)
{
    if (!json_is_boolean(raw(json)))
        return false;
    *out = json_is_true(raw(json));
    return true;
}

bool tl_json_get_text(const tl_json *object, const char *name, const char **out, tl_error *err)
{
    json_t *member = json_object_get(raw(object), name);
    if (!json_is_string(member))
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a text, found %s", name, type_name(member));
    *out = json_string_value(member);
    return true;
}

bool tl_json_get_integer(const tl_json *object, const char *name, int64_t minimum, int64_t maximum, int64_t *out, tl_error *err)
{
    json_t *member = json_object_get(raw(object), name);
    if (!json_is_integer(member))
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected an integer, found %s", name, type_name(member));
    int64_t value = json_integer_value(member);
    if (value < minimum || value > maximum)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected %lld to %lld, found %lld", name, (long long)minimum,
                       (long long)maximum, (long long)value);
    *out = value;
    return true;
}

bool tl_json_get_number(const tl_json *object, const char *name, double *out, tl_error *err)
{
    json_t *member = json_object_get(raw(object), name);
    if (!json_is_number(member))
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a number, found %s", name, type_name(member));
    *out = json_number_value(member);
    return true;
}

const char *tl_json_text_or(const tl_json *object, const char *name, const char *fallback)
{
    const char *text = json_string_value(json_object_get(raw(object), name));
    return text != NULL ? text : fallback;
}

int64_t tl_json_integer_or(const tl_json *object, const char *name, int64_t fallback)
{
    json_t *member = json_object_get(raw(object), name);
    return json_is_integer(member) ? json_integer_value(member) : fallback;
}

double tl_json_number_or(const tl_json *object, const char *name, double fallback)
{
    json_t *member = json_object_get(raw(object), name);
    return json_is_number(member) ? json_number_value(member) : fallback;
}

bool tl_json_bool_or(const tl_json *object, const char *name, bool fallback)
{
    json_t *member = json_object_get(raw(object), name);
    return json_is_boolean(member) ? json_is_true(member) : fallback;
}

static tl_json *built(json_t *value, tl_error *err)
{
    if (value == NULL)
        tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a json value, or its text is not utf-8");
    return (tl_json *)value;
}

tl_json *tl_json_object_create(tl_error *err)
{
    return built(json_object(), err);
}

tl_json *tl_json_array_create(tl_error *err)
{
    return built(json_array(), err);
}

tl_json *tl_json_copy(const tl_json *json, tl_error *err)
{
    return built(json_deep_copy(raw(json)), err);
}

bool tl_json_set(tl_json *object, const char *name, tl_json *value, tl_error *err)
{
    if (value == NULL)
        return false; /* whoever failed to make it has written err */
    if (json_object_set_new(raw(object), name, raw(value)) != 0)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for json member '%s'", name);
    return true;
}

bool tl_json_set_text(tl_json *object, const char *name, const char *text, tl_error *err)
{
    return tl_json_set(object, name, built(json_string(text), err), err);
}

bool tl_json_set_integer(tl_json *object, const char *name, int64_t value, tl_error *err)
{
    return tl_json_set(object, name, built(json_integer(value), err), err);
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool tl_json_set_number(tl_json *object, const char *name, double value, tl_error *err)
{
    return tl_json_set(object, name, built(number(value), err), err);
}

bool tl_json_set_bool(tl_json *object, const char *name, bool value, tl_error *err)
{
    return tl_json_set(object, name, built(json_boolean(value), err), err);
}

bool tl_json_append(tl_json *array, tl_json *value, tl_error *err)
{
    if (value == NULL)
        return false;
    if (json_array_append_new(raw(array), raw(value)) != 0)
        return tl_fail(err, TL_ERROR_NO_MEMORY, "out of memory for a json array");
    return true;
}

bool tl_json_append_text(tl_json *array, const char *text, tl_error *err)
{
    return tl_json_append(array, built(json_string(text), err), err);
}

bool tl_json_append_integer(tl_json *array, int64_t value, tl_error *err)
{
    return tl_json_append(array, built(json_integer(value), err), err);
}

bool tl_json_append_number(tl_json *array, double value, tl_error *err)
{
    return tl_json_append(array, built(number(value), err), err);
}

typedef struct dump_target {
    tl_string *out;
    tl_error *err;
    bool failed; /* jansson does not look at the answer for every piece */
} dump_target;

static int append_dump(const char *bytes, size_t size, void *context)
{
    dump_target *target = context;
    target->failed = target->failed || !tl_string_append(target->out, bytes, size, target->err);
    return target->failed ? -1 : 0;
}

bool tl_json_write(const tl_json *json, tl_json_style style, tl_string *out, tl_error *err)
{
    tl_error reason = {TL_ERROR_NO_MEMORY, "out of memory for json text"}; /* overwritten when the ceiling is reached */
    dump_target target = {out, &reason, false};
    size_t flags =
        JSON_ENCODE_ANY | JSON_REAL_PRECISION(NUMBER_DIGITS) | (style == TL_JSON_INDENTED ? JSON_INDENT(2) : JSON_COMPACT);
    bool dumped = json_dump_callback(raw(json), append_dump, &target, flags) == 0;
    return (dumped && !target.failed) || tl_fail_as(err, &reason);
}

bool tl_json_write_file(const tl_json *json, const char *path, tl_error *err)
{
    tl_string text;
    tl_string_init(&text, (size_t)256 << 20);
    bool ok = tl_json_write(json, TL_JSON_INDENTED, &text, err) && tl_string_append_text(&text, "\n", err) &&
              tl_file_replace(path, tl_string_slice(&text), err);
    tl_string_clear(&text);
    return ok;
}

/* base/io/json over arbitrary bytes: what is accepted can be walked, written, and read back as the same text. */
#include "base/io/json.h"

static bool walk(const tl_json *json);

static bool walk_member(void *context, const char *name, const tl_json *value)
{
    (void)context;
    TL_ASSERT(name != NULL && value != NULL);
    return walk(value);
}

static bool walk(const tl_json *json)
{
    double number;
    int64_t integer;
    if (tl_json_integer(json, &integer))
        TL_ASSERT(tl_json_number(json, &number));
    for (size_t i = 0; i < tl_json_array_size(json); i++)
        if (!walk(tl_json_array_item(json, i)))
            return false;
    if (tl_json_text(json) != NULL)
        TL_ASSERT(tl_text_is_utf8(tl_slice_of(tl_json_text(json)), NULL));
    return !tl_json_is_object(json) || tl_json_object_size(json) == 0 || tl_json_each_member(json, walk_member, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tl_error err;
    tl_json *json = NULL;
    if (!tl_json_parse((tl_slice){(const char *)data, size}, "input", &json, &err)) {
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT && tl_text_is_utf8(tl_slice_of(err.message), NULL));
        return 0;
    }
    TL_ASSERT(walk(json));
    const char *text;
    int64_t integer;
    double number;
    if (!tl_json_get_text(json, "text", &text, &err))
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT);
    if (tl_json_get_integer(json, "n", 0, 100, &integer, &err))
        TL_ASSERT(integer >= 0 && integer <= 100);
    if (!tl_json_get_number(json, "x", &number, &err))
        TL_ASSERT(err.kind == TL_ERROR_CORRUPT);

    tl_string first;
    tl_string second;
    tl_string_init(&first, size * 8 + 4096); /* six bytes for one of a control character, and indentation is off */
    tl_string_init(&second, size * 8 + 4096);
    tl_json *again = NULL;
    TL_ASSERT(tl_json_write(json, TL_JSON_COMPACT, &first, &err));
    TL_ASSERT(tl_json_parse(tl_string_slice(&first), "again", &again, &err));
    TL_ASSERT(tl_json_write(again, TL_JSON_COMPACT, &second, &err));
    TL_ASSERT(tl_slice_equal(tl_string_slice(&first), tl_string_slice(&second)));
    tl_json_free(again);
    tl_json_free(json);
    tl_string_clear(&second);
    tl_string_clear(&first);
    return 0;
}

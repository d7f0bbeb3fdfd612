/*
 * The schema of a file: a tree of groups and leaves, written depth first. A leaf's levels follow from the repetition of the nodes
 * above it (Dremel): each optional or repeated one adds a definition level, each repeated one a repetition level. Its kind
 * follows from logical type, else the older converted type, else the physical one.
 */
#include "base/io/parquet/format_internal.h"

#include "base/core/memory.h"

#include <string.h>

enum { MAX_ELEMENTS = 200000, MAX_SCHEMA_DEPTH = 48, MAX_PATH_SIZE = 1024 };

enum { REQUIRED, OPTIONAL, REPEATED };

/* Members of the union LogicalType, by field number. */
enum {
    LOGICAL_NONE = 0,
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_ENUM = 4,
    LOGICAL_DECIMAL = 5,
    LOGICAL_DATE = 6,
    LOGICAL_TIME = 7,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10,
    LOGICAL_NULL = 11,
    LOGICAL_JSON = 12,
    LOGICAL_FLOAT16 = 15
};

typedef struct schema_element {
    int32_t physical, repetition; /* physical -1: a group */
    uint32_t type_length, child_count;
    tl_slice name;
    bool has_name;
    int32_t logical; /* LOGICAL_*, also for a converted type of that meaning */
    tl_parquet_unit unit;
    int64_t scale;
    bool is_unsigned;
} schema_element;

typedef struct schema_walk {
    tl_parquet_file *file;
    const schema_element *elements;
    size_t count, next;
    tl_string path, name;
} schema_walk;

typedef struct schema_levels {
    uint32_t definition, repetition, list_definition;
} schema_levels;

/* What a group says of the names below it. */
typedef enum wrapper { WRAPPER_NONE, WRAPPER_LIST, WRAPPER_MAP, WRAPPER_ITEM } wrapper;

static void take_converted_type(schema_element *element, int64_t type)
{
    static const struct {
        uint8_t logical, unit;
        bool is_unsigned;
    } meanings[] = {
        {LOGICAL_STRING, 0, false},
        {LOGICAL_MAP, 0, false},
        {LOGICAL_NONE, 0, false}, /* MAP_KEY_VALUE */
        {LOGICAL_LIST, 0, false},
        {LOGICAL_ENUM, 0, false},
        {LOGICAL_DECIMAL, 0, false},
        {LOGICAL_DATE, TL_PARQUET_DAYS, false},
        {LOGICAL_TIME, TL_PARQUET_MILLIS, false},
        {LOGICAL_TIME, TL_PARQUET_MICROS, false},
        {LOGICAL_TIMESTAMP, TL_PARQUET_MILLIS, false},
        {LOGICAL_TIMESTAMP, TL_PARQUET_MICROS, false},
        {LOGICAL_INTEGER, 0, true},
        {LOGICAL_INTEGER, 0, true},
        {LOGICAL_INTEGER, 0, true},
        {LOGICAL_INTEGER, 0, true},
        {LOGICAL_INTEGER, 0, false},
        {LOGICAL_INTEGER, 0, false},
        {LOGICAL_INTEGER, 0, false},
        {LOGICAL_INTEGER, 0, false},
        {LOGICAL_JSON, 0, false},
    };
    if (type < 0 || (size_t)type >= sizeof meanings / sizeof meanings[0] || element->logical != LOGICAL_NONE)
        return;
    element->logical = meanings[type].logical;
    element->unit = (tl_parquet_unit)meanings[type].unit;
    element->is_unsigned = meanings[type].is_unsigned;
}

/* TimeUnit: a union of empty structs. */
static bool take_unit(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    schema_element *element = context;
    if (field.id >= 1 && field.id <= 3)
        element->unit = (tl_parquet_unit)(TL_PARQUET_MILLIS + field.id - 1);
    return tl_thrift__skip(in, field.type, err);
}

/* Of the struct of one member of LogicalType. */
static bool take_logical_detail(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    schema_element *element = context;
    bool has_unit = element->logical == LOGICAL_TIME || element->logical == LOGICAL_TIMESTAMP;
    if (element->logical == LOGICAL_DECIMAL && field.id == 1)
        return tl_thrift__integer(in, field, INT32_MIN, INT32_MAX, &element->scale, err);
    if (element->logical == LOGICAL_INTEGER && field.id == 2) {
        bool is_signed;
        if (!tl_thrift__boolean(field, &is_signed, err))
            return false;
        element->is_unsigned = !is_signed;
        return true;
    }
    if (has_unit && field.id == 2)
        return tl_thrift__struct(in, field, take_unit, element, err);
    return tl_thrift__skip(in, field.type, err);
}

static bool take_logical(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    schema_element *element = context;
    element->logical = field.id;
    element->unit = field.id == LOGICAL_DATE ? TL_PARQUET_DAYS : TL_PARQUET_NUMBER;
    return tl_thrift__struct(in, field, take_logical_detail, element, err);
}

static bool take_element_field(void *context, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    schema_element *element = context;
    int64_t number = 0;
    switch (field.id) {
    case 1:
        if (!tl_thrift__integer(in, field, 0, TL_PHYSICAL_COUNT - 1, &number, err))
            return false;
        element->physical = (int32_t)number;
        return true;
    case 2:
        if (!tl_thrift__integer(in, field, INT32_MIN, INT32_MAX, &number, err))
            return false;
        element->type_length = number > 0 ? (uint32_t)number : 0;
        return true;
    case 3:
        if (!tl_thrift__integer(in, field, REQUIRED, REPEATED, &number, err))
            return false;
        element->repetition = (int32_t)number;
        return true;
    case 4:
        element->has_name = true;
        return tl_thrift__binary(in, field, &element->name, err);
    case 5:
        if (!tl_thrift__integer(in, field, 0, MAX_ELEMENTS, &number, err))
            return false;
        element->child_count = (uint32_t)number;
        return true;
    case 6:
        if (!tl_thrift__integer(in, field, INT32_MIN, INT32_MAX, &number, err))
            return false;
        take_converted_type(element, number);
        return true;
    case 7:
        return tl_thrift__integer(in, field, INT32_MIN, INT32_MAX, &element->scale, err);
    case 10:
        return tl_thrift__struct(in, field, take_logical, element, err);
    default:
        return tl_thrift__skip(in, field.type, err);
    }
}

static bool read_element(tl_thrift_reader *in, schema_element *element, tl_error *err)
{
    *element = (schema_element){.physical = -1};
    if (!tl_thrift__read_struct(in, take_element_field, element, err))
        return false;
    if (!element->has_name || (element->name.size != 0 && memchr(element->name.data, '\0', element->name.size) != NULL))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected the name of a column, found %s",
                       element->has_name ? "one with a NUL" : "none");
    if (element->physical >= 0 && element->child_count != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a column of a type or a group, found both");
    return true;
}

static void set_kind(tl_parquet_leaf *leaf, tl_parquet_kind kind, tl_parquet_conversion conversion)
{
    leaf->column.kind = kind;
    leaf->conversion = conversion;
}

static void set_unreadable(tl_parquet_leaf *leaf, const char *why)
{
    leaf->column.kind = TL_PARQUET_UNREADABLE;
    leaf->column.unreadable = why;
}

static void set_decimal(tl_parquet_leaf *leaf, const schema_element *element)
{
    bool fits = element->scale >= 0 && element->scale <= TL_PARQUET_MAX_DECIMAL_DIGITS;
    set_kind(leaf, TL_PARQUET_TEXT,
             leaf->physical == TL_PHYSICAL_INT32   ? TL_CONVERT_DECIMAL_32
             : leaf->physical == TL_PHYSICAL_INT64 ? TL_CONVERT_DECIMAL_64
                                                   : TL_CONVERT_DECIMAL_BYTES);
    leaf->scale = fits ? (uint32_t)element->scale : 0;
    bool has_bytes = leaf->physical == TL_PHYSICAL_BYTE_ARRAY || leaf->physical == TL_PHYSICAL_FIXED;
    if (!has_bytes && leaf->physical != TL_PHYSICAL_INT32 && leaf->physical != TL_PHYSICAL_INT64)
        set_unreadable(leaf, "a decimal of this physical type");
    else if (!fits || leaf->type_length > TL_PARQUET_MAX_DECIMAL_BYTES)
        set_unreadable(leaf, "a decimal of more than 76 digits");
}

/* By the physical type alone: also what a logical type that does not fit it falls back to. */
static void set_physical_kind(tl_parquet_leaf *leaf, const schema_element *element)
{
    switch (leaf->physical) {
    case TL_PHYSICAL_BOOLEAN:
        set_kind(leaf, TL_PARQUET_BOOLEAN, TL_CONVERT_NOTHING);
        break;
    case TL_PHYSICAL_INT32:
    case TL_PHYSICAL_INT64: {
        bool is_unsigned = element->logical == LOGICAL_INTEGER && element->is_unsigned;
        tl_parquet_conversion narrow = is_unsigned ? TL_CONVERT_UNSIGNED_32 : TL_CONVERT_SIGNED_32;
        set_kind(leaf, is_unsigned ? TL_PARQUET_NATURAL : TL_PARQUET_INTEGER,
                 leaf->physical == TL_PHYSICAL_INT32 ? narrow : TL_CONVERT_NOTHING);
        break;
    }
    case TL_PHYSICAL_INT96:
        set_kind(leaf, TL_PARQUET_INTEGER, TL_CONVERT_INT96);
        leaf->column.unit = TL_PARQUET_NANOS;
        break;
    case TL_PHYSICAL_FLOAT:
        set_kind(leaf, TL_PARQUET_FLOAT, TL_CONVERT_NOTHING);
        break;
    case TL_PHYSICAL_DOUBLE:
        set_kind(leaf, TL_PARQUET_DOUBLE, TL_CONVERT_NOTHING);
        break;
    default:
        set_kind(leaf, TL_PARQUET_BYTES, TL_CONVERT_NOTHING);
        break;
    }
}

static void settle_kind(tl_parquet_leaf *leaf, const schema_element *element)
{
    bool is_bytes = leaf->physical == TL_PHYSICAL_BYTE_ARRAY || leaf->physical == TL_PHYSICAL_FIXED;
    bool is_integer = leaf->physical == TL_PHYSICAL_INT32 || leaf->physical == TL_PHYSICAL_INT64;
    set_physical_kind(leaf, element);
    if (is_bytes &&
        (element->logical == LOGICAL_STRING || element->logical == LOGICAL_ENUM || element->logical == LOGICAL_JSON)) {
        leaf->column.kind = TL_PARQUET_TEXT;
        leaf->column.is_json = element->logical == LOGICAL_JSON;
    } else if (is_integer &&
               (element->logical == LOGICAL_DATE || element->logical == LOGICAL_TIME || element->logical == LOGICAL_TIMESTAMP)) {
        leaf->column.unit = element->unit;
    } else if (element->logical == LOGICAL_FLOAT16 && leaf->physical == TL_PHYSICAL_FIXED && leaf->type_length == 2) {
        set_kind(leaf, TL_PARQUET_FLOAT, TL_CONVERT_FLOAT16);
    } else if (element->logical == LOGICAL_DECIMAL) {
        set_decimal(leaf, element);
    }
    if (leaf->physical == TL_PHYSICAL_FIXED && leaf->type_length == 0)
        set_unreadable(leaf, "binary of fixed length 0");
    if (leaf->max_repetition > 1)
        set_unreadable(leaf, "a list of lists");
    if (leaf->max_definition > TL_PARQUET_MAX_LEVEL)
        set_unreadable(leaf, "nested too deep");
}

static bool add_leaf(schema_walk *walk, const schema_element *element, schema_levels levels, tl_error *err)
{
    tl_parquet_file *file = walk->file;
    tl_parquet_leaf *leaf = &file->leaves[file->leaf_count++];
    *leaf = (tl_parquet_leaf){.physical = (tl_parquet_physical)element->physical,
                              .type_length = element->physical == TL_PHYSICAL_FIXED   ? element->type_length
                                             : element->physical == TL_PHYSICAL_INT96 ? TL_PARQUET_INT96_SIZE
                                                                                      : 0,
                              .max_definition = levels.definition,
                              .max_repetition = levels.repetition,
                              .list_definition = levels.list_definition};
    leaf->column.path = tl_arena_copy_text(file->arena, walk->path.data, walk->path.size, err);
    leaf->column.name = tl_arena_copy_text(file->arena, walk->name.data, walk->name.size, err);
    if (leaf->column.path == NULL || leaf->column.name == NULL)
        return false;
    leaf->column.is_list = levels.repetition != 0;
    leaf->column.is_nullable = levels.repetition != 0 ? levels.list_definition > 1 : levels.definition != 0;
    settle_kind(leaf, element);
    return true;
}

static bool append_name(tl_string *text, tl_slice name, tl_error *err)
{
    return (text->size == 0 || tl_string_append(text, ".", 1, err)) && tl_string_append(text, name.data, name.size, err);
}

/* What the children of a node are called by: the repeated child of a LIST or MAP is a wrapper, and so is the only child of that
 * of a LIST, except where old writers made the repeated group itself the item ("array", "<list>_tuple"). */
static wrapper wrapper_below(const schema_element *element, wrapper above, tl_slice list_name)
{
    if (element->logical == LOGICAL_LIST)
        return WRAPPER_LIST;
    if (element->logical == LOGICAL_MAP)
        return WRAPPER_MAP;
    if (above != WRAPPER_LIST || element->repetition != REPEATED || element->child_count != 1)
        return WRAPPER_NONE;
    static const char tuple[] = "_tuple";
    tl_slice name = element->name;
    bool is_item = tl_slice_equal(name, tl_slice_of("array")) ||
                   (name.size == list_name.size + sizeof tuple - 1 &&
                    (list_name.size == 0 || memcmp(name.data, list_name.data, list_name.size) == 0) &&
                    memcmp(name.data + list_name.size, tuple, sizeof tuple - 1) == 0);
    return is_item ? WRAPPER_NONE : WRAPPER_ITEM;
}

static void cut_text(tl_string *text, size_t size)
{
    text->size = size;
    text->data[size] = '\0';
}

/* Walks the element at walk->next and all below it. */
static bool walk_element(schema_walk *walk, schema_levels levels, wrapper above, tl_slice list_name, unsigned depth,
                         tl_error *err)
{
    if (depth == MAX_SCHEMA_DEPTH)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected columns nested at most %d deep, found more", MAX_SCHEMA_DEPTH);
    if (walk->next == walk->count)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected more than %zu elements of the schema, found its end", walk->count);
    const schema_element *element = &walk->elements[walk->next++];
    size_t path_size = walk->path.size, name_size = walk->name.size;
    bool is_wrapper =
        ((above == WRAPPER_LIST || above == WRAPPER_MAP) && element->repetition == REPEATED) || above == WRAPPER_ITEM;
    if (element->name.size + 1 > MAX_PATH_SIZE - path_size)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected names of columns of at most %d bytes, found a longer one",
                       MAX_PATH_SIZE);
    if (!append_name(&walk->path, element->name, err) || (!is_wrapper && !append_name(&walk->name, element->name, err)))
        return false;
    if (element->repetition != REQUIRED)
        levels.definition++;
    if (element->repetition == REPEATED && levels.repetition++ == 0)
        levels.list_definition = levels.definition;
    if (element->physical >= 0) {
        if (!add_leaf(walk, element, levels, err))
            return false;
    } else {
        wrapper below = wrapper_below(element, above, list_name);
        for (uint32_t i = 0; i < element->child_count; i++)
            if (!walk_element(walk, levels, below, element->name, depth + 1, err))
                return false;
    }
    cut_text(&walk->path, path_size);
    cut_text(&walk->name, name_size);
    return true;
}

static bool walk_schema(tl_parquet_file *file, const schema_element *elements, size_t count, tl_error *err)
{
    if (count == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a schema, found none");
    file->leaves = tl_arena_allocate(file->arena, count, sizeof *file->leaves, err);
    if (file->leaves == NULL)
        return false;
    schema_walk walk = {.file = file, .elements = elements, .count = count, .next = 1};
    tl_string_init(&walk.path, MAX_PATH_SIZE);
    tl_string_init(&walk.name, MAX_PATH_SIZE);
    bool ok = true;
    for (uint32_t i = 0; ok && i < elements[0].child_count; i++)
        ok = walk_element(&walk, (schema_levels){0, 0, 0}, WRAPPER_NONE, (tl_slice){NULL, 0}, 0, err);
    if (ok && walk.next != count)
        ok = tl_fail(err, TL_ERROR_CORRUPT, "expected %zu elements of the schema, found %zu", walk.next, count);
    tl_string_clear(&walk.path);
    tl_string_clear(&walk.name);
    return ok;
}

bool tl_parquet__read_schema(tl_parquet_file *file, tl_thrift_reader *in, tl_thrift_field field, tl_error *err)
{
    uint32_t count;
    if (!tl_thrift__list(in, field, TL_THRIFT_STRUCT, &count, err))
        return false;
    if (count > MAX_ELEMENTS)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d elements of the schema, found %u", MAX_ELEMENTS,
                       (unsigned)count);
    schema_element *elements = tl_memory_allocate(count, sizeof *elements, err);
    if (elements == NULL)
        return false;
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++)
        ok = read_element(in, &elements[i], err);
    ok = ok && walk_schema(file, elements, count, err);
    tl_memory_free(elements);
    return ok;
}

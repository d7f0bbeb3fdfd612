/*
 * Reader: the header is parsed once into an array of views sorted by offset; the offsets must tile the data exactly (no gap, no
 * overlap, nothing after the end), as the format's own library demands, and each length must be what type and shape give.
 * A second array, sorted by name, answers lookups. Names are borrowed from the parsed JSON, which therefore lives as long.
 * Writer: JSON header padded with spaces so that the values start at a multiple of 64 bytes.
 */
#include "encoders/weights/safetensors.h"

#include "base/core/memory.h"
#include "base/io/json.h"
#include "base/io/mapping.h"

#include <stdlib.h>
#include <string.h>

enum {
    PREFIX_SIZE = 8,
    MAX_HEADER_SIZE = 16 << 20, /* the format allows 100 MB; 100,000 tensors fit into this */
    MAX_TENSORS = 100000,
    DATA_ALIGNMENT = 64
};

struct tl_safetensors {
    tl_mapping mapping; /* empty when the bytes are the caller's */
    tl_slice bytes;
    tl_json *header;
    tl_tensor_view *views;          /* by offset */
    const tl_tensor_view **by_name; /* pointers into views */
    size_t count;
};

typedef struct known_type {
    const char *name;
    tl_tensor_type type;
    size_t size; /* bytes of one value */
} known_type;

static const known_type known_types[] = {
    {"F32", TL_TENSOR_F32, 4},    {"F16", TL_TENSOR_F16, 2},       {"BF16", TL_TENSOR_BF16, 2},     {"F64", TL_TENSOR_OTHER, 8},
    {"I64", TL_TENSOR_OTHER, 8},  {"I32", TL_TENSOR_OTHER, 4},     {"I16", TL_TENSOR_OTHER, 2},     {"I8", TL_TENSOR_OTHER, 1},
    {"U64", TL_TENSOR_OTHER, 8},  {"U32", TL_TENSOR_OTHER, 4},     {"U16", TL_TENSOR_OTHER, 2},     {"U8", TL_TENSOR_OTHER, 1},
    {"BOOL", TL_TENSOR_OTHER, 1}, {"F8_E4M3", TL_TENSOR_OTHER, 1}, {"F8_E5M2", TL_TENSOR_OTHER, 1},
};

static const known_type *type_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++)
        if (strcmp(known_types[i].name, name) == 0)
            return &known_types[i];
    return NULL;
}

/* What visiting the header's members needs to know. */
typedef struct header_reading {
    tl_safetensors *file;
    tl_slice data;
    tl_error *err;
} header_reading;

static bool read_shape(const tl_json *shape, tl_tensor_view *view, tl_error *err)
{
    size_t rank = tl_json_array_size(shape);
    if (rank > TL_TENSOR_MAX_RANK)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d dimensions, found %zu", TL_TENSOR_MAX_RANK, rank);
    view->rank = (uint32_t)rank;
    view->count = 1;
    for (size_t i = 0; i < rank; i++) {
        int64_t side;
        if (!tl_json_integer(tl_json_array_item(shape, i), &side) || side < 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "'shape': expected whole numbers from 0 on");
        view->shape[i] = (size_t)side;
        if (!tl_size_multiply(view->count, (size_t)side, &view->count))
            return tl_fail(err, TL_ERROR_CORRUPT, "'shape': the product of its sides passes the size of memory");
    }
    return true;
}

static bool read_tensor(const tl_json *value, tl_slice data, tl_tensor_view *view, tl_error *err)
{
    const char *type_name;
    if (!tl_json_is_object(value))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an object");
    if (!tl_json_get_text(value, "dtype", &type_name, err))
        return false;
    const known_type *type = type_of_name(type_name);
    if (type == NULL)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'dtype': unknown type '%.20s'", type_name);
    view->type = type->type;
    view->type_name = type->name;
    const tl_json *shape = tl_json_member(value, "shape");
    const tl_json *offsets = tl_json_member(value, "data_offsets");
    if (!tl_json_is_array(shape))
        return tl_fail(err, TL_ERROR_CORRUPT, "'shape': expected an array");
    if (!read_shape(shape, view, err))
        return false;
    int64_t begin;
    int64_t end;
    if (tl_json_array_size(offsets) != 2 || !tl_json_integer(tl_json_array_item(offsets, 0), &begin) ||
        !tl_json_integer(tl_json_array_item(offsets, 1), &end))
        return tl_fail(err, TL_ERROR_CORRUPT, "'data_offsets': expected two integers");
    if (begin < 0 || end < begin || (uint64_t)end > data.size)
        return tl_fail(err, TL_ERROR_CORRUPT, "'data_offsets': expected a range within 0 to %zu, found %lld to %lld", data.size,
                       (long long)begin, (long long)end);
    size_t size;
    if (!tl_size_multiply(view->count, type->size, &size) || size != (size_t)(end - begin))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu values of %zu bytes, found %lld bytes", view->count, type->size,
                       (long long)(end - begin));
    view->bytes = (tl_slice){data.data + begin, size};
    return true;
}

static bool is_text(void *context, const char *name, const tl_json *value)
{
    tl_error *err = context;
    if (tl_json_text(value) != NULL)
        return true;
    return tl_fail(err, TL_ERROR_CORRUPT, "'__metadata__': '%.40s': expected a text", name);
}

static bool read_member(void *context, const char *name, const tl_json *value)
{
    header_reading *reading = context;
    if (strcmp(name, "__metadata__") == 0) {
        if (!tl_json_is_object(value))
            return tl_fail(reading->err, TL_ERROR_CORRUPT, "'__metadata__': expected an object");
        return tl_json_each_member(value, is_text, reading->err) || tl_json_object_size(value) == 0;
    }
    tl_tensor_view *view = &reading->file->views[reading->file->count];
    view->name = name;
    if (!read_tensor(value, reading->data, view, reading->err))
        return tl_fail_within(reading->err, "tensor '%.80s'", name);
    reading->file->count++;
    return true;
}

static int compare_places(const void *left, const void *right)
{
    const tl_tensor_view *a = left;
    const tl_tensor_view *b = right;
    if (a->bytes.data != b->bytes.data)
        return a->bytes.data < b->bytes.data ? -1 : 1;
    if (a->bytes.size != b->bytes.size) /* empty tensors come before the one that starts where they stand */
        return a->bytes.size < b->bytes.size ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_names(const void *left, const void *right)
{
    const tl_tensor_view *const *a = left;
    const tl_tensor_view *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static bool check_tiling(const tl_safetensors *file, tl_slice data, tl_error *err)
{
    size_t reached = 0;
    for (size_t i = 0; i < file->count; i++) {
        const tl_tensor_view *view = &file->views[i];
        size_t begin = (size_t)(view->bytes.data - data.data);
        if (begin != reached)
            return tl_fail(err, TL_ERROR_CORRUPT, "tensor '%.80s': expected its data at offset %zu, found %zu: %s", view->name,
                           reached, begin, begin > reached ? "a gap" : "an overlap");
        reached += view->bytes.size;
    }
    if (reached != data.size)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected %zu bytes of tensors, found %zu", reached, data.size);
    return true;
}

static bool read_header(tl_safetensors *file, tl_error *err)
{
    if (file->bytes.size < PREFIX_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a header of at least %d bytes, found %zu", PREFIX_SIZE, file->bytes.size);
    uint64_t header_size = 0;
    for (size_t i = 0; i < PREFIX_SIZE; i++)
        header_size |= (uint64_t)(unsigned char)file->bytes.data[i] << (8 * i);
    if (header_size > MAX_HEADER_SIZE || header_size > file->bytes.size - PREFIX_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a header of at most %zu bytes, found %llu",
                       file->bytes.size - PREFIX_SIZE < MAX_HEADER_SIZE ? file->bytes.size - PREFIX_SIZE
                                                                        : (size_t)MAX_HEADER_SIZE,
                       (unsigned long long)header_size);
    tl_slice text = {file->bytes.data + PREFIX_SIZE, (size_t)header_size};
    header_reading reading = {file, {text.data + text.size, file->bytes.size - PREFIX_SIZE - text.size}, err};
    if (text.size == 0 || text.data[0] != '{')
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a header that starts with '{'");
    if (!tl_json_parse(text, "header", &file->header, err))
        return false;
    size_t members = tl_json_object_size(file->header);
    if (members > MAX_TENSORS)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected at most %d tensors, found %zu", MAX_TENSORS, members);
    file->views = tl_memory_allocate(members, sizeof *file->views, err);
    file->by_name = file->views != NULL ? tl_memory_allocate(members, sizeof *file->by_name, err) : NULL;
    if (file->by_name == NULL)
        return false;
    if (members != 0 && !tl_json_each_member(file->header, read_member, &reading))
        return false;
    if (file->count != 0)
        qsort(file->views, file->count, sizeof *file->views, compare_places);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->views[i];
    if (file->count != 0)
        qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
    return check_tiling(file, reading.data, err);
}

static bool open_bytes(tl_mapping mapping, tl_slice bytes, const char *name, tl_safetensors **out, tl_error *err)
{
    tl_safetensors *file = tl_memory_allocate(1, sizeof *file, err);
    if (file == NULL) {
        tl_mapping_close(&mapping);
        return false;
    }
    file->mapping = mapping;
    file->bytes = bytes;
    if (!read_header(file, err)) {
        tl_safetensors_close(file);
        return tl_fail_within(err, "'%s'", name);
    }
    *out = file;
    return true;
}

bool tl_safetensors_open(const char *path, tl_safetensors **out, tl_error *err)
{
    tl_mapping mapping;
    return tl_mapping_open(path, &mapping, err) && open_bytes(mapping, mapping.bytes, path, out, err);
}

bool tl_safetensors_parse(tl_slice bytes, const char *name, tl_safetensors **out, tl_error *err)
{
    return open_bytes((tl_mapping){{NULL, 0}}, bytes, name, out, err);
}

void tl_safetensors_close(tl_safetensors *file)
{
    if (file == NULL)
        return;
    tl_memory_free(file->by_name);
    tl_memory_free(file->views);
    tl_json_free(file->header);
    tl_mapping_close(&file->mapping);
    tl_memory_free(file);
}

void tl_safetensors_release(const tl_safetensors *file)
{
    tl_mapping_release(&file->mapping);
}

size_t tl_safetensors_count(const tl_safetensors *file)
{
    return file->count;
}

const tl_tensor_view *tl_safetensors_item(const tl_safetensors *file, size_t index)
{
    return index < file->count ? &file->views[index] : NULL;
}

const tl_tensor_view *tl_safetensors_find(const tl_safetensors *file, const char *name)
{
    size_t low = 0;
    size_t high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->name);
        if (order == 0)
            return file->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

tl_slice tl_safetensors_bytes(const tl_safetensors *file)
{
    return file->bytes;
}

const float *tl_tensor_view_floats(const tl_tensor_view *view)
{
    if (view->type != TL_TENSOR_F32 || (uintptr_t)view->bytes.data % sizeof(float) != 0)
        return NULL;
    return (const float *)(const void *)view->bytes.data;
}

enum { SHAPE_TEXT_SIZE = 8 + TL_TENSOR_MAX_RANK * 22 };

/* "[2, 3]", in a buffer that holds the longest. */
static const char *shape_text(uint32_t rank, const size_t *shape, char text[SHAPE_TEXT_SIZE])
{
    size_t used = (size_t)snprintf(text, SHAPE_TEXT_SIZE, "[");
    for (uint32_t i = 0; i < rank && i < TL_TENSOR_MAX_RANK; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT_SIZE - used, "%s%zu", i != 0 ? ", " : "", shape[i]);
    snprintf(text + used, SHAPE_TEXT_SIZE - used, "]");
    return text;
}

const float *tl_safetensors_expect(const tl_safetensors *file, const char *name, uint32_t rank, const size_t *shape,
                                   tl_error *err)
{
    char expected[SHAPE_TEXT_SIZE];
    char found[SHAPE_TEXT_SIZE];
    const tl_tensor_view *view = tl_safetensors_find(file, name);
    if (view == NULL) {
        tl_fail(err, TL_ERROR_CORRUPT, "tensor '%s': expected shape %s, found no such tensor", name,
                shape_text(rank, shape, expected));
        return NULL;
    }
    if (view->rank != rank || (rank != 0 && memcmp(view->shape, shape, rank * sizeof *shape) != 0)) {
        tl_fail(err, TL_ERROR_CORRUPT, "tensor '%s': expected shape %s, found %s", name, shape_text(rank, shape, expected),
                shape_text(view->rank, view->shape, found));
        return NULL;
    }
    if (view->type != TL_TENSOR_F32) {
        tl_fail(err, TL_ERROR_UNSUPPORTED, "tensor '%s': expected type F32, found %s", name, view->type_name);
        return NULL;
    }
    const float *values = tl_tensor_view_floats(view);
    if (values == NULL)
        tl_fail(err, TL_ERROR_UNSUPPORTED, "tensor '%s': expected data at a multiple of 4 bytes, found it at byte %zu", name,
                (size_t)(view->bytes.data - file->bytes.data));
    return values;
}

/* Names are ours: rows of a parameter table, perhaps with a prefix. */
static bool needs_no_escape(const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e || *at == '"' || *at == '\\')
            return false;
    return true;
}

static size_t value_count(const tl_tensor_source *tensor)
{
    size_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

static bool append_tensor_header(tl_string *header, const tl_tensor_source *tensor, uint64_t begin, uint64_t end, tl_error *err)
{
    TL_ASSERT(needs_no_escape(tensor->name));
    if (!tl_string_append_format(header, err, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensor->name,
                                 tensor->type_name != NULL ? tensor->type_name : "F32"))
        return false;
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!tl_string_append_format(header, err, "%s%zu", i != 0 ? "," : "", tensor->shape[i]))
            return false;
    return tl_string_append_format(header, err, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                                   (unsigned long long)end);
}

static uint64_t byte_count(const tl_tensor_source *tensor)
{
    return tensor->size != 0 ? tensor->size : (uint64_t)value_count(tensor) * sizeof(float);
}

static bool build_header(const tl_tensor_source *tensors, size_t count, tl_string *header, tl_error *err)
{
    uint64_t reached = 0;
    if (!tl_string_append_text(header, "{\"__metadata__\":{\"format\":\"pt\"}", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t end = reached + byte_count(&tensors[i]);
        if (!append_tensor_header(header, &tensors[i], reached, end, err))
            return false;
        reached = end;
    }
    if (!tl_string_append_text(header, "}", err))
        return false;
    while ((PREFIX_SIZE + header->size) % DATA_ALIGNMENT != 0)
        if (!tl_string_append(header, " ", 1, err))
            return false;
    return true;
}

static bool write_hashed(tl_file_writer *writer, tl_hasher *hasher, const void *bytes, size_t size, uint64_t *total,
                         tl_error *err)
{
    if (hasher != NULL)
        tl_hasher_add(hasher, bytes, size);
    *total += size;
    return tl_file_writer_write(writer, bytes, size, err);
}

static bool write_header(tl_file_writer *writer, const tl_tensor_source *tensors, size_t count, tl_hasher *hasher,
                         uint64_t *total, tl_error *err)
{
    bool ok = false;
    tl_string header;
    tl_string_init(&header, MAX_HEADER_SIZE);
    if (!build_header(tensors, count, &header, err))
        goto done;
    unsigned char prefix[PREFIX_SIZE];
    for (size_t i = 0; i < PREFIX_SIZE; i++)
        prefix[i] = (unsigned char)((uint64_t)header.size >> (8 * i));
    ok = write_hashed(writer, hasher, prefix, sizeof prefix, total, err) &&
         write_hashed(writer, hasher, header.data, header.size, total, err);
done:
    tl_string_clear(&header);
    return ok;
}

bool tl_safetensors_write_header(tl_file_writer *writer, const tl_tensor_source *tensors, size_t count, tl_error *err)
{
    uint64_t total = 0;
    return write_header(writer, tensors, count, NULL, &total, err);
}

bool tl_safetensors_write(tl_file_writer *writer, const tl_tensor_source *tensors, size_t count, tl_hasher *hasher,
                          uint64_t *size, tl_error *err)
{
    uint64_t total = 0;
    if (!write_header(writer, tensors, count, hasher, &total, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!write_hashed(writer, hasher, tensors[i].values, value_count(&tensors[i]) * sizeof(float), &total, err))
            return false;
    if (size != NULL)
        *size = total;
    return true;
}

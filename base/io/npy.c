/*
 * Owns the header: magic, version, length, then a Python dictionary with the keys descr, fortran_order and shape in any order
 * (numpy.lib.format). It is read as what NumPy writes, key by key, and never evaluated.
 */
#include "base/io/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PRELUDE = 10, ALIGNMENT = 64, MAX_HEADER = 1 << 16 };

static const char magic[] = "\x93NUMPY";

static bool fail(const char *name, const char *what, tl_error *err)
{
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected a .npy array of %s, found another", name, what);
}

/* What follows 'key': in the dictionary, blanks passed over; NULL when it is not there. */
static const char *find_value(const char *header, size_t size, const char *key)
{
    size_t key_size = strlen(key);
    for (const char *at = header, *end = header + size; (size_t)(end - at) > key_size + 3; at++)
        if ((at[0] == '\'' || at[0] == '"') && memcmp(at + 1, key, key_size) == 0 && at[key_size + 1] == at[0]) {
            at += key_size + 2;
            while (at < end && (*at == ' ' || *at == ':'))
                at++;
            return at < end ? at : NULL;
        }
    return NULL;
}

/* A whole number and the blanks around it. */
static bool read_number(const char **at, const char *end, size_t *out)
{
    while (*at < end && **at == ' ')
        ++*at;
    const char *first = *at;
    for (*out = 0; *at < end && isdigit((unsigned char)**at) && *at - first < 15; ++*at)
        *out = 10 * *out + (size_t)(**at - '0');
    bool ok = *at != first;
    while (*at < end && **at == ' ')
        ++*at;
    return ok;
}

static bool read_shape(const char *at, const char *end, size_t *rows, size_t *columns)
{
    return at < end && *at++ == '(' && read_number(&at, end, rows) && at < end && *at++ == ',' &&
           read_number(&at, end, columns) && at < end && (*at == ')' || (*at == ',' && at + 1 < end && at[1] == ')'));
}

static bool read_type(const char *at, const char *end, tl_npy_type *out)
{
    if (end - at < 5 || (*at != '\'' && *at != '"') || at[4] != *at || at[1] != '<' || at[2] != 'f' ||
        (at[3] != '2' && at[3] != '4'))
        return false;
    *out = at[3] == '2' ? TL_NPY_F16 : TL_NPY_F32;
    return true;
}

bool tl_npy_read(tl_slice bytes, const char *name, tl_npy *out, tl_error *err)
{
    const uint8_t *start = (const uint8_t *)bytes.data;
    if (bytes.size < PRELUDE + 2 || memcmp(start, magic, sizeof magic - 1) != 0 || start[6] < 1 || start[6] > 3)
        return tl_fail(err, TL_ERROR_INVALID, "'%s': expected a .npy file, found another", name);
    size_t prelude = start[6] == 1 ? PRELUDE : PRELUDE + 2, size = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1)
        size |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    if (size > MAX_HEADER || size > bytes.size - prelude)
        return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected a header of %zu bytes, found the end", name, size);
    const char *header = bytes.data + prelude, *end = header + size;
    const char *type = find_value(header, size, "descr"), *order = find_value(header, size, "fortran_order"),
               *shape = find_value(header, size, "shape");
    if (type == NULL || !read_type(type, end, &out->type))
        return fail(name, "float16 or float32", err);
    if (order == NULL || end - order < 5 || memcmp(order, "False", 5) != 0)
        return fail(name, "rows one after the other (C order)", err);
    if (shape == NULL || !read_shape(shape, end, &out->rows, &out->columns) || out->columns == 0)
        return fail(name, "two dimensions", err);
    size_t left = bytes.size - prelude - size, item = out->type == TL_NPY_F16 ? 2 : 4;
    if (out->columns > left / item || out->rows != left / item / out->columns || left != out->rows * out->columns * item) {
        if (out->rows != 0 || left != 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected %zu x %zu numbers of %zu bytes, found %zu bytes", name,
                           out->rows, out->columns, item, left);
    }
    out->numbers = start + prelude + size;
    return true;
}

bool tl_npy_write_header(tl_file_writer *writer, tl_npy_type type, size_t rows, size_t columns, tl_error *err)
{
    char header[4 * ALIGNMENT];
    int size =
        snprintf(header + PRELUDE, sizeof header - PRELUDE, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 type == TL_NPY_F16 ? 2 : 4, rows, columns);
    size_t whole = (PRELUDE + (size_t)size + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(header + PRELUDE + size, ' ', whole - PRELUDE - (size_t)size);
    header[whole - 1] = '\n';
    memcpy(header, magic, sizeof magic - 1);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)((whole - PRELUDE) & 0xff);
    header[9] = (char)((whole - PRELUDE) >> 8);
    return tl_file_writer_write(writer, header, whole, err);
}

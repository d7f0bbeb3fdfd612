/* Headers as NumPy writes them, and all the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/core/string.h"
#include "base/io/npy.h"

#include <stdio.h>
#include <string.h>

/* A file of that version and header, with size bytes of zeros after it. */
static tl_slice make(char *out, int version, const char *header, size_t size)
{
    size_t header_size = strlen(header), prelude = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (char)version;
    out[7] = 0;
    out[8] = (char)(header_size & 255);
    out[9] = (char)(header_size >> 8);
    out[10] = out[11] = 0;
    memcpy(out + prelude, header, header_size);
    memset(out + prelude + header_size, 0, size);
    return (tl_slice){out, prelude + header_size + size};
}

static void reads_what_numpy_writes(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        tl_npy_type type;
        size_t rows, columns;
    } good[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }          \n", TL_NPY_F32, 3, 5},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1, 7), }\n", TL_NPY_F16, 1, 7},
        {"{'shape': (2, 2), 'fortran_order': False, 'descr': '<f4'}", TL_NPY_F32, 2, 2},
        {"{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(2,2,)}", TL_NPY_F32, 2, 2},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (0, 512), }", TL_NPY_F16, 0, 512},
    };
    char bytes[512];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (int version = 1; version <= 3; version++) {
            tl_npy npy;
            tl_error error = {0};
            size_t size = good[i].rows * good[i].columns * (good[i].type == TL_NPY_F16 ? 2 : 4);
            tl_slice file = make(bytes, version, good[i].header, size);
            if (!tl_npy_read(file, "x", &npy, &error))
                fail_msg("%s: %s", good[i].header, error.message);
            assert_int_equal(npy.type, good[i].type);
            assert_int_equal(npy.rows, good[i].rows);
            assert_int_equal(npy.columns, good[i].columns);
            assert_ptr_equal(npy.numbers + size, file.data + file.size);
            if (size != 0) { /* a byte more or less is no such file */
                file.size--;
                assert_false(tl_npy_read(file, "x", &npy, NULL));
                file.size++;
            }
            file.size++;
            assert_false(tl_npy_read(file, "x", &npy, NULL));
        }
}

static void refuses_the_others(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 5), }",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 5), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3, 5), }",
        "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 5), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (15,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3, -5), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 999999999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ",
        "{'descr': '<f4', 'fortran_order': False",
        "{'descr': ",
        "{}",
        "",
    };
    char bytes[512];
    tl_npy npy;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (tl_npy_read(make(bytes, 1, wrong[i], 60), "x", &npy, NULL))
            fail_msg("%s: expected an error, found none", wrong[i]);
    tl_slice file = make(bytes, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }", 60);
    for (size_t size = 0; size < file.size; size++)
        assert_false(tl_npy_read((tl_slice){bytes, size}, "x", &npy, NULL));
    bytes[6] = 4;
    assert_false(tl_npy_read(file, "x", &npy, NULL));
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    tl_file_writer *writer = NULL;
    tl_string bytes;
    tl_npy npy;
    tl_string_init(&bytes, 1 << 20);
    assert_true(tl_file_writer_open("written.npy", &writer, NULL));
    assert_true(tl_npy_write_header(writer, TL_NPY_F32, 2, 3, NULL));
    assert_true(tl_file_writer_write(writer, numbers, sizeof numbers, NULL));
    assert_true(tl_file_writer_commit(writer, NULL));
    tl_file_writer_close(writer);
    assert_true(tl_file_read("written.npy", &bytes, NULL));
    assert_true(tl_npy_read(tl_string_slice(&bytes), "written.npy", &npy, NULL));
    assert_int_equal(npy.rows, 2);
    assert_int_equal(npy.columns, 3);
    assert_memory_equal(npy.numbers, numbers, sizeof numbers);
    assert_int_equal((size_t)((const char *)npy.numbers - bytes.data) % 64, 0); /* as the format asks */
    tl_string_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_numpy_writes),
        cmocka_unit_test(refuses_the_others),
        cmocka_unit_test(reads_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Packed forms in memory and in a file: the same numbers; a file that is not of these weights is no file. */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "encoders/weights/packed_weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 4, OUT = 40, IN = 19, WIDE = 70 };

static const char fingerprint[] = "0123456789abcdef0123456789abcdef";

typedef struct weights {
    tl_parameter_table table; /* a matrix, a vector, two more matrices */
    float *block;
    tl_weight values[ROWS];
} weights;

static void make(weights *self)
{
    static const struct {
        const char *name;
        uint32_t rank;
        size_t shape[2];
    } rows[ROWS] = {{"first", 2, {OUT, IN}}, {"bias", 1, {OUT}}, {"second", 2, {3, WIDE}}, {"third", 2, {IN, OUT}}};
    tl_error err;
    *self = (weights){0};
    for (size_t i = 0; i < ROWS; i++) {
        size_t index;
        assert_true(tl_parameter_table_add(&self->table, rows[i].name, rows[i].rank, rows[i].shape, false, TL_INITIALIZE_NORMAL,
                                           0.5F, &index, &err));
        if (rows[i].rank == 2)
            tl_parameter_table_mark_product(&self->table, index);
    }
    self->block = tl_memory_allocate_aligned(self->table.flat_count, sizeof(float), &err);
    assert_non_null(self->block);
    for (size_t i = 0; i < self->table.flat_count; i++)
        self->block[i] = (float)((int)(i * 37 % 1009) - 504) / 512.0F; /* exact on every machine */
    tl_parameter_table_point_weights(&self->table, self->block, self->values);
}

static void clear(weights *self)
{
    tl_memory_free(self->block);
    tl_parameter_table_clear(&self->table);
}

static void forget(weights *self)
{
    for (size_t i = 0; i < ROWS; i++)
        self->values[i].packed = (tl_packed_weight){.panels = NULL};
}

/* Of all panels and scales of the matrices: what a product would read. */
static uint64_t hash_forms(const weights *self)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const tl_packed_weight *packed = &self->values[i].packed;
        if (packed->panels == NULL)
            continue;
        assert_int_equal((uintptr_t)packed->panels % 64, 0);
        hash = hash * 31 + tl_hash64(packed->panels, tl_packed_panel_size(packed->kind, packed->out, packed->in));
        if (packed->scales != NULL)
            hash = hash * 31 + tl_hash64(packed->scales, packed->out * sizeof(float));
    }
    return hash;
}

/* When one of these changes, panels are arranged in another way: raise VERSION of packed_weights.c, or kept files lie. */
static void the_arrangement_is_that_of_kept_files(void **state)
{
    (void)state;
    static const uint64_t expected[] = {[TL_PACKED_F32] = UINT64_C(0xecdd3047bdcff2b8),
                                        [TL_PACKED_BF16] = UINT64_C(0x8d26d24d1252e43a),
                                        [TL_PACKED_INT8] = UINT64_C(0x7f35cd3c91e02903)};
    for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++) {
        weights self;
        tl_error err;
        tl_packed_weights *packed;
        make(&self);
        const tl_packed_part part = {.kind = (tl_packed_kind)kind, .table = &self.table, .count = ROWS};
        assert_true(tl_packed_weights_create(&part, self.values, NULL, &packed, &err));
        assert_null(self.values[1].packed.panels); /* a vector */
        uint64_t found = hash_forms(&self);
        if (found != expected[kind])
            fail_msg("kind %d: expected 0x%016llx, found 0x%016llx", kind, (unsigned long long)expected[kind],
                     (unsigned long long)found);
        tl_packed_weights_destroy(packed);
        clear(&self);
    }
}

static void a_kept_file_has_the_same_numbers(void **state)
{
    (void)state;
    for (int kind = TL_PACKED_F32; kind <= TL_PACKED_INT8; kind++) {
        weights self;
        tl_error err;
        tl_packed_weights *packed, *kept;
        make(&self);
        const tl_packed_part part = {
            .kind = (tl_packed_kind)kind, .table = &self.table, .first = 1, .count = ROWS - 1}; /* without the first */
        assert_null(tl_packed_weights_map(&part, fingerprint, "none.packed", self.values));
        assert_true(tl_packed_weights_create(&part, self.values, NULL, &packed, &err));
        assert_null(self.values[0].packed.panels);
        const uint64_t hash = hash_forms(&self);
        assert_true(tl_packed_weights_keep(packed, &part, fingerprint, "kept.packed", &err));
        const size_t size = tl_packed_weights_size(packed);
        tl_packed_weights_destroy(packed);
        forget(&self);
        assert_non_null(kept = tl_packed_weights_map(&part, fingerprint, "kept.packed", self.values));
        assert_int_equal(tl_packed_weights_size(kept), size);
        assert_null(self.values[0].packed.panels);
        assert_true(hash_forms(&self) == hash);
        /* What is mapped can be kept as well. */
        assert_true(tl_packed_weights_keep(kept, &part, fingerprint, "again.packed", &err));
        tl_packed_weights_destroy(kept);
        forget(&self);
        assert_non_null(kept = tl_packed_weights_map(&part, fingerprint, "again.packed", self.values));
        assert_true(hash_forms(&self) == hash);
        tl_packed_weights_destroy(kept);
        clear(&self);
    }
}

static void write_bytes(const char *bytes, size_t size)
{
    assert_true(tl_file_replace("changed.packed", (tl_slice){bytes, size}, NULL));
}

/* Every byte of the header counts, and so does the size; then the weights are untouched. */
static void what_is_not_of_these_weights_is_not_mapped(void **state)
{
    (void)state;
    weights self;
    tl_error err;
    tl_packed_weights *packed;
    tl_string bytes;
    make(&self);
    const tl_packed_part part = {.kind = TL_PACKED_INT8, .table = &self.table, .count = ROWS};
    const tl_packed_part other_kind = {.kind = TL_PACKED_BF16, .table = &self.table, .count = ROWS},
                         fewer = {.kind = TL_PACKED_INT8, .table = &self.table, .count = 2};
    assert_true(tl_packed_weights_create(&part, self.values, NULL, &packed, &err));
    assert_true(tl_packed_weights_keep(packed, &part, fingerprint, "whole.packed", &err));
    tl_packed_weights_destroy(packed);
    forget(&self);
    tl_string_init(&bytes, 1 << 24);
    assert_true(tl_file_read("whole.packed", &bytes, &err));

    assert_null(tl_packed_weights_map(&other_kind, fingerprint, "whole.packed", self.values));
    assert_null(tl_packed_weights_map(&fewer, fingerprint, "whole.packed", self.values));
    assert_null(tl_packed_weights_map(&part, "0123456789abcdef0123456789abcdee", "whole.packed", self.values));
    assert_null(tl_packed_weights_map(&part, fingerprint, ".", self.values));
    for (size_t i = 0; i < 128; i++) {
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
        write_bytes(bytes.data, bytes.size);
        if (tl_packed_weights_map(&part, fingerprint, "changed.packed", self.values) != NULL)
            fail_msg("mapped a file whose byte %zu is another", i);
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
    }
    for (size_t cut = 0; cut <= bytes.size; cut += cut < 130 ? 13 : 611) {
        write_bytes(bytes.data, cut);
        if (cut != bytes.size && tl_packed_weights_map(&part, fingerprint, "changed.packed", self.values) != NULL)
            fail_msg("mapped a file of %zu bytes instead of %zu", cut, bytes.size);
    }
    assert_true(tl_string_append(&bytes, "", 1, &err));
    write_bytes(bytes.data, bytes.size);
    assert_null(tl_packed_weights_map(&part, fingerprint, "changed.packed", self.values));
    for (size_t i = 0; i < ROWS; i++)
        assert_null(self.values[i].packed.panels);
    write_bytes(bytes.data, bytes.size - 1);
    assert_non_null(packed = tl_packed_weights_map(&part, fingerprint, "changed.packed", self.values));
    tl_packed_weights_destroy(packed);
    tl_string_clear(&bytes);
    clear(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_arrangement_is_that_of_kept_files),
        cmocka_unit_test(a_kept_file_has_the_same_numbers),
        cmocka_unit_test(what_is_not_of_these_weights_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * One block: a header, the scales of all matrices and the norms around them, their panels; the same in memory and in a file.
 * Places in it follow from the parameter table alone, and a file must have exactly the size and the header that this table gives,
 * so that nothing that it says can lead outside of it. What its numbers are is vouched for by the fingerprint of the weights, as
 * for the weights themselves.
 */
#include "encoders/weights/packed_weights.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/mapping.h"

#include <string.h>

enum {
    VERSION = 2, /* to be raised when panels are arranged, or channels balanced, in another way */
    BYTE_ORDER_MARK = 0x01020304,
    LINE = 64
};

static const char magic[8] = {'T', 'W', 'L', 'P', 'A', 'C', 'K', 'S'};

typedef struct header {
    char magic[8];
    uint32_t version, byte_order;
    uint64_t size; /* of the file */
    uint32_t kind, matrix_count;
    uint64_t layout; /* hash of names, shapes and places of the matrices */
    char fingerprint[40];
    uint64_t unused[5];
    uint64_t hash; /* of the header up to here */
} header;

_Static_assert(sizeof(header) == 2 * LINE, "the header is laid out without gaps");

/* Where the form of one row lies in the block. */
typedef struct place {
    size_t row; /* number in the table */
    size_t out, in;
    size_t scales, panels; /* bytes from the start */
    bool is_balanced;
    size_t gain, shift, bias; /* then: likewise */
} place;

typedef struct block_layout {
    place *places;
    size_t count;
    size_t size;
} block_layout;

struct tl_packed_weights {
    block_layout layout;
    char *block;        /* NULL: it is mapped */
    tl_mapping mapping; /* empty: it is in memory */
};

static bool lay_out(const tl_packed_part *part, block_layout *out, tl_error *err)
{
    size_t at = sizeof(header);
    *out = (block_layout){.places = tl_memory_allocate(part->count, sizeof *out->places, err)};
    if (out->places == NULL)
        return false;
    for (size_t row = part->first; row < part->first + part->count; row++) {
        const tl_parameter *parameter = &part->table->items[row];
        const size_t rows = parameter->is_product ? parameter->shape[0] : 0, in = rows != 0 ? parameter->count / rows : 0;
        if (rows == 0 || in > tl_packed_most_in(part->kind)) /* that one stays as it is */
            continue;
        place *next = &out->places[out->count++];
        *next = (place){.row = row, .out = rows, .in = in, .scales = at};
        at += tl_whole_lines(tl_packed_scale_count(part->kind, rows) * sizeof(float));
        next->is_balanced = parameter->follows_norm && part->kind != TL_PACKED_F32;
        if (next->is_balanced) {
            next->gain = at;
            next->shift = next->gain + tl_whole_lines(in * sizeof(float));
            next->bias = next->shift + tl_whole_lines(in * sizeof(float));
            at = next->bias + tl_whole_lines(rows * sizeof(float));
        }
    }
    for (size_t i = 0; i < out->count; i++) {
        out->places[i].panels = at;
        at += tl_whole_lines(tl_packed_panel_size(part->kind, out->places[i].out, out->places[i].in));
    }
    out->size = at;
    return true;
}

static const float *floats_at(const char *block, size_t at, bool are_there)
{
    return are_there ? (const float *)(const void *)(block + at) : NULL;
}

static void point_values(const tl_packed_part *part, const block_layout *layout, const char *block, tl_weight *values)
{
    for (size_t i = 0; i < layout->count; i++) {
        const place *at = &layout->places[i];
        const bool has_scales = tl_packed_scale_count(part->kind, at->out) != 0;
        values[at->row].packed = (tl_packed_weight){.kind = part->kind,
                                                    .out = at->out,
                                                    .in = at->in,
                                                    .panels = block + at->panels,
                                                    .scales = floats_at(block, at->scales, has_scales),
                                                    .norm_gain = floats_at(block, at->gain, at->is_balanced),
                                                    .norm_bias = floats_at(block, at->shift, at->is_balanced),
                                                    .bias = floats_at(block, at->bias, at->is_balanced)};
    }
}

/* ---- in memory ---- */

typedef struct packing_job {
    const tl_packed_part *part;
    const block_layout *layout;
    const tl_weight *values;
    char *block;
    float *scratch; /* of each matrix */
    size_t scratch_each;
} packing_job;

static size_t count_scratch(const block_layout *layout)
{
    size_t most = 0;
    for (size_t i = 0; i < layout->count; i++) {
        const place *at = &layout->places[i];
        const size_t needed = at->is_balanced ? at->in + tl_balance_scratch_count(at->out, at->in) : 0;
        most = needed > most ? needed : most;
    }
    return most;
}

/* Returns what the columns are to be multiplied by. */
static const float *balance(const packing_job *job, const place *at, float *scratch)
{
    const tl_packed_part *part = job->part;
    const tl_parameter_norm *norm = &part->table->items[at->row].norm;
    const tl_normed_product product = {.weight = &job->values[at->row],
                                       .out = at->out,
                                       .in = at->in,
                                       .gain = tl_weight_floats(&job->values[norm->gain]),
                                       .shift = tl_weight_floats(&job->values[norm->shift]),
                                       .bias = tl_weight_floats(&job->values[norm->bias]),
                                       .ranges = part->ranges != NULL ? part->ranges[at->row - part->first] : NULL};
    char *block = job->block;
    tl_balance_channels(&product, part->kind == TL_PACKED_INT8, (float *)(void *)(block + at->gain),
                        (float *)(void *)(block + at->shift), (float *)(void *)(block + at->bias), scratch, scratch + at->in);
    return scratch;
}

static void pack_matrix(void *context, size_t index, size_t worker)
{
    (void)worker;
    const packing_job *job = context;
    const place *at = &job->layout->places[index];
    const float *factors = at->is_balanced ? balance(job, at, job->scratch + index * job->scratch_each) : NULL;
    tl_pack_weight(job->part->kind, &job->values[at->row], factors, at->out, at->in, job->block + at->panels,
                   (float *)(void *)(job->block + at->scales));
}

bool tl_packed_weights_create(const tl_packed_part *part, tl_weight *values, tl_thread_pool *pool, tl_packed_weights **out,
                              tl_error *err)
{
    tl_packed_weights *packed = tl_memory_allocate(1, sizeof *packed, err);
    if (packed == NULL || !lay_out(part, &packed->layout, err) ||
        (packed->block = tl_memory_allocate_aligned(packed->layout.size, 1, err)) == NULL) {
        tl_packed_weights_destroy(packed);
        return false;
    }
    packing_job job = {part, &packed->layout, values, packed->block, NULL, count_scratch(&packed->layout)};
    if (job.scratch_each != 0 &&
        (job.scratch = tl_memory_allocate(packed->layout.count, job.scratch_each * sizeof(float), err)) == NULL) {
        tl_packed_weights_destroy(packed);
        return false;
    }
    tl_thread_pool_run(pool, packed->layout.count, pack_matrix, &job);
    tl_memory_free(job.scratch);
    point_values(part, &packed->layout, packed->block, values);
    *out = packed;
    return true;
}

void tl_packed_weights_destroy(tl_packed_weights *packed)
{
    if (packed == NULL)
        return;
    tl_mapping_close(&packed->mapping);
    tl_memory_free(packed->block);
    tl_memory_free(packed->layout.places);
    tl_memory_free(packed);
}

size_t tl_packed_weights_size(const tl_packed_weights *packed)
{
    return packed->layout.size;
}

/* ---- in a file ---- */

static uint64_t mix(uint64_t hash, uint64_t number)
{
    const uint64_t both[2] = {hash, number};
    return tl_hash64(both, sizeof both);
}

static header header_of(const tl_packed_part *part, const block_layout *layout, const char *fingerprint)
{
    header self = {.version = VERSION,
                   .byte_order = BYTE_ORDER_MARK,
                   .size = layout->size,
                   .kind = (uint32_t)part->kind,
                   .matrix_count = (uint32_t)layout->count};
    memcpy(self.magic, magic, sizeof magic);
    for (size_t i = 0; i < layout->count; i++) {
        const place *at = &layout->places[i];
        const char *name = part->table->items[at->row].name;
        self.layout = mix(self.layout, tl_hash64(name, strlen(name)));
        self.layout = mix(mix(self.layout, at->out), at->in);
        self.layout = mix(mix(self.layout, at->scales), at->panels);
        if (at->is_balanced)
            self.layout = mix(self.layout, at->gain);
    }
    size_t size = strlen(fingerprint);
    memcpy(self.fingerprint, fingerprint, size < sizeof self.fingerprint ? size : sizeof self.fingerprint - 1);
    self.hash = tl_hash64(&self, offsetof(header, hash));
    return self;
}

bool tl_packed_weights_keep(const tl_packed_weights *packed, const tl_packed_part *part, const char *fingerprint,
                            const char *path, tl_error *err)
{
    tl_file_writer *writer = NULL;
    const header self = header_of(part, &packed->layout, fingerprint);
    const char *block = packed->block != NULL ? packed->block : packed->mapping.bytes.data;
    bool ok = tl_file_writer_open(path, &writer, err) && tl_file_writer_write(writer, &self, sizeof self, err) &&
              tl_file_writer_write(writer, block + sizeof self, packed->layout.size - sizeof self, err) &&
              tl_file_writer_commit(writer, err);
    tl_file_writer_close(writer);
    return ok;
}

tl_packed_weights *tl_packed_weights_map(const tl_packed_part *part, const char *fingerprint, const char *path, tl_weight *values)
{
    tl_file_status status;
    tl_packed_weights *packed = NULL;
    if (!tl_file_status_read(path, &status, NULL) || status.kind != TL_FILE_REGULAR ||
        (packed = tl_memory_allocate(1, sizeof *packed, NULL)) == NULL)
        return NULL;
    if (!lay_out(part, &packed->layout, NULL) || status.size != packed->layout.size ||
        !tl_mapping_open(path, &packed->mapping, NULL) || packed->mapping.bytes.size != packed->layout.size)
        goto unfit;
    const header expected = header_of(part, &packed->layout, fingerprint);
    if (memcmp(packed->mapping.bytes.data, &expected, sizeof expected) != 0)
        goto unfit;
    point_values(part, &packed->layout, packed->mapping.bytes.data, values);
    return packed;
unfit:
    tl_packed_weights_destroy(packed);
    return NULL;
}

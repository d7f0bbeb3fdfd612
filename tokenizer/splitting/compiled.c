/*
 * Owns the compiled table's bytes: lays them out, keeps them in a file beside the vocabulary, maps and checks that file.
 *
 * A kept table is used when the vocabulary has the size and time written in it; when only the time differs (a copied folder),
 * when the hash agrees. Its header carries a hash of itself. The large sections carry none, so that opening touches few pages;
 * they are asked through bounds instead. A wrong one gives wrong ids, as a wrong vocabulary would, and nothing worse.
 */
#include "tokenizer/splitting/compiled.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"

#include <math.h>

enum { VERSION = 1, BYTE_ORDER_MARK = 0x01020304, ALIGNMENT = 64, MAX_PROBES = 4096, MAX_SOURCES = 4 };

typedef enum section {
    TEXTS,
    OFFSETS,
    SCORES,
    TYPES,
    PIECE_TRIE,
    RULES,
    MERGES,
    ADDED,
    ADDED_RAW_TRIE,
    ADDED_NORMALIZED_TRIE,
    SECTION_COUNT
} section;

/* Bytes of one item of a section. */
static const size_t item_sizes[SECTION_COUNT] = {1, 4, 8, 1, 8, 1, sizeof(tl_merge), sizeof(tl_added_token), 8, 8};

static const char magic[8] = {'T', 'W', 'L', 'V', 'O', 'C', 'A', 'B'};

typedef struct header {
    char magic[8];
    uint32_t version, byte_order;
    uint64_t size; /* of the file */
    uint64_t source_size;
    int64_t source_modified_ns;
    uint64_t offsets[SECTION_COUNT], sizes[SECTION_COUNT]; /* bytes */
    tl_compiled_settings settings;
    uint64_t hash; /* of the header up to here */
} header;

_Static_assert(sizeof(header) == TL_COMPILED_HEADER_SIZE, "the header is laid out without gaps");

static uint64_t header_hash(const header *self)
{
    return tl_hash64(self, offsetof(header, hash));
}

static bool is_piece_or_none(const tl_compiled_settings *settings, int32_t id)
{
    return id >= -1 && id < (int32_t)settings->piece_count;
}

static bool check_settings(const tl_compiled_settings *self)
{
    bool ok = self->model >= TL_COMPILED_UNIGRAM && self->model <= TL_COMPILED_CLIP && self->flags < TL_COMPILED_FLAGS_END &&
              self->piece_count > 0 && self->piece_count <= TL_COMPILED_MAX_PIECES && self->merge_probes <= MAX_PROBES &&
              isfinite(self->unknown_score) && memchr(self->continuing, '\0', sizeof self->continuing) != NULL &&
              memchr(self->fingerprint, '\0', sizeof self->fingerprint) != NULL;
    ok = ok && is_piece_or_none(self, self->pad) && is_piece_or_none(self, self->unknown) && is_piece_or_none(self, self->bos) &&
         is_piece_or_none(self, self->eos);
    for (size_t i = 0; ok && i < 256; i++)
        ok = is_piece_or_none(self, self->byte_ids[i]);
    /* What SentencePiece puts for unknown characters must be there. */
    if (ok && (self->flags & TL_COMPILED_SENTENCEPIECE) != 0 && (self->flags & TL_COMPILED_BYTE_FALLBACK) == 0)
        ok = self->unknown >= 0;
    for (size_t i = 0; ok && i < 256 && (self->flags & TL_COMPILED_SENTENCEPIECE) != 0; i++)
        ok = (self->flags & TL_COMPILED_BYTE_FALLBACK) == 0 || self->byte_ids[i] >= 0;
    for (size_t i = 0; ok && i < TL_COMPILED_MAX_STEPS; i++)
        ok = self->steps[i] < TL_STEP_END;
    return ok;
}

static bool check_sections(const header *self, size_t size)
{
    for (size_t i = 0; i < SECTION_COUNT; i++)
        if (self->offsets[i] % ALIGNMENT != 0 || self->offsets[i] > size || self->sizes[i] > size - self->offsets[i] ||
            self->sizes[i] % item_sizes[i] != 0 || self->sizes[i] / item_sizes[i] > UINT32_MAX)
            return false;
    uint64_t count = self->settings.piece_count;
    uint64_t merges = self->sizes[MERGES] / sizeof(tl_merge);
    return self->sizes[TEXTS] != 0 && self->sizes[OFFSETS] == 4 * (count + 1) && self->sizes[SCORES] == 8 * count &&
           self->sizes[TYPES] == count && (merges & (merges - 1)) == 0 &&
           self->sizes[ADDED] / sizeof(tl_added_token) <= TL_COMPILED_MAX_PIECES;
}

static tl_trie trie_at(const char *bytes, const header *self, section which)
{
    return (tl_trie){(const uint64_t *)(const void *)(bytes + self->offsets[which]), (uint32_t)(self->sizes[which] / 8)};
}

bool tl_compiled__view(tl_slice bytes, tl_compiled *out, tl_error *err)
{
    header self;
    if (bytes.size < sizeof self)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a compiled vocabulary of %zu bytes and more, found %zu", sizeof self,
                       bytes.size);
    memcpy(&self, bytes.data, sizeof self);
    if (memcmp(self.magic, magic, sizeof magic) != 0 || self.version != VERSION || self.byte_order != BYTE_ORDER_MARK)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "expected a compiled vocabulary of version %d and of this machine's byte order",
                       VERSION);
    if (self.size != bytes.size || self.hash != header_hash(&self) || !check_settings(&self.settings) ||
        !check_sections(&self, bytes.size) || bytes.data[self.offsets[TEXTS] + self.sizes[TEXTS] - 1] != '\0')
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a compiled vocabulary, found a header that contradicts itself");
    const char *base = bytes.data;
    *out = (tl_compiled){
        .settings = (const tl_compiled_settings *)(const void *)(base + offsetof(header, settings)),
        .texts = {base + self.offsets[TEXTS], (size_t)self.sizes[TEXTS]},
        .offsets = (const uint32_t *)(const void *)(base + self.offsets[OFFSETS]),
        .scores = (const double *)(const void *)(base + self.offsets[SCORES]),
        .types = (const uint8_t *)(base + self.offsets[TYPES]),
        .pieces = trie_at(base, &self, PIECE_TRIE),
        .rules = {base + self.offsets[RULES], (size_t)self.sizes[RULES]},
        .merges = (const tl_merge *)(const void *)(base + self.offsets[MERGES]),
        .merge_count = (uint32_t)(self.sizes[MERGES] / sizeof(tl_merge)),
        .added = (const tl_added_token *)(const void *)(base + self.offsets[ADDED]),
        .added_count = (uint32_t)(self.sizes[ADDED] / sizeof(tl_added_token)),
        .added_raw = trie_at(base, &self, ADDED_RAW_TRIE),
        .added_normalized = trie_at(base, &self, ADDED_NORMALIZED_TRIE),
    };
    for (uint32_t i = 0; i < out->added_count; i++)
        if (!tl_compiled__has_piece(out, out->added[i].id) || out->added[i].flags >= TL_ADDED_FLAGS_END)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected added tokens that are pieces, found %d", (int)out->added[i].id);
    return true;
}

void tl_compiled__close(tl_compiled *compiled)
{
    tl_mapping_close(&compiled->mapping);
    tl_string_clear(&compiled->block);
    *compiled = (tl_compiled){0};
}

tl_slice tl_compiled__text(const tl_compiled *self, int32_t id)
{
    if (!tl_compiled__has_piece(self, id))
        return (tl_slice){"", 0};
    uint32_t start = self->offsets[id], end = self->offsets[id + 1];
    if (start >= end || end > self->texts.size)
        return (tl_slice){"", 0};
    return (tl_slice){self->texts.data + start, end - start - 1};
}

static uint32_t hash_pair(uint32_t left, uint32_t right)
{
    uint64_t mixed = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15U;
    return (uint32_t)(mixed >> 32);
}

const tl_merge *tl_compiled__find_merge(const tl_compiled *self, uint32_t left, uint32_t right)
{
    uint32_t place = hash_pair(left, right);
    for (uint32_t probe = 0; probe < self->settings->merge_probes && self->merge_count != 0; probe++, place++) {
        const tl_merge *found = &self->merges[place & (self->merge_count - 1)];
        if (found->merged == 0)
            return NULL;
        if (found->left == left && found->right == right)
            return found->merged <= self->settings->piece_count ? found : NULL;
    }
    return NULL;
}

void tl_compiled__hash_merges(const tl_merge *merges, size_t count, tl_merge *places, size_t place_count, uint32_t *probes)
{
    *probes = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t place = hash_pair(merges[i].left, merges[i].right), probe = 1;
        tl_merge *at;
        for (;; place++, probe++) {
            at = &places[place & (place_count - 1)];
            if (at->merged == 0 || (at->left == merges[i].left && at->right == merges[i].right))
                break;
        }
        *at = merges[i];
        if (probe > *probes)
            *probes = probe;
    }
}

static bool pad_to_alignment(tl_string *out, tl_error *err)
{
    static const char zeros[ALIGNMENT];
    size_t over = out->size % ALIGNMENT;
    return over == 0 || tl_string_append(out, zeros, ALIGNMENT - over, err);
}

static bool append_section(header *self, section which, const void *bytes, size_t size, tl_string *out, tl_error *err)
{
    if (!pad_to_alignment(out, err))
        return false;
    self->offsets[which] = out->size;
    self->sizes[which] = size;
    return size == 0 || tl_string_append(out, bytes, size, err);
}

static bool append_texts(header *self, const tl_compiled_parts *parts, tl_string *out, tl_error *err)
{
    bool ok = false;
    size_t count = parts->settings.piece_count, size = 0;
    uint32_t *offsets = tl_memory_allocate(count + 1, sizeof *offsets, err);
    tl_string texts;
    tl_string_init(&texts, UINT32_MAX);
    if (offsets == NULL)
        goto done;
    for (size_t i = 0; i < count; i++) {
        if (!tl_string_append(&texts, parts->texts[i].data, parts->texts[i].size, err) || !tl_string_append(&texts, "", 1, err))
            goto done;
        size = texts.size;
        offsets[i + 1] = (uint32_t)size;
    }
    ok = append_section(self, TEXTS, texts.data, texts.size, out, err) &&
         append_section(self, OFFSETS, offsets, (count + 1) * sizeof *offsets, out, err);
done:
    tl_memory_free(offsets);
    tl_string_clear(&texts);
    return ok;
}

static bool lay_out(const tl_compiled_parts *parts, const tl_compiled_source *source, tl_string *out, tl_error *err)
{
    static const char room[sizeof(header)];
    header self = {
        .version = VERSION,
        .byte_order = BYTE_ORDER_MARK,
        .source_size = source->size,
        .source_modified_ns = source->modified_ns,
        .settings = parts->settings,
    };
    size_t count = parts->settings.piece_count;
    memcpy(self.magic, magic, sizeof magic);
    if (!tl_string_append(out, room, sizeof room, err) || !append_texts(&self, parts, out, err) ||
        !append_section(&self, SCORES, parts->scores, count * sizeof *parts->scores, out, err) ||
        !append_section(&self, TYPES, parts->types, count, out, err) ||
        !append_section(&self, PIECE_TRIE, parts->pieces.units, 8 * (size_t)parts->pieces.count, out, err) ||
        !append_section(&self, RULES, parts->rules.data, parts->rules.size, out, err) ||
        !append_section(&self, MERGES, parts->merges, parts->merge_count * sizeof *parts->merges, out, err) ||
        !append_section(&self, ADDED, parts->added, parts->added_count * sizeof *parts->added, out, err) ||
        !append_section(&self, ADDED_RAW_TRIE, parts->added_raw.units, 8 * (size_t)parts->added_raw.count, out, err) ||
        !append_section(&self, ADDED_NORMALIZED_TRIE, parts->added_normalized.units, 8 * (size_t)parts->added_normalized.count,
                        out, err))
        return false;
    self.size = out->size;
    self.hash = header_hash(&self);
    memcpy(out->data, &self, sizeof self);
    return true;
}

bool tl_compiled__make(const tl_compiled_parts *parts, const char *path, const tl_compiled_source *source, tl_compiled *out,
                       tl_error *err)
{
    tl_string block;
    tl_mapping mapping = {{NULL, 0}};
    tl_string_init(&block, (size_t)1 << 32);
    if (!lay_out(parts, source, &block, err)) {
        tl_string_clear(&block);
        return false;
    }
    /* Where it cannot be kept, it serves from memory. */
    if (path != NULL && tl_file_replace(path, tl_string_slice(&block), NULL) && tl_mapping_open(path, &mapping, NULL)) {
        if (tl_slice_equal(mapping.bytes, tl_string_slice(&block)) && tl_compiled__view(mapping.bytes, out, NULL)) {
            out->mapping = mapping;
            tl_string_clear(&block);
            return true;
        }
        tl_mapping_close(&mapping);
    }
    if (!tl_compiled__view(tl_string_slice(&block), out, err)) {
        tl_string_clear(&block);
        return false;
    }
    out->block = block;
    return true;
}

bool tl_compiled__source_read(const char *const *paths, size_t count, tl_compiled_source *out, tl_error *err)
{
    int64_t times[MAX_SOURCES] = {0};
    TL_ASSERT(count != 0 && count <= MAX_SOURCES);
    *out = (tl_compiled_source){0, 0};
    for (size_t i = 0; i < count; i++) {
        tl_file_status status;
        if (!tl_file_status_read(paths[i], &status, err))
            return false;
        if (status.kind != TL_FILE_REGULAR)
            return tl_fail(err, status.kind == TL_FILE_MISSING ? TL_ERROR_NOT_FOUND : TL_ERROR_INVALID,
                           "expected a vocabulary file at '%s', found none", paths[i]);
        out->size += status.size;
        times[i] = status.modified_ns;
    }
    out->modified_ns = count == 1 ? times[0] : (int64_t)tl_hash64(times, count * sizeof *times);
    return true;
}

static bool hash_files(const char *const *paths, size_t count, char text[TL_HASH_TEXT_SIZE], tl_error *err)
{
    tl_hasher *hasher = NULL;
    tl_string bytes;
    tl_string_init(&bytes, TL_COMPILED_MAX_SOURCE);
    bool ok = tl_hasher_create(&hasher, err);
    for (size_t i = 0; ok && i < count; i++) {
        tl_string_reset(&bytes);
        ok = tl_file_read(paths[i], &bytes, err);
        tl_hasher_add(hasher, bytes.data, bytes.size);
    }
    if (ok)
        tl_hasher_text(hasher, text);
    tl_hasher_destroy(hasher);
    tl_string_clear(&bytes);
    return ok;
}

/* The same sizes and times, or the same bytes. */
static bool is_made_from(const header *self, const char *const *paths, size_t count, const tl_compiled_source *source, bool *same,
                         tl_error *err)
{
    char text[TL_HASH_TEXT_SIZE];
    *same = self->source_size == source->size && self->source_modified_ns == source->modified_ns;
    if (*same || self->source_size != source->size)
        return true;
    if (!hash_files(paths, count, text, err))
        return false;
    *same = strcmp(text, self->settings.fingerprint) == 0;
    return true;
}

bool tl_compiled__open_kept(const char *path, const char *const *sources, size_t source_count, uint32_t variant, tl_compiled *out,
                            bool *found, tl_error *err)
{
    tl_compiled_source source;
    tl_file_status kept;
    tl_mapping mapping = {{NULL, 0}};
    header head;
    *found = false;
    if (!tl_compiled__source_read(sources, source_count, &source, err))
        return false;
    if (!tl_file_status_read(path, &kept, NULL) || kept.kind != TL_FILE_REGULAR || !tl_mapping_open(path, &mapping, NULL))
        return true;
    if (!tl_compiled__view(mapping.bytes, out, NULL) || out->settings->variant != variant)
        goto unfit;
    memcpy(&head, mapping.bytes.data, sizeof head);
    if (!is_made_from(&head, sources, source_count, &source, found, err)) {
        tl_mapping_close(&mapping);
        return false;
    }
    if (!*found)
        goto unfit;
    out->mapping = mapping;
    return true;
unfit:
    tl_mapping_close(&mapping);
    *out = (tl_compiled){0};
    return true;
}

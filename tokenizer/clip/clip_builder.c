/*
 * CLIP's vocabulary on its way from files to a compiled table: checks what the readers find (clip_files.c), keeps pieces and
 * merges in hashes while they grow, and lays out the table that clip_bpe.c encodes from. A table that was kept beside the files
 * spares all of it: it is mapped, and its ids of bytes are looked at once.
 */
#include "tokenizer/clip/clip_bpe.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "tokenizer/cleanup/unicode.h"

enum {
    MAX_TEXT_BYTES = 64 << 20,
    FIRST_SLOTS = 1 << 17,   /* CLIP's 49,408 pieces and their merges fit without growing */
    WORTH_KEEPING = 64 << 10 /* bytes of the files: smaller ones are read in less than a millisecond */
};

/* A table's variant: this bit, which no other reader's has, and a hash of the piece for what is unknown. */
static const uint32_t variant_bit = UINT32_C(1) << 31;

static const char word_end[] = "</w>";

typedef struct piece_place {
    uint32_t start, size; /* in the texts */
    bool is_there;
} piece_place;

typedef struct merge_slot {
    int32_t left, right; /* left < 0: empty */
    uint32_t rank;
    int32_t merged;
} merge_slot;

struct tl_clip_builder {
    tl_string texts; /* of all pieces, a NUL after each */
    piece_place *pieces;
    size_t count, piece_capacity; /* count: the highest id and one */
    size_t added;
    uint32_t *by_text; /* id and one by hash of text; 0: empty */
    size_t text_slots;
    merge_slot *merges;
    size_t merge_slots, merge_count;
    tl_clip_byte_ids bytes;
};

static bool create_builder(tl_clip_builder **out, tl_error *err)
{
    tl_clip_builder *self = tl_memory_allocate(1, sizeof *self, err);
    if (self == NULL)
        return false;
    tl_string_init(&self->texts, MAX_TEXT_BYTES);
    *out = self;
    return true;
}

static void destroy_builder(tl_clip_builder *builder)
{
    if (builder == NULL)
        return;
    tl_memory_free(builder->merges);
    tl_memory_free(builder->by_text);
    tl_memory_free(builder->pieces);
    tl_string_clear(&builder->texts);
    tl_memory_free(builder);
}

static tl_slice piece_text(const tl_clip_builder *self, size_t id)
{
    return (tl_slice){self->texts.data + self->pieces[id].start, self->pieces[id].size};
}

/* The slot of a text, or the empty one where it would go. */
static size_t text_slot(const tl_clip_builder *self, tl_slice text)
{
    size_t slot = (size_t)tl_hash64(text.data, text.size) & (self->text_slots - 1);
    while (self->by_text[slot] != 0 && !tl_slice_equal(piece_text(self, self->by_text[slot] - 1), text))
        slot = (slot + 1) & (self->text_slots - 1);
    return slot;
}

int32_t tl_clip_builder__find(const tl_clip_builder *builder, tl_slice text)
{
    return builder->text_slots == 0 ? -1 : (int32_t)builder->by_text[text_slot(builder, text)] - 1;
}

size_t tl_clip_builder__count(const tl_clip_builder *builder)
{
    return builder->count;
}

/* Keeps the table of texts at most half full. */
static bool grow_texts(tl_clip_builder *self, tl_error *err)
{
    if (2 * (self->added + 1) <= self->text_slots)
        return true;
    size_t slots = self->text_slots == 0 ? FIRST_SLOTS : 2 * self->text_slots;
    uint32_t *table = tl_memory_allocate(slots, sizeof *table, err);
    if (table == NULL)
        return false;
    tl_memory_free(self->by_text);
    self->by_text = table;
    self->text_slots = slots;
    for (size_t id = 0; id < self->count; id++)
        if (self->pieces[id].is_there)
            table[text_slot(self, piece_text(self, id))] = (uint32_t)id + 1;
    return true;
}

/* Makes the table of pieces reach to an id. */
static bool grow_pieces(tl_clip_builder *self, size_t id, tl_error *err)
{
    size_t before = self->piece_capacity;
    if (!tl_memory_reserve(&self->pieces, &self->piece_capacity, id + 1, sizeof *self->pieces, err))
        return false;
    if (self->piece_capacity != before)
        memset(self->pieces + before, 0, (self->piece_capacity - before) * sizeof *self->pieces);
    return true;
}

bool tl_clip_builder__add_piece(tl_clip_builder *builder, tl_slice text, int64_t id, tl_error *err)
{
    if (id < 0 || id >= TL_CLIP_MAX_PIECES)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected an id of 0 to %d, found %lld", TL_CLIP_MAX_PIECES - 1, (long long)id);
    if (text.size == 0 || text.size > TL_CLIP_MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected a piece of 1 to %d bytes, found %zu", TL_CLIP_MAX_PIECE_SIZE, text.size);
    if (!grow_pieces(builder, (size_t)id, err) || !grow_texts(builder, err))
        return false;
    size_t slot = text_slot(builder, text);
    if (builder->by_text[slot] != 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each piece once, found '%.*s' with id %u and again with id %lld",
                       (int)text.size, text.data, builder->by_text[slot] - 1, (long long)id);
    if (builder->pieces[id].is_there)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each id once, found %lld for '%s' and for '%.*s'", (long long)id,
                       piece_text(builder, (size_t)id).data, (int)text.size, text.data);
    builder->pieces[id] = (piece_place){(uint32_t)builder->texts.size, (uint32_t)text.size, true};
    if (!tl_string_append(&builder->texts, text.data, text.size, err) || !tl_string_append(&builder->texts, "", 1, err)) {
        builder->pieces[id].is_there = false;
        return false;
    }
    builder->by_text[slot] = (uint32_t)id + 1;
    builder->added++;
    if (builder->count <= (size_t)id)
        builder->count = (size_t)id + 1;
    return true;
}

/* The pieces of one byte, or those for what is unknown. */
static bool find_byte(tl_clip_builder *self, unsigned byte, int32_t unknown, tl_error *err)
{
    bool ok = false;
    tl_string text;
    tl_string_init(&text, 16);
    uint32_t character = tl_clip__character_of(byte);
    if (!tl_unicode__encode(&character, 1, &text, err))
        goto done;
    self->bytes.inner[byte] = tl_clip_builder__find(self, tl_string_slice(&text));
    if (!tl_string_append_text(&text, word_end, err))
        goto done;
    self->bytes.last[byte] = tl_clip_builder__find(self, tl_string_slice(&text));
    if (unknown < 0 && (self->bytes.inner[byte] < 0 || self->bytes.last[byte] < 0)) {
        if (self->bytes.inner[byte] < 0)
            text.data[text.size - strlen(word_end)] = '\0';
        tl_fail(err, TL_ERROR_CORRUPT, "expected a piece '%s' for byte 0x%02x, found none", text.data, byte);
        goto done;
    }
    if (self->bytes.inner[byte] < 0)
        self->bytes.inner[byte] = unknown;
    if (self->bytes.last[byte] < 0)
        self->bytes.last[byte] = unknown;
    ok = true;
done:
    tl_string_clear(&text);
    return ok;
}

static size_t pair_slot(const merge_slot *merges, size_t slots, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (slots - 1);
    while (merges[slot].left >= 0 && (merges[slot].left != left || merges[slot].right != right))
        slot = (slot + 1) & (slots - 1);
    return slot;
}

/* Keeps the table of merges at most half full. */
static bool grow_merges(tl_clip_builder *self, tl_error *err)
{
    if (2 * (self->merge_count + 1) <= self->merge_slots)
        return true;
    size_t slots = self->merge_slots == 0 ? FIRST_SLOTS : 2 * self->merge_slots;
    merge_slot *table = tl_memory_allocate(slots, sizeof *table, err);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < slots; i++)
        table[i].left = -1;
    for (size_t i = 0; i < self->merge_slots; i++)
        if (self->merges[i].left >= 0)
            table[pair_slot(table, slots, self->merges[i].left, self->merges[i].right)] = self->merges[i];
    tl_memory_free(self->merges);
    self->merges = table;
    self->merge_slots = slots;
    return true;
}

bool tl_clip_builder__seal_pieces(tl_clip_builder *builder, const char *unknown, tl_error *err)
{
    int32_t unknown_id = unknown != NULL ? tl_clip_builder__find(builder, tl_slice_of(unknown)) : -1;
    if (builder->added == 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces, found none");
    for (size_t id = 0; id < builder->count; id++)
        if (!builder->pieces[id].is_there)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected ids 0 to %zu, found no piece with id %zu", builder->count - 1, id);
    for (unsigned byte = 0; byte < 256; byte++)
        if (!find_byte(builder, byte, unknown_id, err))
            return false;
    return grow_merges(builder, err);
}

bool tl_clip_builder__add_merge(tl_clip_builder *builder, tl_slice left, tl_slice right, tl_error *err)
{
    char whole[2 * TL_CLIP_MAX_PIECE_SIZE];
    if (left.size > TL_CLIP_MAX_PIECE_SIZE || right.size > TL_CLIP_MAX_PIECE_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected pieces of at most %d bytes, found %zu", TL_CLIP_MAX_PIECE_SIZE,
                       left.size > right.size ? left.size : right.size);
    memcpy(whole, left.data, left.size);
    memcpy(whole + left.size, right.data, right.size);
    tl_slice parts[3] = {left, right, {whole, left.size + right.size}};
    int32_t ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = tl_clip_builder__find(builder, parts[i]);
        if (ids[i] < 0)
            return tl_fail(err, TL_ERROR_CORRUPT, "expected a merge of pieces of the vocabulary into one, found no piece '%.*s'",
                           (int)parts[i].size, parts[i].data);
    }
    if (!grow_merges(builder, err))
        return false;
    merge_slot *slot = &builder->merges[pair_slot(builder->merges, builder->merge_slots, ids[0], ids[1])];
    if (slot->left >= 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected each merge once, found '%.*s %.*s' as number %u and again",
                       (int)left.size, left.data, (int)right.size, right.data, slot->rank + 1);
    *slot = (merge_slot){ids[0], ids[1], (uint32_t)builder->merge_count++, ids[2]};
    return true;
}

/* ---- the table ---- */

/* The hash has at least twice as many places as merges. */
static bool hash_merges(const tl_clip_builder *self, tl_merge **places, size_t *place_count, uint32_t *probes, tl_error *err)
{
    size_t count = 0;
    tl_merge *merges = tl_memory_allocate(self->merge_count, sizeof *merges, err);
    for (*place_count = 16; *place_count < 2 * self->merge_count;)
        *place_count *= 2;
    *places = merges != NULL ? tl_memory_allocate(*place_count, sizeof **places, err) : NULL;
    for (size_t i = 0; *places != NULL && i < self->merge_slots; i++)
        if (self->merges[i].left >= 0)
            merges[count++] = (tl_merge){(uint32_t)self->merges[i].left, (uint32_t)self->merges[i].right, self->merges[i].rank,
                                         (uint32_t)self->merges[i].merged + 1};
    if (*places != NULL)
        tl_compiled__hash_merges(merges, count, *places, *place_count, probes);
    tl_memory_free(merges);
    return *places != NULL;
}

/* path NULL: in memory. */
static bool compile(const tl_clip_builder *self, const char *path, const tl_compiled_source *source, const char *fingerprint,
                    uint32_t variant, tl_compiled *out, tl_error *err)
{
    bool ok = false;
    tl_trie_units units = {0};
    tl_merge *places = NULL;
    size_t place_count = 0;
    tl_trie_key *keys = tl_memory_allocate(self->count, sizeof *keys, err);
    tl_slice *texts = keys != NULL ? tl_memory_allocate(self->count, sizeof *texts, err) : NULL;
    double *scores = texts != NULL ? tl_memory_allocate(self->count, sizeof *scores, err) : NULL;
    uint8_t *types = scores != NULL ? tl_memory_allocate(self->count, sizeof *types, err) : NULL;
    tl_compiled_parts parts = {
        .settings = {.model = TL_COMPILED_CLIP, .variant = variant, .pad = -1, .unknown = -1, .bos = -1, .eos = -1}};
    if (types == NULL)
        goto done;
    for (size_t id = 0; id < self->count; id++) {
        texts[id] = piece_text(self, id);
        types[id] = TL_PIECE_NORMAL;
        keys[id] = (tl_trie_key){texts[id], (uint32_t)id};
    }
    for (size_t byte = 0; byte < 256; byte++)
        parts.settings.byte_ids[byte] = -1;
    if (!tl_trie__build(keys, self->count, false, &units, err) ||
        !hash_merges(self, &places, &place_count, &parts.settings.merge_probes, err))
        goto done;
    parts.settings.piece_count = (uint32_t)self->count;
    memcpy(parts.settings.fingerprint, fingerprint, TL_HASH_TEXT_SIZE);
    parts.texts = texts;
    parts.scores = scores;
    parts.types = types;
    parts.pieces = (tl_trie){units.units, (uint32_t)units.count};
    parts.rules = (tl_slice){(const char *)&self->bytes, sizeof self->bytes};
    parts.merges = places;
    parts.merge_count = place_count;
    ok = tl_compiled__make(&parts, path, source, out, err);
done:
    tl_memory_free(places);
    tl_memory_free(units.units);
    tl_memory_free(types);
    tl_memory_free(scores);
    tl_memory_free(texts);
    tl_memory_free(keys);
    return ok;
}

const tl_clip_byte_ids *tl_clip_table__bytes(const tl_compiled *table)
{
    const tl_clip_byte_ids *bytes = (const tl_clip_byte_ids *)(const void *)table->rules.data;
    if (table->settings->model != TL_COMPILED_CLIP || table->rules.size != sizeof *bytes)
        return NULL;
    for (size_t byte = 0; byte < 256; byte++)
        if (!tl_compiled__has_piece(table, bytes->inner[byte]) || !tl_compiled__has_piece(table, bytes->last[byte]))
            return NULL;
    return bytes;
}

static bool read_and_compile(const tl_clip_source *files, const char *kept_path, uint32_t variant, tl_compiled *out,
                             tl_error *err)
{
    tl_clip_builder *builder = NULL;
    tl_compiled_source source;
    char fingerprint[TL_HASH_TEXT_SIZE];
    bool ok = tl_compiled__source_read(files->paths, files->path_count, &source, err) && create_builder(&builder, err) &&
              files->read(files, builder, fingerprint, err) &&
              compile(builder, source.size >= WORTH_KEEPING ? kept_path : NULL, &source, fingerprint, variant, out, err);
    destroy_builder(builder);
    return ok;
}

bool tl_clip_table__open(const tl_clip_source *files, tl_compiled *out, tl_error *err)
{
    bool ok = false, found = false;
    uint32_t variant = files->unknown != NULL ? (uint32_t)tl_hash64(files->unknown, strlen(files->unknown)) : 0;
    tl_string kept_path;
    variant |= variant_bit;
    tl_string_init(&kept_path, 1 << 16);
    if (!tl_string_append_format(&kept_path, err, "%s.compiled", files->paths[0]) ||
        !tl_compiled__open_kept(kept_path.data, files->paths, files->path_count, variant, out, &found, err))
        goto done;
    if (found && tl_clip_table__bytes(out) == NULL) {
        tl_compiled__close(out);
        found = false;
    }
    ok = found || read_and_compile(files, kept_path.data, variant, out, err);
done:
    tl_string_clear(&kept_path);
    return ok;
}

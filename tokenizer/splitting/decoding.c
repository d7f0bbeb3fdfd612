/*
 * Ids back to text, as the vocabulary's own class shows it: pieces joined, U+2581 a space, the first one of a text dropped, runs
 * of byte pieces read as UTF-8 with U+FFFD for each byte that is none; WordPiece: a space before each piece without "##".
 */
#include "tokenizer/splitting/splitting.h"

static const char meta[] = "\xE2\x96\x81", replacement[] = "\xEF\xBF\xBD", unknown_surface[] = " \xE2\x81\x87 ";

typedef struct decoder {
    const tl_compiled *table;
    tl_string *out;
    size_t start;    /* of our text in out */
    tl_string bytes; /* of a run of byte pieces */
    bool drops_first_space;
} decoder;

static int byte_of_piece(const tl_compiled *table, int32_t id)
{
    for (int i = 0; i < 256; i++)
        if (table->settings->byte_ids[i] == id)
            return i;
    return -1;
}

static bool flush_bytes(decoder *self, tl_error *err)
{
    tl_slice rest = tl_string_slice(&self->bytes);
    while (rest.size != 0) {
        size_t bad = rest.size;
        if (!tl_text_is_utf8(rest, &bad) && bad == 0) {
            if (!tl_string_append_text(self->out, replacement, err))
                return false;
            bad = 1;
        } else if (!tl_string_append(self->out, rest.data, bad, err)) {
            return false;
        }
        rest = (tl_slice){rest.data + bad, rest.size - bad};
    }
    tl_string_reset(&self->bytes);
    return true;
}

static bool append_piece(decoder *self, tl_slice text, tl_error *err)
{
    bool drops = self->drops_first_space && self->out->size == self->start;
    for (size_t at = 0, end; at < text.size; at = end) {
        if (text.size - at >= 3 && memcmp(text.data + at, meta, 3) == 0) {
            end = at + 3;
            if (!(drops && at == 0) && !tl_string_append(self->out, " ", 1, err))
                return false;
            continue;
        }
        end = at + tl_splitting__character_size(text, at);
        if (!tl_string_append(self->out, text.data + at, end - at, err))
            return false;
    }
    return true;
}

static bool decode_piece(decoder *self, int32_t id, tl_error *err)
{
    const tl_compiled_settings *settings = self->table->settings;
    uint8_t type = tl_compiled__has_piece(self->table, id) ? self->table->types[id] : TL_PIECE_UNKNOWN;
    if (type == TL_PIECE_BYTE) {
        int byte = byte_of_piece(self->table, id);
        char character = (char)(byte >= 0 ? byte : '?');
        return tl_string_append(&self->bytes, &character, 1, err);
    }
    if (!flush_bytes(self, err))
        return false;
    if ((settings->flags & TL_COMPILED_SENTENCEPIECE) != 0 && (type == TL_PIECE_CONTROL || type == TL_PIECE_UNKNOWN))
        return type == TL_PIECE_CONTROL || tl_string_append_text(self->out, unknown_surface, err);
    return append_piece(self, tl_compiled__text(self->table, id), err);
}

static bool decode_words(decoder *self, const int32_t *ids, size_t count, tl_error *err)
{
    const char *continuing = self->table->settings->continuing;
    size_t size = strlen(continuing);
    for (size_t i = 0; i < count; i++) {
        tl_slice text = tl_compiled__text(self->table, ids[i]);
        bool continues = size != 0 && text.size > size && memcmp(text.data, continuing, size) == 0;
        if (continues && i != 0)
            text = (tl_slice){text.data + size, text.size - size};
        else if (i != 0 && !tl_string_append(self->out, " ", 1, err))
            return false;
        if (!tl_string_append(self->out, text.data, text.size, err))
            return false;
    }
    return true;
}

static bool has_prefix_step(const tl_compiled_settings *settings)
{
    for (size_t i = 0; i < TL_COMPILED_MAX_STEPS; i++)
        if (settings->steps[i] >= TL_STEP_META_ALWAYS && settings->steps[i] <= TL_STEP_META_FIRST_WHOLE)
            return true;
    return (settings->flags & (TL_COMPILED_DUMMY_PREFIX | TL_COMPILED_REMOVES_SPACES)) != 0;
}

bool tl_pipeline__decode(const tl_compiled *table, const int32_t *ids, size_t count, tl_string *out, tl_error *err)
{
    bool ok = true;
    decoder self = {.table = table, .out = out, .start = out->size, .drops_first_space = has_prefix_step(table->settings)};
    tl_string_init(&self.bytes, TL_MAX_NORMALIZED_SIZE);
    if (table->settings->model == TL_COMPILED_WORDS) {
        ok = decode_words(&self, ids, count, err);
    } else {
        for (size_t i = 0; ok && i < count; i++)
            ok = decode_piece(&self, ids[i], err);
        ok = ok && flush_bytes(&self, err);
    }
    tl_string_clear(&self.bytes);
    return ok;
}

/*
 * Opens vocabularies of published models: from the compiled table beside the file when one fits, else by reading the file and
 * leaving a table there. Owns the kinds that such a vocabulary can be; all of them encode through the pipeline.
 */
#include "tokenizer/files/published.h"

#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "tokenizer/files/table_builder_internal.h"
#include "tokenizer/splitting/compiled.h"
#include "tokenizer/splitting/splitting.h"

/* Parts of a table's variant, so that one made for another reading of the same file is not taken. */
enum { VARIANT_SENTENCEPIECE = 1 << 8, VARIANT_JSON = 2 << 8, VARIANT_WORD_LIST = 3 << 8 };

static bool encode(const void *state, tl_slice text, tl_piece_ids *out, tl_error *err)
{
    out->count = 0;
    return tl_pipeline__encode(state, text, out, err);
}

static bool decode(const void *state, const int32_t *ids, size_t count, tl_string *text, tl_error *err)
{
    return tl_pipeline__decode(state, ids, count, text, err);
}

static const char *piece(const void *state, int32_t id)
{
    return tl_compiled__text(state, id).data;
}

static void close_table(void *state)
{
    if (state != NULL)
        tl_compiled__close(state);
    tl_memory_free(state);
}

static const tl_vocabulary_kind kinds[] = {
    [TL_COMPILED_UNIGRAM] = {"SentencePiece unigram", encode, decode, piece, close_table},
    [TL_COMPILED_MERGES_BY_SCORE] = {"SentencePiece BPE", encode, decode, piece, close_table},
    [TL_COMPILED_MERGES_BY_RANK] = {"BPE with byte fallback", encode, decode, piece, close_table},
    [TL_COMPILED_WORDS] = {"WordPiece", encode, decode, piece, close_table},
};

static void fill_vocabulary(tl_compiled *table, tl_vocabulary *out)
{
    const tl_compiled_settings *settings = table->settings;
    *out = (tl_vocabulary){
        .kind = &kinds[settings->model],
        .state = table,
        .count = settings->piece_count,
        .special = {settings->pad, settings->unknown, settings->bos, settings->eos},
    };
    memcpy(out->fingerprint, settings->fingerprint, sizeof out->fingerprint - 1);
}

typedef bool bytes_reader(tl_slice bytes, const void *how, tl_table_builder *out, tl_error *err);

static bool compile(const char *path, const char *kept_path, uint32_t variant, bytes_reader *read, const void *how,
                    tl_compiled *out, tl_error *err)
{
    bool ok = false;
    tl_string bytes;
    tl_file_status status;
    tl_table_builder builder;
    tl_string_init(&bytes, TL_COMPILED_MAX_SOURCE);

    if (!tl_table_builder__init(&builder, err) || !tl_file_status_read(path, &status, err) || !tl_file_read(path, &bytes, err))
        goto done;
    builder.settings.variant = variant;
    tl_hash_text(bytes.data, bytes.size, builder.settings.fingerprint);
    const tl_compiled_source source = {status.size, status.modified_ns};
    ok = read(tl_string_slice(&bytes), how, &builder, err) && tl_table_builder__finish(&builder, kept_path, &source, out, err);
done:
    tl_table_builder__clear(&builder);
    tl_string_clear(&bytes);
    return ok;
}

static bool open_file(const char *path, uint32_t variant, bytes_reader *read, const void *how, tl_vocabulary *out, tl_error *err)
{
    bool ok = false, found = false;
    tl_string kept_path;
    tl_compiled *table = tl_memory_allocate(1, sizeof *table, err);
    tl_string_init(&kept_path, 1 << 16);

    if (table == NULL || !tl_string_append_format(&kept_path, err, "%s.compiled", path) ||
        !tl_compiled__open_kept(kept_path.data, &path, 1, variant, table, &found, err))
        goto done;
    if (found && table->settings->model == TL_COMPILED_CLIP) { /* nobody made it for this reading */
        tl_compiled__close(table);
        found = false;
    }
    if (!found && !compile(path, kept_path.data, variant, read, how, table, err)) {
        tl_fail_within(err, "vocabulary '%s'", path);
        goto done;
    }
    fill_vocabulary(table, out);
    ok = true;
done:
    if (!ok)
        tl_memory_free(table);
    tl_string_clear(&kept_path);
    return ok;
}

static bool read_sentencepiece(tl_slice bytes, const void *how, tl_table_builder *out, tl_error *err)
{
    return tl_sentencepiece_file__read(bytes, *(const tl_published_reader *)how, out, err);
}

bool tl_published__open_sentencepiece(const char *path, tl_published_reader reader, tl_vocabulary *out, tl_error *err)
{
    return open_file(path, VARIANT_SENTENCEPIECE | (uint32_t)reader, read_sentencepiece, &reader, out, err);
}

static bool read_json(tl_slice bytes, const void *how, tl_table_builder *out, tl_error *err)
{
    bool lowers = *(const bool *)how;
    return (!lowers || tl_table_builder__add_step(out, TL_STEP_LOWER, err)) && tl_pipeline_json__read(bytes, out, err);
}

bool tl_published__open_json(const char *path, bool lowers, tl_vocabulary *out, tl_error *err)
{
    return open_file(path, VARIANT_JSON | (lowers ? 1U : 0U), read_json, &lowers, out, err);
}

static bool read_word_list(tl_slice bytes, const void *how, tl_table_builder *out, tl_error *err)
{
    return tl_word_list__read(bytes, how, out, err);
}

bool tl_published__open_word_list(const char *path, const tl_word_list_options *options, tl_vocabulary *out, tl_error *err)
{
    uint32_t chosen = (options->keeps_case ? 1U : 0U) | (options->keeps_accents ? 2U : 0U) | (options->strips_accents ? 4U : 0U) |
                      (options->joins_chinese ? 8U : 0U);
    return open_file(path, VARIANT_WORD_LIST | chosen, read_word_list, options, out, err);
}

static int32_t find_added(const tl_compiled *table, const tl_trie *trie, tl_slice wanted)
{
    int32_t number = tl_trie__find(trie, wanted);
    return number >= 0 && (uint32_t)number < table->added_count ? table->added[number].id : -1;
}

int32_t tl_published__find_piece(const tl_vocabulary *vocabulary, const char *text)
{
    const tl_compiled *table = vocabulary->state;
    const tl_slice wanted = tl_slice_of(text);
    int32_t id = find_added(table, &table->added_raw, wanted);
    if (id < 0)
        id = find_added(table, &table->added_normalized, wanted);
    if (id < 0)
        id = tl_trie__find(&table->pieces, wanted);
    /* Pieces that no text can hold are in no trie; their types are few, and asked first, since texts are many pages. */
    for (uint32_t i = 0; id < 0 && i < table->settings->piece_count; i++)
        if (table->types[i] != TL_PIECE_NORMAL && tl_slice_equal(tl_compiled__text(table, (int32_t)i), wanted))
            id = (int32_t)i;
    return tl_compiled__has_piece(table, id) ? id : -1;
}

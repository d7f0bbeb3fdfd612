/*
 * Readers of the files in which CLIP's vocabulary travels: vocab.json with merges.txt, tokenizer.json, and OpenAI's list of
 * merges (bpe_simple_vocab_16e6.txt.gz), whose ids follow from the order: 256 bytes, 256 bytes at the end of a word, the merges,
 * the two marks.
 */
#include "tokenizer/clip/clip_bpe.h"

#include "base/core/hash.h"
#include "base/core/lines.h"
#include "base/io/file.h"
#include "tokenizer/cleanup/unicode.h"
#include "tokenizer/files/gzip.h"
#include "tokenizer/files/json_scan.h"

enum {
    MAX_FILE_SIZE = 256 << 20,      /* bytes */
    MAX_LIST_SIZE = 16 << 20,       /* inflated; OpenAI's is 3 MB */
    LISTED_MERGES = 49152 - 256 - 2 /* how many of the list count; OpenAI's goes on */
};

static const char word_end[] = "</w>";

static bool read_file(const char *path, tl_string *bytes, tl_error *err)
{
    tl_string_init(bytes, MAX_FILE_SIZE);
    return tl_file_read(path, bytes, err);
}

/* "piece": id */
static bool read_piece(tl_json_scan *scan, void *builder, tl_error *err)
{
    int64_t id;
    if (!tl_json_scan__integer(scan, 0, TL_CLIP_MAX_PIECES - 1, &id, err))
        return false;
    return tl_clip_builder__add_piece(builder, tl_string_slice(&scan->text), id, err) || tl_json_scan__within(scan, err);
}

static bool read_pieces(tl_json_scan *scan, tl_clip_builder *builder, tl_error *err)
{
    return tl_json_scan__each(scan, '{', read_piece, builder, err);
}

/* Adds the merge "left right"; false with the sentence alone. */
static bool add_line(tl_clip_builder *builder, tl_slice line, tl_error *err)
{
    const char *space = memchr(line.data, ' ', line.size);
    size_t left = space != NULL ? (size_t)(space - line.data) : 0;
    tl_slice right = {line.data + left + 1, line.size - left - (space != NULL)};
    if (left == 0 || right.size == 0 || memchr(right.data, ' ', right.size) != NULL)
        return tl_fail(err, TL_ERROR_CORRUPT, "expected two pieces and a space between, found '%.*s'", (int)line.size, line.data);
    return tl_clip_builder__add_merge(builder, (tl_slice){line.data, left}, right, err);
}

static bool check_text(const char *path, tl_slice bytes, tl_error *err)
{
    size_t bad;
    return tl_text_is_utf8(bytes, &bad) || tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected UTF-8, found byte 0x%02x at %zu", path,
                                                   (unsigned)(unsigned char)bytes.data[bad], bad);
}

static bool read_merges(const char *path, tl_slice bytes, tl_clip_builder *builder, tl_error *err)
{
    tl_slice line;
    if (!check_text(path, bytes, err))
        return false;
    for (size_t number = 1; tl_lines_next(&bytes, &line); number++) {
        bool is_version = line.size >= 8 && memcmp(line.data, "#version", 8) == 0;
        if (is_version || (line.size == 0 && bytes.size == 0))
            continue;
        if (!add_line(builder, line, err))
            return tl_fail_within(err, "'%s': line %zu", path, number);
    }
    return true;
}

bool tl_clip_files__read_pair(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33], tl_error *err)
{
    bool ok = false;
    tl_hasher *hasher = NULL;
    tl_string pieces, merges;
    tl_json_scan scan = {0};
    tl_string_init(&pieces, MAX_FILE_SIZE);
    tl_string_init(&merges, MAX_FILE_SIZE);
    tl_string_init(&scan.text, 0);

    if (!read_file(files->paths[0], &pieces, err) || !read_file(files->paths[1], &merges, err) || !tl_hasher_create(&hasher, err))
        goto done;
    if (!tl_json_scan__open(&scan, files->paths[0], tl_string_slice(&pieces), err) || !read_pieces(&scan, builder, err) ||
        !tl_json_scan__finish(&scan, err))
        goto done;
    if (!tl_clip_builder__seal_pieces(builder, files->unknown, err)) {
        tl_fail_within(err, "'%s'", files->paths[0]);
        goto done;
    }
    if (!read_merges(files->paths[1], tl_string_slice(&merges), builder, err))
        goto done;
    tl_hasher_add(hasher, pieces.data, pieces.size);
    tl_hasher_add(hasher, merges.data, merges.size);
    tl_hasher_text(hasher, fingerprint);
    ok = true;
done:
    tl_json_scan__close(&scan);
    tl_string_clear(&merges);
    tl_string_clear(&pieces);
    tl_hasher_destroy(hasher);
    return ok;
}

/* Where the parts of a tokenizer.json begin; 0: there is none. */
typedef struct json_places {
    size_t vocabulary, merges, added;
    tl_string unknown;
    bool is_bpe, ends_words;
} json_places;

/* A member of "model". Its lists are passed over, since either may come first. */
static bool read_model_member(tl_json_scan *scan, void *context, tl_error *err)
{
    json_places *places = context;
    bool is_type = strcmp(scan->text.data, "type") == 0;
    bool is_suffix = strcmp(scan->text.data, "end_of_word_suffix") == 0;
    bool is_unknown = strcmp(scan->text.data, "unk_token") == 0;
    bool is_text = tl_json_scan__peek(scan) == '"';
    if (strcmp(scan->text.data, "vocab") == 0)
        places->vocabulary = scan->at;
    else if (strcmp(scan->text.data, "merges") == 0)
        places->merges = scan->at;
    if (!tl_json_scan__skip(scan, NULL, err))
        return false;
    if (is_type && is_text)
        places->is_bpe = strcmp(scan->text.data, "BPE") == 0;
    else if (is_suffix && is_text)
        places->ends_words = strcmp(scan->text.data, word_end) == 0;
    else if (is_unknown && is_text)
        return tl_string_append_text(&places->unknown, scan->text.data, err);
    return true;
}

static bool read_top_member(tl_json_scan *scan, void *context, tl_error *err)
{
    json_places *places = context;
    bool is_model = strcmp(scan->text.data, "model") == 0;
    if (strcmp(scan->text.data, "added_tokens") == 0 && tl_json_scan__peek(scan) == '[')
        places->added = scan->at;
    return is_model ? tl_json_scan__each(scan, '{', read_model_member, places, err) : tl_json_scan__skip(scan, NULL, err);
}

static bool find_places(tl_json_scan *scan, json_places *places, tl_error *err)
{
    if (!tl_json_scan__each(scan, '{', read_top_member, places, err) || !tl_json_scan__finish(scan, err))
        return false;
    if (!places->is_bpe || !places->ends_words || places->vocabulary == 0 || places->merges == 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected a model of the type BPE with vocab, merges and the suffix '%s'",
                       scan->name, word_end);
    return true;
}

/* Puts the scan back to a value that it has passed over. */
static void go_to(tl_json_scan *scan, size_t place)
{
    scan->at = place;
    scan->depth = 0;
}

typedef struct merge_reader {
    tl_clip_builder *builder;
    tl_string left;
    size_t piece_count; /* of this merge, read so far */
} merge_reader;

static bool read_merge_piece(tl_json_scan *scan, void *context, tl_error *err)
{
    merge_reader *reader = context;
    if (++reader->piece_count > 2)
        return tl_json_scan__fail(scan, err, "expected a merge of two pieces, found more");
    if (!tl_json_scan__text(scan, err))
        return false;
    if (scan->text.size == 0)
        return tl_json_scan__fail(scan, err, "expected a merge of two pieces, found an empty one");
    return reader->piece_count == 2 || tl_string_append(&reader->left, scan->text.data, scan->text.size, err);
}

/* "left right" or ["left", "right"] */
static bool read_merge(tl_json_scan *scan, void *context, tl_error *err)
{
    merge_reader *reader = context;
    if (tl_json_scan__peek(scan) == '"')
        return tl_json_scan__text(scan, err) &&
               (add_line(reader->builder, tl_string_slice(&scan->text), err) || tl_json_scan__within(scan, err));
    tl_string_reset(&reader->left);
    reader->piece_count = 0;
    if (!tl_json_scan__each(scan, '[', read_merge_piece, reader, err))
        return false;
    if (reader->piece_count < 2)
        return tl_json_scan__fail(scan, err, "expected a merge of two pieces, found %zu", reader->piece_count);
    return tl_clip_builder__add_merge(reader->builder, tl_string_slice(&reader->left), tl_string_slice(&scan->text), err) ||
           tl_json_scan__within(scan, err);
}

static bool read_json_merges(tl_json_scan *scan, tl_clip_builder *builder, tl_error *err)
{
    merge_reader reader = {.builder = builder};
    tl_string_init(&reader.left, TL_CLIP_MAX_PIECE_SIZE);
    bool ok = tl_json_scan__each(scan, '[', read_merge, &reader, err);
    tl_string_clear(&reader.left);
    return ok;
}

typedef struct added_reader {
    tl_clip_builder *builder;
    tl_string content;
    int64_t id; /* negative: not read yet */
} added_reader;

static bool read_added_member(tl_json_scan *scan, void *context, tl_error *err)
{
    added_reader *reader = context;
    if (strcmp(scan->text.data, "id") == 0)
        return tl_json_scan__integer(scan, 0, TL_CLIP_MAX_PIECES - 1, &reader->id, err);
    if (strcmp(scan->text.data, "content") == 0)
        return tl_json_scan__text(scan, err) && tl_string_append(&reader->content, scan->text.data, scan->text.size, err);
    return tl_json_scan__skip(scan, NULL, err);
}

/* {"id": 49407, "content": "<|endoftext|>", "special": true, ...}: behind the vocabulary it becomes a piece. Which of them are
 * found in texts, CLIPTokenizer takes from other files. */
static bool read_added(tl_json_scan *scan, void *context, tl_error *err)
{
    added_reader *reader = context;
    tl_string_reset(&reader->content);
    reader->id = -1;
    if (!tl_json_scan__each(scan, '{', read_added_member, reader, err))
        return false;
    if (reader->id < 0 || reader->content.size == 0)
        return tl_json_scan__fail(scan, err, "expected an added token with id and content");
    const int32_t known = tl_clip_builder__find(reader->builder, tl_string_slice(&reader->content));
    if (known >= 0 && known != reader->id)
        return tl_json_scan__fail(scan, err, "expected '%s' with id %d as in the vocabulary, found id %lld", reader->content.data,
                                  (int)known, (long long)reader->id);
    return known >= 0 || tl_clip_builder__add_piece(reader->builder, tl_string_slice(&reader->content), reader->id, err) ||
           tl_json_scan__within(scan, err);
}

static bool read_all_added(tl_json_scan *scan, tl_clip_builder *builder, tl_error *err)
{
    added_reader reader = {.builder = builder};
    tl_string_init(&reader.content, TL_CLIP_MAX_PIECE_SIZE);
    bool ok = tl_json_scan__each(scan, '[', read_added, &reader, err);
    tl_string_clear(&reader.content);
    return ok;
}

static bool read_json(tl_json_scan *scan, tl_clip_builder *builder, tl_error *err)
{
    bool ok = false;
    json_places places = {0};
    tl_string_init(&places.unknown, TL_CLIP_MAX_PIECE_SIZE);

    if (!find_places(scan, &places, err))
        goto done;
    go_to(scan, places.vocabulary);
    if (!read_pieces(scan, builder, err))
        goto done;
    go_to(scan, places.added);
    if (places.added != 0 && !read_all_added(scan, builder, err))
        goto done;
    if (!tl_clip_builder__seal_pieces(builder, places.unknown.size != 0 ? places.unknown.data : NULL, err)) {
        tl_fail_within(err, "'%s'", scan->name);
        goto done;
    }
    go_to(scan, places.merges);
    ok = read_json_merges(scan, builder, err);
done:
    tl_string_clear(&places.unknown);
    return ok;
}

bool tl_clip_files__read_json(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33], tl_error *err)
{
    bool ok = false;
    tl_string bytes;
    tl_json_scan scan = {0};
    tl_string_init(&scan.text, 0);

    if (!read_file(files->paths[0], &bytes, err) || !tl_json_scan__open(&scan, files->paths[0], tl_string_slice(&bytes), err) ||
        !read_json(&scan, builder, err))
        goto done;
    tl_hash_text(bytes.data, bytes.size, fingerprint);
    ok = true;
done:
    tl_json_scan__close(&scan);
    tl_string_clear(&bytes);
    return ok;
}

static bool add_next(tl_clip_builder *builder, tl_slice text, tl_error *err)
{
    return tl_clip_builder__add_piece(builder, text, (int64_t)tl_clip_builder__count(builder), err);
}

/* The pieces of the 256 bytes, those that can be seen first, with a suffix. */
static bool add_bytes(tl_clip_builder *builder, const char *suffix, tl_error *err)
{
    bool ok = false;
    tl_string text;
    tl_string_init(&text, 16);
    for (int pass = 0; pass < 2; pass++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint32_t character = tl_clip__character_of(byte);
            bool is_seen = character < 0x100;
            if (is_seen != (pass == 0))
                continue;
            tl_string_reset(&text);
            if (!tl_unicode__encode(&character, 1, &text, err) || !tl_string_append_text(&text, suffix, err) ||
                !add_next(builder, tl_string_slice(&text), err))
                goto done;
        }
    ok = true;
done:
    tl_string_clear(&text);
    return ok;
}

/* Goes through the lines that count; merges: adds the merges, else the pieces that they make. */
static bool read_listed(const char *path, tl_slice text, bool merges, tl_clip_builder *builder, tl_error *err)
{
    tl_slice line;
    char piece[2 * TL_CLIP_MAX_PIECE_SIZE];
    for (size_t number = 1; number <= LISTED_MERGES + 1 && tl_lines_next(&text, &line); number++) {
        const char *space = memchr(line.data, ' ', line.size);
        size_t left = space != NULL ? (size_t)(space - line.data) : 0;
        bool ok = true;
        if (number == 1 || (line.size == 0 && text.size == 0))
            continue; /* the version */
        if (merges || space == NULL || line.size > sizeof piece) {
            ok = add_line(builder, line, err);
        } else {
            memcpy(piece, line.data, left);
            memcpy(piece + left, space + 1, line.size - left - 1);
            ok = add_next(builder, (tl_slice){piece, line.size - 1}, err);
        }
        if (!ok)
            return tl_fail_within(err, "'%s': line %zu", path, number);
    }
    return true;
}

bool tl_clip_files__read_list(const tl_clip_source *files, tl_clip_builder *builder, char fingerprint[33], tl_error *err)
{
    bool ok = false;
    const char *path = files->paths[0];
    tl_string bytes, text;
    tl_string_init(&text, MAX_LIST_SIZE);

    if (!read_file(path, &bytes, err))
        goto done;
    if (!tl_gzip__inflate(tl_string_slice(&bytes), &text, err)) {
        tl_fail_within(err, "'%s'", path);
        goto done;
    }
    tl_slice list = tl_string_slice(&text);
    if (!check_text(path, list, err) || !add_bytes(builder, "", err) || !add_bytes(builder, word_end, err) ||
        !read_listed(path, list, false, builder, err) || !add_next(builder, tl_slice_of("<start_of_text>"), err) ||
        !add_next(builder, tl_slice_of("<end_of_text>"), err) || !tl_clip_builder__seal_pieces(builder, NULL, err) ||
        !read_listed(path, list, true, builder, err))
        goto done;
    tl_hash_text(bytes.data, bytes.size, fingerprint);
    ok = true;
done:
    tl_string_clear(&text);
    tl_string_clear(&bytes);
    return ok;
}

/*
 * Reads the small files beside a published vocabulary. They are read by the pull reader, since their numbers may be of any size
 * ("model_max_length": 1000000000000000019884624838656) and tokenizer.json is large; what is not asked for is passed over.
 */
#include "tokenizer/folders/settings_internal.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "tokenizer/files/json_scan.h"

enum { MAX_SETTINGS_SIZE = 16 << 20, MAX_TOKENIZER_SIZE = 256 << 20, MAX_ADDED = 65536 };

static const char *const role_names[TL_ROLE_COUNT] = {
    [TL_ROLE_BOS] = "bos_token",     [TL_ROLE_EOS] = "eos_token",       [TL_ROLE_PAD] = "pad_token",
    [TL_ROLE_UNKNOWN] = "unk_token", [TL_ROLE_SEPARATOR] = "sep_token", [TL_ROLE_CLASS] = "cls_token",
};

/* The string that comes next, if it is one. */
static bool read_short_text(tl_json_scan *scan, char *out, size_t size, tl_error *err)
{
    if (tl_json_scan__peek(scan) != '"')
        return tl_json_scan__skip(scan, NULL, err);
    if (!tl_json_scan__text(scan, err))
        return false;
    if (scan->text.size >= size)
        return tl_json_scan__fail(scan, err, "expected a text of at most %zu bytes, found %zu", size - 1, scan->text.size);
    memcpy(out, scan->text.data, scan->text.size + 1);
    return true;
}

static bool read_answer(tl_json_scan *scan, tl_answer *out, tl_error *err)
{
    char first = tl_json_scan__peek(scan);
    if (first == 't' || first == 'f')
        *out = first == 't' ? TL_ANSWER_YES : TL_ANSWER_NO;
    return tl_json_scan__skip(scan, NULL, err);
}

static bool read_token_member(tl_json_scan *scan, void *context, tl_error *err)
{
    tl_named_token *out = context;
    const char *name = scan->text.data;
    tl_answer answer = TL_ANSWER_MISSING;
    if (strcmp(name, "content") == 0)
        return read_short_text(scan, out->text, sizeof out->text, err);
    if (strcmp(name, "normalized") != 0)
        return tl_json_scan__skip(scan, NULL, err);
    if (!read_answer(scan, &answer, err))
        return false;
    out->is_normalized = answer == TL_ANSWER_YES;
    return true;
}

/* "<eos>" or {"content": "<eos>", "normalized": false, ...}. */
static bool read_token(tl_json_scan *scan, tl_named_token *out, tl_error *err)
{
    if (tl_json_scan__peek(scan) == '{')
        return tl_json_scan__each(scan, '{', read_token_member, out, err);
    return read_short_text(scan, out->text, sizeof out->text, err);
}

/* {"id": 49407, "content": ...}, of an array or of the object added_tokens_decoder, under its id. */
static bool keep_added(tl_json_scan *scan, void *context, tl_error *err)
{
    tl_tokenizer_settings *out = context;
    tl_named_token added = {.text = ""};
    if (out->added_count == MAX_ADDED)
        return tl_json_scan__fail(scan, err, "expected at most %d added tokens, found more", MAX_ADDED);
    if (!read_token(scan, &added, err) ||
        !tl_memory_reserve(&out->added, &out->added_capacity, out->added_count + 1, sizeof *out->added, err))
        return false;
    if (added.text[0] != '\0')
        out->added[out->added_count++] = added;
    return true;
}

/* Of tokenizer.json, its array added_tokens. */
static bool read_added_array(tl_json_scan *scan, void *context, tl_error *err)
{
    if (strcmp(scan->text.data, "added_tokens") != 0 || tl_json_scan__peek(scan) != '[')
        return tl_json_scan__skip(scan, NULL, err);
    return tl_json_scan__each(scan, '[', keep_added, context, err);
}

/* Left as it is where it is no whole number, or one of more than nine digits. */
static bool read_number(tl_json_scan *scan, int64_t *out, tl_error *err)
{
    tl_slice number;
    if (!tl_json_scan__skip(scan, &number, err))
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < number.size; i++) {
        if (number.data[i] < '0' || number.data[i] > '9' || number.size > 9)
            return true;
        value = 10 * value + (number.data[i] - '0');
    }
    *out = value;
    return true;
}

static bool read_class(tl_json_scan *scan, tl_tokenizer_settings *out, tl_error *err)
{
    if (!read_short_text(scan, out->class_name, sizeof out->class_name, err))
        return false;
    size_t size = strlen(out->class_name);
    if (size > 4 && strcmp(out->class_name + size - 4, "Fast") == 0)
        out->class_name[size - 4] = '\0';
    return true;
}

static bool read_setting(tl_json_scan *scan, void *context, tl_error *err)
{
    tl_tokenizer_settings *out = context;
    const char *name = scan->text.data;
    const struct {
        const char *name;
        tl_answer *answer;
    } answers[] = {
        {"do_lower_case", &out->lowers},
        {"strip_accents", &out->strips_accents},
        {"tokenize_chinese_chars", &out->splits_chinese},
        {"add_bos_token", &out->adds_bos},
        {"add_eos_token", &out->adds_eos},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(name, answers[i].name) == 0)
            return read_answer(scan, answers[i].answer, err);
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        if (strcmp(name, role_names[role]) == 0)
            return read_token(scan, &out->roles[role], err);
    if (strcmp(name, "tokenizer_class") == 0)
        return read_class(scan, out, err);
    if (strcmp(name, "model_max_length") == 0)
        return read_number(scan, &out->max_length, err);
    if (strcmp(name, "extra_ids") == 0) {
        int64_t extra_ids = -1;
        bool ok = read_number(scan, &extra_ids, err);
        out->has_no_extra_ids = extra_ids == 0;
        return ok;
    }
    if (strcmp(name, "added_tokens_decoder") == 0 && tl_json_scan__peek(scan) == '{')
        return tl_json_scan__each(scan, '{', keep_added, out, err);
    if (strcmp(name, "padding_side") == 0) {
        char side[8] = "";
        if (!read_short_text(scan, side, sizeof side, err))
            return false;
        out->pads_left = strcmp(side, "left") == 0 ? TL_ANSWER_YES : strcmp(side, "right") == 0 ? TL_ANSWER_NO : out->pads_left;
        return true;
    }
    return tl_json_scan__skip(scan, NULL, err);
}

/* Of special_tokens_map.json, only what tokenizer_config.json left unsaid. */
static bool read_mapped_token(tl_json_scan *scan, void *context, tl_error *err)
{
    tl_tokenizer_settings *out = context;
    const char *name = scan->text.data;
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        if (strcmp(name, role_names[role]) == 0 && out->roles[role].text[0] == '\0')
            return read_token(scan, &out->roles[role], err);
    return tl_json_scan__skip(scan, NULL, err);
}

/* Reads the members of a file's one object; a file that is not there has none. */
static bool read_file_members(const char *directory, const char *name, size_t max_size, tl_json_value_reader *read, void *context,
                              tl_error *err)
{
    bool ok = false;
    tl_string bytes;
    tl_json_scan scan = {0};
    tl_file_status status;
    tl_string_init(&bytes, max_size);
    tl_string_init(&scan.text, 0);
    char *path = tl_path_join(directory, name, err);

    if (path == NULL || !tl_file_status_read(path, &status, err))
        goto done;
    ok = status.kind == TL_FILE_MISSING ||
         (tl_file_read(path, &bytes, err) && tl_json_scan__open(&scan, path, tl_string_slice(&bytes), err) &&
          tl_json_scan__each(&scan, '{', read, context, err) && tl_json_scan__finish(&scan, err));
done:
    tl_json_scan__close(&scan);
    tl_string_clear(&bytes);
    tl_memory_free(path);
    return ok;
}

bool tl_tokenizer_settings__read(const char *directory, tl_tokenizer_settings *out, tl_error *err)
{
    *out = (tl_tokenizer_settings){.added = NULL};
    return read_file_members(directory, "tokenizer_config.json", MAX_SETTINGS_SIZE, read_setting, out, err) &&
           read_file_members(directory, "special_tokens_map.json", MAX_SETTINGS_SIZE, read_mapped_token, out, err);
}

bool tl_tokenizer_settings__read_added(const char *directory, tl_tokenizer_settings *out, tl_error *err)
{
    return out->added_count != 0 ||
           read_file_members(directory, "tokenizer.json", MAX_TOKENIZER_SIZE, read_added_array, out, err);
}

void tl_tokenizer_settings__clear(tl_tokenizer_settings *settings)
{
    tl_memory_free(settings->added);
    *settings = (tl_tokenizer_settings){.added = NULL};
}

typedef struct added_around {
    char *first, *last;
    size_t first_count, last_count;
} added_around;

static bool keep_token(const char *text, bool is_first, added_around *out, tl_error *err)
{
    size_t *count = is_first ? &out->first_count : &out->last_count;
    if (text == NULL || strlen(text) >= TL_MAX_TOKEN_SIZE)
        return tl_fail(err, TL_ERROR_CORRUPT, "post_processor: expected a token of at most %d bytes, found none",
                       TL_MAX_TOKEN_SIZE);
    if (++*count > 1)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "post_processor: expected one token on each side of a text, found more");
    memcpy(is_first ? out->first : out->last, text, strlen(text) + 1);
    return true;
}

/* {"single": [{"SpecialToken": {"id": "<bos>"}}, {"Sequence": {"id": "A"}}, ...]}. */
static bool read_template(const tl_json *processor, added_around *out, tl_error *err)
{
    const tl_json *single = tl_json_member(processor, "single");
    bool is_behind = false;
    for (size_t i = 0; i < tl_json_array_size(single); i++) {
        const tl_json *item = tl_json_array_item(single, i), *special = tl_json_member(item, "SpecialToken");
        is_behind = is_behind || tl_json_member(item, "Sequence") != NULL;
        if (special != NULL && !keep_token(tl_json_text_or(special, "id", NULL), !is_behind, out, err))
            return false;
    }
    return true;
}

static bool read_processor(const tl_json *processor, added_around *out, tl_error *err)
{
    const char *type = tl_json_text_or(processor, "type", "");
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(processor, out, err);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        const tl_json *first = tl_json_array_item(tl_json_member(processor, "cls"), 0);
        const tl_json *last = tl_json_array_item(tl_json_member(processor, "sep"), 0);
        return keep_token(tl_json_text(first), true, out, err) && keep_token(tl_json_text(last), false, out, err);
    }
    if (strcmp(type, "Sequence") == 0) {
        const tl_json *all = tl_json_member(processor, "processors");
        for (size_t i = 0; i < tl_json_array_size(all); i++) {
            const tl_json *one = tl_json_array_item(all, i);
            if (strcmp(tl_json_text_or(one, "type", ""), "Sequence") != 0 && !read_processor(one, out, err))
                return false;
        }
        return true;
    }
    return strcmp(type, "ByteLevel") == 0 ||
           tl_fail(err, TL_ERROR_UNSUPPORTED, "post_processor: expected a template, found '%s'", type);
}

static bool find_processor(tl_json_scan *scan, void *context, tl_error *err)
{
    tl_slice *out = context;
    bool is_it = strcmp(scan->text.data, "post_processor") == 0 && tl_json_scan__peek(scan) == '{';
    return tl_json_scan__skip(scan, is_it ? out : NULL, err);
}

bool tl_post_processor__read(const char *path, char first[TL_MAX_TOKEN_SIZE], char last[TL_MAX_TOKEN_SIZE], tl_error *err)
{
    bool ok = false;
    tl_string bytes;
    tl_slice found = {NULL, 0};
    tl_json *processor = NULL;
    tl_json_scan scan = {0};
    added_around around = {.first = first, .last = last};
    tl_string_init(&bytes, MAX_TOKENIZER_SIZE);
    tl_string_init(&scan.text, 0);
    first[0] = last[0] = '\0';

    if (!tl_file_read(path, &bytes, err) || !tl_json_scan__open(&scan, path, tl_string_slice(&bytes), err) ||
        !tl_json_scan__each(&scan, '{', find_processor, &found, err))
        goto done;
    ok = found.size == 0;
    if (!ok && tl_json_parse(found, path, &processor, err)) {
        ok = read_processor(processor, &around, err);
        if (!ok)
            tl_fail_within(err, "'%s'", path);
    }
done:
    tl_json_free(processor);
    tl_json_scan__close(&scan);
    tl_string_clear(&bytes);
    return ok;
}

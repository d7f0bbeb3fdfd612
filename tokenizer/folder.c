/*
 * Opens the tokenizer of a model folder as the framework that wrote the folder would.
 *
 * Three dialects. Ours: config.json says "twinlens", tokenizer.model lies beside it, or, where training started from somebody's
 * model, a folder `tokenizer` with that model's files, which is read by its own dialect. open_clip: open_clip_config.json names
 * the tokenizer; without a name it is SimpleTokenizer over CLIP's vocabulary, with one it is HFTokenizer, which cleans captions
 * and hands them to the transformers tokenizer in the same folder. transformers: tokenizer_config.json names a class, else
 * config.json's model_type implies one; classes are rows of a table. A folder of both has open_clip_model.safetensors when
 * open_clip's is meant.
 */
#include "tokenizer/tokenizer.h"

#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/json.h"
#include "tokenizer/clip_bpe_internal.h"
#include "tokenizer/published_internal.h"
#include "tokenizer/recipe_internal.h"
#include "tokenizer/settings_internal.h"

#include <stdio.h>

enum { MAX_CONFIG_SIZE = 4 << 20, MAX_SIGLIP_SPECIALS = 64, MAX_PATH_SIZE = 4096 };

/* Without an allocation, so that exhausted memory never looks like a missing file. */
static bool has_file(const char *directory, const char *name)
{
    char path[MAX_PATH_SIZE];
    tl_file_status status;
    int size = snprintf(path, sizeof path, "%s/%s", directory, name);
    return size > 0 && (size_t)size < sizeof path && tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_REGULAR;
}

static bool is_folder(const char *directory, const char *name)
{
    char path[MAX_PATH_SIZE];
    tl_file_status status;
    int size = snprintf(path, sizeof path, "%s/%s", directory, name);
    return size > 0 && (size_t)size < sizeof path && tl_file_status_read(path, &status, NULL) && status.kind == TL_FILE_DIRECTORY;
}

/* Reads a configuration; NULL in *out where there is no such file. */
static bool read_config(const char *directory, const char *name, tl_json **out, tl_error *err)
{
    *out = NULL;
    if (!has_file(directory, name))
        return true;
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_json_read_file(path, MAX_CONFIG_SIZE, out, err);
    tl_memory_free(path);
    return ok;
}

/* A folder of the transformers dialect while its tokenizer is opened. */
typedef struct published_folder {
    const char *directory;
    const struct tokenizer_class *own;
    tl_tokenizer_settings settings;
    tl_vocabulary vocabulary; /* kind NULL: not open */
    tl_clip *clip;            /* its state, when it is CLIP's */
    int32_t role_ids[TL_ROLE_COUNT];
} published_folder;

typedef bool vocabulary_opener(published_folder *self, tl_error *err);

static vocabulary_opener open_clip_vocabulary, open_siglip, open_t5, open_xlm_roberta, open_gemma, open_siglip2, open_bert,
    open_any;

/* What a class adds to a text and is called by, unless the folder says otherwise. */
typedef struct tokenizer_class {
    const char *name;
    const char *model_type; /* of config.json, when that alone decides */
    const char *roles[TL_ROLE_COUNT];
    tl_token_role first, last; /* TL_ROLE_COUNT: nothing */
    bool pads_left;
    bool asks_file; /* what is added is said by flags and the file's post-processor */
    vocabulary_opener *open;
} tokenizer_class;

static const tokenizer_class classes[] = {
    {"CLIPTokenizer",
     "clip",
     {"<|startoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>", NULL},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_clip_vocabulary},
    {"SiglipTokenizer",
     "siglip",
     {NULL, "</s>", "<unk>", NULL, "</s>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_EOS,
     false,
     false,
     open_siglip},
    {"Siglip2Tokenizer",
     "siglip2",
     {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_COUNT,
     true,
     true,
     open_siglip2},
    {"GemmaTokenizer",
     "gemma",
     {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL},
     TL_ROLE_COUNT,
     TL_ROLE_COUNT,
     true,
     true,
     open_gemma},
    {"T5Tokenizer", "t5", {NULL, "</s>", "<unk>", NULL, "<pad>", NULL}, TL_ROLE_COUNT, TL_ROLE_EOS, false, false, open_t5},
    {"MT5Tokenizer", "mt5", {NULL, "</s>", "<unk>", NULL, "<pad>", NULL}, TL_ROLE_COUNT, TL_ROLE_EOS, false, false, open_t5},
    {"XLMRobertaTokenizer",
     "metaclip_2",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_xlm_roberta},
    {"XLMRobertaTokenizer",
     "xlm-roberta",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>"},
     TL_ROLE_BOS,
     TL_ROLE_EOS,
     false,
     false,
     open_xlm_roberta},
    {"BertTokenizer",
     "bert",
     {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]"},
     TL_ROLE_CLASS,
     TL_ROLE_SEPARATOR,
     false,
     false,
     open_bert},
    {"PreTrainedTokenizer", NULL, {NULL}, TL_ROLE_COUNT, TL_ROLE_COUNT, false, true, open_any},
    {"TokenizersBackend", NULL, {NULL}, TL_ROLE_COUNT, TL_ROLE_COUNT, false, true, open_any},
};

enum { CLASS_COUNT = sizeof classes / sizeof *classes };

static const tokenizer_class *find_class(const char *name)
{
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i];
    return NULL;
}

static const tokenizer_class *find_class_of_model(const char *model_type)
{
    for (size_t i = 0; i < CLASS_COUNT; i++)
        if (classes[i].model_type != NULL && strcmp(classes[i].model_type, model_type) == 0)
            return &classes[i];
    return NULL;
}

/* The text of a special token; NULL: the class has none and the folder names none. */
static const char *role_text(const published_folder *self, tl_token_role role)
{
    if (role == TL_ROLE_COUNT)
        return NULL;
    const char *said = self->settings.roles[role].text;
    return said[0] != '\0' ? said : self->own->roles[role];
}

static int32_t find_piece(const published_folder *self, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return -1;
    return self->clip != NULL ? tl_clip__find(self->clip, tl_slice_of(text)) : tl_published__find_piece(&self->vocabulary, text);
}

/* Before the vocabulary is wrapped in another kind. */
static void find_roles(published_folder *self)
{
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        self->role_ids[role] = find_piece(self, role_text(self, (tl_token_role)role));
}

static bool open_json(published_folder *self, bool lowers, tl_error *err)
{
    char *path = tl_path_join(self->directory, "tokenizer.json", err);
    bool ok = path != NULL && tl_published__open_json(path, lowers, &self->vocabulary, err);
    tl_memory_free(path);
    return ok;
}

static bool open_pieces(published_folder *self, const char *name, tl_published_reader reader, tl_error *err)
{
    char *path = tl_path_join(self->directory, name, err);
    bool ok = path != NULL && tl_published__open_sentencepiece(path, reader, &self->vocabulary, err);
    tl_memory_free(path);
    return ok;
}

static bool fail_missing(const published_folder *self, const char *names, tl_error *err)
{
    return tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected %s for a %s, found none", self->directory, names,
                   self->own->name);
}

/* CLIP's vocabulary, from whichever of its files are there. */
static bool read_clip(const char *directory, tl_clip_dialect dialect, const char *unknown, tl_clip **out, char fingerprint[33],
                      tl_error *err)
{
    static const char list_name[] = "bpe_simple_vocab_16e6.txt.gz";
    bool ok = false;
    bool has_pair = has_file(directory, "vocab.json") && has_file(directory, "merges.txt");
    bool has_json = has_file(directory, "tokenizer.json");
    if (!has_pair && !has_json && !has_file(directory, list_name))
        return tl_fail(err, TL_ERROR_NOT_FOUND,
                       "model '%s': expected vocab.json with merges.txt, tokenizer.json or %s for CLIP's tokenizer, found none",
                       directory, list_name);
    char *first = tl_path_join(directory, has_pair ? "vocab.json" : has_json ? "tokenizer.json" : list_name, err);
    char *second = first != NULL ? tl_path_join(directory, "merges.txt", err) : NULL;
    if (second != NULL) {
        const tl_clip_source files = {.paths = {first, second},
                                      .path_count = has_pair ? 2 : 1,
                                      .unknown = unknown,
                                      .read = has_pair   ? tl_clip_files__read_pair
                                              : has_json ? tl_clip_files__read_json
                                                         : tl_clip_files__read_list};
        ok = tl_clip__open(dialect, &files, out, fingerprint, err);
    }
    tl_memory_free(second);
    tl_memory_free(first);
    return ok;
}

static bool add_clip_special(published_folder *self, tl_clip *clip, const char *text, bool is_normalized, tl_error *err)
{
    int32_t id = tl_clip__find(clip, tl_slice_of(text));
    if (id < 0)
        return tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected a piece '%s' for a special token, found none",
                       self->directory, text);
    return tl_clip__add_special(clip, text, id, is_normalized, err);
}

/* How a role's token is found: as added_tokens_decoder says of its text, else as it says itself. */
static bool is_role_normalized(const tl_tokenizer_settings *settings, tl_token_role role)
{
    const tl_named_token *token = &settings->roles[role];
    for (size_t i = 0; token->text[0] != '\0' && i < settings->added_count; i++)
        if (strcmp(settings->added[i].text, token->text) == 0)
            return settings->added[i].is_normalized;
    return token->is_normalized;
}

static bool open_clip_vocabulary(published_folder *self, tl_error *err)
{
    tl_clip *clip = NULL;
    const tl_tokenizer_settings *settings = &self->settings;
    if (!tl_tokenizer_settings__read_added(self->directory, &self->settings, err) ||
        !read_clip(self->directory, TL_CLIP_TRANSFORMERS, role_text(self, TL_ROLE_UNKNOWN), &clip, self->vocabulary.fingerprint,
                   err))
        return false;
    for (size_t i = 0; i < settings->added_count; i++)
        if (!add_clip_special(self, clip, settings->added[i].text, settings->added[i].is_normalized, err))
            goto failed;
    for (int role = 0; role < TL_ROLE_COUNT; role++) {
        const char *text = role_text(self, (tl_token_role)role);
        if (text != NULL && !add_clip_special(self, clip, text, is_role_normalized(settings, (tl_token_role)role), err))
            goto failed;
    }
    tl_clip__publish(clip, &self->vocabulary);
    self->clip = clip;
    return true;
failed:
    tl_clip__destroy(clip);
    return false;
}

/* Wraps the SentencePiece vocabulary that is open in SiglipTokenizer's way with it. */
static bool wrap_siglip(published_folder *self, tl_error *err)
{
    const char *texts[MAX_SIGLIP_SPECIALS];
    int32_t ids[MAX_SIGLIP_SPECIALS];
    size_t count = 0;
    const tl_tokenizer_settings *settings = &self->settings;
    if (settings->added_count > MAX_SIGLIP_SPECIALS - TL_ROLE_COUNT)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "model '%s': expected at most %d added tokens, found %zu", self->directory,
                       MAX_SIGLIP_SPECIALS - TL_ROLE_COUNT, settings->added_count);
    for (int role = 0; role < TL_ROLE_COUNT; role++)
        if (self->role_ids[role] >= 0) {
            texts[count] = role_text(self, (tl_token_role)role);
            ids[count++] = self->role_ids[role];
        }
    for (size_t i = 0; i < settings->added_count; i++)
        if (find_piece(self, settings->added[i].text) >= 0) {
            texts[count] = settings->added[i].text;
            ids[count++] = find_piece(self, settings->added[i].text);
        }
    tl_vocabulary pieces = self->vocabulary;
    self->vocabulary.kind = NULL;
    return tl_siglip__open(&pieces, settings->lowers == TL_ANSWER_NO, role_text(self, TL_ROLE_UNKNOWN), texts, ids, count,
                           &self->vocabulary, err);
}

static bool open_siglip(published_folder *self, tl_error *err)
{
    if (has_file(self->directory, "spiece.model"))
        return open_pieces(self, "spiece.model", TL_READER_SENTENCEPIECE, err);
    return fail_missing(self, "spiece.model", err);
}

static bool open_t5(published_folder *self, tl_error *err)
{
    if (has_file(self->directory, "tokenizer.json"))
        return open_json(self, false, err);
    if (has_file(self->directory, "spiece.model"))
        return open_pieces(self, "spiece.model", self->settings.has_no_extra_ids ? TL_READER_T5_BARE : TL_READER_T5, err);
    return fail_missing(self, "tokenizer.json or spiece.model", err);
}

static bool open_xlm_roberta(published_folder *self, tl_error *err)
{
    if (has_file(self->directory, "tokenizer.json"))
        return open_json(self, false, err);
    if (has_file(self->directory, "sentencepiece.bpe.model"))
        return open_pieces(self, "sentencepiece.bpe.model", TL_READER_FAIRSEQ, err);
    return fail_missing(self, "tokenizer.json or sentencepiece.bpe.model", err);
}

static bool open_merges(published_folder *self, tl_published_reader reader, tl_error *err)
{
    if (has_file(self->directory, "tokenizer.json"))
        return open_json(self, reader == TL_READER_SIGLIP2, err);
    if (has_file(self->directory, "tokenizer.model"))
        return open_pieces(self, "tokenizer.model", reader, err);
    return fail_missing(self, "tokenizer.json or tokenizer.model", err);
}

static bool open_gemma(published_folder *self, tl_error *err)
{
    return open_merges(self, TL_READER_GEMMA, err);
}

static bool open_siglip2(published_folder *self, tl_error *err)
{
    return open_merges(self, TL_READER_SIGLIP2, err);
}

static bool open_bert(published_folder *self, tl_error *err)
{
    const tl_tokenizer_settings *settings = &self->settings;
    if (has_file(self->directory, "vocab.txt")) {
        const tl_word_list_options options = {
            .keeps_case = settings->lowers == TL_ANSWER_NO,
            .keeps_accents = settings->strips_accents == TL_ANSWER_NO,
            .strips_accents = settings->strips_accents == TL_ANSWER_YES,
            .joins_chinese = settings->splits_chinese == TL_ANSWER_NO,
        };
        char *path = tl_path_join(self->directory, "vocab.txt", err);
        bool ok = path != NULL && tl_published__open_word_list(path, &options, &self->vocabulary, err);
        tl_memory_free(path);
        return ok;
    }
    return has_file(self->directory, "tokenizer.json") ? open_json(self, false, err)
                                                       : fail_missing(self, "vocab.txt or tokenizer.json", err);
}

static bool open_any(published_folder *self, tl_error *err)
{
    return has_file(self->directory, "tokenizer.json") ? open_json(self, false, err) : fail_missing(self, "tokenizer.json", err);
}

/* The class that the folder's files name. */
static bool choose_class(published_folder *self, tl_error *err)
{
    tl_json *config;
    if (!read_config(self->directory, "config.json", &config, err))
        return false;
    const char *type = tl_json_text_or(config, "model_type", "");
    const tokenizer_class *of_model = find_class_of_model(type);
    const char *named = self->settings.class_name;
    bool ok = true;
    /* Folders of siglip2 name another class by mistake; transformers passes over that, too. */
    if (named[0] == '\0' || strcmp(type, "siglip2") == 0)
        self->own = of_model;
    else if ((self->own = find_class(named)) == NULL)
        ok = tl_fail(err, TL_ERROR_UNSUPPORTED,
                     "model '%s': tokenizer_config.json: expected a tokenizer class of CLIP, SigLIP, "
                     "Gemma, T5, XLM-RoBERTa or BERT, found '%s'",
                     self->directory, named);
    if (ok && self->own == NULL)
        self->own = has_file(self->directory, "tokenizer.json") ? find_class("TokenizersBackend")
                    : has_file(self->directory, "merges.txt")   ? find_class("CLIPTokenizer")
                    : has_file(self->directory, "spiece.model") ? find_class("SiglipTokenizer")
                    : has_file(self->directory, "vocab.txt")    ? find_class("BertTokenizer")
                                                                : NULL;
    if (ok && self->own == NULL)
        ok = tl_fail(err, TL_ERROR_NOT_FOUND, "model '%s': expected the files of a tokenizer, found none", self->directory);
    tl_json_free(config);
    return ok;
}

/* The id of a token that every text gets, which therefore must be there. */
static bool find_added(const published_folder *self, const char *text, int32_t *id, tl_error *err)
{
    *id = find_piece(self, text);
    if (*id < 0 && text != NULL && text[0] != '\0')
        return tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected a piece '%s' to put around texts, found none",
                       self->directory, text);
    return true;
}

/* What is put before and behind every text. */
static bool find_around(const published_folder *self, tl_tokenizer_recipe *recipe, tl_error *err)
{
    const tl_tokenizer_settings *settings = &self->settings;
    char first[TL_MAX_TOKEN_SIZE] = "", last[TL_MAX_TOKEN_SIZE] = "";
    if (!self->own->asks_file)
        return find_added(self, role_text(self, self->own->first), &recipe->first_id, err) &&
               find_added(self, role_text(self, self->own->last), &recipe->last_id, err);
    if (settings->adds_bos != TL_ANSWER_MISSING || settings->adds_eos != TL_ANSWER_MISSING)
        return find_added(self, settings->adds_bos == TL_ANSWER_YES ? role_text(self, TL_ROLE_BOS) : NULL, &recipe->first_id,
                          err) &&
               find_added(self, settings->adds_eos == TL_ANSWER_YES ? role_text(self, TL_ROLE_EOS) : NULL, &recipe->last_id, err);
    if (!has_file(self->directory, "tokenizer.json"))
        return true;
    char *path = tl_path_join(self->directory, "tokenizer.json", err);
    bool ok = path != NULL && tl_post_processor__read(path, first, last, err);
    tl_memory_free(path);
    return ok && find_added(self, first, &recipe->first_id, err) && find_added(self, last, &recipe->last_id, err);
}

/* Opens the vocabulary of a folder of transformers and fills the recipe; on success the vocabulary is the caller's. */
static bool open_published(published_folder *self, tl_tokenizer_recipe *recipe, tl_error *err)
{
    if (!tl_tokenizer_settings__read(self->directory, &self->settings, err) || !choose_class(self, err) ||
        !self->own->open(self, err) || !find_around(self, recipe, err))
        return false;
    find_roles(self);
    recipe->pad_id = self->role_ids[TL_ROLE_PAD];
    recipe->limit = self->settings.max_length > 0 ? (size_t)self->settings.max_length : 0;
    recipe->pads_left =
        self->settings.pads_left == TL_ANSWER_MISSING ? self->own->pads_left : self->settings.pads_left == TL_ANSWER_YES;
    self->vocabulary.special = (tl_special_ids){recipe->pad_id, self->role_ids[TL_ROLE_UNKNOWN],
                                                recipe->first_id >= 0 ? recipe->first_id : self->role_ids[TL_ROLE_BOS],
                                                recipe->last_id >= 0 ? recipe->last_id : self->role_ids[TL_ROLE_EOS]};
    return self->own->open != open_siglip || wrap_siglip(self, err);
}

static void clear_published(published_folder *self)
{
    if (self->vocabulary.kind != NULL)
        self->vocabulary.kind->close(self->vocabulary.state);
    tl_tokenizer_settings__clear(&self->settings);
}

static bool finish_published(published_folder *self, const tl_tokenizer_recipe *recipe, tl_tokenizer **out, tl_error *err)
{
    tl_vocabulary vocabulary = self->vocabulary;
    self->vocabulary.kind = NULL;
    return tl_tokenizer__create(&vocabulary, recipe, out, err);
}

static bool open_transformers(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    published_folder folder = {.directory = directory};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);
    bool ok = open_published(&folder, &recipe, err) && finish_published(&folder, &recipe, out, err);
    clear_published(&folder);
    return ok;
}

/* What open_clip_config.json says of the tokenizer. */
typedef struct open_clip_settings {
    bool is_simple; /* SimpleTokenizer, else HFTokenizer */
    tl_cleanup cleanup;
    bool strips_separator, ends_with_class;
} open_clip_settings;

static bool read_cleanup(const char *name, tl_cleanup *out, tl_error *err)
{
    static const struct {
        const char *name;
        tl_cleanup cleanup;
    } cleanups[] = {
        {"lower", TL_CLEANUP_OPEN_CLIP_LOWER},
        {"whitespace", TL_CLEANUP_OPEN_CLIP_WHITESPACE},
        {"canonicalize", TL_CLEANUP_OPEN_CLIP_CANONICALIZE},
    };
    for (size_t i = 0; i < sizeof cleanups / sizeof *cleanups; i++)
        if (strcmp(cleanups[i].name, name) == 0) {
            *out = cleanups[i].cleanup;
            return true;
        }
    return tl_fail(err, TL_ERROR_UNSUPPORTED, "clean: expected lower, whitespace or canonicalize, found '%.40s'", name);
}

typedef struct option_check {
    tl_error *err;
    bool is_simple;
} option_check;

/* Options that would change ids and are not done here are refused. */
static bool check_option(void *context, const char *name, const tl_json *value)
{
    const option_check *self = context;
    bool is_known = strcmp(name, "clean") == 0 || (!self->is_simple && strcmp(name, "strip_sep_token") == 0) ||
                    strcmp(name, "context_length") == 0;
    const char *text = tl_json_text(value);
    return is_known || (text != NULL && text[0] == '\0') ||
           tl_fail(self->err, TL_ERROR_UNSUPPORTED, "tokenizer_kwargs: expected clean or strip_sep_token, found '%.40s'", name);
}

static bool read_open_clip(const tl_json *config, open_clip_settings *out, tl_error *err)
{
    const tl_json *text = tl_json_member(tl_json_member(config, "model_cfg"), "text_cfg");
    const tl_json *options = tl_json_member(text, "tokenizer_kwargs");
    const char *mode = tl_json_text_or(text, "tokenizer_mode", "");
    if (!tl_json_is_object(text))
        return tl_fail(err, TL_ERROR_CORRUPT, "expected model_cfg with text_cfg, found none");
    out->is_simple = tl_json_text_or(text, "hf_tokenizer_name", "")[0] == '\0';
    option_check check = {err, out->is_simple};
    if (tl_json_object_size(options) != 0 && !tl_json_each_member(options, check_option, &check))
        return false;
    if (mode[0] != '\0' && strcmp(mode, "clips") != 0)
        return tl_fail(err, TL_ERROR_UNSUPPORTED, "tokenizer_mode: expected 'clips' or none, found '%.40s'", mode);
    out->strips_separator = tl_json_bool_or(options, "strip_sep_token", false);
    out->ends_with_class = !out->is_simple && mode[0] != '\0';
    return read_cleanup(tl_json_text_or(options, "clean", out->is_simple ? "lower" : "whitespace"), &out->cleanup, err);
}

/* One of the two names of a mark: OpenAI's file has the first, everybody else's the second. */
static int32_t find_mark(const tl_clip *clip, const char *name, const char *other)
{
    int32_t id = tl_clip__find(clip, tl_slice_of(name));
    return id >= 0 ? id : tl_clip__find(clip, tl_slice_of(other));
}

static bool open_simple(const char *directory, const open_clip_settings *settings, size_t context_length, tl_tokenizer **out,
                        tl_error *err)
{
    tl_clip *clip = NULL;
    tl_vocabulary vocabulary = {.kind = NULL};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);
    if (!read_clip(directory, TL_CLIP_OPEN_CLIP, NULL, &clip, vocabulary.fingerprint, err))
        return false;
    recipe.cleanup = settings->cleanup;
    recipe.first_id = find_mark(clip, "<start_of_text>", "<|startoftext|>");
    recipe.last_id = find_mark(clip, "<end_of_text>", "<|endoftext|>");
    if (recipe.first_id < 0 || recipe.last_id < 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected pieces '<|startoftext|>' and '<|endoftext|>', found none",
                directory);
        goto failed;
    }
    if (!tl_clip__add_special(clip, "<start_of_text>", recipe.first_id, false, err) ||
        !tl_clip__add_special(clip, "<end_of_text>", recipe.last_id, false, err))
        goto failed;
    tl_clip__publish(clip, &vocabulary);
    vocabulary.special = (tl_special_ids){-1, -1, recipe.first_id, recipe.last_id};
    return tl_tokenizer__create(&vocabulary, &recipe, out, err);
failed:
    tl_clip__destroy(clip);
    return false;
}

static bool open_wrapped(const char *directory, const open_clip_settings *settings, size_t context_length, tl_tokenizer **out,
                         tl_error *err)
{
    bool ok = false;
    published_folder folder = {.directory = directory};
    tl_tokenizer_recipe recipe = tl_tokenizer_recipe__plain(context_length);

    if (!open_published(&folder, &recipe, err))
        goto done;
    recipe.cleanup = settings->cleanup;
    recipe.limit = 0;
    if (settings->strips_separator)
        recipe.removed_id = folder.role_ids[TL_ROLE_SEPARATOR];
    if (settings->ends_with_class) {
        recipe.first_id = folder.role_ids[TL_ROLE_BOS];
        recipe.last_id = folder.role_ids[TL_ROLE_EOS];
        recipe.class_id = folder.role_ids[TL_ROLE_CLASS];
        recipe.pads_left = false;
        if (recipe.first_id < 0 || recipe.last_id < 0 || recipe.class_id < 0 || recipe.pad_id < 0) {
            tl_fail(err, TL_ERROR_CORRUPT, "model '%s': expected bos, eos, pad and cls tokens for the mode 'clips', found fewer",
                    directory);
            goto done;
        }
    }
    ok = finish_published(&folder, &recipe, out, err);
done:
    clear_published(&folder);
    return ok;
}

static bool open_open_clip(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    tl_json *config;
    open_clip_settings settings;
    bool ok = read_config(directory, "open_clip_config.json", &config, err);
    if (ok) {
        ok = read_open_clip(config, &settings, err);
        if (!ok)
            tl_fail_within(err, "'%s/open_clip_config.json'", directory);
    }
    tl_json_free(config);
    return ok && (settings.is_simple ? open_simple : open_wrapped)(directory, &settings, context_length, out, err);
}

/* Whether config.json says that the model was trained here, or there is a tokenizer.model and nothing that says otherwise. */
static bool is_own(const char *directory, bool *out, tl_error *err)
{
    tl_json *config;
    if (!read_config(directory, "config.json", &config, err))
        return false;
    *out = config != NULL ? strcmp(tl_json_text_or(config, "model_type", ""), "twinlens") == 0
                          : has_file(directory, "tokenizer.model") && !has_file(directory, "open_clip_config.json") &&
                                !has_file(directory, "tokenizer_config.json");
    tl_json_free(config);
    return true;
}

/* A folder of somebody else's framework. */
static bool open_dialect(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    bool has_open_clip = has_file(directory, "open_clip_config.json");
    bool is_open_clip =
        has_open_clip && (has_file(directory, "open_clip_model.safetensors") || !has_file(directory, "config.json"));
    return (is_open_clip ? open_open_clip : open_transformers)(directory, context_length, out, err);
}

bool tl_tokenizer_open_folder(const char *directory, size_t context_length, tl_tokenizer **out, tl_error *err)
{
    bool own;
    if (!is_own(directory, &own, err))
        return false;
    if (own) {
        const tl_tokenizer_options options = {.context_length = context_length};
        const bool is_published = is_folder(directory, "tokenizer");
        char *path = tl_path_join(directory, is_published ? "tokenizer" : "tokenizer.model", err);
        bool ok = path != NULL &&
                  (is_published ? open_dialect(path, context_length, out, err) : tl_tokenizer_open(path, &options, out, err));
        tl_memory_free(path);
        return ok;
    }
    return open_dialect(directory, context_length, out, err);
}
